//! Which fragments of a range make a clip. Pure.

use vigie_kvs::{ErrorKind, KvsError};
use vigie_store::{Fragment, FragmentEntry};

/// A shorter overlap is none: clocks and frame intervals are rounded.
const OVERLAP_MS: i64 = 50;
/// Media of the same time that was received this long apart was ingested twice.
const OTHER_INGESTION_MS: i64 = 60_000;

/// How much a clip may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipLimits {
    /// Fragments.
    pub fragments_max: usize,
    /// Bytes of those fragments.
    pub size_bytes_max: u64,
}

impl ClipLimits {
    /// AWS's quotas.
    pub const KVS: Self = Self { fragments_max: 200, size_bytes_max: 100 << 20 };

    /// How many fragments of a range have to be looked at before it is clear that too many remain: media may have been
    /// ingested a few times.
    pub(super) fn candidates_max(&self) -> usize {
        self.fragments_max.saturating_mul(4).saturating_add(100)
    }

    /// Whether a clip of these fragments is within the limits.
    pub(super) fn check(&self, fragments: &[Fragment]) -> Result<(), KvsError> {
        let limit = |what: String| {
            Err(KvsError::new(
                ErrorKind::ClientLimitExceeded,
                format!("the range holds more than {what}; ask for a shorter one"),
            ))
        };
        if fragments.len() > self.fragments_max {
            return limit(format!("{} fragments", self.fragments_max));
        }
        let size_bytes: u64 = fragments.iter().map(|fragment| fragment.entry.size_bytes).sum();
        if size_bytes > self.size_bytes_max {
            return limit(format!("{} MB of media", self.size_bytes_max >> 20));
        }
        Ok(())
    }
}

/// What remains of fragments in the order of their producer timestamps (KVS API_ClipFragmentSelector): of those with
/// one timestamp the newest, and of media that was ingested twice, cut otherwise, the older.
pub(super) fn without_repetitions(fragments: Vec<Fragment>) -> Vec<Fragment> {
    let mut kept: Vec<Fragment> = Vec::with_capacity(fragments.len());
    for fragment in fragments {
        let entry = &fragment.entry;
        if kept.last().is_some_and(|last| last.entry.producer_timestamp == entry.producer_timestamp)
        {
            kept.pop();
        }
        let mut is_second = false;
        while let Some(last) = kept.last() {
            match repeats(&last.entry, entry) {
                Some(Repetition::Later) => is_second = true,
                Some(Repetition::Earlier) => {
                    kept.pop();
                    continue;
                }
                None => {}
            }
            break;
        }
        if !is_second {
            kept.push(fragment);
        }
    }
    kept
}

/// Which of two fragments came in a second ingestion.
enum Repetition {
    Earlier,
    Later,
}

fn repeats(earlier: &FragmentEntry, later: &FragmentEntry) -> Option<Repetition> {
    let overlap_ms = earlier.producer_until().millis_since(later.producer_timestamp);
    if overlap_ms <= OVERLAP_MS {
        return None;
    }
    match later.server_timestamp.millis_since(earlier.server_timestamp) {
        apart_ms if apart_ms > OTHER_INGESTION_MS => Some(Repetition::Later),
        apart_ms if apart_ms < -OTHER_INGESTION_MS => Some(Repetition::Earlier),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vigie_media::Timestamp;
    use vigie_store::{MediaFileId, MediaFilePlace};

    use super::*;

    /// Producer and server timestamps in seconds; each is two seconds long.
    fn fragment(sequence: u64, producer_s: i64, server_s: i64) -> Fragment {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        Fragment {
            entry: FragmentEntry {
                sequence,
                producer_timestamp: at(producer_s),
                server_timestamp: at(server_s),
                timecode_ms: producer_s * 1000,
                duration_ms: 2000,
                offset: 0,
                size_bytes: 1 << 20,
                frame_count: 1,
                crc32c: 0,
                number_tail: 0,
                key: true,
                uploaded: false,
            },
            media_file: Arc::new(MediaFilePlace {
                id: MediaFileId(1),
                path: "1.mkv".into(),
                header_size_bytes: 1,
                header_crc32c: 0,
            }),
        }
    }

    #[test]
    fn media_that_was_ingested_twice_counts_once() {
        let check = |fragments: &[(u64, i64, i64)], expect: &[u64]| {
            let fragments = fragments.iter().map(|&(a, b, c)| fragment(a, b, c)).collect();
            let kept = without_repetitions(fragments);
            let kept: Vec<_> = kept.iter().map(|fragment| fragment.entry.sequence).collect();
            assert_eq!(kept, expect);
        };
        check(&[], &[]);
        check(&[(1, 0, 0), (2, 2, 2), (3, 4, 4)], &[1, 2, 3]);
        // The same start twice: the newest.
        check(&[(1, 0, 0), (9, 0, 500), (2, 2, 2), (3, 4, 4)], &[9, 2, 3]);
        // Cut otherwise and received long after: only the first ingestion.
        check(&[(1, 0, 0), (8, 1, 500), (2, 2, 2), (9, 3, 502)], &[1, 2]);
        check(&[(8, -1, 500), (1, 0, 0), (9, 1, 502), (2, 2, 2)], &[1, 2]);
        // Overlapping, but from one ingestion.
        check(&[(1, 0, 0), (2, 1, 1), (3, 3, 3)], &[1, 2, 3]);
    }

    #[test]
    fn more_than_the_limits_is_refused() {
        let check = |fragments_max, mb_max: u64, expect: Option<&str>| {
            let limits = ClipLimits { fragments_max, size_bytes_max: mb_max << 20 };
            let error = limits.check(&[fragment(1, 0, 0), fragment(2, 2, 2)]).err();
            assert_eq!(error.is_some(), expect.is_some());
            if let (Some(error), Some(text)) = (error, expect) {
                assert_eq!(error.kind, ErrorKind::ClientLimitExceeded);
                assert!(error.message.contains(text), "{}", error.message);
            }
        };
        check(2, 2, None);
        check(1, 2, Some("1 fragments"));
        check(2, 1, Some("1 MB"));
    }
}
