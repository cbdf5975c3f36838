//! Chance that tests know: seeded, or none. Where no wait is to be jittered, [`vigie_engine::chance::NoChance`] draws.

use vigie_engine::chance::Chance;

/// Seeded chance: one seed, one run.
///
/// A generator of the SplitMix64 kind (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014):
/// every seed is good, and two generators from one seed agree for ever.
#[derive(Clone, Debug)]
pub struct SimChance {
    state: u64,
}

impl SimChance {
    /// A generator that starts at `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// True `per_mille` times in a thousand.
    pub fn happens(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }
}

impl Chance for SimChance {
    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// Draws 0 for ever, and tells the test whenever it is asked.
pub struct WatchedChance<F>(pub F);

impl<F: FnMut() + Send> Chance for WatchedChance<F> {
    fn next_u64(&mut self) -> u64 {
        (self.0)();
        0
    }
}
