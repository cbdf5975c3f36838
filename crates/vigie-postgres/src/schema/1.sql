-- Time stamps are milliseconds since the Unix epoch. Texts are compared by their bytes, as every engine does.
-- A step may be applied while servers of the version before go on: it adds, and takes away only what they do not use.

CREATE TABLE setting (
    name TEXT COLLATE "C" PRIMARY KEY,
    value BYTEA NOT NULL
);

-- A change that was committed, by whoever made it: where its answer was lost, it is found here and not made again.
CREATE TABLE change (
    writer BYTEA NOT NULL,
    number BIGINT NOT NULL,
    answer BIGINT,
    made_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (writer, number)
);
CREATE INDEX change_by_time ON change (made_at);

CREATE TABLE stream (
    arn TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    created_at_ms BIGINT NOT NULL,
    version TEXT NOT NULL,
    status TEXT NOT NULL,
    retention_hours BIGINT NOT NULL,
    device_name TEXT,
    media_type TEXT,
    kms_key_id TEXT,
    storage_tier TEXT,
    image_generation_json TEXT,
    notification_json TEXT
);

CREATE TABLE stream_tag (
    stream_arn TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (stream_arn, key)
);

-- No foreign key to stream: it outlives the stream until its hub has erased the media.
CREATE TABLE edge_configuration (
    stream_arn TEXT COLLATE "C" PRIMARY KEY,
    stream_name TEXT NOT NULL,
    hub_device_arn TEXT COLLATE "C" NOT NULL,
    edge_config_json TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    sync_status TEXT NOT NULL,
    give_up_at_ms BIGINT,
    failed_by_silence BOOLEAN NOT NULL,
    failed_status_details TEXT,
    recorder_status_json TEXT,
    recorder_failed BOOLEAN NOT NULL,
    uploader_status_json TEXT,
    local_media_json TEXT,
    ledger_json TEXT,
    row_version BIGINT NOT NULL
);
CREATE INDEX edge_configuration_by_hub ON edge_configuration (hub_device_arn, stream_arn);
CREATE INDEX edge_configuration_by_deadline ON edge_configuration (give_up_at_ms, stream_arn)
    WHERE give_up_at_ms IS NOT NULL;
CREATE INDEX edge_configuration_failing ON edge_configuration (hub_device_arn) WHERE recorder_failed;

CREATE TABLE hub (
    hub_device_arn TEXT COLLATE "C" PRIMARY KEY,
    last_seen_at_ms BIGINT NOT NULL,
    agent_version TEXT NOT NULL,
    clock_skew_ms BIGINT,
    holder_json TEXT
);

CREATE TABLE media_ledger (
    stream_arn TEXT COLLATE "C" NOT NULL,
    ledger_id TEXT COLLATE "C" NOT NULL,
    hub_device_arn TEXT NOT NULL,
    known_from_ms BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (stream_arn, ledger_id)
);

CREATE TABLE media_ledger_entry (
    stream_arn TEXT COLLATE "C" NOT NULL,
    ledger_id TEXT COLLATE "C" NOT NULL,
    id BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    reason TEXT NOT NULL,
    starts_at_ms BIGINT NOT NULL,
    ends_at_ms BIGINT NOT NULL,
    fragment_count BIGINT NOT NULL,
    size_bytes BIGINT NOT NULL,
    PRIMARY KEY (stream_arn, ledger_id, id)
);
CREATE INDEX media_ledger_entry_by_time
    ON media_ledger_entry (stream_arn, kind, starts_at_ms, ledger_id, id);

CREATE TABLE secret (
    arn TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    description TEXT,
    kms_key_id TEXT,
    tags_json TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    changed_at_ms BIGINT NOT NULL,
    accessed_on_ms BIGINT,
    deleted_at_ms BIGINT,
    delete_after_ms BIGINT,
    row_version BIGINT NOT NULL
);
CREATE INDEX secret_by_deletion ON secret (delete_after_ms, arn) WHERE delete_after_ms IS NOT NULL;

CREATE TABLE secret_version (
    secret_arn TEXT COLLATE "C" NOT NULL REFERENCES secret (arn) ON DELETE CASCADE,
    version_id TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    stages_json TEXT NOT NULL,
    sealed_value BYTEA NOT NULL,
    PRIMARY KEY (secret_arn, version_id)
);

CREATE TABLE access_key (
    access_key_id TEXT COLLATE "C" PRIMARY KEY,
    sealed_secret BYTEA NOT NULL,
    principal_arn TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    policy_json TEXT,
    revoked_at_ms BIGINT
);
CREATE INDEX access_key_by_creation ON access_key (created_at_ms, access_key_id);
CREATE INDEX access_key_root ON access_key (created_at_ms, access_key_id)
    WHERE policy_json IS NULL AND revoked_at_ms IS NULL;

CREATE TABLE user_account (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT NOT NULL,
    -- In lower case, which is how it is found and ordered.
    name_key TEXT COLLATE "C" NOT NULL UNIQUE,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    scope_json TEXT NOT NULL,
    is_disabled BOOLEAN NOT NULL,
    sessions_epoch BIGINT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    password_changed_at_ms BIGINT NOT NULL,
    last_sign_in_at_ms BIGINT,
    row_version BIGINT NOT NULL
);

-- Of the secret in a link's URL there is a hash alone.
CREATE TABLE share_link (
    link_id TEXT COLLATE "C" PRIMARY KEY,
    secret_sha256 BYTEA NOT NULL UNIQUE,
    stream_arn TEXT COLLATE "C" NOT NULL,
    stream_name TEXT NOT NULL,
    kind TEXT NOT NULL,
    starts_at_ms BIGINT NOT NULL,
    ends_at_ms BIGINT,
    principal_arn TEXT NOT NULL,
    maker_id TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    revoked_at_ms BIGINT
);
CREATE INDEX share_link_by_stream ON share_link (stream_arn, created_at_ms, link_id);
