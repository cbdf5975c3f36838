//! Memory that cameras' connections are read into: shared by all that one thread reads, and used again.
//!
//! What a read brings is a slice of a block, and so is each part of a frame, until it is handed to the disk. Then nothing
//! refers to the block any more, mostly, and the next camera is read into the same memory, while it is in the processor's
//! cache. Where frames wait, the block is filled on, by one camera after another, so that memory is taken by what came and
//! not by how many cameras there are.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes of a block: five cameras' reads of 160 ms of 4 Mbit/s, or the most that one read takes. What is never filled takes
/// no memory.
const BLOCK_BYTES: usize = 512 * 1024;
/// What is shorter is copied out: a camera that sends in crumbs, and never ends a picture, would keep a block for each.
const COPY_BELOW_BYTES: usize = 4 * 1024;
/// A read that finds less room begins a new block: 160 ms of 6 Mbit/s fit, so that one read takes all there is, mostly.
const READ_BYTES_MIN: usize = 128 * 1024;
/// Blocks that are remembered while slices of them are in use; beyond, they go back to the allocator.
const BLOCKS_MAX: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct ReadPool {
    blocks: Mutex<Blocks>,
}

#[derive(Debug, Default)]
struct Blocks {
    /// Being filled; empty, with what is left of the block as its capacity. `None` before the first read.
    current: Option<BytesMut>,
    /// Filled, the oldest first.
    filled: VecDeque<BytesMut>,
}

impl ReadPool {
    /// Reads once what is there; empty at the end of the connection.
    pub(crate) fn poll_read(
        &self,
        connection: &mut (impl AsyncRead + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Bytes>> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let current = blocks.with_room();
        // Polled once and dropped: it keeps nothing of its own, so nothing that was read can be lost.
        match pin!(connection.read_buf(current)).poll(context) {
            Poll::Ready(Ok(count)) if count < COPY_BELOW_BYTES => {
                let crumb = Bytes::copy_from_slice(current);
                current.clear();
                Poll::Ready(Ok(crumb))
            }
            Poll::Ready(Ok(count)) => Poll::Ready(Ok(current.split_to(count).freeze())),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Blocks {
    /// The block that was filled last of those that nothing refers to any more: its memory may still be in the processor's
    /// cache.
    fn reclaimed(&mut self) -> Option<BytesMut> {
        let at = self.filled.iter_mut().rposition(|block| block.try_reclaim(BLOCK_BYTES))?;
        self.filled.remove(at)
    }

    fn with_room(&mut self) -> &mut BytesMut {
        // From its beginning, when what was read last is done with: that memory is in the processor's cache.
        let is_full = |block: &mut BytesMut| {
            !block.try_reclaim(BLOCK_BYTES) && block.capacity() < READ_BYTES_MIN
        };
        if let Some(filled) = self.current.take_if(is_full) {
            if self.filled.len() == BLOCKS_MAX {
                self.filled.pop_front();
            }
            self.filled.push_back(filled);
        }
        let next = match self.current.take() {
            Some(block) => block,
            None => self.reclaimed().unwrap_or_else(|| BytesMut::with_capacity(BLOCK_BYTES)),
        };
        self.current.insert(next)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn read(pool: &ReadPool, mut from: &[u8]) -> Bytes {
        poll_fn(|context| pool.poll_read(&mut from, context)).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_read_is_whole_and_blocks_are_used_again_when_nobody_needs_them() {
        let pool = ReadPool::default();
        let sent: Vec<u8> = (0..60_000u32).map(|number| number as u8).collect();
        let mut addresses = std::collections::BTreeSet::new();
        let mut kept = VecDeque::new();
        for _ in 0..1_000 {
            let came = read(&pool, &sent).await;
            assert_eq!(came, sent);
            addresses.insert(came.as_ptr() as usize);
            kept.push_back(came);
            // Some half a megabyte is in use at a time.
            if kept.len() > 8 {
                kept.pop_front();
            }
        }
        // Four reads a block: the same few blocks all the time.
        assert!(addresses.len() <= 32, "{} places", addresses.len());
        assert!(read(&pool, &[]).await.is_empty());
    }

    #[tokio::test]
    async fn crumbs_keep_no_block() {
        let pool = ReadPool::default();
        let mut kept = Vec::new();
        for number in 0..1_000u32 {
            let crumb = read(&pool, &number.to_be_bytes()).await;
            assert_eq!(*crumb, number.to_be_bytes());
            kept.push(crumb);
        }
        assert!(pool.blocks.lock().unwrap().filled.is_empty());
        assert!(kept.iter().zip(0u32..).all(|(crumb, number)| **crumb == number.to_be_bytes()));
    }

    #[tokio::test]
    async fn what_is_kept_for_long_bounds_what_is_remembered_and_not_what_is_read() {
        let pool = ReadPool::default();
        let sent = vec![7; 200_000];
        let mut kept = Vec::new();
        for _ in 0..3 * BLOCKS_MAX {
            kept.push(read(&pool, &sent).await);
        }
        assert!(kept.iter().all(|came| *came == sent));
        assert!(pool.blocks.lock().unwrap().filled.len() <= BLOCKS_MAX);
    }
}
