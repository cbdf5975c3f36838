//! The `Transport` header of SETUP (RFC 2326 §12.39): which of the offered transports the camera takes.
//!
//! Own reading instead of rtsp-types': that one panics on `mode="` (0.1.3), and a camera must not on any bytes.

/// A transport that the camera can serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransportOffer {
    /// RTP over the RTSP connection; channels of RTP and RTCP, when the client asks for certain ones.
    Interleaved { channels: Option<(u8, u8)> },
    /// RTP over UDP to these ports of the client.
    Udp { rtp_port: u16, rtcp_port: u16 },
}

/// The first offer of a `Transport` header that can be served. The client's order is its preference.
pub(crate) fn choose(header: &str) -> Option<TransportOffer> {
    header.split(',').find_map(read_offer)
}

fn read_offer(offer: &str) -> Option<TransportOffer> {
    let mut parts = offer.split(';').map(str::trim);
    let interleaved = match parts.next()?.to_ascii_uppercase().as_str() {
        "RTP/AVP/TCP" => true,
        "RTP/AVP" | "RTP/AVP/UDP" => false,
        _ => return None,
    };
    let (mut multicast, mut channels, mut ports, mut mode) = (false, None, None, None);
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "multicast" => multicast = true,
            "interleaved" => channels = Some(value),
            "client_port" => ports = Some(value),
            "mode" => mode = Some(value.trim_matches(['"', ' '])),
            // `destination` among them: media goes to where the request came from and nowhere else.
            _ => {}
        }
    }
    if multicast || mode.is_some_and(|mode| !mode.eq_ignore_ascii_case("PLAY")) {
        return None;
    }
    if interleaved {
        let channels = match channels {
            None => None,
            Some(text) => Some(pair(text, u8::MAX.into())?),
        };
        let channels = channels.map(|(rtp, rtcp)| (rtp as u8, rtcp as u8));
        return Some(TransportOffer::Interleaved { channels });
    }
    let (rtp_port, rtcp_port) = pair(ports?, u16::MAX)?;
    (rtp_port > 0).then_some(TransportOffer::Udp { rtp_port, rtcp_port })
}

/// `a-b`, or `a` alone with `b` the next; different, and none above `max`.
fn pair(text: &str, max: u16) -> Option<(u16, u16)> {
    let (first, second) = match text.split_once('-') {
        Some((first, second)) => (first.trim().parse().ok()?, second.trim().parse().ok()?),
        None => {
            let first: u16 = text.trim().parse().ok()?;
            (first, first.checked_add(1)?)
        }
    };
    (first != second && first <= max && second <= max).then_some((first, second))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, expect: Option<TransportOffer>) {
        assert_eq!(choose(header), expect, "{header:?}");
    }

    #[test]
    fn the_first_offer_that_can_be_served_is_taken() {
        let interleaved = |channels| Some(TransportOffer::Interleaved { channels });
        let udp = |rtp_port, rtcp_port| Some(TransportOffer::Udp { rtp_port, rtcp_port });
        check("RTP/AVP/TCP;unicast;interleaved=2-3", interleaved(Some((2, 3))));
        check("RTP/AVP/TCP;interleaved=4", interleaved(Some((4, 5))));
        check("RTP/AVP/TCP;unicast", interleaved(None));
        check("RTP/AVP;unicast;client_port=5000-5001;mode=\"PLAY\"", udp(5000, 5001));
        check("RTP/AVP/UDP;unicast;client_port=5000", udp(5000, 5001));
        check("RTP/AVP;multicast,RTP/AVP/TCP;interleaved=0-1", interleaved(Some((0, 1))));
        check("rtp/avp;UNICAST; client_port = 7-9", udp(7, 9));
    }

    #[test]
    fn what_cannot_be_served_is_refused_without_a_panic() {
        for header in [
            "",
            ";",
            "RTP/SAVP;unicast;client_port=5000-5001",
            "RTP/AVP;multicast",
            "RTP/AVP;unicast",
            "RTP/AVP;unicast;client_port=0-1",
            "RTP/AVP;unicast;client_port=5000-5000",
            "RTP/AVP;unicast;client_port=70000-70001",
            "RTP/AVP;unicast;client_port=65535",
            "RTP/AVP/TCP;interleaved=255",
            "RTP/AVP/TCP;interleaved=x-y",
            "RTP/AVP/TCP;mode=\"",
            "RTP/AVP/TCP;mode=RECORD",
        ] {
            check(header, None);
        }
    }
}
