//! Whatever becomes of the index, the media is there: each region of each of SQLite's three files is damaged, cut off,
//! missing or of an older copy, and after a start, or where that is refused a repair, every fragment that was persisted is
//! read back and none that was deleted. A start lays a damaged index aside by itself, and may be cut off as it does.

#![allow(clippy::disallowed_methods, reason = "a test does to files what nobody should")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vigie_store::disk::Disk;
use vigie_store::{
    FragmentOrder, FragmentQuery, OsDisk, Store, StoreError, StoreReader, StoreSettings, check,
    repair,
};

use crate::common::{header, record, whole};

const SETTINGS: StoreSettings =
    StoreSettings { media_file_size_bytes_max: 20_000, ..StoreSettings::HUB };
const FILES: [&str; 3] = ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"];
/// Parts of each file that are damaged one after another.
const REGIONS: usize = 8;

/// What every reader must see: checksums by stream and sequence.
type Truth = BTreeMap<(String, u64), u32>;

fn open(folder: &Path) -> Result<Store, StoreError> {
    open_on(&(Arc::new(OsDisk) as Arc<dyn Disk>), folder)
}

fn open_on(disk: &Arc<dyn Disk>, folder: &Path) -> Result<Store, StoreError> {
    let (media, index) = (folder.join("media"), folder.join("index.sqlite"));
    Ok(Store::open_or_begin_anew(disk, &media, &index, SETTINGS)?.0)
}

/// Opens and lets the search end; with `steps_max` it is cut off before, as by a kill.
fn heal(folder: &Path, steps_max: usize) -> Result<Store, StoreError> {
    let mut store = open(folder)?;
    let mut steps = 0;
    while store.is_searching_orphans() && steps < steps_max {
        store.search_orphans(3)?;
        steps += usize::from(!store.is_search_waiting());
    }
    Ok(store)
}

