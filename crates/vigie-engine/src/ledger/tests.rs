//! That media and gaps together leave no time unexplained, whatever happens in whatever order.

use MediaGapReason::*;
use proptest::prelude::*;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn gap(from: i64, until: i64, reason: MediaGapReason) -> Gap {
    Gap { from: at(from), until: at(until), reason }
}

#[test]
fn a_gap_begins_where_the_media_ends_and_ends_where_media_begins() {
    let mut timeline = Timeline::new(at(0));
    assert_eq!(timeline.absent(ScheduleClosed, at(0)), None);
    assert_eq!(timeline.absent(SourceOffline, at(60)), Some(gap(0, 60, ScheduleClosed)));
    assert_eq!(timeline.absent(SourceOffline, at(61)), None);
    assert_eq!(timeline.media(at(62), at(64)), Some(gap(60, 62, SourceOffline)));
    assert_eq!(timeline.media(at(64), at(70)), None);
    // It is noticed ten seconds late that the camera is silent.
    assert_eq!(timeline.absent(SourceOffline, at(80)), None);
    assert_eq!(timeline.state().open, Some(OpenGap { since: at(70), reason: SourceOffline }));
    assert_eq!(timeline.absent(DiskDenied, at(90)), Some(gap(70, 90, SourceOffline)));
    assert_eq!(timeline.media(at(95), at(96)), Some(gap(90, 95, DiskDenied)));
}

#[test]
fn media_that_skips_time_without_a_word_leaves_a_gap() {
    let mut timeline = Timeline::new(at(0));
    assert_eq!(timeline.media(at(0), at(10)), None);
    assert_eq!(timeline.media(at(18), at(20)), Some(gap(10, 18, SourceOffline)));
}

#[test]
fn less_than_a_second_is_no_gap_unless_it_is_the_end_of_one() {
    let ms = Timestamp::from_millis;
    let mut timeline = Timeline::new(at(0));
    timeline.media(at(0), at(10));
    timeline.absent(SourceOffline, at(10));
    assert_eq!(timeline.media(ms(10_999), at(11)), None);
    timeline.absent(HubOff, at(11));
    timeline.absent(SourceOffline, at(20));
    let last = Gap { from: at(20), until: ms(20_200), reason: SourceOffline };
    assert_eq!(timeline.media(ms(20_200), at(30)), Some(last));
}

#[test]
fn a_clock_that_is_set_back_makes_no_gap_of_negative_length() {
    let mut timeline = Timeline::new(at(1000));
    assert_eq!(timeline.absent(ScheduleClosed, at(1000)), None);
    assert_eq!(timeline.absent(SourceOffline, at(400)), None);
    assert_eq!(timeline.state().open, Some(OpenGap { since: at(1000), reason: SourceOffline }));
    assert_eq!(timeline.media(at(500), at(900)), None);
    assert_eq!(timeline.state().media_until, at(1000));
}

#[test]
fn a_clock_that_was_a_day_ahead_and_is_set_right_is_followed() {
    const NOW: i64 = 1_800_000_000;
    const DAY: i64 = 86_400;
    let mut timeline = Timeline::new(at(NOW));
    timeline.media(at(NOW), at(NOW + 10));
    let ahead = NOW + DAY;
    assert_eq!(timeline.media(at(ahead), at(ahead + 5)), Some(gap(NOW + 10, ahead, SourceOffline)));
    assert!(!timeline.is_far_ahead(at(ahead)));
    assert!(!timeline.is_far_ahead(at(ahead - 100)), "two minutes are slept off");
    // A hub that lost its clock knows no better time.
    assert!(!timeline.is_far_ahead(at(100)));
    assert!(timeline.is_far_ahead(at(NOW + 15)));
    timeline.step_back(at(NOW + 15));
    assert_eq!(timeline.media(at(NOW + 15), at(NOW + 20)), None);
    assert_eq!(timeline.absent(SourceOffline, at(NOW + 30)), None);
    let offline = gap(NOW + 20, NOW + 40, SourceOffline);
    assert_eq!(timeline.media(at(NOW + 40), at(NOW + 50)), Some(offline));
    // The camera was away when the clock was set.
    timeline.absent(SourceOffline, at(ahead));
    timeline.absent(DiskError, at(ahead));
    assert!(timeline.is_far_ahead(at(NOW + 60)));
    timeline.step_back(at(NOW + 60));
    assert_eq!(
        timeline.media(at(NOW + 65), at(NOW + 66)),
        Some(gap(NOW + 60, NOW + 65, DiskError))
    );
}

