//! Recording: what the recorder decides, applied to sources and store.
//!
//! Frames are never copied here: a fragment's bytes go to the store as a list of parts, block heads of a few bytes and
//! the frames' data as the source gave it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use vigie_engine::clock::Now;
use vigie_engine::edge_config::EdgePlan;
use vigie_engine::fragmenter::{Command, Fragmenter};
use vigie_engine::job_status::JobOutcome;
use vigie_engine::media_clock::MediaClock;
use vigie_engine::recorder::{Action, Event, Failure, Recorder, SourceKind, State};
use vigie_kvs::Sensitive;
use vigie_kvs::error::ErrorKind;
use vigie_kvs::media_uri::{MediaUri, MediaUriError};
use vigie_media::matroska::writer::{self, SimpleBlockHeader};
use vigie_media::{Frame, Timestamp, Track};
use vigie_store::{FragmentMeta, FragmentOrder, StoreError};

use super::effect::{Effect, MediaSource};
use super::event::{CallFailure, FrameTime, Session, SourceEvent, SourceFrame};
use super::job::Job;
use super::world::World;

/// A known secret is asked for again at most so often while the recorder goes on with it.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);
/// The length of a fragment's only frame when nothing else tells it.
const FRAME_MS_DEFAULT: i64 = 40;

/// The recorder of one stream and what it works with.
pub(super) struct RecordJob {
    pub(super) recorder: Recorder,
    /// The `SecretString` behind `MediaUriSecretArn` when it was last resolved.
    pub(super) secret: Option<Sensitive>,
    /// The file is recorded to its end, and was so before this process started or is so since.
    pub(super) file_recorded: bool,
    /// The next attempt asks for the secret before it uses a known one.
    ask_first: bool,
    asked_at: Option<Duration>,
    source: Option<OpenSource>,
    recording: Option<Recording>,
    /// The timecode of the stream's last fragment.
    last_start: Timestamp,
    /// The end of the stream's newest media.
    latest: Timestamp,
}

/// A source from the first step of opening it.
struct OpenSource {
    session: Session,
    attempt: u64,
    /// The shell was told to open it, and has to be told to close it.
    is_asked: bool,
    /// The secret it is opened with.
    secret: Option<Sensitive>,
    clock: MediaClock,
}

/// A source whose tracks are known.
struct Recording {
    tracks: Vec<Track>,
    header: Bytes,
    fragmenter: Fragmenter,
    fragment: Option<OpenFragment>,
    /// Reused from batch to batch.
    commands: Vec<Command>,
    cut_groups_said: u64,
    dropped_frames_said: u64,
}

/// The fragment that is being written.
struct OpenFragment {
    start: Timestamp,
    /// Greatest timecode in it, relative to its start.
    last_ms: i64,
    video_frames: i64,
    /// What is still to be written of it.
    cluster_start: Option<[u8; writer::CLUSTER_START_BYTES]>,
    blocks: Vec<(SimpleBlockHeader, Bytes)>,
}

impl OpenFragment {
    /// Media time so far: from its start to the end of its last frame, all frames taken to be as long as each other.
    fn duration_ms(&self) -> i64 {
        let frame_ms = match self.video_frames {
            0 | 1 => FRAME_MS_DEFAULT,
            frames => self.last_ms / (frames - 1),
        };
        self.last_ms + frame_ms
    }
}

impl RecordJob {
    pub(super) fn new(
        plan: &EdgePlan,
        key: &Arc<str>,
        world: &World,
        now: Now,
    ) -> Result<Self, StoreError> {
        let newest = world.reader.newest(key, FragmentOrder::ProducerTimestamp)?;
        let newest = newest.map(|fragment| fragment.entry);
        let schedule = plan.recorder_schedule.clone();
        Ok(Self {
            recorder: Recorder::new(schedule, plan.source, world.zone.clone(), now.wall),
            secret: None,
            file_recorded: false,
            ask_first: false,
            asked_at: None,
            source: None,
            recording: None,
            last_start: newest.map_or(Timestamp::MIN, |entry| entry.producer_timestamp),
            latest: newest.map_or(Timestamp::MIN, |entry| entry.producer_until()),
        })
    }

