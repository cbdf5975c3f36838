//! Where a camera deviates from the standards and is recorded all the same.

/// A kind of deviation. Each time it is seen it is counted, by [`Deviation::as_str`]; docs/cameras.md lists them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Deviation {
    /// An RTP packet that cannot be read, or whose payload cannot; it is dropped.
    BadRtpPacket,
    /// An RTP packet that came twice; one is kept.
    DoubledRtpPacket,
    /// An RTP packet that came after the place it belongs to was given up.
    LateRtpPacket,
    /// An RTCP packet that cannot be read; it is dropped.
    BadRtcpPacket,
    /// The marker bit is set where no access unit ends, or not set where one does. Said once a session.
    Marker,
    /// The packets' SSRC changed.
    SsrcChanged,
    /// An RTP packet of another payload type than the medium's; it is dropped.
    OtherPayloadType,
    /// An access unit that is larger than any camera's; it is dropped.
    AccessUnitTooLarge,
    /// A picture before the first parameter sets, with which nothing can be done; it is dropped.
    NoParameterSets,
    /// A parameter set that cannot be read; the former stays in force.
    BadParameterSet,
    /// Several NAL units in the place of one, with start codes between them.
    StartCodes,
}

impl Deviation {
    /// Its name in metrics and documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadRtpPacket => "bad_rtp_packet",
            Self::DoubledRtpPacket => "doubled_rtp_packet",
            Self::LateRtpPacket => "late_rtp_packet",
            Self::BadRtcpPacket => "bad_rtcp_packet",
            Self::Marker => "marker",
            Self::SsrcChanged => "ssrc_changed",
            Self::OtherPayloadType => "other_payload_type",
            Self::AccessUnitTooLarge => "access_unit_too_large",
            Self::NoParameterSets => "no_parameter_sets",
            Self::BadParameterSet => "bad_parameter_set",
            Self::StartCodes => "start_codes",
        }
    }
}
