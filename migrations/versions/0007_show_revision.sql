-- A service looks before it works: a schema older than itself lacks what it needs.
GRANT USAGE ON SCHEMA status TO readmit_batch_producer, readmit_ingestor, readmit_trainer;
GRANT SELECT ON status.schema TO readmit_batch_producer, readmit_ingestor, readmit_trainer;
