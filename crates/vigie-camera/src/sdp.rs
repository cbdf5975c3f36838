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

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use bytes::Bytes;

    use super::*;
    use crate::Media;

    fn check(file: &'static [u8], address: IpAddr) -> String {
        Media::parse(Bytes::from_static(file)).unwrap().presentation().sdp(address)
    }

    const LOCALHOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn h264_and_aac_are_described_with_their_parameter_sets() {
        let file = include_bytes!("../../vigie-media/tests/fixtures/h264_aac.mp4");
        insta::assert_snapshot!(check(file, LOCALHOST), @r#"
    v=0
    o=- 1 1 IN IP4 127.0.0.1
    s=Vigie camera
    c=IN IP4 0.0.0.0
    t=0 0
    a=control:*
    a=range:npt=now-
    m=video 0 RTP/AVP 96
    a=rtpmap:96 H264/90000
    a=fmtp:96 packetization-mode=1;profile-level-id=64000C;sprop-parameter-sets=Z2QADKyzAoP2AiAAAAMAIAAAAwPB4oVN,aOlwOSyL
    a=control:trackID=0
    m=audio 0 RTP/AVP 97
    a=rtpmap:97 MPEG4-GENERIC/16000/1
    a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=140856E500
    a=control:trackID=1
    "#);
    }

    #[test]
    fn h265_and_mu_law_are_described_and_an_address_may_be_ipv6() {
        let file = include_bytes!("../tests/fixtures/h265_mulaw.mkv");
        insta::assert_snapshot!(check(file, Ipv6Addr::LOCALHOST.into()), @r#"
    v=0
    o=- 1 1 IN IP6 ::1
    s=Vigie camera
    c=IN IP6 ::
    t=0 0
    a=control:*
    a=range:npt=now-
    m=video 0 RTP/AVP 96
    a=rtpmap:96 H265/90000
    a=fmtp:96 sprop-vps=QAEMAf//AWAAAAMAkAAAAwAAAwA8loCQ;sprop-sps=QgEBAWAAAAMAkAAAAwAAAwA8oAoIDxZZakkyvAWgIAAAAwAgAAADAeE=;sprop-pps=RAHBcrRiQA==
    a=control:trackID=0
    m=audio 0 RTP/AVP 0
    a=rtpmap:0 PCMU/8000
    a=control:trackID=1
    "#);
    }

    #[test]
    fn a_law_has_a_payload_type_of_its_own() {
        let file = include_bytes!("../../vigie-media/tests/fixtures/h264_alaw.mov");
        let sdp = check(file, LOCALHOST);
        assert!(
            sdp.ends_with("m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=control:trackID=1\r\n")
        );
    }
}
