//! The memory of fragments that are on the disk, kept for those that come.
//!
//! Memory that is fresh from the kernel costs a page fault for each 4 KiB, which under load takes as long as copying
//! the media into it. Decides how much is kept; who may hold how much is for `memory` to say.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};

/// Memory that is kept.
const KEPT_BYTES_MAX: usize = 64 << 20;
/// Smaller pieces come cheaply from the allocator.
const BUFFER_BYTES_MIN: usize = 64 << 10;
/// A buffer is not used for less than this part of it.
const PART_MIN: usize = 4;

#[derive(Default)]
pub(crate) struct Buffers {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    bytes: usize,
    buffers: Vec<BytesMut>,
}

impl Buffers {
    /// An empty buffer of this size or somewhat more, if there is one.
    pub(crate) fn take(&self, size_bytes: usize) -> Option<BytesMut> {
        let fits = size_bytes..=size_bytes.saturating_mul(PART_MIN);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // The last one that came is the one that the processor's caches know best.
        let at = kept.buffers.iter().rposition(|buffer| fits.contains(&buffer.capacity()))?;
        let buffer = kept.buffers.remove(at);
        kept.bytes -= buffer.capacity();
        Some(buffer)
    }

    /// The same bytes; their memory comes back when the last one who holds them lets go.
    pub(crate) fn lend(self: &Arc<Self>, fragment: Bytes) -> Bytes {
        Bytes::from_owner(Lent { fragment, buffers: Arc::clone(self) })
    }

    /// Keeps the memory of a fragment that nobody holds any more.
    fn give(&self, fragment: Bytes) {
        let Ok(mut buffer) = fragment.try_into_mut() else { return };
        buffer.clear();
        let size_bytes = buffer.capacity();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if size_bytes >= BUFFER_BYTES_MIN && kept.bytes + size_bytes <= KEPT_BYTES_MAX {
            kept.bytes += size_bytes;
            kept.buffers.push(buffer);
        }
    }
}

/// A fragment whose memory comes back when this is dropped.
struct Lent {
    fragment: Bytes,
    buffers: Arc<Buffers>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.fragment
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.buffers.give(std::mem::take(&mut self.fragment));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragment(size_bytes: usize) -> Bytes {
        BytesMut::zeroed(size_bytes).freeze()
    }

    #[test]
    fn memory_is_used_again_when_nobody_holds_it() {
        let buffers = Buffers::default();
        let held = fragment(1 << 20);
        buffers.give(held.clone());
        assert!(buffers.take(1).is_none(), "still held");
        buffers.give(held);
        assert!(buffers.take(2 << 20).is_none(), "too small");
        assert!(buffers.take(100 << 10).is_none(), "a waste");
        let buffer = buffers.take(1 << 20).unwrap();
        assert!(buffer.is_empty() && buffer.capacity() >= 1 << 20);
        assert!(buffers.take(1 << 20).is_none());
    }

    #[test]
    fn lent_memory_comes_back_with_the_last_holder() {
        let buffers = Arc::new(Buffers::default());
        let lent = buffers.lend(fragment(1 << 20));
        let slice = lent.slice(5..9);
        drop(lent);
        assert!(buffers.take(1 << 20).is_none(), "still held");
        drop(slice);
        assert!(buffers.take(1 << 20).is_some());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let buffers = Buffers::default();
        buffers.give(fragment(BUFFER_BYTES_MIN - 1));
        for _ in 0..100 {
            buffers.give(fragment(1 << 20));
        }
        let kept = buffers.kept.lock().unwrap();
        assert_eq!((kept.buffers.len(), kept.bytes), (64, KEPT_BYTES_MAX));
    }
}
