-- The schema behind all migrations, as pg_dump of PostgreSQL 15 shows it; a test keeps it equal.

CREATE SCHEMA clean;

CREATE SCHEMA ingest;

CREATE SCHEMA predictions;

CREATE SCHEMA raw;

CREATE SCHEMA status;

CREATE SCHEMA training;

CREATE FUNCTION ingest.complete_runs(candidates uuid[]) RETURNS TABLE(run_id uuid, event jsonb)
    LANGUAGE plpgsql
    AS $$
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

CREATE TABLE ingest.runs (
    run_id uuid NOT NULL,
    command_id uuid NOT NULL,
    generation integer NOT NULL,
    dataset_no smallint NOT NULL,
    requested jsonb NOT NULL,
    then_do text NOT NULL,
    state text DEFAULT 'planned'::text NOT NULL,
    reason text,
    detail text,
    planned_at timestamp with time zone DEFAULT now() NOT NULL,
    streaming_at timestamp with time zone,
    sent_at timestamp with time zone,
    finished_at timestamp with time zone,
    lease_owner text,
    lease_until timestamp with time zone,
    attempt integer DEFAULT 0 NOT NULL,
    traceparent text,
    CONSTRAINT finished_has_a_time CHECK (((state = ANY (ARRAY['completed'::text, 'cancelled'::text, 'failed'::text])) = (finished_at IS NOT NULL))),
    CONSTRAINT runs_state_check CHECK ((state = ANY (ARRAY['planned'::text, 'streaming'::text, 'completed'::text, 'cancelled'::text, 'failed'::text]))),
    CONSTRAINT runs_then_do_check CHECK ((then_do = ANY (ARRAY['nothing'::text, 'train'::text, 'train_and_promote'::text])))
);

CREATE FUNCTION ingest.fail_runs(candidates uuid[]) RETURNS SETOF ingest.runs
    LANGUAGE plpgsql
    AS $$
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
    readmitted_within_30_days boolean NOT NULL
);

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
    readmitted_within_30_days boolean NOT NULL
);

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
    readmitted_within_30_days boolean NOT NULL
);

CREATE TABLE ingest.batches (
    generation integer NOT NULL,
    dataset_no smallint NOT NULL,
    split text NOT NULL,
    batch integer NOT NULL,
    planned_rows integer NOT NULL,
    state text DEFAULT 'planned'::text NOT NULL,
    published integer DEFAULT 0 NOT NULL,
    stored integer DEFAULT 0 NOT NULL,
    duplicate integer DEFAULT 0 NOT NULL,
    quarantined integer DEFAULT 0 NOT NULL,
    discarded integer DEFAULT 0 NOT NULL,
    failed_reason text,
    failed_detail text,
    sha256 text,
    planned_at timestamp with time zone DEFAULT now() NOT NULL,
    stored_at timestamp with time zone,
    clean_at timestamp with time zone,
    CONSTRAINT batches_check CHECK (((published >= 0) AND (published <= planned_rows))),
    CONSTRAINT batches_discarded_check CHECK ((discarded >= 0)),
    CONSTRAINT batches_duplicate_check CHECK ((duplicate >= 0)),
    CONSTRAINT batches_planned_rows_check CHECK (((planned_rows >= 1) AND (planned_rows <= 15000))),
    CONSTRAINT batches_quarantined_check CHECK ((quarantined >= 0)),
    CONSTRAINT batches_state_check CHECK ((state = ANY (ARRAY['planned'::text, 'stored'::text, 'clean'::text, 'failed'::text]))),
    CONSTRAINT batches_stored_check CHECK ((stored >= 0)),
    CONSTRAINT clean_has_a_hash CHECK (((state = 'clean'::text) = (sha256 IS NOT NULL))),
    CONSTRAINT every_published_row_has_one_outcome CHECK ((published = (((stored + duplicate) + quarantined) + discarded))),
    CONSTRAINT failed_has_a_reason CHECK (((state = 'failed'::text) = (failed_reason IS NOT NULL))),
    CONSTRAINT stored_is_full CHECK (((state <> ALL (ARRAY['stored'::text, 'clean'::text])) OR (published = planned_rows)))
);

CREATE TABLE ingest.datasets (
    dataset_no smallint NOT NULL,
    dataset_id uuid NOT NULL,
    file_sha256 text NOT NULL,
    rows integer NOT NULL,
    planned_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT datasets_rows_check CHECK ((rows > 0))
);

CREATE VIEW ingest.batch_refs AS
 SELECT b.generation,
    b.dataset_no,
    b.split,
    b.batch,
    b.state,
    jsonb_build_object('dataset_id', d.dataset_id, 'dataset_no', b.dataset_no, 'split', b.split, 'batch', b.batch, 'rows', b.stored, 'sha256', b.sha256) AS ref
   FROM (ingest.batches b
     JOIN ingest.datasets d USING (dataset_no));

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
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ingest.datasets ALTER COLUMN dataset_no ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ingest.datasets_dataset_no_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ingest.decisions (
    decision_id bigint NOT NULL,
    quarantine_id bigint NOT NULL,
    command_id uuid NOT NULL,
    decision text NOT NULL,
    actor text NOT NULL,
    reason text NOT NULL,
    new_line bytea,
    decided_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT decisions_decision_check CHECK ((decision = ANY (ARRAY['repaired'::text, 'discarded'::text, 'accepted'::text])))
);