    pub(super) fn is_recording(&self) -> bool {
        matches!(self.recorder.state(), State::Recording { .. })
    }

    fn is_current(&self, session: &Session) -> bool {
        self.source.as_ref().is_some_and(|source| source.session == *session)
    }
}

impl Job {
    /// Hands `event` to the recorder and does what it says.
    pub(super) fn recorder_event(&mut self, event: Event, world: &mut World, now: Now) {
        let actions = self.record.recorder.handle(event, now, world.chance.as_mut());
        for action in actions {
            match action {
                Action::ResolveSecret { attempt } => self.resolve_secret(attempt, world, now),
                Action::OpenSource { attempt } => self.open_source(attempt, world, now),
                Action::CloseSource => self.close_source(world),
                Action::SealFragment => self.seal_fragment(world, now),
            }
        }
    }

    /// A configuration was applied.
    pub(super) fn source_configured(&mut self, former: &EdgePlan, world: &mut World, now: Now) {
        self.record.ask_first = true;
        self.record.file_recorded = false;
        // A file is recorded again by every new revision; a camera's session goes on if nothing about it changed.
        let is_same_camera =
            self.plan.source == SourceKind::Rtsp && self.plan.has_same_source(former);
        if !self.plan.has_same_source(former) {
            self.record.secret = None;
        }
        let event = Event::ConfigChanged {
            schedule: self.plan.recorder_schedule.clone(),
            source: self.plan.source,
            same_source: is_same_camera,
        };
        self.recorder_event(event, world, now);
    }

    fn resolve_secret(&mut self, attempt: u64, world: &mut World, now: Now) {
        let session = world.new_session(&self.arn);
        let record = &mut self.record;
        let failed_by_user = record.recorder.status().outcome == JobOutcome::UserError;
        let uses_known = record.file_recorded
            || (record.secret.is_some() && !record.ask_first && !failed_by_user);
        record.source = Some(OpenSource {
            session: session.clone(),
            attempt,
            is_asked: false,
            secret: record.secret.clone(),
            clock: MediaClock::new(record.latest),
        });
        let is_fresh =
            record.asked_at.is_some_and(|at| now.mono.saturating_sub(at) < REFRESH_INTERVAL);
        if !record.file_recorded && !(uses_known && is_fresh) {
            record.asked_at = Some(now.mono);
            let secret_arn = self.plan.media_uri_secret_arn.clone();
            world.effects.push(Effect::ResolveSecret { session, secret_arn });
        }
        if uses_known {
            // The camera is as near as ever, whatever the way to the service: no wait for what is known.
            self.recorder_event(Event::SecretResolved { attempt }, world, now);
        }
    }

    /// Secrets Manager has answered.
    pub(super) fn secret_resolved(
        &mut self,
        session: &Session,
        secret: Option<Sensitive>,
        world: &mut World,
        now: Now,
    ) {
        let record = &mut self.record;
        if record.secret != secret {
            record.secret.clone_from(&secret);
            world.unsaved = true;
        }
        record.ask_first = false;
        let Some(source) = &mut record.source else { return };
        if source.session == *session && !source.is_asked {
            source.secret = secret;
            let attempt = source.attempt;
            self.recorder_event(Event::SecretResolved { attempt }, world, now);
        } else if source.secret != secret {
            // It was replaced while an older one was in use: the camera may be another.
            let event = Event::ConfigChanged {
                schedule: self.plan.recorder_schedule.clone(),
                source: self.plan.source,
                same_source: false,
            };
            self.recorder_event(event, world, now);
        }
    }

    /// Secrets Manager has not answered, or said no.
    pub(super) fn secret_failed(
        &mut self,
        session: &Session,
        failure: CallFailure,
        world: &mut World,
        now: Now,
    ) {
        let record = &mut self.record;
        let Some(source) = record.source.as_ref().filter(|source| source.session == *session)
        else {
            return;
        };
        if source.is_asked {
            // What is known is in use already.
            return;
        }
        let attempt = source.attempt;
        let failure = secret_failure(failure);
        if failure == Failure::SecretUnreachable && record.secret.is_some() {
            record.ask_first = false;
            self.recorder_event(Event::SecretResolved { attempt }, world, now);
        } else {
            self.recorder_event(Event::Failed { attempt, failure }, world, now);
        }
    }

