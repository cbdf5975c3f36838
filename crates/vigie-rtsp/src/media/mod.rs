//! From RTP packets to access units.

use crate::format::{MediaFormat, MediaKind};

/// Whether a medium coded so can be recorded.
pub fn supports(format: &MediaFormat) -> bool {
    match format.kind {
        MediaKind::Video => matches!(format.encoding.as_str(), "h264" | "h265"),
        MediaKind::Audio => {
            matches!(format.encoding.as_str(), "mpeg4-generic" | "pcma" | "pcmu" | "opus")
        }
        MediaKind::Application => true,
    }
}
