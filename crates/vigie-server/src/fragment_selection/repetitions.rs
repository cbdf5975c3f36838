//! Of media that was ingested more than once: which fragments count. Pure.
//!
//! By the producer's clock, of fragments that start at the same time the newest counts, and of media that was ingested
//! at very different times, cut otherwise, the older (KVS API_HLSFragmentSelector, API_ClipFragmentSelector). The rule
//! looks at a fragment and its neighbours alone, so that a session that grows and a clip that is whole come to the same.

use crate::archive::StoredFragment;

/// A shorter gap or overlap is none: clocks and frame intervals are rounded (KVS API_GetHLSStreamingSessionURL,
/// ON_DISCONTINUITY).
pub(crate) const SEAM_MS: i64 = 50;
/// Media of the same time that was received this long apart was ingested twice.
const OTHER_INGESTION_MS: i64 = 60_000;

/// What the rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ingested {
    /// When the fragment begins by the producer's clock.
    pub producer_ms: i64,
    /// When it ends by the producer's clock.
    pub producer_end_ms: i64,
    /// When the server began to receive it.
    pub server_ms: i64,
}

impl From<&StoredFragment> for Ingested {
    fn from(entry: &StoredFragment) -> Self {
        Self {
            producer_ms: entry.producer_timestamp.as_millis(),
            producer_end_ms: entry.producer_until().as_millis(),
            server_ms: entry.server_timestamp.as_millis(),
        }
    }
}

/// Whether a fragment counts, in the order of producer timestamps and, where those are equal, of ingestion: `last` is
/// the one before it that counted, `next` the one behind it.
pub(crate) fn counts(
    last: Option<&Ingested>,
    fragment: &Ingested,
    next: Option<&Ingested>,
) -> bool {
    let repeats_last =
        last.is_some_and(|last| overlap(last, fragment) && is_second(fragment, last));
    let gives_way = next.is_some_and(|next| {
        next.producer_ms == fragment.producer_ms
            || overlap(fragment, next) && is_second(fragment, next)
    });
    !repeats_last && !gives_way
}

/// `fragments`, in the order of [`counts`], without those that do not count.
pub(super) fn without_repetitions(fragments: Vec<StoredFragment>) -> Vec<StoredFragment> {
    let mut last: Option<Ingested> = None;
    let mut kept = Vec::with_capacity(fragments.len());
    let mut rest = fragments.into_iter().peekable();
    while let Some(fragment) = rest.next() {
        let this = Ingested::from(&fragment);
        let next = rest.peek().map(Ingested::from);
        if counts(last.as_ref(), &this, next.as_ref()) {
            last = Some(this);
            kept.push(fragment);
        }
    }
    kept
}

fn overlap(earlier: &Ingested, later: &Ingested) -> bool {
    later.producer_ms.saturating_add(SEAM_MS) < earlier.producer_end_ms
}

fn is_second(fragment: &Ingested, other: &Ingested) -> bool {
    fragment.server_ms.saturating_sub(other.server_ms) > OTHER_INGESTION_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (producer, server) timestamps in seconds of fragments of two seconds; the indices of those that count.
    #[track_caller]
    fn check(fragments: &[(i64, i64)], expect: &[usize]) {
        let fragments: Vec<Ingested> = fragments
            .iter()
            .map(|&(producer_s, server_s)| Ingested {
                producer_ms: producer_s * 1000,
                producer_end_ms: (producer_s + 2) * 1000,
                server_ms: server_s * 1000,
            })
            .collect();
        let mut counted: Vec<usize> = Vec::new();
        for (index, fragment) in fragments.iter().enumerate() {
            let last = counted.last().map(|&last| &fragments[last]);
            if counts(last, fragment, fragments.get(index + 1)) {
                counted.push(index);
            }
        }
        assert_eq!(counted, expect);
    }

    #[test]
    fn media_that_was_ingested_once_counts_whole() {
        check(&[], &[]);
        check(&[(0, 0), (2, 2), (4, 4)], &[0, 1, 2]);
        // Overlapping, but from one ingestion.
        check(&[(0, 0), (1, 1), (3, 3)], &[0, 1, 2]);
    }

    #[test]
    fn of_fragments_with_one_start_the_newest_counts() {
        check(&[(0, 0), (0, 500), (2, 2), (4, 4)], &[1, 2, 3]);
        check(&[(0, 0), (0, 1), (0, 2)], &[2]);
    }

    #[test]
    fn of_media_that_was_ingested_twice_cut_otherwise_the_older_counts() {
        check(&[(0, 0), (1, 500), (2, 2), (3, 502)], &[0, 2]);
        check(&[(-1, 500), (0, 0), (1, 502), (2, 2)], &[1, 3]);
        // What only the second ingestion has counts as well.
        check(&[(0, 0), (1, 500), (3, 502)], &[0, 2]);
    }
}
