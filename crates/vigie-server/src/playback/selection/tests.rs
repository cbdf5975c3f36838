//! Tables: fragments in, what a session shows out.

use proptest::prelude::*;
use vigie_kvs::shapes::streaming_session::ContainerFormat;
use vigie_media::Timestamp;

use super::*;
use crate::playback::session::{DateTimes, example};

/// A fragment: sequence, start by the producer, arrival at the server, duration, parameters.
fn fragment(sequence: u64, producer_ms: i64, server_ms: i64, duration_ms: i64) -> Candidate {
    Candidate {
        position: FragmentPosition { value: 0, sequence },
        number: FragmentNumber::new(sequence, Timestamp::from_millis(server_ms), 0),
        producer_ms,
        server_ms,
        duration_ms,
        size_bytes: 1,
        parameters_id: 1,
        begins_with_key_frame: true,
    }
}

/// Fragments of two seconds, one behind the other, that arrive as they are made.
fn steady(sequences: impl IntoIterator<Item = u64>) -> Vec<Candidate> {
    let at = |sequence: u64| sequence as i64 * 2000;
    sequences
        .into_iter()
        .map(|sequence| fragment(sequence, at(sequence), at(sequence), 2000))
        .collect()
}

fn session(mode: Mode, selector: FragmentSelectorType, fragments_max: u16) -> PlaybackSession {
    PlaybackSession { mode, selector, fragments_max, created_ms: 0, ..example() }
}

fn hls(discontinuity: DiscontinuityMode) -> Protocol {
    let container = ContainerFormat::FragmentedMp4;
    Protocol::Hls { container, discontinuity, date_times: DateTimes::Never }
}

fn live(first_sequence: u64) -> Mode {
    Mode::Live { first_sequence, initial_ms: 0 }
}

const ALL: Mode = Mode::OnDemand { start_ms: 0, end_ms: i64::MAX };

fn walk(
    session: &PlaybackSession,
    from: Progress,
    now_ms: i64,
    fragments: &[Candidate],
) -> Progress {
    let mut walk = Walk::new(session, from, now_ms);
    if let Some(first) = fragments.first() {
        walk.begin_at(first.number.sequence());
    }
    for (at, fragment) in fragments.iter().enumerate() {
        walk.push(*fragment, fragments.get(at + 1));
    }
    walk.finish()
}

/// (sequence of the fragment, media sequence number) of all that is shown.
fn shown(progress: &Progress) -> Vec<(u64, u64)> {
    progress.window.iter().map(|e| (e.fragment.number.sequence(), e.sequence_number)).collect()
}

#[track_caller]
fn check(session: &PlaybackSession, now_ms: i64, fragments: &[Candidate], expect: &[(u64, u64)]) {
    assert_eq!(shown(&walk(session, Progress::default(), now_ms, fragments)), expect);
}

use FragmentSelectorType::{ProducerTimestamp, ServerTimestamp};

/// Durations of what is shown of fragments of one picture, that begin at these seconds and arrive then.
fn shown_of_single_pictures(mode: Mode, now_s: i64, begin_s: &[i64]) -> Vec<i64> {
    let fragments: Vec<Candidate> = (1..)
        .zip(begin_s)
        .map(|(sequence, at)| fragment(sequence, at * 1000, at * 1000, 0))
        .collect();
    let session = session(mode, FragmentSelectorType::ProducerTimestamp, 100);
    let progress = walk(&session, Progress::default(), now_s * 1000, &fragments);
    progress.window.iter().map(|entry| entry.fragment.duration_ms).collect()
}

#[test]
fn a_picture_that_is_alone_lasts_until_the_next_one() {
    assert_eq!(shown_of_single_pictures(ALL, 9, &[1, 2, 5]), [1000, 3000, 3000]);
    // A pause is one still, and the first of all is shown for a moment.
    assert_eq!(shown_of_single_pictures(ALL, 99, &[1, 3, 90, 91]), [2000, 2000, 1000, 1000]);
    assert_eq!(shown_of_single_pictures(ALL, 9, &[7]), [1000]);
}

#[test]
fn a_live_picture_that_is_alone_is_listed_once_it_is_known_how_long_it_lasts() {
    assert_eq!(shown_of_single_pictures(live(1), 6, &[1, 2, 5]), [1000, 3000]);
    assert_eq!(shown_of_single_pictures(live(1), 66, &[1, 2, 5]), [1000, 3000, 3000]);
}

