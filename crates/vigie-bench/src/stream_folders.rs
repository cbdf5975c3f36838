//! Where the media files of a server or a hub are.

use std::io;
use std::path::{Path, PathBuf};

/// The folders of the streams in a media folder, which also holds the journal of what was deleted and what lies aside.
pub(crate) fn stream_folders(media: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(media)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("unclaimed") {
            folders.push(path);
        }
    }
    Ok(folders)
}
