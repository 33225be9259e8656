-- The ingestor takes commands, too: the same rights on the inbox as the batch producer's.
GRANT SELECT, INSERT, UPDATE (outcome, reason, detail, subject) ON ingest.inbox TO readmit_ingestor;
