-- Links that show a stream or a clip without an account. Of the secret in a link's URL there is a hash alone.
CREATE TABLE share_link (
    link_id TEXT NOT NULL PRIMARY KEY,
    secret_sha256 BLOB NOT NULL UNIQUE,
    stream_arn TEXT NOT NULL,
    stream_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    starts_at_ms INTEGER NOT NULL,
    ends_at_ms INTEGER,
    principal_arn TEXT NOT NULL,
    access_key_id TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    revoked_at_ms INTEGER
) WITHOUT ROWID;
CREATE INDEX share_link_by_stream ON share_link (stream_arn, created_at_ms, link_id);
