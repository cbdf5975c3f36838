//! What is lived with: the session plays, and the deviation is counted.

use super::*;
use crate::Deviation as D;

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
    let mut session = Session::new(settings(TransportChoice::Tcp), Duration::ZERO);
    session.connected(PEER.parse().unwrap(), Duration::ZERO);
    let mut nth = 0;
    loop {
        match session.poll() {
            Some(Output::Send(bytes)) => {
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

#[test]
fn heads_may_be_written_in_many_ways() {
    for method in ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER"] {
        lives_with_changed(&[D::LineEnds], method, |text| {
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            format!("{}\n\n{body}", head.replace("\r\n", "\n"))
        });
        lives_with_changed(&[], method, |text| {
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let (status, headers) = head.split_once("\r\n").unwrap();
            let headers: Vec<_> = headers
                .lines()
                .map(|line| line.split_once(": ").unwrap())
                .map(|(name, value)| format!("{} :{value}  ", name.to_lowercase()))
                .collect();
            format!("{status}\r\n{}\r\n\r\n{body}", headers.join("\r\n"))
        });
        lives_with_changed(&[D::Cseq], method, |text| text.replace("CSeq: ", "X-CSeq: "));
        lives_with_changed(&[D::Cseq], method, |text| text.replace("CSeq: ", "CSeq: x"));
        lives_with_changed(&[D::Cseq], method, |text| text.replace("CSeq: ", "CSeq: 99"));
        lives_with_changed(&[D::ReasonPhrase], method, |text| text.replace(" OK\r\n", "\r\n"));
        lives_with_changed(&[D::RtspVersion], method, |text| text.replace("RTSP/1.0", "RTSP/2.0"));
        lives_with_changed(&[D::RtspVersion], method, |text| text.replace("RTSP/1.0", "rtsp/?"));
        lives_with_changed(&[D::HeaderLine], method, |text| {
            text.replacen("\r\n", "\r\nnonsense\r\n", 1)
        });
        lives_with_changed(&[D::FoldedHeader], method, |text| text.replace("CSeq: ", "CSeq:\r\n "));
        lives_with_changed(&[], method, |text| format!("\r\n\0 \r\n{text}"));
        lives_with_changed(&[D::Junk], method, |text| format!("junk\r\n$junk R{text}"));
        lives_with_changed(&[D::Cseq], method, |text| {
            format!("RTSP/1.0 100 Continue\r\nCSeq: 99\r\n\r\n{text}")
        });
    }
}

#[test]
fn a_camera_whose_cseq_never_changes_is_understood() {
    for cseq in ["0", "1", "2", "7", ""] {
        let run = dialogue(|request| {
            let request = Request { cseq: cseq.to_owned(), ..request.clone() };
            Some(request.standard().into())
        });
        assert_eq!(run.packet_counts(), (2, 1), "{cseq}: {run:#?}");
        assert!(run.seen().iter().all(|kind| matches!(kind, D::Cseq)), "{cseq} {run:#?}");
    }
}

#[test]
fn an_answer_with_the_cseq_of_another_request_is_taken_when_no_better_one_comes() {
    let seen = [D::Cseq, D::UnexpectedAnswer, D::EarlyPackets];
    for (method, seen) in [("SETUP", &seen[..2]), ("PLAY", &seen[..])] {
        lives_with(seen, |request| {
            (request.is(method) && request.nth == 0).then(|| {
                let request = Request { cseq: "2".to_owned(), ..request.clone() };
                let standard = request.standard();
                // The media waits with it.
                let head = standard.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
                let media = if request.is("PLAY") { media() } else { Vec::new() };
                [media, standard[..head].to_vec()].concat().into()
            })
        });
    }
}

#[test]
fn answers_that_come_twice_answer_once() {
    let run = lives_with(&[D::UnexpectedAnswer], |request| {
        let standard = request.standard();
        Some(match request.is("PLAY") {
            true => standard.into(),
            false => [standard.clone(), standard].concat().into(),
        })
    });
    assert_eq!(run.methods().len(), 8);
}

#[test]
fn a_missing_empty_line_costs_nothing_where_a_frame_or_an_answer_follows() {
    lives_with(&[D::HeaderLine], |request| {
        request.is("PLAY").then(|| {
            let standard = request.standard();
            let head = standard.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
            [&standard[..head + 2], &standard[head + 4..]].concat().into()
        })
    });
}

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
    let settings = SessionSettings {
        wanted: Wanted::Record { sound: false, metadata: false },
        ..settings(TransportChoice::Tcp)
    };
    let run = run_with(settings, &mut |_| None);
    assert_eq!(run.left_out(), [(1, LeftOut::NotWanted)]);
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
    let run = run_with(SessionSettings { wanted, ..settings(TransportChoice::Tcp) }, &mut camera);
    assert_eq!(run.left_out(), [(2, LeftOut::NotWanted)]);
    assert_eq!(run.playing().len(), 2);
}

#[test]
fn options_are_not_needed() {
    for status in ["404 Not Found", "405 No", "501 No", "551 No", "401 No", "302 Moved"] {
        lives_with(&[D::OptionsRefused], |request| {
            (request.is("OPTIONS") && request.nth == 0).then(|| request.reply(status, "").into())
        });
    }
    let run = lives_with(&[D::OptionsRefused], |request| {
        (request.is("OPTIONS") && request.nth == 0).then_some(Reply::Silence)
    });
    // Without a Public header, OPTIONS keeps alive.
    assert_eq!(run.methods()[5], "OPTIONS");
}

#[test]
fn play_is_sent_in_another_way_where_it_is_refused() {
    let run = lives_with(&[D::PlayRange], |request| {
        (request.is("PLAY") && request.header("Range").is_some())
            .then(|| request.reply("457 Invalid Range", "").into())
    });
    assert_eq!(run.methods().iter().filter(|method| **method == "PLAY").count(), 2);
    for status in ["404 Not Found", "405 No", "454 No", "459 Aggregate", "460 Only", "500 No"] {
        let run = lives_with(&[D::AggregatePlay], |request| {
            (request.is("PLAY") && !request.uri.contains("trackID"))
                .then(|| request.reply(status, "").into())
                .or_else(|| {
                    request.uri.ends_with("trackID=0").then(|| match request.is("PLAY") {
                        true => request
                            .reply("200 OK", "RTP-Info: url=rtsp://camera/live/trackID=0;seq=5")
                            .into(),
                        false => request.standard().into(),
                    })
                })
        });
        assert_eq!(run.playing()[0].rtp_info.sequence, Some(5));
    }
    // The sound alone refuses.
    let run = dialogue(|request| match (request.is("PLAY"), request.uri.ends_with("trackID=0")) {
        (true, true) => None,
        (true, false) => Some(request.reply("459 No", "").into()),
        _ => None,
    });
    assert_eq!(run.left_out(), [(1, LeftOut::Refused { request: Method::Play, status: 459 })]);
    assert_eq!(run.packet_counts(), (2, 0));
}

#[test]
fn packets_before_the_answer_to_play_are_kept_in_order() {
    let run = lives_with(&[D::EarlyPackets], |request| {
        request.is("PLAY").then(|| {
            let answer = request.reply("200 OK", "");
            [media(), answer.into_bytes()].concat().into()
        })
    });
    assert_eq!(run.packets[3].2.as_ref(), rtp(2));
    // Media that comes without any answer is media.
    let run = lives_with(&[D::PlayUnanswered, D::EarlyPackets], |request| {
        request.is("PLAY").then(|| media().into())
    });
    assert_eq!(run.packets[3].2.as_ref(), rtp(2));
    let silent = dialogue(|request| request.is("PLAY").then_some(Reply::Silence));
    assert_eq!(silent.end, Some(End::NoAnswer { request: Method::Play, medium: None }));
}

#[test]
fn more_packets_before_the_answer_than_are_kept_begin_the_session_and_none_is_lost() {
    let count = 3000;
    let flood: Vec<u8> = (0..count).flat_map(|n: u32| frame(0, &rtp(n.to_le_bytes()[0]))).collect();
    let run = dialogue(|request| {
        request.is("PLAY").then(|| {
            let answer = request.reply("200 OK", "").into_bytes();
            [flood.clone(), answer].concat().into()
        })
    });
    assert_eq!(run.packets.len(), 3000);
    assert_eq!(run.seen(), [D::PlayUnanswered, D::EarlyPackets]);
    let in_order = (0..count).all(|n| run.packets[n as usize].2[3] == n.to_le_bytes()[0]);
    assert!(in_order);
    // Before PLAY was sent the newest are kept.
    let run = dialogue(|request| {
        request.is_sound().then(|| [flood.clone(), request.standard()].concat().into())
    });
    assert_eq!(run.seen(), [D::EarlyPackets, D::EarlyPacketsDropped]);
    assert_eq!(run.packets[511].2[3], 2999_u32.to_le_bytes()[0]);
}

#[test]
fn frames_of_no_medium_and_empty_ones_are_dropped_and_counted() {
    let run = lives_with(&[D::BadRtpPacket, D::BadRtcpPacket, D::UnassignedChannel], |request| {
        request.is("PLAY").then(|| {
            let odd = [frame(200, b"whatever"), frame(0, b""), frame(1, b""), frame(0, b"short")];
            [request.standard(), odd.concat()].concat().into()
        })
    });
    assert_eq!(run.deviations[&D::BadRtpPacket], 2);
}

#[test]
fn bytes_lost_in_the_stream_cost_no_session() {
    // The header of a frame is cut; the next whole one is found.
    let run = dialogue(|request| {
        request.is("PLAY").then(|| {
            let cut = &frame(0, &rtp(9))[7..];
            let answer = request.standard();
            [&answer[..], cut, &media()[..]].concat().into()
        })
    });
    assert_eq!(run.end, Some(End::Closed));
    assert_eq!(run.packet_counts().1, 2, "{run:#?}");
    assert!(run.packet_counts().0 >= 3, "{run:#?}");
    assert!(run.seen().contains(&D::Junk));
}

#[test]
fn keep_alives_change_until_the_camera_takes_one_and_never_end_a_session() {
    for status in
        ["400 No", "404 No", "405 No", "454 Session Not Found", "455 No", "501 No", "551 No"]
    {
        let run = lives_with(&[D::KeepAliveRefused], |request| {
            request.is("GET_PARAMETER").then(|| request.reply(status, "").into())
        });
        assert_eq!(run.methods()[5..], ["GET_PARAMETER", "OPTIONS", "TEARDOWN"], "{status}");
    }
    let run = lives_with(&[D::KeepAliveUnanswered], |request| {
        request.is("GET_PARAMETER").then_some(Reply::Silence)
    });
    assert!(run.is_playing());
    let mut camera = |request: &Request| match request.method.as_str() {
        "GET_PARAMETER" => request.reply("501 No", "").into(),
        "OPTIONS" if request.nth > 0 => request.reply("501 No", "").into(),
        _ => Reply::Bytes(request.standard()),
    };
    let settings = settings(TransportChoice::Tcp);
    let run = Dialogue { settings, piece: usize::MAX, keep_alives: 5, camera: &mut camera }.run();
    assert_eq!(run.methods()[5..], ["GET_PARAMETER", "OPTIONS", "TEARDOWN"]);
    // What is left is reports, on both media's channels.
    let reports = run.heads.iter().filter(|head| head.starts_with("b\"$")).count();
    assert_eq!(reports, 6, "{:#?}", run.heads);
}

/// Digest with the right password, as the camera judges it.
fn is_granted(request: &Request, nonce: &str) -> bool {
    request.header("Authorization").is_some_and(|value| {
        value.starts_with("Digest username=\"viewer\"")
            && value.contains(&format!("nonce=\"{nonce}\""))
    })
}

fn challenge(request: &Request, nonce: &str, more: &str) -> Reply {
    let header =
        format!("WWW-Authenticate: Digest realm=\"cam\", nonce=\"{nonce}\", qop=\"auth\"{more}");
    request.reply("401 Unauthorized", &header).into()
}

#[test]
fn a_challenge_at_any_request_is_answered_within_the_session() {
    for method in ["OPTIONS", "DESCRIBE", "SETUP", "PLAY", "GET_PARAMETER"] {
        let run = run_with(with_login(), &mut |request| {
            (request.is(method) && !is_granted(request, "n1")).then(|| challenge(request, "n1", ""))
        });
        assert_eq!(run.packet_counts(), (2, 1), "{method}: {run:#?}");
        assert_eq!(run.end, Some(End::Closed));
        assert_eq!(run.seen(), []);
        assert_eq!(run.requests.len(), 9, "{method}: {:#?}", run.requests);
        // Kept for what follows.
        assert!(run.heads[8].contains("Authorization: Digest"), "{}", run.heads[8]);
    }
}

#[test]
fn a_new_nonce_is_answered_once_and_again() {
    // Each nonce is good for one request.
    let mut serial = 0;
    let run = run_with(with_login(), &mut |request| {
        let granted = is_granted(request, &format!("n{serial}"));
        serial += 1;
        (!granted).then(|| challenge(request, &format!("n{serial}"), "")).inspect(|_| ()).or(None)
    });
    assert_eq!(run.packet_counts(), (2, 1), "{run:#?}");
    // The same, told as stale.
    let mut old = true;
    let run = run_with(with_login(), &mut |request| {
        if is_granted(request, "n2") {
            return None;
        }
        old = !old;
        match is_granted(request, "n1") {
            true => Some(challenge(request, "n2", ", stale=TRUE")),
            false => Some(challenge(request, "n1", "")),
        }
    });
    assert_eq!(run.packet_counts(), (2, 1), "{run:#?}");
    // A keep-alive whose nonce is outworn.
    let run = run_with(with_login(), &mut |request| {
        let nonce = if request.is("GET_PARAMETER") { "n2" } else { "n1" };
        (!is_granted(request, nonce)).then(|| challenge(request, nonce, ""))
    });
    assert_eq!(run.packet_counts(), (2, 1), "{run:#?}");
    assert_eq!(run.end, Some(End::Closed));
    assert_eq!(run.connections, 1);
    assert_eq!(run.seen(), []);
}

#[test]
fn a_keep_alive_that_is_refused_for_good_does_not_end_a_session() {
    let run = run_with(with_login(), &mut |request| {
        request.is("GET_PARAMETER").then(|| challenge(request, "n", ""))
    });
    assert_eq!(run.end, Some(End::Closed));
    assert_eq!(run.seen(), [D::KeepAliveRefused]);
    let sent = run.methods().iter().filter(|method| **method == "GET_PARAMETER").count();
    assert_eq!(sent, 2);
}

#[test]
fn a_connection_closed_behind_a_challenge_is_opened_again_once() {
    let mut closed = false;
    let run = run_with(with_login(), &mut |request| {
        if closed || request.is("OPTIONS") {
            return None;
        }
        closed = true;
        let Reply::Bytes(bytes) = challenge(request, "n", "") else { unreachable!() };
        Some(Reply::CloseBehind(bytes))
    });
    assert_eq!(run.packet_counts(), (2, 1), "{run:#?}");
    assert_eq!(run.connections, 2);
    assert_eq!(run.seen(), [D::ConnectionClosed]);
}

#[test]
fn a_nonce_of_another_connection_is_no_judgement_of_the_password() {
    let mut connections = 0;
    let run = run_with(with_login(), &mut |request| {
        if request.is("OPTIONS") {
            connections += 1;
            return None;
        }
        let nonce = format!("n{connections}");
        let Reply::Bytes(bytes) = challenge(request, &nonce, "") else { unreachable!() };
        match connections {
            1 => Some(Reply::CloseBehind(bytes)),
            _ => (!is_granted(request, &nonce)).then_some(Reply::Bytes(bytes)),
        }
    });
    assert_eq!(run.packet_counts(), (2, 1), "{run:#?}");
    assert_eq!(run.connections, 2);
}

#[test]
fn redirections_are_followed() {
    for status in ["301 Moved", "302 Found", "303 See Other", "305 Use Proxy", "307 Temporary"] {
        for method in ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"] {
            let run = dialogue(|request| {
                (request.is(method) && request.uri.contains("//camera/"))
                    .then(|| request.reply(status, "Location: rtsp://other:8554/live").into())
            });
            assert_eq!(run.packet_counts(), (2, 1), "{method} {status}: {run:#?}");
            assert_eq!(run.connections, 2);
            let connect =
                run.outputs.iter().rev().find(|output| matches!(output, Output::Connect { .. }));
            let expect = Output::Connect {
                host: "other".to_owned(),
                port: 8554,
                tls: false,
                reason: ConnectReason::Redirected,
            };
            assert_eq!(connect, Some(&expect));
        }
    }
}

