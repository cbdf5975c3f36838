//! A working dialogue with each part of it dropped, doubled, changed, cut: the session goes on or ends with a cause, and
//! keeps no more than its bounds.

use proptest::prelude::*;

use super::*;

/// Runs the standard dialogue with the bytes of the answers changed by `change`, which is given the number of the answer.
fn run_changed(change: &mut dyn FnMut(usize, Vec<u8>) -> Vec<u8>, piece: usize) -> Run {
    let mut nth = 0;
    let mut camera = |request: &Request| {
        nth += 1;
        Reply::Bytes(change(nth - 1, request.standard()))
    };
    let settings = with_login();
    Dialogue { settings, piece, keep_alives: 1, camera: &mut camera }.run()
}

/// Of the standard dialogue: OPTIONS to the first keep-alive.
const ANSWERS: usize = 6;

fn answer_bytes(wanted: usize) -> Vec<u8> {
    let mut found = Vec::new();
    run_changed(
        &mut |nth, bytes| {
            if nth == wanted {
                found.clone_from(&bytes);
            }
            bytes
        },
        usize::MAX,
    );
    found
}

#[test]
fn how_the_bytes_are_cut_into_reads_changes_nothing() {
    let odd: Vec<Vec<u8>> = (0..ANSWERS)
        .map(|nth| {
            let answer = answer_bytes(nth);
            [
                b"\r\n junk $R RT\0".to_vec(),
                frame(9, b"x"),
                answer.clone(),
                b"OPTIONS * RTSP/1.0\r\n\r\n".to_vec(),
                answer,
            ]
            .concat()
        })
        .collect();
    let mut odd_change = |nth: usize, bytes: Vec<u8>| odd.get(nth).cloned().unwrap_or(bytes);
    let mut same = |_: usize, bytes: Vec<u8>| bytes;
    let mut without_length = |_: usize, bytes: Vec<u8>| {
        let text = b"Content-Length";
        match bytes.windows(text.len()).position(|window| window == text) {
            Some(at) => [&bytes[..at], b"X-", &bytes[at..]].concat(),
            None => bytes,
        }
    };
    for change in [
        &mut same as &mut dyn FnMut(usize, Vec<u8>) -> Vec<u8>,
        &mut odd_change,
        &mut without_length,
    ] {
        let whole = run_changed(change, usize::MAX);
        assert!(whole.is_playing(), "{whole:#?}");
        for piece in (1..40).chain([64, 100, 333, 1000]) {
            assert_eq!(run_changed(change, piece), whole, "in pieces of {piece}");
        }
    }
}

/// What becomes of a line.
type Variant<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;

/// Lines of a head and of a description, each of which can be changed by itself.
#[test]
fn each_line_dropped_doubled_emptied_or_garbled() {
    let mut played = 0;
    let mut runs = 0;
    for wanted in 0..ANSWERS {
        let answer = answer_bytes(wanted);
        let lines: Vec<_> =
            answer.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        for line in 0..lines.len() {
            let variants: [Variant<'_>; 8] = [
                &|_| Vec::new(),
                &|line| [line, line].concat(),
                &|_| b"\r\n".to_vec(),
                &|line| line.iter().map(|byte| byte ^ 0x20).collect(),
                &|line| line[..line.len() / 2].to_vec(),
                &|line| [&line[..line.len() / 2], b"\r\n"].concat(),
                &|line| {
                    line.iter()
                        .map(|byte| if byte.is_ascii_digit() { b'9' } else { *byte })
                        .collect()
                },
                &|line| [b"X".repeat(70_000), line.to_vec()].concat(),
            ];
            for variant in variants {
                let mut changed = lines.clone();
                changed[line] = variant(&lines[line]);
                let changed = changed.concat();
                let run = run_changed(
                    &mut |nth, bytes| if nth == wanted { changed.clone() } else { bytes },
                    usize::MAX,
                );
                runs += 1;
                played += usize::from(run.is_playing());
            }
        }
    }
    // Every one ended with a cause, or the harness would have said so. Most go on.
    assert!(played * 10 > runs * 6, "{played} of {runs} play");
}

#[test]
fn each_answer_cut_at_each_byte() {
    for wanted in 0..ANSWERS {
        let answer = answer_bytes(wanted);
        for end in 0..answer.len() {
            run_changed(
                &mut |nth, bytes| if nth == wanted { bytes[..end].to_vec() } else { bytes },
                usize::MAX,
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn bytes_changed_dropped_and_doubled_end_in_no_panic(
        wanted in 0..ANSWERS,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..8),
        piece in 1..200_usize,
    ) {
        run_changed(&mut |nth, mut bytes| {
            if nth == wanted {
                for (at, value, kind) in &changes {
                    if bytes.is_empty() {
                        break;
                    }
                    let at = at.index(bytes.len());
                    match kind {
                        0 => bytes[at] = *value,
                        1 => drop(bytes.remove(at)),
                        2 => bytes.insert(at, *value),
                        _ => bytes.truncate(at),
                    }
                }
            }
            bytes
        }, piece);
    }

    #[test]
    fn any_bytes_at_any_time_end_in_no_panic_and_bounded_memory(
        chunks in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..300),
                prop::sample::select(vec![
                    "RTSP/1.0 200 OK\r\n", "RTSP/1.0 401 No\r\n", "CSeq: 1\r\n", "CSeq: 2\r\n", "\r\n", "$\0",
                    "RTSP/1.0 302 x\r\nLocation: /x\r\n\r\n", "Content-Length: 70\r\n", "Session: 1\r\n",
                    "WWW-Authenticate: Digest nonce=\"1\"\r\n", "m=video 0 RTP/AVP 96\r\n", "a=rtpmap:96 H264\r\n",
                    "RTSP/1.0 200 OK\r\n\r\n", "RTSP/1.0 461 x\r\n\r\n", "REDIRECT * RTSP/1.0\r\n\r\n",
                    "OPTIONS * RTSP/1.0\r\n\r\n", "Transport: RTP/AVP;server_port=1-2\r\n", "v=0\r\n",
                ]).prop_map(|text| text.as_bytes().to_vec()),
            ],
            1..60,
        ),
        events in prop::collection::vec(0..12_u8, 1..60),
    ) {
        let mut now = Duration::ZERO;
        let mut session = RtspSession::new(with_login(), now);
        for (chunk, event) in chunks.iter().zip(events.iter().cycle()) {
            now += Duration::from_millis(7);
            match event {
                0 => session.connected(PEER.parse().unwrap(), now),
                1 => session.udp_opened(0, 7000, 7001, now),
                2 => session.udp_failed(0, now),
                3 => session.disconnected(now),
                4 => session.datagram(0, PacketKind::Rtp, PEER.parse().unwrap(), chunk.clone().into(), now),
                5 => if let Some(deadline) = session.next_deadline() {
                    now = now.max(deadline);
                    session.timeout(now);
                },
                _ => session.received(chunk.clone().into(), now),
            }
            let mut outputs = 0;
            while let Some(output) = session.poll() {
                if matches!(output, Output::Act(Action::Connect { .. })) {
                    session.connected(PEER.parse().unwrap(), now);
                }
                outputs += 1;
                prop_assert!(outputs < 2000);
            }
            prop_assert!(session.kept_bytes() < 400 * 1024, "{}", session.kept_bytes());
        }
    }
}
