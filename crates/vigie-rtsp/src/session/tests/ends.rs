//! What is not lived with: the end names the cause.

use super::*;

#[track_caller]
fn ends_with(end: End, camera: impl FnMut(&Request) -> Option<Reply>) -> Run {
    let run = dialogue(camera);
    assert_eq!(run.end.as_ref(), Some(&end), "{run:#?}");
    run
}

#[track_caller]
fn ends_by_sdp(end: End, sdp: &str) {
    ends_with(end, |request| request.is("DESCRIBE").then(|| request.describe(sdp).into()));
}

const VIDEO: MediumName = MediumName { index: 0, kind: crate::MediaKind::Video };

#[test]
fn refusals_name_the_request_the_medium_and_the_status() {
    for (method, request, medium) in [
        ("DESCRIBE", Method::Describe, None),
        ("SETUP", Method::Setup, Some(VIDEO)),
        ("PLAY", Method::Play, Some(VIDEO)),
    ] {
        for status in [404, 400, 453, 454, 500, 503] {
            // 453 and 503 are not about how PLAY was sent.
            let medium = medium.filter(|_| method != "PLAY" || !matches!(status, 453 | 503));
            ends_with(End::Refused { request, medium, status }, |request| {
                request.is(method).then(|| request.reply(&format!("{status} No"), "").into())
            });
        }
        let medium = medium.filter(|_| method != "PLAY");
        ends_with(End::Forbidden { request, medium }, |request| {
            request.is(method).then(|| request.reply("403 Forbidden", "").into())
        });
        ends_with(End::NoAnswer { request, medium }, |request| {
            request.is(method).then_some(Reply::Silence)
        });
        ends_with(End::ClosedByCamera { request, medium }, |request| {
            request.is(method).then_some(Reply::Close)
        });
        ends_with(End::UnreadableAnswer { request, medium }, |request| {
            request.is(method).then(|| request.reply("yes", "").into())
        });
        ends_with(End::UnreadableAnswer { request, medium }, |request| {
            let text = request.reply("100 Continue", "").repeat(20);
            request.is(method).then(|| text.into())
        });
    }
}

#[test]
fn texts_name_what_is_wrong() {
    let (request, medium) = (Method::Setup, Some(VIDEO));
    let text = |end: End| end.to_string();
    assert_eq!(
        text(End::Refused { request, medium, status: 454 }),
        "the camera refuses SETUP of the video with RTSP status 454"
    );
    assert_eq!(
        text(End::Forbidden { request: Method::Describe, medium: None }),
        "the camera forbids DESCRIBE with RTSP status 403"
    );
    assert_eq!(
        text(End::TooMuch(TooLong::Sdp)),
        "the camera sends a session description (SDP) that is too long"
    );
    assert_eq!(
        text(End::NotRtsp { host: "cam".to_owned() }),
        "what answers at cam does not speak RTSP"
    );
    let why = LeftOut::Refused { request, status: 500 };
    assert_eq!(why.to_string(), "the camera refuses SETUP with RTSP status 500");
}

#[test]
fn a_password_is_blamed_only_when_it_was_judged() {
    let check = |settings: RtspSessionSettings, header: &'static str, end: End, sent: usize| {
        let run = run_with(settings, &mut |request| {
            (!request.is("OPTIONS")).then(|| request.reply("401 Unauthorized", header).into())
        });
        assert_eq!(run.end, Some(end), "{run:#?}");
        let with = run.heads.iter().filter(|head| head.contains("Authorization")).count();
        assert_eq!(with, sent, "{run:#?}");
        assert_eq!(run.connections, 1);
    };
    let digest = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"";
    check(with_login(), digest, End::WrongPassword, 1);
    check(with_login(), "WWW-Authenticate: Basic realm=\"r\"", End::WrongPassword, 1);
    let host = "camera".to_owned();
    check(settings(TransportChoice::Tcp), digest, End::LoginWanted { host }, 0);
    let unsupported = |scheme: &str| End::AuthenticationUnsupported { scheme: scheme.to_owned() };
    check(with_login(), "WWW-Authenticate: NTLM", unsupported("NTLM"), 0);
    check(with_login(), "X: y", unsupported(""), 0);
    let header = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-3";
    check(with_login(), header, unsupported("Digest-SHA-3"), 0);
    // Always stale: the password is never judged.
    let header = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", stale=true";
    let refused = End::Refused { request: Method::Describe, medium: None, status: 401 };
    check(with_login(), header, refused, 2);
}

