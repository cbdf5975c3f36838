//! The floor under PutMedia: a plain program that writes the same bytes to as many files and syncs them, in memory once
//! and without HTTP, Matroska, checksums or an index. Measured in two ways, of which the better one counts: all files
//! in turn, each synced once a round; and a thread for each file.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;

/// Bytes a second that are written and synced.
pub(crate) struct Floor {
    pub(crate) in_turn: f64,
    pub(crate) in_threads: f64,
}

impl Floor {
    pub(crate) fn best(&self) -> f64 {
        self.in_turn.max(self.in_threads)
    }
}

pub(crate) fn measure(
    folder: &Path,
    files: usize,
    fragment: &[u8],
    time: Duration,
) -> Outcome<Floor> {
    let in_turn = in_turn(folder, files, fragment, time)?;
    let in_threads = in_threads(folder, files, fragment, time)?;
    Ok(Floor { in_turn, in_threads })
}

fn create(folder: &Path, files: usize) -> Outcome<(tempfile::TempDir, Vec<File>)> {
    let folder = tempfile::tempdir_in(folder)?;
    let create = |index| File::create(folder.path().join(format!("{index}.mkv")));
    let files = (0..files).map(create).collect::<Result<_, _>>()?;
    Ok((folder, files))
}

fn in_turn(folder: &Path, files: usize, fragment: &[u8], time: Duration) -> Outcome<f64> {
    let (_folder, mut files) = create(folder, files)?;
    let begun = Instant::now();
    let mut written = 0u64;
    while begun.elapsed() < time {
        for file in &mut files {
            file.write_all(fragment)?;
        }
        for file in &files {
            file.sync_data()?;
        }
        written += (files.len() * fragment.len()) as u64;
    }
    Ok(written as f64 / begun.elapsed().as_secs_f64())
}

fn in_threads(folder: &Path, files: usize, fragment: &[u8], time: Duration) -> Outcome<f64> {
    let (_folder, files) = create(folder, files)?;
    let (written, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let append = |mut file: File| -> std::io::Result<()> {
        while !stop.load(Ordering::Relaxed) {
            file.write_all(fragment)?;
            file.sync_data()?;
            written.fetch_add(fragment.len() as u64, Ordering::Relaxed);
        }
        Ok(())
    };
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let append = &append;
        let threads: Vec<_> =
            files.into_iter().map(|file| scope.spawn(move || append(file))).collect();
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            thread.join().map_err(|_| "a thread of the floor died")??;
        }
        Outcome::Ok(())
    })?;
    Ok(written.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}
