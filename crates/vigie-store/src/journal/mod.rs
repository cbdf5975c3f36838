//! The journal: what must outlive the index. Which media was deleted, which numbers were handed out, and from which on the
//! machine's present boot; and how often an index was begun anew.
//!
//! An index can be lost, damaged, or replaced by an older copy of itself. Then the media on the disk says what there is,
//! and this file, which lies beside it, says what there was: a media file that it names was deleted and not forgotten,
//! and no number is handed out twice. Decides nothing: it is told, and is asked.
//!
//! Records are appended, each with its checksum, and synced before whatever they tell of is done. A file that could not
//! be written or synced is never written again: a new one with all that is known takes its place. What is old and done
//! with goes the same way.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, BufMut};
use vigie_media::Timestamp;

use crate::boot::Boot;
use crate::discarded::DiscardedMedia;
use crate::disk::{Disk, DiskFile};
use crate::error::StoreError;
use crate::fragment::MediaFileId;
use crate::layout::{media_file_number, stream_directory};
use crate::names::sync_directory_if_there;

/// Its name in the media directory.
const FILE_NAME: &str = "deleted.journal";

const MAGIC: [u8; 4] = *b"vjr1";
/// Magic, kind and length of the body.
const HEAD_BYTES: usize = MAGIC.len() + 1 + 4;
const CHECKSUM_BYTES: usize = 4;
/// No record is longer; what says so is none.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The file grows by so many zeros at a time, so that a record needs no room on a disk that is full: then above all things
/// have to be deleted.
const ROOM_BYTES: u64 = 64 << 10;

/// Numbers of media files that are reserved at a time: no file of this process has a number that one of an earlier process
/// may have, so that what those left is known by it.
pub(crate) const MEDIA_FILES_PER_RESERVATION: u64 = 1000;

/// Beyond this the oldest deletions that are done with are dropped, and half of it is kept: whoever puts an older index in
/// the place of a newer one has that many to be told of.
const DELETIONS_BYTES_MAX: usize = 1 << 20;

/// A longer file is none of the store's.
const FILE_BYTES_MAX: u64 = 1 << 30;

const KIND_FILES: u8 = b'F';
const KIND_STREAM: u8 = b'S';
const KIND_MEDIA_FILES: u8 = b'M';
const KIND_SEQUENCES: u8 = b'Q';
const KIND_DISCARDED: u8 = b'U';
const KIND_BOOT: u8 = b'B';
const KIND_GENERATION: u8 = b'G';

/// What was deleted of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deletion {
    /// These media files.
    Files { key: String, ids: Vec<MediaFileId> },
    /// The stream, with all its media files below this number.
    Stream { key: String, below: MediaFileId },
    /// A file that lay aside; what of its media is known.
    Discarded { path: String, size_bytes: u64, media: Option<DiscardedMedia> },
}

/// A deletion with its number: they are counted, and an index knows how many it has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) deletion: Deletion,
}

enum Record {
    Entry(Entry),
    MediaFiles(u64),
    Sequences(String, u64),
    Boot(Boot),
    Generation(u64),
}

/// What is known of a stream's deleted files, by its directory.
#[derive(Default)]
struct Deleted {
    below: u64,
    ids: BTreeSet<u64>,
}

pub(crate) struct Journal {
    root: PathBuf,
    /// `None` when it has to be written anew.
    file: Option<Arc<dyn DiskFile>>,
    /// Where the next record goes, and how far the file's room reaches.
    end: u64,
    room_end: u64,
    entries: VecDeque<Entry>,
    entries_bytes: usize,
    /// Entries that are not in the file yet, the last of `entries`.
    pending: usize,
    last_number: u64,
    next_media_file_id: u64,
    sequences: BTreeMap<String, u64>,
    /// The last one in which the store was opened.
    boot: Option<Boot>,
    /// Of the newest index.
    generation: u64,
    deleted: HashMap<PathBuf, Deleted>,
}

/// What reading a journal found.
pub(crate) struct Opened {
    pub(crate) journal: Journal,
    pub(crate) is_there: bool,
    /// Bytes between its records that are none.
    pub(crate) damaged_bytes: u64,
}

