//! The `Transport` header (RFC 2326 section 12.39): what is asked for, and what of the camera's answer is usable.
//!
//! Any answer that does not say that the media cannot come as asked, or in another way that works as well, is usable.

use std::net::IpAddr;

use super::message::leading_number;
use super::tally::Tally;
use crate::Deviation;

/// What SETUP asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Interleaved on these channels of RTP and RTCP.
    Interleaved(u8, u8),
    /// UDP to these ports of ours.
    Udp(u16, u16),
}

impl Asked {
    /// The header's value.
    pub(crate) fn header(self) -> String {
        match self {
            Self::Interleaved(rtp, rtcp) => format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}"),
            Self::Udp(rtp, rtcp) => format!("RTP/AVP;unicast;client_port={rtp}-{rtcp}"),
        }
    }
}

/// How the packets of a medium come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// On these channels of the control connection.
    Interleaved { rtp: u8, rtcp: u8 },
    /// As datagrams.
    Udp {
        /// The camera's ports of RTP and RTCP, when it said them.
        server_ports: Option<(u16, u16)>,
        /// Another address from which they may come.
        source: Option<IpAddr>,
    },
}

/// Why an answer is not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// The camera would send over UDP, which was not asked for.
    OverUdp,
    /// Multicast.
    Other,
}

/// Reads the answer's header. `spare` are the channels that would have been asked for.
pub(crate) fn route(
    asked: Asked,
    spare: (u8, u8),
    header: Option<&str>,
    tally: &mut Tally,
) -> Result<Route, Unusable> {
    let Some(answer) = header.map(Answer::parse) else {
        tally.add(Deviation::TransportMissing);
        return Ok(match asked {
            Asked::Interleaved(rtp, rtcp) => Route::Interleaved { rtp, rtcp },
            Asked::Udp(..) => Route::Udp { server_ports: None, source: None },
        });
    };
    if answer.is_multicast {
        return Err(Unusable::Other);
    }
    match (asked, answer.interleaved) {
        (Asked::Interleaved(rtp, rtcp), Some(theirs)) => {
            if theirs != (rtp, rtcp) {
                tally.add(Deviation::InterleavedChannels);
            }
            Ok(Route::Interleaved { rtp: theirs.0, rtcp: theirs.1 })
        }
        (Asked::Interleaved(..), None) if answer.has_ports && !answer.is_tcp => {
            Err(Unusable::OverUdp)
        }
        (Asked::Interleaved(rtp, rtcp), None) => {
            tally.add(Deviation::InterleavedChannels);
            Ok(Route::Interleaved { rtp, rtcp })
        }
        (Asked::Udp(..), theirs) if theirs.is_some() || answer.is_tcp => {
            tally.add(Deviation::TransportKind);
            let (rtp, rtcp) = theirs.unwrap_or(spare);
            Ok(Route::Interleaved { rtp, rtcp })
        }
        (Asked::Udp(..), _) => {
            if answer.server_ports.is_none_or(|(rtp, rtcp)| rtp % 2 != 0 || rtcp != rtp + 1) {
                tally.add(Deviation::ServerPort);
            }
            Ok(Route::Udp { server_ports: answer.server_ports, source: answer.source })
        }
    }
}

/// The parameters that matter.
#[derive(Debug, Default)]
struct Answer {
    is_tcp: bool,
    is_multicast: bool,
    has_ports: bool,
    interleaved: Option<(u8, u8)>,
    server_ports: Option<(u16, u16)>,
    source: Option<IpAddr>,
}

impl Answer {
    fn parse(header: &str) -> Self {
        let mut answer = Self::default();
        let mut is_unicast = false;
        let first = header.split(',').next().unwrap_or_default();
        for (at, part) in first.split(';').enumerate() {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim().trim_matches(['"', '\'']).trim();
            match name.trim().to_ascii_lowercase().as_str() {
                name if at == 0 => answer.is_tcp = name.ends_with("/tcp"),
                "unicast" => is_unicast = true,
                "multicast" => answer.is_multicast = true,
                "interleaved" => answer.interleaved = pair(value),
                "client_port" => answer.has_ports = true,
                "server_port" => {
                    answer.has_ports = true;
                    answer.server_ports = pair(value).filter(|(rtp, _)| *rtp != 0);
                }
                "source" => answer.source = value.parse().ok(),
                _ => {}
            }
        }
        answer.is_multicast &= !is_unicast;
        answer
    }
}

