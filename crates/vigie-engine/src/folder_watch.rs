//! A watched folder: which of its files is to be recorded next.
//!
//! Decides from listings alone. A file is taken once it has stayed as it is, in size and time of change, for
//! [`QUIET`]: one that is still being written changes. A file that is done is not taken again unless it changes, for then
//! it is another. The oldest goes first. It never opens a file and never reads a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A file that has not changed for so long is taken to be whole.
pub const QUIET: Duration = Duration::from_secs(10);

/// What video files are called; others in the folder are left alone, as are hidden ones, by which programs keep what is
/// not whole yet.
const EXTENSIONS: &[&str] = &["mp4", "m4v", "mov", "mkv"];

/// A file at one state of its content.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileVersion {
    /// When its content last changed, in milliseconds since the epoch.
    pub modified_ms: i64,
    /// Its full path.
    pub path: String,
    /// Its length.
    pub size_bytes: u64,
}

impl FileVersion {
    /// Whether it is named like a video file.
    pub fn is_video(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        !name.starts_with('.')
            && extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
    }
}

/// What was seen of a folder.
#[derive(Clone, Debug, Default)]
pub struct FolderWatch {
    /// Each file and since when it is so, on the monotonic clock.
    seen: BTreeMap<FileVersion, Duration>,
}

impl FolderWatch {
    /// Takes a listing in; the file to record now, if any.
    pub fn look(
        &mut self,
        listed: Vec<FileVersion>,
        done: &BTreeSet<FileVersion>,
        mono: Duration,
    ) -> Option<FileVersion> {
        let before = std::mem::take(&mut self.seen);
        for file in listed.into_iter().filter(FileVersion::is_video) {
            let since = before.get(&file).copied().unwrap_or(mono);
            self.seen.insert(file, since);
        }
        let is_quiet = |since: Duration| mono.saturating_sub(since) >= QUIET;
        let next = self.seen.iter().find(|(file, since)| is_quiet(**since) && !done.contains(file));
        next.map(|(file, _)| file.clone())
    }

    /// Whether a file of the last listing is neither done nor taken yet.
    pub fn has_waiting(&self, done: &BTreeSet<FileVersion>) -> bool {
        self.seen.keys().any(|file| !done.contains(file))
    }

    /// Those of `done` that the last listing did not show: they need not be remembered.
    pub fn gone(&self, done: &BTreeSet<FileVersion>) -> Vec<FileVersion> {
        done.iter().filter(|file| !self.seen.contains_key(*file)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, size_bytes: u64, modified_ms: i64) -> FileVersion {
        FileVersion { path: path.to_owned(), size_bytes, modified_ms }
    }

    fn look(
        watch: &mut FolderWatch,
        listed: &[FileVersion],
        done: &[FileVersion],
        seconds: u64,
    ) -> Option<String> {
        let done = done.iter().cloned().collect();
        let taken = watch.look(listed.to_vec(), &done, Duration::from_secs(seconds));
        taken.map(|file| file.path)
    }

    #[test]
    fn a_file_is_taken_once_it_has_not_changed_for_ten_seconds() {
        let mut watch = FolderWatch::default();
        assert_eq!(look(&mut watch, &[file("/v/a.mp4", 10, 1)], &[], 0), None);
        assert_eq!(look(&mut watch, &[file("/v/a.mp4", 20, 9)], &[], 9), None);
        assert_eq!(look(&mut watch, &[file("/v/a.mp4", 20, 9)], &[], 18), None);
        // Its size alone, or its time alone, changes as well.
        assert_eq!(look(&mut watch, &[file("/v/a.mp4", 21, 9)], &[], 20), None);
        assert_eq!(look(&mut watch, &[file("/v/a.mp4", 21, 10)], &[], 25), None);
        assert_eq!(
            look(&mut watch, &[file("/v/a.mp4", 21, 10)], &[], 35),
            Some("/v/a.mp4".to_owned())
        );
    }

    #[test]
    fn the_oldest_goes_first_and_none_twice_unless_it_is_another() {
        let mut watch = FolderWatch::default();
        let (a, b) = (file("/v/a.mp4", 10, 7), file("/v/b.mkv", 10, 5));
        let listed = [a.clone(), b.clone()];
        assert_eq!(look(&mut watch, &listed, &[], 0), None);
        assert_eq!(look(&mut watch, &listed, &[], 10), Some("/v/b.mkv".to_owned()));
        assert_eq!(
            look(&mut watch, &listed, std::slice::from_ref(&b), 11),
            Some("/v/a.mp4".to_owned())
        );
        let done = [a.clone(), b.clone()];
        assert_eq!(look(&mut watch, &listed, &done, 60), None);
        let replaced = [a, file("/v/b.mkv", 11, 70)];
        assert_eq!(look(&mut watch, &replaced, &done, 61), None);
        assert!(watch.has_waiting(&done.iter().cloned().collect()));
        assert_eq!(watch.gone(&done.iter().cloned().collect()), [b]);
        assert_eq!(look(&mut watch, &replaced, &done, 71), Some("/v/b.mkv".to_owned()));
    }

    #[test]
    fn what_is_not_named_like_a_video_is_left_alone() {
        let check = |path: &str, expect| assert_eq!(file(path, 1, 1).is_video(), expect, "{path}");
        check("/v/a.mp4", true);
        check("/v/A.MOV", true);
        check("/v/a.b.mkv", true);
        check("/v/.a.mp4", false);
        check("/v/a.mp4.part", false);
        check("/v/a", false);
        check("/v.mp4/a.txt", false);
    }
}
