//! The hub's core on its thread, with what it needs there: a clock, and who does what it asks for.
//!
//! What cameras send is handled where it was read, still in the processor's cache. It is handed to the disk with that of
//! other cameras: its threads then write side by side, and take the processor from this one rarely. Decides nothing of what
//! happens.

use std::sync::Arc;

use tokio::sync::mpsc;
use vigie_engine::clock::{Clock, Now};

use crate::core::{Effect, Event, Hub};

/// Reports of sources between two ticks, in which what they brought is handed to the disk: at 4 Mbit/s, 5 MB, a third of
/// what may wait to be written. The end of a pass is a tick too.
const REPORTS_PER_TICK: usize = 64;

pub(crate) struct CoreSeat {
    pub(super) hub: Hub,
    clock: Arc<dyn Clock>,
    effects: mpsc::UnboundedSender<Effect>,
    /// Nobody does what it asks for any more.
    is_alone: bool,
    reports: usize,
}

impl CoreSeat {
    /// `hub`, whose `effects` somebody executes.
    pub(crate) fn new(
        hub: Hub,
        clock: Arc<dyn Clock>,
        effects: mpsc::UnboundedSender<Effect>,
    ) -> Self {
        Self { hub, clock, effects, is_alone: false, reports: 0 }
    }

    /// Takes in what happened at `now`. `false` when the core has ended.
    pub(crate) fn handle(&mut self, event: Event, now: Now) -> bool {
        for effect in self.hub.handle(event, now) {
            self.is_alone |= self.effects.send(effect).is_err();
        }
        !self.has_ended()
    }

    /// Takes in what a source on this thread reports now. `false` when the core has ended.
    pub(crate) fn report(&mut self, event: Event) -> bool {
        let now = self.clock.now();
        self.reports += 1;
        let is_tick = self.reports.is_multiple_of(REPORTS_PER_TICK);
        self.handle(event, now) && (!is_tick || self.handle(Event::Tick, now))
    }

    /// Whether nothing more will come of it.
    pub(crate) fn has_ended(&self) -> bool {
        self.is_alone || self.hub.has_stopped()
    }
}
