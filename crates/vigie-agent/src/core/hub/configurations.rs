//! Configurations: taken from the service, saved, worked by.
//!
//! Each goes through three steps, each durable before it is said: taken (`RECEIVED`), worked by (`APPLIED`) or not
//! (`FAILED`). Only an explicit deletion erases, see [`super::erasing`]; a stream that the service does not mention works
//! on.

use std::sync::Arc;
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::edge_config;
use vigie_kvs::shapes::sync_edge_agent::{Action, Configuration, Phase};
use vigie_store::describe;

use super::Hub;
use crate::core::job::{Job, JobEvent};
use crate::core::saved::{SavedError, SavedRow, SavedStream};
use crate::core::shared::Turn;

/// What could not be saved is tried again after so long.
const SAVE_AGAIN: Duration = Duration::from_secs(5);

impl Hub {
    pub(super) fn save(&mut self, now: Now) {
        if !self.is_unsaved || now.mono < self.save_at {
            return;
        }
        match self.write_saved() {
            Ok(()) => self.is_unsaved = false,
            Err(error) => {
                tracing::error!(error = describe(&error), "the configurations cannot be saved");
                self.save_at = now.mono + SAVE_AGAIN;
            }
        }
    }

    /// Replaces the file of the saved configurations, whether they have changed or not.
    pub(super) fn write_saved(&self) -> Result<(), SavedError> {
        let rows = self.streams.iter().map(|(arn, stream)| {
            let kept = self.jobs.get(arn).map_or(&stream.kept, |job| &job.record.kept);
            (arn.as_ref(), SavedRow { stream, kept })
        });
        self.saved.save(&rows.collect())
    }

    /// Takes the service's set: notes what is new, durably, and erases what is to be erased.
    pub(super) fn take(&mut self, configurations: Vec<Configuration>, now: Now) {
        // What is erased and not mentioned any more is forgotten on both sides.
        let mentioned = |arn: &str| configurations.iter().any(|known| known.stream_arn == arn);
        let before = self.streams.len();
        self.streams.retain(|arn, stream| stream.phase != Phase::Erased || mentioned(arn));
        self.is_unsaved |= self.streams.len() != before;

        let mut secrets = Vec::new();
        for configuration in configurations {
            let Configuration {
                stream_name,
                stream_arn,
                revision,
                action,
                edge_config,
                media_uri_secret_revision,
            } = configuration;
            let arn: Arc<str> = stream_arn.into();
            secrets.extend(media_uri_secret_revision.map(|told| (Arc::clone(&arn), told)));
            if self.streams.get(&arn).is_some_and(|known| known.revision == revision) {
                continue;
            }
            tracing::info!(stream = stream_name, revision, %action, "configuration taken");
            let known = self.streams.remove(&arn);
            // What is being erased goes first, whatever is to come.
            let is_erasing = known.as_ref().is_some_and(SavedStream::has_media_to_erase);
            let (kept, erased_media) =
                known.map_or_else(Default::default, |known| (known.kept, known.erased_media));
            let mut stream = SavedStream {
                stream_name,
                revision,
                phase: Phase::Received,
                failed_status_details: None,
                edge_config: (action == Action::Apply).then_some(edge_config),
                erased_media: erased_media.filter(|_| is_erasing),
                is_erasing,
                kept,
            };
            let job = self.jobs.get_mut(&arn);
            job.map_or(&mut stream.kept, |job| &mut job.record.kept).begin_revision();
            self.streams.insert(arn, stream);
            self.is_unsaved = true;
            self.has_news = true;
        }
        self.save_at = now.mono;
        self.save(now);
        if self.has_news && self.sync.is_heard() {
            // RECEIVED is said before the work begins.
            self.call_service(now);
        }
        self.apply_received(now);
        for (arn, revision) in secrets {
            self.tell(&arn, JobEvent::SecretTold(revision), now);
        }
    }

    /// Works by what was taken, once that is durable.
    pub(super) fn apply_received(&mut self, now: Now) {
        if self.is_unsaved {
            // Not yet durable: the next save is waited for.
            return;
        }
        let received = self.streams.iter().filter(|(_, stream)| stream.phase == Phase::Received);
        for arn in received.map(|(arn, _)| Arc::clone(arn)).collect::<Vec<_>>() {
            self.work_by(&arn, now);
        }
    }

    /// Starts, changes or erases a stream's work, as its saved configuration says.
    pub(super) fn work_by(&mut self, arn: &Arc<str>, now: Now) {
        let Some(stream) = self.streams.get(arn) else { return };
        if stream.has_media_to_erase() {
            return self.begin_erasing(arn, now);
        }
        if stream.edge_config.is_none() {
            return;
        }
        match self.start(arn, now) {
            Ok(()) => self.set_phase(arn, Phase::Applied, None),
            Err(details) => self.set_phase(arn, Phase::Failed, Some(details)),
        }
    }

    /// How far the hub is with a stream's configuration, from now on.
    pub(super) fn set_phase(&mut self, arn: &Arc<str>, phase: Phase, details: Option<String>) {
        let Some(stream) = self.streams.get_mut(arn) else { return };
        if stream.phase != phase || stream.failed_status_details != details {
            tracing::info!(stream = stream.stream_name, revision = stream.revision, %phase, details);
            stream.phase = phase;
            stream.failed_status_details = details;
            self.is_unsaved = true;
            self.has_news = true;
        }
    }

    pub(super) fn start(&mut self, arn: &Arc<str>, now: Now) -> Result<(), String> {
        let Some(stream) = self.streams.get_mut(arn) else { return Ok(()) };
        let Some(edge_config) = &stream.edge_config else { return Ok(()) };
        let plan = edge_config::check(edge_config).map_err(|error| error.to_string())?;
        let disk_failure = |error: vigie_store::StoreError| {
            tracing::error!(error = describe(&error), "a stream's work cannot begin");
            "the hub's disk could not be written; check the disk and the agent's log".to_owned()
        };
        if let Some(job) = self.jobs.get_mut(arn) {
            let contact = self.sync.contact();
            let turn = &mut Turn { shared: &mut self.shared, out: &mut self.out, contact, now };
            let applied = job.apply(plan, turn).map_err(disk_failure);
            job.settled(turn);
            self.take_notices();
            return applied;
        }
        let mut job = Job::new(Arc::clone(arn), &stream.stream_name, plan, &mut self.shared, now)
            .map_err(disk_failure)?;
        job.record.kept = std::mem::take(&mut stream.kept);
        self.jobs.insert(Arc::clone(arn), job);
        Ok(())
    }
}
