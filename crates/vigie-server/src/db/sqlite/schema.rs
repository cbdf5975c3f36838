//! The versions of the schema, each a step from the one before, so that a folder of any older version opens.
//!
//! Decides which steps a database needs. Never goes back: what a newer version wrote is refused.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::SqliteError;
use crate::db::DbError;

/// Step `n` leads from version `n` (0 is an empty file) to `n + 1`. Published steps never change.
const STEPS: &[&str] = &[
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
];

/// Takes the database to the newest version, all steps in one transaction.
pub(super) fn upgrade(connection: &Connection) -> Result<(), SqliteError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    if version(connection)? == known {
        return Ok(());
    }
    // Read again under the lock: a server and a `vigie keys` may open the same folder at once.
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    if found > known {
        return Err(DbError::TooNew { found, known }.into());
    }
    for (version, step) in (1..).zip(STEPS) {
        if version > found {
            transaction.execute_batch(step)?;
        }
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    if (1..known).contains(&found) {
        tracing::info!(from = found, to = known, "metadata database upgraded");
    }
    Ok(())
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database as version `version` left it.
    fn written_by(version: usize, rows: &str) -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        for step in &STEPS[..version] {
            connection.execute_batch(step).unwrap();
        }
        connection.execute_batch(rows).unwrap();
        connection.pragma_update(None, "user_version", version as i64).unwrap();
        connection
    }

    #[test]
    fn a_folder_of_the_first_version_opens_with_its_streams() {
        let rows = "INSERT INTO stream VALUES ('arn:gate', 'gate', 5, 'v1', 'ACTIVE', 24, NULL, \
                    'video/h264', NULL, 'HOT')";
        let connection = written_by(1, rows);
        upgrade(&connection).unwrap();
        let stream = super::super::stream::get(&connection, crate::db::StreamKey::Name("gate"));
        let stream = stream.unwrap().unwrap();
        assert_eq!((stream.retention_hours, stream.storage_tier.as_deref()), (24, Some("HOT")));
        assert_eq!((stream.image_generation_json, stream.notification_json), (None, None));
        upgrade(&connection).unwrap();
    }

    #[test]
    fn a_folder_of_the_second_version_opens_with_its_root_key() {
        let rows =
            "INSERT INTO access_key VALUES ('AKIA', x'01', 'arn:aws:iam::000000000000:root', 5)";
        let connection = written_by(2, rows);
        upgrade(&connection).unwrap();
        let key = super::super::access_key::get(&connection, "AKIA").unwrap().unwrap();
        assert_eq!((key.created_at.as_millis(), key.sealed_secret), (5, vec![1]));
        assert_eq!((key.policy_json, key.revoked_at), (None, None));
    }

    #[test]
    fn a_folder_of_the_third_version_opens_with_its_edge_configurations() {
        let rows = "INSERT INTO edge_configuration VALUES ('arn:gate', 'gate', 'arn:hub', '{}', 1, \
                    2, 3, 'IN_SYNC', NULL, 0, NULL, NULL, NULL, '{}', 4)";
        let connection = written_by(3, rows);
        upgrade(&connection).unwrap();
        let found = super::super::edge_configuration::get(&connection, "arn:gate");
        let found = found.unwrap().unwrap();
        assert_eq!((found.row_version, found.ledger_json), (4, None));
        assert!(super::super::media_ledger::ledgers(&connection, "arn:gate").unwrap().is_empty());
    }

    #[test]
    fn a_folder_of_the_fourth_version_opens_with_its_hubs() {
        let rows = "INSERT INTO hub VALUES ('arn:hub-1', 5, '1.0.0'), ('arn:hub-3', 6, '1.0.0');
                    INSERT INTO edge_configuration VALUES ('arn:gate', 'gate', 'arn:hub-2', '{}', 1, 2, \
                    3, 'IN_SYNC', NULL, 0, NULL, '{\"RecorderStatus\": \"USER_ERROR\"}', NULL, NULL, 4, NULL),
                    ('arn:yard', 'yard', 'arn:hub-2', '{}', 1, 2, 3, 'IN_SYNC', NULL, 0, NULL, NULL, \
                    NULL, NULL, 4, NULL), ('arn:attic', 'attic', 'arn:hub-3', '{}', 1, 2, 3, 'IN_SYNC', \
                    NULL, 0, NULL, '{\"RecorderStatus\": \"SUCCESS\"}', NULL, NULL, 4, NULL)";
        let connection = written_by(4, rows);
        upgrade(&connection).unwrap();
        let page = |from: &str, limit| {
            let found = super::super::hub::list(&connection, from, limit).unwrap();
            let hubs = found.into_iter().map(|hub| {
                (
                    hub.hub_device_arn,
                    hub.seen.is_some(),
                    hub.stream_count,
                    hub.failing_recorder_count,
                )
            });
            hubs.collect::<Vec<_>>()
        };
        let all = [
            ("arn:hub-1".to_owned(), true, 0, 0),
            ("arn:hub-2".to_owned(), false, 2, 1),
            ("arn:hub-3".to_owned(), true, 1, 0),
        ];
        assert_eq!(page("", 10), all);
        assert_eq!(page("", 2), all[..2]);
        assert_eq!(page("arn:hub-2", 2), all[1..]);
        assert_eq!(page("arn:hub-4", 2), []);
    }

    #[test]
    fn a_folder_of_the_fifth_version_opens_with_hubs_of_which_no_more_is_known() {
        let connection = written_by(5, "INSERT INTO hub VALUES ('arn:hub', 5, '1.0.0')");
        upgrade(&connection).unwrap();
        let hub = super::super::hub::get(&connection, "arn:hub").unwrap().unwrap();
        assert_eq!((hub.last_seen_at.as_millis(), hub.agent_version.as_str()), (5, "1.0.0"));
        assert_eq!((hub.clock_skew_ms, hub.holder), (None, None));
    }

    #[test]
    fn a_folder_of_the_sixth_version_opens_without_users_and_share_links() {
        let rows = "INSERT INTO access_key VALUES ('AKIA', x'01', 'arn:aws:iam::000000000000:root', 5, NULL, NULL)";
        let connection = written_by(6, rows);
        upgrade(&connection).unwrap();
        assert!(super::super::access_key::get(&connection, "AKIA").unwrap().is_some());
        assert_eq!(super::super::share_link::get(&connection, "link").unwrap(), None);
        let found = super::super::user::get(&connection, crate::db::UserKey::Name("ada"));
        assert_eq!(found.unwrap(), None);
    }

    #[test]
    fn an_upgrade_for_which_there_is_no_space_leaves_the_database_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let connection = Connection::open(folder.path().join("metadata.sqlite")).unwrap();
        for step in &STEPS[..3] {
            connection.execute_batch(step).unwrap();
        }
        connection.pragma_update(None, "user_version", 3).unwrap();
        let pages = |connection: &Connection| -> i64 {
            connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap()
        };
        let before = pages(&connection);
        // One page more each time, so that it fails in every step of it.
        for room in 0.. {
            connection.pragma_update(None, "max_page_count", before + room).unwrap();
            if upgrade(&connection).is_ok() {
                assert!(room > 2, "{room}");
                break;
            }
            assert_eq!((version(&connection).unwrap(), pages(&connection)), (3, before));
        }
        assert_eq!(version(&connection).unwrap(), STEPS.len() as i64);
    }

    #[test]
    fn processes_that_open_an_old_folder_at_once_upgrade_it_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metadata.sqlite");
        let old = Connection::open(&path).unwrap();
        old.pragma_update(None, "journal_mode", "WAL").unwrap();
        old.execute_batch(STEPS[0]).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        let opening: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || crate::db::SqliteMetadataDb::open(&path).map(drop))
            })
            .collect();
        for opened in opening {
            opened.join().unwrap().unwrap();
        }
        assert_eq!(version(&old).unwrap(), STEPS.len() as i64);
    }
}
