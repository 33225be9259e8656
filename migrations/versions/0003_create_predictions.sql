CREATE SCHEMA predictions;

-- The ledger: a segment's chunk counts once, whoever ships it and however often.
CREATE TABLE predictions.chunks (
    replica text NOT NULL,
    segment uuid NOT NULL,
    chunk integer NOT NULL,
    records integer NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (replica, segment, chunk)
);

CREATE TABLE predictions.predictions (
    prediction_id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    replica text NOT NULL,
    model text NOT NULL,
    model_id text NOT NULL,
    epoch bigint NOT NULL,
    probability double precision NOT NULL CHECK (probability BETWEEN 0 AND 1),
    decision text NOT NULL,
    threshold double precision NOT NULL,
    input_sha256 text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX predictions_by_time ON predictions.predictions USING brin (at);

CREATE VIEW status.predictions AS
SELECT model, epoch, model_id, count(*) AS predictions, min(at) AS first_at, max(at) AS last_at
FROM predictions.predictions GROUP BY model, epoch, model_id;

GRANT USAGE ON SCHEMA predictions TO readmit_ingestor;
GRANT SELECT, INSERT ON predictions.chunks, predictions.predictions TO readmit_ingestor;
GRANT SELECT ON status.predictions TO readmit_reader, readmit_auditor;