ALTER TABLE ingest.decisions ALTER COLUMN decision_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ingest.decisions_decision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ingest.duplicates (
    dataset_no smallint NOT NULL,
    split text NOT NULL,
    batch integer NOT NULL,
    row_no integer NOT NULL,
    encounter_id integer NOT NULL,
    first_dataset_no smallint NOT NULL,
    first_row_no integer NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE ingest.inbox (
    consumer text NOT NULL,
    command_id uuid NOT NULL,
    command_type text NOT NULL,
    value_sha256 text NOT NULL,
    outcome text NOT NULL,
    reason text,
    detail text,
    subject text,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT inbox_outcome_check CHECK ((outcome = ANY (ARRAY['accepted'::text, 'applied'::text, 'rejected'::text])))
);

CREATE TABLE ingest.outbox (
    id bigint NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key bytea NOT NULL,
    value bytea,
    header_names text[] NOT NULL,
    header_values bytea[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    published_at timestamp with time zone
);

ALTER TABLE ingest.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ingest.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ingest.planned_chunks (
    dataset_no smallint NOT NULL,
    split text NOT NULL,
    batch integer NOT NULL,
    chunk integer NOT NULL,
    first_row integer NOT NULL,
    rows integer NOT NULL,
    sha256 text NOT NULL,
    CONSTRAINT planned_chunks_batch_check CHECK ((batch >= 0)),
    CONSTRAINT planned_chunks_chunk_check CHECK ((chunk >= 0)),
    CONSTRAINT planned_chunks_first_row_check CHECK ((first_row >= 0)),
    CONSTRAINT planned_chunks_rows_check CHECK (((rows >= 1) AND (rows <= 500))),
    CONSTRAINT planned_chunks_split_check CHECK ((split = ANY (ARRAY['train'::text, 'validation'::text, 'test'::text])))
);

CREATE TABLE ingest.quarantine (
    quarantine_id bigint NOT NULL,
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
    state text DEFAULT 'open'::text NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT quarantine_state_check CHECK ((state = ANY (ARRAY['open'::text, 'repaired'::text, 'discarded'::text, 'accepted'::text])))
);

ALTER TABLE ingest.quarantine ALTER COLUMN quarantine_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME ingest.quarantine_quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE ingest.run_batches (
    run_id uuid NOT NULL,
    generation integer NOT NULL,
    dataset_no smallint NOT NULL,
    split text NOT NULL,
    batch integer NOT NULL
);

CREATE TABLE ingest.store (
    id smallint DEFAULT 1 NOT NULL,
    generation integer DEFAULT 1 NOT NULL,
    split_rule text DEFAULT 's0 60/20/20'::text NOT NULL,
    reset_at timestamp with time zone,
    CONSTRAINT store_generation_check CHECK ((generation >= 1)),
    CONSTRAINT store_id_check CHECK ((id = 1))
);

CREATE TABLE predictions.chunks (
    replica text NOT NULL,
    segment uuid NOT NULL,
    chunk integer NOT NULL,
    records integer NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE predictions.inputs (
    prediction_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    input text NOT NULL
);

CREATE TABLE predictions.predictions (
    prediction_id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    replica text NOT NULL,
    model text NOT NULL,
    model_id text NOT NULL,
    epoch bigint NOT NULL,
    probability double precision NOT NULL,
    decision text NOT NULL,
    threshold double precision NOT NULL,
    input_sha256 text NOT NULL,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT predictions_probability_check CHECK (((probability >= (0)::double precision) AND (probability <= (1)::double precision)))
);

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE raw.superseded (
    split text NOT NULL,
    decision_id bigint NOT NULL,
    superseded_at timestamp with time zone DEFAULT now() NOT NULL,
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
    CONSTRAINT superseded_split_check CHECK ((split = ANY (ARRAY['train'::text, 'validation'::text, 'test'::text])))
);

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
    readmitted text NOT NULL
);

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
    readmitted text NOT NULL
);

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
    readmitted text NOT NULL
);

CREATE VIEW status.batches AS
 SELECT b.generation,
    d.dataset_id,
    b.dataset_no,
    b.split,
    b.batch,
    b.state,
    b.planned_rows,
    b.published,
    (b.planned_rows - b.published) AS missing,
    b.stored,
    b.duplicate,
    b.quarantined,
    b.discarded,
    b.failed_reason AS reason,
    b.failed_detail AS detail,
    b.sha256,
    b.planned_at,
    b.stored_at,
    b.clean_at
   FROM (ingest.batches b
     JOIN ingest.datasets d USING (dataset_no));

CREATE TABLE training.replicas (
    replica text NOT NULL,
    model text NOT NULL,
    status text NOT NULL,
    epoch bigint,
    lineage uuid,
    model_id text,
    feature_versions integer[] NOT NULL,
    load_failure text,
    reported_at timestamp with time zone NOT NULL
);

CREATE VIEW status.replicas AS
 SELECT replicas.replica,
    replicas.model,
    replicas.status,
    replicas.epoch,
    replicas.lineage,
    replicas.model_id,
    replicas.feature_versions,
    replicas.load_failure,
    replicas.reported_at,
    ((replicas.reported_at > (now() - '00:00:15'::interval)) AND (replicas.status <> 'stopping'::text)) AS alive
   FROM training.replicas;

CREATE TABLE training.champions (
    model text NOT NULL,
    epoch bigint NOT NULL,
    model_id text NOT NULL,
    CONSTRAINT champions_epoch_check CHECK ((epoch >= 1))
);

CREATE TABLE training.lineage (
    id smallint DEFAULT 1 NOT NULL,
    lineage uuid DEFAULT gen_random_uuid() NOT NULL,
    CONSTRAINT lineage_id_check CHECK ((id = 1))
);

