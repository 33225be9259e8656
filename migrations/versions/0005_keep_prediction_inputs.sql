-- The encounters of replicas that are told to keep them: rows of patients, for the auditor's eyes alone.
CREATE TABLE predictions.inputs (
    prediction_id uuid PRIMARY KEY,
    at timestamptz NOT NULL,
    input text NOT NULL
);
CREATE INDEX inputs_by_time ON predictions.inputs USING brin (at);
CREATE INDEX chunks_by_time ON predictions.chunks USING brin (recorded_at);

-- The ingestor writes an input and cannot read it back; what it may see is what deleting by age asks for.
GRANT INSERT, DELETE, SELECT (prediction_id, at) ON predictions.inputs TO readmit_ingestor;
GRANT DELETE ON predictions.predictions, predictions.chunks TO readmit_ingestor;
GRANT USAGE ON SCHEMA predictions TO readmit_auditor;
GRANT SELECT ON predictions.inputs, predictions.predictions, predictions.chunks TO readmit_auditor;
