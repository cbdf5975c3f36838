//! Configurations: taken from the service, saved, worked by, erased.
//!
//! Each goes through three steps, each durable before it is said: taken (`RECEIVED`), worked by (`APPLIED`) or not
//! (`FAILED`). Only an explicit deletion erases (`ERASED`); a stream that the service does not mention works on.

use std::sync::Arc;
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::edge_config;
use vigie_kvs::shapes::media_ledger::LossTotals;
use vigie_kvs::shapes::sync_edge_agent::{Action, Configuration, ErasedMedia, Phase};
use vigie_store::{FragmentQuery, StoreError, describe};

use super::Hub;
use super::reports::REPORTED_IN_ALL_MAX;
use crate::core::job::{Job, store_key};
use crate::core::ledger::not_uploaded_ranges;
use crate::core::record::KnownSecret;
use crate::core::saved::SavedStream;
use crate::core::space::erase_failure;
use crate::ledger::Change;

/// What could not be saved is tried again after so long.
const SAVE_AGAIN: Duration = Duration::from_secs(5);

impl Hub {
    pub(super) fn save(&mut self, now: Now) {
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
    pub(super) fn take(&mut self, configurations: Vec<Configuration>, now: Now) {
        // What is erased and not mentioned any more is forgotten on both sides.
        let mentioned = |arn: &str| configurations.iter().any(|known| known.stream_arn == arn);
        let before = self.streams.len();
        self.streams.retain(|arn, stream| stream.phase != Phase::Erased || mentioned(arn));
        self.world.unsaved |= self.streams.len() != before;

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
                erased_media: None,
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
            let requests = self.requests.reports();
            let instance = self.instance.said();
            let held = self.world.age_hold.left(now);
            let hub = &self.hub_device_arn;
            let effect = self.link.request(hub, instance, streams, requests, held, now);
            self.world.effects.push(effect);
        }
        self.apply_received(now);
        for (arn, revision) in secrets {
            if let Some(job) = self.jobs.get_mut(&arn) {
                job.secret_told(revision, &mut self.world, now);
            }
        }
    }

    /// Works by what was taken, once that is durable.
    pub(super) fn apply_received(&mut self, now: Now) {
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
    pub(super) fn work_by(&mut self, arn: &Arc<str>, now: Now) {
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

    pub(super) fn start(&mut self, arn: &Arc<str>, now: Now) -> Result<(), String> {
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

    pub(super) fn erase(&mut self, arn: &Arc<str>, now: Now) -> Result<(), String> {
        let Some(stream) = self.streams.get_mut(arn) else { return Ok(()) };
        stream.secret_string = None;
        let key = store_key(arn, &stream.stream_name);
        if let Some(mut job) = self.jobs.remove(arn) {
            job.stop(&mut self.world, now);
        }
        // What was uploaded last counts as uploaded; a disk that is full must not keep anything from being erased.
        match self.world.commit(now) {
            Err(error) if !error.is_disk_full() => return Err(self.erase_failed(&error)),
            _ => {}
        }
        self.note_erased(arn, &key)?;
        let deleted = self.world.store.delete_stream(&key);
        let deleted = deleted.map_err(|error| self.erase_failed(&error))?;
        self.world.ledgers.note(Change::Erase { stream: arn.to_string() }, now);
        tracing::info!(
            stream = %key,
            media_files = deleted.media_file_count,
            size_bytes = deleted.size_bytes,
            "the stream's local media is erased"
        );
        Ok(())
    }

    /// Writes down what is there before any of it goes: what the service never had is told, whatever happens meanwhile.
    fn note_erased(&mut self, arn: &Arc<str>, key: &str) -> Result<(), String> {
        let Some(stream) = self.streams.get_mut(arn).filter(|one| one.erased_media.is_none())
        else {
            return Ok(());
        };
        let reader = &self.world.reader;
        let totals = reader.totals(key).map_err(|error| erase_failure(&error))?;
        let first = reader.fragments(key, &FragmentQuery::not_uploaded(0, 1));
        let first = first.map_err(|error| erase_failure(&error))?;
        let oldest = first.first().map(|fragment| fragment.entry.producer_timestamp);
        let erased = ErasedMedia {
            size_bytes: totals.size_bytes,
            fragment_count: totals.fragment_count,
            not_uploaded: LossTotals {
                fragment_count: totals.not_uploaded_count,
                size_bytes: totals.not_uploaded_size_bytes,
            },
            not_uploaded_ranges: not_uploaded_ranges(reader, key, oldest),
        };
        if erased.not_uploaded.fragment_count > 0 {
            tracing::warn!(
                stream = stream.stream_name,
                fragments = erased.not_uploaded.fragment_count,
                size_bytes = erased.not_uploaded.size_bytes,
                "media that was never uploaded is erased, because the edge configuration or its stream was deleted"
            );
        }
        stream.erased_media = Some(erased);
        if let Err(error) = self.saved.save(&self.streams) {
            // The service has counted what was last said: what is to be erased does not wait for a disk that is full.
            tracing::error!(error = describe(&error), "what is erased cannot be written down");
            self.world.unsaved = true;
        }
        Ok(())
    }

    fn erase_failed(&mut self, error: &StoreError) -> String {
        self.world.failed |= error.is_fatal();
        erase_failure(error)
    }
}