CREATE TABLE training.models (
    model_id text NOT NULL,
    model text NOT NULL,
    job_id uuid NOT NULL,
    feature_version integer NOT NULL,
    mlflow_run_id text,
    mlflow_version text,
    trained_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE training.promotions (
    model text NOT NULL,
    epoch bigint NOT NULL,
    model_id text NOT NULL,
    kind text NOT NULL,
    command_id uuid NOT NULL,
    decision_id bigint,
    replaces_epoch bigint,
    replaces_model_id text,
    actor text NOT NULL,
    reason text NOT NULL,
    promoted_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT promotions_kind_check CHECK ((kind = ANY (ARRAY['promotion'::text, 'rollback'::text])))
);

CREATE VIEW status.champions AS
 SELECT c.model,
    c.epoch,
    c.model_id,
    m.mlflow_version AS version,
    m.job_id,
    m.feature_version,
    p.kind,
    p.actor,
    p.reason,
    p.promoted_at,
    l.lineage,
    r.alive AS replicas_alive,
    r.converged AS replicas_converged,
        CASE
            WHEN (r.alive = 0) THEN 'waiting'::text
            WHEN (r.converged = r.alive) THEN 'converged'::text
            ELSE 'converging'::text
        END AS convergence
   FROM ((((training.champions c
     JOIN training.models m USING (model_id))
     JOIN training.promotions p ON (((p.model = c.model) AND (p.epoch = c.epoch))))
     CROSS JOIN training.lineage l)
     CROSS JOIN LATERAL ( SELECT (count(*))::integer AS alive,
            (count(*) FILTER (WHERE ((s.lineage = l.lineage) AND (s.epoch >= c.epoch))))::integer AS converged
           FROM status.replicas s
          WHERE ((s.model = c.model) AND s.alive)) r);

CREATE TABLE training.inbox (
    consumer text NOT NULL,
    command_id uuid NOT NULL,
    command_type text NOT NULL,
    value_sha256 text NOT NULL,
    outcome text NOT NULL,
    reason text,
    detail text,
    subject text,
    recorded_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT inbox_outcome_check CHECK ((outcome = ANY (ARRAY['accepted'::text, 'applied'::text, 'rejected'::text])))
);

CREATE VIEW status.commands AS
 SELECT inbox.command_id,
    inbox.consumer,
    inbox.command_type,
    inbox.outcome,
    inbox.reason,
    inbox.detail,
    inbox.subject,
    inbox.recorded_at
   FROM ingest.inbox
UNION ALL
 SELECT inbox.command_id,
    inbox.consumer,
    inbox.command_type,
    inbox.outcome,
    inbox.reason,
    inbox.detail,
    inbox.subject,
    inbox.recorded_at
   FROM training.inbox;

CREATE TABLE training.decisions (
    decision_id bigint NOT NULL,
    model text NOT NULL,
    model_id text NOT NULL,
    command_id uuid NOT NULL,
    champion_epoch bigint,
    champion_model_id text,
    passed boolean NOT NULL,
    refusals text[] DEFAULT '{}'::text[] NOT NULL,
    evidence jsonb NOT NULL,
    decided_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE VIEW status.decisions AS
 SELECT decisions.decision_id,
    decisions.model,
    decisions.model_id,
    decisions.command_id,
    decisions.champion_epoch,
    decisions.champion_model_id,
    decisions.passed,
    decisions.refusals,
    decisions.evidence,
    decisions.decided_at
   FROM training.decisions;

CREATE TABLE training.jobs (
    job_id uuid NOT NULL,
    model text NOT NULL,
    recipe text NOT NULL,
    feature_version integer NOT NULL,
    method_sha256 text NOT NULL,
    training_set jsonb NOT NULL,
    training_set_sha256 text NOT NULL,
    generation integer NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    stage text,
    reason text,
    detail text,
    attempt integer DEFAULT 0 NOT NULL,
    tries integer DEFAULT 0 NOT NULL,
    lease_owner text,
    lease_until timestamp with time zone,
    frame_key text,
    evidence_key text,
    model_id text,
    metrics jsonb,
    durations_s jsonb,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    traceparent text,
    CONSTRAINT done_has_a_model CHECK (((state = 'done'::text) = (model_id IS NOT NULL))),
    CONSTRAINT ended_has_a_time CHECK (((state = ANY (ARRAY['done'::text, 'failed'::text, 'cancelled'::text])) = (finished_at IS NOT NULL))),
    CONSTRAINT jobs_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'running'::text, 'done'::text, 'failed'::text, 'cancelled'::text])))
);

CREATE VIEW status.jobs AS
 SELECT jobs.job_id,
    jobs.model,
    jobs.recipe,
    jobs.feature_version,
    jobs.training_set_sha256,
    jobs.generation,
    jobs.state,
    jobs.stage,
    jobs.reason,
    jobs.detail,
    jobs.attempt,
    jobs.model_id,
    jobs.metrics,
    jobs.durations_s,
    jobs.asked_at,
    jobs.started_at,
    jobs.finished_at
   FROM training.jobs;

CREATE VIEW status.models AS
 SELECT m.model,
    m.model_id,
    m.mlflow_version AS version,
    m.job_id,
    m.feature_version,
    m.mlflow_run_id,
    j.training_set_sha256,
    j.metrics,
    m.trained_at
   FROM (training.models m
     JOIN training.jobs j USING (job_id));

CREATE VIEW status.predictions AS
 SELECT predictions.model,
    predictions.epoch,
    predictions.model_id,
    count(*) AS predictions,
    min(predictions.at) AS first_at,
    max(predictions.at) AS last_at
   FROM predictions.predictions
  GROUP BY predictions.model, predictions.epoch, predictions.model_id;

CREATE VIEW status.promotions AS
 SELECT p.model,
    p.epoch,
    p.model_id,
    m.mlflow_version AS version,
    p.kind,
    p.command_id,
    p.decision_id,
    p.replaces_epoch,
    p.replaces_model_id,
    p.actor,
    p.reason,
    p.promoted_at
   FROM (training.promotions p
     JOIN training.models m USING (model_id));

CREATE VIEW status.run_batches AS
 SELECT w.run_id,
    w.generation,
    d.dataset_id,
    w.split,
    w.batch
   FROM (ingest.run_batches w
     JOIN ingest.datasets d USING (dataset_no));

