//! A folder: its files one after another, and those that come later, until the source is told to stop.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vigie_engine::folder_watch::{FileVersion, FolderWatch};
use vigie_engine::recorder::Failure;
use vigie_media::Timestamp;
use vigie_store::disk::Disk;
use vigie_store::source::{FileStat, FolderEntry, Source, SourceError};

use super::delivery::{Delivered, Place};
use super::end::{End, Wholeness};
use super::one_file::version;
use super::settings::FileSource;
use crate::core::SourceEvent;
use crate::shell::frame_batch::FrameBatch;

/// Between two looks at the folder.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

impl FileSource {
    /// Delivers what is in the folder and what comes.
    pub(super) fn watch(
        &self,
        folder: &Path,
        disk: &dyn Disk,
        batch: &mut FrameBatch,
    ) -> Result<(), End> {
        let mut watch = FolderWatch::default();
        let mut done = self.imports.done.clone();
        let mut not_before = self.not_before;
        let mut skipped: BTreeSet<FileVersion> = BTreeSet::new();
        let mut broken_off: BTreeSet<FileVersion> = BTreeSet::new();
        let mut passed_over: BTreeSet<PathBuf> = BTreeSet::new();
        let mut is_idle = false;
        // A folder without files has no tracks; the source is open all the same.
        batch.blocking_send(SourceEvent::Opened { tracks: Vec::new() })?;
        // The one that was broken off goes on before its time of quiet is over: it had its own.
        let mut next = self.imports.current.as_ref().map(|import| import.file.clone());
        loop {
            if self.is_stopped() {
                return Err(End::Stopped);
            }
            let now = self.clock.now();
            let Listing { listed, refused } = self.list(folder, disk)?;
            is_idle &= refused == passed_over;
            for path in refused.difference(&passed_over) {
                tracing::warn!(
                    stream = %self.session.stream,
                    file = %path.display(),
                    "passed over: it is no regular file, or leads out of --file-root"
                );
            }
            passed_over = refused;
            next = next.filter(|file| listed.contains(file));
            let quiet = watch.look(listed, &done, now.mono);
            let Some(file) = next.take().or(quiet) else {
                if !is_idle && !watch.has_waiting(&done) {
                    is_idle = true;
                    let skipped = (skipped.len() + passed_over.len()) as u64;
                    let broken_off = broken_off.len() as u64;
                    batch.blocking_send(SourceEvent::FolderIdle { skipped, broken_off })?;
                }
                std::thread::sleep(LOOK_INTERVAL);
                continue;
            };
            is_idle = false;
            let modified = Timestamp::from_millis(file.modified_ms);
            let place = Place { ends_at: now.wall.min(modified), not_before, in_folder: true };
            let failure = match self.open_and_deliver(&file, place, disk, batch) {
                Ok(Delivered { until, wholeness }) => {
                    not_before = not_before.max(until.plus_millis(1));
                    if wholeness == Wholeness::BrokenOff {
                        broken_off.insert(file.clone());
                    }
                    None
                }
                Err(End::Stopped) => return Err(End::Stopped),
                Err(End::Failed(failure)) => Some(failure),
                Err(End::Refused(refused)) => Some(refused.failure),
                Err(End::NotThere) => Some(Failure::FileNotMedia),
            };
            if failure.is_some() {
                skipped.insert(file.clone());
            }
            let gone = watch.gone(&done);
            for file in &gone {
                done.remove(file);
                skipped.remove(file);
                broken_off.remove(file);
            }
            done.insert(file.clone());
            batch.blocking_send(SourceEvent::FileEnded { file, failure, gone })?;
        }
    }

    fn open_and_deliver(
        &self,
        version: &FileVersion,
        place: Place,
        disk: &dyn Disk,
        batch: &mut FrameBatch,
    ) -> Result<Delivered, End> {
        match disk.open_source(Path::new(&version.path), &self.bounds)? {
            Source::File { file, .. } => self.deliver_file(version, file.as_ref(), place, batch),
            Source::Folder(_) => Err(End::Failed(Failure::FileNotReadable)),
        }
    }

    fn list(&self, folder: &Path, disk: &dyn Disk) -> Result<Listing, End> {
        let Source::Folder(entries) = disk.open_source(folder, &self.bounds)? else {
            return Err(End::Failed(Failure::FileNotReadable));
        };
        let mut listing = Listing::default();
        for FolderEntry { path, stat } in entries {
            match stat {
                Ok(stat) => listing.listed.push(version(&path, stat)),
                // Gone since it was listed, or not to be read: the next look shows.
                Err(SourceError::Io(_)) => {}
                Err(SourceError::OutsideRoots | SourceError::NotRegular) => {
                    let nothing = FileStat { length_bytes: 0, modified: Timestamp::EPOCH };
                    if version(&path, nothing).is_video() {
                        listing.refused.insert(path);
                    }
                }
            }
        }
        Ok(listing)
    }
}

/// What is in the folder.
#[derive(Default)]
struct Listing {
    listed: Vec<FileVersion>,
    /// Named like videos, and nothing that may be read.
    refused: BTreeSet<PathBuf>,
}