impl Journal {
    /// Reads the journal of the media directory `root`. Writes nothing.
    pub(crate) fn open(disk: &dyn Disk, root: &Path) -> Result<Opened, StoreError> {
        let path = root.join(FILE_NAME);
        let mut journal = Self {
            root: root.to_owned(),
            file: None,
            end: 0,
            room_end: 0,
            entries: VecDeque::new(),
            entries_bytes: 0,
            pending: 0,
            last_number: 0,
            next_media_file_id: 1,
            sequences: BTreeMap::new(),
            boot: None,
            generation: 0,
            deleted: HashMap::new(),
        };
        let file = match disk.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Opened { journal, is_there: false, damaged_bytes: 0 });
            }
            Err(error) => return Err(StoreError::io("open", path, error)),
        };
        let read = || {
            let length_bytes = file.length_bytes()?.min(FILE_BYTES_MAX);
            file.read_exact_at(0, usize::try_from(length_bytes).map_err(io::Error::other)?)
        };
        let bytes = read().map_err(|error| StoreError::io("read", &path, error))?;
        let (records, end, damaged_bytes) = parse(&bytes);
        for record in records {
            journal.learn(record);
        }
        journal.end = end as u64;
        journal.room_end = bytes.len() as u64;
        // What was torn or rotten is not written behind: a new file is.
        journal.file = (damaged_bytes == 0).then_some(file);
        Ok(Opened { journal, is_there: true, damaged_bytes })
    }

    fn learn(&mut self, record: Record) {
        match record {
            Record::Entry(entry) => self.learn_entry(entry),
            Record::MediaFiles(next) => self.next_media_file_id = self.next_media_file_id.max(next),
            Record::Sequences(key, next) => {
                let known = self.sequences.entry(key).or_default();
                *known = next.max(*known);
            }
            Record::Boot(boot) => self.boot = Some(boot),
            Record::Generation(generation) => self.generation = self.generation.max(generation),
        }
    }

    fn learn_entry(&mut self, entry: Entry) {
        self.last_number = self.last_number.max(entry.number);
        match &entry.deletion {
            Deletion::Files { key, ids } => {
                let deleted = self.deleted.entry(stream_directory(key)).or_default();
                deleted.ids.extend(ids.iter().map(|id| id.0));
            }
            Deletion::Stream { key, below } => {
                let deleted = self.deleted.entry(stream_directory(key)).or_default();
                deleted.below = deleted.below.max(below.0);
                self.sequences.remove(key);
            }
            Deletion::Discarded { .. } => {}
        }
        self.entries_bytes += encode_entry(&entry).len();
        self.entries.push_back(entry);
    }

    /// The number of the last deletion.
    pub(crate) const fn last_number(&self) -> u64 {
        self.last_number
    }

    /// No number from here on was handed out to a media file.
    pub(crate) const fn next_media_file_id(&self) -> u64 {
        self.next_media_file_id
    }

    /// No sequence of this stream from here on was handed out.
    pub(crate) fn next_sequence(&self, key: &str) -> Option<u64> {
        self.sequences.get(key).copied()
    }

    /// Whether the media file of this number, in the directory of a stream, was deleted.
    pub(crate) fn is_deleted(&self, directory: &Path, id: MediaFileId) -> bool {
        let deleted = directory.file_name().and_then(|name| self.deleted.get(Path::new(name)));
        deleted.is_some_and(|deleted| id.0 < deleted.below || deleted.ids.contains(&id.0))
    }

    /// Whether the file at `path`, in a directory that is named as a stream's, went with its stream.
    pub(crate) fn is_stream_deleted(&self, path: &Path) -> bool {
        let directory = path.parent().and_then(Path::file_name);
        let deleted = directory.and_then(|name| self.deleted.get(Path::new(name)));
        let id = media_file_number(path);
        deleted.is_some_and(|deleted| id.is_some_and(|id| id.0 < deleted.below))
    }

    /// Deletions behind the one with this number, oldest first.
    pub(crate) fn entries_after(&self, number: u64) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.number > number)
    }

    /// Counts go on behind `number` where it is larger.
    pub(crate) fn raise_number(&mut self, number: u64) {
        self.last_number = self.last_number.max(number);
    }

    /// Tells of a deletion; [`Journal::flush`] makes it durable. Gives its number.
    pub(crate) fn add(&mut self, deletion: Deletion) -> u64 {
        let number = self.last_number + 1;
        self.learn_entry(Entry { number, deletion });
        self.pending += 1;
        number
    }

    /// Makes durable what was added. Until this succeeds nothing that was added may be removed.
    pub(crate) fn flush(&mut self, disk: &dyn Disk) -> Result<(), StoreError> {
        if self.pending == 0 {
            return Ok(());
        }
        let first = self.entries.len() - self.pending.min(self.entries.len());
        let bytes: Vec<u8> = self.entries.range(first..).flat_map(encode_entry).collect();
        self.append(disk, &bytes)?;
        self.pending = 0;
        Ok(())
    }

    /// Makes durable that numbers of media files below `next` may be used.
    pub(crate) fn reserve_media_files(
        &mut self,
        disk: &dyn Disk,
        next: u64,
    ) -> Result<(), StoreError> {
        if next > self.next_media_file_id || self.file.is_none() {
            // Whatever comes of it, these are not handed out by anyone else.
            self.next_media_file_id = self.next_media_file_id.max(next);
            self.append(disk, &encode(KIND_MEDIA_FILES, &next.to_be_bytes()))?;
        }
        Ok(())
    }

    /// Makes durable that sequences of these streams may be used below the numbers given.
    pub(crate) fn reserve_sequences<'a>(
        &mut self,
        disk: &dyn Disk,
        reserved: impl IntoIterator<Item = (&'a str, u64)>,
    ) -> Result<(), StoreError> {
        let mut bytes = Vec::new();
        for (key, next) in reserved {
            if self.sequences.get(key).is_none_or(|known| *known < next) {
                bytes.extend(encode_sequences(key, next));
                self.sequences.insert(key.to_owned(), next);
            }
        }
        // What could not be written before is known here and not in the file.
        if bytes.is_empty() && self.file.is_some() { Ok(()) } else { self.append(disk, &bytes) }
    }

    /// How often an index was begun anew, of which an older copy does not know.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    /// Counts go on behind `generation` where it is larger.
    pub(crate) fn raise_generation(&mut self, generation: u64) {
        self.generation = self.generation.max(generation);
    }

    /// Makes durable that an index is begun anew, or is older than its media, before it is in its place; gives its generation.
    pub(crate) fn begin_index(&mut self, disk: &dyn Disk) -> Result<u64, StoreError> {
        self.generation += 1;
        self.append(disk, &encode(KIND_GENERATION, &self.generation.to_be_bytes()))?;
        Ok(self.generation)
    }

    /// The last boot in which the store was opened.
    pub(crate) const fn boot(&self) -> Option<&Boot> {
        self.boot.as_ref()
    }

    /// Makes durable, once a boot, that media files from the next number on are begun in it. `older` is what an index of an
    /// older version has of its boot: that counts where nothing is written here yet.
    pub(crate) fn begin_boot(
        &mut self,
        disk: &dyn Disk,
        older: Option<Boot>,
    ) -> Result<(), StoreError> {
        let Some(id) =
            disk.boot_id().filter(|id| self.boot.as_ref().is_none_or(|boot| boot.id != *id))
        else {
            return Ok(());
        };
        let older = older.filter(|older| self.boot.is_none() && older.id == id);
        let first = MediaFileId(self.next_media_file_id);
        let boot = older.unwrap_or(Boot { id, first });
        let record = encode_boot(&boot);
        self.boot = Some(boot);
        self.append(disk, &record)
    }

    /// Whether it has grown so that [`Journal::compact`] is worth it.
    pub(crate) const fn is_long(&self) -> bool {
        self.entries_bytes > DELETIONS_BYTES_MAX
    }

    /// Drops the older half of the deletions. All files of them must be gone, durably.
    pub(crate) fn compact(&mut self, disk: &dyn Disk) -> Result<(), StoreError> {
        self.flush(disk)?;
        while self.entries_bytes > DELETIONS_BYTES_MAX / 2 {
            let Some(entry) = self.entries.pop_front() else { break };
            self.entries_bytes = self.entries_bytes.saturating_sub(encode_entry(&entry).len());
        }
        self.deleted.clear();
        let sequences = std::mem::take(&mut self.sequences);
        for entry in std::mem::take(&mut self.entries) {
            self.entries_bytes = self.entries_bytes.saturating_sub(encode_entry(&entry).len());
            self.learn_entry(entry);
        }
        self.sequences = sequences;
        self.write_anew(disk)
    }

    fn append(&mut self, disk: &dyn Disk, bytes: &[u8]) -> Result<(), StoreError> {
        // What is written anew has it already.
        let Some(file) = &self.file else { return self.write_anew(disk) };
        let end = self.end + bytes.len() as u64;
        let mut zeros = Vec::new();
        if end > self.room_end {
            let room_end = end.next_multiple_of(ROOM_BYTES);
            zeros.resize(usize::try_from(room_end - end).unwrap_or(0), 0);
        }
        let written = file
            .write_all_at(&[bytes, &zeros], self.end)
            .map_err(|error| ("write", error))
            .and_then(|()| file.sync().map_err(|error| ("sync", error)));
        match written {
            Ok(()) => {
                self.end = end;
                self.room_end = self.room_end.max(end + zeros.len() as u64);
                Ok(())
            }
            Err((action, error)) => {
                self.file = None;
                Err(StoreError::io(action, self.path(), error))
            }
        }
    }

    /// A new file with all that is known, in the place of the old one.
    pub(crate) fn write_anew(&mut self, disk: &dyn Disk) -> Result<(), StoreError> {
        let mut bytes: Vec<u8> = self.entries.iter().flat_map(encode_entry).collect();
        bytes.extend(encode(KIND_MEDIA_FILES, &self.next_media_file_id.to_be_bytes()));
        for (key, next) in &self.sequences {
            bytes.extend(encode_sequences(key, *next));
        }
        bytes.extend(self.boot.iter().flat_map(encode_boot));
        if self.generation > 0 {
            bytes.extend(encode(KIND_GENERATION, &self.generation.to_be_bytes()));
        }
        let end = bytes.len() as u64;
        bytes.resize(usize::try_from(end.next_multiple_of(ROOM_BYTES)).unwrap_or(bytes.len()), 0);
        let (path, new) = (self.path(), self.root.join(format!("{FILE_NAME}.new")));
        let write = || {
            match disk.unlink(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let file = disk.create_new(&new)?;
            file.write_all_at(&[&bytes], 0)?;
            file.sync()?;
            disk.rename(&new, &path)?;
            Ok(file)
        };
        let file = write().map_err(|error| StoreError::io("write", &new, error))?;
        sync_directory_if_there(disk, &self.root)?;
        self.file = Some(file);
        self.end = end;
        self.room_end = bytes.len() as u64;
        self.pending = 0;
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.root.join(FILE_NAME)
    }
}

