//! What H.264 and H.265 write differently in the header of a NAL unit.

use vigie_media::codec::nal_kind::{self, NalKind};

/// Which of the two a medium is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VideoCodec {
    H264,
    H265,
}

impl VideoCodec {
    pub(super) fn kind(self, start: &[u8]) -> Option<NalKind> {
        match self {
            Self::H264 => nal_kind::h264(start),
            Self::H265 => nal_kind::h265(start),
        }
    }

    /// Whether it is an access unit delimiter.
    pub(super) fn is_delimiter(self, nal: &[u8]) -> bool {
        nal.first().is_some_and(|header| match self {
            Self::H264 => header & 0x1F == 9,
            Self::H265 => header >> 1 & 0x3F == 35,
        })
    }

    /// Of a NAL unit's header.
    pub(super) const fn header_bytes(self) -> usize {
        match self {
            Self::H264 => 1,
            Self::H265 => 2,
        }
    }
}
