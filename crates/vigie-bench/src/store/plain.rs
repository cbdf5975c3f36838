//! The floor: a plain program that appends to files and syncs them.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;

/// A file that only grows.
pub(super) struct PlainFile {
    file: File,
    length_bytes: u64,
}

impl PlainFile {
    pub(super) fn create(path: &Path) -> Outcome<Self> {
        Ok(Self { file: File::create_new(path)?, length_bytes: 0 })
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Outcome<()> {
        self.file.write_all_at(bytes, self.length_bytes)?;
        self.length_bytes += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn sync(&self) -> Outcome<()> {
        Ok(self.file.sync_data()?)
    }
}

/// As many threads as files, each appending `bytes` and syncing its file, for some time. Gives bytes a second.
pub(super) fn ingest(folder: &Path, files: usize, bytes: &[u8], time: Duration) -> Outcome<f64> {
    std::fs::create_dir_all(folder)?;
    let plain: Result<Vec<PlainFile>, _> =
        (0..files).map(|number| PlainFile::create(&folder.join(number.to_string()))).collect();
    let mut plain = plain?;
    let begun = Instant::now();
    let over = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let workers: Vec<_> = plain
            .iter_mut()
            .map(|file| {
                let over = &over;
                scope.spawn(move || -> Outcome<u64> {
                    while !over.load(Ordering::Relaxed) {
                        file.append(bytes)?;
                        file.sync()?;
                    }
                    Ok(file.length_bytes)
                })
            })
            .collect();
        std::thread::sleep(time);
        over.store(true, Ordering::Relaxed);
        workers.into_iter().map(|worker| worker.join().map_err(|_| "a writer panicked")?).sum()
    });
    let written: Outcome<u64> = written;
    let rate = written? as f64 / begun.elapsed().as_secs_f64();
    std::fs::remove_dir_all(folder)?;
    Ok(rate)
}
