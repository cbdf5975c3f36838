-- People who sign in with a name and a password.

CREATE TABLE user_account (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    -- In lower case, which is how it is found and ordered.
    name_key TEXT NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    scope_json TEXT NOT NULL,
    is_disabled INTEGER NOT NULL,
    sessions_epoch INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    password_changed_at_ms INTEGER NOT NULL,
    last_sign_in_at_ms INTEGER,
    row_version INTEGER NOT NULL
);

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
    maker_id TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    revoked_at_ms INTEGER
) WITHOUT ROWID;
CREATE INDEX share_link_by_stream ON share_link (stream_arn, created_at_ms, link_id);
