//! From frames to fragments in the store.
//!
//! Frames are never copied here: a fragment's bytes go to the store as a list of parts, block heads of a few bytes and
//! the frames' data where the source received it.

use bytes::{Bytes, BytesMut};
use vigie_engine::clock::Now;
use vigie_engine::fragmenter::{Command, Fragmenter};
use vigie_engine::media_clock::{CameraFrame, TimeStep};
use vigie_engine::recorder::{Event, Failure, SourceKind};
use vigie_media::matroska::writer;
use vigie_media::{Frame, Timestamp, Track};
use vigie_store::{FragmentMeta, StoreError};

use crate::core::event::{FrameTime, SourceFrame};
use crate::core::job::Job;
use crate::core::world::World;

/// The length of a fragment's only frame when nothing else tells it.
const FRAME_MS_DEFAULT: i64 = 40;
/// The fragment metadata of a fragment during which packets were lost: how many.
const PACKETS_LOST_TAG: &str = "VIGIE_RTP_PACKETS_LOST";

/// A source whose tracks are known.
pub(super) struct Recording {
    pub(super) tracks: Vec<Track>,
    header: Bytes,
    fragmenter: Fragmenter,
    fragment: Option<OpenFragment>,
    /// Packets that were lost before the next frame, or of it.
    lost_before_next: u64,
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
    /// Packets that were lost of its frames, or before them.
    packets_lost: u64,
    /// What is still to be handed to the store, and so many frames.
    parts: Vec<Bytes>,
    frame_count: u32,
    /// Where block heads lie, many in one piece of memory.
    heads: BytesMut,
}

/// Room for the block heads of some seconds.
const HEADS_BYTES: usize = 1024;

impl OpenFragment {
    fn begin(start: Timestamp) -> Self {
        let mut fragment = Self {
            start,
            last_ms: 0,
            video_frames: 0,
            packets_lost: 0,
            parts: Vec::new(),
            frame_count: 0,
            heads: BytesMut::with_capacity(HEADS_BYTES),
        };
        fragment.push(&writer::cluster_start(start));
        fragment
    }

    /// Packets were lost. The first ones are marked at once, inside: the end of the fragment, where all of them are said, is
    /// not written when the hub loses its power before.
    fn lose(&mut self, packets: u64) {
        if packets > 0 && self.packets_lost == 0 {
            self.push(&writer::void(PACKETS_LOST_TAG.as_bytes()));
        }
        self.packets_lost += packets;
    }

    /// A few bytes that stand before or between frames.
    fn push(&mut self, head: &[u8]) {
        self.heads.extend_from_slice(head);
        self.parts.push(self.heads.split().freeze());
    }

    /// Media time so far: from its start to the end of its last frame, all frames taken to be as long as each other.
    fn duration_ms(&self) -> i64 {
        let frame_ms = match self.video_frames {
            0 | 1 => FRAME_MS_DEFAULT,
            frames => self.last_ms / (frames - 1),
        };
        self.last_ms + frame_ms
    }
}

impl Recording {
    /// For a source with these tracks; `last_start` is the timecode of the stream's last fragment.
    pub(super) fn new(tracks: Vec<Track>, last_start: Timestamp) -> Self {
        Self {
            header: Bytes::from(writer::document_header(&tracks)),
            fragmenter: Fragmenter::new(&tracks, last_start),
            tracks,
            fragment: None,
            lost_before_next: 0,
            commands: Vec::new(),
            cut_groups_said: 0,
            dropped_frames_said: 0,
        }
    }
}

impl Recording {
    /// See [`Fragmenter::continues`].
    pub(super) fn continues(&mut self) {
        self.fragmenter.continues();
    }
}

