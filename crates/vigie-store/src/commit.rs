//! The group commit: everything that was appended since the last one becomes durable together.
//!
//! The order is what keeps the invariants: file contents, then directories, then one index transaction. Until that
//! transaction is through nothing in memory counts as committed, so that a commit for which the index had no space
//! can be tried again.
//!
//! The syncs wait for the disk, so they can be done elsewhere while more is appended: a commit is of what was appended
//! when it began.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::disk::{Disk, DiskFile, Workers};
use crate::error::StoreError;
use crate::fragment::{FragmentEntry, MediaFileId, MediaFileState};
use crate::index::Change;
use crate::mark::marked_end;
use crate::report::{CommitReport, FailedFragment, PersistedFragment};
use crate::side_by_side::side_by_side;
use crate::store::Store;
use crate::stream_state::StreamState;
use crate::writer::{MediaFileWriter, OpenFragment, Planned};

/// The syncs of a commit that was begun ([`Store::begin_commit`]). They take long and need no store: the disk's workers
/// do them, and the outcome is for [`Store::finish_commit`].
pub struct SyncJob {
    disk: Arc<dyn Disk>,
    workers: Arc<dyn Workers>,
    files: Vec<(MediaFileId, Arc<dyn DiskFile>)>,
    directories: Vec<PathBuf>,
}

/// A [`SyncJob`] under way.
pub struct SyncHandle {
    outcome: Arc<OutcomeSlot>,
    workers: Arc<dyn Workers>,
}

#[derive(Default)]
struct OutcomeSlot {
    outcome: Mutex<Option<SyncOutcome>>,
    is_there: Condvar,
}

/// What came of a [`SyncJob`].
pub struct SyncOutcome {
    files: BTreeMap<MediaFileId, io::Result<()>>,
    directories: Vec<(PathBuf, io::Result<()>)>,
}

impl SyncJob {
    /// Syncs each changed file once, side by side, then the directories of new files; waits for it.
    pub fn run(self) -> SyncOutcome {
        self.start(|| {}).wait()
    }

    /// The same without waiting. `done` is called when the outcome is there, on one of the disk's threads: be short.
    pub fn start(self, done: impl FnOnce() + Send + 'static) -> SyncHandle {
        let Self { disk, workers, files, directories } = self;
        let slot = Arc::new(OutcomeSlot::default());
        let handle = SyncHandle { outcome: Arc::clone(&slot), workers: Arc::clone(&workers) };
        let (ids, files): (Vec<_>, Vec<_>) = files.into_iter().unzip();
        let for_directories = Arc::clone(&workers);
        let then = move |outcomes: Vec<io::Result<()>>| {
            let files = ids.into_iter().zip(outcomes).collect();
            let paths = directories.clone();
            let then = move |outcomes: Vec<io::Result<()>>| {
                let directories = paths.into_iter().zip(outcomes).collect();
                slot.put(SyncOutcome { files, directories });
                done();
            };
            let sync = move |path: &PathBuf| disk.sync_dir(path);
            side_by_side(for_directories.as_ref(), directories, sync, then);
        };
        side_by_side(workers.as_ref(), files, |file: &Arc<dyn DiskFile>| file.sync(), then);
        handle
    }
}

impl OutcomeSlot {
    fn put(&self, outcome: SyncOutcome) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        self.is_there.notify_all();
    }
}