#[test]
fn a_redirection_to_the_same_host_needs_no_other_connection() {
    let run = dialogue(|request| {
        (request.is("DESCRIBE") && request.uri.ends_with("/live"))
            .then(|| request.reply("302 Found", "Location: /main").into())
    });
    assert_eq!(run.connections, 1);
    assert_eq!(run.requests[2], "DESCRIBE rtsp://camera/main");
    assert_eq!(run.packet_counts(), (2, 1));
}

#[test]
fn the_login_stays_with_its_host() {
    let go = |location: &'static str| {
        run_with(with_login(), &mut |request| match request.is("DESCRIBE") {
            true if request.uri.contains("//camera/live") => {
                Some(request.reply("302 Found", &format!("Location: {location}")).into())
            }
            _ => (!is_granted(request, "n")).then(|| challenge(request, "n", "")),
        })
    };
    let other = go("rtsp://user:pw@other/live");
    assert_eq!(other.end, Some(End::LoginWanted { host: "other".to_owned() }));
    let leaked = |run: &Run| {
        run.heads.iter().any(|head| head.contains("//other") && head.contains("Authorization"))
    };
    assert!(!leaked(&other), "{:#?}", other.heads);
    assert!(!other.heads.iter().any(|head| head.contains("user:pw")));
    let same = go("rtsp://CAMERA:8554/live2");
    assert_eq!(same.packet_counts(), (2, 1), "{same:#?}");
}

