//! What hubs are asked, and who waits for the answers.
//!
//! The shell of [`vigie_engine::hub_request`] on the hub's side: holds its state and wakes whoever asked. What waits here
//! dies with the process; its callers do as well.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use vigie_engine::hub_request::{Outcome, ServerRequests};
use vigie_engine::rate_limit::RateLimiter;
use vigie_kvs::shapes::hub_request::HubRequest;
use vigie_kvs::shapes::sync_edge_agent::SyncEdgeAgentInput;

use crate::db::{Notice, Notices, Subscription};

pub(crate) struct HubRequests {
    state: Mutex<State>,
    /// What wakes the held calls of hubs. Who asks and the call that hears of it are in one process, and so is this.
    notices: Arc<dyn Notices>,
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
    /// None of these notices may get lost: nobody looks without one.
    pub(super) fn new(notices: Arc<dyn Notices>) -> Self {
        Self { state: Mutex::default(), notices }
    }

    /// What a held call of the hub waits by, for something that it is asked, or that is called off.
    pub(crate) fn listen(&self, hub_device_arn: &str) -> Box<dyn Subscription> {
        self.notices.subscribe([of_hub(hub_device_arn)].into())
    }

    /// Tells the held calls of a hub.
    pub(super) fn tell(&self, hub_device_arn: &str) {
        self.notices.publish(&of_hub(hub_device_arn));
    }

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

fn of_hub(hub_device_arn: &str) -> Notice {
    Notice::HubChanged { hub_device_arn: hub_device_arn.to_owned() }
}
