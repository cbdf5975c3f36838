//! Recording: what the recorder decides, applied to sources. What follows from that goes into [`super::outcome`].

mod files;
mod frames;
mod known_secret;
mod media_uri;
mod recording;
mod secret;

use std::collections::BTreeMap;
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::edge_config::EdgePlan;
use vigie_engine::ledger::absence;
use vigie_engine::media_clock::MediaClock;
use vigie_engine::recorder::{Action, Event, Failure, LeftOut, Recorder, SourceKind, State};
use vigie_kvs::Sensitive;
use vigie_kvs::shapes::media_ledger::MediaGapReason;
use vigie_media::{Timestamp, Track};
use vigie_rtsp::Deviation;
use vigie_store::{FragmentOrder, StoreError};

use self::known_secret::KnownSecret;
pub(super) use self::media_uri::{camera_uri, media_uri_of, secret_failure};
use self::recording::Recording;
use super::effect::{Effect, MediaSource};
use super::event::{Session, SourceEvent};
use super::imports::{Refused, Remarks};
use super::kept::Kept;
use super::outcome::{FrameBatch, Outcomes};
use super::shared::{Shared, Turn};
use super::stream::Stream;

/// The recorder of one stream and what it works with.
pub(super) struct RecordJob {
    pub(super) recorder: Recorder,
    secret: KnownSecret,
    pub(super) kept: Kept,
    pub(super) counters: RecordCounters,
    /// The service waits for the stream's next fragment, as soon as it is whole.
    pub(super) is_awaited: bool,
    /// The frames that come go on in the middle of a group of pictures.
    continues: bool,
    source: Option<OpenSource>,
    /// A file is opened by this attempt as soon as the store knows all that is on the disk.
    file_waits: Option<u64>,
    recording: Option<Recording>,
    /// The timecode of the stream's last fragment, since time last stepped back.
    last_start: Timestamp,
    /// The end of what was written last.
    latest: Timestamp,
}

