//! The hub's side of `SyncEdgeAgent`: when to ask, and what is said.
//!
//! Level-triggered: each request holds all there is to say. One is always under way, held by the service; news replaces
//! it by a newer one. Of a service that does not know `SyncEdgeAgent` the configurations are listed, again and again; what
//! the hub reports goes nowhere then. It decides nothing about what is heard: that is the hub's.

use std::time::Duration;

use vigie_engine::backoff::{self, Backoff};
use vigie_engine::chance::Chance;
use vigie_engine::clock::Now;
use vigie_engine::clock_skew;
use vigie_engine::hub_holder::ANOTHER_AGENT;
use vigie_engine::hub_request::HubRequests;
use vigie_kvs::error::ErrorKind;
use vigie_kvs::shapes::hub_request::HubRequestReport;
use vigie_kvs::shapes::sync_edge_agent::{
    AgentInstance, ServiceClock, StreamReport, SyncEdgeAgentInput,
};

use super::effect::Effect;
use super::event::CallFailure;

/// How long the service may hold a request when it has nothing to say; also how old the summaries get. So a hub that is cut
/// off without a word is said to be away within half a minute.
const WAIT_SECONDS: u32 = 15;
/// A service may learn SyncEdgeAgent: it is tried again after this.
const SYNC_UNKNOWN_FOR: Duration = Duration::from_secs(3600);
/// How far apart lists of configurations are asked for.
const LIST_INTERVAL: Duration = Duration::from_secs(20);
/// News is collected for so long before it replaces a request.
const NEWS_DELAY: Duration = Duration::from_millis(250);
/// Requests that the service answers without having been asked to hold them are at least so far apart.
const PAUSE: Duration = Duration::from_secs(1);
/// A request that is never answered nor fails, should that be, is replaced after so long.
const ANSWER_MAX: Duration = Duration::from_secs(90);
/// A service that is away is asked again at most so late after it returned.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// What the last request to the service came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contact {
    Answered,
    /// It was not.
    Lost,
    /// The service refuses this agent, because another one works as the hub and uploads.
    AnotherAgent,
}

#[derive(Default)]
pub(super) struct HubSync {
    cursor: Option<String>,
    last_request: u64,
    /// When the request that is under way was sent.
    sent_at: Option<Now>,
    /// How far the hub's clock was ahead of the service's when that could last be told.
    clock_skew_ms: Option<i64>,
    /// It holds the answer to something that the service asks: that can be large, is answered at once, and is not
    /// replaced half-way.
    holds_answer: bool,
    /// The service does not know SyncEdgeAgent: it is tried again after this.
    sync_unknown_until: Option<Duration>,
    /// The request that is under way, or was the last, is for the list of configurations.
    is_list: bool,
    /// When the list may be asked for again, by a hub that has heard it once.
    list_at: Duration,
    /// Nothing is asked before this.
    not_before: Duration,
    backoff: Backoff,
    in_contact: bool,
    failure_said: Option<CallFailure>,
}

impl HubSync {
    /// Whether the last request was answered.
    pub(super) fn in_contact(&self) -> bool {
        self.in_contact
    }

    /// What that says.
    pub(super) fn contact(&self) -> Contact {
        match self.failure_said {
            _ if self.in_contact => Contact::Answered,
            Some(CallFailure::Refused { kind: Some(ErrorKind::ResourceInUse), .. }) => {
                Contact::AnotherAgent
            }
            _ => Contact::Lost,
        }
    }

    /// When to ask, at the latest.
    pub(super) fn deadline(&self, has_news: bool) -> Duration {
        match self.sent_at {
            // However often something fails: a list is large, and says the same nearly always.
            None if self.sync_unknown_until.is_some() && self.cursor.is_some() => {
                self.not_before.max(self.list_at)
            }
            None => self.not_before,
            Some(at) if has_news && !self.holds_answer && !self.is_list => {
                (at.mono + NEWS_DELAY).max(self.not_before)
            }
            Some(at) => at.mono + ANSWER_MAX,
        }
    }

