//! The hub: takes events in, hands them to the stream they concern, and keeps the time of commits, plans and reports.

mod configurations;
mod erasing;
mod orphans;
mod reports;
mod requests;

use std::collections::{BTreeMap, BTreeSet};
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
use vigie_store::{
    CommitReport, FailedFragment, IndexRefusal, Store, StoreError, StoreSettings, describe,
};

use super::effect::Effect;
use super::event::{Event, Session};
use super::instance::Instance;
use super::job::Job;
use super::ledger::Ledgers;
use super::link::HubLink;
use super::polling;
use super::saved::{SavedConfigurations, SavedError, SavedStreams};
use super::snapshot::HubSnapshot;
use super::space::plan_reserve;
use super::world::{Waker, World};
use crate::ledger::LedgerDb;

use self::erasing::Erasing;
use self::orphans::SEARCH_INTERVAL;
use self::requests::Requests;

/// How often deletion plans run when nothing calls for them earlier.
const PLAN_INTERVAL: Duration = Duration::from_secs(10);

/// Between two steps of a plan that deletes much: in between the hub records.
const DUE_INTERVAL: Duration = Duration::from_millis(100);

/// While a commit is under way nothing is searched or erased: it is over in milliseconds.
const BUSY_WAIT: Duration = Duration::from_millis(20);

