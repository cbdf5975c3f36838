//! The store's core: which media file a fragment goes to, and the group commit that makes many durable at once.
//!
//! Synchronous and single-threaded: what it is asked, in the order in which it is asked. Time comes in with the
//! fragments; waiting, threads and replies are the caller's ([`crate::thread`] on the server, the hub's loop on the hub).

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use vigie_media::Timestamp;

use crate::disk::{Disk, Workers};
use crate::erased::ErasedStream;
use crate::error::{IndexError, StoreError, describe};
use crate::findings::SharedFindings;
use crate::fragment::{FragmentEntry, FragmentMeta, MediaFileId, MediaFilePlace, WholeFragment};
use crate::index::{Change, Index, StreamId};
use crate::journal::{Journal, MEDIA_FILES_PER_RESERVATION};
use crate::layout::media_file_path;
use crate::mark::file_mark;
use crate::orphan_search::OrphanSearch;
use crate::out_file::OutFile;
use crate::read::StoreReader;
use crate::report::CommitReport;
use crate::settings::StoreSettings;
use crate::stream_state::StreamState;
use crate::trust::Trust;
use crate::unclaimed::UnclaimedFile;
use crate::writer::MediaFileWriter;

/// Sequences that are made durable at a time, so that handing one out costs no transaction; a crash skips those
/// that were not used.
const SEQUENCES_PER_RESERVATION: u64 = 1000;

/// Longest media key.
const KEY_BYTES_MAX: usize = 1024;

/// Why the index takes no transactions for now. What waits for one goes on waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexRefusal {
    /// Another program holds its lock.
    Locked,
    /// It has no space.
    Full,
}

impl IndexRefusal {
    /// As the error of whoever asks.
    pub fn error(self) -> StoreError {
        match self {
            Self::Locked => IndexError::Locked.into(),
            Self::Full => IndexError::Full.into(),
        }
    }
}

/// The media files of all streams, and their index.
pub struct Store {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) workers: Arc<dyn Workers>,
    pub(crate) root: PathBuf,
    pub(crate) index: Box<dyn Index>,
    pub(crate) journal: Journal,
    pub(crate) settings: StoreSettings,
    pub(crate) streams: BTreeMap<Arc<str>, StreamState>,
    /// Streams whose entries are gone and whose files are to go.
    pub(crate) erased: VecDeque<ErasedStream>,
    pub(crate) next_media_file_id: u64,
    /// Durably reserved below this.
    reserved_media_file_id: u64,
    pub(crate) next_stream_id: u64,
    /// Files that are gone, durably; the next transaction says so.
    pub(crate) removed: Vec<MediaFileId>,
    /// What earlier processes left is still looked for.
    pub(crate) search: Option<OrphanSearch>,
    /// Of files that are left to it because much lies behind their last commit: the bytes that count.
    pub(crate) unsealed_size_bytes: BTreeMap<MediaFileId, u64>,
    /// What lies aside.
    pub(crate) unclaimed: Vec<UnclaimedFile>,
    pub(crate) findings: Arc<SharedFindings>,
    /// Free bytes when last measured, less what was written since.
    free_bytes: u64,
    /// To be written by the commit that was begun.
    pub(crate) behind_bytes_committing: u64,
    /// A commit was begun and not finished.
    pub(crate) is_committing: bool,
    /// Files whose growing fragments have something that nobody was asked to write …
    pub(crate) unwritten: Vec<Arc<OutFile>>,
    /// … and those where somebody was.
    pub(crate) written_out: Vec<Arc<OutFile>>,
    /// The fatal error after which everything is refused.
    failed: Option<StoreError>,
    /// Why the index took no transaction when it was last asked; it is asked again.
    index_refusal: Option<IndexRefusal>,
}

