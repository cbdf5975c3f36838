//! One stream's work on this hub: its recorder, its uploader, its policy, and what is said about them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::edge_config::EdgePlan;
use vigie_engine::job_status::JobOutcome;
use vigie_kvs::arn::StreamArn;
use vigie_kvs::shapes::sync_edge_agent::LocalMedia;
use vigie_store::StoreError;

use super::ledger::{self, Past, StreamLedger};
use super::rate::ByteRate;
use super::record::RecordJob;
use super::snapshot::StreamSnapshot;
use super::upload::UploadJob;
use super::world::World;

/// What a job counts since the process started, see [`StreamSnapshot`].
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    pub(super) frames: u64,
    pub(super) frame_bytes: u64,
    pub(super) frames_dropped: u64,
    pub(super) packets_lost: u64,
    pub(super) sources_opened: u64,
    pub(super) fragments_uploaded: u64,
    pub(super) bytes_uploaded: u64,
    /// What of the camera was not as it should be, and was lived with, by its kind.
    pub(super) deviations: BTreeMap<&'static str, u64>,
}

/// One stream.
pub(super) struct Job {
    /// The stream's ARN.
    pub(super) arn: Arc<str>,
    pub(super) stream_name: String,
    /// The stream's name in the store.
    pub(super) key: Arc<str>,
    pub(super) plan: EdgePlan,
    pub(super) record: RecordJob,
    pub(super) upload: UploadJob,
    pub(super) ledger: StreamLedger,
    pub(super) counters: Counters,
    pub(super) rate: ByteRate,
    /// When recorder or uploader want to be asked again.
    pub(super) deadline: Duration,
    /// What was last reported, to see what is news.
    reported: (JobOutcome, String, JobOutcome, String),
}

/// The name of a stream in the store: readable, and different for a stream that was deleted and created again.
pub(super) fn store_key(arn: &str, stream_name: &str) -> Arc<str> {
    match arn.parse::<StreamArn>() {
        Ok(arn) => format!("{stream_name}.{}", arn.creation_time.as_millis()).into(),
        Err(_) => arn.into(),
    }
}

impl Job {
    /// A job that has done nothing yet; its first tick starts it.
    pub(super) fn new(
        arn: Arc<str>,
        stream_name: &str,
        plan: EdgePlan,
        world: &mut World,
        now: Now,
    ) -> Result<Self, StoreError> {
        let key = store_key(&arn, stream_name);
        world
            .store
            .set_size_budget(&key, plan.deletion.local_size.map(|limit| limit.size_bytes_max))?;
        let mut record = RecordJob::new(&plan, &key, world, now)?;
        let past = Past::read(&arn, &key, world);
        record.recorder.resume(past.ran_until, past.recorded_at);
        let ledger = StreamLedger::open(&arn, stream_name, &key, world, now);
        let mut upload =
            UploadJob::new(plan.uploader_schedule.clone(), world.zone.clone(), now.wall);
        upload.uploader.resume(past.uploaded_at);
        upload.refused = ledger::refused(&arn, &key, world, now);
        Ok(Self {
            arn,
            stream_name: stream_name.to_owned(),
            key,
            record,
            upload,
            ledger,
            counters: Counters::default(),
            rate: ByteRate::default(),
            deadline: now.mono,
            reported: (JobOutcome::Success, String::new(), JobOutcome::Success, String::new()),
            plan,
        })
    }

    /// Works by another configuration from now on.
    pub(super) fn apply(
        &mut self,
        plan: EdgePlan,
        world: &mut World,
        now: Now,
    ) -> Result<(), StoreError> {
        let budget = plan.deletion.local_size.map(|limit| limit.size_bytes_max);
        world.store.set_size_budget(&self.key, budget)?;
        world.cramped.insert(Arc::clone(&self.arn));
        let former = std::mem::replace(&mut self.plan, plan);
        self.source_configured(&former, world, now);
        self.uploader_configured(world, now);
        Ok(())
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, world: &mut World, now: Now) {
        self.recorder_event(vigie_engine::recorder::Event::Tick, world, now);
        self.uploader_event(vigie_engine::uploader::Event::Tick, world, now);
    }

