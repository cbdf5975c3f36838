//! ContentEncodings (RFC 9559 §5.1.4.1.31): what was done to a track's frames before they were stored, and how it is
//! undone. Decides which encodings are read and what the others are called; never looks into a frame.

use bytes::{Bytes, BytesMut};

use super::error::ElementError;
use crate::matroska::{ebml, ids};

/// A frame is not inflated beyond: no fragment could hold it.
const FRAME_BYTES_MAX: usize = 50 << 20;
/// `ContentEncodingScope`: all frames.
const SCOPE_FRAMES: u64 = 1;
/// `ContentEncodingScope`: the track's CodecPrivate.
const SCOPE_PRIVATE: u64 = 2;

/// How a track's frames are stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentEncoding {
    /// These bytes, the same ones of every frame, are left out at its beginning (`ContentCompAlgo` 3).
    HeaderStripping(Bytes),
    /// Each frame is a zlib stream (`ContentCompAlgo` 0).
    Zlib,
    /// In a way that is not read, of which this is the name: frames come as they are stored.
    Unsupported(&'static str),
}

/// What is wrong with an encoded frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EncodingError(pub(super) &'static str);

impl ContentEncoding {
    /// What was encoded, at most `bytes_max` long.
    pub(super) fn decode(&self, data: Bytes, bytes_max: usize) -> Result<Bytes, EncodingError> {
        let bytes_max = bytes_max.min(FRAME_BYTES_MAX);
        let too_long = EncodingError("a compressed frame is too long");
        match self {
            Self::HeaderStripping(header) => {
                let length = header.len().saturating_add(data.len());
                if length > bytes_max {
                    return Err(too_long);
                }
                let mut whole = BytesMut::with_capacity(length);
                whole.extend_from_slice(header);
                whole.extend_from_slice(&data);
                Ok(whole.freeze())
            }
            Self::Zlib => {
                match miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(&data, bytes_max) {
                    Ok(whole) => Ok(Bytes::from(whole)),
                    Err(error)
                        if error.status == miniz_oxide::inflate::TINFLStatus::HasMoreOutput =>
                    {
                        Err(too_long)
                    }
                    Err(_) => Err(EncodingError("a compressed frame cannot be inflated")),
                }
            }
            Self::Unsupported(_) => Ok(data),
        }
    }

    /// How many bytes the frames of one block may be in all: a lace of frames that are inflated is bounded as one frame.
    pub(super) const fn block_bytes_max() -> usize {
        FRAME_BYTES_MAX
    }
}

/// A track's encoding and what it applies to.
#[derive(Debug)]
pub(super) struct TrackEncoding {
    pub(super) encoding: ContentEncoding,
    pub(super) scope: u64,
}

impl TrackEncoding {
    pub(super) fn is_of_frames(&self) -> bool {
        self.scope & SCOPE_FRAMES != 0
    }

    pub(super) fn is_of_private(&self) -> bool {
        self.scope & SCOPE_PRIVATE != 0
    }
}

/// Reads the data of a `ContentEncodings`; `None` when it lists none.
pub(super) fn read(data: &[u8]) -> Result<Option<TrackEncoding>, ElementError> {
    let mut found = None;
    for child in ebml::children(data) {
        let (ids::CONTENT_ENCODING, value) = child? else { continue };
        let encoding = read_one(value)?;
        found = Some(match found {
            None => encoding,
            // One on top of the other: nobody is known to write that.
            Some(TrackEncoding { scope, .. }) => TrackEncoding {
                encoding: ContentEncoding::Unsupported("several encodings at once"),
                scope: scope | encoding.scope,
            },
        });
    }
    Ok(found)
}

