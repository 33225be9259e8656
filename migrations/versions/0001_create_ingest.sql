-- One context written by two roles: the batch producer plans, the ingestor counts.
-- Lock order everywhere: store, ledger keys, batches, runs, each sorted.

CREATE SCHEMA ingest;
CREATE SCHEMA raw;
CREATE SCHEMA clean;
CREATE SCHEMA status;

-- Planning, reset: LOCK TABLE IN EXCLUSIVE MODE. Storing, cleaning: the row FOR SHARE, which queues behind it.
CREATE TABLE ingest.store (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    generation integer NOT NULL DEFAULT 1 CHECK (generation >= 1),
    split_rule text NOT NULL DEFAULT 's0 60/20/20',
    reset_at timestamptz
);
INSERT INTO ingest.store DEFAULT VALUES;

CREATE TABLE ingest.datasets (
    dataset_no smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset_id uuid NOT NULL UNIQUE,
    file_sha256 text NOT NULL,
    rows integer NOT NULL CHECK (rows > 0),
    planned_at timestamptz NOT NULL DEFAULT now()
);

-- What each chunk must hash to. A chunk's bytes do not depend on the generation.
CREATE TABLE ingest.planned_chunks (
    dataset_no smallint NOT NULL REFERENCES ingest.datasets,
    split text NOT NULL CHECK (split IN ('train', 'validation', 'test')),
    batch integer NOT NULL CHECK (batch >= 0),
    chunk integer NOT NULL CHECK (chunk >= 0),
    first_row integer NOT NULL CHECK (first_row >= 0),
    rows integer NOT NULL CHECK (rows BETWEEN 1 AND 500),
    sha256 text NOT NULL,
    PRIMARY KEY (dataset_no, split, batch, chunk)
);

CREATE TABLE ingest.batches (
    generation integer NOT NULL,
    dataset_no smallint NOT NULL,
    split text NOT NULL,
    batch integer NOT NULL,
    planned_rows integer NOT NULL CHECK (planned_rows BETWEEN 1 AND 15000),
    state text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'stored', 'clean', 'failed')),
    published integer NOT NULL DEFAULT 0 CHECK (published BETWEEN 0 AND planned_rows),
    stored integer NOT NULL DEFAULT 0 CHECK (stored >= 0),
    duplicate integer NOT NULL DEFAULT 0 CHECK (duplicate >= 0),
    quarantined integer NOT NULL DEFAULT 0 CHECK (quarantined >= 0),
    discarded integer NOT NULL DEFAULT 0 CHECK (discarded >= 0),
    failed_reason text,
    failed_detail text,
    sha256 text,
    planned_at timestamptz NOT NULL DEFAULT now(),
    stored_at timestamptz,
    clean_at timestamptz,
    PRIMARY KEY (generation, dataset_no, split, batch),
    CONSTRAINT every_published_row_has_one_outcome CHECK (published = stored + duplicate + quarantined + discarded),
    CONSTRAINT stored_is_full CHECK (state NOT IN ('stored', 'clean') OR published = planned_rows),
    CONSTRAINT clean_has_a_hash CHECK ((state = 'clean') = (sha256 IS NOT NULL)),
    CONSTRAINT failed_has_a_reason CHECK ((state = 'failed') = (failed_reason IS NOT NULL))
);

-- The ledger. Its key is the dedupe gate and the fence against a zombie: who gets the row back does the work.
-- No foreign key: it would lock batches before their turn in the lock order.
CREATE TABLE ingest.chunks (
    generation integer NOT NULL,
    dataset_no smallint NOT NULL,
    split text NOT NULL,
    batch integer NOT NULL,
    chunk integer NOT NULL,
    rows integer NOT NULL,
    sha256 text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (generation, dataset_no, split, batch, chunk)
);

CREATE TABLE ingest.runs (
    run_id uuid PRIMARY KEY,
    command_id uuid NOT NULL UNIQUE,
    generation integer NOT NULL,
    dataset_no smallint NOT NULL REFERENCES ingest.datasets,
    requested jsonb NOT NULL,
    then_do text NOT NULL CHECK (then_do IN ('nothing', 'train', 'train_and_promote')),
    state text NOT NULL DEFAULT 'planned' CHECK (state IN ('planned', 'streaming', 'completed', 'cancelled', 'failed')),
    reason text,
    detail text,
    planned_at timestamptz NOT NULL DEFAULT now(),
    streaming_at timestamptz,
    sent_at timestamptz,
    finished_at timestamptz,
    lease_owner text,
    lease_until timestamptz,
    attempt integer NOT NULL DEFAULT 0,
    CONSTRAINT finished_has_a_time CHECK ((state IN ('completed', 'cancelled', 'failed')) = (finished_at IS NOT NULL))
);

