//! The shell of PutMedia: moves bytes between a hyper connection, the [`IngestSession`] and the store.
//!
//! Decides nothing about media. Full duplex: acknowledgements leave while the body is still coming.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use vigie_engine::clock::Now;
use vigie_kvs::FragmentNumber;
use vigie_kvs::KvsError;
use vigie_kvs::acknowledgement::{Acknowledgement, AcknowledgementEvent};
use vigie_kvs::error::ErrorKind;
use vigie_kvs::shapes::media::{FragmentTimecodeType, PutMediaInput};

use super::Ingest;
use super::memory::Share;
use super::session::{
    AppendFailure, IngestSession, IngestedFragment, Output, SessionSettings, TimecodeBase,
};
use super::turns::Turn;
use crate::api::Call;
use crate::archive::{ArchiveError, FragmentMeta, Persisting, StreamWriter, WholeFragment};
use crate::db::{EndReason, Notice};
use crate::failure::Answer;
use crate::http::body::{BodyError, RequestBody};

/// Sequence numbers that a connection takes at a time.
const SEQUENCES_PER_RESERVATION: u64 = 1000;
/// Bytes that wait for their group commit before no more are read: back-pressure on the producer.
const PENDING_BYTES_MAX: usize = 64 << 20;
/// Acknowledgements that may wait for a producer that does not read.
const ACKNOWLEDGEMENTS_WAITING_MAX: usize = 256;
/// A producer that reads no acknowledgement for so long is given up.
const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// A producer that waits for `100 Continue` gets it when its body is first polled, and 200 after its first bytes, or
/// after this, should it wait for 200 as well.
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);
/// After an ERROR acknowledgement the body is read and dropped for so long: closing at once would reset the
/// connection, and the producer might never read why.
const ERROR_GRACE: Duration = Duration::from_secs(2);

/// Begins a PutMedia connection; the answer's body is the channel that is returned.
pub(crate) async fn put_media(
    ingest: &Arc<Ingest>,
    call: &Call,
    input: PutMediaInput,
    mut body: RequestBody,
    expects_continue: bool,
) -> Answer<mpsc::Receiver<Bytes>> {
    let key =
        ingest.media.config.media_key(&ingest.media.streams.active(call, &input.stream).await?);
    let turn = ingest.turns.take(&key, ingest.media.config.producer_policy).await?;
    let turn = turn.ok_or_else(|| {
        let message = "the stream has another PutMedia connection";
        KvsError::new(ErrorKind::ConnectionLimitExceeded, message)
    })?;
    let writer = ingest.media.fragments.writer(&key, turn.epoch()).await?;
    // Read again: while this connection waited for its turn the stream may have changed or gone. When it goes from now on,
    // its erasure ends the writer.
    let stream = ingest.media.streams.active(call, &input.stream).await?;
    let settings = SessionSettings {
        timecode_base: match input.fragment_timecode_type {
            FragmentTimecodeType::Absolute => TimecodeBase::Epoch,
            FragmentTimecodeType::Relative => {
                TimecodeBase::Start(input.producer_start_timestamp.ok_or_else(|| {
                    KvsError::invalid_argument("ProducerStartTimestamp must be given")
                })?)
            }
        },
        acknowledge: input.acknowledgements_wanted,
        retains_media: stream.retention_hours > 0,
        rules: ingest.media.config.ingest_rules,
    };
    let first = match expects_continue {
        true => ingest.media.process.timeout(CONTINUE_TIMEOUT, body.frame()).await.ok(),
        false => None,
    };
    let (answer, pieces) = mpsc::channel(ACKNOWLEDGEMENTS_WAITING_MAX);
    let connection = Connection {
        ingest: Arc::clone(ingest),
        notice: Notice::MediaChanged { stream: key.clone() },
        key,
        writer,
        session: IngestSession::new(settings, ingest.media.process.now()),
        memory: ingest.open_fragments.share(),
        answer,
        pending: VecDeque::new(),
        pending_bytes: 0,
        failed: false,
    };
    tracing::info!(stream = stream.name, "PutMedia connection begun");
    ingest.media.metrics.put_media_connections.inc();
    let counted = Arc::clone(ingest);
    ingest.media.process.spawn(async move {
        let received_bytes = connection.run(turn, body, first).await;
        counted.media.metrics.put_media_connections.dec();
        tracing::info!(stream = stream.name, received_bytes, "PutMedia connection ended");
    });
    Ok(pieces)
}

type BodyFrame = Option<Result<hyper::body::Frame<Bytes>, BodyError>>;

/// A fragment that waits for its group commit.
struct Pending {
    number: FragmentNumber,
    timecode_ms: i64,
    size_bytes: usize,
    since: Duration,
    persisting: Persisting,
}