#[test]
fn a_live_session_shows_the_newest_and_counts_from_its_first() {
    let session = session(live(101), ServerTimestamp, 3);
    check(&session, 0, &steady(101..=102), &[(101, 1), (102, 2)]);
    check(&session, 0, &steady(101..=105), &[(103, 3), (104, 4), (105, 5)]);
    // A new connection takes another block of sequences.
    check(&session, 0, &steady([101, 102, 1001, 1002]), &[(102, 2), (1001, 3), (1002, 4)]);
}

#[test]
fn a_live_window_holds_the_key_frame_that_its_first_fragment_needs() {
    let session = session(live(1), ServerTimestamp, 3);
    let with_keys = |keys: &[u64]| -> Vec<Candidate> {
        let of = |fragment: Candidate| Candidate {
            begins_with_key_frame: keys.contains(&fragment.number.sequence()),
            ..fragment
        };
        steady(1..=8).into_iter().map(of).collect()
    };
    let numbers = |from: u64| -> Vec<(u64, u64)> { (from..=8).map(|n| (n, n)).collect() };
    check(&session, 0, &with_keys(&[1]), &numbers(1));
    check(&session, 0, &with_keys(&[1, 4, 8]), &numbers(4));
    check(&session, 0, &with_keys(&[1, 6]), &numbers(6));
    check(&session, 0, &with_keys(&[]), &numbers(6));
    // One that lies five minutes back is let go.
    let mut far = with_keys(&[1]);
    far.iter_mut().skip(1).for_each(|fragment| {
        fragment.server_ms += 300_000;
        fragment.producer_ms += 300_000;
    });
    check(&session, 0, &far, &numbers(6));
}

#[test]
fn numbers_skip_but_do_not_go_back_when_the_beginning_has_been_deleted() {
    let session = session(live(101), ServerTimestamp, 3);
    check(&session, 0, &steady([150, 151]), &[(150, 50), (151, 51)]);
}

#[test]
fn a_live_session_by_producer_timestamps_leaves_out_what_came_late_or_twice() {
    let fragments = [
        fragment(1, 10_000, 10_000, 2000),
        fragment(2, 12_000, 12_000, 2000),
        fragment(3, 4_000, 13_000, 2000),  // late
        fragment(4, 12_000, 13_500, 2000), // twice
        fragment(5, 14_000, 14_000, 2000),
    ];
    check(&session(live(1), ProducerTimestamp, 5), 0, &fragments, &[(1, 1), (2, 2), (5, 3)]);
    let all = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)];
    check(&session(live(1), ServerTimestamp, 5), 0, &fragments, &all);
}

#[test]
fn on_demand_shows_the_oldest_up_to_the_number_wanted() {
    check(&session(ALL, ServerTimestamp, 2), 0, &steady(7..=20), &[(7, 1), (8, 2)]);
    check(&session(ALL, ServerTimestamp, 9), 0, &[], &[]);
}

#[test]
fn of_fragments_with_one_producer_timestamp_the_newest_counts() {
    let fragments = [
        fragment(1, 0, 0, 2000),
        fragment(2, 2000, 2000, 2000),
        fragment(9, 2000, 9000, 2000),
        fragment(3, 4000, 4000, 2000),
    ];
    check(&session(ALL, ProducerTimestamp, 9), 0, &fragments, &[(1, 1), (9, 2), (3, 3)]);
    check(&session(ALL, ServerTimestamp, 9), 0, &fragments[..3], &[(1, 1), (2, 2), (9, 3)]);
}

#[test]
fn of_media_that_was_ingested_twice_the_older_is_shown() {
    let hour = 3_600_000;
    // The second ingestion is cut half a second later.
    let fragments = [
        fragment(1, 0, 0, 2000),
        fragment(51, 500, hour, 2000),
        fragment(2, 2000, 2000, 2000),
        fragment(52, 2500, hour + 2000, 2000),
        fragment(53, 4500, hour + 4000, 2000),
    ];
    // What only the second one has is shown as well.
    check(&session(ALL, ProducerTimestamp, 9), 0, &fragments, &[(1, 1), (2, 2), (53, 3)]);
    // Overlaps of one ingestion stay.
    let fragments = [fragment(1, 0, 0, 2000), fragment(2, 1500, 1500, 2000)];
    check(&session(ALL, ProducerTimestamp, 9), 0, &fragments, &[(1, 1), (2, 2)]);
}

