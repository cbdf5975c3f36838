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