/// What an operator says about a hub.
#[derive(Clone, Debug)]
pub struct HubSettings {
    /// This hub.
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
    link: HubLink,
    instance: Instance,
    requests: Requests,
    world: World,
    plan_at: Duration,
    /// When the next step of a plan that deletes much may be done.
    due_at: Duration,
    /// When the next step of the search for what an earlier process left may be done.
    search_at: Duration,
    erasing: Erasing,
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
        let world = World::new(store, ledgers, chance, time_zone, commit_interval, age_hold);
        let mut hub = Self {
            hub_device_arn,
            saved,
            streams,
            jobs: BTreeMap::new(),
            link: HubLink::default(),
            instance,
            requests: Requests::default(),
            world,
            plan_at: now.mono,
            due_at: now.mono,
            search_at: now.mono + SEARCH_INTERVAL,
            erasing: Erasing::default(),
            journal_number: None,
            save_at: now.mono,
            is_stopped: false,
        };
        hub.journal_number = hub.world.ledgers.read(|db| db.journal_number().map(Some));
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
        self.world.waker = waker;
    }

    /// Takes an event in and says what has to be done, in order.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        if self.is_stopped {
            return Vec::new();
        }
        self.world.sample_clock(now);
        match event {
            Event::Tick => self.tick(now),
            Event::SyncAnswered { request, output } => self.sync_answered(request, output, now),
            Event::ConfigurationsListed { request, configurations } => {
                let output = polling::answer(configurations, self.link.cursor());
                self.sync_answered(request, output, now);
            }
            Event::SyncFailed { request, failure } => {
                self.link.failed(request, failure, self.world.chance.as_mut(), now);
                self.world.in_contact = self.link.in_contact();
                self.world.another_agent = self.link.is_refused();
                if self.world.another_agent {
                    self.instance.refused();
                }
            }
            Event::SecretResolved { session, secret_string } => {
                self.with_job(&session, now, |job, world| {
                    job.secret_resolved(&session, secret_string, world, now);
                });
            }
            Event::SecretFailed { session, failure } => {
                self.with_job(&session, now, |job, world| {
                    job.secret_failed(&session, failure, world, now);
                })
            }
            Event::TestSecretRead { request, secret_string } => {
                self.test_secret_read(request, secret_string, now);
            }
            Event::CameraTestStep { request, step } => self.camera_test_step(&request, step),
            Event::CameraTested { request, outcome } => self.camera_tested(&request, &outcome),
            Event::Source { session, event } => self.with_job(&session, now, |job, world| {
                job.source_event(&session, event, world, now);
            }),
            Event::Upload { session, event } => self.with_job(&session, now, |job, world| {
                job.upload_event(&session, event, world, now);
            }),
            Event::Paused { lasted } => self.paused(lasted, now),
            Event::ZoneChanged(zone) => self.set_zone(zone, now),
            Event::Shutdown => self.shut_down(now),
        }
        self.settle(now);
        std::mem::take(&mut self.world.effects)
    }

    fn sync_answered(&mut self, request: u64, output: SyncEdgeAgentOutput, now: Now) {
        if !self.link.answered(request, output.cursor, output.clock, now) {
            return;
        }
        self.world.in_contact = true;
        self.world.another_agent = false;
        self.instance.accepted();
        self.take_receipts(&output.ledgers);
        if self.take_requests(output.requests.as_deref(), now) {
            self.link.go_on(now);
        }
        if let Some(configurations) = output.configurations {
            self.take(configurations, now);
        }
    }

    /// When the next [`Event::Tick`] is due, on the monotonic clock.
    pub fn next_deadline(&self) -> Duration {
        let jobs = self.jobs.values().map(|job| job.deadline);
        let save = if self.world.unsaved { self.save_at } else { Duration::MAX };
        // With what waits for a commit, the ledgers wait for it too.
        let ledgers = match self.world.is_uncommitted() {
            true => Duration::MAX,
            false => self.world.ledgers.deadline(),
        };
        let due = if self.world.more_due.is_empty() { Duration::MAX } else { self.due_at };
        let is_searching = self.world.store.is_searching_orphans();
        let own = [
            due,
            if is_searching { self.search_at } else { Duration::MAX },
            self.erasing.deadline(),
            self.plan_at,
            save,
            ledgers,
            self.world.disk_deadline(),
            self.link.deadline(self.world.news),
            self.requests.deadline(),
        ];
        jobs.chain(own).min().unwrap_or(self.plan_at)
    }

    /// Whether the hub is done: after [`Event::Shutdown`], or because its disk cannot be trusted any more.
    pub fn has_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Whether it stopped because its disk failed.
    pub fn has_failed(&self) -> bool {
        self.world.failed
    }

    /// The numbers of this moment.
    pub fn snapshot(&self, now: Now) -> HubSnapshot {
        let disk = self.disk_seconds();
        let streams = self.jobs.values().map(|job| job.snapshot(disk, &self.world, now)).collect();
        let findings = self.world.reader.findings();
        HubSnapshot {
            in_contact: self.link.in_contact(),
            age_hold_left: self.world.age_hold.left(now),
            clock_skew_ms: self.link.clock_skew_ms(),
            troubles: self.troubles(),
            findings,
            streams,
        }
    }

    fn troubles(&self) -> Vec<&'static str> {
        let mut troubles = Vec::new();
        match self.world.store.index_refusal() {
            Some(IndexRefusal::Locked) => troubles.push(
                "what is recorded is not durable: another program holds the lock of index.sqlite",
            ),
            Some(IndexRefusal::Full) => {
                troubles.push("what is recorded is not durable: no space is left for index.sqlite");
            }
            None => {}
        }
        if self.world.ledgers.is_refused() {
            troubles.push("nothing is deleted by policy: ledger.sqlite cannot be written");
        }
        if self.world.store.free_bytes() < StoreSettings::HUB.free_bytes_reserve {
            troubles
                .push("nothing is recorded: the disk has less free space than is kept in reserve");
        }
        troubles
    }

    /// The store, to look at.
    pub fn store(&self) -> &Store {
        &self.world.store
    }

    fn with_job(&mut self, session: &Session, now: Now, act: impl FnOnce(&mut Job, &mut World)) {
        if let Some(job) = self.jobs.get_mut(&session.stream) {
            act(job, &mut self.world);
            job.settled(&mut self.world, now);
        }
    }

    fn tick(&mut self, now: Now) {
        let kept = self.world.keep_disk_time(now);
        self.note_commit(kept, now);
        if now.mono >= self.plan_at {
            self.plan_at = now.mono + PLAN_INTERVAL;
            self.world.cramped.extend(self.jobs.keys().cloned());
            for job in self.jobs.values_mut() {
                job.rate.sample(job.counters.frame_bytes, now.mono);
            }
            // What is being erased makes room by itself: nothing else goes for that.
            if !self.is_making_room(now) {
                plan_reserve(self.jobs.values_mut(), &mut self.world, now);
            }
        }
        if now.mono >= self.due_at {
            self.delete_more(now);
        }
        self.search_some(now);
        self.erase_some(now);
        for job in self.jobs.values_mut().filter(|job| now.mono >= job.deadline) {
            job.tick(&mut self.world, now);
            job.settled(&mut self.world, now);
        }
        self.tick_requests(now);
        self.apply_received(now);
    }

    /// One more step of the plans that delete much.
    fn delete_more(&mut self, now: Now) {
        while let Some(arn) = self.world.more_due.pop_first() {
            let waiting = self.world.more_due.len();
            if let Some(job) = self.jobs.get_mut(&arn) {
                job.plan_space(0, &mut self.world, now);
                job.settled(&mut self.world, now);
            }
            if self.world.more_due.len() > waiting {
                self.due_at = now.mono + DUE_INTERVAL;
                return;
            }
        }
    }

    fn paused(&mut self, lasted: Duration, now: Now) {
        tracing::warn!(
            ?lasted,
            "the hub stood still: it was stopped, suspended or waited for its disk"
        );
        for job in self.jobs.values_mut() {
            job.ledger.stood_still(lasted, now);
            let event = vigie_engine::recorder::Event::Paused { lasted };
            job.recorder_event(event, &mut self.world, now);
            job.settled(&mut self.world, now);
        }
    }

    fn note_commit(&mut self, outcome: Result<(), StoreError>, now: Now) {
        if let Err(error) = outcome {
            self.world.store_failed("", &error);
            self.world.wants_plans |= error.is_disk_full();
            // What waits is still there; a commit for which there was no space is tried again.
            self.world.touch(now);
        }
    }

    /// What follows from every event.
    fn settle(&mut self, now: Now) {
        let has_committed = !self.world.commits.is_empty();
        self.tell_commits(now);
        let mut cramped = std::mem::take(&mut self.world.cramped);
        while let Some(arn) = cramped.pop_first() {
            if self.world.more_due.contains(&arn) {
                continue;
            }
            if let Some(job) = self.jobs.get_mut(&arn) {
                job.plan_space(0, &mut self.world, now);
                job.settled(&mut self.world, now);
            }
            if self.world.more_due.contains(&arn) {
                // This one deletes much and is not done: the others wait with it.
                self.world.more_due.append(&mut cramped);
            }
        }
        if std::mem::take(&mut self.world.wants_plans) {
            self.plan_at = now.mono;
        }
        self.enter_discarded(now);
        self.save(now);
        if self.world.failed {
            tracing::error!(
                "the hub stops; what is recorded is safe; restart the agent when its disk is well"
            );
            self.is_stopped = true;
        }
        let is_fresh = has_committed || !self.world.is_uncommitted();
        if is_fresh && now.mono >= self.world.ledgers.deadline() {
            self.write_ledgers(Some(self.link.in_contact()), now);
        }
        if !self.is_stopped && now.mono >= self.link.deadline(self.world.news) {
            let streams = self.reports(reports::REPORTED_IN_ALL_MAX, now);
            self.world.news = false;
            let requests = self.requests.reports();
            let instance = self.instance.said();
            let held = self.world.age_hold.left(now);
            let hub = &self.hub_device_arn;
            let effect = self.link.request(hub, instance, streams, requests, held, now);
            self.world.effects.push(effect);
        }
    }

    fn tell_commits(&mut self, now: Now) {
        for (number, report) in std::mem::take(&mut self.world.commits) {
            self.committed(number, &report, now);
        }
    }

    /// Tells the jobs what has become durable.
    fn committed(&mut self, number: u64, report: &CommitReport, now: Now) {
        let mut of_streams: BTreeMap<&str, (Vec<u64>, Vec<u64>)> = BTreeMap::new();
        for persisted in &report.persisted {
            of_streams.entry(&persisted.key).or_default().0.push(persisted.entry.sequence);
        }
        for failed in &report.failed {
            of_streams.entry(&failed.key).or_default().1.push(failed.sequence);
        }
        let is_full = |failed: &&FailedFragment| failed.error.is_disk_full();
        let full: BTreeSet<&str> =
            report.failed.iter().filter(is_full).map(|failed| &*failed.key).collect();
        self.world.wants_plans |= !full.is_empty();
        for job in self.jobs.values_mut() {
            let (persisted, failed) = of_streams.remove(&*job.key).unwrap_or_default();
            let (has_media, has_lost) = (!persisted.is_empty(), !failed.is_empty());
            if has_media || has_lost {
                job.fragments_committed(&persisted, &failed, &mut self.world, now);
            }
            if job.upload.marks_committed(number) && job.plan.deletion.delete_after_upload {
                self.world.cramped.insert(Arc::clone(&job.arn));
            }
            if has_media {
                let event = vigie_engine::uploader::Event::MediaAdded;
                job.uploader_event(event, &mut self.world, now);
            }
            if has_lost {
                job.fragment_lost(full.contains(&*job.key), &mut self.world, now);
            }
            if has_media || has_lost {
                job.settled(&mut self.world, now);
            }
        }
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
        for job in self.jobs.values_mut() {
            job.record.recorder.set_zone(zone.clone());
            job.upload.uploader.set_zone(zone.clone());
            job.tick(&mut self.world, now);
            job.settled(&mut self.world, now);
        }
        self.world.zone = zone;
    }

    /// The graceful end: everything that is open is ended where it is and made durable.
    fn shut_down(&mut self, now: Now) {
        for job in self.jobs.values_mut() {
            job.stop(&mut self.world, now);
            if let Err(error) = self.world.store.seal(&job.key) {
                self.world.store_failed(&job.stream_name, &error);
            }
        }
        let committed = self.world.commit(now);
        self.note_commit(committed, now);
        self.tell_commits(now);
        self.write_ledgers(None, now);
        self.world.unsaved = true;
        self.save_at = now.mono;
        self.save(now);
        self.world.store.close_index();
        self.is_stopped = true;
    }
}
