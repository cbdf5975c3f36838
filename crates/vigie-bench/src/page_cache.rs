//! Brings a server's files into the page cache, where it does not put media itself, and drops them from it.

use std::fs::File;
use std::path::Path;

use rustix::fs::Advice;

use crate::Outcome;

/// Reads all files of a folder once.
pub(crate) fn warm(folder: &Path) -> Outcome<()> {
    each_file(folder, &|path| {
        std::io::copy(&mut File::open(path)?, &mut std::io::sink())?;
        Ok(())
    })
}

/// Drops all files of a folder. They are clean: what is persisted has been synced.
pub(crate) fn evict(folder: &Path) -> Outcome<()> {
    each_file(folder, &|path| {
        Ok(rustix::fs::fadvise(File::open(path)?, 0, None, Advice::DontNeed)?)
    })
}

fn each_file(folder: &Path, act: &dyn Fn(&Path) -> Outcome<()>) -> Outcome<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { each_file(&path, act)? } else { act(&path)? }
    }
    Ok(())
}
