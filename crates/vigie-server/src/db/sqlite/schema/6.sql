-- How far a hub's clock was ahead of this server's when it last called, where it said so.
ALTER TABLE hub ADD COLUMN clock_skew_ms INTEGER;
-- Which agent works as the hub, as JSON, where it said so.
ALTER TABLE hub ADD COLUMN holder_json TEXT;
