//! Which frame is shown at an instant, and what has to be decoded for it. Pure.
//!
//! The image of an instant is the last frame that is shown at or before it, in the fragment that holds the instant. A
//! frame stays until the next one comes, and after the end of its fragment for [`PAUSE_MS`]: the timestamps of
//! fragments that follow each other do not always meet.

use std::collections::{BTreeMap, BTreeSet};

use crate::fragment_selection::key_frame::{KEY_FRAME_BEFORE_MS, KEY_FRAME_FRAGMENTS_MAX};

/// A shorter pause between fragments is none.
pub(super) const PAUSE_MS: i64 = 1000;
/// No stored fragment is longer; those that begin earlier hold no instant that is asked for.
pub(super) const FRAGMENT_MS_MAX: i64 = 60_000;
/// KVS API_GetImages: more results make no larger page.
pub(super) const PAGE_MAX: usize = 25;
/// No run is longer, in fragments and bytes: what a decoder takes at once.
const RUN_FRAGMENTS_MAX: usize = KEY_FRAME_FRAGMENTS_MAX;
const RUN_BYTES_MAX: u64 = 56 << 20;
/// What the reference page said as long as it named a default.
const INTERVAL_MS_DEFAULT: i64 = 3000;

/// The instants that images are asked of, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instants {
    first_ms: i64,
    last_ms: i64,
    interval_ms: i64,
}

impl Instants {
    /// From `start_ms` on, each later by the interval, up to `end_ms` and with it.
    pub(super) fn new(start_ms: i64, end_ms: i64, interval_ms: Option<i32>) -> Self {
        let interval_ms = interval_ms.map_or(INTERVAL_MS_DEFAULT, i64::from).max(1);
        Self { first_ms: start_ms, last_ms: end_ms, interval_ms }
    }

    /// The instants from `from_ms` on, which must be one of them; `None` when it is not.
    pub(super) fn from(self, from_ms: i64) -> Option<Self> {
        let passed_ms = from_ms.checked_sub(self.first_ms)?;
        let is_one = passed_ms >= 0 && from_ms <= self.last_ms && passed_ms % self.interval_ms == 0;
        is_one.then_some(Self { first_ms: from_ms, ..self })
    }

    /// The first ones, `count` at most.
    pub(super) fn page(self, count: usize) -> Vec<i64> {
        let all = (0..).map_while(|number: i64| {
            let at = self.first_ms.checked_add(number.checked_mul(self.interval_ms)?)?;
            (at <= self.last_ms).then_some(at)
        });
        all.take(count).collect()
    }

    /// The one behind `at_ms`.
    pub(super) fn after(self, at_ms: i64) -> Option<i64> {
        at_ms.checked_add(self.interval_ms).filter(|&next| next <= self.last_ms)
    }
}

/// The time that a fragment fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// When it begins.
    pub start_ms: i64,
    /// How long it lasts.
    pub duration_ms: i64,
}

/// Which of the fragments, in the order of their starts, holds an instant: the one that began last.
pub(super) fn holder(fragments: &[Stretch], at_ms: i64) -> Option<usize> {
    let begun = fragments.partition_point(|fragment| fragment.start_ms <= at_ms);
    let holds = |pause_ms: i64| {
        let reaches = |fragment: &Stretch| {
            at_ms < fragment.start_ms.saturating_add(fragment.duration_ms).saturating_add(pause_ms)
        };
        fragments[..begun].iter().rposition(reaches)
    };
    holds(0).or_else(|| holds(PAUSE_MS))
}

/// What of a fragment says whether the one behind it can be decoded after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// By the producer's clock.
    pub stretch: Stretch,
    /// As it is stored.
    pub size_bytes: u64,
    pub begins_with_key_frame: bool,
}

/// With which of the fragments decoding begins to have the pictures of the one at `index`: itself, or the last one before it
/// that begins with a key frame, where nothing is missing in between and it is not too much.
pub(super) fn beginning_of_run(links: &[Link], index: usize) -> usize {
    let Some(wanted) = links.get(index) else { return index };
    let mut size_bytes = 0_u64;
    let mut later: Option<&Link> = None;
    for (at, link) in links[..=index].iter().enumerate().rev().take(RUN_FRAGMENTS_MAX) {
        size_bytes = size_bytes.saturating_add(link.size_bytes);
        let start_ms = link.stretch.start_ms;
        let end_ms = start_ms.saturating_add(link.stretch.duration_ms);
        let is_followed = later.is_none_or(|later| {
            (start_ms..=end_ms.saturating_add(PAUSE_MS)).contains(&later.stretch.start_ms)
        });
        let is_near = wanted.stretch.start_ms.saturating_sub(start_ms) <= KEY_FRAME_BEFORE_MS;
        if !is_followed || !is_near || size_bytes > RUN_BYTES_MAX {
            break;
        }
        if link.begins_with_key_frame {
            return at;
        }
        later = Some(link);
    }
    index
}

