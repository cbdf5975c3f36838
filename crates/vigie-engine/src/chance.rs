//! The chance seam: ids and jitter come from here, so that one seed reproduces a run.

/// A source of random numbers. The system's is named in the binary, the seeded one in `vigie-fakes`.
pub trait Chance: Send {
    /// The next 64 random bits.
    fn next_u64(&mut self) -> u64;

    /// A number in `0..bound`; 0 when `bound` is 0.
    fn below(&mut self, bound: u64) -> u64 {
        // The bias of a remainder is below 2^-32 for every bound used here (jitter and sampling).
        if bound == 0 { 0 } else { self.next_u64() % bound }
    }
}

/// Draws 0 for ever, for tests: without jitter every wait is the shortest. It stands here because this crate's own tests need it.
pub struct NoChance;

impl Chance for NoChance {
    fn next_u64(&mut self) -> u64 {
        0
    }
}
