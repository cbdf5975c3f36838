//! What the check and the repair make of a store that was just recovered: nothing is wrong with it, every byte that
//! rots is found, and its index comes back from the files alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vigie_engine::chance::Chance;
use vigie_store::index::Index;
use vigie_store::{
    Disagreement, Fragment, FragmentOrder, FragmentQuery, SqliteIndex, Store, StoreReader,
    StoreSettings, check, rebuild,
};

use super::world::{KEYS, ROOT, World};

/// A begin mark: of no meaning once its fragment has its end mark.
const BEGIN_MARK_BYTES: u64 = 70;
/// A file mark without the stream's key.
const FILE_MARK_BYTES: u64 = 21;

fn listing(reader: &StoreReader) -> Vec<Vec<Fragment>> {
    let all = FragmentQuery::all(FragmentOrder::Sequence, usize::MAX);
    KEYS.iter().map(|key| reader.fragments(key, &all).unwrap()).collect()
}

impl World {
    /// The index is rebuilt from the files, while no store is open: it says the same of every fragment. It is not put in the
    /// place of the old one, as by a repair that was killed just before.
    pub(crate) fn assert_repair_gives_the_same(&mut self) {
        let before = self.contents();
        self.store = None;
        let old = self.index.reader();
        let mut index = SqliteIndex::in_memory().unwrap();
        let root = Path::new(ROOT);
        let planned = rebuild(&self.disk, root, Some(old.as_ref()), None).unwrap();
        let report = rebuild(&self.disk, root, Some(old.as_ref()), Some(&mut index)).unwrap();
        assert_eq!(report, planned);
        // A loss of power may have torn a fragment before one that is whole.
        assert_eq!(report.set_aside, Vec::<PathBuf>::new());
        let disk = Arc::new(self.disk.clone());
        let settings = StoreSettings { uncommitted: self.mode, ..StoreSettings::SERVER };
        let (mut store, recovery) = Store::open(disk, ROOT, Box::new(index), settings).unwrap();
        while store.is_searching_orphans() {
            store.search_orphans(100).unwrap();
            self.disk.work_off();
        }
        assert_eq!(store.reader().findings().claimed_fragment_count, 0);
        assert_eq!(recovery.reclaimed_file_count, 0);
        let wrong = check(&store.reader()).unwrap();
        let lies_aside = |found: &Disagreement| matches!(found, Disagreement::Unclaimed { .. });
        assert!(wrong.iter().all(lies_aside), "{wrong:?}");
        self.store = Some(store);
        assert_eq!(self.contents(), before);
        self.store = None;
        // It draws nothing that the rest of the world goes by.
        let chance = self.chance.clone();
        self.start();
        self.chance = chance;
        assert_eq!(self.contents(), before);
    }

    /// All fragments, and the bytes of each stream.
    fn contents(&mut self) -> (Vec<Vec<Fragment>>, Vec<u64>) {
        let store = self.store();
        (listing(&store.reader()), KEYS.iter().map(|key| store.size_bytes(key)).collect())
    }

    /// One byte of one media file rots: the check names that file, and nothing when the byte is well again.
    pub(crate) fn assert_check_finds_a_rotten_byte(&mut self) {
        let reader = self.store().reader();
        let files_of = |key: &&'static str| {
            let key = *key;
            reader.media_files(key).unwrap().into_iter().map(move |file| (key, file))
        };
        let files: Vec<_> = KEYS.iter().flat_map(files_of).collect();
        if files.is_empty() {
            return;
        }
        let (key, file) = &files[self.chance.below(files.len() as u64) as usize];
        let path = Path::new(ROOT).join(&file.place.path);
        let at = self.chance.below(file.size_bytes);
        let entries = reader.fragments_of(file.id).unwrap();
        let in_fragment = |at| entries.iter().any(|e| (e.offset..e.end()).contains(&at));
        let before_fragment = entries.iter().any(|entry| {
            let begin = entry.offset.saturating_sub(BEGIN_MARK_BYTES);
            (begin..entry.offset).contains(&at) && !in_fragment(at)
        });
        // What was torn beside whole fragments is nobody's any more.
        let fragments_from = file.place.header_size_bytes + FILE_MARK_BYTES + key.len() as u64;
        let is_torn = at >= fragments_from
            && !entries.iter().any(|e| (e.offset..e.end() + BEGIN_MARK_BYTES).contains(&at));
        self.disk.rot(&path, at).unwrap();
        let found = check(&reader).unwrap();
        let named = found.iter().any(|disagreement| path_of(disagreement) == Some(&path));
        assert!(named || before_fragment || is_torn, "byte {at} of {}: {found:?}", path.display());
        self.disk.rot(&path, at).unwrap();
        self.assert_agrees(&reader);
    }
}

fn path_of(disagreement: &Disagreement) -> Option<&PathBuf> {
    match disagreement {
        Disagreement::Missing { path }
        | Disagreement::Orphan { path }
        | Disagreement::Length { path, .. }
        | Disagreement::Damaged { path, .. }
        | Disagreement::Beyond { path, .. }
        | Disagreement::Overlap { path, .. }
        | Disagreement::Mark { path, .. }
        | Disagreement::Unknown { path, .. } => Some(path),
        Disagreement::Unclaimed { file } => Some(&file.path),
        Disagreement::Row { .. } | Disagreement::Index { .. } => None,
    }
}
