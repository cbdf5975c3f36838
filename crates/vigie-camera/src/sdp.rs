//! The session description that DESCRIBE returns (RFC 4566, RFC 2326 appendix C).

use std::net::IpAddr;

use crate::media::Presentation;

impl Presentation {
    /// The SDP of every mount; `address` is where the camera listens.
    pub(crate) fn sdp(&self, address: IpAddr) -> String {
        let (family, any) = match address {
            IpAddr::V4(_) => ("IP4", "0.0.0.0"),
            IpAddr::V6(_) => ("IP6", "::"),
        };
        let mut lines = vec![
            "v=0".to_owned(),
            format!("o=- 1 1 IN {family} {address}"),
            "s=Vigie camera".to_owned(),
            // Where media goes is agreed in SETUP (RFC 2326 §C.1.7).
            format!("c=IN {family} {any}"),
            "t=0 0".to_owned(),
            "a=control:*".to_owned(),
            "a=range:npt=now-".to_owned(),
        ];
        for (index, track) in self.tracks.iter().enumerate() {
            let kind = if track.is_video { "video" } else { "audio" };
            let payload_type = track.payload_type;
            lines.push(format!("m={kind} 0 RTP/AVP {payload_type}"));
            lines.push(format!("a=rtpmap:{payload_type} {}", track.rtpmap));
            if let Some(fmtp) = &track.fmtp {
                lines.push(format!("a=fmtp:{payload_type} {fmtp}"));
            }
            lines.push(format!("a=control:trackID={index}"));
        }
        lines.iter().flat_map(|line| [line, "\r\n"]).collect()
    }
}