#[test]
fn a_replay_adds_a_fragment_when_its_duration_has_passed() {
    let mode = Mode::LiveReplay { start_ms: 0, end_ms: None, initial_count: 2, initial_ms: 4000 };
    let session = session(mode, ServerTimestamp, 3);
    let fragments: Vec<Candidate> =
        (1..=6).map(|n| fragment(n, n as i64 * 2000, n as i64 - 100, 2000)).collect();
    check(&session, 0, &fragments, &[(1, 1), (2, 2)]);
    check(&session, 1999, &fragments, &[(1, 1), (2, 2)]);
    check(&session, 2000, &fragments, &[(1, 1), (2, 2), (3, 3)]);
    check(&session, 4000, &fragments, &[(2, 2), (3, 3), (4, 4)]);
    check(&session, 60_000, &fragments, &[(4, 4), (5, 5), (6, 6)]);
}

#[test]
fn a_replay_leaves_out_what_came_behind_its_head() {
    let mode = Mode::LiveReplay { start_ms: 0, end_ms: None, initial_count: 2, initial_ms: 4000 };
    let session = session(mode, ProducerTimestamp, 9);
    let mut fragments: Vec<Candidate> =
        (1..=6).map(|n| fragment(n, n as i64 * 2000, n as i64 - 100, 2000)).collect();
    // Belongs between 3 and 4, which was shown after 4 s; comes after 9 s.
    fragments.insert(3, fragment(99, 7000, 9000, 1000));
    let all = [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6)];
    check(&session, 60_000, &fragments, &all);
}

#[track_caller]
fn check_discontinuities(mode: DiscontinuityMode, fragments: &[Candidate], expect: &[u64]) {
    let session = PlaybackSession { protocol: hls(mode), ..session(ALL, ProducerTimestamp, 99) };
    let progress = walk(&session, Progress::default(), 0, fragments);
    let found: Vec<u64> = progress.window.iter().map(|e| e.discontinuity_number).collect();
    assert_eq!(found, expect, "{mode}");
}

#[test]
fn discontinuities_stand_where_the_mode_says() {
    let mut fragments = [
        fragment(1, 0, 0, 2000),
        fragment(2, 2050, 0, 2000),   // a gap of 50 ms is none
        fragment(3, 4101, 0, 2000),   // one of 51 ms is
        fragment(4, 6050, 0, 2000),   // an overlap of 51 ms is
        fragment(5, 8000, 0, 2000),   // one of 50 ms is none
        fragment(6, 10_000, 0, 2000), // other parameters
    ];
    fragments[5].parameters_id = 2;
    check_discontinuities(DiscontinuityMode::Always, &fragments, &[0, 1, 2, 3, 4, 5]);
    check_discontinuities(DiscontinuityMode::Never, &fragments, &[0, 0, 0, 0, 0, 0]);
    check_discontinuities(DiscontinuityMode::OnDiscontinuity, &fragments, &[0, 0, 1, 2, 2, 3]);
}

#[test]
fn a_long_gap_or_other_parameters_begin_a_period_without_the_gap() {
    let mut fragments = [
        fragment(1, 100_000, 0, 2000),
        fragment(2, 102_900, 0, 2000), // 0.9 s: a gap of the timeline
        fragment(3, 200_000, 0, 2000), // left out
        fragment(4, 202_000, 0, 2000), // other parameters
    ];
    fragments[3].parameters_id = 2;
    let session = PlaybackSession {
        protocol: hls(DiscontinuityMode::Never),
        ..session(ALL, ProducerTimestamp, 9)
    };
    let progress = walk(&session, Progress::default(), 0, &fragments);
    let found: Vec<(u64, i64)> = progress
        .window
        .iter()
        .map(|entry| {
            (entry.period.number, entry.period.presentation_ms(entry.fragment.producer_ms))
        })
        .collect();
    assert_eq!(found, [(1, 0), (1, 2900), (2, 4900), (3, 6900)]);
}

#[test]
fn a_live_period_begins_when_its_media_came() {
    let mode = Mode::Live { first_sequence: 1, initial_ms: 4000 };
    let session = PlaybackSession { created_ms: 1_004_000, ..session(mode, ProducerTimestamp, 9) };
    let fragments = [
        fragment(1, 0, 1_000_000, 2000),
        fragment(2, 2000, 1_002_000, 2000),
        // After a pause of a minute, by a producer whose clock was set meanwhile.
        fragment(3, 900_000, 1_064_000, 2000),
    ];
    let progress = walk(&session, Progress::default(), 0, &fragments);
    let starts: Vec<i64> = progress.window.iter().map(|entry| entry.period.start_ms).collect();
    assert_eq!((timeline_origin_ms(&session), starts), (1_000_000, vec![0, 0, 64_000]));
}

