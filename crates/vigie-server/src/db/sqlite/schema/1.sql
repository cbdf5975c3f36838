-- Time stamps are milliseconds since the Unix epoch.
-- Only what PostgreSQL knows as well, so that it can take the same shape.

CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE stream (
    arn TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at_ms INTEGER NOT NULL,
    version TEXT NOT NULL,
    status TEXT NOT NULL,
    retention_hours INTEGER NOT NULL,
    device_name TEXT,
    media_type TEXT,
    kms_key_id TEXT,
    storage_tier TEXT
);

CREATE TABLE stream_tag (
    stream_arn TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (stream_arn, key)
) WITHOUT ROWID;

-- No foreign key to stream: it outlives the stream until its hub has erased the media.
CREATE TABLE edge_configuration (
    stream_arn TEXT PRIMARY KEY,
    stream_name TEXT NOT NULL,
    hub_device_arn TEXT NOT NULL,
    edge_config_json TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    sync_status TEXT NOT NULL,
    give_up_at_ms INTEGER,
    failed_by_silence INTEGER NOT NULL,
    failed_status_details TEXT,
    recorder_status_json TEXT,
    uploader_status_json TEXT,
    local_media_json TEXT,
    row_version INTEGER NOT NULL
);
CREATE INDEX edge_configuration_by_hub ON edge_configuration (hub_device_arn, stream_arn);
CREATE INDEX edge_configuration_by_deadline ON edge_configuration (give_up_at_ms)
    WHERE give_up_at_ms IS NOT NULL;

CREATE TABLE hub (
    hub_device_arn TEXT PRIMARY KEY,
    last_seen_at_ms INTEGER NOT NULL,
    agent_version TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE secret (
    arn TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    kms_key_id TEXT,
    tags_json TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    changed_at_ms INTEGER NOT NULL,
    accessed_on_ms INTEGER,
    deleted_at_ms INTEGER,
    delete_after_ms INTEGER,
    row_version INTEGER NOT NULL
);

CREATE TABLE secret_version (
    secret_arn TEXT NOT NULL REFERENCES secret (arn) ON DELETE CASCADE,
    version_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    stages_json TEXT NOT NULL,
    sealed_value BLOB NOT NULL,
    PRIMARY KEY (secret_arn, version_id)
);

CREATE TABLE access_key (
    access_key_id TEXT PRIMARY KEY,
    sealed_secret BLOB NOT NULL,
    principal_arn TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
);