CREATE VIEW status.runs AS
 SELECT r.run_id,
    r.command_id,
    r.generation,
    d.dataset_id,
    r.requested,
    r.then_do AS "then",
    r.state,
    r.reason,
    r.detail,
    t.batches,
    t.clean_batches,
    t.planned_rows,
    t.published,
    (t.planned_rows - t.published) AS missing,
    t.stored,
    t.duplicate,
    t.quarantined,
    t.discarded,
    r.planned_at,
    r.streaming_at,
    r.sent_at,
    r.finished_at
   FROM ((ingest.runs r
     JOIN ingest.datasets d USING (dataset_no))
     CROSS JOIN LATERAL ( SELECT (count(*))::integer AS batches,
            (count(*) FILTER (WHERE (b.state = 'clean'::text)))::integer AS clean_batches,
            (COALESCE(sum(b.planned_rows), (0)::bigint))::integer AS planned_rows,
            (COALESCE(sum(b.published), (0)::bigint))::integer AS published,
            (COALESCE(sum(b.stored), (0)::bigint))::integer AS stored,
            (COALESCE(sum(b.duplicate), (0)::bigint))::integer AS duplicate,
            (COALESCE(sum(b.quarantined), (0)::bigint))::integer AS quarantined,
            (COALESCE(sum(b.discarded), (0)::bigint))::integer AS discarded
           FROM (ingest.run_batches w
             JOIN ingest.batches b USING (generation, dataset_no, split, batch))
          WHERE (w.run_id = r.run_id)) t);

CREATE VIEW status.schema AS
 SELECT alembic_version.version_num AS revision
   FROM public.alembic_version;

CREATE VIEW status.store AS
 SELECT store.generation,
    store.split_rule,
    store.reset_at
   FROM ingest.store;

CREATE VIEW status.tables AS
 SELECT 'raw.train'::text AS table_name,
    count(*) AS rows
   FROM raw.train
UNION ALL
 SELECT 'raw.validation'::text AS table_name,
    count(*) AS rows
   FROM raw.validation
UNION ALL
 SELECT 'raw.test'::text AS table_name,
    count(*) AS rows
   FROM raw.test
UNION ALL
 SELECT 'clean.train'::text AS table_name,
    count(*) AS rows
   FROM clean.train
UNION ALL
 SELECT 'clean.validation'::text AS table_name,
    count(*) AS rows
   FROM clean.validation
UNION ALL
 SELECT 'clean.test'::text AS table_name,
    count(*) AS rows
   FROM clean.test;

CREATE TABLE training.alias_projection (
    model text NOT NULL,
    written text,
    pending text,
    asked text,
    asked_command_id uuid,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT asked_by_a_command CHECK (((asked IS NULL) = (asked_command_id IS NULL)))
);

ALTER TABLE training.decisions ALTER COLUMN decision_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME training.decisions_decision_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE training.outbox (
    id bigint NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key bytea NOT NULL,
    value bytea,
    header_names text[] NOT NULL,
    header_values bytea[] NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    published_at timestamp with time zone
);

ALTER TABLE training.outbox ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME training.outbox_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE training.wishes (
    wish_id bigint NOT NULL,
    model text NOT NULL,
    kind text NOT NULL,
    command_id uuid NOT NULL,
    job_id uuid,
    model_id text,
    to_epoch bigint,
    expected_epoch bigint,
    actor text NOT NULL,
    reason text NOT NULL,
    state text DEFAULT 'open'::text NOT NULL,
    detail text,
    wished_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    traceparent text,
    CONSTRAINT a_rollback_alone_has_no_job CHECK (((kind = 'rollback'::text) = (job_id IS NULL))),
    CONSTRAINT ended_has_a_time CHECK (((state = 'open'::text) = (ended_at IS NULL))),
    CONSTRAINT wishes_kind_check CHECK ((kind = ANY (ARRAY['train'::text, 'promotion'::text, 'rollback'::text]))),
    CONSTRAINT wishes_state_check CHECK ((state = ANY (ARRAY['open'::text, 'honoured'::text, 'refused'::text, 'failed'::text])))
);

ALTER TABLE training.wishes ALTER COLUMN wish_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME training.wishes_wish_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

ALTER TABLE ONLY clean.test
    ADD CONSTRAINT test_pkey PRIMARY KEY (encounter_id);

ALTER TABLE ONLY clean.train
    ADD CONSTRAINT train_pkey PRIMARY KEY (encounter_id);

ALTER TABLE ONLY clean.validation
    ADD CONSTRAINT validation_pkey PRIMARY KEY (encounter_id);

ALTER TABLE ONLY ingest.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (generation, dataset_no, split, batch);

ALTER TABLE ONLY ingest.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (generation, dataset_no, split, batch, chunk);

ALTER TABLE ONLY ingest.datasets
    ADD CONSTRAINT datasets_dataset_id_key UNIQUE (dataset_id);

ALTER TABLE ONLY ingest.datasets
    ADD CONSTRAINT datasets_pkey PRIMARY KEY (dataset_no);

ALTER TABLE ONLY ingest.decisions
    ADD CONSTRAINT decisions_command_id_key UNIQUE (command_id);

ALTER TABLE ONLY ingest.decisions
    ADD CONSTRAINT decisions_pkey PRIMARY KEY (decision_id);

ALTER TABLE ONLY ingest.duplicates
    ADD CONSTRAINT duplicates_pkey PRIMARY KEY (dataset_no, split, row_no);

ALTER TABLE ONLY ingest.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (consumer, command_id);

ALTER TABLE ONLY ingest.outbox
    ADD CONSTRAINT outbox_event_id_key UNIQUE (event_id);