struct Connection {
    ingest: Arc<Ingest>,
    key: String,
    /// That there is more of the stream.
    notice: Notice,
    writer: Box<dyn StreamWriter>,
    session: IngestSession,
    /// What the open fragment takes of the memory of all.
    memory: Share,
    answer: mpsc::Sender<Bytes>,
    /// In the order in which they were given to the store, which is the order in which they finish.
    pending: VecDeque<Pending>,
    pending_bytes: usize,
    /// Whether an ERROR was acknowledged.
    failed: bool,
}

enum Next {
    Body(BodyFrame),
    Persisted(Result<(), AppendFailure>),
    End(EndReason),
    Stopping,
    ProducerGone,
    Deadline,
    NoMemory,
}

/// Whether the connection goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    GoOn,
    Close,
}

impl Connection {
    /// Runs the connection to its end; returns the bytes of its body. The turn is given back when every pending append
    /// has finished, and before the grace for what comes after an error: its producer may be back by then.
    async fn run(mut self, mut turn: Turn, mut body: RequestBody, first: Option<BodyFrame>) -> u64 {
        let mut received_bytes = 0;
        let mut next = first.map(Next::Body);
        let mut stopping = self.ingest.media.process.stopping();
        // Bytes move the deadline; the timer is set anew only when it fires, not for every piece of a body.
        let mut timer = self.ingest.media.process.sleep(self.until_deadline());
        loop {
            let event = match next.take() {
                Some(event) => event,
                None => {
                    let reading = self.pending_bytes < PENDING_BYTES_MAX;
                    tokio::select! {
                        biased;
                        reason = turn.ended() => Next::End(reason),
                        () = self.memory.must_give_way() => Next::NoMemory,
                        () = stopping.wait() => Next::Stopping,
                        result = first_persisted(&mut self.pending) => Next::Persisted(result),
                        frame = body.frame(), if reading => Next::Body(frame),
                        () = self.answer.closed() => Next::ProducerGone,
                        // A producer that is not read is not silent.
                        () = timer.as_mut(), if reading => Next::Deadline,
                    }
                }
            };
            let now = self.ingest.media.process.now();
            match event {
                Next::Body(frame) => received_bytes += self.take_frame(frame, now),
                Next::Persisted(result) => self.take_persisted(result, now),
                Next::End(EndReason::StreamDeleted) => self.session.stream_deleted(),
                Next::End(EndReason::Superseded | EndReason::StreamChanged) | Next::Stopping => {
                    self.session.end();
                }
                // What it sent as whole is stored all the same.
                Next::ProducerGone => self.session.end(),
                // The others go on; this producer comes back and sends its fragment again.
                Next::NoMemory => self.session.service_failed(),
                Next::Deadline => {
                    self.session.tick(now);
                    timer = self.ingest.media.process.sleep(self.until_deadline());
                }
            }
            if self.take_outputs(now).await == Flow::Close {
                break;
            }
            self.find_room();
        }
        self.memory.hold(0);
        self.finish_pending().await;
        turn.give_back().await;
        if self.failed {
            let discard = async { while let Some(Ok(_)) = body.frame().await {} };
            if self.ingest.media.process.timeout(ERROR_GRACE, discard).await.is_err() {
                tracing::debug!(stream = self.key, "a producer kept sending after its error");
            }
        }
        received_bytes
    }

    /// Memory for the open fragment, where it is likely to need more, and the account of it.
    fn find_room(&mut self) {
        let wanted_bytes = self.session.wanted_bytes();
        if wanted_bytes > 0
            && let Some(buffer) = self.ingest.buffers.take(wanted_bytes)
        {
            self.session.use_buffer(buffer);
        }
        self.memory.hold(self.session.held_bytes());
    }

    fn until_deadline(&self) -> Duration {
        let now = self.ingest.media.process.now().mono;
        let deadline = self.session.deadline().unwrap_or(now);
        // A moment more, so that the deadline has passed when the clock is read.
        deadline.saturating_sub(now) + Duration::from_millis(1)
    }

    fn take_frame(&mut self, frame: BodyFrame, now: Now) -> u64 {
        match frame {
            Some(Ok(frame)) => {
                let Ok(bytes) = frame.into_data() else { return 0 };
                self.session.push(&bytes, now);
                self.ingest.media.metrics.put_media_bytes.inc_by(bytes.len() as u64);
                bytes.len() as u64
            }
            Some(Err(error)) => {
                tracing::debug!(stream = self.key, %error, "a producer's connection broke");
                self.session.read_failed();
                0
            }
            None => {
                self.session.end_of_body();
                0
            }
        }
    }