/// A frame of a fragment's video track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// When it is shown, after the start of what is decoded with it.
    pub offset_ms: i64,
    /// Whether decoding can begin with it.
    pub key_frame: bool,
}

/// The frame that is shown at `offset_ms`, and the one that decoding begins with to have it; `frames` are in decode
/// order. `None` when there are no frames.
pub(super) fn frame_at(frames: &[Shown], offset_ms: i64) -> Option<(usize, usize)> {
    let first = frames.iter().position(|frame| frame.key_frame).unwrap_or(0);
    let begin = frames.get(first)?;
    // Pictures that are shown before the first key frame may refer to the fragment before.
    let shown = |frame: &Shown| {
        (begin.offset_ms..=offset_ms.max(begin.offset_ms)).contains(&frame.offset_ms)
    };
    let candidates = frames.iter().enumerate().skip(first).filter(|(_, frame)| shown(frame));
    let (wanted, frame) = candidates.max_by_key(|(_, frame)| frame.offset_ms)?;
    let is_base = |base: &Shown| base.key_frame && base.offset_ms <= frame.offset_ms;
    let from = frames[..=wanted].iter().rposition(is_base).unwrap_or(first);
    Some((from, wanted))
}

/// What is decoded for several instants of one fragment: by the frame that decoding begins with, the wanted frames.
pub(super) fn passes(frames: &[(usize, usize)]) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut passes: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for &(from, wanted) in frames {
        passes.entry(from).or_default().insert(wanted);
    }
    passes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn instants_are_an_interval_apart_and_the_range_holds_both_its_ends() {
        let check = |end_ms, interval, count, expect: &[i64]| {
            assert_eq!(Instants::new(1000, end_ms, interval).page(count), expect);
        };
        check(3000, Some(1000), 25, &[1000, 2000, 3000]);
        check(2999, Some(1000), 25, &[1000, 2000]);
        check(3000, Some(1000), 2, &[1000, 2000]);
        check(1500, Some(1000), 25, &[1000]);
        check(1000, Some(1000), 25, &[1000]);
        check(7000, None, 25, &[1000, 4000, 7000]);
    }

    #[test]
    fn a_page_begins_where_the_one_before_ended() {
        let instants = Instants::new(1000, 3000, Some(1000));
        assert_eq!(instants.after(2000), Some(3000));
        assert_eq!(instants.after(3000), None);
        assert_eq!(instants.from(3000).map(|rest| rest.page(25)), Some(vec![3000]));
        for nowhere in [999, 1001, 4000, 0, i64::MIN, i64::MAX] {
            assert_eq!(instants.from(nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn a_fragment_holds_the_instants_until_the_next_or_for_a_pause() {
        let fragments: Vec<Stretch> = [(0, 1000), (1000, 960), (2000, 1000), (9000, 1000)]
            .map(|(start_ms, duration_ms)| Stretch { start_ms, duration_ms })
            .into();
        let check = |at_ms, expect| assert_eq!(holder(&fragments, at_ms), expect, "{at_ms}");
        check(-1, None);
        check(0, Some(0));
        check(999, Some(0));
        check(1000, Some(1));
        check(1980, Some(1));
        check(2000, Some(2));
        check(3999, Some(2));
        check(4000, None);
        check(8999, None);
        check(9999, Some(3));
    }

    #[test]
    fn pictures_are_decoded_from_the_fragment_with_their_key_frame() {
        let link = |start_s: i64, begins_with_key_frame| Link {
            stretch: Stretch { start_ms: start_s * 1000, duration_ms: 20_000 },
            size_bytes: 1 << 20,
            begins_with_key_frame,
        };
        let check = |links: &[Link], index, expect| {
            assert_eq!(beginning_of_run(links, index), expect, "{index}");
        };
        let long: Vec<Link> = (0..20).map(|at| link(at * 20, at == 0)).collect();
        check(&long, 0, 0);
        check(&long, 1, 0);
        check(&long, 15, 0);
        check(&long, 16, 16); // 320 s
        check(&[link(0, true), link(20, true), link(40, false)], 2, 1);
        // What is missing in between is missing in the pictures.
        check(&[link(0, true), link(20, false), link(42, false)], 2, 2);
        check(&[link(0, false), link(20, false)], 1, 1);
        let heavy =
            |begins| Link { size_bytes: 30 << 20, ..link(if begins { 0 } else { 20 }, begins) };
        check(&[heavy(true), heavy(false)], 1, 1);
        check(&[], 3, 3);
    }

    #[test]
    fn of_fragments_that_overlap_the_one_that_began_last_holds_the_instant() {
        let fragments = [(0, 10_000), (2000, 1000)]
            .map(|(start_ms, duration_ms)| Stretch { start_ms, duration_ms });
        for (at_ms, expect) in [(1999, 0), (2000, 1), (2999, 1), (3000, 0), (9999, 0), (10_500, 0)]
        {
            assert_eq!(holder(&fragments, at_ms), Some(expect), "{at_ms}");
        }
    }

    /// Offsets in decode order; key frames are negative numbers minus one.
    fn frames(offsets: &[i64]) -> Vec<Shown> {
        let frame = |&offset: &i64| Shown {
            offset_ms: if offset < 0 { -offset - 1 } else { offset },
            key_frame: offset < 0,
        };
        offsets.iter().map(frame).collect()
    }

    #[test]
    fn the_last_frame_at_or_before_an_instant_is_shown() {
        let check = |offsets: &[i64], at_ms, expect| {
            assert_eq!(frame_at(&frames(offsets), at_ms), expect, "{offsets:?} {at_ms}");
        };
        let simple = [-1, 40, 80, 120];
        check(&simple, 0, Some((0, 0)));
        check(&simple, 39, Some((0, 0)));
        check(&simple, 40, Some((0, 1)));
        check(&simple, 5000, Some((0, 3)));
        // Before the first frame there is only that one.
        check(&simple, -5, Some((0, 0)));
        // B-frames: 0 160 80 40 120.
        let reordered = [-1, 160, 80, 40, 120];
        check(&reordered, 50, Some((0, 3)));
        check(&reordered, 130, Some((0, 4)));
        check(&reordered, 200, Some((0, 1)));
        // A second key frame: nothing before it is needed, except for the pictures that lead it.
        let two = [-1, 40, -121, 80, 160];
        check(&two, 40, Some((0, 1)));
        check(&two, 80, Some((0, 3)));
        check(&two, 120, Some((2, 2)));
        check(&two, 170, Some((2, 4)));
        // Pictures that lead the first key frame cannot be decoded.
        check(&[-81, 0, 40, 120], 50, Some((0, 0)));
        // No frame says that it is a key frame: then the first has to be.
        check(&[0, 40], 40, Some((0, 1)));
        check(&[], 0, None);
    }

    proptest! {
        #[test]
        fn what_is_decoded_begins_with_a_key_frame_and_ends_with_the_wanted_one(
            order in prop::collection::vec((0i64..2000, any::<bool>()), 1..40),
            at_ms in -100i64..3000,
        ) {
            let mut frames: Vec<Shown> =
                order.into_iter().map(|(offset_ms, key_frame)| Shown { offset_ms, key_frame }).collect();
            frames[0].key_frame = true;
            let (from, wanted) = frame_at(&frames, at_ms).unwrap();
            prop_assert!(from <= wanted && frames[from].key_frame);
            prop_assert!(frames[wanted].offset_ms <= at_ms.max(frames[0].offset_ms));
            let later = |frame: &&Shown| frame.offset_ms <= at_ms && frame.offset_ms > frames[wanted].offset_ms;
            prop_assert!(frames.iter().find(later).is_none());
        }
    }

    #[test]
    fn instants_that_share_a_key_frame_share_a_pass() {
        let found = passes(&[(0, 3), (0, 0), (7, 9), (0, 3)]);
        let expect = [(0, BTreeSet::from([0, 3])), (7, BTreeSet::from([9]))];
        assert_eq!(found, BTreeMap::from(expect));
    }
}
