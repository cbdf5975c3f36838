//! Notices that are all lost, for tests: whoever waits has to find out by looking.

use std::collections::BTreeSet;
use std::task::{Context, Poll};

use super::{Notice, Notices, Subscription};

/// See the module's documentation.
#[derive(Clone, Copy, Debug, Default)]
pub struct SilentNotices;

impl Notices for SilentNotices {
    fn publish(&self, _notice: &Notice) {}

    fn subscribe(&self, _notices: BTreeSet<Notice>) -> Box<dyn Subscription> {
        Box::new(Self)
    }
}

impl Subscription for SilentNotices {
    fn poll_heard(&mut self, _context: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}
