//! Recording: what the recorder decides, applied to sources.

mod files;
mod frames;
mod secret;

use std::sync::Arc;
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::edge_config::EdgePlan;
use vigie_engine::media_clock::MediaClock;
use vigie_engine::recorder::{Action, Event, Failure, LeftOut, Recorder, SourceKind, State};
use vigie_kvs::Sensitive;
use vigie_media::{Timestamp, Track};
use vigie_rtsp::Deviation;
use vigie_store::{FragmentOrder, StoreError};

use self::frames::Recording;
pub(super) use self::secret::{KnownSecret, camera_uri, media_uri_of, secret_failure};
use super::effect::{Effect, MediaSource};
use super::event::{Session, SourceEvent};
use super::imports::{Imports, Refused, Remarks};
use super::job::Job;
use super::world::World;

/// The recorder of one stream and what it works with.
pub(super) struct RecordJob {
    pub(super) recorder: Recorder,
    pub(super) secret: KnownSecret,
    /// The file is recorded to its end, and was so before this process started or is so since.
    pub(super) file_recorded: bool,
    /// What of a FILE_URI has been recorded.
    pub(super) imports: Imports,
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
    pub(super) fn new(
        plan: &EdgePlan,
        key: &Arc<str>,
        world: &World,
        now: Now,
    ) -> Result<Self, StoreError> {
        // What was written last, which need not lie behind all else: the hub's clock may have been set back.
        let newest = world.reader.newest(key, FragmentOrder::Sequence)?;
        let newest = newest.map(|fragment| fragment.entry);
        let schedule = plan.recorder_schedule.clone();
        Ok(Self {
            recorder: Recorder::new(schedule, plan.source, world.zone.clone(), now.wall),
            secret: KnownSecret::default(),
            file_recorded: false,
            imports: Imports::default(),
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
        self.record.secret.configured(!self.plan.has_same_source(former));
        self.record.file_recorded = false;
        // A file is recorded again by every new revision; a camera's session goes on if nothing about it changed.
        let is_same_camera =
            self.plan.source == SourceKind::Rtsp && self.plan.has_same_source(former);
        let event = Event::ConfigChanged {
            schedule: self.plan.recorder_schedule.clone(),
            source: self.plan.source,
            same_source: is_same_camera,
        };
        self.recorder_event(event, world, now);
    }

    pub(super) fn open_source(&mut self, attempt: u64, world: &mut World, now: Now) {
        if self.record.file_recorded {
            let Remarks { broken_off_after_ms, left_out } = self.record.imports.remarks.clone();
            self.recorder_event(Event::SourceOpened { attempt }, world, now);
            self.recorder_event(Event::LeftOut { attempt, left_out }, world, now);
            if let Some(after) = broken_off_after_ms.map(Duration::from_millis) {
                self.recorder_event(Event::BrokenOff { attempt, after }, world, now);
            }
            self.recorder_event(Event::SourceEnded { attempt }, world, now);
            return;
        }
        let kind = self.plan.source;
        // Where a file that was broken off goes on is where its media ends, and some of that may not be found yet.
        if kind == SourceKind::File && world.store.is_searching_orphans() {
            self.record.file_waits = Some(attempt);
            return;
        }
        let media_uri = self.record.secret.value.as_ref().ok_or(Failure::SecretUnreadable);
        match media_uri.and_then(|secret| media_uri_of(secret, kind)) {
            Ok(uri) => {
                self.counters.sources_opened += 1;
                let source_uri = match kind {
                    SourceKind::Rtsp => MediaSource::Rtsp { uri, seed: world.seed() },
                    SourceKind::File => self.file_source(uri, world, now),
                };
                let Some(source) = &mut self.record.source else { return };
                source.is_asked = true;
                let session = source.session.clone();
                world.effects.push(Effect::OpenSource { session, source: source_uri });
            }
            Err(failure) => self.recorder_event(Event::Failed { attempt, failure }, world, now),
        }
    }

    fn close_source(&mut self, world: &mut World) {
        self.record.file_waits = None;
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
            SourceEvent::LeftOut(left_out) => self.left_out(left_out, attempt, world, now),
            SourceEvent::Deviations(deviations) => {
                if deviations.contains_key(Deviation::NoParameterSets.as_str()) {
                    self.recorder_event(Event::NoParameterSets { attempt }, world, now);
                }
                for (kind, count) in deviations {
                    *self.counters.deviations.entry(kind).or_default() += count;
                }
            }
            SourceEvent::Frames(frames) => {
                // The window may have closed meanwhile: then none of them is written.
                self.recorder_event(Event::Tick, world, now);
                if self.record.is_current(session) && self.record.is_recording() {
                    self.frames(frames, attempt, world, now);
                }
            }
            SourceEvent::PacketsLost { count, over_udp } => {
                self.packets_lost(count);
                self.recorder_event(Event::PacketsLost { attempt, over_udp }, world, now);
            }
            SourceEvent::FileBegun { import, resumes } => {
                self.file_begun(import, resumes, world, now);
            }
            SourceEvent::FileEnded { file, failure, gone } => {
                self.file_ended(file, failure, &gone, world, now);
            }
            SourceEvent::FileBrokenOff { after } => {
                self.file_broken_off(after, attempt, world, now);
            }
            SourceEvent::FolderIdle { skipped, broken_off } => {
                let event = Event::FolderIdle { attempt, skipped, broken_off };
                self.recorder_event(event, world, now);
            }
            SourceEvent::FileRefused { file, failure } => {
                let refused = Refused { file, failure: failure.clone() };
                self.record.imports.refused = Some(Box::new(refused));
                self.recorder_event(Event::Failed { attempt, failure }, world, now);
            }
            SourceEvent::Failed(failure) => {
                self.recorder_event(Event::Failed { attempt, failure }, world, now);
            }
            SourceEvent::Ended => {
                self.recorder_event(Event::SourceEnded { attempt }, world, now);
                if *self.record.recorder.state() == State::Finished {
                    self.file_finished(world, now);
                }
            }
        }
    }

    fn source_opened(&mut self, tracks: Vec<Track>, attempt: u64, world: &mut World, now: Now) {
        if self.record.recording.as_ref().is_none_or(|recording| recording.tracks != tracks) {
            self.seal_fragment(world, now);
            self.record.recording = Some(Recording::new(tracks, self.record.last_start));
        }
        if std::mem::take(&mut self.record.continues)
            && let Some(recording) = &mut self.record.recording
        {
            recording.continues();
        }
        self.recorder_event(Event::SourceOpened { attempt }, world, now);
    }

    /// Losing media is allowed, but never silent.
    fn left_out(&mut self, left_out: Vec<LeftOut>, attempt: u64, world: &mut World, now: Now) {
        for left_out in &left_out {
            tracing::info!(stream = self.stream_name, "{left_out}");
        }
        self.note_left_out(&left_out, world);
        self.recorder_event(Event::LeftOut { attempt, left_out }, world, now);
    }
}
