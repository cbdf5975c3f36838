//! The group commit: everything that was appended since the last one becomes durable together.
//!
//! The order is what keeps the invariants: file contents, then directories, then one index transaction. Until that
//! transaction is through nothing in memory counts as committed, so that a commit for which the index had no space
//! can be tried again.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::error::StoreError;
use crate::fragment::MediaFileState;
use crate::index::Change;
use crate::mark::marked_end;
use crate::store::{CommitReport, FailedFragment, PersistedFragment, Store, StreamState};
use crate::writer::MediaFileWriter;

impl Store {
    /// Makes all that was appended durable: syncs each changed file once, side by side, then the directories of new
    /// files, then commits one index transaction.
    ///
    /// A file whose sync fails is abandoned; its fragments are in [`CommitReport::failed`] and the rest is
    /// committed. `Err` means that nothing was committed: for want of space in the index (call again when there is
    /// some) or fatally ([`StoreError::is_fatal`]).
    pub fn commit(&mut self) -> Result<CommitReport, StoreError> {
        self.check_failed()?;
        self.sync_files();
        self.sync_directories()?;

        let mut changes = Vec::new();
        let mut report = CommitReport::default();
        for stream in self.streams.values() {
            for writer in &stream.closing {
                plan(stream, writer, true, &mut changes, &mut report);
            }
            if let Some(writer) = &stream.writer {
                plan(stream, writer, false, &mut changes, &mut report);
            }
            if !stream.uploaded.is_empty() {
                let sequences = stream.uploaded.clone();
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

    /// Syncs what was written, each file once and all of them side by side.
    fn sync_files(&mut self) {
        let is_due = |writer: &MediaFileWriter| writer.dirty && writer.sync_error.is_none();
        let writers = self.streams.values().flat_map(|s| s.writer.iter().chain(&s.closing));
        let files: Vec<Arc<dyn DiskFile>> = writers
            .filter(|writer| is_due(writer))
            .map(|writer| Arc::clone(&writer.file))
            .collect();
        let mut outcomes = self.disk.sync_files(&files).into_iter();
        for stream in self.streams.values_mut() {
            let StreamState { writer, closing, size_bytes, .. } = stream;
            for writer in writer.iter_mut().chain(&mut *closing).filter(|writer| is_due(writer)) {
                writer.dirty = false;
                let unknown = || Err(io::Error::other("the disk does not say whether it synced"));
                if let Err(error) = outcomes.next().unwrap_or_else(unknown) {
                    give_up(writer, error, size_bytes);
                }
            }
            if writer.as_ref().is_some_and(|writer| writer.sync_error.is_some()) {
                closing.extend(writer.take());
            }
        }
    }

    fn sync_directories(&mut self) -> Result<(), StoreError> {
        let mut directories: BTreeSet<PathBuf> = BTreeSet::new();
        for stream in self.streams.values_mut() {
            for writer in stream.closing.iter().chain(&stream.writer) {
                if writer.in_index || writer.sync_error.is_some() || !writer.has_fragments() {
                    continue;
                }
                directories.insert(writer.directory.clone());
                if !stream.directory_synced {
                    directories.insert(self.root.clone());
                }
            }
        }
        let paths: Vec<PathBuf> = directories.iter().cloned().collect();
        for (path, outcome) in paths.iter().zip(self.disk.sync_dirs(&paths)) {
            self.directory_synced(path, outcome)?;
        }
        for stream in self.streams.values_mut() {
            let new = stream.closing.iter().chain(&stream.writer);
            stream.directory_synced |=
                new.into_iter().any(|writer| directories.contains(&writer.directory));
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

/// What becomes of a file whose sync failed: it is cut back to what was committed, and abandoned.
fn give_up(writer: &mut MediaFileWriter, error: io::Error, stream_size_bytes: &mut u64) {
    tracing::error!(path = %writer.path.display(), %error, "sync failed; media file abandoned");
    writer.sync_error = Some(Arc::new(error));
    let keep = writer.committed_open.map_or(writer.committed_end, |entry| entry.end());
    // Only to give the space back at once: the next start cuts it off for good.
    match writer.file.truncate(keep) {
        Ok(()) => {
            *stream_size_bytes -= writer.length_bytes.saturating_sub(keep);
            writer.length_bytes = keep;
        }
        Err(error) => {
            tracing::warn!(path = %writer.path.display(), %error, "cut an abandoned media file");
        }
    }
}

/// What the index is told of one file, and what its fragments become when that is through.
fn plan(
    stream: &StreamState,
    writer: &MediaFileWriter,
    closing: bool,
    changes: &mut Vec<Change>,
    report: &mut CommitReport,
) {
    let id = writer.place.id;
    let persisted = |entry| PersistedFragment { key: Arc::clone(&stream.key), entry };
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
    let open = writer.open.as_ref().filter(|open| open.extent.size_bytes > 0).map(|o| o.entry());
    let mut entries = writer.uncommitted.clone();
    if closing {
        // Only a broken file closes with a fragment open: it ends with its last whole frames.
        entries.extend(open);
    }
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
        let state = if writer.broken { MediaFileState::Abandoned } else { MediaFileState::Sealed };
        changes.push(Change::CloseMediaFile { id, state, size_bytes: writer.length_bytes });
    } else if let Some(entry) = open
        && Some(entry) != writer.committed_open
    {
        changes.push(Change::SetOpenFragment { id, entry });
    }
}

/// The transaction is through: memory follows.
fn settle(disk: &dyn Disk, stream: &mut StreamState) {
    stream.uploaded.clear();
    for writer in std::mem::take(&mut stream.closing) {
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
        writer.in_index = writer.has_fragments();
        if let Some(last) = writer.uncommitted.last() {
            writer.committed_end = marked_end(last);
            writer.committed_open = None;
        }
        writer.uncommitted.clear();
        if let Some(open) = writer.open.as_ref().filter(|open| open.extent.size_bytes > 0) {
            writer.committed_open = Some(open.entry());
        }
    }
}
