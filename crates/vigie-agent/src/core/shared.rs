//! What all jobs of a hub work with: its media, its ledgers, chance. And what each of their parts is given with a call.
//!
//! Decides nothing. What follows from a call is no business of this: that goes into [`Outcomes`].

use std::sync::Arc;

use jiff::tz::TimeZone;
use vigie_engine::age_hold::AgeHold;
use vigie_engine::chance::Chance;
use vigie_engine::clock::Now;

use super::event::Session;
use super::hub_media::HubMedia;
use super::hub_sync::Contact;
use super::ledgers::Ledgers;
use super::outcome::Outcomes;

/// Shared by all jobs.
pub(super) struct Shared {
    pub(super) media: HubMedia,
    pub(super) ledgers: Ledgers,
    pub(super) chance: Box<dyn Chance>,
    pub(super) zone: TimeZone,
    /// Whether the clock is believed when it says that media is old.
    pub(super) age_hold: AgeHold,
    next_session: u64,
}

/// One call: what may be used, where what follows from it goes, and when it is.
pub(super) struct Turn<'a> {
    pub(super) shared: &'a mut Shared,
    pub(super) out: &'a mut Outcomes,
    pub(super) contact: Contact,
    pub(super) now: Now,
}

impl Shared {
    pub(super) fn new(
        media: HubMedia,
        ledgers: Ledgers,
        chance: Box<dyn Chance>,
        zone: TimeZone,
        age_hold: AgeHold,
    ) -> Self {
        Self { media, ledgers, chance, zone, age_hold, next_session: 1 }
    }

    /// Bytes by chance, for what a camera's session must not repeat.
    pub(super) fn seed(&mut self) -> [u8; 16] {
        let (one, other) = (self.chance.next_u64(), self.chance.next_u64());
        let mut seed = [0; 16];
        seed[..8].copy_from_slice(&one.to_be_bytes());
        seed[8..].copy_from_slice(&other.to_be_bytes());
        seed
    }

    /// Notices a clock that jumps, before anything is decided by it.
    pub(super) fn sample_clock(&mut self, now: Now) {
        if let Some(jump) = self.age_hold.sample(now) {
            tracing::warn!(
                by_seconds = jump.by_ms / 1000,
                "the hub's clock jumped: nothing is deleted by age for an hour; limits of size stay in force"
            );
            self.ledgers.hurry(now);
        }
    }

    pub(super) fn new_session(&mut self, stream: &Arc<str>) -> Session {
        let number = self.next_session;
        self.next_session += 1;
        Session { stream: Arc::clone(stream), number }
    }
}
