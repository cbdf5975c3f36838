//! From RTP packets to access units.
//!
//! Packets of each medium come in with their time of arrival; access units, tracks, metadata and deviations come out in
//! order ([`Receiver`]). What is received is never copied but for small pieces: an access unit is slices of it, with
//! lengths and headers between. What cannot be read costs itself, and what depends on it; the session goes on.

mod access_unit;
mod clock;
mod markers;
mod metadata;
mod order;
mod packet;
mod parameter_sets;
mod parts;
mod receiver;
mod rtcp;
mod sound;
mod video;
mod video_codec;

use std::collections::VecDeque;

use vigie_media::Track;
use vigie_media::codec::CodecError;

pub use receiver::{Limits, Receiver};

use crate::Deviation;
use crate::format::{MediaFormat, MediaKind};
use crate::output::{AccessUnit, Metadata};

/// How the packets of a medium come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One behind the other, over TCP.
    Ordered,
    /// As the network brings them, over UDP: put in order first.
    Datagrams,
}

/// Why a medium is left out. The others are recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeftOut {
    /// Coded in what is not recorded.
    #[error("its codec {encoding:?} is not recorded; set the camera to one that is")]
    Codec {
        /// The encoding's name as the camera said it.
        encoding: String,
    },
    /// AAC without a configuration: the `fmtp` line has none, or is of another payload type.
    #[error("the camera does not say the configuration of its AAC sound (config in fmtp)")]
    NoAacConfig,
    /// AAC with a configuration that cannot be read.
    #[error("the configuration of the camera's AAC sound cannot be read: {0}")]
    AacConfig(CodecError),
    /// AAC whose packets cannot be read, by what the `fmtp` line says of their headers.
    #[error("the camera says of its AAC packets what cannot be (sizelength and others in fmtp)")]
    AacHeaders,
    /// More media than one session has.
    #[error("the camera has more media than are recorded at once")]
    TooMany,
}

/// Whether a medium of this format can be recorded, or handed through.
pub fn supports(format: &MediaFormat) -> bool {
    match format.kind {
        MediaKind::Video => matches!(format.encoding.as_str(), "h264" | "h265"),
        MediaKind::Audio => {
            matches!(format.encoding.as_str(), "mpeg4-generic" | "pcma" | "pcmu" | "opus")
        }
        MediaKind::Application => true,
    }
}

/// What comes of one medium's packets.
#[derive(Debug)]
enum Produced {
    /// The track is another from here on: its parameter sets changed.
    Track(Track),
    AccessUnit(AccessUnit),
    Metadata(Metadata),
    Deviation(Deviation),
}

type Out = VecDeque<Produced>;