CREATE TABLE ingest.run_batches (
    run_id uuid NOT NULL REFERENCES ingest.runs,
    generation integer NOT NULL,
    dataset_no smallint NOT NULL,
    split text NOT NULL,
    batch integer NOT NULL,
    PRIMARY KEY (run_id, dataset_no, split, batch)
);
CREATE INDEX run_batches_by_batch ON ingest.run_batches (generation, dataset_no, split, batch);

-- A row that can't be stored, as it came, with the rule it broke and where it was.
CREATE TABLE ingest.quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    generation integer NOT NULL,
    dataset_no smallint NOT NULL,
    split text NOT NULL,
    batch integer NOT NULL,
    row_no integer NOT NULL,
    reason text NOT NULL,
    field text,
    value text,
    line bytea NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'repaired', 'discarded', 'accepted')),
    recorded_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (generation, dataset_no, split, row_no)
);

-- Rows whose encounter already stands in the same table with the same content.
CREATE TABLE ingest.duplicates (
    dataset_no smallint NOT NULL,
    split text NOT NULL,
    batch integer NOT NULL,
    row_no integer NOT NULL,
    encounter_id integer NOT NULL,
    first_dataset_no smallint NOT NULL,
    first_row_no integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset_no, split, row_no)
);

-- What a person decided about a quarantined row; append only.
CREATE TABLE ingest.decisions (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    quarantine_id bigint NOT NULL REFERENCES ingest.quarantine,
    command_id uuid NOT NULL UNIQUE,
    decision text NOT NULL CHECK (decision IN ('repaired', 'discarded', 'accepted')),
    actor text NOT NULL,
    reason text NOT NULL,
    new_line bytea,
    decided_at timestamptz NOT NULL DEFAULT now()
);

-- The store: raw as in the file, clean typed. Written from readmit_contracts.tables; a test keeps them equal.

CREATE TABLE raw.train (
    dataset_no smallint NOT NULL,
    row_no integer NOT NULL,
    encounter_id integer NOT NULL,
    patient_nbr integer NOT NULL,
    race text NOT NULL,
    gender text NOT NULL,
    age text NOT NULL,
    weight text NOT NULL,
    admission_type_id smallint NOT NULL,
    discharge_disposition_id smallint NOT NULL,
    admission_source_id smallint NOT NULL,
    time_in_hospital smallint NOT NULL,
    payer_code text NOT NULL,
    medical_specialty text NOT NULL,
    num_lab_procedures smallint NOT NULL,
    num_procedures smallint NOT NULL,
    num_medications smallint NOT NULL,
    number_outpatient smallint NOT NULL,
    number_emergency smallint NOT NULL,
    number_inpatient smallint NOT NULL,
    diag_1 text NOT NULL,
    diag_2 text NOT NULL,
    diag_3 text NOT NULL,
    number_diagnoses smallint NOT NULL,
    max_glu_serum text NOT NULL,
    a1c_result text NOT NULL,
    metformin text NOT NULL,
    repaglinide text NOT NULL,
    nateglinide text NOT NULL,
    chlorpropamide text NOT NULL,
    glimepiride text NOT NULL,
    acetohexamide text NOT NULL,
    glipizide text NOT NULL,
    glyburide text NOT NULL,
    tolbutamide text NOT NULL,
    pioglitazone text NOT NULL,
    rosiglitazone text NOT NULL,
    acarbose text NOT NULL,
    miglitol text NOT NULL,
    troglitazone text NOT NULL,
    tolazamide text NOT NULL,
    examide text NOT NULL,
    citoglipton text NOT NULL,
    insulin text NOT NULL,
    glyburide_metformin text NOT NULL,
    glipizide_metformin text NOT NULL,
    glimepiride_pioglitazone text NOT NULL,
    metformin_rosiglitazone text NOT NULL,
    metformin_pioglitazone text NOT NULL,
    change text NOT NULL,
    diabetes_med text NOT NULL,
    readmitted text NOT NULL,
    PRIMARY KEY (encounter_id)
);

