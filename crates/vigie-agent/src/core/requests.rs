//! What the service asks of the hub and how far that is. What is done about it is the hub's.

use std::collections::BTreeMap;
use std::time::Duration;

use vigie_engine::hub_request::HubRequests;
use vigie_kvs::shapes::hub_request::{HubRequestReport, TimedStep};

/// What the hub is asked, and what it does about it.
#[derive(Default)]
pub(super) struct Requests {
    pub(super) taken: HubRequests,
    /// The tests that wait for their secret, and since when.
    pub(super) secrets_asked: BTreeMap<String, Duration>,
    /// The steps of each test before its camera was connected to.
    pub(super) steps: BTreeMap<String, Vec<TimedStep>>,
}

impl Requests {
    pub(super) fn reports(&self) -> Vec<HubRequestReport> {
        self.taken.reports()
    }

    pub(super) fn deadline(&self) -> Duration {
        self.taken.deadline()
    }

    pub(super) fn forget(&mut self, request: &str) {
        self.secrets_asked.remove(request);
        self.steps.remove(request);
    }
}
