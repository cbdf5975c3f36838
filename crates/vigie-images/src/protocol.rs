//! What goes over the pipes between the server and a decoder: a request, then one reply for each wanted frame.
//!
//! Each message stands behind its length in four bytes, big-endian as all numbers here. Neither side believes the other:
//! lengths and counts are bounded before anything is allocated, and what is left over is an error.

use bytes::{Buf, BufMut, Bytes};

use crate::decode::{Codec, CodedFrame, CodedVideo};
use crate::encode::{Form, Format};

/// The longest request: the frames of a fragment, which KVS bounds to 50 MB, and their lengths.
pub const REQUEST_BYTES_MAX: usize = 64 << 20;
/// The longest file of a picture: what 6,291,456 characters of base64 hold (KVS API_Image).
pub const IMAGE_BYTES_MAX: usize = 6_291_456 / 4 * 3;
/// The longest text of a failure.
pub const REASON_BYTES_MAX: usize = 200;
/// The longest reply.
pub const REPLY_BYTES_MAX: usize = 1 + IMAGE_BYTES_MAX;

/// Changes when the protocol does, so that programs of two versions refuse each other.
const VERSION: u8 = 1;
const JPEG: u8 = 0;
const PNG: u8 = 1;

/// What a decoder is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The frames, with those whose picture is wanted.
    pub video: CodedVideo,
    /// How the pictures are written.
    pub form: Form,
}

/// What comes of one wanted frame.
pub type Reply = Result<Bytes, ImageError>;

/// Why there is no image of a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Not by this decoder; perhaps by another.
    #[error("this form of the codec is not supported: {0}")]
    Unsupported(String),
    /// The frames are not what their codec says, or cost a decoder more than it may take.
    #[error("the video cannot be decoded: {0}")]
    Broken(String),
    /// The file would be larger than [`IMAGE_BYTES_MAX`].
    #[error("the image is larger than the API can carry")]
    TooLarge,
    /// Those before it are as much as is made at once; never said by a decoder itself.
    #[error("the images before it are as much as is made at once")]
    NotReached,
}

/// A message that is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProtocolError(&'static str);

impl Request {
    /// How many replies there will be.
    pub fn wanted(&self) -> usize {
        self.video.frames.iter().filter(|frame| frame.wanted).count()
    }

    /// The request on the wire, its length first, in pieces that are sent one after the other: frames are not copied.
    pub fn to_wire(&self) -> Result<Vec<Bytes>, ProtocolError> {
        let too_long = ProtocolError("the frames are more than a decoder takes at once");
        let mut head =
            vec![VERSION, codec_code(self.video.codec), self.video.nal_length_size as u8];
        let (format, quality) = match self.form.format {
            Format::Jpeg { quality } => (JPEG, quality),
            Format::Png => (PNG, 0),
        };
        head.extend([format, quality]);
        head.put_u16(self.form.width.unwrap_or(0));
        head.put_u16(self.form.height.unwrap_or(0));
        head.put_u16(u16::try_from(self.video.parameter_sets.len()).map_err(|_| too_long)?);
        for set in &self.video.parameter_sets {
            head.put_u32(u32::try_from(set.len()).map_err(|_| too_long)?);
            head.extend_from_slice(set);
        }
        head.put_u32(u32::try_from(self.video.frames.len()).map_err(|_| too_long)?);
        let of_frames = self.video.frames.iter().map(|frame| FRAME_HEAD_BYTES + frame.data.len());
        let length = head.len() + of_frames.sum::<usize>();
        if length > REQUEST_BYTES_MAX {
            return Err(too_long);
        }
        let mut pieces = vec![Bytes::from((length as u32).to_be_bytes().to_vec()), head.into()];
        for frame in &self.video.frames {
            let mut head = vec![u8::from(frame.wanted)];
            head.put_i32(frame.shown_ms);
            head.put_u32(frame.data.len() as u32);
            pieces.push(head.into());
            pieces.push(frame.data.clone());
        }
        Ok(pieces)
    }

