//! One stream's work on this hub: its recorder, its uploader, its ledger, its policy. What a part says is routed to the others
//! here.
//!
//! One queue for all that follows from an event, drained in order: see [`super::outcome`].

mod deletion;
mod said;

use std::sync::Arc;
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::edge_config::EdgePlan;
use vigie_engine::job_status::JobOutcome;
use vigie_engine::{recorder, uploader};
use vigie_kvs::Sensitive;
use vigie_store::StoreError;

use super::event::{CallFailure, Session, SourceEvent, UploadEvent};
use super::outcome::{Followup, Notice};
use super::rate::ByteRate;
use super::record::RecordJob;
use super::shared::{Shared, Turn};
use super::stream::Stream;
use super::stream_ledger::{self, Past, StreamLedger};
use super::upload::UploadJob;

/// The work for one stream.
pub(super) struct Job {
    pub(super) stream: Stream,
    pub(super) record: RecordJob,
    pub(super) upload: UploadJob,
    pub(super) ledger: StreamLedger,
    pub(super) rate: ByteRate,
    /// When recorder or uploader want to be asked again.
    pub(super) deadline: Duration,
    /// What was last reported, to see what is news.
    reported: (JobOutcome, String, JobOutcome, String),
}

/// What happens to a stream's work.
pub(super) enum JobEvent<'a> {
    /// Time has passed.
    Tick,
    /// Secrets Manager has answered.
    SecretResolved(&'a Session, Option<Sensitive>),
    /// Secrets Manager has not answered, or said no.
    SecretFailed(&'a Session, CallFailure),
    /// The service says which revision the secret is now.
    SecretTold(String),
    /// A source has something to say.
    Source(&'a Session, SourceEvent),
    /// An upload connection has something to say.
    Upload(&'a Session, UploadEvent),
    /// The hub itself stood still, until now.
    Paused { lasted: Duration },
    /// The store has compared all that is on the disk with its index.
    SearchEnded,
    /// Media was found that the index did not know. Whether the service has it nobody knows: it is asked before anything
    /// more is sent.
    MediaReturned,
    /// Recording and uploading end; what was recorded stays.
    Stop,
}

/// What a commit did to one stream.
#[derive(Default)]
pub(super) struct Committed {
    /// Fragments that are durable now, by their sequences.
    pub(super) persisted: Vec<u64>,
    /// Fragments that were given up.
    pub(super) failed: Vec<u64>,
    /// That was for want of space.
    pub(super) is_full: bool,
}

impl Job {
    /// A job that has done nothing yet; its first tick starts it.
    pub(super) fn new(
        arn: Arc<str>,
        stream_name: &str,
        plan: EdgePlan,
        shared: &mut Shared,
        now: Now,
    ) -> Result<Self, StoreError> {
        let stream = Stream::new(arn, stream_name, plan);
        let limit = stream.plan.deletion.local_size;
        shared.media.store.set_size_budget(&stream.key, limit.map(|limit| limit.size_bytes_max))?;
        let mut record = RecordJob::new(&stream, shared, now)?;
        let past = Past::read(&stream, shared);
        record.recorder.resume(past.ran_until, past.recorded_at);
        let ledger = StreamLedger::open(&stream, shared, now);
        let refused = stream_ledger::refused(&stream, shared, now);
        let schedule = stream.plan.uploader_schedule.clone();
        let mut upload = UploadJob::new(schedule, shared.zone.clone(), refused, now.wall);
        upload.uploader.resume(past.uploaded_at);
        Ok(Self {
            stream,
            record,
            upload,
            ledger,
            rate: ByteRate::default(),
            deadline: now.mono,
            reported: (JobOutcome::Success, String::new(), JobOutcome::Success, String::new()),
        })
    }

    /// Works by another configuration from now on.
    pub(super) fn apply(&mut self, plan: EdgePlan, turn: &mut Turn<'_>) -> Result<(), StoreError> {
        let budget = plan.deletion.local_size.map(|limit| limit.size_bytes_max);
        turn.shared.media.store.set_size_budget(&self.stream.key, budget)?;
        turn.out.notice(Notice::Cramped(Arc::clone(&self.stream.arn)));
        let former = std::mem::replace(&mut self.stream.plan, plan);
        self.record.configured(&former, &self.stream, turn);
        let schedule = self.stream.plan.uploader_schedule.clone();
        turn.out.uploader(uploader::Event::ConfigChanged { schedule });
        self.route(turn);
        Ok(())
    }

    /// Takes an event in, with all that follows from it for the stream.
    pub(super) fn handle(&mut self, event: JobEvent<'_>, turn: &mut Turn<'_>) {
        let Self { stream, record, upload, ledger, .. } = self;
        match event {
            JobEvent::Tick => {
                turn.out.recorder(recorder::Event::Tick);
                turn.out.uploader(uploader::Event::Tick);
            }
            JobEvent::SecretResolved(session, secret) => {
                record.secret_resolved(session, secret, stream, turn);
            }
            JobEvent::SecretFailed(session, failure) => {
                record.secret_failed(session, failure, turn)
            }
            JobEvent::SecretTold(revision) => record.secret_told(revision, stream, turn),
            JobEvent::Source(session, event) => record.source_event(session, event, stream, turn),
            JobEvent::Upload(session, event) => {
                upload.connection_event(session, event, stream, turn)
            }
            JobEvent::Paused { lasted } => {
                ledger.stood_still(lasted, turn.now);
                turn.out.recorder(recorder::Event::Paused { lasted });
            }
            JobEvent::SearchEnded => record.search_ended(stream, turn),
            JobEvent::MediaReturned => turn.out.uploader(uploader::Event::MediaReturned),
            JobEvent::Stop => {
                turn.out.recorder(recorder::Event::Stop);
                turn.out.uploader(uploader::Event::Stop);
            }
        }
        self.route(turn);
    }

    /// Routes what the parts say, in the order in which they say it, until nothing more follows.
    fn route(&mut self, turn: &mut Turn<'_>) {
        while let Some(followup) = turn.out.next_followup() {
            match followup {
                Followup::Recorder(event) => self.record.hear(event, &self.stream, turn),
                Followup::Uploader(event) => {
                    self.upload.hear(event, &self.stream, turn);
                    self.record.is_awaited = self.upload.is_live();
                }
                Followup::Fragment(step) => self.ledger.follow(step, &self.stream, turn),
                Followup::Frames(batch) => self.take_frames(batch, turn),
                Followup::SourceOver => self.record.source_over(&self.stream, turn),
            }
        }
    }

    /// A commit was done, the one of this number.
    pub(super) fn committed(&mut self, number: u64, did: &Committed, turn: &mut Turn<'_>) {
        let Committed { persisted, failed, is_full } = did;
        if !persisted.is_empty() || !failed.is_empty() {
            self.ledger.fragments_committed(persisted, failed, &self.stream, turn);
        }
        if self.upload.marks_committed(number) && self.stream.plan.deletion.delete_after_upload {
            turn.out.notice(Notice::Cramped(Arc::clone(&self.stream.arn)));
        }
        if !persisted.is_empty() {
            turn.out.uploader(uploader::Event::MediaAdded);
        }
        if !failed.is_empty() {
            self.record.fragment_lost(*is_full, turn.out);
        }
        self.route(turn);
    }

    /// To be called after every event that concerned the job.
    pub(super) fn settled(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now;
        self.record.refresh_secret(&self.stream, turn);
        let recorder = self.record.recorder.next_deadline(now);
        self.deadline = recorder.min(self.upload.uploader.next_deadline(now));
        self.ledger.absent(self.record.absence(), &self.stream, turn);
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
                let (stream, details) = (&self.stream.name, &status.details);
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
        turn.out.notice(Notice::News);
    }
}