impl Store {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        root: PathBuf,
        index: Box<dyn Index>,
        journal: Journal,
        settings: StoreSettings,
        trust: Trust,
    ) -> Result<Self, StoreError> {
        let reader = index.reader();
        let mut streams = BTreeMap::new();
        let mut sizes = reader.sizes()?;
        let mut unsealed_size_bytes = BTreeMap::new();
        for unsealed in reader.unsealed_media_files()? {
            let file = unsealed.media_file;
            let length_bytes = disk.open_read_only(&root.join(&file.place.path));
            let length_bytes = length_bytes.and_then(|file| file.length_bytes());
            let length_bytes = length_bytes.unwrap_or(0).max(file.size_bytes);
            *sizes.entry(unsealed.stream).or_default() += length_bytes - file.size_bytes;
            unsealed_size_bytes.insert(file.id, length_bytes);
        }
        for row in reader.streams()? {
            let key: Arc<str> = row.key.into();
            let state = StreamState {
                size_bytes: sizes.get(&row.id).copied().unwrap_or(0),
                next_sequence: row.next_sequence,
                reserved_sequence: row.next_sequence,
                ..StreamState::new(row.id, Arc::clone(&key), settings)
            };
            streams.insert(key, state);
        }
        let next_media_file_id = reader.next_media_file_id()?.0;
        let next_stream_id = reader.next_stream_id()?.0;
        let is_examined = index.is_examined();
        let mut store = Self {
            workers: disk.workers(),
            disk,
            root,
            index,
            journal,
            settings,
            streams,
            erased: VecDeque::new(),
            next_media_file_id,
            reserved_media_file_id: next_media_file_id,
            next_stream_id,
            removed: Vec::new(),
            search: Some(OrphanSearch::new(reader, is_examined, trust)),
            unsealed_size_bytes,
            unclaimed: Vec::new(),
            findings: Arc::default(),
            free_bytes: 0,
            behind_bytes_committing: 0,
            is_committing: false,
            unwritten: Vec::new(),
            written_out: Vec::new(),
            failed: None,
            index_refusal: None,
        };
        store.findings.set_searching(true);
        store.measure_free_bytes()?;
        Ok(store)
    }

    /// A reader for this and other threads: it sees what is committed.
    pub fn reader(&self) -> StoreReader {
        let (disk, findings) = (Arc::clone(&self.disk), Arc::clone(&self.findings));
        StoreReader::new(disk, self.root.clone(), self.index.reader(), findings)
    }

    /// Bytes of a stream's media files on disk, exactly: headers, marks, what is in progress, what is deleted but not yet
    /// removed, and what lies aside included.
    pub fn size_bytes(&self, key: &str) -> u64 {
        let erased = self.erased.iter().filter(|erased| *erased.key == *key);
        let erased: u64 = erased.map(ErasedStream::size_bytes).sum();
        let stream = self.streams.get(key);
        let unclaimed = || {
            let own = self.unclaimed.iter().filter(|file| file.is_of(key));
            own.map(|file| file.size_bytes).sum()
        };
        stream.map_or_else(unclaimed, |stream| stream.size_bytes + stream.unclaimed_size_bytes)
            + erased
    }

    /// Free bytes of the disk at the last commit, less what was appended since.
    pub const fn free_bytes(&self) -> u64 {
        self.free_bytes
    }

    /// Tells how much a stream may hold, so that its media files are small enough to delete by.
    pub fn set_size_budget(
        &mut self,
        key: &str,
        budget_bytes: Option<u64>,
    ) -> Result<(), StoreError> {
        let size_bytes = self.settings.media_file_size_bytes_for(budget_bytes);
        self.stream(key)?.media_file_size_bytes_max = size_bytes;
        Ok(())
    }

    /// Hands out `count` sequences of a stream, each once for ever: also those that a crash leaves unused are not
    /// handed out again. Creates the stream when it is new.
    pub fn reserve_sequences(&mut self, key: &str, count: u64) -> Result<Range<u64>, StoreError> {
        let stream = self.stream(key)?;
        let first = stream.next_sequence;
        let next = first.saturating_add(count);
        if next > stream.reserved_sequence {
            let reserved = next.saturating_add(SEQUENCES_PER_RESERVATION);
            let (id, key) = (stream.id, Arc::clone(&stream.key));
            let written = self.journal.reserve_sequences(self.disk.as_ref(), [(&*key, reserved)]);
            written.map_err(|error| self.note_failure(error))?;
            self.apply(&[Change::ReserveSequences { id, next_sequence: reserved }])?;
            self.stream(&key)?.reserved_sequence = reserved;
        }
        self.stream(key)?.next_sequence = next;
        Ok(first..next)
    }

    /// Appends a whole fragment with the document header that it belongs to. The next [`Store::commit`] makes it
    /// durable. When this fails nothing was added.
    pub fn append_fragment(
        &mut self,
        key: &str,
        header: &Bytes,
        fragment: &WholeFragment,
    ) -> Result<FragmentEntry, StoreError> {
        let size_bytes = fragment.bytes.len() as u64;
        let writer = self.writer_for(key, header, &fragment.meta, size_bytes)?;
        let before = writer.length_bytes;
        let result = writer.append_fragment(fragment);
        let after = writer.length_bytes;
        self.account(key, before, after);
        result
    }

    /// Begins a fragment that is written as it grows: the first bytes appended must be those of its Cluster.
    pub fn begin_fragment(
        &mut self,
        key: &str,
        header: &Bytes,
        meta: FragmentMeta,
    ) -> Result<(), StoreError> {
        self.writer_for(key, header, &meta, 0)?.begin_fragment(meta);
        Ok(())
    }

    /// Whether a stream's fragments are read as soon as they are whole, to be sent on: then they are written so that the
    /// kernel still has them.
    pub fn set_read_at_once(&mut self, key: &str, is_read_at_once: bool) {
        if let Some(stream) = self.streams.get_mut(key)
            && std::mem::replace(&mut stream.is_read_at_once, is_read_at_once) != is_read_at_once
            && let Some(writer) = &stream.writer
        {
            writer.file.set_read_at_once(is_read_at_once);
        }
    }

    /// Appends frames to the open fragment. `parts` hold whole blocks: after a crash the fragment is kept up to the end of
    /// such a call, if [`Store::write_out`] or a commit came to it. `duration_ms` is its media time so far.
    pub fn append_frames(
        &mut self,
        key: &str,
        parts: &[Bytes],
        frame_count: u32,
        duration_ms: u32,
    ) -> Result<(), StoreError> {
        self.check_failed()?;
        let size_bytes = parts.iter().map(|part| part.len() as u64).sum();
        self.check_space(size_bytes)?;
        let no_open = || StoreError::NoOpenFragment { key: key.to_owned() };
        let writer = self.open_writer(key).ok_or_else(no_open)?;
        let before = writer.length_bytes;
        let result = writer.append_frames(parts, frame_count, duration_ms);
        let after = writer.length_bytes;
        let out = writer.unwritten();
        self.unwritten.extend(out);
        self.account(key, before, after);
        if result? { Ok(()) } else { Err(no_open()) }
    }

    /// Whether the stream's present media file has frames and no commit knows of it: then a crash takes all of it.
    pub fn has_unknown_media_file(&self, key: &str) -> bool {
        let writer = self.streams.get(key).and_then(|stream| stream.writer.as_ref());
        writer.is_some_and(|writer| !writer.in_index && writer.has_fragments())
    }

    /// Ends the open fragment. The next [`Store::commit`] makes it durable as a whole.
    pub fn end_fragment(
        &mut self,
        key: &str,
        duration_ms: u32,
    ) -> Result<FragmentEntry, StoreError> {
        self.check_failed()?;
        let no_open = || StoreError::NoOpenFragment { key: key.to_owned() };
        let writer = self.open_writer(key).ok_or_else(no_open)?;
        let before = writer.length_bytes;
        let result = writer.end_fragment(duration_ms);
        let after = writer.length_bytes;
        let out = writer.unwritten();
        self.unwritten.extend(out);
        self.account(key, before, after);
        result?.ok_or_else(no_open)
    }

    /// No more fragments for the stream's present media file: the next commit seals it. An open fragment ends as it
    /// is.
    pub fn seal(&mut self, key: &str) -> Result<(), StoreError> {
        self.check_failed()?;
        if self.open_writer(key).is_some_and(|writer| writer.open.is_some()) {
            match self.end_fragment(key, 0) {
                Ok(_) | Err(StoreError::NoOpenFragment { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if let Some(stream) = self.streams.get_mut(key)
            && let Some(writer) = stream.writer.take()
        {
            stream.closing.push(writer);
        }
        Ok(())
    }

    /// Notes that another place has these fragments safe; durable with the next commit.
    pub fn mark_uploaded(&mut self, key: &str, sequences: &[u64]) -> Result<(), StoreError> {
        self.check_failed()?;
        if let Some(stream) = self.streams.get_mut(key) {
            stream.uploaded.extend_from_slice(sequences);
        }
        Ok(())
    }

    /// Seals everything and commits: the graceful end.
    pub fn close(mut self) -> Result<CommitReport, StoreError> {
        self.seal_all()?;
        let report = self.commit()?;
        self.close_index();
        Ok(report)
    }

    /// The end, all committed: puts the index's log into its file, so that nothing depends on the log, and closes it.
    pub fn close_index(&mut self) {
        if let Err(error) = self.index.close() {
            tracing::warn!(error = describe(&error), "write the index's log into its file");
        }
    }

    pub(crate) fn seal_all(&mut self) -> Result<(), StoreError> {
        let keys: Vec<Arc<str>> = self.streams.keys().cloned().collect();
        keys.iter().try_for_each(|key| self.seal(key))
    }

    pub(crate) fn check_failed(&self) -> Result<(), StoreError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Remembers a fatal error; passes every error on.
    pub(crate) fn note_failure(&mut self, error: StoreError) -> StoreError {
        if error.is_fatal() {
            tracing::error!(error = describe(&error), "the store stops; restart to recover");
            if error.is_index_damaged()
                && let Err(error) = self.index.note_damage(&describe(&error))
            {
                tracing::error!(error = describe(&error), "note that the index is damaged");
            }
            self.failed = Some(error.clone());
        }
        error
    }

    /// Stops the store where a reader has come upon damage in the index.
    fn check_damage(&mut self) -> Result<(), StoreError> {
        match self.index.found_damage() {
            Some(what) if self.failed.is_none() => {
                Err(self.note_failure(IndexError::Unsound { what }.into()))
            }
            _ => Ok(()),
        }
    }

    /// One index transaction.
    pub(crate) fn apply(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.check_failed()?;
        self.check_damage()?;
        let applied = if self.removed.is_empty() {
            self.index.apply(changes)
        } else {
            let forget = Change::ForgetRemovals { ids: self.removed.clone() };
            let changes: Vec<Change> =
                [forget].into_iter().chain(changes.iter().cloned()).collect();
            self.index.apply(&changes)
        };
        match applied {
            Ok(()) => {
                self.removed.clear();
                self.index_refusal = None;
                Ok(())
            }
            Err(error) => {
                self.index_refusal = match error {
                    IndexError::Locked => Some(IndexRefusal::Locked),
                    IndexError::Full => Some(IndexRefusal::Full),
                    _ => None,
                };
                Err(self.note_failure(error.into()))
            }
        }
    }

    /// Why the index took no transaction when it was last asked; `None` where it did.
    pub const fn index_refusal(&self) -> Option<IndexRefusal> {
        self.index_refusal
    }

    /// Asks the index again, by a transaction that says what it knows: whether it takes any can be found out in no other
    /// way.
    pub fn ask_index(&mut self) -> Result<(), StoreError> {
        let next_id = MediaFileId(self.reserved_media_file_id);
        self.apply(&[Change::ReserveMediaFiles { next_id }])
    }

    pub(crate) fn measure_free_bytes(&mut self) -> Result<(), StoreError> {
        let free_bytes = self
            .disk
            .free_bytes(&self.root)
            .map_err(|error| StoreError::io("measure free space of", self.root.clone(), error))?;
        // What is still to be written is as good as written.
        let behind_bytes: u64 = self.streams.values().map(|stream| stream.behind_bytes).sum();
        let behind_bytes = behind_bytes + self.behind_bytes_committing;
        self.free_bytes = free_bytes.saturating_sub(behind_bytes);
        Ok(())
    }

    /// Measures again before it refuses: others may have freed space since the last commit, and while everything is
    /// refused there is no commit to notice it.
    fn check_space(&mut self, size_bytes: u64) -> Result<(), StoreError> {
        let reserve_bytes = self.settings.free_bytes_reserve;
        let needed_bytes = reserve_bytes.saturating_add(size_bytes);
        if self.free_bytes < needed_bytes {
            self.measure_free_bytes()?;
        }
        if self.free_bytes < needed_bytes {
            return Err(StoreError::DiskFull { free_bytes: self.free_bytes, reserve_bytes });
        }
        Ok(())
    }

    /// A media file's length has changed: it has grown, or lost what could not be written.
    fn account(&mut self, key: &str, before: u64, after: u64) {
        self.free_bytes = self.free_bytes.saturating_sub(after.saturating_sub(before));
        if let Some(stream) = self.streams.get_mut(key) {
            stream.size_bytes = (stream.size_bytes + after).saturating_sub(before);
            stream.behind_bytes += after.saturating_sub(before);
        }
    }

    fn open_writer(&mut self, key: &str) -> Option<&mut MediaFileWriter> {
        self.streams.get_mut(key)?.writer.as_mut().filter(|writer| !writer.broken)
    }

    /// The stream, created in the index when it is new.
    fn stream(&mut self, key: &str) -> Result<&mut StreamState, StoreError> {
        self.check_failed()?;
        if !self.streams.contains_key(key) {
            if key.is_empty() || key.len() > KEY_BYTES_MAX {
                return Err(StoreError::InvalidKey { length_bytes: key.len() });
            }
            let id = StreamId(self.next_stream_id);
            // An index that is older than the stream's first fragment does not know what was handed out since.
            let first = self.journal.next_sequence(key).unwrap_or(1);
            let next_sequence = first.saturating_add(SEQUENCES_PER_RESERVATION);
            let reserved = [(key, next_sequence)];
            let written = self.journal.reserve_sequences(self.disk.as_ref(), reserved);
            written.map_err(|error| self.note_failure(error))?;
            self.apply(&[
                Change::CreateStream { id, key: key.to_owned() },
                Change::ReserveSequences { id, next_sequence },
            ])?;
            self.next_stream_id += 1;
            let key: Arc<str> = key.into();
            let mut state = StreamState::new(id, Arc::clone(&key), self.settings);
            (state.next_sequence, state.reserved_sequence) = (first, next_sequence);
            self.streams.insert(key, state);
            if !self.unclaimed.is_empty() {
                self.count_unclaimed();
            }
        }
        self.streams.get_mut(key).ok_or_else(|| StoreError::StreamDeleted { key: key.to_owned() })
    }

    /// The media file that the fragment of `meta` goes to: the present one, or a new one when its header differs or
    /// it is full, old or broken.
    fn writer_for(
        &mut self,
        key: &str,
        header: &Bytes,
        meta: &FragmentMeta,
        size_bytes: u64,
    ) -> Result<&mut MediaFileWriter, StoreError> {
        self.check_failed()?;
        self.check_space(size_bytes)?;
        let age_ms_max = self.settings.media_file_age_ms_max;
        let id = self.next_media_file_id;
        let stream = self.stream(key)?;
        if meta.sequence == 0 || meta.sequence >= stream.next_sequence {
            let key = key.to_owned();
            return Err(StoreError::SequenceNotReserved { key, sequence: meta.sequence });
        }
        let size_bytes_max = stream.media_file_size_bytes_max;
        if let Some(writer) = &stream.writer {
            if writer.open.is_some() && !writer.broken {
                return Err(StoreError::FragmentOpen { key: key.to_owned() });
            }
            let age_ms = meta.server_timestamp.millis_since(writer.opened_at);
            let full = writer.length_bytes > 0
                && writer.length_bytes.saturating_add(size_bytes) > size_bytes_max;
            // A clock that was set back makes an age that is no age.
            let old = age_ms >= age_ms_max || age_ms <= -age_ms_max;
            if full || old || writer.broken || writer.header != *header {
                stream.closing.extend(stream.writer.take());
            }
        }
        if stream.writer.is_none() {
            let key = Arc::clone(&stream.key);
            if id >= self.reserved_media_file_id {
                let next_id = MediaFileId(id + MEDIA_FILES_PER_RESERVATION);
                // The index first: one that knows of fewer than the journal is older, and is believed less.
                self.apply(&[Change::ReserveMediaFiles { next_id }])?;
                let written = self.journal.reserve_media_files(self.disk.as_ref(), next_id.0);
                written.map_err(|error| self.note_failure(error))?;
                self.reserved_media_file_id = next_id.0;
            }
            let writer =
                self.create_media_file(&key, MediaFileId(id), header, meta.server_timestamp)?;
            self.next_media_file_id = id + 1;
            let stream = self.stream(&key)?;
            writer.file.set_read_at_once(stream.is_read_at_once);
            stream.writer = Some(writer);
        }
        self.stream(key)?
            .writer
            .as_mut()
            .ok_or_else(|| StoreError::NoOpenFragment { key: key.to_owned() })
    }

    fn create_media_file(
        &self,
        key: &str,
        id: MediaFileId,
        header: &Bytes,
        begins_at: Timestamp,
    ) -> Result<MediaFileWriter, StoreError> {
        let relative = media_file_path(key, id, begins_at);
        let path = self.root.join(&relative);
        let directory = path.parent().unwrap_or(&self.root).to_owned();
        let place = MediaFilePlace {
            id,
            path: relative,
            header_size_bytes: header.len() as u64,
            header_crc32c: crc32c::crc32c(header),
        };
        MediaFileWriter::create(
            self.disk.as_ref(),
            directory,
            path,
            place,
            header.clone(),
            &file_mark(id, key),
            begins_at,
        )
    }
}
