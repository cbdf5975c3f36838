//! Session descriptions, lived with: their length and name, addresses, directions, payload types.

use super::*;

#[test]
fn a_description_may_come_without_a_usable_length_and_under_any_name() {
    let change = |seen: &[Deviation], from: &'static str, to: &'static str| {
        let run = lives_with_changed(seen, "DESCRIBE", |text| {
            let length = format!("Content-Length: {}", SDP.len());
            text.replace(&length, "Content-Length: N").replace(from, to)
        });
        assert_eq!(run.playing().len(), 2);
        run.waited
    };
    let named = [D::ContentLength];
    change(&named, "Content-Length: N\r\n", "");
    change(&named, ": N", ": none");
    change(&named, ": N", ": -1");
    change(&named, ": N", ": 0");
    let type_too = [D::ContentLength, D::ContentType];
    change(&type_too, "application/sdp", "text/plain");
    change(&type_too, "Content-Type: application/sdp\r\n", "");
    // More is promised than comes.
    change(&named, ": N", ": 5000");
    let right = lives_with_changed(&[], "DESCRIBE", |text| {
        text.replace("application/sdp", "Application/SDP; charset=utf-8")
    });
    assert_eq!(right.playing().len(), 2);
}

#[test]
fn addresses_are_built_from_what_there_is() {
    let base = |seen: &[Deviation], base: &'static str| {
        let run = lives_with_changed(seen, "DESCRIBE", |text| {
            text.replace("Content-Base: rtsp://camera/live/\r\n", base)
        });
        (run.requests[2].clone(), run.requests[4].clone())
    };
    let expect = |setup: &str, play: &str| (format!("SETUP {setup}"), format!("PLAY {play}"));
    let plain = expect("rtsp://camera/live/trackID=0", "rtsp://camera/live");
    assert_eq!(base(&[], ""), plain);
    assert_eq!(base(&[], "Content-Base:\r\n"), plain);
    assert_eq!(base(&[D::ContentBase], "Content-Base: live\r\n"), plain);
    let other = expect("rtsp://10.0.0.1/x/trackID=0", "rtsp://10.0.0.1/x/");
    assert_eq!(base(&[], "Content-Base: rtsp://10.0.0.1/x/\r\n"), other);
    assert_eq!(base(&[], "Content-Location: rtsp://10.0.0.1/x/\r\n"), other);
    assert_eq!(base(&[], "Content-Base: /x/\r\n").0, "SETUP rtsp://camera/x/trackID=0");

    let control = |from: &str, to: &str| {
        let run = lives_with_sdp(&[], &SDP.replace(from, to));
        (run.requests[2].clone(), run.requests[4].clone())
    };
    let aggregate = "rtsp://camera/live/";
    assert_eq!(
        control("a=control:trackID=0", "a=control:rtsp://10.0.0.1:8554/v"),
        expect("rtsp://10.0.0.1:8554/v", aggregate)
    );
    assert_eq!(control("a=control:trackID=0\r\n", ""), expect(aggregate, aggregate));
    assert_eq!(control("a=control:*\r\n", ""), expect("rtsp://camera/live/trackID=0", aggregate));
    assert_eq!(
        control("a=control:*", "a=control:rtsp://10.0.0.1/all"),
        expect("rtsp://10.0.0.1/all/trackID=0", "rtsp://10.0.0.1/all")
    );
    assert_eq!(control("a=control:*", "a=control:all").1, "PLAY rtsp://camera/live/all");
}

#[test]
fn media_that_flows_to_the_camera_is_left_alone() {
    // The loudspeaker stands first; its SETUP would be refused.
    let speaker =
        "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=sendonly\r\na=control:trackID=5\r\n";
    let sdp = SDP
        .replace("m=video", &format!("{speaker}m=video"))
        .replace("a=control:trackID=1", "a=recvonly\r\na=control:trackID=1");
    let run = dialogue(|request| match request.is("DESCRIBE") {
        true => Some(request.describe(&sdp).into()),
        false if request.uri.ends_with("trackID=5") => {
            Some(request.reply("403 Forbidden", "").into())
        }
        false => None,
    });
    assert_eq!(run.left_out(), [(0, LeftOut::ToTheCamera)]);
    assert_eq!(run.requests[2], "SETUP rtsp://camera/live/trackID=0");
    assert_eq!(run.requests[3], "SETUP rtsp://camera/live/trackID=1");
    assert_eq!(run.playing()[1].format.encoding, "mpeg4-generic");
    assert_eq!(run.playing()[1].name.index, 2);
    assert_eq!(run.seen(), []);
}

