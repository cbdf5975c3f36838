//! What keeps one caller from harming the others. Guards are told what happens and when, and return verdicts: they read no
//! clock and wait for nothing.

mod body_budget;
mod call_record;
mod caller;
mod client_prefix;
mod limits;
mod strangers;

use std::sync::Arc;

pub(crate) use body_budget::{BodyBudget, BodyShare};
pub(crate) use call_record::{Answered, Asked, CallRecord};
pub(crate) use caller::Caller;
pub(crate) use client_prefix::client_prefix;
pub use limits::RateLimits;
pub(crate) use limits::{Counted, Limits, Repeated};
pub(crate) use strangers::{Stranger, Strangers, verified};

/// The guards that hold state for all connections.
pub(crate) struct Guards {
    pub limits: Arc<Limits>,
    pub body_budget: Arc<BodyBudget>,
}

impl Guards {
    pub(crate) fn new(rate_limits: RateLimits, connections_per_address_max: usize) -> Self {
        let limits = Limits::new(rate_limits, connections_per_address_max);
        Self { limits: Arc::new(limits), body_budget: Arc::default() }
    }
}