/// What a recorder counts since the process started, see [`super::StreamSnapshot`].
#[derive(Clone, Debug, Default)]
pub(super) struct RecordCounters {
    pub(super) frames: u64,
    pub(super) frame_bytes: u64,
    pub(super) frames_dropped: u64,
    pub(super) packets_lost: u64,
    pub(super) sources_opened: u64,
    /// What of the camera was not as it should be, and was lived with, by its kind.
    pub(super) deviations: BTreeMap<&'static str, u64>,
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

impl RecordJob {
    pub(super) fn new(stream: &Stream, shared: &Shared, now: Now) -> Result<Self, StoreError> {
        // What was written last, which need not lie behind all else: the hub's clock may have been set back.
        let newest = shared.media.reader.newest(&stream.key, FragmentOrder::Sequence)?;
        let newest = newest.map(|fragment| fragment.entry);
        let schedule = stream.plan.recorder_schedule.clone();
        let zone = shared.zone.clone();
        Ok(Self {
            recorder: Recorder::new(schedule, stream.plan.source, zone, now.wall),
            secret: KnownSecret::default(),
            kept: Kept::default(),
            counters: RecordCounters::default(),
            is_awaited: false,
            continues: false,
            source: None,
            file_waits: None,
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

    /// Whether frames of this attempt are to be written.
    pub(super) fn takes_frames(&self, attempt: u64) -> bool {
        self.is_recording() && self.source.as_ref().is_some_and(|source| source.attempt == attempt)
    }

    /// Why no media comes now; `None` while it does.
    pub(super) fn absence(&self) -> Option<MediaGapReason> {
        let ended = self.recorder.is_folder_idle().then_some(MediaGapReason::SourceEnded);
        ended.or_else(|| absence(self.recorder.state()))
    }

    /// Hands `event` to the recorder and does what it says.
    pub(super) fn hear(&mut self, event: Event, stream: &Stream, turn: &mut Turn<'_>) {
        for action in self.recorder.handle(event, turn.now, turn.shared.chance.as_mut()) {
            match action {
                Action::ResolveSecret { attempt } => self.resolve_secret(attempt, stream, turn),
                Action::OpenSource { attempt } => self.open_source(attempt, stream, turn),
                Action::CloseSource => self.close_source(turn.out),
                Action::SealFragment => self.seal_fragment(stream, turn),
            }
        }
    }

    /// A configuration was applied.
    pub(super) fn configured(&mut self, former: &EdgePlan, stream: &Stream, turn: &mut Turn<'_>) {
        self.secret = KnownSecret::configured();
        if !stream.plan.has_same_source(former) {
            self.kept.secret_string = None;
        }
        self.kept.file_recorded = false;
        // A file is recorded again by every new revision; a camera's session goes on if nothing about it changed.
        let is_same_camera =
            stream.plan.source == SourceKind::Rtsp && stream.plan.has_same_source(former);
        let event = Event::ConfigChanged {
            schedule: stream.plan.recorder_schedule.clone(),
            source: stream.plan.source,
            same_source: is_same_camera,
        };
        turn.out.recorder(event);
    }

    pub(super) fn open_source(&mut self, attempt: u64, stream: &Stream, turn: &mut Turn<'_>) {
        if self.kept.file_recorded {
            let Remarks { broken_off_after_ms, left_out } = self.kept.imports.remarks.clone();
            turn.out.recorder(Event::SourceOpened { attempt });
            turn.out.recorder(Event::LeftOut { attempt, left_out });
            if let Some(after) = broken_off_after_ms.map(Duration::from_millis) {
                turn.out.recorder(Event::BrokenOff { attempt, after });
            }
            turn.out.recorder(Event::SourceEnded { attempt });
            return;
        }
        let kind = stream.plan.source;
        // Where a file that was broken off goes on is where its media ends, and some of that may not be found yet.
        if kind == SourceKind::File && turn.shared.media.store.is_searching_orphans() {
            self.file_waits = Some(attempt);
            return;
        }
        let media_uri = self.kept.secret_string.as_ref().ok_or(Failure::SecretUnreadable);
        match media_uri.and_then(|secret| media_uri_of(secret, kind)) {
            Ok(uri) => {
                self.counters.sources_opened += 1;
                let source_uri = match kind {
                    SourceKind::Rtsp => MediaSource::Rtsp { uri, seed: turn.shared.seed() },
                    SourceKind::File => self.file_source(uri, stream, turn),
                };
                let Some(source) = &mut self.source else { return };
                source.is_asked = true;
                let session = source.session.clone();
                turn.out.effect(Effect::OpenSource { session, source: source_uri });
            }
            Err(failure) => turn.out.recorder(Event::Failed { attempt, failure }),
        }
    }

    fn close_source(&mut self, out: &mut Outcomes) {
        self.file_waits = None;
        if let Some(source) = self.source.take()
            && source.is_asked
        {
            out.effect(Effect::CloseSource { session: source.session });
        }
    }

    /// A source has something to say.
    pub(super) fn source_event(
        &mut self,
        session: &Session,
        event: SourceEvent,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        if !self.is_current(session) {
            return;
        }
        let attempt = self.recorder.attempt();
        match event {
            SourceEvent::Opened { tracks } => self.source_opened(tracks, attempt, stream, turn),
            SourceEvent::LeftOut(left_out) => self.left_out(left_out, attempt, stream, turn),
            SourceEvent::Deviations(deviations) => {
                if deviations.contains_key(Deviation::NoParameterSets.as_str()) {
                    turn.out.recorder(Event::NoParameterSets { attempt });
                }
                for (kind, count) in deviations {
                    *self.counters.deviations.entry(kind).or_default() += count;
                }
            }
            SourceEvent::Frames(frames) => {
                // The window may have closed meanwhile: then none of them is written.
                turn.out.recorder(Event::Tick);
                turn.out.frames(FrameBatch { attempt, frames, has_room: false });
            }
            SourceEvent::PacketsLost { count, over_udp } => {
                self.packets_lost(count);
                turn.out.recorder(Event::PacketsLost { attempt, over_udp });
            }
            SourceEvent::FileBegun { import, resumes } => {
                self.file_begun(import, resumes, stream, turn);
            }
            SourceEvent::FileEnded { file, failure, gone } => {
                self.file_ended(file, failure, &gone, stream, turn);
            }
            SourceEvent::FileBrokenOff { after } => {
                self.file_broken_off(after, attempt, stream, turn);
            }
            SourceEvent::FolderIdle { skipped, broken_off } => {
                let event = Event::FolderIdle { attempt, skipped, broken_off };
                turn.out.recorder(event);
            }
            SourceEvent::FileRefused { file, failure } => {
                let refused = Refused { file, failure: failure.clone() };
                self.kept.imports.refused = Some(Box::new(refused));
                turn.out.recorder(Event::Failed { attempt, failure });
            }
            SourceEvent::Failed(failure) => {
                turn.out.recorder(Event::Failed { attempt, failure });
            }
            SourceEvent::Ended => {
                turn.out.recorder(Event::SourceEnded { attempt });
                turn.out.source_over();
            }
        }
    }

    /// The source has ended, and the recorder has heard it.
    pub(super) fn source_over(&mut self, stream: &Stream, turn: &mut Turn<'_>) {
        if *self.recorder.state() == State::Finished {
            self.file_finished(stream, turn);
        }
    }

    fn source_opened(
        &mut self,
        tracks: Vec<Track>,
        attempt: u64,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        if self.recording.as_ref().is_none_or(|recording| recording.tracks != tracks) {
            self.seal_fragment(stream, turn);
            self.recording = Some(Recording::new(tracks, self.last_start));
        }
        if std::mem::take(&mut self.continues)
            && let Some(recording) = &mut self.recording
        {
            recording.continues();
        }
        turn.out.recorder(Event::SourceOpened { attempt });
    }

    /// Losing media is allowed, but never silent.
    fn left_out(
        &mut self,
        left_out: Vec<LeftOut>,
        attempt: u64,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        for left_out in &left_out {
            tracing::info!(stream = stream.name, "{left_out}");
        }
        self.note_left_out(&left_out, turn.out);
        turn.out.recorder(Event::LeftOut { attempt, left_out });
    }
}
