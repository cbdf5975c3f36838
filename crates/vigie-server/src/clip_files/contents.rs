//! What stands in a clip file: where one ends and the next begins, its gaps, its fingerprint, its name. Pure.

use sha2::{Digest, Sha256};
use vigie_kvs::shapes::clip_file::ClipGap;
use vigie_media::Timestamp;

use super::session::Fingerprint;
use crate::archive::StoredFragment;
use crate::fragment_selection::lasts_until;

/// Media with less between it counts as one: no one sees it, and frame times are not exact.
const SEAM_MS: i64 = 1500;
/// A last picture that says nothing of how long it is shown.
const SINGLE_PICTURE_MS: i64 = 1000;
/// Of a file's gaps so many are told.
const GAPS_TOLD_MAX: usize = 1000;
/// Over a longer gap a file does not go: a player would show one picture for so long.
const GAP_MS_MAX: i64 = 12 * 3600 * 1000;
/// Frames of a file. Its index takes some 24 bytes of memory for each; a day of 25 pictures a second with sound is
/// 6,200,000.
const FRAMES_MAX: u64 = 4_000_000;

/// A file's extent, while its fragments are counted.
#[derive(Clone, Debug)]
pub(super) struct Extent {
    pub first_sequence: u64,
    pub last_sequence: u64,
    pub begins: Timestamp,
    pub ends: Timestamp,
    pub fragment_count: u64,
    pub frame_count: u64,
    pub size_bytes: u64,
    pub gaps: Vec<ClipGap>,
    pub gap_count: u64,
    /// Until when there is no gap.
    lasts_until: Timestamp,
    hash: Sha256,
}

impl Extent {
    /// Of a file of this stream that begins with this fragment.
    pub(super) fn new(stream_arn: &str, first: &StoredFragment) -> Self {
        let mut extent = Self {
            first_sequence: first.sequence,
            last_sequence: first.sequence,
            begins: first.producer_timestamp,
            ends: first.producer_timestamp,
            fragment_count: 0,
            frame_count: 0,
            size_bytes: 0,
            gaps: Vec::new(),
            gap_count: 0,
            lasts_until: first.producer_timestamp,
            hash: Sha256::new_with_prefix(stream_arn),
        };
        extent.add(first);
        extent
    }

    /// Of all these fragments.
    pub(super) fn of(stream_arn: &str, fragments: &[StoredFragment]) -> Option<Self> {
        let (first, rest) = fragments.split_first()?;
        let mut extent = Self::new(stream_arn, first);
        rest.iter().for_each(|fragment| extent.add(fragment));
        Some(extent)
    }

    /// Whether the next fragment still belongs to the file, as far as it is not for its tracks.
    pub(super) fn takes(&self, next: &StoredFragment) -> bool {
        next.producer_timestamp.millis_since(self.ends) <= GAP_MS_MAX
            && self.frame_count + u64::from(next.frame_count) <= FRAMES_MAX
    }

    pub(super) fn add(&mut self, next: &StoredFragment) {
        if next.producer_timestamp.millis_since(self.lasts_until) > SEAM_MS {
            self.gap_count += 1;
            if self.gaps.len() < GAPS_TOLD_MAX {
                let (start_timestamp, end_timestamp) = (self.ends, next.producer_timestamp);
                self.gaps.push(ClipGap { start_timestamp, end_timestamp });
            }
        }
        self.last_sequence = next.sequence;
        let shown_ms = match next.duration_ms {
            0 => SINGLE_PICTURE_MS,
            duration_ms => duration_ms.into(),
        };
        self.ends = self.ends.max(next.producer_timestamp.plus_millis(shown_ms));
        self.lasts_until = self.lasts_until.max(lasts_until(next));
        self.fragment_count += 1;
        self.frame_count += u64::from(next.frame_count);
        self.size_bytes += next.size_bytes;
        self.hash.update(next.sequence.to_be_bytes());
        self.hash.update(next.producer_timestamp.as_millis().to_be_bytes());
        self.hash.update(next.duration_ms.to_be_bytes());
        self.hash.update(next.size_bytes.to_be_bytes());
        self.hash.update(next.crc32c.to_be_bytes());
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        let digest: [u8; 32] = self.hash.clone().finalize().into();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        Fingerprint(half)
    }
}

/// The part of `fragments` from the one with the first sequence to the one with the last.
pub(super) fn between(
    mut fragments: Vec<StoredFragment>,
    (first, last): (u64, u64),
) -> Vec<StoredFragment> {
    let place = |sequence| fragments.iter().position(|fragment| fragment.sequence == sequence);
    let (Some(first), Some(last)) = (place(first), place(last)) else { return Vec::new() };
    fragments.truncate(last + 1);
    fragments.drain(..first.min(last));
    fragments
}

/// The name of a stream and the times in UTC, such as `gate-20261128T143000Z-20261128T151000Z.mp4`.
pub(super) fn file_name(stream_name: &str, begins: Timestamp, ends: Timestamp) -> String {
    // A file that ends within a second has it in its name.
    let ends = Timestamp::from_millis(ends.as_millis().saturating_add(999));
    format!("{stream_name}-{}-{}.mp4", compact(begins), compact(ends))
}

