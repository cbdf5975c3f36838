//! The hub: takes events in, hands them to the stream they concern, and keeps the time of commits, plans and reports.

mod configurations;
mod erasing;
mod orphans;
mod plans;
mod reports;
mod requests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use thiserror::Error;
use vigie_engine::age_hold::AgeHold;
use vigie_engine::chance::Chance;
use vigie_engine::clock::Now;
use vigie_kvs::shapes::sync_edge_agent::SyncEdgeAgentOutput;
use vigie_store::disk::Disk;
use vigie_store::{CommitReport, IndexRefusal, Store, StoreError, StoreSettings, describe};

use super::effect::Effect;
use super::erase_queue::EraseQueue;
use super::event::Event;
use super::hub_media::{HubMedia, Waker};
use super::hub_sync::{Contact, HubSync};
use super::instance::Instance;
use super::job::{Committed, Job, JobEvent};
use super::ledgers::Ledgers;
use super::outcome::{Notice, Outcomes};
use super::plan_queue::PlanQueue;
use super::polling;
use super::requests::Requests;
use super::saved::{SavedConfigurations, SavedError, SavedStreams};
use super::shared::{Shared, Turn};
use super::snapshot::HubSnapshot;
use crate::ledger::LedgerDb;

/// Between two steps of the search for files without entries.
const SEARCH_INTERVAL: Duration = Duration::from_millis(50);

/// While a commit is under way nothing is searched or erased: it is over in milliseconds.
const BUSY_WAIT: Duration = Duration::from_millis(20);

/// What an operator says about a hub.
#[derive(Clone, Debug)]
pub struct HubSettings {
    pub hub_device_arn: String,
    /// The zone of the schedules.
    pub time_zone: TimeZone,
    /// How often what was recorded is made durable: what a power cut may cost.
    pub commit_interval: Duration,
}

/// Why a hub did not open.
#[derive(Debug, Error)]
pub enum HubError {
    /// The saved configurations cannot be used.
    #[error(transparent)]
    Saved(#[from] SavedError),
}

/// The hub's core, see the module [`crate::core`].
pub struct Hub {
    hub_device_arn: String,
    saved: SavedConfigurations,
    streams: SavedStreams,
    jobs: BTreeMap<Arc<str>, Job>,
    sync: HubSync,
    instance: Instance,
    requests: Requests,
    shared: Shared,
    /// What follows from the event that is being handled.
    out: Outcomes,
    plans: PlanQueue,
    /// Something is to be said to the service without waiting for its next answer.
    has_news: bool,
    /// The saved configurations differ from what is on disk.
    is_unsaved: bool,
    /// When the next step of the search for what an earlier process left may be done.
    search_at: Duration,
    erasing: EraseQueue,
    /// Up to which deletion of the store's journal the ledgers tell of it; `None` where that cannot be read.
    journal_number: Option<u64>,
    save_at: Duration,
    is_stopped: bool,
}

impl Hub {
    /// Opens a hub in its folder, which holds what it saved; `store` has been opened and recovered. The jobs of the
    /// saved configurations start with the first [`Event::Tick`], whether the service can be reached or not.
    ///
    /// # Errors
    ///
    /// When the saved configurations cannot be read.
    pub fn open(
        settings: HubSettings,
        store: Store,
        ledgers: Box<dyn LedgerDb>,
        disk: Arc<dyn Disk>,
        directory: &Path,
        chance: Box<dyn Chance>,
        now: Now,
    ) -> Result<Self, HubError> {
        let HubSettings { hub_device_arn, time_zone, commit_interval } = settings;
        let mut chance = chance;
        let instance = Instance::open(disk.clone(), directory, chance.as_mut());
        let saved = SavedConfigurations::new(disk, directory);
        let streams = saved.load()?;
        let mut ledgers = Ledgers::new(ledgers, now);
        let last_run = ledgers.read(|db| db.last_run());
        let (age_hold, jump) = AgeHold::start(last_run, now);
        if let Some(jump) = jump {
            tracing::warn!(
                clock_moved_by_seconds = jump.by_ms / 1000,
                "the hub's clock is elsewhere than where the agent last saw it, because the hub was off or the clock was \
                 set: nothing is deleted by age for an hour; limits of size stay in force"
            );
        }
        let media = HubMedia::new(store, commit_interval);
        let shared = Shared::new(media, ledgers, chance, time_zone, age_hold);
        let mut hub = Self {
            hub_device_arn,
            saved,
            streams,
            jobs: BTreeMap::new(),
            sync: HubSync::default(),
            instance,
            requests: Requests::default(),
            shared,
            out: Outcomes::default(),
            plans: PlanQueue::new(now),
            has_news: true,
            is_unsaved: false,
            search_at: now.mono + SEARCH_INTERVAL,
            erasing: EraseQueue::default(),
            journal_number: None,
            save_at: now.mono,
            is_stopped: false,
        };
        hub.journal_number = hub.shared.ledgers.read(|db| db.journal_number().map(Some));
        for arn in hub.streams.keys().cloned().collect::<Vec<_>>() {
            // What failed before may have been for want of something that is there now.
            hub.work_by(&arn, now);
        }
        hub.enter_discarded(now);
        // That the hub was off is written before anything else happens.
        hub.write_ledgers(Some(false), now);
        Ok(hub)
    }