fn encode(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len() + CHECKSUM_BYTES);
    bytes.put_slice(&MAGIC);
    bytes.put_u8(kind);
    bytes.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
    bytes.put_slice(body);
    let checksum = crc32c::crc32c(&bytes);
    bytes.put_u32(checksum);
    bytes
}

fn put_text(body: &mut Vec<u8>, text: &str) {
    body.put_u32(u32::try_from(text.len()).unwrap_or(u32::MAX));
    body.put_slice(text.as_bytes());
}

fn encode_entry(entry: &Entry) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_u64(entry.number);
    match &entry.deletion {
        Deletion::Files { key, ids } => {
            put_text(&mut body, key);
            ids.iter().for_each(|id| body.put_u64(id.0));
            encode(KIND_FILES, &body)
        }
        Deletion::Stream { key, below } => {
            put_text(&mut body, key);
            body.put_u64(below.0);
            encode(KIND_STREAM, &body)
        }
        Deletion::Discarded { path, size_bytes, media } => {
            put_text(&mut body, path);
            body.put_u64(*size_bytes);
            // Older versions read no further.
            if let Some(media) = media {
                put_text(&mut body, &media.key);
                body.put_u64(media.fragment_count);
                body.put_i64(media.from.as_millis());
                body.put_i64(media.until.as_millis());
                body.put_u8(u8::from(media.is_asked_for));
            }
            encode(KIND_DISCARDED, &body)
        }
    }
}