fn seen(reader: &StoreReader) -> Result<Truth, StoreError> {
    let mut seen = Truth::new();
    for key in reader.stream_keys()? {
        let all = FragmentQuery::all(FragmentOrder::Sequence, usize::MAX);
        for fragment in reader.fragments(&key, &all)? {
            let bytes = reader.read(&fragment)?;
            seen.insert((key.clone(), fragment.entry.sequence), crc32c::crc32c(&bytes));
        }
    }
    Ok(seen)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

fn append(store: &mut Store, key: &str, offset_ms: i64) {
    let fragment = whole(store, key, offset_ms);
    store.append_fragment(key, &header("camera"), &fragment).unwrap();
    store.commit().unwrap();
}

/// A killed store, an older copy of its index, and what is persisted in it. Since the copy a stream came, another went, and
/// media files were deleted.
struct Scene {
    folder: tempfile::TempDir,
    truth: Truth,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let mut store = heal(&home, usize::MAX).unwrap();
        for number in 0..14 {
            append(&mut store, "gate", number * 2000);
            append(&mut store, "attic", number * 2000);
        }
        record(&mut store, "yard", 0, 4);
        store.commit().unwrap();
        store.close().unwrap();
        std::fs::create_dir(folder.path().join("older")).unwrap();
        std::fs::copy(home.join("index.sqlite"), folder.path().join("older/index.sqlite")).unwrap();
        let mut store = heal(&home, usize::MAX).unwrap();
        for number in 14..24 {
            append(&mut store, "gate", number * 2000);
            append(&mut store, "door", number * 2000);
        }
        record(&mut store, "yard", 60_000, 4);
        store.end_fragment("yard", 160).unwrap();
        store.commit().unwrap();
        let files = store.reader().media_files("gate").unwrap();
        store.delete_media_files(&[files[0].id, files[1].id]).unwrap();
        store.delete_stream("attic").unwrap();
        append(&mut store, "gate", 60_000);
        let truth = seen(&store.reader()).unwrap();
        // As a kill leaves it: with its log.
        copy(&home, &folder.path().join("killed"));
        Self { folder, truth }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Damages a copy of the killed store. With `must_heal` a start brings everything back; without it a start may refuse or
    /// say that it cannot read, and then a repair does.
    fn check(&self, what: &str, must_heal: bool, damage: impl Fn(&Path)) {
        let cut_off: &[usize] = if must_heal { &[usize::MAX, 5] } else { &[usize::MAX] };
        for &steps_max in cut_off {
            let home = self.path("damaged");
            copy(&self.path("killed"), &home);
            damage(&home);
            // Cut off on its way, and begun again.
            if steps_max < usize::MAX {
                drop(heal(&home, steps_max));
            }
            let healed = heal(&home, usize::MAX).and_then(|store| {
                let seen = seen(&store.reader())?;
                let found = check(&store.reader())?;
                Ok((seen, found.len()))
            });
            let is_whole = matches!(&healed, Ok((seen, 0)) if *seen == self.truth);
            if must_heal {
                let (seen, found) = healed.unwrap_or_else(|error| panic!("{what}: {error:?}"));
                let lost: Vec<_> =
                    self.truth.iter().filter(|(key, _)| !seen.contains_key(key)).collect();
                let extra: Vec<_> =
                    seen.iter().filter(|(key, _)| !self.truth.contains_key(key)).collect();
                assert!(is_whole, "{what}: lost {lost:?}, came back {extra:?}, {found} findings");
            } else if !is_whole {
                let said = healed.map_or(true, |(_, found)| found > 0);
                assert!(said, "{what}: less is there and nobody says so");
                repair(&OsDisk, &home.join("media"), &home.join("index.sqlite"), true).unwrap();
                let store = heal(&home, usize::MAX).unwrap();
                assert_eq!(seen(&store.reader()).unwrap(), self.truth, "{what}, repaired");
                // No number is handed out twice, though the index forgot that it was.
            }
            if let Ok(mut store) = heal(&home, usize::MAX) {
                for key in ["gate", "door", "yard"] {
                    let last = self.truth.keys().filter(|(of, _)| of == key).map(|(_, s)| *s).max();
                    let next = store.reserve_sequences(key, 1).unwrap().start;
                    assert!(Some(next) > last, "{what}: {key} hands out {next} again");
                }
            }
            std::fs::remove_dir_all(&home).unwrap();
        }
    }
}

fn change(path: &Path, act: impl Fn(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap_or_default();
    act(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn whatever_becomes_of_the_index_no_persisted_fragment_is_lost_and_none_that_was_deleted_comes_back()
 {
    let scene = Scene::new();
    assert!(scene.truth.len() > 20);
    scene.check("nothing", true, |_| {});
    for name in FILES {
        let is_log = name != "index.sqlite";
        let length =
            std::fs::metadata(scene.path("killed").join(name)).map_or(0, |m| m.len()) as usize;
        assert!(length > 0, "{name}");
        for region in 0..REGIONS {
            let from = length * region / REGIONS;
            let until = length * (region + 1) / REGIONS;
            let at = (from + until) / 2;
            // One of no bytes is not known to be this store's, and is refused as one that is missing is.
            let must_heal = is_log || from > 0;
            scene.check(&format!("{name}: a bit flipped at {at}"), true, |home| {
                change(&home.join(name), |bytes| bytes[at] ^= 1);
            });
            scene.check(&format!("{name}: zeros from {from}"), true, |home| {
                change(&home.join(name), |bytes| bytes[from..until].fill(0));
            });
            scene.check(&format!("{name}: cut off at {from}"), must_heal, |home| {
                change(&home.join(name), |bytes| bytes.truncate(from));
            });
        }
        scene.check(&format!("{name} is missing"), is_log, |home| {
            std::fs::remove_file(home.join(name)).unwrap();
        });
    }
    let older = scene.path("older/index.sqlite");
    scene.check("an older index without a log", true, |home| {
        FILES.iter().for_each(|name| std::fs::remove_file(home.join(name)).unwrap());
        std::fs::copy(&older, home.join("index.sqlite")).unwrap();
    });
    scene.check("an older index under a newer log", true, |home| {
        std::fs::copy(&older, home.join("index.sqlite")).unwrap();
    });
    scene.check("an older index, and its journal is gone", false, |home| {
        FILES.iter().for_each(|name| std::fs::remove_file(home.join(name)).unwrap());
        std::fs::copy(&older, home.join("index.sqlite")).unwrap();
        std::fs::remove_file(home.join("media/deleted.journal")).unwrap();
    });
}