    /// Calls `waker` from now on when something that the hub left to its disk is done: then a tick is due.
    pub fn wake_by(&mut self, waker: Waker) {
        self.shared.media.wake_by(waker);
    }

    /// Takes an event in and says what has to be done, in order.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        if self.is_stopped {
            return Vec::new();
        }
        self.shared.sample_clock(now);
        match event {
            Event::Tick => self.tick(now),
            Event::SyncAnswered { request, output } => self.sync_answered(request, output, now),
            Event::ConfigurationsListed { request, configurations } => {
                let output = polling::answer(configurations, self.sync.cursor());
                self.sync_answered(request, output, now);
            }
            Event::SyncFailed { request, failure } => {
                self.sync.failed(request, failure, self.shared.chance.as_mut(), now);
                if self.sync.contact() == Contact::AnotherAgent {
                    self.instance.refused();
                }
            }
            Event::SecretResolved { session, secret_string } => {
                self.tell(&session.stream, JobEvent::SecretResolved(&session, secret_string), now);
            }
            Event::SecretFailed { session, failure } => {
                self.tell(&session.stream, JobEvent::SecretFailed(&session, failure), now);
            }
            Event::TestSecretRead { request, secret_string } => {
                self.test_secret_read(request, secret_string, now);
            }
            Event::CameraTestStep { request, step } => self.camera_test_step(&request, step),
            Event::CameraTested { request, outcome } => self.camera_tested(&request, &outcome),
            Event::Source { session, event } => {
                self.tell(&session.stream, JobEvent::Source(&session, event), now);
            }
            Event::Upload { session, event } => {
                self.tell(&session.stream, JobEvent::Upload(&session, event), now);
            }
            Event::Paused { lasted } => self.paused(lasted, now),
            Event::ZoneChanged(zone) => self.set_zone(zone, now),
            Event::Shutdown => self.shut_down(now),
        }
        self.settle(now);
        self.out.take_effects()
    }

    fn sync_answered(&mut self, request: u64, output: SyncEdgeAgentOutput, now: Now) {
        if !self.sync.answered(request, output.cursor, output.clock, now) {
            return;
        }
        self.instance.accepted();
        self.take_receipts(&output.ledgers);
        if self.take_requests(output.requests.as_deref(), now) {
            self.sync.go_on(now);
        }
        if let Some(configurations) = output.configurations {
            self.take(configurations, now);
        }
    }

    /// When the next [`Event::Tick`] is due, on the monotonic clock.
    pub fn next_deadline(&self) -> Duration {
        let jobs = self.jobs.values().map(|job| job.deadline);
        let save = if self.is_unsaved { self.save_at } else { Duration::MAX };
        // With what waits for a commit, the ledgers wait for it too.
        let ledgers = match self.shared.media.is_uncommitted() {
            true => Duration::MAX,
            false => self.shared.ledgers.deadline(),
        };
        let is_searching = self.shared.media.store.is_searching_orphans();
        let own = [
            if is_searching { self.search_at } else { Duration::MAX },
            self.erasing.deadline(),
            self.plans.deadline(),
            save,
            ledgers,
            self.shared.media.deadline(),
            self.sync.deadline(self.has_news),
            self.requests.deadline(),
        ];
        jobs.chain(own).min().unwrap_or(Duration::ZERO)
    }

    /// Whether the hub is done: after [`Event::Shutdown`], or because its disk cannot be trusted any more.
    pub fn has_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Whether it stopped because its disk failed.
    pub fn has_failed(&self) -> bool {
        self.shared.media.has_failed()
    }

    /// The numbers of this moment.
    pub fn snapshot(&self, now: Now) -> HubSnapshot {
        let disk = self.disk_seconds();
        let streams = self.jobs.values().map(|job| job.snapshot(disk, &self.shared, now)).collect();
        let findings = self.shared.media.reader.findings();
        HubSnapshot {
            in_contact: self.sync.in_contact(),
            age_hold_left: self.shared.age_hold.left(now),
            clock_skew_ms: self.sync.clock_skew_ms(),
            troubles: self.troubles(),
            findings,
            streams,
        }
    }

    fn troubles(&self) -> Vec<&'static str> {
        let mut troubles = Vec::new();
        match self.shared.media.store.index_refusal() {
            Some(IndexRefusal::Locked) => troubles.push(
                "what is recorded is not durable: another program holds the lock of index.sqlite",
            ),
            Some(IndexRefusal::Full) => {
                troubles.push("what is recorded is not durable: no space is left for index.sqlite");
            }
            None => {}
        }
        if self.shared.ledgers.is_refused() {
            troubles.push("nothing is deleted by policy: ledger.sqlite cannot be written");
        }
        if self.shared.media.store.free_bytes() < StoreSettings::HUB.free_bytes_reserve {
            troubles
                .push("nothing is recorded: the disk has less free space than is kept in reserve");
        }
        troubles
    }

    /// The store, to look at.
    pub fn store(&self) -> &Store {
        &self.shared.media.store
    }

    /// Lets a stream's job act, if there is one.
    fn with_job(&mut self, stream: &Arc<str>, now: Now, act: impl FnOnce(&mut Job, &mut Turn<'_>)) {
        if let Some(job) = self.jobs.get_mut(stream) {
            let contact = self.sync.contact();
            let turn = &mut Turn { shared: &mut self.shared, out: &mut self.out, contact, now };
            act(job, turn);
            job.settled(turn);
            self.take_notices();
        }
    }

    /// Lets every job act that wants to.
    fn each_job(&mut self, now: Now, mut act: impl FnMut(&mut Job, &mut Turn<'_>) -> bool) {
        let contact = self.sync.contact();
        let turn = &mut Turn { shared: &mut self.shared, out: &mut self.out, contact, now };
        for job in self.jobs.values_mut() {
            if act(job, turn) {
                job.settled(turn);
            }
        }
        self.take_notices();
    }

    /// Hands an event to the stream that it concerns.
    fn tell(&mut self, stream: &Arc<str>, event: JobEvent<'_>, now: Now) {
        self.with_job(stream, now, |job, turn| job.handle(event, turn));
    }

    /// Does what jobs want of the hub.
    fn take_notices(&mut self) {
        for notice in self.out.take_notices() {
            match notice {
                Notice::News => self.has_news = true,
                Notice::Save => self.is_unsaved = true,
                Notice::DiskFull => self.plans.disk_full(),
                Notice::Cramped(stream) => self.plans.cramped(stream),
                Notice::MoreDue(stream) => self.plans.more_due(stream),
            }
        }
    }

    fn tick(&mut self, now: Now) {
        let kept = self.shared.media.keep_time(now);
        self.note_commit(kept, now);
        self.plan_all(now);
        self.delete_more(now);
        self.search_some(now);
        self.erase_some(now);
        self.each_job(now, |job, turn| {
            let is_due = now.mono >= job.deadline;
            if is_due {
                job.handle(JobEvent::Tick, turn);
            }
            is_due
        });
        self.tick_requests(now);
        self.apply_received(now);
    }

    fn paused(&mut self, lasted: Duration, now: Now) {
        tracing::warn!(
            ?lasted,
            "the hub stood still: it was stopped, suspended or waited for its disk"
        );
        self.each_job(now, |job, turn| {
            job.handle(JobEvent::Paused { lasted }, turn);
            true
        });
    }

    fn note_commit(&mut self, outcome: Result<(), StoreError>, now: Now) {
        if let Err(error) = outcome {
            self.shared.media.failed("", &error);
            if error.is_disk_full() {
                self.plans.disk_full();
            }
            // What waits is still there; a commit for which there was no space is tried again.
            self.shared.media.touch(now);
        }
    }

    /// What follows from every event.
    fn settle(&mut self, now: Now) {
        let has_committed = self.shared.media.has_commits();
        self.tell_commits(now);
        self.plan_cramped(now);
        self.plans.settle(now);
        self.enter_discarded(now);
        self.save(now);
        if self.shared.media.has_failed() {
            tracing::error!(
                "the hub stops; what is recorded is safe; restart the agent when its disk is well"
            );
            self.is_stopped = true;
        }
        let is_fresh = has_committed || !self.shared.media.is_uncommitted();
        if is_fresh && now.mono >= self.shared.ledgers.deadline() {
            self.write_ledgers(Some(self.sync.in_contact()), now);
        }
        if !self.is_stopped && now.mono >= self.sync.deadline(self.has_news) {
            self.call_service(now);
        }
    }

    fn tell_commits(&mut self, now: Now) {
        for (number, report) in self.shared.media.take_commits() {
            self.committed(number, &report, now);
        }
    }

    /// Tells the jobs what has become durable.
    fn committed(&mut self, number: u64, report: &CommitReport, now: Now) {
        let mut of_streams: BTreeMap<&str, Committed> = BTreeMap::new();
        for persisted in &report.persisted {
            of_streams.entry(&persisted.key).or_default().persisted.push(persisted.entry.sequence);
        }
        for failed in &report.failed {
            let of_stream = of_streams.entry(&failed.key).or_default();
            of_stream.failed.push(failed.sequence);
            of_stream.is_full |= failed.error.is_disk_full();
        }
        if of_streams.values().any(|of_stream| of_stream.is_full) {
            self.plans.disk_full();
        }
        self.each_job(now, |job, turn| {
            let did = of_streams.remove(&*job.stream.key).unwrap_or_default();
            job.committed(number, &did, turn);
            !did.persisted.is_empty() || !did.failed.is_empty()
        });
        for failed in &report.failed {
            tracing::error!(
                stream = %failed.key,
                sequence = failed.sequence,
                error = describe(&failed.error),
                "a fragment could not be made durable and is lost"
            );
        }
    }

    /// The schedules are read in another zone from now on.
    fn set_zone(&mut self, zone: TimeZone, now: Now) {
        self.each_job(now, |job, turn| {
            job.record.recorder.set_zone(zone.clone());
            job.upload.uploader.set_zone(zone.clone());
            job.handle(JobEvent::Tick, turn);
            true
        });
        self.shared.zone = zone;
    }

    /// The graceful end: everything that is open is ended where it is and made durable.
    fn shut_down(&mut self, now: Now) {
        self.each_job(now, |job, turn| {
            job.handle(JobEvent::Stop, turn);
            let media = &mut turn.shared.media;
            if let Err(error) = media.store.seal(&job.stream.key) {
                media.failed(&job.stream.name, &error);
            }
            false
        });
        let committed = self.shared.media.commit(now);
        self.note_commit(committed, now);
        self.tell_commits(now);
        self.write_ledgers(None, now);
        self.is_unsaved = true;
        self.save_at = now.mono;
        self.save(now);
        self.shared.media.store.close_index();
        self.is_stopped = true;
    }
}
