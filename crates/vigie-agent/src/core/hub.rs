//! The hub: takes events in, hands them to the stream they concern, and decides about configurations.
//!
//! A configuration goes through three steps, each durable before it is said: taken (`RECEIVED`), worked by (`APPLIED`)
//! or not (`FAILED`). Only an explicit deletion erases (`ERASED`); a stream that the service does not mention works on.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use thiserror::Error;
use vigie_engine::chance::Chance;
use vigie_engine::clock::Now;
use vigie_engine::edge_config;
use vigie_kvs::shapes::edge::LastRecorderStatus;
use vigie_kvs::shapes::media_ledger::LedgerReceipt;
use vigie_kvs::shapes::sync_edge_agent::{Action, Configuration, Phase, StreamReport};
use vigie_store::disk::Disk;
use vigie_store::{CommitReport, Store, StoreSettings, describe};

use super::effect::Effect;
use super::event::{Event, Session};
use super::job::{Job, store_key};
use super::ledger::{Ledgers, REPORTED_MAX};
use super::link::HubLink;
use super::record::KnownSecret;
use super::saved::{SavedConfigurations, SavedError, SavedStream, SavedStreams};
use super::snapshot::HubSnapshot;
use super::space::{erase_failure, plan_reserve};
use super::world::World;
use crate::ledger::{Change, LedgerDb};