fn any_session() -> impl Strategy<Value = PlaybackSession> {
    let replay = Mode::LiveReplay { start_ms: 0, end_ms: None, initial_count: 3, initial_ms: 0 };
    let mode = prop_oneof![Just(live(1)), Just(replay)];
    let selector = prop_oneof![Just(ProducerTimestamp), Just(ServerTimestamp)];
    let discontinuity = prop_oneof![
        Just(DiscontinuityMode::Always),
        Just(DiscontinuityMode::Never),
        Just(DiscontinuityMode::OnDiscontinuity)
    ];
    (mode, selector, 1..6u16, discontinuity).prop_map(|(mode, selector, fragments_max, d)| {
        PlaybackSession { protocol: hls(d), ..session(mode, selector, fragments_max) }
    })
}

/// Fragments in order of ingestion with gaps, pauses and changes of parameters.
fn any_fragments() -> impl Strategy<Value = Vec<Candidate>> {
    let pause_ms = prop_oneof![4 => Just(0i64), 1 => 0..90_000i64];
    let step = (1..3u64, 1..4000i64, pause_ms, 1..3u64, any::<bool>());
    prop::collection::vec(step, 0..60).prop_map(|steps| {
        let (mut sequence, mut at) = (0, 0);
        steps
            .into_iter()
            .map(|(skip, duration_ms, pause_ms, parameters_id, begins_with_key_frame)| {
                sequence += skip;
                at += pause_ms;
                let made = fragment(sequence, at, at, duration_ms);
                let made = Candidate { parameters_id, begins_with_key_frame, ..made };
                at += duration_ms;
                made
            })
            .collect()
    })
}

proptest! {
    /// What was remembered of a session changes nothing: an instance that saw every poll and one that sees the last
    /// alone answer alike.
    #[test]
    fn polls_and_restarts_agree(session in any_session(), fragments in any_fragments(), polls in 1..9usize) {
        let mut polled = Progress::default();
        for poll in 1..=polls {
            let there = fragments.len() * poll / polls;
            let now_ms = there.checked_sub(1).map_or(0, |last| {
                let last: &Candidate = &fragments[last];
                last.server_ms + last.duration_ms
            });
            let rest: Vec<Candidate> = fragments[..there]
                .iter()
                .filter(|fragment| polled.position.is_none_or(|at| fragment.position > at))
                .copied()
                .collect();
            polled = walk(&session, polled, now_ms, &rest);
            let fresh = walk(&session, Progress::default(), now_ms, &fragments[..there]);
            prop_assert_eq!(&polled.window, &fresh.window);
            prop_assert_eq!(polled.longest_ms, fresh.longest_ms);
        }
    }

    #[test]
    fn numbers_follow_each_other_and_no_segment_is_longer_than_the_target(
        session in any_session(), fragments in any_fragments()
    ) {
        let progress = walk(&session, Progress::default(), i64::MAX / 2, &fragments);
        let entries: Vec<&Entry> = progress.window.iter().collect();
        let fragments_max = usize::from(session.fragments_max);
        prop_assert!(entries.len() <= fragments_max + KEY_FRAME_FRAGMENTS_MAX);
        if let Some(first) = entries.first().filter(|_| entries.len() > fragments_max) {
            prop_assert!(first.fragment.begins_with_key_frame);
        }
        for pair in entries.windows(2) {
            prop_assert_eq!(pair[0].sequence_number + 1, pair[1].sequence_number);
            prop_assert!(pair[1].discontinuity_number - pair[0].discontinuity_number <= 1);
            let [first, second] = [pair[0], pair[1]].map(|entry| {
                entry.period.presentation_ms(entry.fragment.producer_ms)
            });
            prop_assert!(first <= second + SEAM_MS, "the timeline never goes back");
        }
        prop_assert!(entries.iter().all(|entry| entry.fragment.duration_ms <= progress.longest_ms));
        prop_assert_eq!(progress.next_number(), entries.last().map_or(1, |e| e.sequence_number + 1));
    }
}
