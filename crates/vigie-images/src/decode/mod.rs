//! Decoders: coded frames in, the wanted pictures out.

mod ffmpeg;
mod h264;
mod h265;

pub use ffmpeg::Ffmpeg;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use vigie_media::codec::nal;

use crate::picture::Picture;

/// A video codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// ITU-T H.264.
    H264,
    /// ITU-T H.265.
    H265,
}

/// Coded frames of one track, from a key frame on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodedVideo {
    /// What they are coded by.
    pub codec: Codec,
    /// NAL units of the parameter sets, to be read before the first frame.
    pub parameter_sets: Vec<Bytes>,
    /// Bytes of the length before each NAL unit of a frame, 1 to 4.
    pub nal_length_size: usize,
    /// In decode order; no frame refers to one before the first.
    pub frames: Vec<CodedFrame>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodedFrame {
    /// NAL units, each after its length.
    pub data: Bytes,
    /// Whether its picture is asked for.
    pub wanted: bool,
    /// When its picture is shown, in milliseconds from anywhere.
    pub shown_ms: i32,
}

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The decoder does not know this form of the codec; another one may.
    #[error("the decoder does not support this video: {0}")]
    Unsupported(String),
    /// The frames are not what the codec says.
    #[error("the video cannot be decoded: {0}")]
    Broken(String),
}

pub trait FrameDecoder {
    /// Gives the picture of each wanted frame to `take`, in decode order, as soon as there is one. Those that were given
    /// before an error stand.
    fn decode(
        &mut self,
        video: &CodedVideo,
        take: &mut dyn FnMut(Picture),
    ) -> Result<(), DecodeError>;
}

#[derive(Clone, Copy, Debug, Default)]
pub struct RustDecoders;

impl FrameDecoder for RustDecoders {
    fn decode(
        &mut self,
        video: &CodedVideo,
        take: &mut dyn FnMut(Picture),
    ) -> Result<(), DecodeError> {
        // Decoders begin anew for each request: nothing of one stream can come to show in another.
        let decode = match video.codec {
            Codec::H264 => h264::decode,
            Codec::H265 => h265::decode,
        };
        catch_unwind(AssertUnwindSafe(|| decode(video, take)))
            .unwrap_or_else(|_| Err(DecodeError::Broken("the decoder panicked".to_owned())))
    }
}

/// The NAL units of a frame.
fn units<'a>(video: &CodedVideo, frame: &'a CodedFrame) -> Result<Vec<&'a [u8]>, DecodeError> {
    nal::length_prefixed(&frame.data, video.nal_length_size)
        .collect::<Result<_, _>>()
        .map_err(|error| DecodeError::Broken(error.to_string()))
}

/// Gives pictures to those who want them. A picture that stands for several coded frames, as that of two fields does,
/// is given for each.
struct Wanted<'a> {
    frames: &'a [CodedFrame],
    answered: usize,
}

impl<'a> Wanted<'a> {
    fn new(video: &'a CodedVideo) -> Self {
        Self { frames: &video.frames, answered: 0 }
    }

    /// The picture of the frame at `index` has come.
    fn came(
        &mut self,
        index: usize,
        picture: impl FnOnce() -> Option<Picture>,
        take: &mut dyn FnMut(Picture),
    ) -> Result<(), DecodeError> {
        let waiting = self.frames.get(self.answered..=index).unwrap_or_default();
        let count = waiting.iter().filter(|frame| frame.wanted).count();
        self.answered = self.answered.max(index + 1);
        if count == 0 {
            return Ok(());
        }
        let none = || DecodeError::Unsupported("a picture of unknown layout".to_owned());
        let picture = picture().ok_or_else(none)?;
        for _ in 1..count {
            take(picture.clone());
        }
        take(picture);
        Ok(())
    }

    fn finish(self) -> Result<(), DecodeError> {
        match self.frames[self.answered..].iter().any(|frame| frame.wanted) {
            true => Err(DecodeError::Broken("a frame gave no picture".to_owned())),
            false => Ok(()),
        }
    }
}
