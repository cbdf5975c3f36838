//! An index in SQLite's own files, which are damaged between a crash and the next start: pages of the main file, frames of
//! the log, whole files, or an older copy in their place. Says nothing of what a store makes of it.

#![allow(clippy::disallowed_methods, reason = "a test does to files what nobody should")]

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use vigie_engine::chance::Chance;
use vigie_sim::chance::SimChance;
use vigie_store::{IndexError, SqliteIndex};

const MAIN: &str = "index.sqlite";
const FILES: [&str; 3] = [MAIN, "index.sqlite-wal", "index.sqlite-shm"];
/// Pages of the index, of which a disk loses some at a time.
const PAGE_BYTES: usize = 512;

pub(crate) struct IndexFiles {
    folder: TempDir,
    /// A start goes on in a folder of its own: the process before may still have the former files open.
    starts: u32,
    has_copy: bool,
}

impl IndexFiles {
    pub(crate) fn new() -> Self {
        // In memory where there is such a folder: what a sync costs is nothing here.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self { folder, starts: 0, has_copy: false }
    }

    fn of_start(&self, number: u32) -> PathBuf {
        self.folder.path().join(number.to_string())
    }

    fn copy_folder(&self) -> PathBuf {
        self.folder.path().join("copy")
    }

    /// An empty index.
    pub(crate) fn create(&mut self) -> SqliteIndex {
        let folder = self.next_folder();
        SqliteIndex::open(folder.join(MAIN)).unwrap()
    }

    /// A copy of all files is put aside, to come back as an older one.
    pub(crate) fn keep_copy(&mut self) {
        copy_files(&self.of_start(self.starts), &self.copy_folder());
        self.has_copy = true;
    }

    /// What a kill leaves of the files is damaged and opened.
    pub(crate) fn damage(&mut self, chance: &mut SimChance) -> Result<SqliteIndex, IndexError> {
        let killed = self.of_start(self.starts);
        let folder = self.next_folder();
        copy_files(&killed, &folder);
        if self.has_copy && chance.happens(300) {
            self.put_copy_back(&folder, chance);
        } else {
            let name = FILES[[0, 0, 0, 1, 1, 1, 2][chance.below(7) as usize]];
            damage_file(&folder.join(name), chance);
        }
        SqliteIndex::open(folder.join(MAIN))
    }

    fn put_copy_back(&self, folder: &Path, chance: &mut SimChance) {
        let copied: &[&str] = match chance.below(3) {
            // As a snapshot has it; as somebody copies one file; and under a log that is newer.
            0 => &FILES,
            1 => {
                remove_files(folder);
                &FILES[..1]
            }
            _ => &FILES[..1],
        };
        for name in copied {
            copy_file(&self.copy_folder().join(name), &folder.join(name));
        }
    }

    fn next_folder(&mut self) -> PathBuf {
        self.starts += 1;
        let folder = self.of_start(self.starts);
        std::fs::create_dir(&folder).unwrap();
        if let Some(long_gone) = self.starts.checked_sub(3) {
            std::fs::remove_dir_all(self.of_start(long_gone)).ok();
        }
        folder
    }
}

fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    remove_files(to);
    for name in FILES {
        copy_file(&from.join(name), &to.join(name));
    }
}

fn copy_file(from: &Path, to: &Path) {
    if from.exists() {
        std::fs::copy(from, to).unwrap();
    }
}

fn remove_files(folder: &Path) {
    for path in FILES.map(|name| folder.join(name)) {
        if path.exists() {
            std::fs::remove_file(path).unwrap();
        }
    }
}

fn damage_file(path: &Path, chance: &mut SimChance) {
    if !path.exists() {
        return;
    }
    let mut bytes = std::fs::read(path).unwrap();
    if bytes.is_empty() || chance.happens(100) {
        return std::fs::remove_file(path).unwrap();
    }
    let at = chance.below(bytes.len() as u64) as usize;
    let page = at - at % PAGE_BYTES;
    let end = (page + PAGE_BYTES * (1 + chance.below(4) as usize)).min(bytes.len());
    match chance.below(4) {
        0 => bytes[at] ^= 1 << chance.below(8),
        1 => bytes[page..end].fill(0),
        2 => bytes[page..end].iter_mut().for_each(|byte| *byte = chance.next_u64() as u8),
        _ => bytes.truncate(at),
    }
    std::fs::write(path, bytes).unwrap();
}
