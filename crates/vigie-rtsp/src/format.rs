//! What a medium is coded in, as the camera's session description says it: what the session half hands to the media half.

/// What a medium is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MediaKind {
    /// `m=video`.
    Video,
    /// `m=audio`.
    Audio,
    /// `m=application`: metadata, such as ONVIF's.
    Application,
}

/// One payload type of a medium (RFC 4566 section 6, `rtpmap` and `fmtp`). Nothing in it is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaFormat {
    /// What the medium is.
    pub kind: MediaKind,
    /// The RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// The encoding's name in lower case, such as `h264` or `mpeg4-generic`; empty when the camera gave none.
    pub encoding: String,
    /// Ticks of the RTP clock in a second; 0 when the camera gave none.
    pub clock_rate_hz: u32,
    /// Channels of sound, when said.
    pub channels: Option<u16>,
    /// The parameters of `fmtp`: keys in lower case, values as sent.
    pub fmtp: Vec<(String, String)>,
}

impl MediaFormat {
    /// The value of an `fmtp` parameter; `key` in lower case.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.fmtp.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}
