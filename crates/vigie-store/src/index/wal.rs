//! Whether SQLite will read all of an index's log.
//!
//! SQLite reads a log up to the first frame whose checksum does not agree and drops what lies behind, without a word: that
//! is how a transaction that was being written ends. Frames of the same log behind such a place were written before it
//! was damaged, and are transactions that are lost. Nothing is repaired here: what the index lost, the media says again.
//! The format is <https://sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::path::{Path, PathBuf};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
const MAGIC: u32 = 0x377F_0682;

/// A longer log is not looked at: it is written into the database at 4 MiB.
const LOG_BYTES_MAX: u64 = 256 << 20;

/// What a log looks like before SQLite opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// There is none, or it is empty.
    Absent,
    /// Nothing is lost in it.
    Sound,
    /// So many frames are not read, because something before them is damaged.
    Damaged { lost_frames: usize },
}

/// The log of the database in `path`.
pub(super) fn path_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    PathBuf::from(name)
}

/// Looks at the log of the database in `path`. One that cannot be read is SQLite's to refuse.
pub(super) fn inspect(path: &Path) -> Log {
    let path = path_of(path);
    let length_bytes = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
    match length_bytes {
        0 => Log::Absent,
        1..=LOG_BYTES_MAX => std::fs::read(&path).map_or(Log::Sound, |bytes| inspect_bytes(&bytes)),
        _ => Log::Sound,
    }
}

fn inspect_bytes(bytes: &[u8]) -> Log {
    let Some((header, mut frames)) = bytes.split_at_checked(HEADER_BYTES) else {
        return Log::Damaged { lost_frames: 0 };
    };
    let word = |bytes: &[u8], at: usize| {
        let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
        word.map_or(0, u32::from_be_bytes)
    };
    let page_bytes = match word(header, 8) {
        1 => 65_536,
        bytes => bytes as usize,
    };
    let is_big_endian = word(header, 0) == MAGIC | 1;
    let mut sum = checksum(is_big_endian, (0, 0), header.get(..24).unwrap_or_default());
    let is_header = word(header, 0) & !1 == MAGIC
        && (512..=65_536).contains(&page_bytes)
        && sum == (word(header, 24), word(header, 28));
    if !is_header {
        // A log that was begun anew and not synced has no whole header, and nothing behind it that counts.
        let lost_frames = frames.len() / (FRAME_HEADER_BYTES + 512);
        return if lost_frames == 0 { Log::Sound } else { Log::Damaged { lost_frames } };
    }
    let salt = header.get(16..24).unwrap_or_default();
    let (mut is_read, mut lost_frames) = (true, 0);
    while let Some((frame, rest)) = frames.split_at_checked(FRAME_HEADER_BYTES + page_bytes) {
        frames = rest;
        let is_of_this_log = frame.get(8..16) == Some(salt);
        if is_read {
            sum = checksum(is_big_endian, sum, frame.get(..8).unwrap_or_default());
            sum = checksum(is_big_endian, sum, frame.get(FRAME_HEADER_BYTES..).unwrap_or_default());
            is_read = is_of_this_log && sum == (word(frame, 16), word(frame, 20));
        } else if is_of_this_log {
            lost_frames += 1;
        }
    }
    if lost_frames == 0 { Log::Sound } else { Log::Damaged { lost_frames } }
}

fn checksum(is_big_endian: bool, (mut one, mut other): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    let (pairs, _) = bytes.as_chunks::<8>();
    for [a, b, c, d, e, f, g, h] in pairs {
        let word = if is_big_endian { u32::from_be_bytes } else { u32::from_le_bytes };
        one = one.wrapping_add(word([*a, *b, *c, *d])).wrapping_add(other);
        other = other.wrapping_add(word([*e, *f, *g, *h])).wrapping_add(one);
    }
    (one, other)
}
