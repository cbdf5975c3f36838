//! From frames to fragments in the store: times are given, fragments cut, and what was written is said.

use std::time::Duration;

use vigie_engine::fragmenter::{Command, Fragmenter};
use vigie_engine::media_clock::{CameraFrame, TimeStep};
use vigie_engine::recorder::{Event, Failure};
use vigie_media::{Frame, Timestamp};
use vigie_store::{FragmentMeta, StoreError};

use super::RecordJob;
use super::recording::{FRAME_MS_DEFAULT, OpenFragment, duration_u32};
use crate::core::event::{FrameTime, SourceFrame};
use crate::core::outcome::{FragmentStep, FrameBatch, Notice, Outcomes};
use crate::core::shared::Turn;
use crate::core::stream::Stream;

impl RecordJob {
    /// Writes a batch of frames.
    pub(in crate::core) fn frames(
        &mut self,
        batch: FrameBatch,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        let FrameBatch { attempt, frames, .. } = batch;
        let (Some(source), Some(recording)) = (&mut self.source, &mut self.recording) else {
            return;
        };
        let leading_track = recording.tracks.first().map(|track| track.number);
        let has_pictures = frames.iter().any(|frame| Some(frame.track_number) == leading_track);
        source.clock.arrived(frames.iter().filter_map(arrival));
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
                            self.latest = time.timestamp;
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
            self.latest = self.latest.max(timestamp);
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

        let written = self.write(&mut commands, stream, turn);
        if let Some(recording) = &mut self.recording {
            recording.commands = commands;
        }
        if let Some(deviation) = deviation {
            turn.out.recorder(Event::StampsDeviate { attempt, deviation });
        }
        if let Some(by_ms) = stepped_back_ms {
            turn.out.recorder(Event::SteppedBack { attempt, by_ms });
        }
        match written {
            Ok(0) if has_pictures && dropped_now > 0 => {
                turn.out.recorder(Event::WaitsForKeyFrame { attempt });
            }
            Ok(0) => {}
            Ok(_) if has_cut_group => {
                turn.out.recorder(Event::LongGroupOfPictures { attempt });
            }
            Ok(_) => turn.out.recorder(Event::FramesStored { attempt }),
            Err(error) => self.write_failed(&error, attempt, stream, turn),
        }
    }

    /// Packets were lost before the next frame, or of it. The fragment that this frame is in is marked, also when it begins
    /// one: its pictures from there on may be damaged.
    pub(super) fn packets_lost(&mut self, count: u64) {
        self.counters.packets_lost += count;
        if let Some(recording) = &mut self.recording {
            recording.lost_before_next += count;
        }
    }