/// ISO 8601 without what file systems do not take.
fn compact(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.as_millis())
        .map_or_else(|_| time.to_string(), |time| time.strftime("%Y%m%dT%H%M%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::archive::{DocumentId, Location};

    /// Two seconds long, that begins at this second.
    fn fragment(sequence: u64, second: i64) -> StoredFragment {
        let at = Timestamp::from_millis(second * 1000);
        StoredFragment {
            sequence,
            producer_timestamp: at,
            server_timestamp: at,
            timecode_ms: second * 1000,
            duration_ms: 2000,
            size_bytes: 100,
            frame_count: 50,
            crc32c: 0,
            number_tail: 0,
            begins_with_key_frame: true,
            document: DocumentId(1),
            at: Location::new(sequence.into(), Arc::new(())),
        }
    }

    #[test]
    fn gaps_are_told_and_frame_times_that_are_not_exact_are_none() {
        let fragments = [(1, 0), (2, 2), (3, 5), (4, 10)].map(|(n, at)| fragment(n, at));
        let extent = Extent::of("gate", &fragments).unwrap();
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        assert_eq!((extent.begins, extent.ends), (at(0), at(12)));
        let gap = ClipGap { start_timestamp: at(7), end_timestamp: at(10) };
        assert_eq!((extent.gaps, extent.gap_count), (vec![gap], 1));
        assert_eq!((extent.fragment_count, extent.frame_count, extent.size_bytes), (4, 200, 400));
    }

    #[test]
    fn single_pictures_last_until_the_next_and_are_no_gaps_up_to_a_minute() {
        let single = |n, at| StoredFragment { duration_ms: 0, ..fragment(n, at) };
        let extent = Extent::of("gate", &[single(1, 0), single(2, 60), single(3, 122)]).unwrap();
        let at = |second: i64| Timestamp::from_millis(second * 1000);
        assert_eq!((extent.begins, extent.ends), (at(0), at(123)));
        assert_eq!(extent.gap_count, 1);
    }

    #[test]
    fn of_many_gaps_the_first_thousand_are_told_and_all_are_counted() {
        let with_gaps = |count: u64| {
            let fragments: Vec<_> = (0..=count).map(|n| fragment(n, n as i64 * 10)).collect();
            let extent = Extent::of("gate", &fragments).unwrap();
            (extent.gaps.len(), extent.gap_count)
        };
        assert_eq!(with_gaps(1000), (1000, 1000));
        assert_eq!(with_gaps(1001), (1000, 1001));
    }

    #[test]
    fn a_file_ends_before_half_a_day_without_media_and_before_too_many_frames() {
        let extent = Extent::new("gate", &fragment(1, 0));
        assert!(extent.takes(&fragment(2, 12 * 3600 + 2)));
        assert!(!extent.takes(&fragment(2, 12 * 3600 + 3)));
        let many = StoredFragment { frame_count: 4_000_000 - 50, ..fragment(2, 2) };
        assert!(extent.takes(&many));
        assert!(!extent.takes(&StoredFragment { frame_count: many.frame_count + 1, ..many }));
    }

    #[test]
    fn a_fingerprint_is_that_of_these_fragments_of_this_stream_alone() {
        let of_stream = |arn: &str, fragments: &[StoredFragment]| {
            Extent::of(arn, fragments).unwrap().fingerprint()
        };
        let of = |fragments: &[StoredFragment]| of_stream("gate", fragments);
        let both = [fragment(1, 0), fragment(2, 2)];
        assert_eq!(of(&both), of(&both));
        assert_ne!(of(&both), of(&both[..1]));
        let other = [fragment(1, 0), StoredFragment { crc32c: 1, ..fragment(2, 2) }];
        assert_ne!(of(&both), of(&other));
        // Sequences begin anew in each stream, and a CRC can be made to fit.
        assert_ne!(of(&both), of_stream("barn", &both));
        assert!(Extent::of("gate", &[]).is_none());
    }

    #[test]
    fn a_part_is_found_by_its_ends() {
        let all = || vec![fragment(7, 0), fragment(3, 2), fragment(9, 4)];
        let found = |ends| between(all(), ends).iter().map(|it| it.sequence).collect::<Vec<_>>();
        assert_eq!(found((7, 9)), [7, 3, 9]);
        assert_eq!(found((3, 3)), [3]);
        assert_eq!(found((7, 8)), [] as [u64; 0]);
        assert_eq!(found((9, 7)), [7], "of no file; its fingerprint is another");
    }

    #[test]
    fn a_file_s_name_has_its_stream_and_its_times() {
        let at = |millis: i64| Timestamp::from_millis(1_795_876_200_000 + millis);
        let name = file_name("gate", at(999), at(600_001));
        assert_eq!(name, "gate-20261128T143000Z-20261128T144001Z.mp4");
    }
}