    fn open_source(&mut self, attempt: u64, world: &mut World, now: Now) {
        if self.record.file_recorded {
            self.recorder_event(Event::SourceOpened { attempt }, world, now);
            self.recorder_event(Event::SourceEnded { attempt }, world, now);
            return;
        }
        let kind = self.plan.source;
        let media_uri = self.record.secret.as_ref().ok_or(Failure::SecretUnreadable);
        match media_uri.and_then(|secret| media_uri_of(secret, kind)) {
            Ok(uri) => {
                let Some(source) = &mut self.record.source else { return };
                source.is_asked = true;
                self.counters.sources_opened += 1;
                let source_uri = match kind {
                    SourceKind::Rtsp => MediaSource::Rtsp(uri),
                    SourceKind::File => MediaSource::File {
                        uri,
                        ends_at: now.wall,
                        not_before: self.record.latest.plus_millis(1),
                    },
                };
                let session = source.session.clone();
                world.effects.push(Effect::OpenSource { session, source: source_uri });
            }
            Err(failure) => self.recorder_event(Event::Failed { attempt, failure }, world, now),
        }
    }

    fn close_source(&mut self, world: &mut World) {
        if let Some(source) = self.record.source.take()
            && source.is_asked
        {
            world.effects.push(Effect::CloseSource { session: source.session });
        }
    }

    /// A source has something to say.
    pub(super) fn source_event(
        &mut self,
        session: &Session,
        event: SourceEvent,
        world: &mut World,
        now: Now,
    ) {
        if !self.record.is_current(session) {
            return;
        }
        let attempt = self.record.recorder.attempt();
        match event {
            SourceEvent::Opened { tracks } => self.source_opened(tracks, attempt, world, now),
            SourceEvent::Frames(frames) => {
                // The window may have closed meanwhile: then none of them is written.
                self.recorder_event(Event::Tick, world, now);
                if self.record.is_current(session) && self.record.is_recording() {
                    self.frames(frames, attempt, world, now);
                }
            }
            SourceEvent::Failed(failure) => {
                self.recorder_event(Event::Failed { attempt, failure }, world, now);
            }
            SourceEvent::Ended => {
                self.recorder_event(Event::SourceEnded { attempt }, world, now);
                if *self.record.recorder.state() == State::Finished {
                    self.record.file_recorded = true;
                    world.unsaved = true;
                }
            }
        }
    }

    fn source_opened(&mut self, tracks: Vec<Track>, attempt: u64, world: &mut World, now: Now) {
        if self.record.recording.as_ref().is_none_or(|recording| recording.tracks != tracks) {
            self.seal_fragment(world, now);
            self.record.recording = Some(Recording {
                header: Bytes::from(writer::document_header(&tracks)),
                fragmenter: Fragmenter::new(&tracks, self.record.last_start),
                tracks,
                fragment: None,
                commands: Vec::new(),
                cut_groups_said: 0,
                dropped_frames_said: 0,
            });
        }
        self.recorder_event(Event::SourceOpened { attempt }, world, now);
    }