impl Job {
    /// Writes a batch of frames.
    pub(super) fn frames(
        &mut self,
        frames: Vec<SourceFrame>,
        attempt: u64,
        world: &mut World,
        now: Now,
    ) {
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
        let leading_track = recording.tracks.first().map(|track| track.number);
        let has_pictures = frames.iter().any(|frame| Some(frame.track_number) == leading_track);
        let mut commands = std::mem::take(&mut recording.commands);
        let (mut deviation, mut stepped_back_ms) = (None, None);
        for frame in frames {
            let SourceFrame { track_number, key_frame, data, time } = frame;
            let (timestamp, camera_us) = match time {
                FrameTime::Camera { media_us, arrival } => {
                    let begins = recording.fragmenter.may_begin(track_number, key_frame);
                    let frame = CameraFrame { track: track_number, media_us, begins };
                    let time = source.clock.frame(frame, arrival);
                    if let Some(step) = time.step {
                        recording.fragmenter.step(step, &mut commands);
                        if let TimeStep::Back { by_ms } = step {
                            stepped_back_ms = Some(by_ms);
                            self.record.latest = time.timestamp;
                        }
                    }
                    if let Some(kind) = time.deviation {
                        *self.counters.deviations.entry(kind.as_str()).or_default() += 1;
                        deviation = Some(kind);
                    }
                    (time.timestamp, time.camera_us)
                }
                FrameTime::Wall(timestamp) => {
                    (timestamp, timestamp.as_millis().saturating_mul(1000))
                }
            };
            self.record.latest = self.record.latest.max(timestamp);
            let frame = Frame { track_number, timestamp, key_frame, data };
            recording.fragmenter.push(frame, camera_us, &mut commands);
        }
        let dropped = recording.fragmenter.dropped_frames();
        let dropped_now = dropped - recording.dropped_frames_said;
        self.counters.frames_dropped += dropped_now;
        recording.dropped_frames_said = dropped;
        let cut_groups = recording.fragmenter.cut_groups();
        let has_cut_group = cut_groups > recording.cut_groups_said;
        recording.cut_groups_said = cut_groups;

        let written = self.write(&mut commands, world, now);
        if let Some(recording) = &mut self.record.recording {
            recording.commands = commands;
        }
        if let Some(deviation) = deviation {
            self.recorder_event(Event::StampsDeviate { attempt, deviation }, world, now);
        }
        if let Some(by_ms) = stepped_back_ms {
            self.recorder_event(Event::SteppedBack { attempt, by_ms }, world, now);
        }
        match written {
            Ok(0) if has_pictures && dropped_now > 0 => {
                self.recorder_event(Event::WaitsForKeyFrame { attempt }, world, now);
            }
            Ok(0) => {}
            Ok(_) if has_cut_group => {
                self.recorder_event(Event::LongGroupOfPictures { attempt }, world, now);
            }
            Ok(_) => self.recorder_event(Event::FramesStored { attempt }, world, now),
            Err(error) => self.write_failed(&error, attempt, world, now),
        }
    }

