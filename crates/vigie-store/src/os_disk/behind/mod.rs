//! What a file was given to write behind: kept until it is flushed or synced, then written past the page cache.
//!
//! Media that was just received is rarely read at once, and a copy of it in the kernel's cache costs more than all else
//! of storing it. So whole blocks go to the disk from memory of our own (`O_DIRECT`, open(2)). The last block is filled up
//! with zeros, kept, and written again with what comes next: a direct write costs by its number more than by its size, and
//! the odd end through the cache would cost a second one and a third. What such a block held before is in it again,
//! so a sector of it that a loss of power keeps old is as good as new. A copy of it in the cache, which a reader beside
//! may have caused, is dropped by the kernel with each direct write. The file is cut to its bytes when it ends.
//!
//! Few and large parts stay where they are until they are written; many and small ones are copied at once, to where they
//! are written from. Either way there is one copy.
//!
//! Little, what is read at once, and all on a file system without direct writes goes through the cache.

mod queue;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use rustix::fs::OFlags;

use self::queue::{Piece, Queue};
use super::copied::Copied;
use super::parts::write_parts;
use super::scratch::Scratch;
use crate::disk::BLOCK_BYTES;

/// Less is cheaper through the page cache, until a file has gone past it once.
const DIRECT_BYTES_MIN: usize = 32 << 10;

pub(super) struct Behind {
    path: PathBuf,
    queue: Mutex<Queue>,
    /// Held while the file is written, so that a sync never overtakes a write.
    writing: Mutex<Writing>,
    is_read_at_once: AtomicBool,
    has_ended: AtomicBool,
}

struct Writing {
    /// As far as is known.
    takes_direct: bool,
    /// How the file's descriptor stands.
    is_direct: bool,
    /// The block that the next direct write begins with, while the cache holds nothing newer of it.
    tail: Option<Tail>,
    /// Where the bytes end that were written behind …
    end: u64,
    /// … and where the zeros behind them, when there are any.
    zeros_end: u64,
}

struct Tail {
    start: u64,
    /// Less than a block.
    bytes: Vec<u8>,
}

