//! The service's rules for fragments, as numbers and names. Never looks at bytes.

use std::time::Duration;

use vigie_media::Timestamp;

/// The bits of a fragment number that are drawn.
pub(super) const NUMBER_TAIL_MASK: u32 = (1 << 28) - 1;

/// Limits of a PutMedia connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestRules {
    /// Longest time from a fragment's timecode to its last frame (KVS quotas: 20 s).
    pub fragment_duration_ms_max: i64,
    /// Whether a fragment without a frame of each declared track is refused (KVS API_PutMedia, error 4011). Off by
    /// default: a camera whose microphone pauses must not lose its pictures.
    pub every_track_in_every_fragment: bool,
    /// Silence after which an IDLE acknowledgement is sent, again and again.
    pub idle_after: Duration,
    /// Silence after which the connection is closed (KVS API_PutMedia: 30 s).
    pub close_after_silence: Duration,
    /// Age from which a connection takes no further fragment (error 4003; AWS: 45 minutes). `None`: as old as it
    /// likes, for producers that do not come back by themselves lose the fragment at which they are cut off.
    pub connection_duration_max: Option<Duration>,
}

impl IngestRules {
    /// The service's own.
    pub const KVS: Self = Self {
        fragment_duration_ms_max: 20_000,
        every_track_in_every_fragment: false,
        idle_after: Duration::from_secs(10),
        close_after_silence: Duration::from_secs(30),
        connection_duration_max: None,
    };
}

/// Names that producers may send although they begin with the reserved prefix (KVS developer guide, images and
/// notifications; seen from Amazon's C producer 1.6.4).
const ALLOWED_RESERVED_NAMES: [&str; 4] = [
    "AWS_KINESISVIDEO_END_OF_FRAGMENT",
    "AWS_KINESISVIDEO_IMAGE_GENERATION",
    "AWS_KINESISVIDEO_IMAGE_PREFIX",
    "AWS_KINESISVIDEO_NOTIFICATION",
];

/// Whether a tag may not be called that (KVS quotas: names that begin with `AWS` are reserved).
pub(super) fn is_forbidden_name(name: &str) -> bool {
    name.starts_with("AWS") && !ALLOWED_RESERVED_NAMES.contains(&name)
}

/// Whether a producer time can be: from 1970 to the year 9999, which every client can print.
pub(super) fn is_possible_time(time: Timestamp) -> bool {
    (0..253_402_300_800_000).contains(&time.as_millis())
}