    /// Packets were lost before the next frame, or of it. The fragment that this frame is in is marked, also when it begins
    /// one: its pictures from there on may be damaged.
    pub(super) fn packets_lost(&mut self, count: u64) {
        self.counters.packets_lost += count;
        if let Some(recording) = &mut self.record.recording {
            recording.lost_before_next += count;
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
        world.appended(now);
        world.store.set_read_at_once(&self.key, self.upload.is_live());
        let mut pictures = 0;
        let leading_track = recording.tracks.first().map_or(0, |track| track.number);
        let mut commands = commands.drain(..).peekable();
        while let Some(command) = commands.next() {
            match command {
                Command::StartFragment { timestamp } => {
                    // The command that follows brings its first frame.
                    let key = matches!(commands.peek(), Some(Command::Append { frame, .. }) if frame.key_frame);
                    let sequence = world.store.reserve_sequences(&self.key, 1)?.start;
                    let meta = FragmentMeta {
                        sequence,
                        producer_timestamp: timestamp,
                        server_timestamp: now.wall,
                        timecode_ms: timestamp.as_millis(),
                        number_tail: 0,
                        key,
                    };
                    world.store.begin_fragment(&self.key, &recording.header, meta)?;
                    self.record.last_start = timestamp;
                    let is_live = self.plan.source == SourceKind::Rtsp;
                    self.ledger.fragment_begun(sequence, timestamp, is_live, &self.arn, world, now);
                    recording.fragment = Some(OpenFragment::begin(timestamp));
                }
                Command::Append { frame, relative_ms } => {
                    let Some(fragment) = &mut recording.fragment else { continue };
                    fragment.lose(std::mem::take(&mut recording.lost_before_next));
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
                    fragment.push(&head);
                    fragment.parts.extend(data.into_parts());
                    fragment.frame_count += 1;
                }
                Command::Step(TimeStep::Forward) => self.ledger.clock_was_set(),
                Command::Step(TimeStep::Back { .. }) => {
                    // A media file of its own: its span is what is deleted and uploaded by.
                    world.store.seal(&self.key)?;
                    self.record.last_start = Timestamp::MIN;
                }
                Command::EndFragment => {
                    let Some(mut fragment) = recording.fragment.take() else { continue };
                    append(&self.key, &mut fragment, world)?;
                    append_marks(&self.key, &fragment, world)?;
                    let mut duration_ms = fragment.duration_ms();
                    if let Some(Command::StartFragment { timestamp }) = commands.peek() {
                        // The next fragment tells exactly how long this one is, unless there is a gap between.
                        let to_next_ms = timestamp.millis_since(fragment.start);
                        if to_next_ms <= duration_ms + 2 * FRAME_MS_DEFAULT {
                            duration_ms = to_next_ms;
                        }
                    }
                    world.store.end_fragment(&self.key, duration_u32(duration_ms))?;
                    self.ledger.fragment_ended(duration_ms);
                    if self.upload.is_live() {
                        world.urge(&self.key);
                    }
                }
            }
        }
        if let Some(fragment) = &mut recording.fragment {
            append(&self.key, fragment, world)?;
            self.ledger.fragment_grew(fragment.duration_ms());
        }
        if world.store.has_unknown_media_file(&self.key) {
            world.urge(&self.key);
        }
        Ok(pictures)
    }

    fn write_failed(&mut self, error: &StoreError, attempt: u64, world: &mut World, now: Now) {
        world.store_failed(&self.stream_name, error);
        // The next session begins anew; what is written of the open fragment stays. Should even that not be possible
        // now, the next deletion plan ends it.
        self.record.recording = None;
        if let Err(error) = world.store.seal(&self.key) {
            world.store_failed(&self.stream_name, &error);
        }
        let failure = if error.is_disk_full() { Failure::DiskFull } else { Failure::DiskError };
        world.wants_plans |= error.is_disk_full();
        self.recorder_event(Event::Failed { attempt, failure }, world, now);
    }

    /// A commit has given up what was being written, for want of space if `is_full`.
    pub(in crate::core) fn fragment_lost(&mut self, is_full: bool, world: &mut World, now: Now) {
        self.record.recording = None;
        let attempt = self.record.recorder.attempt();
        let failure = if is_full { Failure::DiskFull } else { Failure::DiskError };
        self.recorder_event(Event::Failed { attempt, failure }, world, now);
    }

    /// Ends the open fragment where it is: what was written of it stays.
    pub(in crate::core) fn seal_fragment(&mut self, world: &mut World, now: Now) {
        self.roll_fragment(world, now);
        self.record.recording = None;
    }

    /// Ends the open fragment where it is; the session goes on with the next key frame.
    pub(in crate::core) fn roll_fragment(&mut self, world: &mut World, now: Now) {
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

/// Hands what is collected of the fragment to the store.
fn append(key: &str, fragment: &mut OpenFragment, world: &mut World) -> Result<(), StoreError> {
    if fragment.frame_count == 0 {
        return Ok(());
    }
    let duration_ms = duration_u32(fragment.duration_ms());
    world.store.append_frames(key, &fragment.parts, fragment.frame_count, duration_ms)?;
    fragment.parts.clear();
    fragment.frame_count = 0;
    Ok(())
}

/// Writes what is to be known of a fragment behind its frames, as KVS fragment metadata.
fn append_marks(key: &str, fragment: &OpenFragment, world: &mut World) -> Result<(), StoreError> {
    if fragment.packets_lost == 0 {
        return Ok(());
    }
    let tags = writer::tags(&[(PACKETS_LOST_TAG, &fragment.packets_lost.to_string())]);
    world.store.append_frames(key, &[tags.into()], 0, duration_u32(fragment.duration_ms()))
}

fn duration_u32(duration_ms: i64) -> u32 {
    u32::try_from(duration_ms.max(0)).unwrap_or(u32::MAX)
}