fn read_one(data: &[u8]) -> Result<TrackEncoding, ElementError> {
    let (mut scope, mut kind) = (SCOPE_FRAMES, 0);
    let (mut algorithm, mut settings) = (0, Bytes::new());
    for child in ebml::children(data) {
        match child? {
            (ids::CONTENT_ENCODING_SCOPE, value) => scope = ebml::uint(value)?,
            (ids::CONTENT_ENCODING_TYPE, value) => kind = ebml::uint(value)?,
            (ids::CONTENT_COMPRESSION, value) => {
                for child in ebml::children(value) {
                    match child? {
                        (ids::CONTENT_COMP_ALGO, value) => algorithm = ebml::uint(value)?,
                        (ids::CONTENT_COMP_SETTINGS, value) => {
                            settings = Bytes::copy_from_slice(value);
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let encoding = match (kind, algorithm) {
        (0, 0) => ContentEncoding::Zlib,
        (0, 1) => ContentEncoding::Unsupported("bzlib compression"),
        (0, 2) => ContentEncoding::Unsupported("lzo1x compression"),
        (0, 3) => ContentEncoding::HeaderStripping(settings),
        (0, _) => ContentEncoding::Unsupported("an unknown compression"),
        (1, _) => ContentEncoding::Unsupported("encryption"),
        _ => ContentEncoding::Unsupported("an unknown encoding"),
    };
    Ok(TrackEncoding { encoding, scope })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inflated_is_bounded() {
        let bomb = miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 1 << 20], 6);
        let whole = ContentEncoding::Zlib.decode(Bytes::from(bomb.clone()), 1 << 20);
        assert_eq!(whole.map(|whole| whole.len()), Ok(1 << 20));
        let refused = ContentEncoding::Zlib.decode(Bytes::from(bomb), (1 << 20) - 1);
        assert_eq!(refused, Err(EncodingError("a compressed frame is too long")));
        let garbage = ContentEncoding::Zlib.decode(Bytes::from_static(b"no zlib"), 1 << 20);
        assert_eq!(garbage, Err(EncodingError("a compressed frame cannot be inflated")));
    }

    #[test]
    fn a_stripped_header_comes_back() {
        let encoding = ContentEncoding::HeaderStripping(Bytes::from_static(b"\0\0\0\x01"));
        let whole = encoding.decode(Bytes::from_static(b"xy"), 100);
        assert_eq!(whole, Ok(Bytes::from_static(b"\0\0\0\x01xy")));
        assert!(encoding.decode(Bytes::from_static(b"xy"), 5).is_err());
    }

    #[test]
    fn encodings_are_read_or_called_by_their_name() {
        let check = |data: &[u8], expect: ContentEncoding, scope: u64| {
            let found = read(data).ok().flatten().unwrap();
            assert_eq!((found.encoding, found.scope), (expect, scope), "{data:02x?}");
        };
        let of = ContentEncoding::Unsupported;
        // All defaults: zlib of all frames.
        check(&[0x62, 0x40, 0x80], ContentEncoding::Zlib, 1);
        let stripped = [
            0x62, 0x40, 0x90, 0x50, 0x32, 0x81, 3, 0x50, 0x34, 0x89, 0x42, 0x54, 0x81, 3, 0x42,
            0x55, 0x82, 7, 8,
        ];
        let header = Bytes::from_static(&[7, 8]);
        check(&stripped, ContentEncoding::HeaderStripping(header), 3);
        check(
            &[0x62, 0x40, 0x87, 0x50, 0x34, 0x84, 0x42, 0x54, 0x81, 1],
            of("bzlib compression"),
            1,
        );
        check(
            &[0x62, 0x40, 0x87, 0x50, 0x34, 0x84, 0x42, 0x54, 0x81, 2],
            of("lzo1x compression"),
            1,
        );
        check(&[0x62, 0x40, 0x84, 0x50, 0x33, 0x81, 1], of("encryption"), 1);
        let twice = [0x62, 0x40, 0x80, 0x62, 0x40, 0x80];
        check(&twice, of("several encodings at once"), 1);
        assert!(read(&[]).ok().flatten().is_none());
    }
}