impl SyncHandle {
    /// Whether the outcome is there.
    pub fn is_done(&self) -> bool {
        self.outcome.outcome.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The outcome, when it is there.
    pub fn wait(self) -> SyncOutcome {
        self.workers.catch_up();
        let mut slot = self.outcome.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(outcome) = slot.take() {
                return outcome;
            }
            slot = self.outcome.is_there.wait(slot).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Store {
    /// Makes all that was appended durable: syncs each changed file once, side by side, then the directories of new
    /// files, then commits one index transaction.
    ///
    /// A file whose sync fails is abandoned; its fragments are in [`CommitReport::failed`] and the rest is
    /// committed. A file for which the space ran out while it was written ends with what is whole in it: only what did not
    /// fit has failed. `Err` means that nothing was committed: for want of space in the index (call again when there is
    /// some) or fatally ([`StoreError::is_fatal`]).
    pub fn commit(&mut self) -> Result<CommitReport, StoreError> {
        let outcome = self.begin_commit()?.run();
        self.finish_commit(outcome)
    }

    /// Begins a commit of what was appended until now. Until [`Store::finish_commit`] more may be appended, which is
    /// the next commit's; nothing may be deleted, and no other commit begun ([`StoreError::Busy`]).
    pub fn begin_commit(&mut self) -> Result<SyncJob, StoreError> {
        self.begin(|_| true)
    }

    /// Begins a commit of what was appended to some streams, so that few files are synced for what is wanted at once. What
    /// needs no sync, the uploaded marks, is committed of all.
    pub fn begin_commit_of(&mut self, keys: &BTreeSet<Arc<str>>) -> Result<SyncJob, StoreError> {
        self.begin(|key| keys.contains(key))
    }

    fn begin(&mut self, is_meant: impl Fn(&str) -> bool) -> Result<SyncJob, StoreError> {
        self.check_idle()?;
        self.is_committing = true;
        let mut files = Vec::new();
        let mut directories: BTreeSet<PathBuf> = BTreeSet::new();
        for stream in self.streams.values_mut() {
            stream.uploaded_planned = stream.uploaded.len();
            if !is_meant(&stream.key) {
                let writers = stream.closing.iter_mut().chain(&mut stream.writer);
                writers.for_each(|writer| writer.planned = None);
                continue;
            }
            self.behind_bytes_committing += std::mem::take(&mut stream.behind_bytes);
            let closing = stream.closing.iter_mut().map(|writer| (writer, true));
            for (writer, closing) in closing.chain(stream.writer.iter_mut().map(|w| (w, false))) {
                let open = writer.open.as_ref().filter(|open| open.extent.size_bytes > 0);
                let open = open.map(OpenFragment::entry);
                let entries = writer.uncommitted.len();
                writer.planned = Some(Planned { entries, open, closing });
                if writer.sync_error.is_some() {
                    continue;
                }
                if closing && !std::mem::replace(&mut writer.has_ended, true) {
                    // Its length is to be exact.
                    writer.file.end();
                    writer.dirty = true;
                }
                if std::mem::take(&mut writer.dirty) {
                    files.push((writer.place.id, Arc::clone(&writer.file)));
                }
                if !writer.in_index && writer.has_fragments() {
                    directories.insert(writer.directory.clone());
                    if !stream.directory_synced {
                        directories.insert(self.root.clone());
                    }
                }
            }
        }
        let directories = directories.into_iter().collect();
        let (disk, workers) = (Arc::clone(&self.disk), Arc::clone(&self.workers));
        Ok(SyncJob { disk, workers, files, directories })
    }

    /// Ends the commit that was begun; as [`Store::commit`].
    pub fn finish_commit(&mut self, outcome: SyncOutcome) -> Result<CommitReport, StoreError> {
        self.is_committing = false;
        self.behind_bytes_committing = 0;
        self.check_failed()?;
        self.note_synced_files(outcome.files);
        self.note_synced_directories(outcome.directories)?;

        let mut changes = Vec::new();
        let mut report = CommitReport::default();
        for stream in self.streams.values() {
            for writer in stream.closing.iter().chain(&stream.writer) {
                plan(stream, writer, &mut changes, &mut report);
            }
            if let Some(sequences) = stream.uploaded.get(..stream.uploaded_planned)
                && !sequences.is_empty()
            {
                let sequences = sequences.to_vec();
                changes.push(Change::MarkUploaded { stream: stream.id, sequences });
            }
        }
        if !changes.is_empty() {
            self.apply(&changes)?;
        }

        for stream in self.streams.values_mut() {
            settle(self.disk.as_ref(), stream);
        }
        // The measure of the last commit still holds, less what was written since.
        if let Err(error) = self.measure_free_bytes() {
            tracing::warn!(%error, "measure free space");
        }
        Ok(report)
    }

    /// Whatever takes files away waits for the end of a commit.
    pub(crate) fn check_idle(&self) -> Result<(), StoreError> {
        self.check_failed()?;
        if self.is_committing { Err(StoreError::Busy) } else { Ok(()) }
    }

    fn note_synced_files(&mut self, mut outcomes: BTreeMap<MediaFileId, io::Result<()>>) {
        for stream in self.streams.values_mut() {
            let StreamState { writer, closing, size_bytes, .. } = stream;
            for writer in writer.iter_mut().chain(&mut *closing) {
                if let Some(Err(error)) = outcomes.remove(&writer.place.id) {
                    match writer.file.full_at() {
                        Some(full_at) => end_where_full(writer, full_at, error, size_bytes),
                        None => give_up(writer, error, size_bytes),
                    }
                }
            }
            let has_ended =
                |writer: &MediaFileWriter| writer.sync_error.is_some() || writer.no_space.is_some();
            if writer.as_ref().is_some_and(has_ended) {
                closing.extend(writer.take());
            }
        }
    }

    fn note_synced_directories(
        &mut self,
        outcomes: Vec<(PathBuf, io::Result<()>)>,
    ) -> Result<(), StoreError> {
        let mut synced: BTreeSet<PathBuf> = BTreeSet::new();
        for (path, outcome) in outcomes {
            self.directory_synced(&path, outcome)?;
            synced.insert(path);
        }
        for stream in self.streams.values_mut() {
            let mut planned =
                stream.closing.iter().chain(&stream.writer).filter(|w| w.planned.is_some());
            stream.directory_synced |= planned.any(|writer| synced.contains(&writer.directory));
        }
        Ok(())
    }

    pub(crate) fn sync_directory(&mut self, path: PathBuf) -> Result<(), StoreError> {
        let outcome = self.disk.sync_dir(&path);
        self.directory_synced(&path, outcome)
    }

    fn directory_synced(&mut self, path: &Path, outcome: io::Result<()>) -> Result<(), StoreError> {
        match outcome {
            Ok(()) => Ok(()),
            Err(error) => {
                let source = Arc::new(error);
                let path = path.to_owned();
                Err(self.note_failure(StoreError::DirectorySyncFailed { path, source }))
            }
        }
    }
}

/// What becomes of a file for which the space ran out while it was written: it ends with what is whole in it, and is
/// synced, which nobody has tried with what is left of it.
fn end_where_full(
    writer: &mut MediaFileWriter,
    full_at: u64,
    error: io::Error,
    stream_size_bytes: &mut u64,
) {
    let fits = |entry: &&FragmentEntry| marked_end(entry) <= full_at;
    let fitting = writer.uncommitted.iter().take_while(fits).count();
    let last = writer.uncommitted.iter().take(fitting).next_back();
    let keep = last.map_or_else(|| writer.durable_end(), marked_end);
    if let Err(error) = writer.file.truncate(keep).and_then(|()| writer.file.sync()) {
        return give_up(writer, error, stream_size_bytes);
    }
    *stream_size_bytes -= writer.length_bytes.saturating_sub(keep);
    writer.length_bytes = keep;
    let open = writer.open.take().map(|open| open.meta.sequence);
    let lost = writer.uncommitted.drain(fitting..).map(|entry| entry.sequence);
    writer.lost.extend(lost.chain(open));
    writer.planned = Some(Planned { entries: fitting, open: None, closing: true });
    tracing::error!(
        path = %writer.path.display(),
        %error,
        fragments = writer.lost.len(),
        "no space was left while a media file was written; it ends with what is whole in it"
    );
    writer.no_space = Some(Arc::new(error));
}

/// What becomes of a file whose sync failed: it is cut back to what was committed, and abandoned.
fn give_up(writer: &mut MediaFileWriter, error: io::Error, stream_size_bytes: &mut u64) {
    tracing::error!(path = %writer.path.display(), %error, "write or sync failed; media file abandoned");
    writer.sync_error = Some(Arc::new(error));
    let keep = writer.durable_end();
    // Only to give the space back at once: the next start cuts it off for good.
    match writer.file.truncate(keep) {
        Ok(()) => {
            *stream_size_bytes -= writer.length_bytes.saturating_sub(keep);
            writer.length_bytes = keep;
        }
        Err(error) => {
            tracing::warn!(path = %writer.path.display(), %error, "cut an abandoned media file");
            // What was to be written with the sync may not be there.
            let length_bytes = writer.file.length_bytes().unwrap_or(writer.length_bytes);
            *stream_size_bytes =
                (*stream_size_bytes + length_bytes).saturating_sub(writer.length_bytes);
            writer.length_bytes = length_bytes;
        }
    }
}

/// What the index is told of one file, and what its fragments become when that is through.
fn plan(
    stream: &StreamState,
    writer: &MediaFileWriter,
    changes: &mut Vec<Change>,
    report: &mut CommitReport,
) {
    let id = writer.place.id;
    let persisted = |entry| PersistedFragment { key: Arc::clone(&stream.key), entry };
    let lost = writer.no_space.iter().flat_map(|source| {
        let (path, source) = (writer.path.clone(), Arc::clone(source));
        let error = StoreError::NoSpaceLeft { path, source };
        writer.lost.iter().map(move |sequence| FailedFragment {
            key: Arc::clone(&stream.key),
            sequence: *sequence,
            error: error.clone(),
        })
    });
    if let Some(source) = &writer.sync_error {
        let error = StoreError::MediaFileAbandoned {
            path: writer.path.clone(),
            source: Arc::clone(source),
        };
        let open = writer.open.as_ref().map(|open| open.meta.sequence);
        let sequences = writer.uncommitted.iter().map(|entry| entry.sequence).chain(open);
        report.failed.extend(sequences.map(|sequence| FailedFragment {
            key: Arc::clone(&stream.key),
            sequence,
            error: error.clone(),
        }));
        report.failed.extend(lost);
        if writer.in_index {
            // What earlier commits made durable of the open fragment stays, as a fragment of its own.
            if let Some(entry) = writer.committed_open {
                changes.push(Change::AppendFragments { id, entries: vec![entry] });
                report.persisted.push(persisted(entry));
            }
            let (state, size_bytes) = (MediaFileState::Abandoned, writer.length_bytes);
            changes.push(Change::CloseMediaFile { id, state, size_bytes });
        }
        return;
    }
    // A file that came since the commit began is the next one's.
    let Some(Planned { entries, open, closing }) = writer.planned else { return };
    report.failed.extend(lost);
    let mut entries: Vec<FragmentEntry> =
        writer.uncommitted.iter().take(entries).copied().collect();
    if closing {
        // Only a broken file closes with a fragment open: it ends with its last whole frames.
        entries.extend(open);
    }
    // Of one for which the space ran out, what earlier commits have of the open fragment is the last, without a mark.
    let is_cut_short = writer.no_space.is_some() && entries.is_empty();
    let cut = writer.committed_open.filter(|_| is_cut_short);
    entries.extend(cut);
    if !writer.in_index {
        if entries.is_empty() && open.is_none() {
            return;
        }
        changes
            .push(Change::CreateMediaFile { stream: stream.id, place: Arc::clone(&writer.place) });
    }
    if !entries.is_empty() {
        report.persisted.extend(entries.iter().copied().map(persisted));
        changes.push(Change::AppendFragments { id, entries });
    }
    if closing {
        let state = match writer.broken || cut.is_some() {
            true => MediaFileState::Abandoned,
            false => MediaFileState::Sealed,
        };
        changes.push(Change::CloseMediaFile { id, state, size_bytes: writer.length_bytes });
    } else if let Some(entry) = open
        && Some(entry) != writer.committed_open
    {
        changes.push(Change::SetOpenFragment { id, entry });
    }
}

/// The transaction is through: memory follows.
fn settle(disk: &dyn Disk, stream: &mut StreamState) {
    let uploaded = stream.uploaded_planned.min(stream.uploaded.len());
    stream.uploaded.drain(..uploaded);
    for mut writer in std::mem::take(&mut stream.closing) {
        if writer.sync_error.is_none() && !writer.planned.is_some_and(|planned| planned.closing) {
            // It was closed since the commit began: the next one seals it.
            advance(&mut writer);
            stream.closing.push(writer);
            continue;
        }
        if writer.in_index || (writer.sync_error.is_none() && writer.has_fragments()) {
            continue;
        }
        // No entry refers to it. When it cannot be removed now, a later deletion or the next start does.
        match disk.unlink(&writer.path) {
            Ok(()) => stream.size_bytes -= writer.length_bytes,
            Err(error) => {
                tracing::warn!(path = %writer.path.display(), %error, "remove an empty media file");
                stream.leftovers.push((writer.path, writer.length_bytes));
            }
        }
    }
    if let Some(writer) = &mut stream.writer {
        advance(writer);
    }
}

/// What was planned of a file that goes on is committed.
fn advance(writer: &mut MediaFileWriter) {
    let Some(Planned { entries, open, .. }) = writer.planned.take() else { return };
    writer.in_index |= entries > 0 || open.is_some();
    let mut committed = writer.uncommitted.drain(..entries.min(writer.uncommitted.len()));
    if let Some(last) = committed.next_back() {
        writer.committed_end = marked_end(&last);
        writer.committed_open = None;
    }
    if open.is_some() {
        writer.committed_open = open;
    }
}
