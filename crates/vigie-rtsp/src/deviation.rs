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
    /// Parameter sets that change again and again while the picture keeps its size; they stay in the stream. Said once a
    /// session.
    ParameterSetsChange,
    /// Several NAL units in the place of one, with start codes between them.
    StartCodes,

    // Of the conversation.
    /// Bytes between messages that belong to none; they are passed over.
    Junk,
    /// A line of a message ends without a carriage return.
    LineEnds,
    /// A header that goes on in the next line.
    FoldedHeader,
    /// A line of a head that is no header, or a header more than are kept; it is passed over.
    HeaderLine,
    /// Another version than RTSP/1.0 in an answer.
    RtspVersion,
    /// An answer without words behind its status.
    ReasonPhrase,
    /// An answer without `CSeq`, or with a wrong one; it is taken for the request that waits.
    Cseq,
    /// An answer to nothing that waits: a second one, or a late one; it is dropped.
    UnexpectedAnswer,
    /// A session description without its length, or shorter than was said; what came is taken.
    ContentLength,
    /// A session description of another type than `application/sdp`; it is read.
    ContentType,
    /// A `Content-Base` or `Content-Location` that is no address; the request's is used.
    ContentBase,
    /// A line of the session description that cannot be read; it is passed over.
    SdpLine,
    /// Directions written from the camera's side: its video says `a=sendonly`. They are read the other way round.
    SdpDirection,
    /// OPTIONS refused or not answered; nothing depends on it.
    OptionsRefused,
    /// An answer to SETUP without a session, or with another than before; the first counts.
    SessionId,
    /// A session timeout that is none; 60 s are taken.
    SessionTimeout,
    /// An answer to SETUP without `Transport`; what was asked for is taken.
    TransportMissing,
    /// Other interleaved channels than those asked for, or none named.
    InterleavedChannels,
    /// Media interleaved although UDP was asked for, or over UDP although that was not.
    TransportKind,
    /// No usable `server_port`; packets from any port of the camera are taken.
    ServerPort,
    /// PLAY of the whole session refused; each medium is played by itself.
    AggregatePlay,
    /// `Range` refused; PLAY goes without it.
    PlayRange,
    /// PLAY not answered, but media comes.
    PlayUnanswered,
    /// Interleaved packets before the answer to PLAY; they are kept. Over UDP they may overtake it, and are not counted.
    EarlyPackets,
    /// Packets before PLAY was sent, more than are kept; the oldest are dropped.
    EarlyPacketsDropped,
    /// A frame on a channel that no medium has; it is dropped.
    UnassignedChannel,
    /// A datagram from another address than the camera's; it is dropped.
    StrangersDatagram,
    /// A keep-alive refused; another request is tried.
    KeepAliveRefused,
    /// A keep-alive not answered; the session goes on.
    KeepAliveUnanswered,
    /// The camera closed the connection behind a challenge or a redirection; it is connected to anew.
    ConnectionClosed,
    /// A request from the camera that is not understood; it is told so.
    CameraRequest,
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
            Self::ParameterSetsChange => "parameter_sets_change",
            Self::StartCodes => "start_codes",
            Self::Junk => "junk",
            Self::LineEnds => "line_ends",
            Self::FoldedHeader => "folded_header",
            Self::HeaderLine => "header_line",
            Self::RtspVersion => "rtsp_version",
            Self::ReasonPhrase => "reason_phrase",
            Self::Cseq => "cseq",
            Self::UnexpectedAnswer => "unexpected_answer",
            Self::ContentLength => "content_length",
            Self::ContentType => "content_type",
            Self::ContentBase => "content_base",
            Self::SdpLine => "sdp_line",
            Self::SdpDirection => "sdp_direction",
            Self::OptionsRefused => "options_refused",
            Self::SessionId => "session_id",
            Self::SessionTimeout => "session_timeout",
            Self::TransportMissing => "transport_missing",
            Self::InterleavedChannels => "interleaved_channels",
            Self::TransportKind => "transport_kind",
            Self::ServerPort => "server_port",
            Self::AggregatePlay => "aggregate_play",
            Self::PlayRange => "play_range",
            Self::PlayUnanswered => "play_unanswered",
            Self::EarlyPackets => "early_packets",
            Self::EarlyPacketsDropped => "early_packets_dropped",
            Self::UnassignedChannel => "unassigned_channel",
            Self::StrangersDatagram => "strangers_datagram",
            Self::KeepAliveRefused => "keep_alive_refused",
            Self::KeepAliveUnanswered => "keep_alive_unanswered",
            Self::ConnectionClosed => "connection_closed",
            Self::CameraRequest => "camera_request",
        }
    }
}