#[test]
fn a_restart_enters_what_lasted_and_that_the_hub_was_off() {
    let resume = |open: Option<(i64, MediaGapReason)>, media_until, media: Option<(i64, i64)>| {
        let open = open.map(|(since, reason)| OpenGap { since: at(since), reason });
        let state = TimelineState { media_until: at(media_until), open };
        let media = media.map(|(from, until)| (at(from), at(until)));
        Timeline::resume(state, media, at(100), at(500))
    };
    // It recorded: off since the end of the newest media.
    let (timeline, gaps) = resume(None, 95, Some((90, 98)));
    assert_eq!(gaps, [gap(98, 500, HubOff)]);
    assert_eq!(timeline.state().open, Some(OpenGap { since: at(500), reason: SourceOffline }));
    // All media has been deleted since.
    assert_eq!(resume(None, 95, None).1, [gap(95, 500, HubOff)]);
    // It waited: off since the last heartbeat.
    let (_, gaps) = resume(Some((40, ScheduleClosed)), 40, None);
    assert_eq!(gaps, [gap(40, 100, ScheduleClosed), gap(100, 500, HubOff)]);
    // The camera had just come back.
    let (_, gaps) = resume(Some((40, SourceOffline)), 40, Some((99, 101)));
    assert_eq!(gaps, [gap(40, 99, SourceOffline), gap(101, 500, HubOff)]);
    // The clock was set back while the hub was off.
    let state = TimelineState { media_until: at(900), open: None };
    let (mut timeline, gaps) = Timeline::resume(state, None, at(900), at(500));
    assert_eq!(gaps, []);
    assert_eq!(timeline.media(at(901), at(902)), Some(gap(900, 901, SourceOffline)));
}

#[test]
fn a_deleted_file_is_one_interval_for_each_run_of_one_kind() {
    let fragment = |from, until, uploaded| DeletedFragment {
        from: at(from),
        until: at(until),
        size_bytes: 10,
        uploaded,
    };
    let lost = |fragment_count| Some(Lost { fragment_count, size_bytes: 10 * fragment_count });
    let run = |from, until, lost| Deleted { from: at(from), until: at(until), lost };
    assert_eq!(
        deleted([
            fragment(0, 2, true),
            fragment(2, 4, true),
            fragment(4, 6, false),
            fragment(6, 8, false),
            fragment(20, 22, false),
        ]),
        [run(0, 4, None), run(4, 8, lost(2)), run(20, 22, lost(1))]
    );
}

#[test]
fn deleted_media_goes_on_in_either_direction() {
    let joins = |a: (i64, i64), b: (i64, i64)| joins(at(a.0), at(a.1), at(b.0), at(b.1));
    assert!(joins((10, 20), (20, 30)));
    assert!(joins((10, 20), (5, 10)));
    assert!(joins((10, 20), (12, 13)));
    assert!(!joins((10, 20), (21, 30)));
    assert!(!joins((10, 20), (1, 9)));
}

#[derive(Clone, Debug)]
enum Step {
    Absent(MediaGapReason),
    Media { after_ms: i64, lasts_ms: i64 },
    Restart { off_ms: i64 },
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let reason = prop_oneof![Just(ScheduleClosed), Just(SourceOffline), Just(DiskDenied)];
    let step = prop_oneof![
        reason.prop_map(Step::Absent),
        (0..3000_i64, 1..5000_i64)
            .prop_map(|(after_ms, lasts_ms)| Step::Media { after_ms, lasts_ms }),
        (0..20_000_i64).prop_map(|off_ms| Step::Restart { off_ms }),
        (0..9000_i64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn no_time_stays_unexplained(steps in steps()) {
        let mut now = 0_i64;
        let ms = Timestamp::from_millis;
        let mut timeline = Timeline::new(ms(0));
        let mut covered: Vec<(i64, i64)> = Vec::new();
        let mut gaps: Vec<Gap> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(by) => now += by,
                Step::Absent(reason) => gaps.extend(timeline.absent(reason, ms(now))),
                Step::Media { after_ms, lasts_ms } => {
                    // Media comes with the time of its frames, which is the present.
                    let from = (now + after_ms).max(timeline.state().media_until.as_millis());
                    gaps.extend(timeline.media(ms(from), ms(from + lasts_ms)));
                    covered.push((from, from + lasts_ms));
                    now = from + lasts_ms;
                }
                Step::Restart { off_ms } => {
                    let heartbeat = ms(now);
                    now += off_ms;
                    let (next, new) = Timeline::resume(timeline.state(), None, heartbeat, ms(now));
                    timeline = next;
                    gaps.extend(new);
                }
            }
        }
        // Whatever is open is entered by the next media.
        now += 5000;
        gaps.extend(timeline.media(ms(now), ms(now + 1)));
        covered.push((now, now + 1));
        for pair in gaps.windows(2) {
            prop_assert!(pair[0].until <= pair[1].from, "{pair:?}");
        }
        covered.extend(gaps.iter().map(|gap| (gap.from.as_millis(), gap.until.as_millis())));
        covered.sort_unstable();
        let mut reached = 0;
        for (from, until) in covered {
            prop_assert!(from - reached < GAP_MS_MIN, "{reached}..{from} is unexplained");
            reached = reached.max(until);
        }
    }
}