ALTER TABLE ONLY ingest.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY ingest.planned_chunks
    ADD CONSTRAINT planned_chunks_pkey PRIMARY KEY (dataset_no, split, batch, chunk);

ALTER TABLE ONLY ingest.quarantine
    ADD CONSTRAINT quarantine_generation_dataset_no_split_row_no_key UNIQUE (generation, dataset_no, split, row_no);

ALTER TABLE ONLY ingest.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (quarantine_id);

ALTER TABLE ONLY ingest.run_batches
    ADD CONSTRAINT run_batches_pkey PRIMARY KEY (run_id, dataset_no, split, batch);

ALTER TABLE ONLY ingest.runs
    ADD CONSTRAINT runs_command_id_key UNIQUE (command_id);

ALTER TABLE ONLY ingest.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY ingest.store
    ADD CONSTRAINT store_pkey PRIMARY KEY (id);

ALTER TABLE ONLY predictions.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (replica, segment, chunk);

ALTER TABLE ONLY predictions.inputs
    ADD CONSTRAINT inputs_pkey PRIMARY KEY (prediction_id);

ALTER TABLE ONLY predictions.predictions
    ADD CONSTRAINT predictions_pkey PRIMARY KEY (prediction_id);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY raw.superseded
    ADD CONSTRAINT superseded_pkey PRIMARY KEY (decision_id);

ALTER TABLE ONLY raw.test
    ADD CONSTRAINT test_pkey PRIMARY KEY (encounter_id);

ALTER TABLE ONLY raw.train
    ADD CONSTRAINT train_pkey PRIMARY KEY (encounter_id);

ALTER TABLE ONLY raw.validation
    ADD CONSTRAINT validation_pkey PRIMARY KEY (encounter_id);

ALTER TABLE ONLY training.alias_projection
    ADD CONSTRAINT alias_projection_pkey PRIMARY KEY (model);

ALTER TABLE ONLY training.champions
    ADD CONSTRAINT champions_pkey PRIMARY KEY (model);

ALTER TABLE ONLY training.decisions
    ADD CONSTRAINT decisions_pkey PRIMARY KEY (decision_id);

ALTER TABLE ONLY training.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (consumer, command_id);

ALTER TABLE ONLY training.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (job_id);

ALTER TABLE ONLY training.lineage
    ADD CONSTRAINT lineage_pkey PRIMARY KEY (id);

ALTER TABLE ONLY training.models
    ADD CONSTRAINT models_pkey PRIMARY KEY (model_id);

ALTER TABLE ONLY training.outbox
    ADD CONSTRAINT outbox_event_id_key UNIQUE (event_id);

ALTER TABLE ONLY training.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);

ALTER TABLE ONLY training.promotions
    ADD CONSTRAINT promotions_model_command_id_key UNIQUE (model, command_id);

ALTER TABLE ONLY training.promotions
    ADD CONSTRAINT promotions_pkey PRIMARY KEY (model, epoch);

ALTER TABLE ONLY training.replicas
    ADD CONSTRAINT replicas_pkey PRIMARY KEY (replica);

ALTER TABLE ONLY training.wishes
    ADD CONSTRAINT wishes_command_id_key UNIQUE (command_id);

ALTER TABLE ONLY training.wishes
    ADD CONSTRAINT wishes_pkey PRIMARY KEY (wish_id);

CREATE INDEX test_rows ON clean.test USING brin (dataset_no, row_no) WITH (pages_per_range='16', autosummarize='true');

CREATE INDEX train_rows ON clean.train USING brin (dataset_no, row_no) WITH (pages_per_range='16', autosummarize='true');

CREATE INDEX validation_rows ON clean.validation USING brin (dataset_no, row_no) WITH (pages_per_range='16', autosummarize='true');

CREATE INDEX outbox_waiting ON ingest.outbox USING btree (id) WHERE (published_at IS NULL);

CREATE INDEX run_batches_by_batch ON ingest.run_batches USING btree (generation, dataset_no, split, batch);

CREATE INDEX chunks_by_time ON predictions.chunks USING brin (recorded_at);

CREATE INDEX inputs_by_time ON predictions.inputs USING brin (at);

CREATE INDEX predictions_by_time ON predictions.predictions USING brin (at);

CREATE INDEX test_rows ON raw.test USING brin (dataset_no, row_no) WITH (pages_per_range='16', autosummarize='true');

CREATE INDEX train_rows ON raw.train USING brin (dataset_no, row_no) WITH (pages_per_range='16', autosummarize='true');

CREATE INDEX validation_rows ON raw.validation USING brin (dataset_no, row_no) WITH (pages_per_range='16', autosummarize='true');

CREATE INDEX outbox_id_idx ON training.outbox USING btree (id) WHERE (published_at IS NULL);

CREATE INDEX wishes_by_job ON training.wishes USING btree (job_id) WHERE (state = 'open'::text);

CREATE INDEX wishes_open ON training.wishes USING btree (wish_id) WHERE (state = 'open'::text);

ALTER TABLE ONLY ingest.decisions
    ADD CONSTRAINT decisions_quarantine_id_fkey FOREIGN KEY (quarantine_id) REFERENCES ingest.quarantine(quarantine_id);

ALTER TABLE ONLY ingest.planned_chunks
    ADD CONSTRAINT planned_chunks_dataset_no_fkey FOREIGN KEY (dataset_no) REFERENCES ingest.datasets(dataset_no);

ALTER TABLE ONLY ingest.run_batches
    ADD CONSTRAINT run_batches_run_id_fkey FOREIGN KEY (run_id) REFERENCES ingest.runs(run_id);

ALTER TABLE ONLY ingest.runs
    ADD CONSTRAINT runs_dataset_no_fkey FOREIGN KEY (dataset_no) REFERENCES ingest.datasets(dataset_no);

