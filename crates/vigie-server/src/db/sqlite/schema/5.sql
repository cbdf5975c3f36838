-- Everything that is asked again and again is found by an index.

CREATE INDEX secret_by_deletion ON secret (delete_after_ms) WHERE delete_after_ms IS NOT NULL;
CREATE INDEX access_key_by_creation ON access_key (created_at_ms, access_key_id);
CREATE INDEX access_key_root ON access_key (access_key_id) WHERE policy_json IS NULL AND revoked_at_ms IS NULL;
-- The configurations of a hub whose recorders failed.
CREATE INDEX edge_configuration_failing ON edge_configuration (hub_device_arn)
    WHERE json_extract(recorder_status_json, '$.RecorderStatus') IN ('USER_ERROR', 'SYSTEM_ERROR');
