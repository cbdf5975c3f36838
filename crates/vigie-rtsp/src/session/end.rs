//! Why a session ended, in kinds that a person can act on. Nothing that a camera wrote is in them beyond names that are
//! cut to plain characters, and no secret.

use std::fmt;

use super::message::Method;
use crate::format::MediaKind;

/// A medium of the camera's session description, for texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediumName {
    /// Its place in the description, from 0.
    pub index: usize,
    pub kind: MediaKind,
}

impl fmt::Display for MediumName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            MediaKind::Video => "the video",
            MediaKind::Audio => "the sound",
            MediaKind::Application => "the metadata",
        })
    }
}

/// What was longer than may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLong {
    /// The body of a message, by its Content-Length.
    Body,
    /// The session description.
    Sdp,
    /// Bytes that belong to no message.
    Junk,
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum End {
    /// [`super::RtspSession::close`] was called.
    #[error("the session was closed")]
    Closed,
    /// The camera is described, which was all that was wanted.
    #[error("the camera was described")]
    Described,
    /// What answers does not speak RTSP.
    #[error("what answers at {host} does not speak RTSP")]
    NotRtsp {
        /// Who was asked.
        host: String,
    },
    /// What answers speaks TLS, and was asked without.
    #[error("what answers at {host} speaks TLS, and the address is one without TLS")]
    SpeaksTls {
        /// Who was asked.
        host: String,
    },
    /// The connection ended before a request was answered.
    #[error("the camera closed the connection instead of answering {request}{}", Of(.medium))]
    ClosedByCamera {
        request: Method,
        /// The medium it was about.
        medium: Option<MediumName>,
    },
    /// The camera ended a session that played: it closed the connection, or sent TEARDOWN.
    #[error("the camera ended the session")]
    EndedByCamera,
    /// The camera sent this client elsewhere while it played.
    #[error("the camera sends its viewers elsewhere")]
    SentAway,
    /// A request was not answered in time.
    #[error("the camera did not answer {request}{} in time", Of(.medium))]
    NoAnswer {
        request: Method,
        /// The medium it was about.
        medium: Option<MediumName>,
    },
    /// An answer without a readable status.
    #[error("the camera's answer to {request}{} cannot be read", Of(.medium))]
    UnreadableAnswer {
        request: Method,
        /// The medium it was about.
        medium: Option<MediumName>,
    },
    /// 401, and there are no credentials to give, or none for this host.
    #[error("the camera at {host} asks for a user name and password")]
    LoginWanted {
        /// Who asked.
        host: String,
    },
    /// 401 to a request with credentials: they were judged.
    #[error("the camera refuses the user name or password")]
    WrongPassword,
    /// 401 with no challenge that can be answered. No password was sent.
    #[error("the camera's way of authentication ({scheme}) is not supported; no password was sent")]
    AuthenticationUnsupported {
        /// The scheme or algorithm, as far as it is plain; empty when none was named.
        scheme: String,
    },
    /// 403.
    #[error("the camera forbids {request}{} with RTSP status 403", Of(.medium))]
    Forbidden {
        request: Method,
        /// The medium it was about.
        medium: Option<MediumName>,
    },
    /// Any other refusal.
    #[error("the camera refuses {request}{} with RTSP status {status}", Of(.medium))]
    Refused {
        request: Method,
        /// The medium it was about.
        medium: Option<MediumName>,
        status: u16,
    },
    /// More than three.
    #[error("the camera sends its viewers from one address to the next without end")]
    TooManyRedirects,
    /// A redirection without a usable address.
    #[error(
        "the camera answers {request} with a redirection (RTSP status {status}) to no usable address"
    )]
    UnreadableRedirect { request: Method, status: u16 },
    /// The session description has no medium.
    #[error("the camera's session description (SDP) cannot be read")]
    UnreadableDescription,
    /// There are media, but no video.
    #[error("the camera has no video track")]
    NoVideo,
    /// There are more media than are looked at, and no video among those.
    #[error(
        "the camera's session description (SDP) has more than {looked_at} media, and the first {looked_at} of them are no \
         video"
    )]
    NoVideoAmongFirst {
        /// So many were looked at.
        looked_at: usize,
    },
    /// There is video, of a codec that cannot be recorded.
    #[error("the camera's video codec {codec} is not supported")]
    UnsupportedCodec {
        /// The codec's name in capitals, plain characters alone.
        codec: String,
    },
    /// The answer to SETUP names a transport that was not asked for and cannot be used, such as multicast.
    #[error("the camera answers SETUP{} with a transport that cannot be used", Of(.medium))]
    UnusableTransport { medium: Option<MediumName> },
    /// Its control URI is too long to be sent.
    #[error("the address of {medium} in the camera's session description cannot be used")]
    UnusableControl { medium: MediumName },
    /// This machine had no UDP ports for the media.
    #[error("this machine has no free UDP ports for the camera's media")]
    NoUdpPorts,
    /// Something exceeded its bound.
    #[error("the camera sends {}", match .0 {
        TooLong::Body => "a message whose body is too long",
        TooLong::Sdp => "a session description (SDP) that is too long",
        TooLong::Junk => "bytes that belong to no RTSP message or packet",
    })]
    TooMuch(TooLong),
}

/// ` of the sound`, or nothing.
struct Of<'a>(&'a Option<MediumName>);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(medium) => write!(f, " of {medium}"),
            None => Ok(()),
        }
    }
}

/// Why a medium of the camera is not set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeftOut {
    /// Media flows to the camera: a loudspeaker (ONVIF Streaming section 5.3). Nothing is missing.
    #[error("it flows to the camera")]
    ToTheCamera,
    /// `a=inactive`.
    #[error("the camera says that it is inactive")]
    Inactive,
    /// Of each kind one medium is recorded, the first that can be.
    #[error("another one is recorded")]
    NotTheFirst,
    /// The settings do not ask for it.
    #[error("it is not asked for")]
    NotWanted,
    /// No format of it can be recorded.
    #[error("its codec {codec} is not supported")]
    UnsupportedCodec {
        /// The codec's name in capitals, plain characters alone.
        codec: String,
    },
    /// Refused with this status.
    #[error("the camera refuses {request} with RTSP status {status}")]
    Refused {
        request: Method,
        /// The status; 0 when it cannot be read.
        status: u16,
    },
    /// SETUP or PLAY of it was not answered.
    #[error("the camera does not answer {request}")]
    NoAnswer { request: Method },
    /// The camera closed the connection when it was to be set up.
    #[error("the camera closes the connection on {request}")]
    ClosedByCamera { request: Method },
    /// See [`End::UnusableTransport`].
    #[error("the camera answers SETUP with a transport that cannot be used")]
    UnusableTransport,
    /// See [`End::UnusableControl`].
    #[error("its address in the camera's session description cannot be used")]
    UnusableControl,
    /// See [`End::NoUdpPorts`].
    #[error("this machine has no free UDP ports for it")]
    NoUdpPorts,
}

/// At most 24 plain characters of what a camera wrote, to be repeated in a text.
pub(crate) fn plain(text: &str) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-._".contains(*c);
    text.chars().take_while(is_plain).take(24).collect()
}
