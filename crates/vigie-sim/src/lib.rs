//! A world to test Vigie in: simulated clock, chance, disk, link and camera.
//!
//! Everything here is deterministic: one seed reproduces a run to the last byte. Nothing here is part of the product.

pub mod chance;
pub mod clock;
pub mod disk;
