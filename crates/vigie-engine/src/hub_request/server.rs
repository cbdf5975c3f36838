//! The server's side: holds what is asked until it is answered, late, or given up.
//!
//! Never waits; whoever asked does, and is woken with the [`Outcome`]s that come out here.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;
use vigie_kvs::shapes::hub_request::{HubAnswer, HubRequest, HubRequestReport};
use vigie_kvs::shapes::sync_edge_agent::SyncEdgeAgentInput;

use super::{IN_ALL_MAX, OF_CALLER_MAX, OF_HUB_MAX, PROGRESS_BYTES_MAX, TAKEN_WITHIN};

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The hub has answered.
    Answered(HubAnswer),
    /// The hub's agent does not know this kind of request.
    Unsupported {
        /// What it says of itself.
        agent_version: String,
    },
    /// The hub has not taken it within [`TAKEN_WITHIN`].
    NotInContact,
    /// The hub has taken it and not answered in time.
    TimedOut {
        /// The last that it said.
        progress: Option<String>,
    },
}

/// Why nothing was asked.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum AskError {
    /// [`OF_CALLER_MAX`].
    #[error(
        "this caller waits for {OF_CALLER_MAX} answers of the hub already; wait for one of them"
    )]
    Caller,
    /// [`OF_HUB_MAX`].
    #[error("the hub is asked {OF_HUB_MAX} things already; try again in a while")]
    Hub,
    /// [`IN_ALL_MAX`].
    #[error("hubs are asked {IN_ALL_MAX} things already; try again in a while")]
    InAll,
}

#[derive(Debug)]
struct Waiting {
    hub_device_arn: String,
    caller: String,
    request: HubRequest,
    asked_at: Duration,
    /// The hub has mentioned it.
    taken_at: Option<Duration>,
    progress: Option<String>,
}

impl Waiting {
    /// From when it is late.
    fn deadline(&self) -> Duration {
        match self.taken_at {
            None => self.asked_at + TAKEN_WITHIN,
            Some(at) => at + Duration::from_secs(u64::from(self.request.timeout_seconds)),
        }
    }
}

/// Everything that is asked of hubs.
#[derive(Debug, Default)]
pub struct ServerRequests {
    /// In the order in which they were asked.
    waiting: BTreeMap<u64, Waiting>,
    asked: u64,
}

impl ServerRequests {
    /// Asks a hub for something; `caller` is whoever shares a bound.
    ///
    /// # Errors
    ///
    /// When too much is asked already.
    pub fn ask(
        &mut self,
        hub_device_arn: &str,
        caller: &str,
        request: HubRequest,
        now: Duration,
    ) -> Result<(), AskError> {
        let of_hub = || self.of_hub(hub_device_arn);
        if of_hub().filter(|waiting| waiting.caller == caller).count() >= OF_CALLER_MAX {
            return Err(AskError::Caller);
        }
        if of_hub().count() >= OF_HUB_MAX {
            return Err(AskError::Hub);
        }
        if self.waiting.len() >= IN_ALL_MAX {
            return Err(AskError::InAll);
        }
        self.asked += 1;
        let waiting = Waiting {
            hub_device_arn: hub_device_arn.to_owned(),
            caller: caller.to_owned(),
            request,
            asked_at: now,
            taken_at: None,
            progress: None,
        };
        self.waiting.insert(self.asked, waiting);
        Ok(())
    }

    /// Nobody waits for the answer any more.
    pub fn call_off(&mut self, request_id: &str) {
        self.waiting.retain(|_, waiting| waiting.request.request_id != request_id);
    }

    /// A call of a hub, new or still held: what it says of its requests, and what has ended by that.
    pub fn heard(&mut self, call: &SyncEdgeAgentInput, now: Duration) -> Vec<(String, Outcome)> {
        let mut ended = Vec::new();
        self.waiting.retain(|_, waiting| {
            if waiting.hub_device_arn != call.hub_device_arn {
                return true;
            }
            let outcome = waiting.hear(call, now);
            let goes_on = outcome.is_none();
            ended.extend(outcome.map(|outcome| (waiting.request.request_id.clone(), outcome)));
            goes_on
        });
        ended
    }

    /// What is late by now.
    pub fn tick(&mut self, now: Duration) -> Vec<(String, Outcome)> {
        let mut ended = Vec::new();
        self.waiting.retain(|_, waiting| {
            if now < waiting.deadline() {
                return true;
            }
            let outcome = match waiting.taken_at {
                None => Outcome::NotInContact,
                Some(_) => Outcome::TimedOut { progress: waiting.progress.take() },
            };
            ended.push((waiting.request.request_id.clone(), outcome));
            false
        });
        ended
    }

    /// When a request is late; `None` when it has ended.
    pub fn deadline(&self, request_id: &str) -> Option<Duration> {
        self.find(request_id).map(Waiting::deadline)
    }

    /// What the hub last said that it does.
    pub fn progress(&self, request_id: &str) -> Option<&str> {
        self.find(request_id)?.progress.as_deref()
    }

    /// What the answer to this call says: all that the hub is asked; `None` when it knows no requests.
    pub fn told(&self, call: &SyncEdgeAgentInput) -> Option<Vec<HubRequest>> {
        let all = self.of_hub(&call.hub_device_arn).map(|waiting| waiting.request.clone());
        (!call.request_kinds.is_empty()).then(|| all.collect())
    }

    /// Whether the hub, by what it says in this call, has not heard yet what it is asked, or what is called off.
    pub fn is_news(&self, call: &SyncEdgeAgentInput) -> bool {
        let is_asked = |report: &HubRequestReport| {
            self.of_hub(&call.hub_device_arn)
                .any(|waiting| waiting.request.request_id == report.request_id)
        };
        let is_known = |waiting: &Waiting| {
            call.requests.iter().any(|report| report.request_id == waiting.request.request_id)
        };
        // So a call with an answer in it, which can be large, is never held.
        let lets_go = !call.requests.iter().all(is_asked);
        let asks = self.of_hub(&call.hub_device_arn).any(|waiting| !is_known(waiting));
        lets_go || asks && !call.request_kinds.is_empty()
    }

    fn of_hub(&self, hub_device_arn: &str) -> impl Iterator<Item = &Waiting> {
        self.waiting.values().filter(move |waiting| waiting.hub_device_arn == hub_device_arn)
    }

    fn find(&self, request_id: &str) -> Option<&Waiting> {
        self.waiting.values().find(|waiting| waiting.request.request_id == request_id)
    }
}

impl Waiting {
    /// What its own hub says.
    fn hear(&mut self, call: &SyncEdgeAgentInput, now: Duration) -> Option<Outcome> {
        let kind = self.request.kind()?;
        if !call.request_kinds.iter().any(|known| known == kind.as_str()) {
            return Some(Outcome::Unsupported { agent_version: call.agent_version.clone() });
        }
        let id = &self.request.request_id;
        let report = call.requests.iter().find(|report| report.request_id == *id)?;
        self.taken_at.get_or_insert(now);
        if let Some(progress) = &report.progress
            && progress.len() <= PROGRESS_BYTES_MAX
        {
            self.progress = Some(progress.clone());
        }
        report.answer.clone().map(Outcome::Answered)
    }
}