#[test]
fn a_password_changed_while_it_is_used_is_noticed_at_the_second_refusal() {
    let mut serial = 0;
    let run = run_with(with_login(), &mut |request| {
        serial += 1;
        let has_login = request.header("Authorization").is_some();
        let header = format!("WWW-Authenticate: Digest realm=\"r\", nonce=\"n{serial}\"");
        (!has_login || request.is("SETUP"))
            .then(|| request.reply("401 Unauthorized", &header).into())
    });
    assert_eq!(run.end, Some(End::WrongPassword));
    assert_eq!(run.methods().iter().filter(|method| **method == "SETUP").count(), 2);
}

#[test]
fn what_does_not_speak_rtsp_is_said_to() {
    let host = || "camera".to_owned();
    let not_rtsp = || End::NotRtsp { host: host() };
    let http = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    ends_with(not_rtsp(), |_| Some(Reply::CloseBehind(http.into())));
    // A web server that repeats the request in a page and hangs up: it has the beginning of an answer in it.
    let page = "<html><p>Message: Bad request version ('RTSP/1.0').</p>\n</html>\n";
    ends_with(not_rtsp(), |_| Some(Reply::CloseBehind(page.into())));
    let banner = b"SSH-2.0-OpenSSH_9.2\r\n";
    let run = ends_with(not_rtsp(), |_| Some(Reply::Bytes(banner.to_vec())));
    assert!(run.waited < Duration::from_secs(5), "{run:#?}");
    ends_with(not_rtsp(), |_| Some(Reply::Bytes(vec![b'x'; 5000])));
    // An alert of TLS: what answers is what is asked for, in another way.
    let alert = vec![0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x46];
    ends_with(End::SpeaksTls { host: host() }, |_| Some(Reply::CloseBehind(alert.clone())));
    // Silence says nothing about it.
    let (request, medium) = (Method::Describe, None);
    ends_with(End::NoAnswer { request, medium }, |_| Some(Reply::Silence));
    let request = Method::Options;
    ends_with(End::ClosedByCamera { request, medium }, |_| Some(Reply::Close));
}

#[test]
fn descriptions_without_video_to_record_name_what_they_have() {
    let unsupported = |codec: &str| End::UnsupportedCodec { codec: codec.to_owned() };
    ends_by_sdp(unsupported("VP8"), &SDP.replace("H264", "VP8"));
    ends_by_sdp(unsupported("JPEG"), "v=0\r\nm=video 0 RTP/AVP 26\r\n");
    ends_by_sdp(unsupported("PAYLOAD-TYPE-96"), "v=0\r\nm=video 0 RTP/AVP 96\r\n");
    ends_by_sdp(unsupported("JPEG"), "v=0\r\nm=image 0 RTP/AVP 26\r\n");
    ends_by_sdp(unsupported("IMAGE"), "v=0\r\nm=image 0 TCP xyz\r\n");
    ends_by_sdp(unsupported("SRTP"), &SDP.replace("RTP/AVP", "RTP/SAVP"));
    ends_by_sdp(unsupported("X"), &SDP.replace("H264", "x\"<script>"));
    ends_by_sdp(End::NoVideo, "v=0\r\nm=audio 0 RTP/AVP 0\r\n");
    let sounds = "m=audio 0 RTP/AVP 0\r\n".repeat(16);
    ends_by_sdp(End::NoVideo, &format!("v=0\r\n{sounds}"));
    let cut = End::NoVideoAmongFirst { looked_at: 16 };
    ends_by_sdp(cut, &format!("v=0\r\n{sounds}m=video 0 RTP/AVP 96\r\n"));
    let off = SDP.replace("a=control:trackID=0", "a=inactive\r\na=control:trackID=0");
    ends_by_sdp(End::NoVideo, &off);
    ends_by_sdp(End::UnreadableDescription, "v=0\r\n");
    ends_by_sdp(End::UnreadableDescription, "<html>");
    let long = SDP.replace("trackID=0", &"x".repeat(3000));
    ends_by_sdp(End::UnusableControl { medium: VIDEO }, &long);
}

