//! A hub machine: the agent's own core over a simulated disk, started and crashed at will.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use vigie_agent::core::{Effect, Event, Hub, HubSettings};
use vigie_engine::chance::Chance;
use vigie_engine::clock::Now;
use vigie_store::{FragmentOrder, FragmentQuery, Store, StoreError, StoreReader, StoreSettings};

use crate::chance::SimChance;
use crate::disk::SimDisk;
use crate::index::SimIndex;
use crate::ledger::SimLedger;

/// The hub's `HubDeviceArn`.
pub const HUB_DEVICE_ARN: &str = "arn:aws:iot:us-east-1:000000000000:thing/hub";
/// What a power cut may cost.
pub const COMMIT_INTERVAL: Duration = Duration::from_secs(1);

const FOLDER: &str = "/hub";

/// How a hub stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// kill -9: what was written stays.
    Kill,
    /// The power goes: what was not synced is lost, in part.
    PowerLoss,
}

/// Why a hub did not start.
#[derive(Debug)]
pub struct NotStarted(pub String);

/// The machine.
pub struct SimHub {
    pub disk: SimDisk,
    /// The index of its store.
    pub index: SimIndex,
    /// Its ledgers of gaps and losses.
    pub ledger: SimLedger,
    chance: SimChance,
    hub: Option<Hub>,
    media_bytes_most: u64,
    /// Counts starts: what was under way for an earlier one reaches nobody.
    pub life: u64,
}

impl SimHub {
    /// A hub with an empty disk, switched off.
    pub fn new(disk: SimDisk, index: SimIndex, chance: SimChance) -> Self {
        let ledger = SimLedger::new(disk.clone())
            .unwrap_or_else(|error| panic!("the hub's ledger: {error}"));
        Self { disk, index, ledger, chance, hub: None, media_bytes_most: 0, life: 0 }
    }

    /// Switches it on: recovers the store, opens the core.
    pub fn start(&mut self, now: Now) -> Result<(), NotStarted> {
        let disk = Arc::new(self.disk.clone());
        let index = Box::new(self.index.clone());
        let settings = StoreSettings { free_bytes_reserve: 0, ..StoreSettings::HUB };
        let media = PathBuf::from(FOLDER).join("media");
        let not_started = |error: &dyn std::error::Error| NotStarted(error.to_string());
        let (mut store, _) = Store::open(disk.clone(), media, index, settings)
            .map_err(|error| not_started(&error))?;
        // At once: the checkers look right after a start.
        self.disk.let_work_lie(false);
        while store.is_searching_orphans() {
            store.search_orphans(100).map_err(|error| not_started(&error))?;
        }
        let settings = HubSettings {
            hub_device_arn: HUB_DEVICE_ARN.to_owned(),
            time_zone: TimeZone::UTC,
            commit_interval: COMMIT_INTERVAL,
        };
        // The disk's workers take their time: between two events some of what they were given is done.
        self.disk.let_work_lie(true);
        let chance = Box::new(SimChance::new(self.chance.next_u64()));
        let ledgers = Box::new(self.ledger.clone());
        let hub = Hub::open(settings, store, ledgers, disk, Path::new(FOLDER), chance, now)
            .map_err(|error| not_started(&error))?;
        self.hub = Some(hub);
        self.life += 1;
        Ok(())
    }

    /// It stops without a word.
    pub fn crash(&mut self, crash: Crash) {
        self.hub = None;
        match crash {
            Crash::Kill => self.disk.kill_process(),
            Crash::PowerLoss => self.disk.lose_power(),
        }
    }

    /// Whether it runs.
    pub fn is_up(&self) -> bool {
        self.hub.is_some()
    }

    /// Hands an event to the core; none of it when the hub is off.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        if self.hub.is_some() {
            self.disk.work();
        }
        let effects = self.hub.as_mut().map(|hub| hub.handle(event, now)).unwrap_or_default();
        self.media_bytes_most = self.media_bytes_most.max(self.media_bytes());
        effects
    }

    /// When the core wants its next tick; at once while its disk's workers have something to do, which would wake it.
    pub fn next_deadline(&self) -> Option<Duration> {
        let own = self.hub.as_ref().map(Hub::next_deadline)?;
        Some(if self.disk.has_work() { Duration::ZERO } else { own })
    }

    /// Reads what is persisted.
    pub fn reader(&self) -> Option<StoreReader> {
        self.hub.as_ref().map(|hub| hub.store().reader())
    }

    /// Every persisted fragment of all streams, oldest first.
    pub fn fragments(&self) -> Result<Vec<vigie_store::Fragment>, StoreError> {
        let Some(reader) = self.reader() else { return Ok(Vec::new()) };
        let mut fragments = Vec::new();
        for key in reader.stream_keys()? {
            let query = FragmentQuery::all(FragmentOrder::Sequence, usize::MAX);
            fragments.extend(reader.fragments(&key, &query)?);
        }
        Ok(fragments)
    }

    /// The most that all its media files together ever had, seen after each event.
    pub fn media_bytes_most(&self) -> u64 {
        self.media_bytes_most
    }

    /// Bytes of all its media files.
    pub fn media_bytes(&self) -> u64 {
        let media = PathBuf::from(FOLDER).join("media");
        // Of what was deleted the journal tells.
        let journal = self.disk.size_bytes_under(&media.join("deleted.journal"));
        self.disk.size_bytes_under(&media) - journal
    }
}
