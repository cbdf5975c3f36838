//! A simulated camera: 25 frames a second, a key frame each second, every frame with its number inside, so that what
//! is found anywhere can be told to be what was sent.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use vigie_agent::core::{FrameTime, SourceFrame};
use vigie_engine::clock::Now;
use vigie_engine::recorder::Failure;
use vigie_media::{Track, TrackKind, VideoSettings, codec_id};

/// Time from frame to frame.
pub const FRAME_INTERVAL: Duration = Duration::from_millis(40);
/// Frames from key frame to key frame.
pub const FRAMES_PER_GROUP: u64 = 25;
/// Frames that arrive together.
pub const FRAMES_PER_BATCH: u64 = 5;

/// The camera. It sends to whoever is connected, and its numbers go on whether anybody is or not.
#[derive(Clone, Debug)]
pub struct SimCamera {
    /// Whether it answers.
    pub is_up: bool,
    /// The address, user and password it can be reached by; any, where there is none.
    pub uri: Option<String>,
    /// Bytes that each frame has beyond what it needs, for worlds in which space runs short.
    pub padding_bytes: usize,
    /// How much faster its clock runs than it sends, in millionths.
    pub drift_ppm: i64,
    next_number: u64,
}

impl Default for SimCamera {
    fn default() -> Self {
        Self { is_up: true, uri: None, padding_bytes: 0, drift_ppm: 0, next_number: 0 }
    }
}

impl SimCamera {
    /// The one video track.
    pub fn tracks() -> Vec<Track> {
        vec![Track {
            number: 1,
            kind: TrackKind::Video,
            name: "video".to_owned(),
            codec_id: codec_id::H264.to_owned(),
            codec_private: Bytes::from_static(&[1, 0x42, 0, 0x1E, 0xFF, 0xE0, 0]),
            video: Some(VideoSettings { width_pixels: 640, height_pixels: 360 }),
            audio: None,
        }]
    }

    /// Why whoever connects with this URI gets nothing.
    pub fn refuses(&self, uri: &str) -> Option<Failure> {
        match &self.uri {
            _ if !self.is_up => Some(Failure::Ended),
            Some(own) if own != uri => Some(Failure::WrongPassword),
            _ => None,
        }
    }

    /// A key frame that is none of those that it sends.
    pub fn a_key_frame() -> Bytes {
        frame_data(0)
    }

    /// The number of the next frame.
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    /// The frames of one batch interval, the last of them taken just now.
    pub fn next_batch(&mut self, now: Now) -> Vec<SourceFrame> {
        let first = self.next_number;
        self.next_number += FRAMES_PER_BATCH;
        (first..self.next_number).map(|number| self.frame(number, now)).collect()
    }

    fn frame(&self, number: u64, arrival: Now) -> SourceFrame {
        let sent_us = number as i64 * FRAME_INTERVAL.as_micros() as i64;
        let media_us = sent_us + sent_us * self.drift_ppm / 1_000_000;
        SourceFrame {
            track_number: 1,
            time: FrameTime::Camera { media_us, arrival },
            key_frame: number.is_multiple_of(FRAMES_PER_GROUP),
            data: padded(number, self.padding_bytes).into(),
        }
    }
}

/// The bytes of a frame and so many more.
fn padded(number: u64, padding_bytes: usize) -> Bytes {
    let mut data = BytesMut::from(frame_data(number));
    data.resize(data.len() + padding_bytes, number as u8);
    data.freeze()
}

/// The bytes of a frame: its number, then bytes that follow from it; key frames are larger.
pub fn frame_data(number: u64) -> Bytes {
    let length = if number.is_multiple_of(FRAMES_PER_GROUP) { 900 } else { 60 + number % 97 };
    let mut data = BytesMut::with_capacity(8 + length as usize);
    data.put_u64(number);
    data.extend((0..length).map(|at| (number.wrapping_mul(31).wrapping_add(at * 7)) as u8));
    data.freeze()
}

/// The number of the frame that these bytes are, if they are one, whole and unaltered.
pub fn frame_number(data: &[u8]) -> Option<u64> {
    let number = u64::from_be_bytes(data.get(..8)?.try_into().ok()?);
    let own = frame_data(number);
    let (found, padding) = data.split_at_checked(own.len())?;
    (own == found && padding.iter().all(|byte| *byte == number as u8)).then_some(number)
}