CREATE INDEX train_rows ON raw.train USING brin (dataset_no, row_no) WITH (pages_per_range = 16, autosummarize);

CREATE TABLE raw.validation (
    dataset_no smallint NOT NULL,
    row_no integer NOT NULL,
    encounter_id integer NOT NULL,
    patient_nbr integer NOT NULL,
    race text NOT NULL,
    gender text NOT NULL,
    age text NOT NULL,
    weight text NOT NULL,
    admission_type_id smallint NOT NULL,
    discharge_disposition_id smallint NOT NULL,
    admission_source_id smallint NOT NULL,
    time_in_hospital smallint NOT NULL,
    payer_code text NOT NULL,
    medical_specialty text NOT NULL,
    num_lab_procedures smallint NOT NULL,
    num_procedures smallint NOT NULL,
    num_medications smallint NOT NULL,
    number_outpatient smallint NOT NULL,
    number_emergency smallint NOT NULL,
    number_inpatient smallint NOT NULL,
    diag_1 text NOT NULL,
    diag_2 text NOT NULL,
    diag_3 text NOT NULL,
    number_diagnoses smallint NOT NULL,
    max_glu_serum text NOT NULL,
    a1c_result text NOT NULL,
    metformin text NOT NULL,
    repaglinide text NOT NULL,
    nateglinide text NOT NULL,
    chlorpropamide text NOT NULL,
    glimepiride text NOT NULL,
    acetohexamide text NOT NULL,
    glipizide text NOT NULL,
    glyburide text NOT NULL,
    tolbutamide text NOT NULL,
    pioglitazone text NOT NULL,
    rosiglitazone text NOT NULL,
    acarbose text NOT NULL,
    miglitol text NOT NULL,
    troglitazone text NOT NULL,
    tolazamide text NOT NULL,
    examide text NOT NULL,
    citoglipton text NOT NULL,
    insulin text NOT NULL,
    glyburide_metformin text NOT NULL,
    glipizide_metformin text NOT NULL,
    glimepiride_pioglitazone text NOT NULL,
    metformin_rosiglitazone text NOT NULL,
    metformin_pioglitazone text NOT NULL,
    change text NOT NULL,
    diabetes_med text NOT NULL,
    readmitted text NOT NULL,
    PRIMARY KEY (encounter_id)
);

CREATE INDEX validation_rows ON raw.validation USING brin (dataset_no, row_no) WITH (pages_per_range = 16, autosummarize);

CREATE TABLE raw.test (
    dataset_no smallint NOT NULL,
    row_no integer NOT NULL,
    encounter_id integer NOT NULL,
    patient_nbr integer NOT NULL,
    race text NOT NULL,
    gender text NOT NULL,
    age text NOT NULL,
    weight text NOT NULL,
    admission_type_id smallint NOT NULL,
    discharge_disposition_id smallint NOT NULL,
    admission_source_id smallint NOT NULL,
    time_in_hospital smallint NOT NULL,
    payer_code text NOT NULL,
    medical_specialty text NOT NULL,
    num_lab_procedures smallint NOT NULL,
    num_procedures smallint NOT NULL,
    num_medications smallint NOT NULL,
    number_outpatient smallint NOT NULL,
    number_emergency smallint NOT NULL,
    number_inpatient smallint NOT NULL,
    diag_1 text NOT NULL,
    diag_2 text NOT NULL,
    diag_3 text NOT NULL,
    number_diagnoses smallint NOT NULL,
    max_glu_serum text NOT NULL,
    a1c_result text NOT NULL,
    metformin text NOT NULL,
    repaglinide text NOT NULL,
    nateglinide text NOT NULL,
    chlorpropamide text NOT NULL,
    glimepiride text NOT NULL,
    acetohexamide text NOT NULL,
    glipizide text NOT NULL,
    glyburide text NOT NULL,
    tolbutamide text NOT NULL,
    pioglitazone text NOT NULL,
    rosiglitazone text NOT NULL,
    acarbose text NOT NULL,
    miglitol text NOT NULL,
    troglitazone text NOT NULL,
    tolazamide text NOT NULL,
    examide text NOT NULL,
    citoglipton text NOT NULL,
    insulin text NOT NULL,
    glyburide_metformin text NOT NULL,
    glipizide_metformin text NOT NULL,
    glimepiride_pioglitazone text NOT NULL,
    metformin_rosiglitazone text NOT NULL,
    metformin_pioglitazone text NOT NULL,
    change text NOT NULL,
    diabetes_med text NOT NULL,
    readmitted text NOT NULL,
    PRIMARY KEY (encounter_id)
);