#[test]
fn requests_of_the_camera_are_answered() {
    let asked = |text: &str| {
        let text = text.to_owned();
        let run = dialogue(move |request| {
            request
                .is("PLAY")
                .then(|| [request.standard(), text.clone().into_bytes()].concat().into())
        });
        let answer = run.heads.iter().find(|head| head.starts_with("RTSP/")).cloned();
        (answer.unwrap_or_default().lines().next().unwrap_or_default().to_owned(), run)
    };
    let check = |request: &str, status: &str, seen: &[Deviation]| {
        let (answer, run) = asked(&format!("{request} rtsp://x RTSP/1.0\r\nCSeq: 4\r\n\r\n"));
        assert_eq!(answer, format!("RTSP/1.0 {status}"), "{run:#?}");
        assert_eq!(
            (run.packet_counts(), run.end.as_ref(), run.seen()),
            ((2, 1), Some(&End::Closed), seen.to_vec())
        );
    };
    check("OPTIONS", "200 OK", &[]);
    check("GET_PARAMETER", "200 OK", &[]);
    check("SET_PARAMETER", "200 OK", &[]);
    check("ANNOUNCE", "200 OK", &[]);
    check("DESCRIBE", "501 Not Implemented", &[D::CameraRequest]);
    let (answer, run) =
        asked("SET_PARAMETER * RTSP/1.0\r\nCSeq: 9\r\nContent-Length: 3\r\n\r\na:b");
    assert_eq!(answer, "RTSP/1.0 451 Parameter Not Understood");
    assert!(run.heads.iter().any(|head| head.contains("451") && head.contains("CSeq: 9")));
    assert_eq!(asked("TEARDOWN * RTSP/1.0\r\n\r\n").1.end, Some(End::EndedByCamera));
    assert_eq!(asked("REDIRECT * RTSP/1.0\r\n\r\n").1.end, Some(End::SentAway));
    let (_, run) = asked(&"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(1000));
    assert_eq!(run.heads.iter().filter(|head| head.starts_with("RTSP/")).count(), 32);
    assert_eq!(run.seen(), [D::CameraRequest]);
}
