//! OPTIONS, PLAY, packets among answers and keep-alives, lived with.

use super::*;

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