CREATE INDEX test_rows ON raw.test USING brin (dataset_no, row_no) WITH (pages_per_range = 16, autosummarize);

CREATE TABLE clean.train (
    dataset_no smallint NOT NULL,
    row_no integer NOT NULL,
    encounter_id integer NOT NULL,
    patient_nbr integer NOT NULL,
    race text,
    gender text,
    age smallint NOT NULL,
    weight smallint,
    admission_type_id smallint NOT NULL,
    discharge_disposition_id smallint NOT NULL,
    admission_source_id smallint NOT NULL,
    time_in_hospital smallint NOT NULL,
    payer_code text,
    medical_specialty text,
    num_lab_procedures smallint NOT NULL,
    num_procedures smallint NOT NULL,
    num_medications smallint NOT NULL,
    number_outpatient smallint NOT NULL,
    number_emergency smallint NOT NULL,
    number_inpatient smallint NOT NULL,
    diag_1 text,
    diag_2 text,
    diag_3 text,
    number_diagnoses smallint NOT NULL,
    max_glu_serum text,
    a1c_result text,
    metformin text NOT NULL,
    repaglinide text NOT NULL,
    nateglinide text NOT NULL,
    chlorpropamide text NOT NULL,
    glimepiride text NOT NULL,
    acetohexamide text NOT NULL,
    glipizide text NOT NULL,
    glyburide text NOT NULL,
    tolbutamide text NOT NULL,
    pioglitazone text NOT NULL,
    rosiglitazone text NOT NULL,
    acarbose text NOT NULL,
    miglitol text NOT NULL,
    troglitazone text NOT NULL,
    tolazamide text NOT NULL,
    examide text NOT NULL,
    citoglipton text NOT NULL,
    insulin text NOT NULL,
    glyburide_metformin text NOT NULL,
    glipizide_metformin text NOT NULL,
    glimepiride_pioglitazone text NOT NULL,
    metformin_rosiglitazone text NOT NULL,
    metformin_pioglitazone text NOT NULL,
    change boolean NOT NULL,
    diabetes_med boolean NOT NULL,
    readmitted text NOT NULL,
    readmitted_within_30_days boolean NOT NULL,
    PRIMARY KEY (encounter_id)
);

CREATE INDEX train_rows ON clean.train USING brin (dataset_no, row_no) WITH (pages_per_range = 16, autosummarize);

CREATE TABLE clean.validation (
    dataset_no smallint NOT NULL,
    row_no integer NOT NULL,
    encounter_id integer NOT NULL,
    patient_nbr integer NOT NULL,
    race text,
    gender text,
    age smallint NOT NULL,
    weight smallint,
    admission_type_id smallint NOT NULL,
    discharge_disposition_id smallint NOT NULL,
    admission_source_id smallint NOT NULL,
    time_in_hospital smallint NOT NULL,
    payer_code text,
    medical_specialty text,
    num_lab_procedures smallint NOT NULL,
    num_procedures smallint NOT NULL,
    num_medications smallint NOT NULL,
    number_outpatient smallint NOT NULL,
    number_emergency smallint NOT NULL,
    number_inpatient smallint NOT NULL,
    diag_1 text,
    diag_2 text,
    diag_3 text,
    number_diagnoses smallint NOT NULL,
    max_glu_serum text,
    a1c_result text,
    metformin text NOT NULL,
    repaglinide text NOT NULL,
    nateglinide text NOT NULL,
    chlorpropamide text NOT NULL,
    glimepiride text NOT NULL,
    acetohexamide text NOT NULL,
    glipizide text NOT NULL,
    glyburide text NOT NULL,
    tolbutamide text NOT NULL,
    pioglitazone text NOT NULL,
    rosiglitazone text NOT NULL,
    acarbose text NOT NULL,
    miglitol text NOT NULL,
    troglitazone text NOT NULL,
    tolazamide text NOT NULL,
    examide text NOT NULL,
    citoglipton text NOT NULL,
    insulin text NOT NULL,
    glyburide_metformin text NOT NULL,
    glipizide_metformin text NOT NULL,
    glimepiride_pioglitazone text NOT NULL,
    metformin_rosiglitazone text NOT NULL,
    metformin_pioglitazone text NOT NULL,
    change boolean NOT NULL,
    diabetes_med boolean NOT NULL,
    readmitted text NOT NULL,
    readmitted_within_30_days boolean NOT NULL,
    PRIMARY KEY (encounter_id)
);