impl Behind {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            queue: Mutex::default(),
            writing: Mutex::new(Writing::new()),
            is_read_at_once: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        }
    }

    pub(super) fn set_read_at_once(&self, is_read_at_once: bool) {
        self.is_read_at_once.store(is_read_at_once, Ordering::Relaxed);
    }

    /// Nothing more comes: the next sync cuts the zeros off.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.queue().size_bytes()
    }

    /// The file's length with what waits and without zeros.
    pub(super) fn length_bytes(&self, file: &File) -> io::Result<u64> {
        let writing = self.writing();
        let written = match writing.has_zeros() {
            true => writing.end,
            false => file.metadata()?.len(),
        };
        Ok(written.max(self.queue().end()))
    }

    /// Keeps bytes that are to be written, and sums them where a checksum is to go on with them.
    pub(super) fn push(
        &self,
        file: &File,
        parts: &[Bytes],
        offset: u64,
        crc32c: Option<u32>,
    ) -> io::Result<u32> {
        let end = self.queue().end();
        if end != 0 && end != offset {
            self.flush(file)?;
        }
        Ok(self.queue().push(parts, offset, crc32c))
    }

    /// See [`crate::disk::DiskFile::full_at`].
    pub(super) fn full_at(&self) -> Option<u64> {
        let writing = self.writing();
        self.queue().is_full().then_some(writing.end)
    }

    /// Cuts the file, or makes it as long; forgets what waits beyond. Where all that was lost for want of space is cut off,
    /// the file is as good as any other.
    pub(super) fn truncate(&self, file: &File, length_bytes: u64) -> io::Result<()> {
        let mut writing = self.writing();
        let is_written = length_bytes <= writing.end;
        let mut queue = self.queue();
        queue.truncate(length_bytes);
        drop(queue);
        writing.through_cache(file)?;
        file.set_len(length_bytes)?;
        writing.end = writing.end.min(length_bytes);
        writing.zeros_end = 0;
        if is_written {
            self.queue().forget_want_of_space();
        }
        Ok(())
    }

    /// Writes what waits. Fails for ever once it has.
    pub(super) fn flush(&self, file: &File) -> io::Result<()> {
        self.flushed(file).map(drop)
    }

    /// Writes what waits, then syncs.
    pub(super) fn sync(&self, file: &File) -> io::Result<()> {
        let mut writing = self.flushed(file)?;
        if self.has_ended.load(Ordering::Relaxed) && writing.has_zeros() {
            writing.through_cache(file)?;
            file.set_len(writing.end)?;
            writing.zeros_end = 0;
        }
        drop(writing);
        file.sync_data()
    }

    /// Does `act` with what waits written, and nothing else written meanwhile; the file is as for any program.
    pub(super) fn plainly<T>(
        &self,
        file: &File,
        act: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let mut writing = self.flushed(file)?;
        writing.with_descriptor(file, false)?;
        act()
    }

    /// [`Self::plainly`] for bytes that go there.
    pub(super) fn write_plainly(
        &self,
        file: &File,
        parts: &[&[u8]],
        offset: u64,
    ) -> io::Result<()> {
        self.flushed(file)?.write_through_cache(file, parts, offset)
    }

    fn flushed(&self, file: &File) -> io::Result<MutexGuard<'_, Writing>> {
        let mut writing = self.writing();
        let (pieces, offset) = self.queue().take()?;
        if !pieces.is_empty() {
            let past_cache = !self.is_read_at_once.load(Ordering::Relaxed);
            let written = writing.write(file, pieces, offset, past_cache);
            if let Err(error) = written {
                tracing::debug!(path = %self.path.display(), %error, "write behind");
                self.queue().fail(&error);
                return Err(error);
            }
        }
        Ok(writing)
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    fn new() -> Self {
        Self { takes_direct: true, is_direct: false, tail: None, end: 0, zeros_end: 0 }
    }

    fn has_zeros(&self) -> bool {
        self.zeros_end > self.end
    }

    fn write(
        &mut self,
        file: &File,
        pieces: VecDeque<Piece>,
        offset: u64,
        past_cache: bool,
    ) -> io::Result<()> {
        let goes_on =
            self.tail.as_ref().is_some_and(|tail| tail.start + tail.bytes.len() as u64 == offset);
        let is_worth_it =
            goes_on || pieces.iter().map(Piece::len).sum::<usize>() >= DIRECT_BYTES_MIN;
        if past_cache && self.takes_direct && is_worth_it {
            return self.write_past_cache(file, pieces, offset);
        }
        let parts: Vec<&[u8]> = pieces.iter().map(Piece::bytes).collect();
        self.write_through_cache(file, &parts, offset)
    }

    fn write_through_cache(&mut self, file: &File, parts: &[&[u8]], offset: u64) -> io::Result<()> {
        self.through_cache(file)?;
        let mut end = offset;
        let written = write_parts(file, parts, offset, &mut end);
        self.end = self.end.max(end);
        written
    }

    fn write_past_cache(
        &mut self,
        file: &File,
        mut pieces: VecDeque<Piece>,
        offset: u64,
    ) -> io::Result<()> {
        let tail = self.tail.take();
        let mut tail = match tail.filter(|tail| tail.start + tail.bytes.len() as u64 == offset) {
            Some(tail) => tail,
            None => {
                let start = self.write_first_block(file, &mut pieces, offset)?;
                Tail { start, bytes: Vec::new() }
            }
        };
        while let Some(piece) = pieces.pop_front() {
            match piece {
                Piece::Copied(copied) => {
                    let mut run = vec![copied];
                    while let Some(piece) = pieces.pop_front() {
                        match piece {
                            Piece::Copied(copied) => run.push(copied),
                            other => {
                                pieces.push_front(other);
                                break;
                            }
                        }
                    }
                    tail = self.write_copied(file, run, tail)?;
                }
                Piece::Given(part) => {
                    let mut parts = VecDeque::from([part]);
                    while let Some(piece) = pieces.pop_front() {
                        match piece {
                            Piece::Given(part) => parts.push_back(part),
                            other => {
                                pieces.push_front(other);
                                break;
                            }
                        }
                    }
                    tail = self.write_given(file, Parts(parts), tail)?;
                }
            }
        }
        if self.takes_direct {
            self.tail = Some(tail);
        }
        Ok(())
    }

    /// The block that is begun is in the cache: writes what goes to it, and says where the next begins.
    fn write_first_block(
        &mut self,
        file: &File,
        pieces: &mut VecDeque<Piece>,
        offset: u64,
    ) -> io::Result<u64> {
        let mut at = offset;
        while !at.is_multiple_of(BLOCK_BYTES as u64)
            && let Some(piece) = pieces.front_mut()
        {
            let head = piece.split_first_block(at);
            self.write_through_cache(file, &[&head], at)?;
            at += head.len() as u64;
            if piece.len() == 0 {
                pieces.pop_front();
            }
        }
        Ok(at)
    }

    /// Writes what follows `tail`, from where it was copied to; what the next write begins with.
    fn write_copied(&mut self, file: &File, mut run: Vec<Copied>, tail: Tail) -> io::Result<Tail> {
        let mut filled = tail.bytes.len();
        let mut before: &[u8] = &tail.bytes;
        for copied in &mut run {
            copied.fill_blocks(before);
            filled += copied.len();
            before = &[];
        }
        let blocks: Vec<&[u8]> = run.iter().map(Copied::whole_blocks).collect();
        self.write_blocks(file, &blocks, filled, tail.start)?;
        let bytes = run.last().map_or(&[][..], Copied::last_odd).to_vec();
        Ok(Tail { start: tail.start + (filled - bytes.len()) as u64, bytes })
    }

    /// The same of parts that are where they were given.
    fn write_given(&mut self, file: &File, mut parts: Parts, tail: Tail) -> io::Result<Tail> {
        let mut scratch = Scratch::take();
        let blocks = scratch.blocks();
        blocks[..tail.bytes.len()].copy_from_slice(&tail.bytes);
        let (mut at, mut filled) = (tail.start, tail.bytes.len());
        loop {
            filled += parts.copy_to(&mut blocks[filled..]);
            if filled < blocks.len() {
                break;
            }
            self.write_blocks(file, &[blocks], filled, at)?;
            at += filled as u64;
            filled = 0;
        }
        if filled > 0 {
            let whole = filled.next_multiple_of(BLOCK_BYTES);
            blocks[filled..whole].fill(0);
            self.write_blocks(file, &[&blocks[..whole]], filled, at)?;
        }
        let odd = filled - filled % BLOCK_BYTES;
        Ok(Tail { start: at + odd as u64, bytes: blocks[odd..filled].to_vec() })
    }

    /// Writes whole blocks, of which the first `filled` bytes are the file's; those alone and through the cache where the
    /// disk wants blocks otherwise than they are.
    fn write_blocks(
        &mut self,
        file: &File,
        blocks: &[&[u8]],
        filled: usize,
        at: u64,
    ) -> io::Result<()> {
        if self.takes_direct {
            let mut end = at;
            let written = self
                .with_descriptor(file, true)
                .and_then(|()| write_parts(file, blocks, at, &mut end));
            self.end = self.end.max(end.min(at + filled as u64));
            match written {
                Err(error) if is_refusal(&error) => {
                    tracing::debug!(%error, "write through the page cache");
                    self.takes_direct = false;
                }
                Err(error) => return Err(error),
                Ok(()) => {
                    let size_bytes: usize = blocks.iter().map(|blocks| blocks.len()).sum();
                    self.zeros_end = self.zeros_end.max(at + size_bytes as u64);
                    return Ok(());
                }
            }
        }
        let mut left = filled;
        let bytes = blocks.iter().map(|blocks| {
            let (bytes, _) = blocks.split_at(blocks.len().min(left));
            left -= bytes.len();
            bytes
        });
        let bytes: Vec<&[u8]> = bytes.collect();
        self.write_through_cache(file, &bytes, at)
    }

    /// From here on the cache has something of the last block that the kept one has not.
    fn through_cache(&mut self, file: &File) -> io::Result<()> {
        self.tail = None;
        self.with_descriptor(file, false)
    }

    fn with_descriptor(&mut self, file: &File, is_direct: bool) -> io::Result<()> {
        if self.is_direct != is_direct {
            let flags = rustix::fs::fcntl_getfl(file)?;
            let flags = match is_direct {
                true => flags | OFlags::DIRECT,
                false => flags - OFlags::DIRECT,
            };
            rustix::fs::fcntl_setfl(file, flags)?;
            self.is_direct = is_direct;
        }
        Ok(())
    }
}

/// Whether the disk wants blocks of another size, or none past the cache at all.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

struct Parts(VecDeque<Bytes>);

impl Parts {
    /// Moves as many bytes as there are and fit to `target`; how many. What is copied is let go.
    fn copy_to(&mut self, target: &mut [u8]) -> usize {
        let mut filled = 0;
        while let Some(part) = self.0.front_mut() {
            let count = part.len().min(target.len() - filled);
            part.copy_to_slice(&mut target[filled..filled + count]);
            filled += count;
            if !part.is_empty() {
                break;
            }
            self.0.pop_front();
        }
        filled
    }
}

#[cfg(test)]
mod tests;