    /// Writes a batch of frames.
    fn frames(&mut self, frames: Vec<SourceFrame>, attempt: u64, world: &mut World, now: Now) {
        let bytes: usize = frames.iter().map(|frame| frame.data.len()).sum();
        let count = frames.len();
        if !self.has_room(bytes, count, world, now) {
            self.counters.frames_dropped += count as u64;
            return;
        }
        let (Some(source), Some(recording)) = (&mut self.record.source, &mut self.record.recording)
        else {
            return;
        };
        let mut commands = std::mem::take(&mut recording.commands);
        for frame in frames {
            let track_number = frame.track_number;
            let timestamp = match frame.time {
                FrameTime::Camera { media_us, arrival } => {
                    source.clock.timestamp(track_number, media_us, arrival)
                }
                FrameTime::Wall(timestamp) => timestamp,
            };
            self.record.latest = self.record.latest.max(timestamp);
            let (key_frame, data) = (frame.key_frame, frame.data);
            recording
                .fragmenter
                .push(Frame { track_number, timestamp, key_frame, data }, &mut commands);
        }
        let dropped = recording.fragmenter.dropped_frames();
        self.counters.frames_dropped += dropped - recording.dropped_frames_said;
        recording.dropped_frames_said = dropped;
        let cut_groups = recording.fragmenter.cut_groups();
        let has_cut_group = cut_groups > recording.cut_groups_said;
        recording.cut_groups_said = cut_groups;

        let written = self.write(&mut commands, world, now);
        if let Some(recording) = &mut self.record.recording {
            recording.commands = commands;
        }
        match written {
            Ok(0) => {}
            Ok(_) if has_cut_group => {
                self.recorder_event(Event::LongGroupOfPictures { attempt }, world, now);
            }
            Ok(_) => self.recorder_event(Event::FramesStored { attempt }, world, now),
            Err(error) => self.write_failed(&error, attempt, world, now),
        }
    }

    /// Executes the fragmenter's commands; returns how many frames of the video track were written, or of audio when
    /// there is no video.
    fn write(
        &mut self,
        commands: &mut Vec<Command>,
        world: &mut World,
        now: Now,
    ) -> Result<u64, StoreError> {
        let Some(recording) = &mut self.record.recording else { return Ok(0) };
        if commands.is_empty() {
            return Ok(0);
        }
        world.touch(now);
        let mut pictures = 0;
        let leading_track = recording.tracks.first().map_or(0, |track| track.number);
        let mut commands = commands.drain(..).peekable();
        while let Some(command) = commands.next() {
            match command {
                Command::StartFragment { timestamp } => {
                    let sequence = world.store.reserve_sequences(&self.key, 1)?.start;
                    let meta = FragmentMeta {
                        sequence,
                        producer_timestamp: timestamp,
                        server_timestamp: now.wall,
                        timecode_ms: timestamp.as_millis(),
                        number_tail: 0,
                        key: true,
                    };
                    world.store.begin_fragment(&self.key, &recording.header, meta)?;
                    self.record.last_start = timestamp;
                    recording.fragment = Some(OpenFragment {
                        start: timestamp,
                        last_ms: 0,
                        video_frames: 0,
                        cluster_start: Some(writer::cluster_start(timestamp)),
                        blocks: Vec::new(),
                    });
                }
                Command::Append { frame, relative_ms } => {
                    let Some(fragment) = &mut recording.fragment else { continue };
                    let Frame { track_number, key_frame, data, .. } = frame;
                    if track_number == leading_track {
                        fragment.last_ms = fragment.last_ms.max(i64::from(relative_ms));
                        fragment.video_frames += 1;
                        pictures += 1;
                    }
                    self.counters.frames += 1;
                    self.counters.frame_bytes += data.len() as u64;
                    let head = writer::simple_block_header(
                        track_number,
                        relative_ms,
                        key_frame,
                        data.len(),
                    );
                    fragment.blocks.push((head, data));
                }
                Command::EndFragment => {
                    let Some(mut fragment) = recording.fragment.take() else { continue };
                    append(&self.key, &mut fragment, world)?;
                    let mut duration_ms = fragment.duration_ms();
                    if let Some(Command::StartFragment { timestamp }) = commands.peek() {
                        // The next fragment tells exactly how long this one is, unless there is a gap between.
                        let to_next_ms = timestamp.millis_since(fragment.start);
                        if to_next_ms <= duration_ms + 2 * FRAME_MS_DEFAULT {
                            duration_ms = to_next_ms;
                        }
                    }
                    world.store.end_fragment(&self.key, duration_u32(duration_ms))?;
                }
            }
        }
        if let Some(fragment) = &mut recording.fragment {
            append(&self.key, fragment, world)?;
        }
        Ok(pictures)
    }

    fn write_failed(&mut self, error: &StoreError, attempt: u64, world: &mut World, now: Now) {
        world.store_failed(&self.stream_name, error);
        // What the fragmenter takes for open is not; the next session begins anew.
        self.record.recording = None;
        let failure = if error.is_disk_full() { Failure::DiskFull } else { Failure::DiskError };
        if error.is_disk_full() {
            world.cramped.insert(Arc::clone(&self.arn));
        }
        self.recorder_event(Event::Failed { attempt, failure }, world, now);
    }

