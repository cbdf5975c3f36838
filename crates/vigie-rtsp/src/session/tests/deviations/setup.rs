//! Answers to SETUP, lived with; a medium that is refused is left out.

use super::*;

#[test]
fn answers_to_setup_that_leave_the_media_usable_are_usable() {
    let change = |seen: &[Deviation], from: &'static str, to: &'static str| {
        lives_with_changed(seen, "SETUP", |text| {
            assert!(text.contains(from) || text.contains("interleaved=2-3"), "{text}");
            text.replace(from, to)
        })
    };
    change(&[], "interleaved=0-1", "interleaved=0-1;ssrc=0000A0C6;mode=\"PLAY\"");
    change(&[], "Transport", "TRANSPORT");
    change(&[D::InterleavedChannels], ";interleaved=0-1", "");
    change(&[D::InterleavedChannels], "interleaved=0-1", "interleaved=x");
    // Named, but not used: packets still come on those that were asked for.
    change(&[D::InterleavedChannels], "interleaved=0-1", "interleaved=4-5");
    change(&[], "RTP/AVP/TCP", "RTP/AVP");
    change(&[], "timeout=60", "Timeout = 60 ; extra=1;more");
    change(&[], ";timeout=60", "");
    change(&[D::SessionTimeout], "timeout=60", "timeout=0");
    change(&[D::SessionTimeout], "timeout=60", "timeout=soon");
    let run = change(&[D::TransportMissing], "Transport: ", "X-Transport: ");
    assert!(run.heads[4].contains("Session: 12345678\r\n"));
    let run = change(&[D::SessionId], "Session: ", "X-Session: ");
    assert!(!run.heads[4].contains("Session"));
}

#[test]
fn packets_are_taken_from_the_channels_that_the_camera_names() {
    let run = lives_with(&[D::InterleavedChannels], |request| {
        let standard = String::from_utf8_lossy(&request.standard()).into_owned();
        match request.method.as_str() {
            "SETUP" => Some(
                standard.replace("interleaved=2-3", "interleaved=8-9").replace("0-1", "6-7").into(),
            ),
            "PLAY" => {
                let rtcp = [0x80, 200, 0, 1, 1, 2, 3, 4];
                let frames =
                    [frame(6, &rtp(1)), frame(7, &rtcp), frame(8, &rtp(7)), frame(6, &rtp(2))];
                let reply = request.reply("200 OK", "").into_bytes();
                Some([reply, frames.concat()].concat().into())
            }
            _ => None,
        }
    });
    assert_eq!(run.packets[1].1, PacketKind::Rtcp);
}

#[test]
fn both_media_named_on_one_pair_of_channels_keep_those_that_were_asked_for() {
    lives_with_changed(&[D::InterleavedChannels], "SETUP", |text| {
        text.replace("interleaved=2-3", "interleaved=0-1")
    });
}

#[test]
fn channels_named_crosswise_are_taken_as_named() {
    let rtcp = [0x80, 200, 0, 1, 1, 2, 3, 4];
    let frames = [frame(2, &rtp(1)), frame(3, &rtcp), frame(0, &rtp(7)), frame(2, &rtp(2))];
    let run = lives_with(&[D::InterleavedChannels], |request| match request.method.as_str() {
        "SETUP" => {
            let pair = if request.is_sound() { "0-1" } else { "2-3" };
            let transport = format!("Session: 1\nTransport: RTP/AVP/TCP;interleaved={pair}");
            Some(request.reply("200 OK", &transport).into())
        }
        "PLAY" => Some([request.reply("200 OK", "").into_bytes(), frames.concat()].concat().into()),
        _ => None,
    });
    // The sound is not asked for on channels that the video has.
    assert!(run.heads[3].contains("interleaved=0-1"), "{}", run.heads[3]);
}

#[test]
fn the_first_session_id_counts() {
    let run = lives_with(&[D::SessionId], |request| {
        let text = String::from_utf8_lossy(&request.standard()).into_owned();
        request.is_sound().then(|| text.replace("12345678", "99999999").into())
    });
    assert!(run.heads[4].contains("Session: 12345678\r\n"));
}

#[test]
fn the_timeout_that_the_camera_names_sets_the_keep_alive() {
    let waited = |timeout: &'static str| {
        lives_with_changed(&[], "SETUP", |text| text.replace("timeout=60", timeout)).waited
    };
    let (usual, short) = (waited("timeout=60"), waited("timeout=10"));
    assert_eq!(usual.as_secs(), 60);
    assert_eq!(short.as_secs(), 10);
}

#[test]
fn sound_never_costs_the_pictures() {
    let check = |why: LeftOut, camera: &mut dyn FnMut(&Request) -> Option<Reply>| {
        let run = run_with(settings(TransportChoice::TcpThenUdp), camera);
        assert_eq!(run.left_out(), [(1, why)], "{run:#?}");
        assert_eq!(run.packet_counts(), (2, 0), "{run:#?}");
        assert_eq!(run.end, Some(End::Closed), "{run:#?}");
        assert_eq!(run.playing().len(), 1);
        run
    };
    for status in [302, 400, 401, 403, 404, 406, 453, 454, 455, 459, 461, 500, 503, 551] {
        let request = Method::Setup;
        check(LeftOut::Refused { request, status }, &mut |request| {
            request.is_sound().then(|| request.reply(&format!("{status} No"), "").into())
        });
    }
    let request = Method::Setup;
    check(LeftOut::Refused { request, status: 0 }, &mut |request| {
        request.is_sound().then(|| request.reply("no", "").into())
    });
    let run = check(LeftOut::NoAnswer { request }, &mut |request| {
        request.is_sound().then_some(Reply::Silence)
    });
    // The pictures do not wait long for it.
    assert_eq!(run.waited.as_secs(), 4 + 2 * 30);
    let run = check(LeftOut::ClosedByCamera { request }, &mut |request| {
        request.is_sound().then_some(Reply::Close)
    });
    assert_eq!(run.connections, 2);
    check(LeftOut::UnusableTransport, &mut |request| {
        let transport = "Transport: RTP/AVP;multicast;destination=239.0.0.1;port=5000-5001";
        request.is_sound().then(|| request.reply("200 OK", transport).into())
    });
    let codec = || "G726-32".to_owned();
    check(LeftOut::UnsupportedCodec { codec: codec() }, &mut |request| {
        let sdp = SDP.replace("MPEG4-GENERIC/16000/1", "G726-32/8000");
        request.is("DESCRIBE").then(|| request.describe(&sdp).into())
    });
    check(LeftOut::UnusableControl, &mut |request| {
        let sdp = SDP.replace("trackID=1", &"x".repeat(3000));
        request.is("DESCRIBE").then(|| request.describe(&sdp).into())
    });
    let settings = RtspSessionSettings {
        wanted: Wanted::Record { sound: false, metadata: false },
        ..settings(TransportChoice::Tcp)
    };
    let run = run_with(settings, &mut |_| None);
    assert_eq!(run.left_out(), [(1, LeftOut::NotWanted)]);
}
