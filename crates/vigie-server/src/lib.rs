//! The service: HTTP API, metadata, hub link, ingest and reading.
