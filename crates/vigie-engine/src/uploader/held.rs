//! What the service said to hold, and which of the hub's fragments that is.
//!
//! The service names a fragment by numbers that the hub never learnt, so one is told by its timecode and its size. By its
//! timecode alone it is not: where the hub's clock was set back the times come again, and a fragment that was taken for
//! another one would count as uploaded, and be deleted.

use std::collections::BTreeMap;

use super::{Listed, Pending};

/// Services may count what is around the frames in another way: a fragment is the same up to a part of its size and some
/// bytes. Vigie's counts as the hub does.
const SIZE_PARTS: u64 = 32;
const SIZE_BYTES: u64 = 64;

/// See the module's documentation.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// The sizes of those with a timecode, in milliseconds.
    sizes: BTreeMap<i64, Vec<u64>>,
}

impl Held {
    pub(super) fn extend(&mut self, fragments: Vec<Listed>) {
        for Listed { producer_timestamp, size_bytes } in fragments {
            self.sizes.entry(producer_timestamp.as_millis()).or_default().push(size_bytes);
        }
    }

    /// Whether a fragment is among them; it is no other one from then on.
    pub(super) fn take<I>(&mut self, pending: &Pending<I>) -> bool {
        let timecode_ms = pending.timecode.as_millis();
        let Some(sizes) = self.sizes.get_mut(&timecode_ms) else { return false };
        let nearest = sizes.iter().map(|size| size.abs_diff(pending.size_bytes)).enumerate();
        let Some((index, apart_bytes)) = nearest.min_by_key(|(_, apart_bytes)| *apart_bytes) else {
            return false;
        };
        if apart_bytes > pending.size_bytes / SIZE_PARTS + SIZE_BYTES {
            return false;
        }
        sizes.swap_remove(index);
        if sizes.is_empty() {
            self.sizes.remove(&timecode_ms);
        }
        true
    }

    pub(super) fn clear(&mut self) {
        self.sizes.clear();
    }
}

#[cfg(test)]
mod tests {
    use vigie_media::Timestamp;

    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_795_334_400_000);

    fn held(sizes: &[u64]) -> Held {
        let mut held = Held::default();
        let listed = |&size_bytes: &u64| Listed { producer_timestamp: AT, size_bytes };
        held.extend(sizes.iter().map(listed).collect());
        held
    }

    fn takes(held: &mut Held, size_bytes: u64) -> bool {
        held.take(&Pending { id: 1u32, timecode: AT, size_bytes, document: 1 })
    }

    #[test]
    fn a_fragment_of_the_same_time_and_another_size_is_another_one() {
        let mut held = held(&[100_000]);
        assert!(!takes(&mut held, 90_000) && !takes(&mut held, 110_000));
        assert!(!held.take(&Pending {
            id: 1u32,
            timecode: AT.plus_millis(1),
            size_bytes: 100_000,
            document: 1
        }));
        assert!(takes(&mut held, 100_000));
        assert!(!takes(&mut held, 100_000), "it was the first");
    }

    #[test]
    fn of_several_of_the_same_time_each_is_one() {
        let mut held = held(&[50_000, 51_000, 200_000]);
        // Counted with what is around the frames.
        assert!(takes(&mut held, 50_900));
        assert!(takes(&mut held, 50_900));
        assert!(!takes(&mut held, 50_900));
        assert!(takes(&mut held, 195_000));
        assert!(held.sizes.is_empty());
    }
}