/// How often deletion plans run when nothing calls for them earlier.
const PLAN_INTERVAL: Duration = Duration::from_secs(10);
/// What could not be saved is tried again after so long.
const SAVE_AGAIN: Duration = Duration::from_secs(5);
/// Entries of ledgers in one request, so that it stays small.
const REPORTED_IN_ALL_MAX: usize = 1000;

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
    world: World,
    plan_at: Duration,
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
        let saved = SavedConfigurations::new(disk, directory);
        let streams = saved.load()?;
        let ledgers = Ledgers::new(ledgers, now);
        let world = World::new(store, ledgers, chance, time_zone, commit_interval);
        let mut hub = Self {
            hub_device_arn,
            saved,
            streams,
            jobs: BTreeMap::new(),
            link: HubLink::default(),
            world,
            plan_at: now.mono,
            save_at: now.mono,
            is_stopped: false,
        };
        for arn in hub.streams.keys().cloned().collect::<Vec<_>>() {
            // What failed before may have been for want of something that is there now.
            hub.work_by(&arn, now);
        }
        // That the hub was off is written before anything else happens.
        hub.write_ledgers(Some(false), now);
        Ok(hub)
    }

    /// Takes an event in and says what has to be done, in order.
    pub fn handle(&mut self, event: Event, now: Now) -> Vec<Effect> {
        if self.is_stopped {
            return Vec::new();
        }
        match event {
            Event::Tick => self.tick(now),
            Event::SyncAnswered { request, output } => {
                if self.link.answered(request, output.cursor, now) {
                    self.world.in_contact = true;
                    self.take_receipts(&output.ledgers);
                    if let Some(configurations) = output.configurations {
                        self.take(configurations, now);
                    }
                }
            }
            Event::SyncFailed { request, failure } => {
                self.link.failed(request, failure, self.world.chance.as_mut(), now);
                self.world.in_contact = self.link.in_contact();
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

    /// When the next [`Event::Tick`] is due, on the monotonic clock.
    pub fn next_deadline(&self) -> Duration {
        let jobs = self.jobs.values().map(|job| job.deadline);
        let save = if self.world.unsaved { self.save_at } else { Duration::MAX };
        // With what waits for a commit, the ledgers wait for it too.
        let ledgers = match self.world.commit_at {
            Some(_) => Duration::MAX,
            None => self.world.ledgers.deadline(),
        };
        let own = [
            self.plan_at,
            save,
            ledgers,
            self.world.commit_at.unwrap_or(Duration::MAX),
            self.link.deadline(self.world.news),
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
        HubSnapshot { in_contact: self.link.in_contact(), streams }
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
        if self.world.commit_at.is_some_and(|at| now.mono >= at) {
            self.commit(now);
        }
        if now.mono >= self.plan_at {
            self.plan_at = now.mono + PLAN_INTERVAL;
            self.world.cramped.extend(self.jobs.keys().cloned());
            for job in self.jobs.values_mut() {
                job.rate.sample(job.counters.frame_bytes, now.mono);
            }
            plan_reserve(self.jobs.values_mut(), &mut self.world, now);
        }
        for job in self.jobs.values_mut().filter(|job| now.mono >= job.deadline) {
            job.tick(&mut self.world, now);
            job.settled(&mut self.world, now);
        }
        self.apply_received(now);
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

    fn commit(&mut self, now: Now) {
        if let Err(error) = self.world.commit() {
            self.world.store_failed("", &error);
            self.world.wants_plans |= error.is_disk_full();
            // What waits is still there; a commit for which there was no space is tried again.
            self.world.touch(now);
        }
    }

    /// What follows from every event.
    fn settle(&mut self, now: Now) {
        for report in std::mem::take(&mut self.world.commits) {
            self.committed(&report, now);
        }
        for arn in std::mem::take(&mut self.world.cramped) {
            if let Some(job) = self.jobs.get_mut(&arn) {
                job.plan_space(0, &mut self.world, now);
                job.settled(&mut self.world, now);
            }
        }
        if std::mem::take(&mut self.world.wants_plans) {
            self.plan_at = now.mono;
        }
        self.save(now);
        if self.world.failed {
            tracing::error!(
                "the hub stops; what is recorded is safe; restart the agent when its disk is well"
            );
            self.is_stopped = true;
        }
        if self.world.commit_at.is_none() && now.mono >= self.world.ledgers.deadline() {
            self.write_ledgers(Some(self.link.in_contact()), now);
        }
        if !self.is_stopped && now.mono >= self.link.deadline(self.world.news) {
            let streams = self.reports(REPORTED_IN_ALL_MAX, now);
            self.world.news = false;
            let effect = self.link.request(&self.hub_device_arn, streams, now);
            self.world.effects.push(effect);
        }
    }

    /// Tells the jobs what has become durable.
    fn committed(&mut self, report: &CommitReport, now: Now) {
        for job in self.jobs.values_mut() {
            let has_media = report.persisted.iter().any(|persisted| persisted.key == job.key);
            let failed = report.failed.iter().filter(|failed| failed.key == job.key);
            let failed: Vec<u64> = failed.map(|failed| failed.sequence).collect();
            let has_lost = !failed.is_empty();
            job.fragments_committed(&failed, &mut self.world, now);
            if job.upload.marks_committed() && job.plan.deletion.delete_after_upload {
                self.world.cramped.insert(Arc::clone(&job.arn));
            }
            if has_media {
                let event = vigie_engine::uploader::Event::MediaAdded;
                job.uploader_event(event, &mut self.world, now);
            }
            if has_lost {
                job.fragment_lost(&mut self.world, now);
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

    fn save(&mut self, now: Now) {
        if !self.world.unsaved || now.mono < self.save_at {
            return;
        }
        for (arn, job) in &self.jobs {
            if let Some(stream) = self.streams.get_mut(arn) {
                stream.secret_string.clone_from(&job.record.secret.value);
                stream.file_recorded = job.record.file_recorded;
                stream.imports.clone_from(&job.record.imports);
            }
        }
        match self.saved.save(&self.streams) {
            Ok(()) => self.world.unsaved = false,
            Err(error) => {
                tracing::error!(error = describe(&error), "the configurations cannot be saved");
                self.save_at = now.mono + SAVE_AGAIN;
            }
        }
    }

    /// Takes the service's set: notes what is new, durably, and erases what is to be erased.
    fn take(&mut self, configurations: Vec<Configuration>, now: Now) {
        // What is erased and not mentioned any more is forgotten on both sides.
        let mentioned = |arn: &str| configurations.iter().any(|known| known.stream_arn == arn);
        let before = self.streams.len();
        self.streams.retain(|arn, stream| stream.phase != Phase::Erased || mentioned(arn));
        self.world.unsaved |= self.streams.len() != before;

        for configuration in configurations {
            let Configuration { stream_name, stream_arn, revision, action, edge_config } =
                configuration;
            let arn: Arc<str> = stream_arn.into();
            let known = self.streams.get(&arn);
            let is_known = known.is_some_and(|known| known.revision == revision);
            let secret_string = known.and_then(|known| known.secret_string.clone());
            let mut imports = known.map_or_else(Default::default, |known| known.imports.clone());
            imports.forget_single_file();
            if is_known {
                continue;
            }
            tracing::info!(stream = stream_name, revision, %action, "configuration taken");
            let stream = SavedStream {
                stream_name,
                revision,
                phase: Phase::Received,
                failed_status_details: None,
                edge_config: (action == Action::Apply).then_some(edge_config),
                secret_string,
                file_recorded: false,
                imports,
            };
            self.streams.insert(Arc::clone(&arn), stream);
            if let Some(job) = self.jobs.get_mut(&arn) {
                // The new revision has not recorded its file yet, whatever the old one did.
                job.record.file_recorded = false;
                job.record.imports.forget_single_file();
            }
            self.world.unsaved = true;
            self.world.news = true;
        }
        self.save_at = now.mono;
        self.save(now);
        if self.world.news {
            // RECEIVED is said before the work begins.
            let streams = self.reports(REPORTED_IN_ALL_MAX, now);
            self.world.news = false;
            let effect = self.link.request(&self.hub_device_arn, streams, now);
            self.world.effects.push(effect);
        }
        self.apply_received(now);
    }

    /// Works by what was taken, once that is durable.
    fn apply_received(&mut self, now: Now) {
        if self.world.unsaved {
            // Not yet durable: the next save is waited for.
            return;
        }
        let received = self.streams.iter().filter(|(_, stream)| stream.phase == Phase::Received);
        for arn in received.map(|(arn, _)| Arc::clone(arn)).collect::<Vec<_>>() {
            self.work_by(&arn, now);
        }
    }

    /// Starts, changes or erases a stream's work, as its saved configuration says.
    fn work_by(&mut self, arn: &Arc<str>, now: Now) {
        let Some(stream) = self.streams.get(arn) else { return };
        let (phase, details) = match &stream.edge_config {
            None if stream.phase == Phase::Erased => return,
            None => match self.erase(arn, now) {
                Ok(()) => (Phase::Erased, None),
                Err(details) => (Phase::EraseFailed, Some(details)),
            },
            Some(_) => match self.start(arn, now) {
                Ok(()) => (Phase::Applied, None),
                Err(details) => (Phase::Failed, Some(details)),
            },
        };
        let Some(stream) = self.streams.get_mut(arn) else { return };
        if stream.phase != phase || stream.failed_status_details != details {
            tracing::info!(stream = stream.stream_name, revision = stream.revision, %phase, details);
            stream.phase = phase;
            stream.failed_status_details = details;
            self.world.unsaved = true;
            self.world.news = true;
        }
    }

    fn start(&mut self, arn: &Arc<str>, now: Now) -> Result<(), String> {
        let Some(stream) = self.streams.get(arn) else { return Ok(()) };
        let Some(edge_config) = &stream.edge_config else { return Ok(()) };
        let plan = edge_config::check(edge_config).map_err(|error| error.to_string())?;
        let disk_failure = |error: vigie_store::StoreError| {
            tracing::error!(error = describe(&error), "a stream's work cannot begin");
            "the hub's disk could not be written; check the disk and the agent's log".to_owned()
        };
        if let Some(job) = self.jobs.get_mut(arn) {
            let applied = job.apply(plan, &mut self.world, now).map_err(disk_failure);
            job.settled(&mut self.world, now);
            return applied;
        }
        let mut job = Job::new(Arc::clone(arn), &stream.stream_name, plan, &mut self.world, now)
            .map_err(disk_failure)?;
        job.record.secret = KnownSecret::new(stream.secret_string.clone());
        job.record.file_recorded = stream.file_recorded;
        job.record.imports.clone_from(&stream.imports);
        self.jobs.insert(Arc::clone(arn), job);
        Ok(())
    }

    fn erase(&mut self, arn: &Arc<str>, now: Now) -> Result<(), String> {
        let Some(stream) = self.streams.get_mut(arn) else { return Ok(()) };
        stream.secret_string = None;
        let key = store_key(arn, &stream.stream_name);
        if let Some(mut job) = self.jobs.remove(arn) {
            job.stop(&mut self.world, now);
        }
        let deleted = self.world.store.delete_stream(&key).map_err(|error| {
            self.world.failed |= error.is_fatal();
            erase_failure(&error)
        })?;
        self.world.ledgers.note(Change::Erase { stream: arn.to_string() }, now);
        tracing::info!(
            stream = %key,
            media_files = deleted.media_file_count,
            size_bytes = deleted.size_bytes,
            "the stream's local media is erased"
        );
        Ok(())
    }

    /// What the service says that it has of the ledgers.
    fn take_receipts(&mut self, receipts: &[LedgerReceipt]) {
        for receipt in receipts {
            if let Some(job) = self.jobs.get_mut(receipt.stream_arn.as_str()) {
                job.ledger_received(&receipt.ledger_id, receipt.sequence);
                // The next request brings what is missing.
                self.world.news |= job.has_unreported();
            }
        }
    }

    /// Makes the ledgers durable, with where each stream stands.
    fn write_ledgers(&mut self, running: Option<bool>, now: Now) {
        let mut changes = Vec::with_capacity(self.jobs.len() + 1);
        for report in self.reports(0, now) {
            if let Some(job) = self.jobs.get(report.stream_arn.as_str())
                && let Ok(report_json) = serde_json::to_string(&report)
            {
                changes.push(job.standing(report_json));
            }
        }
        let hub_device_arn = self.hub_device_arn.clone();
        changes.push(Change::Heartbeat { now: now.wall, hub_device_arn, running });
        if self.world.ledgers.flush(changes, now) {
            for job in self.jobs.values_mut() {
                self.world.news |= job.ledger_written(&mut self.world);
            }
        }
    }

    /// How long the disk lasts at the rate of all streams together.
    fn disk_seconds(&self) -> Option<f64> {
        let rates = self.jobs.values().filter_map(|job| job.rate.per_second());
        let rate: f64 = rates.sum();
        let reserve_bytes = StoreSettings::HUB.free_bytes_reserve;
        let left = self.world.store.free_bytes().saturating_sub(reserve_bytes);
        (rate > 0.0).then(|| left as f64 / rate)
    }

    /// What the hub says; with at most so many entries of ledgers.
    fn reports(&mut self, mut entries_max: usize, now: Now) -> Vec<StreamReport> {
        let disk_seconds = self.disk_seconds();
        let (jobs, world) = (&self.jobs, &mut self.world);
        let report = |(arn, stream): (&Arc<str>, &SavedStream)| {
            let job = jobs.get(arn);
            let ledger = job.map(|job| job.ledger_report(world, entries_max.min(REPORTED_MAX)));
            entries_max -= ledger.as_ref().map_or(0, |ledger| ledger.entries.len());
            StreamReport {
                stream_arn: arn.to_string(),
                revision: stream.revision,
                phase: stream.phase,
                failed_status_details: stream.failed_status_details.clone(),
                recorder_status: job.map(|job| job.recorder_status()),
                uploader_status: job.map(|job| job.upload.uploader.status().to_uploader_status()),
                local_media: job.and_then(|job| job.local_media(disk_seconds, world, now)),
                ledger,
            }
        };
        self.streams.iter().map(report).collect()
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
        self.commit(now);
        for report in std::mem::take(&mut self.world.commits) {
            self.committed(&report, now);
        }
        self.write_ledgers(None, now);
        self.world.unsaved = true;
        self.save_at = now.mono;
        self.save(now);
        self.is_stopped = true;
    }
}

impl Job {
    /// The recorder's status, with what its stream's policy has lost.
    fn recorder_status(&self) -> LastRecorderStatus {
        let mut status = self.record.recorder.status().to_recorder_status();
        let lost = self.ledger.losses.fragment_count;
        if lost > 0
            && let Some(details) = &mut status.job_status_details
        {
            let megabytes = self.ledger.losses.size_bytes.div_ceil(1_000_000);
            details.push_str(&format!(
                "; {lost} fragments ({megabytes} MB) that were never uploaded were deleted by the stream's policy; raise MaxLocalMediaSizeInMB or EdgeRetentionInHours, or upload more often"
            ));
        }
        status
    }
}
