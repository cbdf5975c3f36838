//! A folder: its files one after another, and those that come later, until the source is told to stop.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use vigie_engine::folder_watch::{FileVersion, FolderWatch};
use vigie_engine::recorder::Failure;
use vigie_media::Timestamp;
use vigie_store::disk::Disk;

use super::delivery::Place;
use super::{End, FileSource, version};
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
            let listed = list(folder, disk)?;
            next = next.filter(|file| listed.contains(file));
            let quiet = watch.look(listed, &done, now.mono);
            let Some(file) = next.take().or(quiet) else {
                if !is_idle && !watch.has_waiting(&done) {
                    is_idle = true;
                    let skipped = skipped.len() as u64;
                    batch.blocking_send(SourceEvent::FolderIdle { skipped })?;
                }
                std::thread::sleep(LOOK_INTERVAL);
                continue;
            };
            is_idle = false;
            let modified = Timestamp::from_millis(file.modified_ms);
            let place = Place { ends_at: now.wall.min(modified), not_before, in_folder: true };
            let failure = match self.deliver_file(&file, place, disk, batch) {
                Ok(until) => {
                    not_before = not_before.max(until.plus_millis(1));
                    None
                }
                Err(End::Stopped) => return Err(End::Stopped),
                Err(End::Failed(failure)) => Some(failure),
                Err(End::NotThere) => Some(Failure::FileNotMedia),
            };
            if failure.is_some() {
                skipped.insert(file.clone());
            }
            let gone = watch.gone(&done);
            for file in &gone {
                done.remove(file);
                skipped.remove(file);
            }
            done.insert(file.clone());
            batch.blocking_send(SourceEvent::FileEnded { file, failure, gone })?;
        }
    }
}

fn list(folder: &Path, disk: &dyn Disk) -> Result<Vec<FileVersion>, End> {
    let mut files = Vec::new();
    for path in disk.list(folder)? {
        // Gone since it was listed, or not to be read: the next look shows.
        let Ok(stat) = disk.stat(&path) else { continue };
        if !stat.is_directory {
            files.push(version(&path, stat.modified, stat.length_bytes));
        }
    }
    Ok(files)
}