    fn take_persisted(&mut self, result: Result<(), AppendFailure>, now: Now) {
        let Some(done) = self.pending.pop_front() else { return };
        self.pending_bytes -= done.size_bytes;
        if result.is_ok() {
            self.ingest.media.notices.publish(&self.notice);
            let metrics = &self.ingest.media.metrics;
            metrics.put_media_fragments.inc();
            metrics.stored_bytes.inc_by(done.size_bytes as u64);
            metrics.persist_seconds.observe(now.mono.saturating_sub(done.since).as_secs_f64());
        }
        self.session.append_finished(done.number, done.timecode_ms, result);
    }

    async fn take_outputs(&mut self, now: Now) -> Flow {
        while let Some(output) = self.next_output(now) {
            match output {
                Output::Acknowledge(acknowledgement) => {
                    if self.acknowledge(acknowledgement).await == Flow::Close {
                        return Flow::Close;
                    }
                }
                Output::Append(fragment) => self.append(*fragment, now).await,
                Output::NeedSequences => self.reserve_sequences().await,
                Output::Close => return Flow::Close,
            }
        }
        Flow::GoOn
    }

    fn next_output(&mut self, now: Now) -> Option<Output> {
        self.session.next_output(now, self.ingest.media.process.chance().as_mut())
    }

    async fn reserve_sequences(&mut self) {
        match self.writer.reserve_sequences(SEQUENCES_PER_RESERVATION).await {
            Ok(sequences) => self.session.give_sequences(sequences),
            Err(error) => {
                tracing::error!(stream = self.key, %error, "no sequence numbers");
                self.session.service_failed();
            }
        }
    }

    async fn append(&mut self, ingested: IngestedFragment, now: Now) {
        let IngestedFragment { number, header, fragment, .. } = ingested;
        let size_bytes = fragment.bytes.len();
        let timecode_ms = fragment.timecode_ms;
        let whole = WholeFragment {
            meta: FragmentMeta {
                sequence: number.sequence(),
                producer_timestamp: ingested.producer_timestamp,
                server_timestamp: ingested.server_timestamp,
                timecode_ms,
                number_tail: ingested.number_tail,
                begins_with_key_frame: ingested.begins_with_key_frame,
            },
            duration_ms: u32::try_from(fragment.duration_ms).unwrap_or(0),
            frame_count: fragment.frame_count,
            bytes: self.ingest.buffers.lend(fragment.bytes),
            crc32c: fragment.crc32c,
        };
        let persisting = self.writer.append(&header.raw, whole).await;
        self.pending_bytes += size_bytes;
        self.pending.push_back(Pending {
            number,
            timecode_ms,
            size_bytes,
            since: now.mono,
            persisting,
        });
    }

    /// One acknowledgement is one piece, which leaves as one HTTP chunk.
    async fn acknowledge(&mut self, acknowledgement: Acknowledgement) -> Flow {
        if let AcknowledgementEvent::Error(error) = acknowledgement.event {
            self.failed = true;
            self.ingest.media.metrics.put_media_errors.inc();
            let (id, code) = (error.id(), error.code());
            tracing::warn!(stream = self.key, id, code, "PutMedia error acknowledged");
        }
        let line = Bytes::from(acknowledgement.to_line());
        let sending = self.answer.send(line);
        match self.ingest.media.process.timeout(ACKNOWLEDGEMENT_TIMEOUT, sending).await {
            Ok(Ok(())) => Flow::GoOn,
            Ok(Err(_)) | Err(_) => Flow::Close,
        }
    }

    /// Waits for what the store has been given, and acknowledges it to a producer that still listens.
    async fn finish_pending(&mut self) {
        let mut listens = true;
        while !self.pending.is_empty() {
            let result = first_persisted(&mut self.pending).await;
            let now = self.ingest.media.process.now();
            self.take_persisted(result, now);
            while let Some(output) = self.next_output(now) {
                if let Output::Acknowledge(acknowledgement) = output
                    && listens
                {
                    listens = self.acknowledge(acknowledgement).await == Flow::GoOn;
                }
            }
        }
    }
}

/// Resolves when the first pending fragment is persisted or lost; never while there is none. Safe to drop.
async fn first_persisted(pending: &mut VecDeque<Pending>) -> Result<(), AppendFailure> {
    let result = poll_fn(|context| match pending.front_mut() {
        Some(first) => Pin::new(&mut first.persisting).poll(context),
        None => Poll::Pending,
    })
    .await;
    match result {
        Ok(_) => Ok(()),
        Err(ArchiveError::StreamDeleted) => Err(AppendFailure::StreamDeleted),
        // Or fenced: another one has the stream, and this one did not end in time.
        Err(error) => {
            tracing::error!(%error, "a fragment was not stored");
            Err(AppendFailure::Store)
        }
    }
}
