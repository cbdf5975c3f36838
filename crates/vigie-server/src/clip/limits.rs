//! How much a clip may hold. Pure.

use vigie_kvs::{ErrorKind, KvsError};

use crate::fragment_selection::Found;

/// How much a clip may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipLimits {
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

    /// Whether a clip of what was found of a range is within the limits, and is all of the range.
    pub(super) fn check(&self, found: &Found) -> Result<(), KvsError> {
        let fragments = &found.fragments;
        let limit = |what: String| {
            Err(KvsError::new(
                ErrorKind::ClientLimitExceeded,
                format!("the range holds more than {what}; ask for a shorter one"),
            ))
        };
        // A clip that ends before its range would pass for whole.
        if fragments.len() > self.fragments_max || !found.is_whole {
            return limit(format!("{} fragments", self.fragments_max));
        }
        let size_bytes: u64 = fragments.iter().map(|fragment| fragment.size_bytes).sum();
        if size_bytes > self.size_bytes_max {
            return limit(format!("{} MB of media", self.size_bytes_max >> 20));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vigie_media::Timestamp;

    use super::*;
    use crate::archive::{DocumentId, Location, StoredFragment};

    /// Producer and server timestamps in seconds; each is two seconds long.
    fn fragment(sequence: u64, producer_s: i64, server_s: i64) -> StoredFragment {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000);
        StoredFragment {
            sequence,
            producer_timestamp: at(producer_s),
            server_timestamp: at(server_s),
            timecode_ms: producer_s * 1000,
            duration_ms: 2000,
            size_bytes: 1 << 20,
            frame_count: 1,
            crc32c: 0,
            number_tail: 0,
            begins_with_key_frame: true,
            document: DocumentId(1),
            at: Location::new(sequence.into(), Arc::new(())),
        }
    }

    #[test]
    fn more_than_the_limits_is_refused() {
        let check = |is_whole, fragments_max, mb_max: u64, expect: Option<&str>| {
            let limits = ClipLimits { fragments_max, size_bytes_max: mb_max << 20 };
            let fragments = vec![fragment(1, 0, 0), fragment(2, 2, 2)];
            let error = limits.check(&Found { fragments, is_whole }).err();
            assert_eq!(error.is_some(), expect.is_some());
            if let (Some(error), Some(text)) = (error, expect) {
                assert_eq!(error.kind, ErrorKind::ClientLimitExceeded);
                assert!(error.message.contains(text), "{}", error.message);
            }
        };
        check(true, 2, 2, None);
        check(true, 1, 2, Some("1 fragments"));
        check(true, 2, 1, Some("1 MB"));
        // Of media that was ingested many times looking stopped before the end.
        check(false, 2, 2, Some("2 fragments"));
    }
}
