//! Memory that begins on a block, for writes past the page cache.
//!
//! A few pieces are kept for the next commit, whatever file it is of: fresh ones from the kernel would cost a page fault
//! for each 4 KiB.

use std::sync::{Mutex, PoisonError};

use super::workers::THREADS_MAX;
use crate::disk::BLOCK_BYTES;

/// A fragment of a camera fits, mostly.
const SCRATCH_BYTES: usize = 2 << 20;

/// Memory only: it carries nothing from one use to the next.
static KEPT: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

pub(super) struct Scratch {
    memory: Vec<u8>,
}

impl Scratch {
    pub(super) fn take() -> Self {
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self { memory: kept.unwrap_or_else(|| vec![0; SCRATCH_BYTES + BLOCK_BYTES]) }
    }

    /// Whole blocks of it. The kernel gives memory for those that are used.
    pub(super) fn blocks(&mut self) -> &mut [u8] {
        let start = self.memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
        &mut self.memory[start..start + SCRATCH_BYTES]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < THREADS_MAX {
            kept.push(std::mem::take(&mut self.memory));
        }
    }
}