fn encode_sequences(key: &str, next: u64) -> Vec<u8> {
    let mut body = Vec::new();
    put_text(&mut body, key);
    body.put_u64(next);
    encode(KIND_SEQUENCES, &body)
}

fn encode_boot(boot: &Boot) -> Vec<u8> {
    let mut body = Vec::new();
    put_text(&mut body, &boot.id);
    body.put_u64(boot.first.0);
    encode(KIND_BOOT, &body)
}

/// The records in a journal's bytes, where the last one ends, and bytes before that which are in none.
fn parse(bytes: &[u8]) -> (Vec<Record>, usize, u64) {
    let mut records = Vec::new();
    let (mut at, mut end, mut known_bytes) = (0, 0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match parse_record(rest) {
            Some((record, length)) => {
                records.extend(record);
                at += length;
                end = at;
                known_bytes += length;
            }
            None => {
                let next = rest.get(1..).unwrap_or_default();
                let next = next.iter().position(|byte| *byte == MAGIC[0]);
                at = next.map_or(bytes.len(), |next| at + 1 + next);
            }
        }
    }
    // What is behind the last record is the room for the next, or one that was never whole.
    let is_torn = bytes.get(end..).unwrap_or_default().iter().any(|byte| *byte != 0);
    let damaged_bytes = (end - known_bytes) as u64 + u64::from(is_torn);
    (records, end, damaged_bytes)
}