    /// Executes the fragmenter's commands; returns how many frames of the video track were written, or of audio when
    /// there is no video.
    fn write(
        &mut self,
        commands: &mut Vec<Command>,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) -> Result<u64, StoreError> {
        let Some(recording) = &mut self.recording else { return Ok(0) };
        if commands.is_empty() {
            return Ok(0);
        }
        let media = &mut turn.shared.media;
        media.appended(turn.now);
        media.store.set_read_at_once(&stream.key, self.is_awaited);
        let mut pictures = 0;
        let leading_track = recording.tracks.first().map_or(0, |track| track.number);
        let mut commands = commands.drain(..).peekable();
        while let Some(command) = commands.next() {
            match command {
                Command::StartFragment { timestamp } => {
                    // The command that follows brings its first frame.
                    let begins_with_key_frame = matches!(commands.peek(), Some(Command::Append { frame, .. }) if frame.key_frame);
                    let sequence = media.store.reserve_sequences(&stream.key, 1)?.start;
                    let meta = FragmentMeta {
                        sequence,
                        producer_timestamp: timestamp,
                        server_timestamp: turn.now.wall,
                        timecode_ms: timestamp.as_millis(),
                        number_tail: 0,
                        begins_with_key_frame,
                    };
                    media.store.begin_fragment(&stream.key, &recording.header, meta)?;
                    self.last_start = timestamp;
                    turn.out.fragment(FragmentStep::Begun { sequence, from: timestamp });
                    recording.fragment = Some(OpenFragment::begin(timestamp));
                }
                Command::Append { frame, relative_ms } => {
                    let Some(fragment) = &mut recording.fragment else { continue };
                    fragment.lose(std::mem::take(&mut recording.lost_before_next));
                    let is_leading = frame.track_number == leading_track;
                    pictures += u64::from(is_leading);
                    self.counters.frames += 1;
                    self.counters.frame_bytes += frame.data.len() as u64;
                    fragment.frame(frame, relative_ms, is_leading);
                }
                Command::Step(TimeStep::Forward) => turn.out.fragment(FragmentStep::ClockSet),
                Command::Step(TimeStep::Back { .. }) => {
                    // A media file of its own: its span is what is deleted and uploaded by.
                    media.store.seal(&stream.key)?;
                    self.last_start = Timestamp::MIN;
                }
                Command::EndFragment => {
                    let Some(mut fragment) = recording.fragment.take() else { continue };
                    fragment.append(&stream.key, &mut media.store)?;
                    fragment.append_marks(&stream.key, &mut media.store)?;
                    let mut duration_ms = fragment.duration_ms();
                    if let Some(Command::StartFragment { timestamp }) = commands.peek() {
                        // The next fragment tells exactly how long this one is, unless there is a gap between.
                        let to_next_ms = timestamp.millis_since(fragment.start());
                        if to_next_ms <= duration_ms + 2 * FRAME_MS_DEFAULT {
                            duration_ms = to_next_ms;
                        }
                    }
                    media.store.end_fragment(&stream.key, duration_u32(duration_ms))?;
                    turn.out.fragment(FragmentStep::Ended { duration_ms });
                    if self.is_awaited {
                        media.urge(&stream.key);
                    }
                }
            }
        }
        if let Some(fragment) = &mut recording.fragment {
            fragment.append(&stream.key, &mut media.store)?;
            let duration_ms = fragment.duration_ms();
            turn.out.fragment(FragmentStep::Grew { duration_ms });
        }
        if media.store.has_unknown_media_file(&stream.key) {
            media.urge(&stream.key);
        }
        Ok(pictures)
    }

    fn write_failed(
        &mut self,
        error: &StoreError,
        attempt: u64,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        turn.shared.media.failed(&stream.name, error);
        // The next session begins anew; what is written of the open fragment stays. Should even that not be possible
        // now, the next deletion plan ends it.
        self.recording = None;
        if let Err(error) = turn.shared.media.store.seal(&stream.key) {
            turn.shared.media.failed(&stream.name, &error);
        }
        let failure = if error.is_disk_full() { Failure::DiskFull } else { Failure::DiskError };
        if error.is_disk_full() {
            turn.out.notice(Notice::DiskFull);
        }
        turn.out.recorder(Event::Failed { attempt, failure });
    }

    /// A commit has given up what was being written, for want of space if `is_full`.
    pub(in crate::core) fn fragment_lost(&mut self, is_full: bool, out: &mut Outcomes) {
        self.recording = None;
        let attempt = self.recorder.attempt();
        let failure = if is_full { Failure::DiskFull } else { Failure::DiskError };
        out.recorder(Event::Failed { attempt, failure });
    }

    /// Ends the open fragment where it is: what was written of it stays.
    pub(in crate::core) fn seal_fragment(&mut self, stream: &Stream, turn: &mut Turn<'_>) {
        self.roll_fragment(stream, turn);
        self.recording = None;
    }

    /// Ends the open fragment where it is; the session goes on with the next key frame.
    pub(in crate::core) fn roll_fragment(&mut self, stream: &Stream, turn: &mut Turn<'_>) {
        let Some(recording) = &mut self.recording else { return };
        let mut commands = std::mem::take(&mut recording.commands);
        recording.fragmenter.finish(&mut commands);
        recording.dropped_frames_said = 0;
        recording.cut_groups_said = 0;
        if let Err(error) = self.write(&mut commands, stream, turn) {
            turn.shared.media.failed(&stream.name, &error);
        }
        if let Some(recording) = &mut self.recording {
            recording.fragmenter = Fragmenter::new(&recording.tracks, self.last_start);
        }
    }
}

/// Track, media time and arrival of a camera's frame.
fn arrival(frame: &SourceFrame) -> Option<(u64, i64, Duration)> {
    match frame.time {
        FrameTime::Camera { media_us, arrival } => {
            Some((frame.track_number, media_us, arrival.mono))
        }
        FrameTime::Wall(_) => None,
    }
}