ALTER TABLE ONLY raw.superseded
    ADD CONSTRAINT superseded_decision_id_fkey FOREIGN KEY (decision_id) REFERENCES ingest.decisions(decision_id);

ALTER TABLE ONLY training.champions
    ADD CONSTRAINT champions_model_id_fkey FOREIGN KEY (model_id) REFERENCES training.models(model_id);

ALTER TABLE ONLY training.decisions
    ADD CONSTRAINT decisions_model_id_fkey FOREIGN KEY (model_id) REFERENCES training.models(model_id);

ALTER TABLE ONLY training.models
    ADD CONSTRAINT models_job_id_fkey FOREIGN KEY (job_id) REFERENCES training.jobs(job_id);

ALTER TABLE ONLY training.promotions
    ADD CONSTRAINT promotions_decision_id_fkey FOREIGN KEY (decision_id) REFERENCES training.decisions(decision_id);

ALTER TABLE ONLY training.promotions
    ADD CONSTRAINT promotions_model_id_fkey FOREIGN KEY (model_id) REFERENCES training.models(model_id);

ALTER TABLE ONLY training.wishes
    ADD CONSTRAINT wishes_job_id_fkey FOREIGN KEY (job_id) REFERENCES training.jobs(job_id);

ALTER TABLE ONLY training.wishes
    ADD CONSTRAINT wishes_model_id_fkey FOREIGN KEY (model_id) REFERENCES training.models(model_id);

GRANT USAGE ON SCHEMA clean TO readmit_batch_producer;
GRANT USAGE ON SCHEMA clean TO readmit_ingestor;
GRANT USAGE ON SCHEMA clean TO readmit_auditor;
GRANT USAGE ON SCHEMA clean TO readmit_trainer;

GRANT USAGE ON SCHEMA ingest TO readmit_batch_producer;
GRANT USAGE ON SCHEMA ingest TO readmit_ingestor;
GRANT USAGE ON SCHEMA ingest TO readmit_auditor;
GRANT USAGE ON SCHEMA ingest TO readmit_trainer;

GRANT USAGE ON SCHEMA predictions TO readmit_ingestor;
GRANT USAGE ON SCHEMA predictions TO readmit_auditor;

GRANT USAGE ON SCHEMA raw TO readmit_batch_producer;
GRANT USAGE ON SCHEMA raw TO readmit_ingestor;
GRANT USAGE ON SCHEMA raw TO readmit_auditor;

GRANT USAGE ON SCHEMA status TO readmit_reader;
GRANT USAGE ON SCHEMA status TO readmit_auditor;
GRANT USAGE ON SCHEMA status TO readmit_batch_producer;
GRANT USAGE ON SCHEMA status TO readmit_ingestor;
GRANT USAGE ON SCHEMA status TO readmit_trainer;

GRANT USAGE ON SCHEMA training TO readmit_trainer;
GRANT USAGE ON SCHEMA training TO readmit_auditor;

GRANT ALL ON FUNCTION ingest.complete_runs(candidates uuid[]) TO readmit_batch_producer;
GRANT ALL ON FUNCTION ingest.complete_runs(candidates uuid[]) TO readmit_ingestor;

GRANT SELECT ON TABLE ingest.runs TO readmit_auditor;
GRANT SELECT,INSERT ON TABLE ingest.runs TO readmit_batch_producer;
GRANT SELECT ON TABLE ingest.runs TO readmit_ingestor;

GRANT UPDATE(state) ON TABLE ingest.runs TO readmit_batch_producer;
GRANT UPDATE(state) ON TABLE ingest.runs TO readmit_ingestor;

GRANT UPDATE(reason) ON TABLE ingest.runs TO readmit_batch_producer;
GRANT UPDATE(reason) ON TABLE ingest.runs TO readmit_ingestor;

GRANT UPDATE(detail) ON TABLE ingest.runs TO readmit_batch_producer;
GRANT UPDATE(detail) ON TABLE ingest.runs TO readmit_ingestor;

GRANT UPDATE(streaming_at) ON TABLE ingest.runs TO readmit_batch_producer;

GRANT UPDATE(sent_at) ON TABLE ingest.runs TO readmit_batch_producer;

GRANT UPDATE(finished_at) ON TABLE ingest.runs TO readmit_batch_producer;
GRANT UPDATE(finished_at) ON TABLE ingest.runs TO readmit_ingestor;

GRANT UPDATE(lease_owner) ON TABLE ingest.runs TO readmit_batch_producer;
GRANT UPDATE(lease_owner) ON TABLE ingest.runs TO readmit_ingestor;

GRANT UPDATE(lease_until) ON TABLE ingest.runs TO readmit_batch_producer;
GRANT UPDATE(lease_until) ON TABLE ingest.runs TO readmit_ingestor;

GRANT UPDATE(attempt) ON TABLE ingest.runs TO readmit_batch_producer;

GRANT ALL ON FUNCTION ingest.fail_runs(candidates uuid[]) TO readmit_batch_producer;
GRANT ALL ON FUNCTION ingest.fail_runs(candidates uuid[]) TO readmit_ingestor;

GRANT SELECT ON TABLE clean.test TO readmit_auditor;
GRANT TRUNCATE ON TABLE clean.test TO readmit_batch_producer;
GRANT SELECT,INSERT,DELETE ON TABLE clean.test TO readmit_ingestor;
GRANT SELECT ON TABLE clean.test TO readmit_trainer;

GRANT SELECT ON TABLE clean.train TO readmit_auditor;
GRANT TRUNCATE ON TABLE clean.train TO readmit_batch_producer;
GRANT SELECT,INSERT,DELETE ON TABLE clean.train TO readmit_ingestor;
GRANT SELECT ON TABLE clean.train TO readmit_trainer;

