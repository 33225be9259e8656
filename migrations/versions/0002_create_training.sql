-- Postgres decides, MLflow and its champion alias follow. Lock order: jobs, wishes, champions, each sorted by key.

CREATE SCHEMA training;

-- Epochs compare within one lineage: a database restored from a backup keeps it, a new one has its own.
CREATE TABLE training.lineage (
    id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    lineage uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO training.lineage DEFAULT VALUES;

-- The consumer inserts a job, a worker claims it with a lease; `attempt` is the fencing token and only rises, `tries`
-- counts the attempts since the job was asked for or reopened.
CREATE TABLE training.jobs (
    job_id uuid PRIMARY KEY,
    model text NOT NULL,
    recipe text NOT NULL,
    feature_version integer NOT NULL,
    method_sha256 text NOT NULL,
    training_set jsonb NOT NULL,
    training_set_sha256 text NOT NULL,
    generation integer NOT NULL,
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    stage text,
    reason text,
    detail text,
    attempt integer NOT NULL DEFAULT 0,
    tries integer NOT NULL DEFAULT 0,
    lease_owner text,
    lease_until timestamptz,
    frame_key text,
    evidence_key text,
    model_id text,
    metrics jsonb,
    durations_s jsonb,
    asked_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT done_has_a_model CHECK ((state = 'done') = (model_id IS NOT NULL)),
    CONSTRAINT ended_has_a_time CHECK ((state IN ('done', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);

-- One row per bundle in the object store, by the digest of its manifest. The MLflow columns are a projection.
CREATE TABLE training.models (
    model_id text PRIMARY KEY,
    model text NOT NULL,
    job_id uuid NOT NULL REFERENCES training.jobs,
    feature_version integer NOT NULL,
    mlflow_run_id text,
    mlflow_version text,
    trained_at timestamptz NOT NULL DEFAULT now()
);

-- What is to follow a job, and what commands ask of the champion: one queue, worked off in its order as far as it is
-- ready. A promotion is ready when its job is done, also when that was long before; without model_id it means the job's.
CREATE TABLE training.wishes (
    wish_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('train', 'promotion', 'rollback')),
    command_id uuid NOT NULL UNIQUE,
    job_id uuid REFERENCES training.jobs,
    model_id text REFERENCES training.models,
    to_epoch bigint,
    expected_epoch bigint,
    actor text NOT NULL,
    reason text NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'honoured', 'refused', 'failed')),
    detail text,
    wished_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    CONSTRAINT a_rollback_alone_has_no_job CHECK ((kind = 'rollback') = (job_id IS NULL)),
    CONSTRAINT ended_has_a_time CHECK ((state = 'open') = (ended_at IS NULL))
);
CREATE INDEX wishes_open ON training.wishes (wish_id) WHERE state = 'open';
CREATE INDEX wishes_by_job ON training.wishes (job_id) WHERE state = 'open';

-- Every verdict of the gate, a refusal included, with its evidence; append only.
CREATE TABLE training.decisions (
    decision_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model text NOT NULL,
    model_id text NOT NULL REFERENCES training.models,
    command_id uuid NOT NULL,
    champion_epoch bigint,
    champion_model_id text,
    passed boolean NOT NULL,
    refusals text[] NOT NULL DEFAULT '{}',
    evidence jsonb NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE training.champions (
    model text PRIMARY KEY,
    epoch bigint NOT NULL CHECK (epoch >= 1),
    model_id text NOT NULL REFERENCES training.models
);

-- Append only. A rollback is a new epoch of an earlier model.
CREATE TABLE training.promotions (
    model text NOT NULL,
    epoch bigint NOT NULL,
    model_id text NOT NULL REFERENCES training.models,
    kind text NOT NULL CHECK (kind IN ('promotion', 'rollback')),
    command_id uuid NOT NULL,
    decision_id bigint REFERENCES training.decisions,
    replaces_epoch bigint,
    replaces_model_id text,
    actor text NOT NULL,
    reason text NOT NULL,
    promoted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, epoch),
    UNIQUE (model, command_id)
);

-- The versions that this side wrote, or is about to write, to MLflow's champion alias: any other was set by a person.
-- `asked` is one of those, and the command that it became.
CREATE TABLE training.alias_projection (
    model text PRIMARY KEY,
    written text,
    pending text,
    asked text,
    asked_command_id uuid,
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT asked_by_a_command CHECK ((asked IS NULL) = (asked_command_id IS NULL))
);

-- The last report of each replica, timed by the broker.
CREATE TABLE training.replicas (
    replica text PRIMARY KEY,
    model text NOT NULL,
    status text NOT NULL,
    epoch bigint,
    lineage uuid,
    model_id text,
    feature_versions integer[] NOT NULL,
    load_failure text,
    reported_at timestamptz NOT NULL
);

CREATE TABLE training.inbox (LIKE ingest.inbox INCLUDING ALL);
CREATE TABLE training.outbox (LIKE ingest.outbox INCLUDING ALL);

CREATE OR REPLACE VIEW status.commands AS
SELECT command_id, consumer, command_type, outcome, reason, detail, subject, recorded_at FROM ingest.inbox
UNION ALL
SELECT command_id, consumer, command_type, outcome, reason, detail, subject, recorded_at FROM training.inbox;

CREATE VIEW status.jobs AS
SELECT job_id, model, recipe, feature_version, training_set_sha256, generation, state, stage, reason, detail, attempt,
       model_id, metrics, durations_s, asked_at, started_at, finished_at
FROM training.jobs;

CREATE VIEW status.models AS
SELECT m.model, m.model_id, m.mlflow_version AS version, m.job_id, m.feature_version, m.mlflow_run_id,
       j.training_set_sha256, j.metrics, m.trained_at
FROM training.models m JOIN training.jobs j USING (job_id);

CREATE VIEW status.decisions AS
SELECT decision_id, model, model_id, command_id, champion_epoch, champion_model_id, passed, refusals, evidence, decided_at
FROM training.decisions;

CREATE VIEW status.promotions AS
SELECT p.model, p.epoch, p.model_id, m.mlflow_version AS version, p.kind, p.command_id, p.decision_id,
       p.replaces_epoch, p.replaces_model_id, p.actor, p.reason, p.promoted_at
FROM training.promotions p JOIN training.models m USING (model_id);

-- A replica lives when it reported within 15 s. A promotion without a living replica waits; it has converged when
-- every living one serves its epoch or a higher one.
CREATE VIEW status.replicas AS
SELECT replica, model, status, epoch, lineage, model_id, feature_versions, load_failure, reported_at,
       reported_at > now() - interval '15 s' AND status <> 'stopping' AS alive
FROM training.replicas;

CREATE VIEW status.champions AS
SELECT c.model, c.epoch, c.model_id, m.mlflow_version AS version, m.job_id, m.feature_version, p.kind, p.actor, p.reason,
       p.promoted_at, l.lineage, r.alive AS replicas_alive, r.converged AS replicas_converged,
       CASE WHEN r.alive = 0 THEN 'waiting' WHEN r.converged = r.alive THEN 'converged' ELSE 'converging' END AS convergence
FROM training.champions c
JOIN training.models m USING (model_id)
JOIN training.promotions p ON (p.model, p.epoch) = (c.model, c.epoch)
CROSS JOIN training.lineage l
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS alive,
           (count(*) FILTER (WHERE s.lineage = l.lineage AND s.epoch >= c.epoch))::integer AS converged
    FROM status.replicas s WHERE s.model = c.model AND s.alive
) r;

-- Grants. The trainer reads what it trains on and owns its own schema; records are never changed or removed.
GRANT USAGE ON SCHEMA ingest, clean, training TO readmit_trainer;
GRANT SELECT ON clean.train, clean.validation, clean.test, ingest.store, ingest.batches, ingest.datasets, ingest.batch_refs
    TO readmit_trainer;
GRANT SELECT, INSERT, UPDATE ON training.jobs, training.wishes, training.models, training.champions,
    training.alias_projection, training.replicas, training.inbox, training.outbox TO readmit_trainer;
GRANT DELETE ON training.replicas TO readmit_trainer;
GRANT SELECT, INSERT ON training.decisions, training.promotions TO readmit_trainer;
GRANT SELECT ON training.lineage TO readmit_trainer;
GRANT USAGE ON SCHEMA training TO readmit_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA training TO readmit_auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA status TO readmit_reader, readmit_auditor;
