//! The server's clock and its jumps: samples it whenever it is read, remembers over restarts what it said, and says when it is
//! not believed.
//!
//! What a jump is and how long it counts is decided in [`vigie_engine::age_hold`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use vigie_engine::age_hold::{AgeHold, Jump, LastRun};
use vigie_engine::clock::Now;
use vigie_media::Timestamp;

use crate::db::{DbError, MetadataDb};

/// The name of the value that is kept in the metadata.
const SETTING: &str = "last-run";

/// [`LastRun`] as it is kept.
#[derive(Serialize, Deserialize)]
struct StoredLastRun {
    seen_at_ms: i64,
    hold_left_ms: u64,
}

pub(crate) struct ServerAgeHold {
    hold: Mutex<AgeHold>,
    jumps: Notify,
}

impl ServerAgeHold {
    /// Goes on where an earlier process on the same metadata ended.
    pub(crate) async fn open(db: &dyn MetadataDb, now: Now) -> Result<Self, DbError> {
        let stored = db.setting(SETTING).await?;
        let last_run = stored.and_then(|json| serde_json::from_slice(&json).ok()).map(
            |StoredLastRun { seen_at_ms, hold_left_ms }| LastRun {
                seen_at: Timestamp::from_millis(seen_at_ms),
                hold_left: Duration::from_millis(hold_left_ms),
            },
        );
        let (hold, jump) = AgeHold::start(last_run, now);
        if let Some(jump) = jump {
            tracing::warn!(
                clock_moved_by_seconds = jump.by_ms / 1000,
                "the clock is elsewhere than where the server last saw it, because the server was off or the clock was \
                 set: nothing is deleted by age for an hour; limits of size stay in force"
            );
        }
        Ok(Self { hold: Mutex::new(hold), jumps: Notify::new() })
    }

    /// How long nothing is deleted by age yet.
    pub(crate) fn left(&self, now: Now) -> Duration {
        self.hold().left(now)
    }

    /// Samples the clock.
    pub(crate) fn sample(&self, now: Now) {
        let jump = self.hold().sample(now);
        if let Some(jump) = jump {
            say(&jump);
            self.jumps.notify_one();
        }
    }

    /// Resolves when a sample has shown a jump since this last did, which is to be written down at once. Safe to drop and call
    /// again.
    pub(crate) async fn jumped(&self) {
        self.jumps.notified().await;
    }

    /// The time by which age is told; while the clock is not believed, one at which nothing is old.
    pub(crate) fn age_clock(&self, now: Now) -> Timestamp {
        self.hold().age_clock(now)
    }

    /// Keeps for the next process what this one saw, samples the clock for it. That it cannot is said; the next one then goes
    /// by what is older.
    pub(crate) async fn write_down(&self, db: &dyn MetadataDb, now: Now) {
        let (LastRun { seen_at, hold_left }, jump) = self.hold().to_write_down(now);
        if let Some(jump) = jump {
            say(&jump);
        }
        let stored = StoredLastRun {
            seen_at_ms: seen_at.as_millis(),
            hold_left_ms: u64::try_from(hold_left.as_millis()).unwrap_or(u64::MAX),
        };
        let written = match serde_json::to_vec(&stored) {
            Ok(json) => db.save_setting(SETTING, &json).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = written {
            tracing::error!(error, "what the clock says could not be written down");
        }
    }

    fn hold(&self) -> MutexGuard<'_, AgeHold> {
        self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn say(jump: &Jump) {
    tracing::warn!(
        by_seconds = jump.by_ms / 1000,
        "the clock jumped: nothing is deleted by age for an hour; limits of size stay in force"
    );
}