CREATE INDEX validation_rows ON clean.validation USING brin (dataset_no, row_no) WITH (pages_per_range = 16, autosummarize);

CREATE TABLE clean.test (
    dataset_no smallint NOT NULL,
    row_no integer NOT NULL,
    encounter_id integer NOT NULL,
    patient_nbr integer NOT NULL,
    race text,
    gender text,
    age smallint NOT NULL,
    weight smallint,
    admission_type_id smallint NOT NULL,
    discharge_disposition_id smallint NOT NULL,
    admission_source_id smallint NOT NULL,
    time_in_hospital smallint NOT NULL,
    payer_code text,
    medical_specialty text,
    num_lab_procedures smallint NOT NULL,
    num_procedures smallint NOT NULL,
    num_medications smallint NOT NULL,
    number_outpatient smallint NOT NULL,
    number_emergency smallint NOT NULL,
    number_inpatient smallint NOT NULL,
    diag_1 text,
    diag_2 text,
    diag_3 text,
    number_diagnoses smallint NOT NULL,
    max_glu_serum text,
    a1c_result text,
    metformin text NOT NULL,
    repaglinide text NOT NULL,
    nateglinide text NOT NULL,
    chlorpropamide text NOT NULL,
    glimepiride text NOT NULL,
    acetohexamide text NOT NULL,
    glipizide text NOT NULL,
    glyburide text NOT NULL,
    tolbutamide text NOT NULL,
    pioglitazone text NOT NULL,
    rosiglitazone text NOT NULL,
    acarbose text NOT NULL,
    miglitol text NOT NULL,
    troglitazone text NOT NULL,
    tolazamide text NOT NULL,
    examide text NOT NULL,
    citoglipton text NOT NULL,
    insulin text NOT NULL,
    glyburide_metformin text NOT NULL,
    glipizide_metformin text NOT NULL,
    glimepiride_pioglitazone text NOT NULL,
    metformin_rosiglitazone text NOT NULL,
    metformin_pioglitazone text NOT NULL,
    change boolean NOT NULL,
    diabetes_med boolean NOT NULL,
    readmitted text NOT NULL,
    readmitted_within_30_days boolean NOT NULL,
    PRIMARY KEY (encounter_id)
);

CREATE INDEX test_rows ON clean.test USING brin (dataset_no, row_no) WITH (pages_per_range = 16, autosummarize);

-- Rows that an accepted correction replaced.
CREATE TABLE raw.superseded (
    split text NOT NULL CHECK (split IN ('train', 'validation', 'test')),
    decision_id bigint NOT NULL REFERENCES ingest.decisions,
    superseded_at timestamptz NOT NULL DEFAULT now(),
    LIKE raw.train,
    PRIMARY KEY (decision_id)
);

CREATE TABLE ingest.inbox (
    consumer text NOT NULL,
    command_id uuid NOT NULL,
    command_type text NOT NULL,
    value_sha256 text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('accepted', 'applied', 'rejected')),
    reason text,
    detail text,
    subject text,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, command_id)
);

CREATE TABLE ingest.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    topic text NOT NULL,
    key bytea NOT NULL,
    value bytea,
    header_names text[] NOT NULL,
    header_values bytea[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);
CREATE INDEX outbox_waiting ON ingest.outbox (id) WHERE published_at IS NULL;

CREATE VIEW ingest.batch_refs AS
SELECT b.generation, b.dataset_no, b.split, b.batch, b.state,
       jsonb_build_object('dataset_id', d.dataset_id, 'dataset_no', b.dataset_no, 'split', b.split,
                          'batch', b.batch, 'rows', b.stored, 'sha256', b.sha256) AS ref
