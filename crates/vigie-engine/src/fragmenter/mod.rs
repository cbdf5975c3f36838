//! Where a fragment begins and ends: frames in, commands to write out.
//!
//! Decides by KVS's rules (KVS developer guide, limits; API_PutMedia): a fragment begins with a key frame of the video track, lasts at
//! least one second and at most twenty, and has at most 50 MB. Of audio alone fragments of two seconds are made. A group
//! of pictures that is longer than a fragment may be is cut, and that is said. It never copies a frame's bytes and never
//! changes their order.

#[cfg(test)]
mod tests;

use vigie_media::{Frame, Timestamp, Track, TrackKind};

use crate::media_clock::TimeStep;

/// A fragment is not ended by a key frame before it is so long, by the camera's own time.
pub const FRAGMENT_DURATION_MS_MIN: i64 = 950;
/// A fragment is cut before a frame that begins so long after it; the last frame's own duration stays below 20 s then.
pub const FRAGMENT_DURATION_MS_MAX: i64 = 19_500;
/// A fragment is cut before a frame that comes so long after all others: what lies between is missing, and a fragment
/// has no holes. No camera sends its pictures further apart.
pub const HOLE_MS_MIN: i64 = 5_000;
/// A fragment without video is ended after so long.
pub const AUDIO_FRAGMENT_DURATION_MS: i64 = 2_000;
/// A fragment is cut before a frame that would make it larger. KVS takes 50 MB; the rest is for the container.
pub const FRAGMENT_SIZE_BYTES_MAX: usize = 49_000_000;

/// What to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A new Cluster with this timecode. Timecodes grow from fragment to fragment, but for a step back between.
    StartFragment {
        /// The timecode.
        timestamp: Timestamp,
    },
    /// A SimpleBlock in the open Cluster.
    Append {
        frame: Frame,
        /// Its timecode relative to the Cluster's. Negative for a picture shown before the key frame that it comes
        /// after, and for audio that comes late.
        relative_ms: i16,
    },
    /// The open Cluster is whole.
    EndFragment,
    /// The time line was moved: what follows lies before what was written, or far behind it.
    Step(TimeStep),
}

/// Cuts the frames of one source session.
#[derive(Clone, Debug)]
pub struct Fragmenter {
    /// The track whose key frames begin fragments; `None` when there is no video.
    video_track: Option<u64>,
    open: Option<Open>,
    /// The next fragment may begin with any frame.
    continues: bool,
    last_start: Timestamp,
    dropped_frames: u64,
    cut_groups: u64,
}

/// The open fragment.
#[derive(Clone, Copy, Debug)]
struct Open {
    timestamp: Timestamp,
    /// Its first frame, and where that stands on the camera's own time.
    first_track: u64,
    first_camera_us: i64,
    /// The latest of its frames.
    newest: Timestamp,
    size_bytes: usize,
}

impl Fragmenter {
    /// For the tracks of a session. `last_start` is the timecode of the stream's last fragment, of whatever session:
    /// later ones are greater. [`Timestamp::MIN`] when there is none.
    pub fn new(tracks: &[Track], last_start: Timestamp) -> Self {
        let video_track =
            tracks.iter().find(|track| track.kind == TrackKind::Video).map(|track| track.number);
        Self {
            video_track,
            open: None,
            continues: false,
            last_start,
            dropped_frames: 0,
            cut_groups: 0,
        }
    }

    /// The frames that come go on where those of the stream's last fragment ended, in the middle of a group of pictures:
    /// the first of them begins a fragment, whatever it is.
    pub fn continues(&mut self) {
        self.continues = true;
    }

    /// Frames that could not be kept: before the first key frame, or so late that no open fragment can hold them.
    pub fn dropped_frames(&self) -> u64 {
        self.dropped_frames
    }

    /// How often a fragment had to be cut in the middle of a group of pictures.
    pub fn cut_groups(&self) -> u64 {
        self.cut_groups
    }

    /// The timecode of the last fragment that was started.
    pub fn last_start(&self) -> Timestamp {
        self.last_start
    }

    /// Takes the next frame in decoding order and appends what to write for it. `camera_us` is where it stands on the
    /// camera's own time, in microseconds from anywhere, comparable within a track.
    pub fn push(&mut self, frame: Frame, camera_us: i64, commands: &mut Vec<Command>) {
        let begins = self.may_begin(frame.track_number, frame.key_frame);
        match self.open {
            None if !begins && !self.continues => {
                self.dropped_frames += 1;
                return;
            }
            None => self.start(&frame, camera_us, commands),
            Some(open) => {
                let length_ms = frame.timestamp.millis_since(open.timestamp);
                let length_ms_min = if self.video_track.is_some() {
                    FRAGMENT_DURATION_MS_MIN
                } else {
                    AUDIO_FRAGMENT_DURATION_MS
                };
                let too_much = length_ms >= FRAGMENT_DURATION_MS_MAX
                    || open.size_bytes + frame.data.len() > FRAGMENT_SIZE_BYTES_MAX;
                let hole = frame.timestamp.millis_since(open.newest) >= HOLE_MS_MIN;
                // A fragment that begins with another track's frame was cut out of a group.
                let own_length_ms = match open.first_track == frame.track_number {
                    true => rounded_ms(camera_us.saturating_sub(open.first_camera_us)),
                    false => length_ms,
                };
                if hole || too_much || (begins && own_length_ms >= length_ms_min) {
                    self.cut_groups += u64::from(!begins && !hole);
                    commands.push(Command::EndFragment);
                    self.start(&frame, camera_us, commands);
                }
            }
        }
        self.append(frame, commands);
    }

    /// Whether a fragment may begin with this frame.
    pub fn may_begin(&self, track_number: u64, key_frame: bool) -> bool {
        key_frame && self.video_track.is_none_or(|video_track| track_number == video_track)
    }

    /// The time line was moved before the frame that comes next. Behind a step back it begins a fragment, whatever it is.
    pub fn step(&mut self, step: TimeStep, commands: &mut Vec<Command>) {
        if let TimeStep::Back { .. } = step {
            self.continues |= self.open.is_some();
            self.finish(commands);
            self.last_start = Timestamp::MIN;
        }
        commands.push(Command::Step(step));
    }

    /// The session ends: what was written of the open fragment is whole.
    pub fn finish(&mut self, commands: &mut Vec<Command>) {
        if self.open.take().is_some() {
            commands.push(Command::EndFragment);
        }
    }

    fn start(&mut self, frame: &Frame, camera_us: i64, commands: &mut Vec<Command>) {
        let timestamp = frame.timestamp.max(self.last_start.plus_millis(1));
        self.last_start = timestamp;
        self.continues = false;
        self.open = Some(Open {
            timestamp,
            first_track: frame.track_number,
            first_camera_us: camera_us,
            newest: timestamp,
            size_bytes: 0,
        });
        commands.push(Command::StartFragment { timestamp });
    }

    fn append(&mut self, frame: Frame, commands: &mut Vec<Command>) {
        let Some(open) = &mut self.open else { return };
        match i16::try_from(frame.timestamp.millis_since(open.timestamp)) {
            Ok(relative_ms) => {
                open.size_bytes += frame.data.len();
                open.newest = open.newest.max(frame.timestamp);
                commands.push(Command::Append { frame, relative_ms });
            }
            // More than 32 s before the fragment: it belongs to none that can still be written.
            Err(_) => self.dropped_frames += 1,
        }
    }
}

/// RTP ticks are no whole microseconds: a second of them may lack one.
fn rounded_ms(us: i64) -> i64 {
    us.saturating_add(500).div_euclid(1000)
}
