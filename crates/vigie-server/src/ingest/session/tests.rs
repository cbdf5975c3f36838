//! The session driven by hand: bytes, time and finished appends in, lines out.

use std::time::Duration;

use proptest::prelude::*;
use vigie_engine::chance::NoChance;
use vigie_media::matroska::writer;
use vigie_media::{Track, TrackKind, codec_id};

use super::*;

fn at(seconds: u64) -> Now {
    Now {
        wall: Timestamp::from_millis(1_795_000_000_000) + Duration::from_secs(seconds),
        mono: Duration::from_secs(seconds),
    }
}

fn session(rules: IngestRules) -> IngestSession {
    let settings = SessionSettings {
        timecode_base: TimecodeBase::Epoch,
        acknowledge: true,
        retains_media: true,
        rules,
    };
    IngestSession::new(settings, at(0))
}

fn track(number: u64, kind: TrackKind) -> Track {
    Track {
        number,
        kind,
        name: String::new(),
        codec_id: codec_id::H264.into(),
        codec_private: bytes::Bytes::new(),
        video: None,
        audio: None,
    }
}

fn header() -> Vec<u8> {
    writer::document_header(&[track(1, TrackKind::Video), track(2, TrackKind::Audio)])
}

fn block(track: u64, relative_ms: i16, key_frame: bool) -> Vec<u8> {
    let mut block = writer::simple_block_header(track, relative_ms, key_frame, 3).to_vec();
    block.extend([1, 2, 3]);
    block
}

fn fragment(timecode_ms: i64) -> Vec<u8> {
    let cluster = writer::cluster_start(Timestamp::from_millis(timecode_ms)).to_vec();
    [cluster, block(1, 0, true), block(2, 1, true), block(1, 40, false)].concat()
}

/// Takes all outputs; appends finish at once. Lines are short forms, appended bytes are kept.
fn drive(session: &mut IngestSession, now: Now, stored: &mut Vec<IngestedFragment>) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(output) = session.next_output(now, &mut NoChance) {
        match output {
            Output::Acknowledge(acknowledgement) => {
                let timecode = acknowledgement.fragment_timecode_ms.unwrap_or(-7);
                lines.push(match acknowledgement.event {
                    AcknowledgementEvent::Error(error) => format!("{} {timecode}", error.id()),
                    event => format!("{event:?} {timecode}"),
                });
            }
            Output::Append(fragment) => {
                let (number, timecode_ms) = (fragment.number, fragment.fragment.timecode_ms);
                stored.push(*fragment);
                session.append_finished(number, timecode_ms, Ok(()));
            }
            Output::NeedSequences => {
                let next = stored.len() as u64 + 1;
                session.give_sequences(next..next + 1);
            }
            Output::Close => lines.push("close".into()),
        }
    }
    lines
}

fn whole(rules: IngestRules, body: &[u8]) -> (Vec<String>, Vec<IngestedFragment>) {
    let mut session = session(rules);
    let mut stored = Vec::new();
    session.push(body, at(1));
    let mut lines = drive(&mut session, at(1), &mut stored);
    session.end_of_body();
    lines.extend(drive(&mut session, at(2), &mut stored));
    (lines, stored)
}

#[test]
fn fragments_get_their_numbers_times_and_bytes() {
    let body = [header(), fragment(1000), fragment(3000)].concat();
    let (lines, stored) = whole(IngestRules::KVS, &body);
    assert_eq!(
        lines,
        [
            "Buffering 1000",
            "Received 1000",
            "Persisted 1000",
            "Buffering 3000",
            "Received 3000",
            "Persisted 3000",
            "close",
        ]
    );
    assert_eq!(stored[0].fragment.bytes, fragment(1000));
    assert_eq!(stored[1].fragment.bytes, fragment(3000));
    assert_eq!(stored[0].producer_timestamp, Timestamp::from_millis(1000));
    // The first byte of both came with the same push.
    assert_eq!(stored[1].server_timestamp, at(1).wall);
    assert_eq!(stored.iter().map(|one| one.number.sequence()).collect::<Vec<_>>(), [1, 2]);
    assert!(stored[0].begins_with_key_frame);
}

#[test]
fn a_fragment_without_a_key_frame_at_its_start_says_so() {
    let cluster = writer::cluster_start(Timestamp::from_millis(5)).to_vec();
    let body = [header(), cluster, block(2, 0, true), block(1, 0, false), block(1, 9, true)];
    let (_, stored) = whole(IngestRules::KVS, &body.concat());
    assert!(!stored[0].begins_with_key_frame);
}

#[test]
fn a_missing_track_is_refused_only_by_the_strict_rule() {
    let cluster = writer::cluster_start(Timestamp::from_millis(5)).to_vec();
    let body = [header(), cluster, block(1, 0, true)].concat();
    let (lines, stored) = whole(IngestRules::KVS, &body);
    assert_eq!(lines, ["Buffering 5", "Received 5", "Persisted 5", "close"]);
    assert_eq!(stored.len(), 1);
    let strict = IngestRules { every_track_in_every_fragment: true, ..IngestRules::KVS };
    let (lines, stored) = whole(strict, &body);
    assert_eq!(lines, ["Buffering 5", "4011 5", "close"]);
    assert!(stored.is_empty());
}

#[test]
fn silence_is_acknowledged_twice_and_ends_the_connection_after_30_seconds() {
    let mut session = session(IngestRules::KVS);
    let mut stored = Vec::new();
    session.push(&header(), at(5));
    assert!(drive(&mut session, at(5), &mut stored).is_empty());
    let mut ticks = Vec::new();
    while let Some(deadline) = session.deadline() {
        let now = Now { mono: deadline, ..at(0) };
        session.tick(Now { mono: deadline - Duration::from_millis(1), ..now });
        assert!(drive(&mut session, now, &mut stored).is_empty(), "early");
        session.tick(now);
        ticks.push((deadline.as_secs(), drive(&mut session, now, &mut stored).concat()));
    }
    let idle = || "Idle -7".to_owned();
    assert_eq!(ticks, [(15, idle()), (25, idle()), (35, "close".to_owned())]);
}

