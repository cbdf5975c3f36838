-- Time stamps are milliseconds since the Unix epoch. A stream is named by its ARN.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value
) WITHOUT ROWID;

CREATE TABLE ledger (
    stream TEXT PRIMARY KEY,
    ledger_id TEXT NOT NULL,
    known_from_ms INTEGER NOT NULL,
    -- Of the newest change, and of the next entry.
    sequence INTEGER NOT NULL DEFAULT 0,
    next_id INTEGER NOT NULL DEFAULT 1,
    media_until_ms INTEGER NOT NULL,
    open_since_ms INTEGER,
    open_reason TEXT,
    lost_fragments INTEGER NOT NULL DEFAULT 0,
    lost_bytes INTEGER NOT NULL DEFAULT 0,
    -- What the hub last said of the stream, for whoever asks while it does not run.
    stream_name TEXT,
    report_json TEXT
) WITHOUT ROWID;

CREATE TABLE entry (
    stream TEXT NOT NULL,
    id INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    fragment_count INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    PRIMARY KEY (stream, id)
) WITHOUT ROWID;
CREATE INDEX entry_by_sequence ON entry (stream, sequence);
CREATE INDEX entry_by_end ON entry (stream, kind, reason, until_ms);

-- What is about to be deleted: an entry as soon as it is gone, nothing if it turns out to be there still.
CREATE TABLE intent (
    stream TEXT NOT NULL,
    media_file_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    reason TEXT NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    lost_fragments INTEGER NOT NULL,
    lost_bytes INTEGER NOT NULL,
    PRIMARY KEY (stream, media_file_id, position)
) WITHOUT ROWID;

-- Fragments that the service refused for what they are, by the hub's sequence, with the error's id (0: unreadable here).
CREATE TABLE refused (
    stream TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    code INTEGER NOT NULL,
    PRIMARY KEY (stream, sequence)
) WITHOUT ROWID;
