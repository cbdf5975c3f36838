//! `EXT-X-PROGRAM-DATE-TIME`: at which fragments of a playlist it stands, and what it says. Pure.

use vigie_kvs::shapes::archived_media::FragmentSelectorType;
use vigie_media::Timestamp;

use crate::playback::selection::{Entry, timeline_origin_ms};
use crate::playback::session::{DateTimes, PlaybackSession, Protocol};

/// RFC 3339 in UTC for each entry that has one.
pub(crate) fn date_times(session: &PlaybackSession, entries: &[&Entry]) -> Vec<Option<String>> {
    let Protocol::Hls { date_times, .. } = session.protocol else { return Vec::new() };
    let mut period = None;
    let of = |entry: &&Entry| {
        let begins = period.replace(entry.period.number) != Some(entry.period.number);
        let at_ms = match date_times {
            DateTimes::Fragments => by_selector_ms(session, entry),
            DateTimes::Periods if begins => on_timeline_ms(session, entry),
            DateTimes::Periods | DateTimes::Never => return None,
        };
        Some(crate::time_text::rfc3339(Timestamp::from_millis(at_ms)))
    };
    entries.iter().map(of).collect()
}

/// When a fragment begins by the clock of the session's selector.
fn by_selector_ms(session: &PlaybackSession, entry: &Entry) -> i64 {
    match session.selector {
        FragmentSelectorType::ProducerTimestamp => entry.fragment.producer_ms,
        FragmentSelectorType::ServerTimestamp => entry.fragment.server_ms,
    }
}

/// When a fragment begins on the timeline of a growing session, by the server's clock.
fn on_timeline_ms(session: &PlaybackSession, entry: &Entry) -> i64 {
    let presentation_ms = entry.period.presentation_ms(entry.fragment.producer_ms);
    timeline_origin_ms(session).saturating_add(presentation_ms)
}

#[cfg(test)]
mod tests {
    use crate::archive::FragmentPosition;
    use vigie_kvs::FragmentNumber;
    use vigie_kvs::shapes::streaming_session::{ContainerFormat, DiscontinuityMode};

    use super::*;
    use crate::playback::selection::{Candidate, Period};
    use crate::playback::session::{Mode, example};

    /// Two seconds each, filmed an hour before they came; the third one after a pause of 40 s.
    fn entries() -> [Entry; 3] {
        let entry = |number: u64, producer_ms, server_ms, period| {
            let fragment = Candidate {
                position: FragmentPosition { value: 0, sequence: number },
                number: FragmentNumber::new(number, Timestamp::from_millis(server_ms), 5),
                producer_ms,
                server_ms,
                duration_ms: 2000,
                size_bytes: 1000,
                parameters_id: 1,
                begins_with_key_frame: true,
            };
            Entry { fragment, sequence_number: number, discontinuity_number: 0, period }
        };
        let first = Period { number: 1, start_ms: 0, producer_start_ms: 1000 };
        let second = Period { number: 2, start_ms: 44_000, producer_start_ms: 45_000 };
        [
            entry(1, 1000, 3_600_900, first),
            entry(2, 3000, 3_603_100, first),
            entry(3, 45_000, 3_645_000, second),
        ]
    }

    #[track_caller]
    fn check(date_times: DateTimes, selector: FragmentSelectorType, expect: [Option<&str>; 3]) {
        let session = PlaybackSession {
            created_ms: 3_605_000,
            selector,
            mode: Mode::Live { first_sequence: 1, initial_ms: 4000 },
            protocol: Protocol::Hls {
                container: ContainerFormat::FragmentedMp4,
                discontinuity: DiscontinuityMode::Never,
                date_times,
            },
            ..example()
        };
        let entries = entries();
        let found = super::date_times(&session, &entries.iter().collect::<Vec<_>>());
        assert_eq!(found.iter().map(Option::as_deref).collect::<Vec<_>>(), expect);
    }

    #[test]
    fn fragments_show_the_time_by_the_selectors_clock_where_it_is_wanted() {
        use FragmentSelectorType::{ProducerTimestamp, ServerTimestamp};
        check(DateTimes::Never, ProducerTimestamp, [None; 3]);
        let expect =
            ["1970-01-01T00:00:01.000Z", "1970-01-01T00:00:03.000Z", "1970-01-01T00:00:45.000Z"];
        check(DateTimes::Fragments, ProducerTimestamp, expect.map(Some));
        let expect =
            ["1970-01-01T01:00:00.900Z", "1970-01-01T01:00:03.100Z", "1970-01-01T01:00:45.000Z"];
        check(DateTimes::Fragments, ServerTimestamp, expect.map(Some));
    }

    #[test]
    fn a_pause_shows_in_the_times_at_which_periods_begin() {
        let expect = [Some("1970-01-01T01:00:01.000Z"), None, Some("1970-01-01T01:00:45.000Z")];
        check(DateTimes::Periods, FragmentSelectorType::ProducerTimestamp, expect);
        check(DateTimes::Periods, FragmentSelectorType::ServerTimestamp, expect);
    }
}
