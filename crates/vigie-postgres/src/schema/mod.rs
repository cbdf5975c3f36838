//! The versions of the schema, each a step from the one before, and which of them this program may work with.
//!
//! Decides which steps a database needs. Steps widen first and narrow later: servers of version N and N + 1 run side by side, and a
//! step says which is the oldest version that may still work once it is applied.

use deadpool_postgres::Connect;
use tokio_postgres::{Client, Row};
use vigie_metadata::DbError;

use crate::connect::Connecting;
use crate::error::Fault;
use crate::options::ConnectOptions;

struct Step {
    sql: &'static str,
    /// Programs that know this version or a later one may work with a database that has the step.
    oldest_reader: i64,
}

/// Step `n` leads from version `n` (0 is an empty database) to `n + 1`. Published steps never change.
const STEPS: &[Step] = &[
    Step { sql: include_str!("1.sql"), oldest_reader: 1 },
    Step { sql: include_str!("2.sql"), oldest_reader: 1 },
];

pub(crate) const EXISTS: &str = "SELECT to_regclass('schema_version') IS NOT NULL";
pub(crate) const VERSION: &str =
    "SELECT version, oldest_reader FROM schema_version ORDER BY version DESC LIMIT 1";
const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY, \
                     oldest_reader BIGINT NOT NULL, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())";
/// One program at a time migrates a database. Of the session, on a connection that no pooler shares.
const LOCK: &str = "SELECT pg_advisory_lock(x'56494749'::bigint)";
/// A step that would have to wait for long would hold up all who come behind it.
const LIMITS: &str = "SET lock_timeout = '5s'";

/// What a database says of itself; nothing where it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version {
    number: i64,
    oldest_reader: i64,
}

pub(crate) fn from_row(row: &Row) -> Result<Version, Fault> {
    Ok(Version { number: row.try_get(0)?, oldest_reader: row.try_get(1)? })
}

fn known() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Whether this program may work with a database of that version.
pub(crate) fn may_work_with(found: Version) -> Result<(), DbError> {
    let known = known();
    if found.oldest_reader > known {
        return Err(DbError::TooNew { found: found.number, known });
    }
    if found.number < known {
        return Err(DbError::TooOld { found: found.number, known });
    }
    Ok(())
}

/// Brings a database to this version, each step in a transaction of its own; nothing where it is there already. Breaking it off
/// leaves whole steps, from which the next call goes on.
pub async fn migrate(options: &ConnectOptions) -> Result<(), DbError> {
    let connecting = Connecting::new(options);
    // Waits for whoever migrates at the moment, which may be long.
    let config = options.config_with("-c lock_timeout=0 -c statement_timeout=0");
    let connected = connecting.connect(&config).await;
    let (client, driving) = connected.map_err(|error| Fault::from(error).into_db_error())?;
    let migrated = steps(&client).await.map_err(Fault::into_db_error);
    drop(client);
    // With the client the connection ends, and the lock with it.
    driving.await.map_err(|error| DbError::Engine(error.to_string()))?;
    migrated
}

async fn steps(client: &Client) -> Result<(), Fault> {
    client.batch_execute(LOCK).await?;
    client.batch_execute(LIMITS).await?;
    client.batch_execute(TABLE).await?;
    let row = client.query_opt(VERSION, &[]).await?;
    let found = row.as_ref().map(from_row).transpose()?.unwrap_or_default();
    if found.oldest_reader > known() {
        return Err(DbError::TooNew { found: found.number, known: known() }.into());
    }
    for (version, step) in (1..).zip(STEPS) {
        if version > found.number {
            // All of a step and its number in one message, which the server makes one transaction of.
            let oldest_reader = step.oldest_reader;
            let sql = format!(
                "{}; INSERT INTO schema_version (version, oldest_reader) VALUES ({version}, {oldest_reader});",
                step.sql
            );
            client.batch_execute(&sql).await?;
            tracing::info!(version, "metadata database migrated");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_is_refused_only_when_it_says_so() {
        let of = |number, oldest_reader| may_work_with(Version { number, oldest_reader });
        assert!(matches!(of(0, 0), Err(DbError::TooOld { found: 0, .. })));
        assert!(matches!(of(known() - 1, 1), Err(DbError::TooOld { .. })));
        for number in [known(), known() + 1, known() + 9] {
            of(number, known()).unwrap();
        }
        let refused = of(known() + 1, known() + 1);
        assert!(matches!(refused, Err(DbError::TooNew { .. })), "{refused:?}");
    }
}
