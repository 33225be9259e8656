-- The W3C trace context of whoever asked, in which the work goes on when it is claimed; outbox rows have it as a header.
ALTER TABLE ingest.runs ADD COLUMN traceparent text;
ALTER TABLE training.jobs ADD COLUMN traceparent text;
ALTER TABLE training.wishes ADD COLUMN traceparent text;
