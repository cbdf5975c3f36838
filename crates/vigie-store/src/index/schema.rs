//! The versions of the index's tables, each a step from the one before, so that an index of any older version opens.
//!
//! Decides which steps an index needs. Never goes back: what a newer version wrote is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::error::IndexError;

/// Step `n` leads from version `n` (0 is an empty file) to `n + 1`. Published steps never change.
const STEPS: &[&str] =
    &[include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];

/// The version that this program writes.
pub(super) const VERSION: i64 = STEPS.len() as i64;

/// What the tables of version 2 would say of an index of version 1, for a connection that may not write. Sums are
/// taken anew for every question.
const VERSION_1_READ: &str = "
    CREATE TEMP VIEW stream_total AS
    SELECT stream_id, count(*) AS media_file_count, sum(size_bytes) AS size_bytes,
           sum(fragment_count) AS fragment_count, sum(not_uploaded_count) AS not_uploaded_count,
           sum(not_uploaded_size_bytes) AS not_uploaded_size_bytes,
           coalesce(max(sequence_max - sequence_min), 0) AS sequence_width,
           coalesce(max(producer_max - producer_min), 0) AS producer_width,
           coalesce(max(server_max - server_min), 0) AS server_width
    FROM main.media_file WHERE state <> 0 GROUP BY stream_id";

/// The same of an index before version 3.
const VERSION_2_READ: &str =
    "CREATE TEMP VIEW packed AS SELECT media_file_id, fragments, NULL AS crc32c FROM main.packed";

/// Takes the index to the newest version, all steps in one transaction.
pub(super) fn upgrade(connection: &mut Connection) -> Result<(), IndexError> {
    let found = version(connection)?;
    if found == VERSION {
        return Ok(());
    }
    if found > VERSION {
        return Err(IndexError::Version { found, supported: VERSION });
    }
    if found > 0 {
        tracing::info!(from = found, to = VERSION, "the index of media files is upgraded");
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    apply_steps(&transaction, found)?;
    transaction.commit()?;
    Ok(())
}

fn apply_steps(transaction: &Transaction<'_>, found: i64) -> Result<(), IndexError> {
    for (version, step) in (1..).zip(STEPS) {
        if version > found {
            transaction.execute_batch(step)?;
        }
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(())
}

/// Makes a connection that may not write able to read an index of an older version, as it is.
pub(super) fn read_as_it_is(connection: &Connection) -> Result<(), IndexError> {
    match version(connection)? {
        VERSION => Ok(()),
        1 => {
            connection.execute_batch(VERSION_1_READ)?;
            Ok(connection.execute_batch(VERSION_2_READ)?)
        }
        2 => Ok(connection.execute_batch(VERSION_2_READ)?),
        0 => Err(IndexError::Unmade),
        found => Err(IndexError::Version { found, supported: VERSION }),
    }
}

/// Tables, indexes and triggers with their texts, by kind and name.
type Definitions = BTreeMap<String, Option<String>>;

/// What the steps make, the same in every process of this version.
static MADE: OnceLock<Definitions> = OnceLock::new();

/// Tables, indexes and triggers that are not as the steps make them: their texts lie in the file like all else, and one that
/// rots may still be read, and mean something else. They are made in an `empty` one, once. An index of an older version is
/// not looked at.
pub(super) fn altered(
    connection: &Connection,
    empty: fn() -> Result<Connection, IndexError>,
) -> Result<Vec<String>, IndexError> {
    if version(connection)? != VERSION {
        return Ok(Vec::new());
    }
    let made = match MADE.get() {
        Some(made) => made,
        None => {
            let mut empty = empty()?;
            upgrade(&mut empty)?;
            let made = texts(&empty)?;
            MADE.get_or_init(|| made)
        }
    };
    let found = texts(connection)?;
    let differs = |name: &&String| found.get(*name) != made.get(*name);
    let names: BTreeSet<&String> = found.keys().chain(made.keys()).collect();
    Ok(names.into_iter().filter(differs).map(|name| format!("the definition of {name}")).collect())
}

fn texts(connection: &Connection) -> Result<Definitions, IndexError> {
    // What SQLite keeps for itself comes and goes.
    let sql = "SELECT type || ' ' || name || ' of ' || tbl_name, sql FROM sqlite_master
               WHERE substr(tbl_name, 1, 7) <> 'sqlite_'";
    let mut statement = connection.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn version(connection: &Connection) -> Result<i64, IndexError> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}