/// The record at the start of `bytes` and its length; no record of a kind that a later version writes.
fn parse_record(bytes: &[u8]) -> Option<(Option<Record>, usize)> {
    let rest = bytes.strip_prefix(MAGIC.as_slice())?;
    let (kind, rest) = rest.split_first()?;
    let (length, _) = rest.split_first_chunk()?;
    let body_bytes = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    if body_bytes > BODY_BYTES_MAX {
        return None;
    }
    let checked = bytes.get(..HEAD_BYTES + body_bytes)?;
    let checksum = bytes.get(checked.len()..checked.len() + CHECKSUM_BYTES)?;
    if crc32c::crc32c(checked).to_be_bytes() != checksum {
        return None;
    }
    let record = parse_body(*kind, checked.get(HEAD_BYTES..)?);
    Some((record, checked.len() + CHECKSUM_BYTES))
}

fn parse_body(kind: u8, mut body: &[u8]) -> Option<Record> {
    let text = |body: &mut &[u8]| {
        let length = usize::try_from(body.try_get_u32().ok()?).ok()?;
        let (text, rest) = body.split_at_checked(length)?;
        *body = rest;
        Some(std::str::from_utf8(text).ok()?.to_owned())
    };
    match kind {
        KIND_MEDIA_FILES => Some(Record::MediaFiles(body.try_get_u64().ok()?)),
        KIND_SEQUENCES => Some(Record::Sequences(text(&mut body)?, body.try_get_u64().ok()?)),
        KIND_GENERATION => Some(Record::Generation(body.try_get_u64().ok()?)),
        KIND_BOOT => {
            let id = text(&mut body)?;
            Some(Record::Boot(Boot { id, first: MediaFileId(body.try_get_u64().ok()?) }))
        }
        KIND_FILES | KIND_STREAM | KIND_DISCARDED => {
            let number = body.try_get_u64().ok()?;
            let name = text(&mut body)?;
            let deletion = match kind {
                KIND_FILES => {
                    let (ids, _) = body.as_chunks();
                    let ids = ids.iter().map(|id| MediaFileId(u64::from_be_bytes(*id))).collect();
                    Deletion::Files { key: name, ids }
                }
                KIND_STREAM => {
                    Deletion::Stream { key: name, below: MediaFileId(body.try_get_u64().ok()?) }
                }
                _ => {
                    let size_bytes = body.try_get_u64().ok()?;
                    let mut media = || {
                        Some(DiscardedMedia {
                            key: text(&mut body)?,
                            size_bytes,
                            fragment_count: body.try_get_u64().ok()?,
                            from: Timestamp::from_millis(body.try_get_i64().ok()?),
                            until: Timestamp::from_millis(body.try_get_i64().ok()?),
                            is_asked_for: body.try_get_u8().ok()? != 0,
                        })
                    };
                    let media = media();
                    Deletion::Discarded { path: name, size_bytes, media }
                }
            };
            Some(Record::Entry(Entry { number, deletion }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
