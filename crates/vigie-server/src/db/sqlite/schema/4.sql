-- What hubs say of media that is not there: their ledgers of gaps and losses, and how much of each is here.

CREATE TABLE media_ledger (
    stream_arn TEXT NOT NULL,
    ledger_id TEXT NOT NULL,
    hub_device_arn TEXT NOT NULL,
    known_from_ms INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (stream_arn, ledger_id)
) WITHOUT ROWID;

CREATE TABLE media_ledger_entry (
    stream_arn TEXT NOT NULL,
    ledger_id TEXT NOT NULL,
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    starts_at_ms INTEGER NOT NULL,
    ends_at_ms INTEGER NOT NULL,
    fragment_count INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (stream_arn, ledger_id, id)
) WITHOUT ROWID;
CREATE INDEX media_ledger_entry_by_time
    ON media_ledger_entry (stream_arn, kind, starts_at_ms, ledger_id, id);

-- The gap of the moment, what is not uploaded, and the sum of all losses, as the hub sent them.
ALTER TABLE edge_configuration ADD COLUMN ledger_json TEXT;