    /// The request to send now.
    pub(super) fn request(
        &mut self,
        hub_device_arn: &str,
        instance: Option<AgentInstance>,
        streams: Vec<StreamReport>,
        requests: Vec<HubRequestReport>,
        age_hold_left: Duration,
        now: Now,
    ) -> Effect {
        self.last_request += 1;
        self.sent_at = Some(now);
        self.sync_unknown_until.take_if(|until| now.mono >= *until);
        self.is_list = self.sync_unknown_until.is_some();
        if self.is_list {
            self.holds_answer = false;
            self.list_at = now.mono + LIST_INTERVAL;
            let hub_device_arn = hub_device_arn.to_owned();
            return Effect::ListConfigurations { request: self.last_request, hub_device_arn };
        }
        self.holds_answer = requests.iter().any(|report| report.answer.is_some());
        let input = SyncEdgeAgentInput {
            hub_device_arn: hub_device_arn.to_owned(),
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            cursor: self.cursor.clone(),
            wait_seconds: WAIT_SECONDS,
            streams,
            request_kinds: HubRequests::kinds(),
            requests,
            instance,
            clock_skew_milliseconds: self.clock_skew_ms,
            age_hold_seconds_left: Some(age_hold_left.as_secs()).filter(|&seconds| seconds > 0),
        };
        Effect::Sync { request: self.last_request, input }
    }

    /// Whether what the hub says of itself reaches the service.
    pub(super) fn is_heard(&self) -> bool {
        self.sync_unknown_until.is_none()
    }

    /// Up to where the service has been heard.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The service has answered `request`; whether that is the one that counts.
    pub(super) fn answered(
        &mut self,
        request: u64,
        cursor: String,
        clock: Option<ServiceClock>,
        now: Now,
    ) -> bool {
        if request != self.last_request {
            return false;
        }
        let sent_at = self.sent_at.take().unwrap_or(now);
        self.measure(sent_at, clock, now);
        let is_new = self.cursor.as_ref() != Some(&cursor);
        self.cursor = Some(cursor);
        self.backoff.reset();
        self.not_before = if is_new { now.mono } else { now.mono.max(sent_at.mono + PAUSE) };
        if !self.in_contact {
            tracing::info!("in contact with the service");
        }
        self.in_contact = true;
        self.failure_said = None;
        true
    }

    /// How far the hub's clock was ahead of the service's, if that is known.
    pub(super) fn clock_skew_ms(&self) -> Option<i64> {
        self.clock_skew_ms
    }

    /// Compares the clocks, and says when they come apart or together.
    fn measure(&mut self, sent_at: Now, clock: Option<ServiceClock>, now: Now) {
        let Some(ServiceClock { received_timestamp, held_milliseconds }) = clock else { return };
        let held = Duration::from_millis(held_milliseconds);
        let Some(skew_ms) = clock_skew::skew_ms(sent_at, received_timestamp, held, now) else {
            return;
        };
        let was_too_much = self.clock_skew_ms.is_some_and(clock_skew::is_too_much);
        let words = clock_skew::in_words(skew_ms);
        match (was_too_much, clock_skew::is_too_much(skew_ms)) {
            (false, true) => tracing::warn!(
                skew_ms,
                "the hub's clock is {words} the server's: media is dated by the hub's; let a time server set both"
            ),
            (true, false) => {
                tracing::info!(skew_ms, "the hub's clock agrees with the server's again")
            }
            _ => {}
        }
        self.clock_skew_ms = Some(skew_ms);
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
        let is_unknown =
            matches!(failure, CallFailure::Refused { kind: Some(ErrorKind::UnknownOperation), .. });
        if is_unknown && !self.is_list {
            tracing::info!(
                "the service does not know SyncEdgeAgent; configurations are polled, and what the hub does is \
                 reported to nobody"
            );
            self.sync_unknown_until = Some(now.mono + SYNC_UNKNOWN_FOR);
            self.not_before = now.mono;
            return;
        }
        self.not_before = now.mono + self.backoff.next_wait(backoff::FIRST, LONGEST_WAIT, chance);
        self.in_contact = false;
        // Once per cause: an outage of a week is one line.
        if self.failure_said != Some(failure) {
            self.failure_said = Some(failure);
            match self.contact() == Contact::AnotherAgent {
                true => tracing::warn!(
                    "{ANOTHER_AGENT}; until then this one records by what it knows and uploads nothing"
                ),
                false => tracing::warn!(
                    reason = %failure,
                    "the service cannot be asked; the hub works on by what it knows"
                ),
            }
        }
    }
}
