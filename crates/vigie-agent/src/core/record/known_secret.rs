//! How fresh what is known of the camera's secret is. The secret itself is kept elsewhere, see [`crate::core::kept`].

use std::time::Duration;

use vigie_engine::clock::Now;

use crate::core::event::Session;

/// A secret is asked for again at most so often while the recorder goes on with a known one, or waits for its window.
const ASK_INTERVAL: Duration = Duration::from_secs(60);
/// Another revision that could not be read is asked for again after so long.
const REVISION_INTERVAL: Duration = Duration::from_secs(5);
/// Where nothing is said of revisions, what was read counts as another one after so long: Secrets Manager is paid by the call.
const REFRESH_INTERVAL: Duration = Duration::from_secs(3600);

/// When the secret behind `MediaUriSecretArn` was asked for and answered, and what the service says of it.
#[derive(Default)]
pub(super) struct KnownSecret {
    /// The next attempt asks before it uses a known one.
    pub(super) ask_first: bool,
    pub(super) asked_at: Option<Duration>,
    /// The number of the first session that asked under the present configuration: answers to older ones may be about
    /// another secret.
    pub(super) asked_from: Option<u64>,
    pub(super) answered_at: Option<Duration>,
    /// The number of the newest session that was answered: what older ones still hear is older.
    pub(super) answered: Option<u64>,
    /// What the service last said that the secret is.
    pub(super) revision: Option<String>,
    /// That has not been read yet.
    pub(super) is_behind: bool,
    /// The number of the first session that asked since.
    pub(super) behind_from: Option<u64>,
    /// The question that no source waits for.
    pub(super) refresh: Option<Session>,
}

impl KnownSecret {
    /// A configuration was applied: what is known may be old.
    pub(super) fn configured() -> Self {
        Self { ask_first: true, ..Self::default() }
    }

    /// It is being asked for.
    pub(super) fn ask(&mut self, session: &Session, now: Now) {
        self.asked_at = Some(now.mono);
        self.asked_from.get_or_insert(session.number);
        if self.is_behind {
            self.behind_from.get_or_insert(session.number);
        }
    }

    /// What it was asked by `session` is known now, one way or the other.
    pub(super) fn caught_up(&mut self, session: &Session) {
        if self.behind_from.is_some_and(|from| session.number >= from) {
            self.is_behind = false;
            self.behind_from = None;
        }
    }

    /// Whether it was asked for just now.
    pub(super) fn is_asked(&self, now: Now) -> bool {
        let interval = if self.is_behind { REVISION_INTERVAL } else { ASK_INTERVAL };
        self.asked_at.is_some_and(|at| now.mono.saturating_sub(at) < interval)
    }

    /// Whether what is known is of now, where anything is.
    pub(super) fn is_fresh(&self, now: Now) -> bool {
        let is_of_this_hour = |at| now.mono.saturating_sub(at) < REFRESH_INTERVAL;
        !self.is_behind
            && self.answered_at.is_some_and(|at| self.revision.is_some() || is_of_this_hour(at))
    }
}
