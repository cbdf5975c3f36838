//! Source files on the real disk: what lies under the roots is found by every path that leads there, and nothing else by
//! any.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use vigie_store::OsDisk;
use vigie_store::disk::Disk;
use vigie_store::source::{Source, SourceBounds, SourceError};

/// A folder with a root, the program's own folder and a stranger's.
struct Site {
    folder: tempfile::TempDir,
    bounds: SourceBounds,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["videos/deep/er", "hub/media/gate.0123", "private"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        for name in
            ["videos/a.mp4", "videos/deep/b.mkv", "hub/media/gate.0123/c.mkv", "private/d.mp4"]
        {
            put(&at(name), name);
        }
        let bounds = SourceBounds { roots: vec![at("videos")], own_folder: at("hub") };
        Self { folder, bounds }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What stands at the path, in one word.
    fn open(&self, path: &Path) -> String {
        match OsDisk.open_source(path, &self.bounds) {
            Ok(Source::File { file, stat }) => {
                assert_eq!(file.length_bytes().unwrap(), stat.length_bytes);
                let bytes = file.read_exact_at(0, stat.length_bytes as usize).unwrap();
                assert!(file.read_exact_at(1, stat.length_bytes as usize).is_err());
                String::from_utf8(bytes.to_vec()).unwrap()
            }
            Ok(Source::Folder(entries)) => {
                let words = entries.iter().map(|entry| {
                    let name = entry.path.file_name().unwrap().to_str().unwrap();
                    let state = match &entry.stat {
                        Ok(stat) => stat.length_bytes.to_string(),
                        Err(error) => word(error).to_owned(),
                    };
                    format!("{name}:{state}")
                });
                words.collect::<Vec<_>>().join(" ")
            }
            Err(error) => word(&error).to_owned(),
        }
    }

    fn check(&self, name: &str, expect: &str) {
        assert_eq!(self.open(&self.at(name)), expect, "{name}");
    }
}

#[allow(clippy::disallowed_methods, reason = "a test makes files as others would")]
fn put(path: &Path, content: &str) {
    fs::write(path, content).unwrap();
}

fn word(error: &SourceError) -> &'static str {
    match error {
        SourceError::OutsideRoots => "outside",
        SourceError::NotRegular => "not regular",
        SourceError::Io(error) if error.kind() == std::io::ErrorKind::NotFound => "absent",
        SourceError::Io(_) => "failed",
    }
}

#[test]
fn files_and_folders_under_a_root_are_found() {
    let site = Site::new();
    site.check("videos/a.mp4", "videos/a.mp4");
    site.check("videos/deep/../a.mp4", "videos/a.mp4");
    site.check("videos/deep", "b.mkv:17");
    site.check("videos", "a.mp4:12");
    site.check("videos/b.mp4", "absent");
    site.check("videos/a.mp4/b.mp4", "failed");
}

#[test]
fn what_lies_outside_is_outside_whether_it_is_there_or_not() {
    let site = Site::new();
    for name in [
        "private/d.mp4",
        "private/absent.mp4",
        "absent/d.mp4",
        "videos/../private/d.mp4",
        "videos/../private/absent.mp4",
        "videos/absent/../../private/d.mp4",
        "videosand/a.mp4",
        "",
        "hub/media/gate.0123/c.mkv",
        "hub/absent",
    ] {
        site.check(name, "outside");
    }
    assert_eq!(site.open(Path::new("videos/a.mp4")), "outside");
    let none = SourceBounds { roots: Vec::new(), ..site.bounds.clone() };
    let refused = OsDisk.open_source(&site.at("videos/a.mp4"), &none);
    assert!(matches!(refused, Err(SourceError::OutsideRoots)));
}

