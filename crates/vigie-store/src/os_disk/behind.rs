//! What a file was given to write behind: kept until it is synced, then written past the page cache.
//!
//! Media that was just received is rarely read at once, and a copy of it in the kernel's cache costs more than all else
//! of storing it. So whole blocks go to the disk from memory of our own (`O_DIRECT`, open(2)). What does not fill a block,
//! at either end, goes through the cache, and only blocks behind the end of the file go past it, which nobody can have
//! read: so the cache never holds anything else than the disk does. Where a file system has no such writes, all goes
//! through the cache.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Buf, Bytes};
use rustix::fs::OFlags;

use super::scratch::{BLOCK_BYTES, Scratch};
use super::write_parts;

/// Less is cheaper through the page cache.
const DIRECT_BYTES_MIN: usize = 128 << 10;

/// See the module's documentation.
pub(super) struct Behind {
    path: PathBuf,
    queue: Mutex<Queue>,
    /// Held while the queue is written, so that a sync never overtakes a write.
    writing: Mutex<Writing>,
}

/// Bytes in a row.
#[derive(Default)]
struct Queue {
    parts: VecDeque<Bytes>,
    offset: u64,
    size_bytes: usize,
    /// Why bytes were lost. They do not come back, so no later sync may succeed.
    failed: Option<(io::ErrorKind, String)>,
}

struct Writing {
    /// As far as is known.
    takes_direct: bool,
}

impl Behind {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            queue: Mutex::default(),
            writing: Mutex::new(Writing { takes_direct: true }),
        }
    }

    /// Where the last byte that waits ends; 0 when none does.
    pub(super) fn end(&self) -> u64 {
        self.queue().end()
    }

    /// Keeps bytes that are to be written.
    pub(super) fn push(&self, file: &File, parts: &[Bytes], offset: u64) -> io::Result<()> {
        let end = self.end();
        if end != 0 && end != offset {
            self.flush(file)?;
        }
        let mut queue = self.queue();
        if queue.parts.is_empty() {
            queue.offset = offset;
        }
        queue.size_bytes += parts.iter().map(Bytes::len).sum::<usize>();
        queue.parts.extend(parts.iter().filter(|part| !part.is_empty()).cloned());
        Ok(())
    }

    /// Forgets what waits beyond this length.
    pub(super) fn truncate(&self, length_bytes: u64) {
        let _not_meanwhile = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut queue = self.queue();
        let left = length_bytes.saturating_sub(queue.offset).min(queue.size_bytes as u64) as usize;
        queue.size_bytes = left;
        let mut kept_bytes = 0;
        queue.parts.retain_mut(|part| {
            part.truncate(left - kept_bytes);
            kept_bytes += part.len();
            !part.is_empty()
        });
    }

    /// Writes what waits. Fails for ever once it has.
    pub(super) fn flush(&self, file: &File) -> io::Result<()> {
        let mut writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let (parts, offset) = self.queue().take()?;
        if parts.is_empty() {
            return Ok(());
        }
        let written = writing.write(file, &self.path, Parts(parts), offset);
        if let Err(error) = &written {
            self.queue().failed = Some((error.kind(), error.to_string()));
        }
        written
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn end(&self) -> u64 {
        if self.parts.is_empty() { 0 } else { self.offset + self.size_bytes as u64 }
    }

    fn take(&mut self) -> io::Result<(VecDeque<Bytes>, u64)> {
        if let Some((kind, reason)) = &self.failed {
            return Err(io::Error::new(*kind, reason.clone()));
        }
        self.size_bytes = 0;
        Ok((std::mem::take(&mut self.parts), self.offset))
    }
}

impl Writing {
    fn write(&mut self, file: &File, path: &Path, parts: Parts, offset: u64) -> io::Result<()> {
        let is_large = self.takes_direct && parts.size_bytes() >= DIRECT_BYTES_MIN;
        match is_large.then(|| self.open_direct(path)).flatten() {
            Some(direct) => self.write_past_cache(file, &direct, parts, offset),
            None => {
                let parts: Vec<&[u8]> = parts.0.iter().map(AsRef::as_ref).collect();
                write_parts(file, &parts, offset)
            }
        }
    }

    fn write_past_cache(
        &mut self,
        cached: &File,
        direct: &File,
        mut parts: Parts,
        offset: u64,
    ) -> io::Result<()> {
        let mut scratch = Scratch::take();
        let blocks = scratch.blocks();
        let mut at = offset;
        let to_block = offset.next_multiple_of(BLOCK_BYTES as u64) - offset;
        let mut odd = parts.copy_to(&mut blocks[..to_block as usize]);
        loop {
            cached.write_all_at(&blocks[..odd], at)?;
            at += odd as u64;
            let filled = parts.copy_to(blocks);
            if filled == 0 {
                break;
            }
            odd = filled % BLOCK_BYTES;
            let whole = filled - odd;
            self.write_blocks(cached, direct, &blocks[..whole], at)?;
            at += whole as u64;
            // Only behind the last block there can be more.
            blocks.copy_within(whole..filled, 0);
        }
        Ok(())
    }

    fn open_direct(&mut self, path: &Path) -> Option<File> {
        let flags = OFlags::DIRECT.bits().cast_signed();
        match OpenOptions::new().write(true).custom_flags(flags).open(path) {
            Ok(file) => Some(file),
            Err(error) => {
                tracing::debug!(path = %path.display(), %error, "write through the page cache");
                self.takes_direct = false;
                None
            }
        }
    }

    /// Writes whole blocks; through the cache where the disk wants them otherwise than they are.
    fn write_blocks(
        &mut self,
        cached: &File,
        direct: &File,
        blocks: &[u8],
        at: u64,
    ) -> io::Result<()> {
        let file = if self.takes_direct { direct } else { cached };
        match file.write_all_at(blocks, at) {
            Err(error) if self.takes_direct && is_refusal(&error) => {
                tracing::debug!(%error, "write through the page cache");
                self.takes_direct = false;
                cached.write_all_at(blocks, at)
            }
            outcome => outcome,
        }
    }
}

/// Whether the disk wants blocks of another size, or none past the cache at all.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

struct Parts(VecDeque<Bytes>);

impl Parts {
    fn size_bytes(&self) -> usize {
        self.0.iter().map(Bytes::len).sum()
    }

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