    /// To be called after every event that concerned the job.
    pub(super) fn settled(&mut self, world: &mut World, now: Now) {
        self.refresh_secret(world, now);
        let recorder = self.record.recorder.next_deadline(now);
        self.deadline = recorder.min(self.upload.uploader.next_deadline(now));
        self.follow_recorder(world, now);
        let (recorder, uploader) = (self.record.recorder.status(), self.upload.uploader.status());
        let (was_recorder, recorder_details, was_uploader, uploader_details) = &self.reported;
        let same = *was_recorder == recorder.outcome
            && *recorder_details == recorder.details
            && *was_uploader == uploader.outcome
            && *uploader_details == uploader.details;
        if same {
            return;
        }
        for (job, status, was) in
            [("recorder", recorder, recorder_details), ("uploader", uploader, uploader_details)]
        {
            if *was != status.details {
                let (stream, details) = (&self.stream_name, &status.details);
                match status.outcome {
                    JobOutcome::Success => tracing::info!(stream, job, "{details}"),
                    _ => tracing::warn!(stream, job, status = status.outcome.as_str(), "{details}"),
                }
            }
        }
        self.reported = (
            recorder.outcome,
            recorder.details.clone(),
            uploader.outcome,
            uploader.details.clone(),
        );
        world.news = true;
    }

    /// Ends recording and uploading; what was recorded stays.
    pub(super) fn stop(&mut self, world: &mut World, now: Now) {
        self.recorder_event(vigie_engine::recorder::Event::Stop, world, now);
        self.uploader_event(vigie_engine::uploader::Event::Stop, world, now);
    }

    /// `disk_seconds`: how long the disk lasts at the rate of all streams.
    pub(super) fn local_media(
        &self,
        disk_seconds: Option<f64>,
        world: &World,
        now: Now,
    ) -> Option<LocalMedia> {
        let totals = world.reader.totals(&self.key).ok()?;
        let seconds = self.seconds_until_full(disk_seconds, world);
        let long = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Some(LocalMedia {
            size_bytes: long(world.store.size_bytes(&self.key)),
            fragment_count: long(totals.fragment_count),
            oldest_timestamp: totals.oldest_producer_timestamp,
            newest_timestamp: totals.newest_producer_timestamp,
            not_uploaded_bytes: long(totals.not_uploaded_size_bytes),
            size_bytes_max: self.plan.deletion.local_size.map(|limit| long(limit.size_bytes_max)),
            seconds_until_full: seconds.map(|seconds| seconds as i64),
            upload_lag_seconds: Some(self.upload_lag_ms(world, now) / 1000),
        })
    }

    /// Age of the oldest media that the service does not have.
    fn upload_lag_ms(&self, world: &World, now: Now) -> i64 {
        let oldest = self.upload.oldest_not_uploaded(&world.reader, &self.key);
        oldest.map_or(0, |oldest| now.wall.millis_since(oldest).max(0))
    }

    /// When the policy or the disk leaves no room at the present bit rate.
    fn seconds_until_full(&self, disk_seconds: Option<f64>, world: &World) -> Option<f64> {
        let rate = self.rate.per_second().filter(|_| self.record.is_recording())?;
        let own = self.plan.deletion.local_size.map(|limit| {
            let left = limit.size_bytes_max.saturating_sub(world.store.size_bytes(&self.key));
            left as f64 / rate
        });
        match (own, disk_seconds) {
            (Some(own), Some(disk)) => Some(own.min(disk)),
            (own, disk) => own.or(disk),
        }
    }

    pub(super) fn snapshot(
        &self,
        disk_seconds: Option<f64>,
        world: &World,
        now: Now,
    ) -> StreamSnapshot {
        let totals = world.reader.totals(&self.key).unwrap_or_default();
        let lag_ms = self.upload_lag_ms(world, now);
        let counters = &self.counters;
        StreamSnapshot {
            stream_name: self.stream_name.clone(),
            recording: self.record.is_recording(),
            uploading: self.upload.is_connected(),
            frames: counters.frames,
            frame_bytes: counters.frame_bytes,
            frames_dropped: counters.frames_dropped,
            packets_lost: counters.packets_lost,
            deviations: counters.deviations.clone(),
            last_frame: self.record.recorder.status().last_collected,
            reconnects: counters.sources_opened.saturating_sub(1),
            fragments_uploaded: counters.fragments_uploaded,
            bytes_uploaded: counters.bytes_uploaded,
            upload_lag_bytes: totals.not_uploaded_size_bytes,
            upload_lag_seconds: lag_ms as f64 / 1000.0,
            local_bytes: world.store.size_bytes(&self.key),
            local_fragments: totals.fragment_count,
            gap: self.ledger.gap(),
            lost_fragments: self.ledger.losses.fragment_count,
            lost_bytes: self.ledger.losses.size_bytes,
            hours_until_full: self.seconds_until_full(disk_seconds, world).map(|s| s / 3600.0),
        }
    }
}
