//! What can go wrong before a camera serves: its file and its address. What a client does wrong is answered to it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a media file cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The bytes begin neither as ISO BMFF nor as Matroska.
    #[error("not an MP4, MOV or Matroska file")]
    UnknownContainer,
    /// The container's reader refused it.
    #[error("the {container} file cannot be read: {reason}")]
    Container {
        /// `MP4` or `Matroska`.
        container: &'static str,
        /// The reader's own words.
        reason: String,
    },
    /// No track has a codec that the camera can packetise.
    #[error("no H.264, H.265, AAC or G.711 track in the file; found: {found}")]
    NoUsableTrack {
        /// The codecs found, comma separated.
        found: String,
    },
    /// A frame's bytes do not have the form its codec says.
    #[error("frame {frame} of track {track} is damaged: {reason}")]
    DamagedFrame {
        /// Matroska track number or ISO BMFF track id.
        track: u64,
        /// Counted from 0 in file order.
        frame: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// Frames that cannot be looped.
    #[error("the file cannot be looped: {0}")]
    UnusableTimes(&'static str),
    /// No frame at which a client could begin.
    #[error("the file has no key frame")]
    NoKeyFrame,
}

/// Why a camera did not start.
#[derive(Debug, thiserror::Error)]
pub enum CameraError {
    /// The media file could not be read from disk.
    #[error("cannot read media file {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    /// The media file is larger than the camera will hold in memory.
    #[error(
        "media file {path} is larger than {size_bytes_max} bytes; use a shorter one, it is looped"
    )]
    TooLarge {
        path: PathBuf,
        /// The bound.
        size_bytes_max: u64,
    },
    /// The media file cannot be served.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The listen address could not be bound.
    #[error("cannot listen on {address}: {source}; choose another port or stop what uses this one")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        source: io::Error,
    },
    /// A configuration that cannot work.
    #[error("{0}")]
    Config(&'static str),
}
