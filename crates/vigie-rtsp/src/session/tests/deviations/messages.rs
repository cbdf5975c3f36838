//! Heads, answers and the camera's own requests, lived with as they are written and when they come.

use super::*;

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
