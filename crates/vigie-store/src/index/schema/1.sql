-- The store's index, version 1. A media file's fragments are single rows while it is open, so that a commit
-- touches few pages, and one packed blob once it is closed, so that a month stays small. The blobs have a table of
-- their own, so that a scan of media files does not read them.

-- Numbers that outlive the rows they came from, and the machine's last boot.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE stream (
    id            INTEGER PRIMARY KEY,
    key           TEXT NOT NULL UNIQUE,
    next_sequence INTEGER NOT NULL
) STRICT;

-- Columns from size_bytes to server_max are those of a closed file; of an open one they follow from its fragment rows.
-- Timestamps are milliseconds since the epoch.
CREATE TABLE media_file (
    id                      INTEGER PRIMARY KEY,
    stream_id               INTEGER NOT NULL,
    path                    TEXT NOT NULL,
    state                   INTEGER NOT NULL,  -- 0 open, 1 sealed, 2 abandoned
    header_size_bytes       INTEGER NOT NULL,
    header_crc32c           INTEGER NOT NULL,
    size_bytes              INTEGER NOT NULL DEFAULT 0,
    fragment_count          INTEGER NOT NULL DEFAULT 0,
    not_uploaded_count      INTEGER NOT NULL DEFAULT 0,
    not_uploaded_size_bytes INTEGER NOT NULL DEFAULT 0,
    sequence_min            INTEGER,
    sequence_max            INTEGER,
    producer_min            INTEGER,
    producer_max            INTEGER,
    producer_until          INTEGER,
    server_min              INTEGER,
    server_max              INTEGER,
    uploaded                BLOB NOT NULL DEFAULT x''   -- runs of uploaded sequences
) STRICT;

-- Fragments of closed media files.
CREATE TABLE packed (
    media_file_id INTEGER PRIMARY KEY,
    fragments     BLOB NOT NULL
) STRICT;

-- SQLite takes a partial index only for a condition that is written alike.
CREATE INDEX media_file_open ON media_file (stream_id) WHERE state = 0;
CREATE INDEX media_file_abandoned ON media_file (stream_id) WHERE state = 2;
CREATE INDEX media_file_sequence ON media_file (stream_id, sequence_min, sequence_max) WHERE state <> 0;
CREATE INDEX media_file_producer ON media_file (stream_id, producer_min, producer_max) WHERE state <> 0;
CREATE INDEX media_file_server ON media_file (stream_id, server_min, server_max) WHERE state <> 0;
CREATE INDEX media_file_not_uploaded ON media_file (stream_id, sequence_min, sequence_max)
    WHERE state <> 0 AND not_uploaded_count > 0;

-- Whole fragments of open media files.
CREATE TABLE fragment (
    media_file_id      INTEGER NOT NULL,
    sequence           INTEGER NOT NULL,
    producer_timestamp INTEGER NOT NULL,
    server_timestamp   INTEGER NOT NULL,
    timecode_ms        INTEGER NOT NULL,
    duration_ms        INTEGER NOT NULL,
    offset             INTEGER NOT NULL,
    size_bytes         INTEGER NOT NULL,
    frame_count        INTEGER NOT NULL,
    crc32c             INTEGER NOT NULL,
    number_tail        INTEGER NOT NULL,
    key                INTEGER NOT NULL,
    PRIMARY KEY (media_file_id, sequence)
) STRICT, WITHOUT ROWID;

-- The open fragment of each open media file, as of the last commit. A table of its own: the rows of all cameras
-- lie together, so that the commit of each second writes a page or two and not one for each camera.
CREATE TABLE open_fragment (
    media_file_id      INTEGER PRIMARY KEY,
    sequence           INTEGER NOT NULL,
    producer_timestamp INTEGER NOT NULL,
    server_timestamp   INTEGER NOT NULL,
    timecode_ms        INTEGER NOT NULL,
    duration_ms        INTEGER NOT NULL,
    offset             INTEGER NOT NULL,
    size_bytes         INTEGER NOT NULL,
    frame_count        INTEGER NOT NULL,
    crc32c             INTEGER NOT NULL,
    number_tail        INTEGER NOT NULL,
    key                INTEGER NOT NULL
) STRICT;