/// `6970-6971`, or one number and the next.
fn pair<N: TryFrom<u32>>(value: &str) -> Option<(N, N)> {
    let (first, second) = value.split_once('-').unwrap_or((value, ""));
    let first = leading_number(first)?;
    let second = leading_number(second).filter(|second| *second != first);
    let second = second.or_else(|| first.checked_add(1))?;
    Some((N::try_from(first).ok()?, N::try_from(second).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: Asked, header: &str, expect: Result<Route, Unusable>, seen: &[Deviation]) {
        let mut tally = Tally::default();
        let header = (header != "-").then_some(header);
        assert_eq!(route(asked, (4, 5), header, &mut tally), expect, "{header:?}");
        let found: Vec<_> = std::iter::from_fn(|| tally.take()).map(|(kind, _)| kind).collect();
        assert_eq!(found, seen, "{header:?}");
    }

    #[test]
    fn answers_to_a_wish_for_interleaved_media() {
        let on = |rtp, rtcp| Ok(Route::Interleaved { rtp, rtcp });
        let check = |header, expect, seen: &[Deviation]| {
            check(Asked::Interleaved(0, 1), header, expect, seen);
        };
        check("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0000A0C6;mode=\"PLAY\"", on(0, 1), &[]);
        check("rtp/avp/tcp ; Interleaved = \"0-1\"", on(0, 1), &[]);
        check("RTP/AVP;interleaved=0-1", on(0, 1), &[]);
        let channels = [Deviation::InterleavedChannels];
        check("RTP/AVP/TCP;unicast;interleaved=2-3", on(2, 3), &channels);
        check("RTP/AVP/TCP;unicast;interleaved=6", on(6, 7), &channels);
        check("RTP/AVP/TCP;unicast;interleaved=6-6", on(6, 7), &channels);
        check("RTP/AVP/TCP;unicast;interleaved=6-", on(6, 7), &channels);
        check("RTP/AVP/TCP;unicast", on(0, 1), &channels);
        check("RTP/AVP/TCP;unicast;interleaved=x", on(0, 1), &channels);
        check("RTP/AVP/TCP;unicast;interleaved=999-1000", on(0, 1), &channels);
        check("RTP/AVP/TCP;unicast;interleaved=255", on(0, 1), &channels);
        check("", on(0, 1), &channels);
        check("-", on(0, 1), &[Deviation::TransportMissing]);
        check("RTP/AVP;unicast;client_port=1-2;server_port=3-4", Err(Unusable::OverUdp), &[]);
        check("RTP/AVP;multicast;destination=239.1.1.1;port=1-2", Err(Unusable::Other), &[]);
    }

    #[test]
    fn answers_to_a_wish_for_udp() {
        let from = |server_ports| Ok(Route::Udp { server_ports, source: None });
        let check = |header, expect, seen: &[Deviation]| {
            check(Asked::Udp(7000, 7001), header, expect, seen);
        };
        check(
            "RTP/AVP;unicast;client_port=7000-7001;server_port=6970-6971",
            from(Some((6970, 6971))),
            &[],
        );
        let port = [Deviation::ServerPort];
        check("RTP/AVP;unicast;client_port=7000-7001", from(None), &port);
        check("RTP/AVP;unicast;server_port=6971-6972", from(Some((6971, 6972))), &port);
        check("RTP/AVP;unicast;server_port=6970", from(Some((6970, 6971))), &[]);
        check("RTP/AVP;unicast;server_port=6970-6980", from(Some((6970, 6980))), &port);
        check("RTP/AVP;unicast;server_port=65535", from(None), &port);
        check("RTP/AVP;unicast;server_port=0-0", from(None), &port);
        check("RTP/AVP;unicast;server_port=x-y", from(None), &port);
        check("-", from(None), &[Deviation::TransportMissing]);
        let source = Some("10.0.0.9".parse().unwrap());
        let named = Ok(Route::Udp { server_ports: Some((6970, 6971)), source });
        check("RTP/AVP;unicast;source=10.0.0.9;server_port=6970-6971", named, &[]);
        let kind = [Deviation::TransportKind];
        check("RTP/AVP/TCP;interleaved=2-3", Ok(Route::Interleaved { rtp: 2, rtcp: 3 }), &kind);
        check("RTP/AVP/TCP", Ok(Route::Interleaved { rtp: 4, rtcp: 5 }), &kind);
    }
}