FROM ingest.batches b JOIN ingest.datasets d USING (dataset_no);

-- Complete those of the candidates whose every batch is clean; give back the event of each, ready for the outbox.
-- Two statements on purpose: the count must see what the runs' locks waited for.
-- The training set is every batch of the store that is clean now; cleaning is serial, so the list is exact.
CREATE FUNCTION ingest.complete_runs(candidates uuid[]) RETURNS TABLE (run_id uuid, event jsonb)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM ingest.runs r WHERE r.run_id = ANY (candidates) ORDER BY r.run_id FOR UPDATE;
    RETURN QUERY
    WITH completed AS (
        UPDATE ingest.runs r SET state = 'completed', finished_at = now(), lease_owner = NULL, lease_until = NULL
        WHERE r.run_id = ANY (candidates) AND r.state IN ('planned', 'streaming')
          AND NOT EXISTS (
              SELECT FROM ingest.run_batches w JOIN ingest.batches b USING (generation, dataset_no, split, batch)
              WHERE w.run_id = r.run_id AND b.state <> 'clean')
        RETURNING r.*
    )
    SELECT c.run_id, jsonb_build_object(
        'run_id', c.run_id, 'command_id', c.command_id, 'generation', c.generation,
        'dataset_id', d.dataset_id, 'dataset_no', c.dataset_no, 'then', c.then_do,
        'run_batches', coalesce((
            SELECT jsonb_agg(s.ref ORDER BY s.split, s.batch)
            FROM ingest.run_batches w JOIN ingest.batch_refs s USING (generation, dataset_no, split, batch)
            WHERE w.run_id = c.run_id), '[]'),
        'training_set', coalesce((
            SELECT jsonb_agg(s.ref ORDER BY s.dataset_no, s.split, s.batch)
            FROM ingest.batch_refs s WHERE s.generation = c.generation AND s.state = 'clean'), '[]'))
    FROM completed c JOIN ingest.datasets d USING (dataset_no)
    ORDER BY c.run_id;
END $$;

-- Fail the active runs that want any failed batch; give back each with the reason, for its event.
CREATE FUNCTION ingest.fail_runs(candidates uuid[]) RETURNS SETOF ingest.runs
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM ingest.runs r WHERE r.run_id = ANY (candidates) ORDER BY r.run_id FOR UPDATE;
    RETURN QUERY
    UPDATE ingest.runs r SET state = 'failed', finished_at = now(), lease_owner = NULL, lease_until = NULL,
                             reason = f.failed_reason, detail = f.what
    FROM (
        SELECT DISTINCT ON (w.run_id) w.run_id, b.failed_reason,
               format('batch %s of %s: %s', b.batch, b.split, b.failed_detail) AS what
        FROM ingest.run_batches w JOIN ingest.batches b USING (generation, dataset_no, split, batch)
        WHERE w.run_id = ANY (candidates) AND b.state = 'failed'
        ORDER BY w.run_id, b.split, b.batch
    ) f
    WHERE r.run_id = f.run_id AND r.state IN ('planned', 'streaming')
    RETURNING r.*;
END $$;

-- Status: what operators, Airflow and the CLI read; nothing else is open to them.
CREATE VIEW status.schema AS SELECT version_num AS revision FROM public.alembic_version;

CREATE VIEW status.store AS SELECT generation, split_rule, reset_at FROM ingest.store;

CREATE VIEW status.commands AS
SELECT command_id, consumer, command_type, outcome, reason, detail, subject, recorded_at FROM ingest.inbox;

CREATE VIEW status.batches AS
SELECT b.generation, d.dataset_id, b.dataset_no, b.split, b.batch, b.state, b.planned_rows, b.published,
       b.planned_rows - b.published AS missing, b.stored, b.duplicate, b.quarantined, b.discarded,
       b.failed_reason AS reason, b.failed_detail AS detail, b.sha256, b.planned_at, b.stored_at, b.clean_at
FROM ingest.batches b JOIN ingest.datasets d USING (dataset_no);

CREATE VIEW status.run_batches AS
SELECT w.run_id, w.generation, d.dataset_id, w.split, w.batch
FROM ingest.run_batches w JOIN ingest.datasets d USING (dataset_no);