#[test]
fn directions_are_inherited_and_read_from_the_side_that_makes_sense() {
    let session =
        |direction: &str| SDP.replace("t=0 0\r\n", &format!("t=0 0\r\na={direction}\r\n"));
    lives_with_sdp(&[], &session("recvonly"));
    lives_with_sdp(&[], &session("sendrecv"));
    // Written from the camera's side: it sends.
    lives_with_sdp(&[D::SdpDirection], &session("sendonly"));
    let mixed =
        session("sendonly").replace("a=control:trackID=1", "a=recvonly\r\na=control:trackID=1");
    let run = dialogue(|request| request.is("DESCRIBE").then(|| request.describe(&mixed).into()));
    assert_eq!(run.left_out(), [(1, LeftOut::ToTheCamera)]);
    let off = SDP.replace("a=control:trackID=1", "a=inactive\r\na=control:trackID=1");
    let run = dialogue(|request| request.is("DESCRIBE").then(|| request.describe(&off).into()));
    assert_eq!(run.left_out(), [(1, LeftOut::Inactive)]);
}

#[test]
fn the_first_payload_type_that_can_be_recorded_is_chosen() {
    let chosen = |from: &str, to: &str| {
        let run = lives_with_sdp(&[], &SDP.replace(from, to));
        let of = |at: usize| run.playing()[at].format.clone();
        [0, 1].map(|at| (of(at).payload_type, of(at).encoding, of(at).clock_rate_hz))
    };
    let usual = chosen("", "");
    assert_eq!(usual[0], (96, "h264".to_owned(), 90_000));
    assert_eq!(
        chosen("RTP/AVP 96\r\n", "RTP/AVP 98 96\r\na=rtpmap:98 vnd.example/90000\r\n"),
        usual
    );
    assert_eq!(chosen("RTP/AVP 97\r\n", "RTP/AVP 3 97 0\r\n"), usual);
    // Types that need no rtpmap.
    assert_eq!(chosen("RTP/AVP 97\r\n", "RTP/AVP 0 97\r\n")[1], (0, "pcmu".to_owned(), 8000));
    assert_eq!(chosen("RTP/AVP 97\r\n", "RTP/AVP 8\r\n")[1], (8, "pcma".to_owned(), 8000));
}

#[test]
fn lines_of_a_description_that_cannot_be_read_are_passed_over() {
    lives_with_sdp(&[D::SdpLine], &SDP.replace("t=0 0", "garbage\r\nxyz=1\r\na=rtpmap"));
    lives_with_sdp(&[], &SDP.replace("\r\n", "\n"));
    lives_with_sdp(&[], &SDP.replace("\r\n", "\r\n\r\n"));
    lives_with_sdp(&[], &SDP.replace("o=- 1 1 IN IP4 127.0.0.1\r\n", ""));
    lives_with_sdp(&[D::SdpLine], &format!("\u{feff}{SDP}").replace("v=0", "s=é\u{1F600}"));
    lives_with_sdp(&[D::SdpLine], &SDP.replace("a=rtpmap:96", "a=rtpmap:x y\r\na=rtpmap:96"));
    let many = format!("{SDP}{}", "m=text 0 RTP/AVP 99\r\n".repeat(100));
    lives_with_sdp(&[D::SdpLine], &many);
}

#[test]
fn metadata_is_set_up_only_where_it_is_wanted() {
    let sdp = format!(
        "{SDP}m=application 0 RTP/AVP 107\r\na=rtpmap:107 vnd.onvif.metadata/90000\r\na=control:trackID=2\r\n"
    );
    let mut camera =
        |request: &Request| request.is("DESCRIBE").then(|| request.describe(&sdp).into());
    let run = run_with(settings(TransportChoice::Tcp), &mut camera);
    assert_eq!(run.playing()[2].format.encoding, "vnd.onvif.metadata");
    let wanted = Wanted::Record { sound: true, metadata: false };
    let run =
        run_with(RtspSessionSettings { wanted, ..settings(TransportChoice::Tcp) }, &mut camera);
    assert_eq!(run.left_out(), [(2, LeftOut::NotWanted)]);
    assert_eq!(run.playing().len(), 2);
}
