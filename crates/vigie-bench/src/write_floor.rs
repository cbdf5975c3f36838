//! The floor under PutMedia: a plain program that writes the same bytes to as many files and syncs them, without HTTP,
//! Matroska, checksums or an index. In the pattern of a group commit: a fragment to each file, then all files synced
//! side by side, again and again. Beside it, what other patterns reach: the files synced one after another, and a thread
//! for each file that waits for nobody.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::process::on_cores;
use crate::producer::fragment;

const SYNC_THREADS: usize = 16;

/// Bytes a second that are written and synced.
#[derive(Clone, Copy)]
pub(crate) struct Floor {
    pub(crate) in_rounds: f64,
    pub(crate) in_turn: f64,
    pub(crate) in_threads: f64,
}

impl Floor {
    /// The median of each pattern.
    pub(crate) fn median(turns: &[Self]) -> Self {
        let median = |rate: fn(&Self) -> f64| {
            let mut rates: Vec<f64> = turns.iter().map(rate).collect();
            rates.sort_by(f64::total_cmp);
            rates[rates.len() / 2]
        };
        Self {
            in_rounds: median(|floor| floor.in_rounds),
            in_turn: median(|floor| floor.in_turn),
            in_threads: median(|floor| floor.in_threads),
        }
    }
}

/// The program.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where its files go
    folder: PathBuf,
    /// How many files
    files: usize,
    /// How long each pattern is written
    milliseconds: u64,
}

/// Writes each pattern for a time and prints bytes a second, one line each.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let Options { folder, files, milliseconds } = options;
    let (fragment, time) = (fragment(0), Duration::from_millis(*milliseconds));
    let in_turn = |file: &[File]| file.iter().try_for_each(File::sync_data);
    println!("{}", in_rounds(folder, *files, &fragment, time, sync_side_by_side)?);
    println!("{}", in_rounds(folder, *files, &fragment, time, in_turn)?);
    println!("{}", in_threads(folder, *files, &fragment, time)?);
    Ok(())
}

/// What the program reaches on these cores.
pub(crate) async fn measure(
    cores: &str,
    folder: &Path,
    files: usize,
    time: Duration,
) -> Outcome<Floor> {
    let mut command = on_cores(cores, &std::env::current_exe()?);
    command.arg("write-floor").arg(folder).arg(files.to_string());
    command.arg(time.as_millis().to_string()).stderr(std::process::Stdio::inherit());
    let output = tokio::process::Command::from(command).kill_on_drop(true).output().await?;
    let text = String::from_utf8(output.stdout)?;
    let rates = text.lines().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
    match rates[..] {
        [in_rounds, in_turn, in_threads] => Ok(Floor { in_rounds, in_turn, in_threads }),
        _ => Err(format!("the writing floor failed: {}", output.status).into()),
    }
}

fn create(folder: &Path, files: usize) -> Outcome<(tempfile::TempDir, Vec<File>)> {
    let folder = tempfile::tempdir_in(folder)?;
    let create = |index| File::create(folder.path().join(format!("{index}.mkv")));
    let files = (0..files).map(create).collect::<Result<_, _>>()?;
    Ok((folder, files))
}

/// A thread for each of a few files at a time, as many threads as the store has.
fn sync_side_by_side(files: &[File]) -> std::io::Result<()> {
    let lot = files.len().div_ceil(SYNC_THREADS);
    std::thread::scope(|scope| {
        let sync = |lot: &[File]| lot.iter().try_for_each(File::sync_data);
        let threads: Vec<_> = files.chunks(lot).map(|lot| scope.spawn(move || sync(lot))).collect();
        let died = |_| Err(std::io::Error::other("a thread of the floor died"));
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(died))
    })
}

fn in_rounds(
    folder: &Path,
    files: usize,
    fragment: &[u8],
    time: Duration,
    sync: impl Fn(&[File]) -> std::io::Result<()>,
) -> Outcome<f64> {
    let (_folder, mut files) = create(folder, files)?;
    let begun = Instant::now();
    let mut written = 0u64;
    while begun.elapsed() < time {
        for file in &mut files {
            file.write_all(fragment)?;
        }
        sync(&files)?;
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
