//! What hubs are asked, and who waits for the answers.
//!
//! The shell of [`vigie_engine::hub_request`] on the hub's side: holds its state and wakes whoever asked. What waits here
//! dies with the process; its callers do as well.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use vigie_engine::hub_request::{Outcome, ServerRequests};
use vigie_engine::rate_limit::RateLimiter;
use vigie_kvs::shapes::hub_request::HubRequest;
use vigie_kvs::shapes::sync_edge_agent::SyncEdgeAgentInput;

#[derive(Debug, Default)]
pub(crate) struct HubRequests {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub requests: ServerRequests,
    /// Who waits, by the request's id.
    pub callers: HashMap<String, oneshot::Sender<Outcome>>,
    pub rates: RateLimiter<String>,
}

impl State {
    fn end(&mut self, ended: Vec<(String, Outcome)>) {
        for (id, outcome) in ended {
            if let Some(caller) = self.callers.remove(&id) {
                // A caller who has just gone needs no answer.
                drop(caller.send(outcome));
            }
        }
    }
}

impl HubRequests {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A hub's call, new or still held: takes what it says. Returns what the answer is to say, and whether that is news.
    pub(crate) fn heard(
        &self,
        call: &SyncEdgeAgentInput,
        now: Duration,
    ) -> (Option<Vec<HubRequest>>, bool) {
        let mut state = self.state();
        let ended = state.requests.heard(call, now);
        state.end(ended);
        (state.requests.told(call), state.requests.is_news(call))
    }

    pub(super) fn tick(&self, now: Duration) {
        let mut state = self.state();
        let ended = state.requests.tick(now);
        state.end(ended);
    }
}
