//! The decoders from outside. What a confined one can still do is tried by a program of its own, which must have no other
//! thread: `confinement`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod damaged_media;
mod pool;
