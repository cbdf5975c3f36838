-- Who of several servers may do what one at a time may do. Times are this database's, in milliseconds since the Unix epoch.

CREATE SEQUENCE lease_epoch;

CREATE TABLE lease (
    name TEXT COLLATE "C" PRIMARY KEY,
    holder_epoch BIGINT,
    holder_owner TEXT,
    holder_until_ms BIGINT,
    waiting_epoch BIGINT,
    waiting_owner TEXT,
    waiting_until_ms BIGINT,
    waiting_goes_on_at_ms BIGINT,
    revoked_to BIGINT,
    revoked_reason TEXT
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