    /// A commit has given up the fragment that was being written.
    pub(super) fn fragment_lost(&mut self, world: &mut World, now: Now) {
        self.record.recording = None;
        let attempt = self.record.recorder.attempt();
        self.recorder_event(Event::Failed { attempt, failure: Failure::DiskError }, world, now);
    }

    /// Ends the open fragment where it is: what was written of it stays.
    pub(super) fn seal_fragment(&mut self, world: &mut World, now: Now) {
        self.roll_fragment(world, now);
        self.record.recording = None;
    }

    /// Ends the open fragment where it is; the session goes on with the next key frame.
    pub(super) fn roll_fragment(&mut self, world: &mut World, now: Now) {
        let Some(recording) = &mut self.record.recording else { return };
        let mut commands = std::mem::take(&mut recording.commands);
        recording.fragmenter.finish(&mut commands);
        recording.dropped_frames_said = 0;
        recording.cut_groups_said = 0;
        if let Err(error) = self.write(&mut commands, world, now) {
            world.store_failed(&self.stream_name, &error);
        }
        if let Some(recording) = &mut self.record.recording {
            recording.fragmenter = Fragmenter::new(&recording.tracks, self.record.last_start);
        }
    }
}

/// Hands what is collected of the fragment to the store, in one write.
fn append(key: &str, fragment: &mut OpenFragment, world: &mut World) -> Result<(), StoreError> {
    if fragment.blocks.is_empty() {
        return Ok(());
    }
    let mut parts: Vec<&[u8]> = Vec::with_capacity(1 + 2 * fragment.blocks.len());
    if let Some(cluster_start) = &fragment.cluster_start {
        parts.push(cluster_start);
    }
    for (head, data) in &fragment.blocks {
        parts.push(head);
        parts.push(data);
    }
    let count = u32::try_from(fragment.blocks.len()).unwrap_or(u32::MAX);
    let duration_ms = duration_u32(fragment.duration_ms());
    world.store.append_frames(key, &parts, count, duration_ms)?;
    fragment.cluster_start = None;
    fragment.blocks.clear();
    Ok(())
}

fn duration_u32(duration_ms: i64) -> u32 {
    u32::try_from(duration_ms.max(0)).unwrap_or(u32::MAX)
}

/// The URI in a secret, if it is of the kind that the configuration says.
fn media_uri_of(secret: &Sensitive, kind: SourceKind) -> Result<MediaUri, Failure> {
    let uri = MediaUri::from_secret_string(secret).map_err(|error| match error {
        MediaUriError::Binary | MediaUriError::NotJson => Failure::SecretUnreadable,
        MediaUriError::NotExactlyMediaUri => Failure::SecretWithoutMediaUri,
        MediaUriError::NotText | MediaUriError::Empty => Failure::BadUri,
    })?;
    let text = uri.expose();
    let fits = match kind {
        SourceKind::Rtsp => text.starts_with("rtsp://"),
        SourceKind::File => text.starts_with("file://") || text.starts_with('/'),
    };
    if fits { Ok(uri) } else { Err(Failure::BadUri) }
}

/// What a call that gave no secret means for the recorder.
fn secret_failure(failure: CallFailure) -> Failure {
    match failure {
        CallFailure::Refused {
            kind: Some(ErrorKind::ResourceNotFound | ErrorKind::InvalidRequest),
            ..
        } => Failure::SecretNotFound,
        CallFailure::Refused { status: 401 | 403, .. } | CallFailure::NoCredentials => {
            Failure::SecretAccessDenied
        }
        CallFailure::Refused {
            kind: Some(ErrorKind::AccessDenied | ErrorKind::NotAuthorized),
            ..
        } => Failure::SecretAccessDenied,
        CallFailure::Refused { .. }
        | CallFailure::Unreachable
        | CallFailure::CertificateUntrusted
        | CallFailure::TimedOut
        | CallFailure::Disconnected
        | CallFailure::UnreadableAnswer => Failure::SecretUnreachable,
    }
}
