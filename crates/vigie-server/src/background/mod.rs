//! Work that no call waits for, each kind a task of its own, so that none waits for another: deadlines of edge
//! configurations, the clock, retention of media and unfinished deletions, secrets, figures. All of it is derived from what
//! is stored, so a restart forgets nothing.
//!
//! Decides when each kind is due; what a deadline means is the engine's to say.

mod deadlines;
mod deletion;
mod sweep;

use std::sync::Arc;
use std::time::Duration;

use crate::db::{Notice, Notices};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::process::Process;

pub(crate) use deletion::MediaDeletion;

/// How often everything is looked at. Deadlines are met earlier, when they are due.
const PERIOD: Duration = Duration::from_secs(60);
/// When the database fails, the time to the next try.
const RETRY: Duration = Duration::from_secs(5);

pub(crate) struct Background {
    pub process: Arc<Process>,
    pub metrics: Arc<Metrics>,
    pub health: Health,
    /// A deadline that was set is one of them.
    pub notices: Arc<dyn Notices>,
    pub deletion: Arc<MediaDeletion>,
}

/// A kind of work.
#[derive(Clone, Copy)]
enum Work {
    Deadlines,
    Clock,
    Media,
    Secrets,
    Figures,
}

impl Work {
    const ALL: [Self; 5] =
        [Self::Deadlines, Self::Clock, Self::Media, Self::Secrets, Self::Figures];
}

impl Background {
    /// Begins all of it; it ends when the server stops.
    pub(crate) fn start(self: &Arc<Self>) {
        for work in Work::ALL {
            self.process.spawn(Arc::clone(self).run(work));
        }
    }

    async fn run(self: Arc<Self>, work: Work) {
        let mut stopping = self.process.stopping();
        // A hint: what it tells of is due by the next look without it.
        let mut early = self.notices.subscribe([Notice::DeadlineSet].into());
        let mut due_at = Duration::ZERO;
        loop {
            let now = self.process.now();
            // Which deadline is next may have changed.
            if now.mono >= due_at || matches!(work, Work::Deadlines) {
                let due_in = self.do_what_is_due(work).await;
                due_at = self.process.now().mono + due_in;
            }
            let wait = due_at.saturating_sub(self.process.now().mono);
            tokio::select! {
                biased;
                () = stopping.wait() => break,
                () = early.heard() => {}
                // A jump is written down at once.
                () = self.process.age_hold.jumped(), if matches!(work, Work::Clock) => {
                    due_at = Duration::ZERO;
                }
                () = self.process.sleep(wait) => {}
            }
        }
        // To a disk that failed nothing more is written: it may say that it kept what it will not have, and then the
        // metadata is older than is known of it.
        if matches!(work, Work::Clock) && !self.health.has_failed() {
            self.process.age_hold.write_down(self.health.db.as_ref(), self.process.now()).await;
        }
    }

    /// Returns the time to the next look.
    async fn do_what_is_due(&self, work: Work) -> Duration {
        let db = self.health.db.as_ref();
        match work {
            Work::Deadlines => deadlines::meet(db, &self.process).await,
            Work::Clock => {
                self.process.age_hold.write_down(db, self.process.now()).await;
                PERIOD
            }
            Work::Media => {
                sweep::streams(db, &self.deletion).await;
                PERIOD
            }
            Work::Secrets => {
                let now = self.process.age_hold.age_clock(self.process.now());
                if let Err(error) = sweep::secrets(db, self.notices.as_ref(), now).await {
                    tracing::error!(%error, "secrets were not deleted");
                }
                PERIOD
            }
            Work::Figures => {
                sweep::figures(self.health.fragments.as_ref(), &self.metrics).await;
                PERIOD
            }
        }
    }
}
