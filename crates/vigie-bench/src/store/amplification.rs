//! Bytes that go to the disk for each byte of media, by the kernel's own account of this process
//! (`/proc/self/io`, `write_bytes`): media files, index, its log and their rewriting, in whole pages of 4 KiB.

use std::fmt::Write;
use std::path::Path;

use bytes::Bytes;
use vigie_store::StoreSettings;

use super::media::{self, BEGIN};
use super::open;
use super::plain::PlainFile;
use crate::Outcome;

/// Cameras whose fragments share commits.
const CAMERAS: usize = 64;
/// Of each pattern.
const BYTES: usize = 256 << 20;

/// A way in which fragments come.
struct Pattern {
    name: &'static str,
    /// Few enough that media files grow and are rolled as they would in a day.
    cameras: usize,
    fragment_bytes: usize,
    /// Fragments that share a commit; the hub's pattern has all cameras in each.
    fragments_per_commit: usize,
    /// The hub: so many commits while a fragment grows, each of so many writes.
    growth: Option<(usize, usize)>,
    aim: &'static str,
}

const PATTERNS: [Pattern; 7] = [
    Pattern {
        name: "server, 2 s at 4 Mbit/s, a commit each",
        cameras: 2,
        fragment_bytes: 1_000_000,
        fragments_per_commit: 1,
        growth: None,
        aim: "1.02",
    },
    Pattern {
        name: "server, 1 s at 4 Mbit/s, a commit each",
        cameras: 2,
        fragment_bytes: 500_000,
        fragments_per_commit: 1,
        growth: None,
        aim: "1.02",
    },
    Pattern {
        name: "server, 1 s at 4 Mbit/s, 64 in a commit",
        cameras: CAMERAS,
        fragment_bytes: 500_000,
        fragments_per_commit: CAMERAS,
        growth: None,
        aim: "1.02",
    },
    Pattern {
        name: "hub, 64 cameras, 2 s at 4 Mbit/s, a commit each second",
        cameras: CAMERAS,
        fragment_bytes: 1_000_000,
        fragments_per_commit: CAMERAS,
        growth: Some((2, 15)),
        aim: "1.02",
    },
    Pattern {
        name: "hub, one camera, 2 s at 4 Mbit/s, a commit each second",
        cameras: 2,
        fragment_bytes: 1_000_000,
        fragments_per_commit: 1,
        growth: Some((2, 15)),
        aim: "1.02",
    },
    Pattern {
        name: "server, 100 KB, a commit each",
        cameras: 2,
        fragment_bytes: 100_000,
        fragments_per_commit: 1,
        growth: None,
        aim: "",
    },
    Pattern {
        name: "server, 100 KB, 64 in a commit",
        cameras: CAMERAS,
        fragment_bytes: 100_000,
        fragments_per_commit: CAMERAS,
        growth: None,
        aim: "",
    },
];

pub(super) fn measure(folder: &Path) -> Outcome<String> {
    let mut table = String::from(
        "## Write amplification

Bytes written to the disk for each byte of media, `write_bytes` of `/proc/self/io`. The kernel writes whole pages of
4 KiB: an append that does not end on one writes its last page again with the next commit, which is the floor's excess.

| Fragments | Vigie | floor | to the floor | aim |
| --- | ---: | ---: | ---: | ---: |
",
    );
    for (number, pattern) in PATTERNS.iter().enumerate() {
        let vigie = store(&folder.join(format!("amplification-{number}")), pattern)?;
        let floor = plain(&folder.join(format!("plain-{number}")), pattern)?;
        let Pattern { name, aim, .. } = pattern;
        writeln!(table, "| {name} | {vigie:.4} | {floor:.4} | {:.4} | {aim} |", vigie / floor)?;
    }
    Ok(table)
}