GRANT SELECT ON TABLE clean.validation TO readmit_auditor;
GRANT TRUNCATE ON TABLE clean.validation TO readmit_batch_producer;
GRANT SELECT,INSERT,DELETE ON TABLE clean.validation TO readmit_ingestor;
GRANT SELECT ON TABLE clean.validation TO readmit_trainer;

GRANT SELECT ON TABLE ingest.batches TO readmit_auditor;
GRANT SELECT,INSERT ON TABLE ingest.batches TO readmit_batch_producer;
GRANT SELECT ON TABLE ingest.batches TO readmit_ingestor;
GRANT SELECT ON TABLE ingest.batches TO readmit_trainer;

GRANT UPDATE(state) ON TABLE ingest.batches TO readmit_batch_producer;
GRANT UPDATE(state) ON TABLE ingest.batches TO readmit_ingestor;

GRANT UPDATE(published) ON TABLE ingest.batches TO readmit_ingestor;

GRANT UPDATE(stored) ON TABLE ingest.batches TO readmit_ingestor;

GRANT UPDATE(duplicate) ON TABLE ingest.batches TO readmit_ingestor;

GRANT UPDATE(quarantined) ON TABLE ingest.batches TO readmit_ingestor;

GRANT UPDATE(failed_reason) ON TABLE ingest.batches TO readmit_batch_producer;
GRANT UPDATE(failed_reason) ON TABLE ingest.batches TO readmit_ingestor;

GRANT UPDATE(failed_detail) ON TABLE ingest.batches TO readmit_batch_producer;
GRANT UPDATE(failed_detail) ON TABLE ingest.batches TO readmit_ingestor;

GRANT UPDATE(sha256) ON TABLE ingest.batches TO readmit_ingestor;

GRANT UPDATE(stored_at) ON TABLE ingest.batches TO readmit_batch_producer;
GRANT UPDATE(stored_at) ON TABLE ingest.batches TO readmit_ingestor;

GRANT UPDATE(clean_at) ON TABLE ingest.batches TO readmit_ingestor;

GRANT SELECT ON TABLE ingest.datasets TO readmit_auditor;
GRANT SELECT,INSERT ON TABLE ingest.datasets TO readmit_batch_producer;
GRANT SELECT ON TABLE ingest.datasets TO readmit_ingestor;
GRANT SELECT ON TABLE ingest.datasets TO readmit_trainer;

GRANT SELECT ON TABLE ingest.batch_refs TO readmit_auditor;
GRANT SELECT ON TABLE ingest.batch_refs TO readmit_batch_producer;
GRANT SELECT ON TABLE ingest.batch_refs TO readmit_ingestor;
GRANT SELECT ON TABLE ingest.batch_refs TO readmit_trainer;

GRANT SELECT ON TABLE ingest.chunks TO readmit_auditor;
GRANT SELECT,TRUNCATE ON TABLE ingest.chunks TO readmit_batch_producer;
GRANT SELECT,INSERT ON TABLE ingest.chunks TO readmit_ingestor;

GRANT SELECT ON TABLE ingest.decisions TO readmit_auditor;

GRANT SELECT ON TABLE ingest.duplicates TO readmit_auditor;
GRANT TRUNCATE ON TABLE ingest.duplicates TO readmit_batch_producer;
GRANT SELECT,INSERT ON TABLE ingest.duplicates TO readmit_ingestor;

GRANT SELECT ON TABLE ingest.inbox TO readmit_auditor;
GRANT SELECT,INSERT ON TABLE ingest.inbox TO readmit_batch_producer;
GRANT SELECT,INSERT ON TABLE ingest.inbox TO readmit_ingestor;

GRANT UPDATE(outcome) ON TABLE ingest.inbox TO readmit_batch_producer;
GRANT UPDATE(outcome) ON TABLE ingest.inbox TO readmit_ingestor;

GRANT UPDATE(reason) ON TABLE ingest.inbox TO readmit_batch_producer;
GRANT UPDATE(reason) ON TABLE ingest.inbox TO readmit_ingestor;

GRANT UPDATE(detail) ON TABLE ingest.inbox TO readmit_batch_producer;
GRANT UPDATE(detail) ON TABLE ingest.inbox TO readmit_ingestor;

GRANT UPDATE(subject) ON TABLE ingest.inbox TO readmit_batch_producer;
GRANT UPDATE(subject) ON TABLE ingest.inbox TO readmit_ingestor;

GRANT SELECT ON TABLE ingest.outbox TO readmit_auditor;
GRANT SELECT,INSERT ON TABLE ingest.outbox TO readmit_batch_producer;
GRANT SELECT,INSERT ON TABLE ingest.outbox TO readmit_ingestor;

GRANT UPDATE(published_at) ON TABLE ingest.outbox TO readmit_batch_producer;
GRANT UPDATE(published_at) ON TABLE ingest.outbox TO readmit_ingestor;

GRANT SELECT ON TABLE ingest.planned_chunks TO readmit_auditor;
GRANT SELECT,INSERT ON TABLE ingest.planned_chunks TO readmit_batch_producer;
GRANT SELECT ON TABLE ingest.planned_chunks TO readmit_ingestor;

GRANT SELECT ON TABLE ingest.quarantine TO readmit_auditor;
GRANT SELECT,INSERT ON TABLE ingest.quarantine TO readmit_ingestor;

GRANT SELECT ON TABLE ingest.run_batches TO readmit_auditor;
GRANT SELECT,INSERT ON TABLE ingest.run_batches TO readmit_batch_producer;
GRANT SELECT ON TABLE ingest.run_batches TO readmit_ingestor;

GRANT SELECT ON TABLE ingest.store TO readmit_auditor;
GRANT SELECT,UPDATE ON TABLE ingest.store TO readmit_batch_producer;
GRANT SELECT ON TABLE ingest.store TO readmit_ingestor;
GRANT SELECT ON TABLE ingest.store TO readmit_trainer;