CREATE VIEW status.runs AS
SELECT r.run_id, r.command_id, r.generation, d.dataset_id, r.requested, r.then_do AS "then", r.state, r.reason, r.detail,
       t.batches, t.clean_batches, t.planned_rows, t.published, t.planned_rows - t.published AS missing,
       t.stored, t.duplicate, t.quarantined, t.discarded,
       r.planned_at, r.streaming_at, r.sent_at, r.finished_at
FROM ingest.runs r JOIN ingest.datasets d USING (dataset_no)
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS batches, (count(*) FILTER (WHERE b.state = 'clean'))::integer AS clean_batches,
           coalesce(sum(b.planned_rows), 0)::integer AS planned_rows, coalesce(sum(b.published), 0)::integer AS published,
           coalesce(sum(b.stored), 0)::integer AS stored, coalesce(sum(b.duplicate), 0)::integer AS duplicate,
           coalesce(sum(b.quarantined), 0)::integer AS quarantined, coalesce(sum(b.discarded), 0)::integer AS discarded
    FROM ingest.run_batches w JOIN ingest.batches b USING (generation, dataset_no, split, batch)
    WHERE w.run_id = r.run_id
) t;

CREATE VIEW status.tables AS
SELECT 'raw.train' AS table_name, count(*) AS rows FROM raw.train
UNION ALL SELECT 'raw.validation', count(*) FROM raw.validation
UNION ALL SELECT 'raw.test', count(*) FROM raw.test
UNION ALL SELECT 'clean.train', count(*) FROM clean.train
UNION ALL SELECT 'clean.validation', count(*) FROM clean.validation
UNION ALL SELECT 'clean.test', count(*) FROM clean.test;

-- Grants: a service may do what it is for, and no more. Locking a row FOR SHARE needs UPDATE on one column.
GRANT USAGE ON SCHEMA ingest, raw, clean TO readmit_batch_producer, readmit_ingestor, readmit_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA ingest, raw, clean TO readmit_auditor;

GRANT SELECT ON ingest.store, ingest.datasets, ingest.planned_chunks, ingest.batches, ingest.batch_refs, ingest.chunks,
                ingest.runs, ingest.run_batches TO readmit_batch_producer, readmit_ingestor;
GRANT SELECT, INSERT, UPDATE (published_at) ON ingest.outbox TO readmit_batch_producer, readmit_ingestor;
GRANT EXECUTE ON FUNCTION ingest.complete_runs, ingest.fail_runs TO readmit_batch_producer, readmit_ingestor;
GRANT UPDATE (state, reason, detail, finished_at, lease_owner, lease_until) ON ingest.runs
    TO readmit_batch_producer, readmit_ingestor;

-- On the whole table, as locking it demands.
GRANT UPDATE ON ingest.store TO readmit_batch_producer;
GRANT SELECT, INSERT, UPDATE (outcome, reason, detail, subject) ON ingest.inbox TO readmit_batch_producer;
GRANT UPDATE (streaming_at, sent_at, attempt) ON ingest.runs TO readmit_batch_producer;
GRANT UPDATE (state, failed_reason, failed_detail, stored_at) ON ingest.batches TO readmit_batch_producer;
GRANT INSERT ON ingest.datasets, ingest.planned_chunks, ingest.batches, ingest.runs, ingest.run_batches TO readmit_batch_producer;
GRANT TRUNCATE ON ingest.chunks, ingest.duplicates, raw.train, raw.validation, raw.test,
                  clean.train, clean.validation, clean.test TO readmit_batch_producer;

GRANT UPDATE (id) ON ingest.store TO readmit_ingestor;
GRANT UPDATE (state, published, stored, duplicate, quarantined, failed_reason, failed_detail, sha256, stored_at, clean_at)
    ON ingest.batches TO readmit_ingestor;
GRANT INSERT ON ingest.chunks TO readmit_ingestor;
GRANT SELECT, INSERT ON ingest.quarantine, ingest.duplicates TO readmit_ingestor;
GRANT SELECT, INSERT, DELETE ON raw.train, raw.validation, raw.test, clean.train, clean.validation, clean.test TO readmit_ingestor;

GRANT USAGE ON SCHEMA status TO readmit_reader, readmit_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA status TO readmit_reader, readmit_auditor;
