//! What is lived with: the session plays, and the deviation is counted.

use super::*;
use crate::Deviation as D;

mod descriptions;
mod logins;
mod messages;
mod playing;
mod setup;

/// A camera that deviates is recorded whole, with nothing but these deviations.
#[track_caller]
fn lives_with(seen: &[Deviation], camera: impl FnMut(&Request) -> Option<Reply>) -> Run {
    let run = dialogue(camera);
    assert_eq!(run.packet_counts(), (2, 1), "{run:#?}");
    assert_eq!(run.end, Some(End::Closed), "{run:#?}");
    assert_eq!(run.seen(), seen, "{run:#?}");
    assert_eq!(run.connections, 1);
    run
}

/// The answer to one method, changed.
#[track_caller]
fn lives_with_changed(seen: &[Deviation], method: &str, change: impl Fn(String) -> String) -> Run {
    lives_with(seen, |request| {
        request.is(method).then(|| {
            let standard = request.standard();
            // The media behind PLAY's answer is no text.
            let head = standard.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
            let length = if request.is("DESCRIBE") { standard.len() } else { head };
            let text = String::from_utf8(standard[..length].to_vec()).unwrap();
            let mut bytes = change(text).into_bytes();
            bytes.extend_from_slice(&standard[length..]);
            Reply::Bytes(bytes)
        })
    })
}

#[track_caller]
fn lives_with_sdp(seen: &[Deviation], sdp: &str) -> Run {
    lives_with(seen, |request| request.is("DESCRIBE").then(|| request.describe(sdp).into()))
}

#[test]
fn a_camera_without_deviations_is_played_kept_alive_and_closed() {
    let run = lives_with(&[], |_| None);
    assert_eq!(
        run.requests,
        [
            "OPTIONS rtsp://camera/live",
            "DESCRIBE rtsp://camera/live",
            "SETUP rtsp://camera/live/trackID=0",
            "SETUP rtsp://camera/live/trackID=1",
            "PLAY rtsp://camera/live/",
            "GET_PARAMETER rtsp://camera/live/",
            "GET_PARAMETER rtsp://camera/live/",
            "TEARDOWN rtsp://camera/live/",
        ]
    );
    assert!(run.heads[4].contains("\r\nSession: 12345678\r\n"), "{}", run.heads[4]);
    assert!(run.heads[2].contains("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"));
    assert!(run.heads[3].contains("Transport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n"));
    let playing = run.playing();
    assert_eq!(playing[0].format.encoding, "h264");
    assert_eq!(playing[0].format.parameter("packetization-mode"), Some("1"));
    assert_eq!(playing[1].format.encoding, "mpeg4-generic");
    assert_eq!(playing[1].format.clock_rate_hz, 16_000);
    assert_eq!(run.packets[1].1, PacketKind::Rtcp);
    assert_eq!(run.packets[0].2.as_ref(), rtp(1));
}

#[test]
fn packets_are_slices_of_what_was_received() {
    let mut session = RtspSession::new(settings(TransportChoice::Tcp), Duration::ZERO);
    session.connected(PEER.parse().unwrap(), Duration::ZERO);
    let mut nth = 0;
    loop {
        match session.poll() {
            Some(Output::Act(Action::Send(bytes))) => {
                let text = String::from_utf8(bytes.to_vec()).unwrap();
                let mut words = text.split(' ');
                let (method, uri) = (words.next().unwrap().to_owned(), words.next().unwrap());
                nth += 1;
                let (uri, cseq) = (uri.to_owned(), nth.to_string());
                let request = Request { method, uri, cseq, text: text.clone(), nth: 0 };
                session.received(Bytes::from(request.standard()), Duration::ZERO);
            }
            Some(Output::Packet { .. }) => break,
            Some(_) => {}
            None => panic!("nothing plays"),
        }
    }
    while session.poll().is_some() {}
    let buffer = Bytes::from(media());
    session.received(buffer.clone(), Duration::from_secs(7));
    let Some(Output::Packet { bytes, arrival, .. }) = session.poll() else { panic!("no packet") };
    assert_eq!(bytes.as_ptr(), buffer[4..].as_ptr());
    assert_eq!(arrival, Duration::from_secs(7));
}