    /// Reads a request without its length.
    pub fn read(mut wire: Bytes) -> Result<Self, ProtocolError> {
        const CUT: ProtocolError = ProtocolError("the request ends too early");
        let byte = |wire: &mut Bytes| wire.try_get_u8().map_err(|_| CUT);
        if byte(&mut wire)? != VERSION {
            return Err(ProtocolError("the request is of another version"));
        }
        let codec = match byte(&mut wire)? {
            0 => Codec::H264,
            1 => Codec::H265,
            _ => return Err(ProtocolError("the codec is unknown")),
        };
        let nal_length_size = byte(&mut wire)?.into();
        if !(1..=4).contains(&nal_length_size) {
            return Err(ProtocolError("NAL units have no such lengths"));
        }
        let format = match (byte(&mut wire)?, byte(&mut wire)?) {
            (JPEG, quality @ 1..=100) => Format::Jpeg { quality },
            (PNG, 0) => Format::Png,
            _ => return Err(ProtocolError("the format is unknown")),
        };
        let mut side =
            || wire.try_get_u16().map_err(|_| CUT).map(|side| (side > 0).then_some(side));
        let form = Form { format, width: side()?, height: side()? };
        let mut parameter_sets = Vec::new(); // Counts are the sender's word: no capacity from them.
        for _ in 0..wire.try_get_u16().map_err(|_| CUT)? {
            parameter_sets.push(take(&mut wire).ok_or(CUT)?);
        }
        let mut frames = Vec::new();
        for _ in 0..wire.try_get_u32().map_err(|_| CUT)? {
            let wanted = match byte(&mut wire)? {
                0 => false,
                1 => true,
                _ => return Err(ProtocolError("a frame is neither wanted nor not")),
            };
            let shown_ms = wire.try_get_i32().map_err(|_| CUT)?;
            frames.push(CodedFrame { wanted, shown_ms, data: take(&mut wire).ok_or(CUT)? });
        }
        if wire.has_remaining() {
            return Err(ProtocolError("something follows the request"));
        }
        let video = CodedVideo { codec, parameter_sets, nal_length_size, frames };
        Ok(Self { video, form })
    }
}

/// Bytes before the data of each frame.
const FRAME_HEAD_BYTES: usize = 9;

const fn codec_code(codec: Codec) -> u8 {
    match codec {
        Codec::H264 => 0,
        Codec::H265 => 1,
    }
}

fn take(wire: &mut Bytes) -> Option<Bytes> {
    let length = wire.try_get_u32().ok()? as usize;
    (length <= wire.len()).then(|| wire.split_to(length))
}

/// A reply on the wire, its length first.
pub fn reply_to_wire(reply: &Reply) -> Vec<u8> {
    let (code, body): (u8, &[u8]) = match reply {
        Ok(image) if image.len() <= IMAGE_BYTES_MAX => (0, image),
        Ok(_) | Err(ImageError::TooLarge | ImageError::NotReached) => (3, &[]),
        Err(ImageError::Unsupported(reason)) => (1, cut(reason)),
        Err(ImageError::Broken(reason)) => (2, cut(reason)),
    };
    let mut wire = Vec::with_capacity(5 + body.len());
    wire.put_u32(1 + body.len() as u32);
    wire.put_u8(code);
    wire.extend_from_slice(body);
    wire
}

fn cut(reason: &str) -> &[u8] {
    &reason.as_bytes()[..reason.len().min(REASON_BYTES_MAX)]
}

