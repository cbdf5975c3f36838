//! What of the database an operator should know: whether what is committed outlives the machine, whether it takes changes, and
//! whether its clock is this server's. Reads rows, and decides by them alone.

use vigie_media::Timestamp;
use vigie_metadata::DbError;

use crate::database::Database;
use crate::error::Fault;

/// Above it the order of what several servers write is not the order in which it happened.
const CLOCK_SKEW_MAX_MS: u64 = 1_000;

/// What the database says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// It is a standby, or was told to take no changes.
    pub is_read_only: bool,
    /// Whether a commit waits for the disk of its own machine.
    pub waits_for_disk: bool,
    /// Whether a commit waits for a standby.
    pub waits_for_standby: bool,
    /// Standbys that it waits for and that are there; unknown where this user may not see them (`pg_read_all_stats`).
    pub synchronous_standbys: Option<u64>,
    /// Its clock when it answered.
    pub clock: Timestamp,
}

/// What is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseTrouble {
    /// Nothing can be changed.
    ReadOnly,
    /// What was acknowledged can be lost when its machine loses power.
    CommitsWithoutDisk,
    /// What was acknowledged can be lost at a failover.
    NoSynchronousStandby,
    /// Its clock is ahead of this server's, or behind, by so much.
    ClockSkew {
        /// Ahead when positive.
        ahead_ms: i64,
    },
}

const FACTS: &str = "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean, \
     current_setting('fsync')::boolean AND current_setting('synchronous_commit') <> 'off', \
     current_setting('synchronous_standby_names') <> '' \
         AND current_setting('synchronous_commit') NOT IN ('off', 'local'), \
     (SELECT count(*) FILTER (WHERE sync_state IN ('sync', 'quorum')) FROM pg_stat_replication), \
     (SELECT count(*) FILTER (WHERE sync_state IS NULL) FROM pg_stat_replication), \
     floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

impl Database {
    /// Asks the database of itself.
    pub async fn facts(&self) -> Result<DatabaseFacts, DbError> {
        let facts = self.one(FACTS, &[], |row| {
            let (seen, hidden): (i64, i64) = (row.try_get(3)?, row.try_get(4)?);
            Ok::<_, Fault>(DatabaseFacts {
                is_read_only: row.try_get(0)?,
                waits_for_disk: row.try_get(1)?,
                waits_for_standby: row.try_get(2)?,
                synchronous_standbys: (hidden == 0).then_some(seen.cast_unsigned()),
                clock: Timestamp::from_millis(row.try_get(5)?),
            })
        });
        facts.await?.ok_or_else(|| DbError::Away("it says nothing of itself".to_owned()))
    }
}

impl DatabaseFacts {
    /// What is wrong, for one who asked and was answered at these times of its own clock.
    pub fn troubles(&self, asked_at: Timestamp, answered_at: Timestamp) -> Vec<DatabaseTrouble> {
        let mut troubles = Vec::new();
        if self.is_read_only {
            troubles.push(DatabaseTrouble::ReadOnly);
        }
        if !self.waits_for_disk {
            troubles.push(DatabaseTrouble::CommitsWithoutDisk);
        }
        if !self.waits_for_standby || self.synchronous_standbys == Some(0) {
            troubles.push(DatabaseTrouble::NoSynchronousStandby);
        }
        // Somewhere between question and answer: what lies in there is no skew.
        let clock = self.clock.as_millis();
        let nearest =
            clock.clamp(asked_at.as_millis(), answered_at.as_millis().max(asked_at.as_millis()));
        let ahead_ms = clock.saturating_sub(nearest);
        if ahead_ms.unsigned_abs() > CLOCK_SKEW_MAX_MS {
            troubles.push(DatabaseTrouble::ClockSkew { ahead_ms });
        }
        troubles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_is_told_and_a_slow_answer_is_no_skew() {
        let at = Timestamp::from_millis;
        let well = DatabaseFacts {
            is_read_only: false,
            waits_for_disk: true,
            waits_for_standby: true,
            synchronous_standbys: Some(1),
            clock: at(100_000),
        };
        let troubles = |facts: DatabaseFacts| facts.troubles(at(100_000), at(100_010));
        assert_eq!(troubles(well), []);
        assert_eq!(troubles(DatabaseFacts { synchronous_standbys: None, ..well }), []);
        let none = [DatabaseTrouble::NoSynchronousStandby];
        assert_eq!(troubles(DatabaseFacts { synchronous_standbys: Some(0), ..well }), none);
        assert_eq!(troubles(DatabaseFacts { waits_for_standby: false, ..well }), none);
        let facts = DatabaseFacts { is_read_only: true, waits_for_disk: false, ..well };
        assert_eq!(
            troubles(facts),
            [DatabaseTrouble::ReadOnly, DatabaseTrouble::CommitsWithoutDisk]
        );
        let skew = |clock| troubles(DatabaseFacts { clock: at(clock), ..well });
        assert_eq!(skew(101_010), []);
        assert_eq!(skew(101_011), [DatabaseTrouble::ClockSkew { ahead_ms: 1_001 }]);
        assert_eq!(skew(98_999), [DatabaseTrouble::ClockSkew { ahead_ms: -1_001 }]);
        assert_eq!(well.troubles(at(90_000), at(110_000)), []);
    }
}