GRANT UPDATE(id) ON TABLE ingest.store TO readmit_ingestor;

GRANT SELECT,INSERT,DELETE ON TABLE predictions.chunks TO readmit_ingestor;
GRANT SELECT ON TABLE predictions.chunks TO readmit_auditor;

GRANT INSERT,DELETE ON TABLE predictions.inputs TO readmit_ingestor;
GRANT SELECT ON TABLE predictions.inputs TO readmit_auditor;

GRANT SELECT(prediction_id) ON TABLE predictions.inputs TO readmit_ingestor;

GRANT SELECT(at) ON TABLE predictions.inputs TO readmit_ingestor;

GRANT SELECT,INSERT,DELETE ON TABLE predictions.predictions TO readmit_ingestor;
GRANT SELECT ON TABLE predictions.predictions TO readmit_auditor;

GRANT SELECT ON TABLE raw.superseded TO readmit_auditor;

GRANT SELECT ON TABLE raw.test TO readmit_auditor;
GRANT TRUNCATE ON TABLE raw.test TO readmit_batch_producer;
GRANT SELECT,INSERT,DELETE ON TABLE raw.test TO readmit_ingestor;

GRANT SELECT ON TABLE raw.train TO readmit_auditor;
GRANT TRUNCATE ON TABLE raw.train TO readmit_batch_producer;
GRANT SELECT,INSERT,DELETE ON TABLE raw.train TO readmit_ingestor;

GRANT SELECT ON TABLE raw.validation TO readmit_auditor;
GRANT TRUNCATE ON TABLE raw.validation TO readmit_batch_producer;
GRANT SELECT,INSERT,DELETE ON TABLE raw.validation TO readmit_ingestor;

GRANT SELECT ON TABLE status.batches TO readmit_reader;
GRANT SELECT ON TABLE status.batches TO readmit_auditor;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE training.replicas TO readmit_trainer;
GRANT SELECT ON TABLE training.replicas TO readmit_auditor;

GRANT SELECT ON TABLE status.replicas TO readmit_reader;
GRANT SELECT ON TABLE status.replicas TO readmit_auditor;

GRANT SELECT,INSERT,UPDATE ON TABLE training.champions TO readmit_trainer;
GRANT SELECT ON TABLE training.champions TO readmit_auditor;

GRANT SELECT ON TABLE training.lineage TO readmit_trainer;
GRANT SELECT ON TABLE training.lineage TO readmit_auditor;

GRANT SELECT,INSERT,UPDATE ON TABLE training.models TO readmit_trainer;
GRANT SELECT ON TABLE training.models TO readmit_auditor;

GRANT SELECT,INSERT ON TABLE training.promotions TO readmit_trainer;
GRANT SELECT ON TABLE training.promotions TO readmit_auditor;

GRANT SELECT ON TABLE status.champions TO readmit_reader;
GRANT SELECT ON TABLE status.champions TO readmit_auditor;

GRANT SELECT,INSERT,UPDATE ON TABLE training.inbox TO readmit_trainer;
GRANT SELECT ON TABLE training.inbox TO readmit_auditor;

GRANT SELECT ON TABLE status.commands TO readmit_reader;
GRANT SELECT ON TABLE status.commands TO readmit_auditor;

GRANT SELECT,INSERT ON TABLE training.decisions TO readmit_trainer;
GRANT SELECT ON TABLE training.decisions TO readmit_auditor;

GRANT SELECT ON TABLE status.decisions TO readmit_reader;
GRANT SELECT ON TABLE status.decisions TO readmit_auditor;

GRANT SELECT,INSERT,UPDATE ON TABLE training.jobs TO readmit_trainer;
GRANT SELECT ON TABLE training.jobs TO readmit_auditor;

GRANT SELECT ON TABLE status.jobs TO readmit_reader;
GRANT SELECT ON TABLE status.jobs TO readmit_auditor;

GRANT SELECT ON TABLE status.models TO readmit_reader;
GRANT SELECT ON TABLE status.models TO readmit_auditor;

GRANT SELECT ON TABLE status.predictions TO readmit_reader;
GRANT SELECT ON TABLE status.predictions TO readmit_auditor;

GRANT SELECT ON TABLE status.promotions TO readmit_reader;
GRANT SELECT ON TABLE status.promotions TO readmit_auditor;

GRANT SELECT ON TABLE status.run_batches TO readmit_reader;
GRANT SELECT ON TABLE status.run_batches TO readmit_auditor;

GRANT SELECT ON TABLE status.runs TO readmit_reader;
GRANT SELECT ON TABLE status.runs TO readmit_auditor;

GRANT SELECT ON TABLE status.schema TO readmit_reader;
GRANT SELECT ON TABLE status.schema TO readmit_auditor;
GRANT SELECT ON TABLE status.schema TO readmit_batch_producer;
GRANT SELECT ON TABLE status.schema TO readmit_ingestor;
GRANT SELECT ON TABLE status.schema TO readmit_trainer;

GRANT SELECT ON TABLE status.store TO readmit_reader;
GRANT SELECT ON TABLE status.store TO readmit_auditor;

GRANT SELECT ON TABLE status.tables TO readmit_reader;
GRANT SELECT ON TABLE status.tables TO readmit_auditor;

GRANT SELECT,INSERT,UPDATE ON TABLE training.alias_projection TO readmit_trainer;
GRANT SELECT ON TABLE training.alias_projection TO readmit_auditor;

GRANT SELECT,INSERT,UPDATE ON TABLE training.outbox TO readmit_trainer;
GRANT SELECT ON TABLE training.outbox TO readmit_auditor;

GRANT SELECT,INSERT,UPDATE ON TABLE training.wishes TO readmit_trainer;
GRANT SELECT ON TABLE training.wishes TO readmit_auditor;
