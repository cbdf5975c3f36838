//! One medium that is recorded: its address, and the way its packets come.

use std::net::{IpAddr, SocketAddr};

use super::PacketKind;
use super::end::MediumName;
use super::rtp_info::RtpInfo;
use super::transport::{Asked, Route};
use crate::format::MediaFormat;

/// A medium, from its choice on.
#[derive(Debug)]
pub(crate) struct MediumPlan {
    pub(crate) name: MediumName,
    pub(crate) format: MediaFormat,
    /// Its control address.
    pub(crate) uri: String,
    /// The channels that are asked for over TCP.
    pub(crate) channels: (u8, u8),
    pub(crate) asked: Option<Asked>,
    /// Once it is set up.
    pub(crate) route: Option<Route>,
    /// UDP sockets are open for it.
    pub(crate) has_sockets: bool,
    /// Whence its reports come over UDP, where ours go.
    rtcp_from: Option<SocketAddr>,
    /// The camera has said that it plays, when each medium is played by itself.
    pub(crate) is_played: bool,
    pub(crate) rtp_info: RtpInfo,
}

impl MediumPlan {
    /// `order` is its place among the chosen.
    pub(crate) fn new(name: MediumName, format: MediaFormat, uri: String, order: u8) -> Self {
        let rtp = order.saturating_mul(2);
        Self {
            name,
            format,
            uri,
            channels: (rtp, rtp.saturating_add(1)),
            asked: None,
            route: None,
            has_sockets: false,
            rtcp_from: None,
            is_played: false,
            rtp_info: RtpInfo::default(),
        }
    }

    /// Whether a datagram from there is the camera's: from its address, or from the one it named. The port is not looked
    /// at: cameras send from others than they say.
    pub(crate) fn takes_from(
        &mut self,
        from: SocketAddr,
        kind: PacketKind,
        peer: Option<IpAddr>,
    ) -> bool {
        let source = match self.route {
            Some(Route::Udp { source, .. }) => source.map(|address| address.to_canonical()),
            // Before the answer to SETUP only from the camera itself.
            None if self.has_sockets => None,
            Some(Route::Interleaved { .. }) | None => return false,
        };
        let address = from.ip().to_canonical();
        let is_camera = peer == Some(address) || source == Some(address);
        if is_camera && kind == PacketKind::Rtcp {
            self.rtcp_from = Some(from);
        }
        is_camera
    }

    /// The channel of its reports, when it is interleaved.
    pub(crate) fn rtcp_channel(&self) -> Option<u8> {
        match self.route {
            Some(Route::Interleaved { rtcp, .. }) => Some(rtcp),
            _ => None,
        }
    }

    /// Where datagrams to the camera go, when that is known.
    pub(crate) fn udp_address(&self, kind: PacketKind, peer: Option<IpAddr>) -> Option<SocketAddr> {
        let Some(Route::Udp { server_ports, source }) = self.route else { return None };
        let named = || {
            let (rtp, rtcp) = server_ports?;
            let port = if kind == PacketKind::Rtp { rtp } else { rtcp };
            Some(SocketAddr::new(source.or(peer)?, port))
        };
        match kind {
            PacketKind::Rtcp => self.rtcp_from.or_else(named),
            PacketKind::Rtp => named(),
        }
    }
}
