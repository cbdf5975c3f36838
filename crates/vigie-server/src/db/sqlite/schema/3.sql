-- Access keys carry a policy and can be revoked. A key without a policy is a root key, as all were before.

ALTER TABLE access_key ADD COLUMN policy_json TEXT;
ALTER TABLE access_key ADD COLUMN revoked_at_ms INTEGER;
