//! Deviations counted until they are taken: as many of them as a camera likes cost no memory.

use std::collections::BTreeMap;

use crate::Deviation;

/// How often each kind was seen since it was last taken.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<Deviation, u32>);

impl Tally {
    pub(crate) fn add(&mut self, deviation: Deviation) {
        self.add_many(deviation, 1);
    }

    pub(crate) fn add_many(&mut self, deviation: Deviation, count: u32) {
        let counted = self.0.entry(deviation).or_default();
        *counted = counted.saturating_add(count);
    }

    /// One kind with its count, while there is any.
    pub(crate) fn take(&mut self) -> Option<(Deviation, u32)> {
        self.0.pop_first()
    }
}
