//! What a session asks for and what comes of it.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::end::{End, LeftOut, MediumName};
use super::rtp_info::RtpInfo;
use super::sdp::Medium;
use crate::Deviation;
use crate::format::MediaFormat;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketKind {
    /// Media.
    Rtp,
    /// Reports.
    Rtcp,
}

/// Why a connection is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectReason {
    /// The session begins.
    First,
    /// The camera redirected.
    Redirected,
    /// The camera closed the connection behind a challenge or a redirection, before the request that answers it.
    ClosedByCamera,
    /// The camera closed the connection when this medium was set up; it is left out.
    Without(MediumName),
}

/// A medium that plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayingMedium {
    pub name: MediumName,
    /// How it is coded.
    pub format: MediaFormat,
    /// Packets come as datagrams: they may be lost or overtake each other on the way.
    pub is_over_udp: bool,
    /// What RTP-Info says of its first packet: a hint, often wrong.
    pub rtp_info: RtpInfo,
}

/// What whoever moves the bytes is to do.
#[derive(Clone, PartialEq, Eq)]
pub enum Action {
    /// Close the control connection, if there is one, and open one; then call [`super::RtspSession::connected`]. When none can
    /// be opened the session is over, and is to be dropped.
    Connect {
        /// A name, or an IP address without brackets.
        host: String,
        port: u16,
        tls: bool,
        reason: ConnectReason,
    },
    /// Write this to the control connection.
    Send(Bytes),
    /// Open two UDP sockets for a medium, on an even port and the next, and call [`super::RtspSession::udp_opened`] or
    /// [`super::RtspSession::udp_failed`].
    OpenUdp {
        /// The medium's place in the session description.
        medium: usize,
    },
    /// Close the UDP sockets of a medium: it comes another way, or not at all.
    CloseUdp {
        /// The medium's place in the session description.
        medium: usize,
    },
    /// Send a datagram from a medium's socket.
    SendDatagram {
        /// The medium's place in the session description.
        medium: usize,
        /// From which of its sockets.
        kind: PacketKind,
        /// Where to.
        to: SocketAddr,
        bytes: Bytes,
    },
}

/// What is to be done, or has come.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// What is to be done.
    Act(Action),
    /// What the camera offers. Comes again after a redirection and after [`ConnectReason::Without`].
    Described {
        /// All media, in their order.
        media: Vec<Medium>,
    },
    /// A medium of the description is not recorded.
    LeftOut { medium: MediumName, why: LeftOut },
    /// Media is to come, from now on and not before: of these media, video first.
    Playing {
        /// Those that are set up.
        media: Vec<PlayingMedium>,
    },
    /// A packet of a medium that plays.
    Packet {
        /// The medium's place in the session description.
        medium: usize,
        kind: PacketKind,
        /// A slice of what was received; at least 12 bytes of RTP, or 8 of RTCP.
        bytes: Bytes,
        /// When it arrived.
        arrival: Duration,
    },
    /// Something is not as it should be, and is lived with.
    Deviation {
        kind: Deviation,
        /// How often since the last time.
        count: u32,
    },
    /// The session has ended; nothing comes after it. What is to be sent before it is still to be sent.
    Ended(End),
}

impl fmt::Debug for Action {
    /// Without the bytes: requests hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { host, port, tls, reason } => {
                write!(f, "Connect({host}:{port}, tls {tls}, {reason:?})")
            }
            Self::Send(bytes) => write!(f, "Send({} bytes)", bytes.len()),
            Self::OpenUdp { medium } => write!(f, "OpenUdp({medium})"),
            Self::CloseUdp { medium } => write!(f, "CloseUdp({medium})"),
            Self::SendDatagram { medium, kind, to, bytes } => {
                write!(f, "SendDatagram({medium}, {kind:?}, {to}, {} bytes)", bytes.len())
            }
        }
    }
}

impl fmt::Debug for Output {
    /// Without the bytes of packets, which would fill a page.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Act(action) => action.fmt(f),
            Self::Described { media } => write!(f, "Described({media:?})"),
            Self::LeftOut { medium, why } => write!(f, "LeftOut({medium:?}, {why:?})"),
            Self::Playing { media } => write!(f, "Playing({media:?})"),
            Self::Packet { medium, kind, bytes, arrival } => {
                write!(f, "Packet({medium}, {kind:?}, {} bytes, {arrival:?})", bytes.len())
            }
            Self::Deviation { kind, count } => write!(f, "Deviation({kind:?}, {count})"),
            Self::Ended(end) => write!(f, "Ended({end:?})"),
        }
    }
}