/// What a commit of a growing fragment adds to it, in the pieces that are written.
fn pieces(cluster: &Bytes, growth: (usize, usize)) -> Vec<Vec<Bytes>> {
    let (commits, writes) = growth;
    let piece = cluster.len().div_ceil(commits * writes);
    let all: Vec<Bytes> = (0..cluster.len())
        .step_by(piece)
        .map(|at| cluster.slice(at..(at + piece).min(cluster.len())))
        .collect();
    all.chunks(writes).map(<[Bytes]>::to_vec).collect()
}

fn store(folder: &Path, pattern: &Pattern) -> Outcome<f64> {
    let settings =
        if pattern.growth.is_some() { StoreSettings::HUB } else { StoreSettings::SERVER };
    let mut store = open(folder, settings)?;
    let (header, cluster) = (media::header(), media::cluster(pattern.fragment_bytes));
    // A stream comes into being once in its life.
    for number in 0..pattern.cameras {
        store.reserve_sequences(&media::key(number), 1)?;
    }
    let before = written_bytes()?;
    let mut media_bytes = 0;
    let mut at = BEGIN;
    let mut camera = 0;
    while media_bytes < BYTES {
        let keys: Vec<String> = (0..pattern.fragments_per_commit)
            .map(|number| media::key((camera + number) % pattern.cameras))
            .collect();
        camera = if pattern.growth.is_some() { camera } else { camera + keys.len() };
        let mut metas = Vec::new();
        for key in &keys {
            metas.push(media::meta(store.reserve_sequences(key, 1)?.start, at));
        }
        match pattern.growth {
            None => {
                for (key, meta) in keys.iter().zip(metas) {
                    let bytes = cluster.clone();
                    let fragment = media::fragment(meta.sequence, at, 2000, bytes);
                    store.append_fragment(key, &header, &fragment)?;
                }
                store.commit()?;
            }
            Some(growth) => {
                for (key, meta) in keys.iter().zip(metas) {
                    store.begin_fragment(key, &header, meta)?;
                }
                for second in pieces(&cluster, growth) {
                    for key in &keys {
                        for piece in &second {
                            store.append_frames(key, &[Bytes::copy_from_slice(piece)], 2, 1000)?;
                        }
                    }
                    store.commit()?;
                }
                for key in &keys {
                    store.end_fragment(key, 2000)?;
                }
            }
        }
        media_bytes += keys.len() * cluster.len();
        at = at.plus_millis(2000 * keys.len() as i64 / pattern.cameras as i64 + 1);
    }
    store.close()?;
    let written = written_bytes()? - before;
    std::fs::remove_dir_all(folder)?;
    Ok(written as f64 / media_bytes as f64)
}

fn plain(folder: &Path, pattern: &Pattern) -> Outcome<f64> {
    std::fs::create_dir_all(folder)?;
    let cluster = media::cluster(pattern.fragment_bytes);
    let files: Result<Vec<PlainFile>, _> = (0..pattern.cameras)
        .map(|number| PlainFile::create(&folder.join(number.to_string())))
        .collect();
    let mut files = files?;
    let before = written_bytes()?;
    let mut media_bytes = 0;
    let mut camera = 0;
    while media_bytes < BYTES {
        let commits =
            pattern.growth.map_or_else(|| vec![vec![cluster.clone()]], |g| pieces(&cluster, g));
        for pieces in commits {
            for number in 0..pattern.fragments_per_commit {
                let file =
                    files.get_mut((camera + number) % pattern.cameras).ok_or("no such file")?;
                pieces.iter().try_for_each(|piece| file.append(piece))?;
                file.sync()?;
            }
        }
        media_bytes += pattern.fragments_per_commit * cluster.len();
        camera =
            if pattern.growth.is_some() { camera } else { camera + pattern.fragments_per_commit };
    }
    let written = written_bytes()? - before;
    std::fs::remove_dir_all(folder)?;
    Ok(written as f64 / media_bytes as f64)
}

/// Bytes that this process has caused to be written to disks.
fn written_bytes() -> Outcome<u64> {
    let text = std::fs::read_to_string("/proc/self/io")?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.ok_or("no write_bytes in /proc/self/io")?.trim().parse()?)
}