#[test]
fn links_are_followed_as_long_as_they_stay_under_a_root() {
    let site = Site::new();
    let link = |target: &str, name: &str| symlink(target, site.at(name)).unwrap();
    let full = |name: &str| site.at(name).to_str().unwrap().to_owned();
    link("../a.mp4", "videos/deep/up.mp4");
    link(&full("videos/a.mp4"), "videos/full.mp4");
    link("deep", "videos/folder");
    link("../../videos/a.mp4", "videos/deep/round.mp4");
    link("../private/d.mp4", "videos/out.mp4");
    link(&full("private/d.mp4"), "videos/fullout.mp4");
    link("../private/absent.mp4", "videos/nowhere.mp4");
    link("../private", "videos/outside");
    link("loop.mp4", "videos/loop.mp4");
    link("../hub/media", "videos/own");
    site.check("videos/deep/up.mp4", "videos/a.mp4");
    site.check("videos/full.mp4", "videos/a.mp4");
    site.check("videos/folder/b.mkv", "videos/deep/b.mkv");
    // By way of the folder above the root: that is outside already.
    site.check("videos/deep/round.mp4", "outside");
    for name in ["out.mp4", "fullout.mp4", "nowhere.mp4", "outside/d.mp4", "outside/absent.mp4"] {
        site.check(&format!("videos/{name}"), "outside");
    }
    site.check("videos/own/gate.0123/c.mkv", "outside");
    site.check("videos/loop.mp4", "failed");
    site.check(
        "videos",
        "a.mp4:12 full.mp4:12 fullout.mp4:outside loop.mp4:failed nowhere.mp4:outside out.mp4:outside \
         outside:outside own:outside",
    );
    // A root may be a link itself, and a path may spell it either way.
    symlink(site.at("videos"), site.at("linked")).unwrap();
    let bounds = SourceBounds { roots: vec![site.at("linked")], ..site.bounds.clone() };
    for name in ["linked/a.mp4", "videos/a.mp4", "linked/full.mp4"] {
        assert!(OsDisk.open_source(&site.at(name), &bounds).is_ok(), "{name}");
    }
}

#[test]
fn the_program_s_own_folder_is_no_source_by_any_path() {
    let site = Site::new();
    let check = |root: &str, path: &str| {
        let bounds = SourceBounds { roots: vec![site.at(root)], ..site.bounds.clone() };
        let found = OsDisk.open_source(&site.at(path), &bounds);
        assert!(matches!(found, Err(SourceError::OutsideRoots)), "{path} under {root}");
    };
    check("", "hub");
    check("", "hub/media/gate.0123/c.mkv");
    check("", "hub/media/absent");
    check("hub", "hub/media/gate.0123/c.mkv");
    check("hub/media", "hub/media/gate.0123/c.mkv");
    check("hub/media/gate.0123", "hub/media/gate.0123/c.mkv");
    symlink(site.at("hub/media/gate.0123"), site.at("videos/bound")).unwrap();
    check("", "videos/bound/c.mkv");
    // A folder beside it is not its own.
    let bounds = SourceBounds { roots: vec![site.at("")], ..site.bounds.clone() };
    assert!(OsDisk.open_source(&site.at("videos/a.mp4"), &bounds).is_ok());
}

#[test]
fn a_pipe_a_socket_or_a_device_is_never_waited_for() {
    let site = Site::new();
    mknodat(CWD, site.at("videos/pipe.mp4"), FileType::Fifo, Mode::from_raw_mode(0o600), 0)
        .unwrap();
    let _socket = UnixListener::bind(site.at("videos/socket.mp4")).unwrap();
    symlink("pipe.mp4", site.at("videos/topipe.mp4")).unwrap();
    for name in ["pipe.mp4", "socket.mp4", "topipe.mp4"] {
        site.check(&format!("videos/{name}"), "not regular");
    }
    site.check(
        "videos",
        "a.mp4:12 pipe.mp4:not regular socket.mp4:not regular topipe.mp4:not regular",
    );
    let devices = SourceBounds { roots: vec![PathBuf::from("/dev")], ..site.bounds.clone() };
    let refused = OsDisk.open_source(Path::new("/dev/null"), &devices);
    assert!(matches!(refused, Err(SourceError::NotRegular)));
}
