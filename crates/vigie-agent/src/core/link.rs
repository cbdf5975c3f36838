//! The hub's side of `SyncEdgeAgent`: when to ask, and what is said.
//!
//! Level-triggered: each request holds all there is to say. One is always under way, held by the service; news replaces
//! it by a newer one. It decides nothing about what is heard: that is the hub's.

use std::time::Duration;

use vigie_engine::backoff::{self, Backoff};
use vigie_engine::chance::Chance;
use vigie_engine::clock::Now;
use vigie_engine::hub_request::HubRequests;
use vigie_kvs::shapes::hub_request::HubRequestReport;
use vigie_kvs::shapes::sync_edge_agent::{StreamReport, SyncEdgeAgentInput};

use super::effect::Effect;
use super::event::CallFailure;

/// How long the service may hold a request when it has nothing to say; also how old the summaries get.
const WAIT_SECONDS: u32 = 20;
/// News is collected for so long before it replaces a request.
const NEWS_DELAY: Duration = Duration::from_millis(250);
/// Requests that the service answers without having been asked to hold them are at least so far apart.
const PAUSE: Duration = Duration::from_secs(1);
/// A request that is never answered nor fails, should that be, is replaced after so long.
const ANSWER_MAX: Duration = Duration::from_secs(90);
/// A service that is away is asked again at most so late after it returned.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// The link.
#[derive(Default)]
pub(super) struct HubLink {
    cursor: Option<String>,
    last_request: u64,
    /// When the request that is under way was sent.
    sent_at: Option<Duration>,
    /// It holds the answer to something that the service asks: that can be large, is answered at once, and is not
    /// replaced half-way.
    holds_answer: bool,
    /// Nothing is asked before this.
    not_before: Duration,
    backoff: Backoff,
    in_contact: bool,
    failure_said: Option<CallFailure>,
}

impl HubLink {
    /// Whether the last request was answered.
    pub(super) fn in_contact(&self) -> bool {
        self.in_contact
    }

    /// When to ask, at the latest.
    pub(super) fn deadline(&self, has_news: bool) -> Duration {
        match self.sent_at {
            None => self.not_before,
            Some(at) if has_news && !self.holds_answer => (at + NEWS_DELAY).max(self.not_before),
            Some(at) => at + ANSWER_MAX,
        }
    }

    /// The request to send now.
    pub(super) fn request(
        &mut self,
        hub_device_arn: &str,
        streams: Vec<StreamReport>,
        requests: Vec<HubRequestReport>,
        now: Now,
    ) -> Effect {
        self.last_request += 1;
        self.sent_at = Some(now.mono);
        self.holds_answer = requests.iter().any(|report| report.answer.is_some());
        let input = SyncEdgeAgentInput {
            hub_device_arn: hub_device_arn.to_owned(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            cursor: self.cursor.clone(),
            wait_seconds: WAIT_SECONDS,
            streams,
            request_kinds: HubRequests::kinds(),
            requests,
        };
        Effect::Sync { request: self.last_request, input }
    }

    /// The service has answered `request`; whether that is the one that counts.
    pub(super) fn answered(&mut self, request: u64, cursor: String, now: Now) -> bool {
        if request != self.last_request {
            return false;
        }
        let sent_at = self.sent_at.take().unwrap_or(now.mono);
        let is_new = self.cursor.as_ref() != Some(&cursor);
        self.cursor = Some(cursor);
        self.backoff.reset();
        self.not_before = if is_new { now.mono } else { now.mono.max(sent_at + PAUSE) };
        if !self.in_contact {
            tracing::info!("in contact with the service");
        }
        self.in_contact = true;
        self.failure_said = None;
        true
    }

    /// The answer changed what the hub has to say: no pause before the next request.
    pub(super) fn go_on(&mut self, now: Now) {
        self.not_before = now.mono;
    }

    /// `request` has failed.
    pub(super) fn failed(
        &mut self,
        request: u64,
        failure: CallFailure,
        chance: &mut dyn Chance,
        now: Now,
    ) {
        if request != self.last_request {
            return;
        }
        self.sent_at = None;
        self.not_before = now.mono + self.backoff.next_wait(backoff::FIRST, LONGEST_WAIT, chance);
        self.in_contact = false;
        // Once per cause: an outage of a week is one line.
        if self.failure_said != Some(failure) {
            tracing::warn!(
                ?failure,
                "the service cannot be asked; the hub works on by what it knows"
            );
            self.failure_said = Some(failure);
        }
    }
}