#[test]
fn a_connection_that_is_too_old_ends_with_the_next_fragment() {
    let max = Some(Duration::from_secs(60));
    let mut session = session(IngestRules { connection_duration_max: max, ..IngestRules::KVS });
    let mut stored = Vec::new();
    session.push(&[header(), fragment(1000)].concat(), at(59));
    assert_eq!(drive(&mut session, at(59), &mut stored), ["Buffering 1000"]);
    session.push(&fragment(2000), at(60));
    let lines = drive(&mut session, at(60), &mut stored);
    let expect = ["Received 1000", "Persisted 1000", "Buffering 2000", "4003 2000", "close"];
    assert_eq!(lines, expect);
    assert_eq!(session.held_bytes(), 0);
}

#[test]
fn a_connection_that_is_too_old_ends_in_the_middle_of_an_endless_fragment() {
    let max = Some(Duration::from_secs(60));
    let mut session = session(IngestRules { connection_duration_max: max, ..IngestRules::KVS });
    session.push(&[header(), fragment(1000)].concat(), at(59));
    drive(&mut session, at(59), &mut Vec::new());
    // A byte every second, and never the end.
    for second in 60..80 {
        session.push(&[0xEC], at(second));
        session.tick(at(second));
        assert!(drive(&mut session, at(second), &mut Vec::new()).is_empty(), "{second}");
    }
    assert_eq!(session.deadline(), Some(Duration::from_secs(80)));
    session.tick(at(80));
    assert_eq!(drive(&mut session, at(80), &mut Vec::new()), ["4003 1000", "close"]);
}

#[test]
fn a_service_that_cannot_take_a_fragment_says_so_and_lets_go_of_it() {
    let mut session = session(IngestRules::KVS);
    session.push(&[header(), fragment(1000)].concat(), at(1));
    drive(&mut session, at(1), &mut Vec::new());
    assert!(session.held_bytes() >= fragment(1000).len());
    session.service_failed();
    assert_eq!(drive(&mut session, at(1), &mut Vec::new()), ["5000 1000", "close"]);
    assert_eq!(session.held_bytes(), 0);
}

#[test]
fn a_lost_append_is_acknowledged_as_an_error_and_ends_the_connection() {
    for (failure, id) in [(AppendFailure::StreamDeleted, 4008), (AppendFailure::Store, 5001)] {
        let mut session = session(IngestRules::KVS);
        let number = FragmentNumber::new(9, at(0).wall, 0);
        session.append_finished(number, 7, Err(failure));
        let lines = drive(&mut session, at(1), &mut Vec::new());
        assert_eq!(lines, [format!("{id} 7"), "close".to_owned()]);
        // What was under way before still gets its answer.
        session.append_finished(number, 6, Ok(()));
        assert_eq!(drive(&mut session, at(1), &mut Vec::new()), ["Persisted 6"]);
    }
}

#[test]
fn a_broken_body_drops_the_open_fragment() {
    let mut session = session(IngestRules::KVS);
    let mut stored = Vec::new();
    session.push(&[header(), fragment(1000), fragment(2000)].concat(), at(1));
    drive(&mut session, at(1), &mut stored);
    session.read_failed();
    assert_eq!(drive(&mut session, at(1), &mut stored), ["4000 2000", "close"]);
    assert_eq!(stored.len(), 1);
    session.push(&fragment(3000), at(2));
    assert!(drive(&mut session, at(2), &mut stored).is_empty());
}

proptest! {
    #[test]
    fn the_pieces_that_a_body_comes_in_do_not_matter(
        cuts in proptest::collection::vec(1..400usize, 1..20), torn in 0..2000usize
    ) {
        let tags = writer::tags(&[("door", "open")]);
        let end = writer::tags(&[("AWS_KINESISVIDEO_END_OF_FRAGMENT", "")]);
        let mut body =
            [header(), fragment(1000), tags, fragment(2000), end, fragment(3000)].concat();
        body.truncate(body.len().saturating_sub(torn));
        let (expect, expect_stored) = whole(IngestRules::KVS, &body);

        let mut session = session(IngestRules::KVS);
        let (mut lines, mut stored) = (Vec::new(), Vec::new());
        let (mut rest, mut sizes) = (body.as_slice(), cuts.iter().cycle());
        while !rest.is_empty() {
            let size = sizes.next().map_or(1, |size| *size).min(rest.len());
            let (piece, after) = rest.split_at(size);
            rest = after;
            session.push(piece, at(1));
            lines.extend(drive(&mut session, at(1), &mut stored));
        }
        session.end_of_body();
        lines.extend(drive(&mut session, at(2), &mut stored));
        prop_assert_eq!(lines, expect);
        let bytes = |stored: &[IngestedFragment]| -> Vec<bytes::Bytes> {
            stored.iter().map(|one| one.fragment.bytes.clone()).collect()
        };
        prop_assert_eq!(bytes(&stored), bytes(&expect_stored));
    }

    #[test]
    fn hostile_bytes_end_in_an_error_and_never_in_a_panic(
        body in proptest::collection::vec(any::<u8>(), 0..300), after_header: bool
    ) {
        let mut bytes = if after_header { header() } else { Vec::new() };
        bytes.extend(body);
        let (lines, _) = whole(IngestRules::KVS, &bytes);
        prop_assert_eq!(lines.last().map(String::as_str), Some("close"));
    }
}