/// Reads a reply without its length. An image is taken for one only when it begins as its format does.
pub fn read_reply(mut wire: Bytes, format: Format) -> Result<Reply, ProtocolError> {
    const NONSENSE: ProtocolError = ProtocolError("the decoder's reply is nonsense");
    let code = wire.try_get_u8().map_err(|_| NONSENSE)?;
    let signature: &[u8] = match format {
        Format::Jpeg { .. } => b"\xFF\xD8\xFF",
        Format::Png => b"\x89PNG\r\n\x1a\n",
    };
    let is_short = wire.len() <= REASON_BYTES_MAX;
    let reason = || String::from_utf8_lossy(&wire).into_owned();
    match code {
        0 if wire.starts_with(signature) && wire.len() <= IMAGE_BYTES_MAX => Ok(Ok(wire)),
        1 if is_short => Ok(Err(ImageError::Unsupported(reason()))),
        2 if is_short => Ok(Err(ImageError::Broken(reason()))),
        3 if wire.is_empty() => Ok(Err(ImageError::TooLarge)),
        _ => Err(NONSENSE),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request() -> impl Strategy<Value = Request> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
        let frame = (bytes(), any::<bool>(), any::<i32>())
            .prop_map(|(data, wanted, shown_ms)| CodedFrame { data, wanted, shown_ms });
        let side = || prop::option::of(1u16..=3840);
        let format = prop_oneof![
            (1u8..=100).prop_map(|quality| Format::Jpeg { quality }),
            Just(Format::Png)
        ];
        let codec = prop_oneof![Just(Codec::H264), Just(Codec::H265)];
        let sets = prop::collection::vec(bytes(), 0..4);
        let frames = prop::collection::vec(frame, 0..6);
        (codec, sets, 1usize..=4, frames, format, side(), side()).prop_map(
            |(codec, parameter_sets, nal_length_size, frames, format, width, height)| Request {
                video: CodedVideo { codec, parameter_sets, nal_length_size, frames },
                form: Form { format, width, height },
            },
        )
    }

    fn wire(request: &Request) -> Vec<u8> {
        request.to_wire().unwrap().concat()
    }

    proptest! {
        #[test]
        fn a_request_reads_as_it_was_written(request in request()) {
            let wire = wire(&request);
            let (length, body) = wire.split_first_chunk().unwrap();
            prop_assert_eq!(u32::from_be_bytes(*length) as usize, body.len());
            prop_assert_eq!(Request::read(Bytes::copy_from_slice(body)), Ok(request));
        }

        #[test]
        fn a_damaged_request_is_refused_or_another_request(
            request in request(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            length in any::<prop::sample::Index>(),
        ) {
            let mut wire = wire(&request).split_off(4);
            let index = at.index(wire.len());
            wire[index] = byte;
            wire.truncate(length.index(wire.len() + 1));
            if let Ok(other) = Request::read(Bytes::copy_from_slice(&wire)) {
                prop_assert_eq!(self::wire(&other).split_off(4), wire);
            }
        }

        #[test]
        fn no_reply_is_taken_for_an_image_that_is_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Ok(image)) = read_reply(Bytes::from(bytes), Format::Png) {
                prop_assert!(image.starts_with(b"\x89PNG"));
            }
        }
    }

    #[test]
    fn replies_read_as_they_were_written() {
        let check = |reply: Reply, expect: &Reply| {
            let wire = reply_to_wire(&reply);
            let (length, body) = wire.split_first_chunk().unwrap();
            assert_eq!(u32::from_be_bytes(*length) as usize, body.len());
            assert!(body.len() <= REPLY_BYTES_MAX);
            let read = read_reply(Bytes::copy_from_slice(body), Format::Jpeg { quality: 80 });
            assert_eq!(read.as_ref(), Ok(expect));
        };
        let replies = [
            Ok(Bytes::from_static(b"\xFF\xD8\xFF\xE0")),
            Err(ImageError::TooLarge),
            Err(ImageError::Unsupported("4:4:4".into())),
            Err(ImageError::Broken("cut".into())),
        ];
        for reply in replies {
            check(reply.clone(), &reply);
        }
        check(Ok(vec![0; IMAGE_BYTES_MAX + 1].into()), &Err(ImageError::TooLarge));
        let cut = Err(ImageError::Broken("x".repeat(REASON_BYTES_MAX)));
        check(Err(ImageError::Broken("x".repeat(1000))), &cut);
    }

    #[test]
    fn more_frames_than_a_decoder_takes_are_not_sent() {
        let data = Bytes::from(vec![0; 1 << 20]);
        let frames = vec![CodedFrame { data, wanted: true, shown_ms: 0 }; 64];
        let video =
            CodedVideo { codec: Codec::H264, parameter_sets: vec![], nal_length_size: 4, frames };
        let form = Form { format: Format::Png, width: None, height: None };
        assert!(Request { video, form }.to_wire().is_err());
    }
}
