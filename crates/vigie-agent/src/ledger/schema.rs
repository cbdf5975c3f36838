//! The versions of the ledgers' tables, each a step from the one before, so that ledgers of any older version open.
//!
//! Decides which steps they need. Never goes back: what a newer version wrote is refused.

use rusqlite::{Connection, TransactionBehavior};

use super::LedgerError;

/// Step `n` leads from version `n` (0 is an empty file) to `n + 1`. Published steps never change. Those who only read
/// take every version as it is: a step adds nothing that they need.
const STEPS: &[&str] = &[include_str!("schema/1.sql"), include_str!("schema/2.sql")];

/// The version that this program writes.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// Takes the ledgers to the newest version, all steps in one transaction.
pub(super) fn upgrade(connection: &mut Connection) -> Result<(), LedgerError> {
    let found = version(connection)?;
    if found == VERSION {
        return Ok(());
    }
    if found > 0 {
        tracing::info!(from = found, to = VERSION, "the ledgers of gaps and losses are upgraded");
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for (version, step) in (1..).zip(STEPS) {
        if version > found {
            transaction.execute_batch(step)?;
        }
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

/// The version in the file, which is none of the future.
pub(super) fn version(connection: &Connection) -> Result<i64, LedgerError> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION {
        return Err(LedgerError::Version { found, known: VERSION });
    }
    Ok(found)
}