#[test]
fn what_is_too_long_is_named() {
    let with_length = |request: &Request, length: &str| {
        request.reply("200 OK", &format!("Content-Length: {length}"))
    };
    for length in ["65537", "99999999999999999999999999"] {
        ends_with(End::TooMuch(TooLong::Sdp), |request| {
            request.is("DESCRIBE").then(|| with_length(request, length).into())
        });
    }
    ends_with(End::TooMuch(TooLong::Body), |request| {
        request.is("SETUP").then(|| with_length(request, "4000000000").into())
    });
    ends_with(End::TooMuch(TooLong::Sdp), |request| {
        let endless = request.reply("200 OK", "") + &"a=x\r\n".repeat(20_000);
        request.is("DESCRIBE").then(|| endless.into())
    });
    ends_with(End::TooMuch(TooLong::Junk), |request| {
        request.is("PLAY").then(|| [request.standard(), vec![b'x'; 300_000]].concat().into())
    });
    // A head without end is junk, and what follows is still read.
    let run = dialogue(|request| {
        let endless = format!("RTSP/1.0 200 OK\r\n{}", "X: y\r\n".repeat(5000));
        request.is("OPTIONS").then(|| format!("{endless}{}", request.reply("200 OK", "")).into())
    });
    assert_eq!(run.packet_counts(), (2, 1), "{run:#?}");
}

#[test]
fn redirections_without_end_or_address_end() {
    let mut port = 1000;
    let run = ends_with(End::TooManyRedirects, |request| {
        port += 1;
        let location = format!("Location: rtsp://camera:{port}/live");
        request.is("DESCRIBE").then(|| request.reply("302 Found", &location).into())
    });
    assert_eq!(run.connections, 4);
    for location in ["", "Location:  ", "Location: http://camera/", "Location: rtsp://"] {
        let (request, status) = (Method::Describe, 301);
        // An empty address is that of the request itself: round and round.
        let end = match location {
            "Location:  " => End::TooManyRedirects,
            _ => End::UnreadableRedirect { request, status },
        };
        ends_with(end, |request| {
            request.is("DESCRIBE").then(|| request.reply("301 Moved", location).into())
        });
    }
}

#[test]
fn the_camera_may_end_a_session_that_plays() {
    ends_with(End::EndedByCamera, |request| {
        request.is("PLAY").then(|| Reply::CloseBehind(request.standard()))
    });
    ends_with(End::EndedByCamera, |request| request.is("GET_PARAMETER").then_some(Reply::Close));
}

#[test]
fn sessions_that_fail_are_torn_down() {
    let run = dialogue(|request| request.is("PLAY").then(|| request.reply("453 No", "").into()));
    assert_eq!(run.methods().last(), Some(&"TEARDOWN"));
    // Where nothing was set up there is nothing to tear down.
    let run = dialogue(|request| request.is("SETUP").then(|| request.reply("453 No", "").into()));
    assert_eq!(run.methods().last(), Some(&"SETUP"));
}

#[test]
fn a_camera_can_be_described_alone() {
    let settings =
        RtspSessionSettings { wanted: Wanted::Describe, ..settings(TransportChoice::Tcp) };
    let run = run_with(settings, &mut |_| None);
    assert_eq!(run.end, Some(End::Described));
    assert_eq!(run.methods(), ["OPTIONS", "DESCRIBE"]);
    assert!(
        run.outputs
            .iter()
            .any(|output| matches!(output, Output::Described { media } if media.len() == 2))
    );
}

#[test]
fn nothing_happens_behind_the_end() {
    let mut session = RtspSession::new(settings(TransportChoice::Tcp), Duration::ZERO);
    session.close();
    let mut outputs = std::iter::from_fn(|| session.poll());
    assert!(matches!(outputs.next(), Some(Output::Act(Action::Connect { .. }))));
    assert_eq!(outputs.next(), Some(Output::Ended(End::Closed)));
    assert_eq!(outputs.next(), None);
    let now = Duration::from_secs(9);
    session.connected(PEER.parse().unwrap(), now);
    session.received(Bytes::from_static(b"$\0\0\0"), now);
    session.datagram(0, PacketKind::Rtp, PEER.parse().unwrap(), Bytes::new(), now);
    session.udp_opened(0, 1, 2, now);
    session.udp_failed(0, now);
    session.disconnected(now);
    session.timeout(now);
    session.close();
    assert_eq!(session.poll(), None);
    assert_eq!(session.next_deadline(), None);
}

#[test]
fn secrets_do_not_print() {
    let mut settings = with_login();
    settings.uri = Url::parse("rtsp://viewer:secret@camera/live?token=secret").unwrap();
    let mut session = RtspSession::new(settings.clone(), Duration::ZERO);
    session.connected(PEER.parse().unwrap(), Duration::ZERO);
    let mut printed = format!("{settings:?}{session:?}");
    while let Some(output) = session.poll() {
        if let Output::Act(Action::Send(bytes)) = &output {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            assert!(
                text.starts_with("OPTIONS rtsp://camera/live?token=secret RTSP/1.0\r\n"),
                "{text}"
            );
        }
        printed += &format!("{output:?}");
    }
    assert!(!printed.contains("secret"), "{printed}");
}
