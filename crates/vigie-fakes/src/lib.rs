//! What stands in a test for the world: clocks, chance and a disk, each behind its seam. All of them are here, so that a test
//! finds what another one has, and a seam that changes has one place to follow.
//!
//! Two kinds are elsewhere. Engines in memory belong to their seam's contract (`vigie-archive`, `vigie-metadata`). What a whole
//! simulated world is made of beyond these is `vigie-sim`'s: disk, executor, link and camera.

pub mod chance;
pub mod clock;
pub mod disk;
