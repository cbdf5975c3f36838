//! One store on one simulated disk, driven at random and crashed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use vigie_engine::chance::Chance;
use vigie_media::matroska::writer;
use vigie_media::{Timestamp, Track, TrackKind, codec_id};
use vigie_sim::chance::SimChance;
use vigie_sim::disk::{Faults, SimDisk};
use vigie_sim::index::SimIndex;
use vigie_store::index::{Change, Index, IndexRead};
use vigie_store::{
    CommitReport, Disagreement, FragmentMeta, IndexError, MediaFileState, Store, StoreError,
    StoreSettings, Uncommitted, WholeFragment, check, rebuild,
};

use super::index_files::IndexFiles;
use super::model::{FragmentModel, State, StreamModel, Uploaded};

pub(crate) const ROOT: &str = "/media";
pub(crate) const KEYS: [&str; 3] = ["gate", "yard", "door"];
const ROOMY: u64 = 1 << 30;

/// The simulated index, on a disk that can be full.
struct FullAtTimes {
    index: SimIndex,
    chance: SimChance,
    full_per_mille: u64,
}

impl Index for FullAtTimes {
    fn apply(&mut self, changes: &[Change]) -> Result<(), IndexError> {
        if self.chance.happens(self.full_per_mille) {
            return Err(IndexError::Full);
        }
        self.index.apply(changes)
    }

    fn reader(&self) -> Arc<dyn IndexRead> {
        self.index.reader()
    }
}

/// What becomes of the index between a crash and the next start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    None,
    /// An older copy is put in its place.
    Older,
    /// Its files are damaged, are gone, or are older copies.
    Damaged,
}

pub(crate) struct World {
    pub(crate) chance: SimChance,
    pub(crate) mode: Uncommitted,
    pub(crate) disk: SimDisk,
    pub(crate) index: SimIndex,
    pub(crate) store: Option<Store>,
    pub(crate) streams: BTreeMap<&'static str, StreamModel>,
    pub(crate) now: Timestamp,
    pub(crate) headers: Vec<Bytes>,
    /// A fatal error was met.
    pub(crate) must_restart: bool,
    /// Syncs may have failed since the store was opened: then what was not committed is given up.
    pub(crate) syncs_failed: bool,
    /// What happens to the index now and then …
    harm: Harm,
    /// … and did before the last start: it is older than its media, or damaged.
    pub(crate) was_harmed: bool,
    /// The files of an index that is damaged …
    files: Option<IndexFiles>,
    /// … and cannot be opened …
    is_lost: bool,
    /// … or was said to be damaged when it was used.
    is_refused: bool,
}

impl World {
    pub(crate) fn new(seed: u64, mode: Uncommitted, harm: Harm) -> Self {
        let mut chance = SimChance::new(seed);
        let disk = SimDisk::new(chance.next_u64(), ROOMY);
        let mut files = (harm == Harm::Damaged).then(IndexFiles::new);
        let index = match (harm, &mut files) {
            (_, Some(files)) => SimIndex::over(files.create(), disk.clone()),
            (Harm::Older, _) => SimIndex::with_history(disk.clone()).unwrap(),
            _ => SimIndex::new(disk.clone()).unwrap(),
        };
        let headers = (1..=3).map(header).collect();
        let now = Timestamp::from_millis(1_763_829_180_000);
        let streams = KEYS.iter().map(|key| (*key, StreamModel::default())).collect();
        let store = None;
        let must_restart = false;
        let mut world = Self {
            chance,
            mode,
            disk,
            index,
            store,
            streams,
            now,
            headers,
            must_restart,
            syncs_failed: false,
            harm,
            was_harmed: false,
            files,
            is_lost: false,
            is_refused: false,
        };
        world.reopen(false);
        world
    }

    /// One random thing, and what must hold after it.
    pub(crate) fn step(&mut self) {
        self.now = self.now.plus_millis(self.chance.below(3000) as i64);
        let key = KEYS[self.chance.below(KEYS.len() as u64) as usize];
        match self.chance.below(100) {
            0..=34 if self.mode == Uncommitted::KeepWholeFrames => self.record(key),
            0..=34 => self.append_whole(key),
            35..=39 => self.write_out(),
            40..=44 => self.append_whole(key),
            45..=69 => self.commit(),
            70..=72 => self.seal(key),
            73..=79 => self.mark_uploaded(key),
            80..=84 => self.delete_media_file(key),
            85 => self.delete_stream(key),
            86 => self.reclaim(),
            87..=88 => self.set_faults(),
            89 => self.fill_up(),
            90..=91 => self.now = self.now.plus_millis(self.chance.below(60_000) as i64 - 30_000),
            92..=93 => self.disk.cut_after(self.chance.below(25) + 1),
            94..=95 => self.crash(),
            96 if let Some(files) = &mut self.files => files.keep_copy(),
            _ => self.read(key),
        }
        if self.disk.is_off() || self.must_restart {
            self.crash();
        }
        self.assert_accounts();
    }

    /// The machine stops, or the process does, and starts again.
    pub(crate) fn crash(&mut self) {
        self.store = None;
        self.must_restart = false;
        let mut killed = self.stop();
        self.disk.set_faults(Faults::default());
        self.disk.set_capacity_bytes(ROOMY);
        if self.harm != Harm::None && self.chance.happens(300) {
            self.harm_index();
        }
        // Recovery can be cut off as well, any number of times.
        while self.chance.happens(200) {
            self.disk.cut_after(self.chance.below(20) + 1);
            match self.open() {
                Ok(_) => {}
                Err(StoreError::Index(error)) if matches!(*error, IndexError::Full) => {}
                Err(error) => {
                    let may_be_damaged = self.harm == Harm::Damaged;
                    assert!(self.disk.is_off() || may_be_damaged, "open: {error:?}");
                }
            }
            killed &= self.stop();
        }
        let all_kept = killed && !std::mem::take(&mut self.syncs_failed);
        self.reopen(all_kept);
    }

    fn harm_index(&mut self) {
        self.was_harmed = true;
        let Some(files) = &mut self.files else {
            let (all, first) = self.index.transactions();
            let lost = self.chance.below(all.saturating_sub(first) as u64 + 1) as usize;
            return self.index.roll_back(all - lost).unwrap();
        };
        match files.damage(&mut self.chance) {
            Ok(index) => self.index.put(index),
            Err(_) => self.is_lost = true,
        }
    }

    /// Whether the index may be one that no start can work with: then it says so, and a repair helps.
    fn is_damaged(&self) -> bool {
        self.was_harmed && self.harm == Harm::Damaged
    }

    /// As an operator does who is told that the index is damaged.
    fn repair(&mut self) {
        let old = (!self.is_lost).then(|| self.index.reader());
        let files = self.files.as_mut().unwrap();
        let mut index = files.create();
        rebuild(&self.disk, Path::new(ROOT), old.as_deref(), Some(&mut index)).unwrap();
        self.index.put(index);
        self.is_lost = false;
    }

    /// Whether only the process was killed.
    fn stop(&mut self) -> bool {
        let killed = self.chance.happens(500);
        if killed {
            self.disk.kill_process();
        } else {
            self.disk.lose_power();
        }
        killed
    }

    fn open(&mut self) -> Result<Store, StoreError> {
        let index = FullAtTimes {
            index: self.index.clone(),
            chance: SimChance::new(self.chance.next_u64()),
            full_per_mille: 20,
        };
        if self.is_lost {
            return Err(StoreError::Index(Arc::new(IndexError::PowerCut)));
        }
        let settings = StoreSettings {
            media_file_size_bytes_max: 20_000,
            media_file_age_ms_max: 20_000,
            free_bytes_reserve: 1000,
            uncommitted: self.mode,
        };
        let disk = Arc::new(self.disk.clone());
        let (mut store, report) = Store::open(disk, ROOT, Box::new(index), settings)?;
        while store.is_searching_orphans() {
            store.search_orphans(3)?;
            if store.is_search_waiting() {
                self.disk.work();
            }
        }
        // An older index may have files that were deleted since; the journal says so of most.
        assert!(report.missing.is_empty() || self.was_harmed, "{:?}", report.missing);
        Ok(store)
    }

    fn reopen(&mut self, all_kept: bool) {
        if std::mem::take(&mut self.is_refused) {
            self.was_harmed = true;
            self.repair();
        }
        self.start();
        let reader = self.store().reader();
        self.assert_agrees(&reader);
        for key in KEYS {
            self.assert_recovered(key, &reader, all_kept);
        }
        self.was_harmed = false;
        self.assert_accounts();
        match self.chance.below(20) {
            0 => self.assert_repair_gives_the_same(),
            1 => self.assert_check_finds_a_rotten_byte(),
            _ => {}
        }
    }

    /// Opens the store until it does.
    pub(crate) fn start(&mut self) {
        self.store = Some(loop {
            match self.open() {
                Ok(store) if self.is_damaged() && says_damage(&store) => {
                    drop(store);
                    self.repair();
                }
                Ok(store) => break store,
                Err(StoreError::Index(error)) if matches!(*error, IndexError::Full) => {}
                // Or of an earlier damage that a check does not see: a trigger fails when it is used.
                Err(_) if self.harm == Harm::Damaged => {
                    self.was_harmed = true;
                    self.repair();
                }
                Err(error) => panic!("open: {error:?}"),
            }
        });
    }

    pub(crate) fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    /// Reserves a sequence and makes up the fragment of it.
    fn new_fragment(&mut self, key: &'static str) -> Option<FragmentMeta> {
        let sequence = match self.store().reserve_sequences(key, 1) {
            Ok(sequences) => sequences.start,
            Err(error) => {
                self.expect_error(&error);
                return None;
            }
        };
        let model = self.streams.get_mut(key).unwrap();
        assert!(sequence > model.handed_out, "{key} {sequence} was handed out before");
        model.handed_out = sequence;
        let meta = FragmentMeta {
            sequence,
            producer_timestamp: self.now.plus_millis(self.chance.below(5) as i64 - 2),
            server_timestamp: self.now,
            timecode_ms: self.now.as_millis(),
            number_tail: self.chance.below(1 << 28) as u32,
            begins_with_key_frame: self.chance.happens(900),
        };
        model.fragments.insert(sequence, FragmentModel::new(meta));
        Some(meta)
    }

    fn header(&mut self) -> Bytes {
        // Mostly the same, as a camera's is.
        let number = if self.chance.happens(900) { 0 } else { self.chance.below(3) };
        self.headers[number as usize].clone()
    }

    fn blocks(&mut self, meta: &FragmentMeta, first: bool) -> Vec<Vec<u8>> {
        let count = self.chance.below(4) + 1;
        (0..count)
            .map(|number| {
                let size = self.chance.below(1500) as usize + 1;
                let fill = self.chance.next_u64() as u8;
                let mut block = Vec::new();
                if first && number == 0 {
                    block.extend(writer::cluster_start(Timestamp::from_millis(meta.timecode_ms)));
                }
                block.extend_from_slice(&writer::simple_block_header(1, number as i16, true, size));
                block.extend((0..size).map(|at| fill.wrapping_mul(31).wrapping_add(at as u8)));
                block
            })
            .collect()
    }

    fn append_whole(&mut self, key: &'static str) {
        if self.streams[key].open.is_some() {
            return self.record(key);
        }
        let Some(meta) = self.new_fragment(key) else { return };
        let blocks = self.blocks(&meta, true);
        let header = self.header();
        let fragment =
            self.streams.get_mut(key).unwrap().fragments.get_mut(&meta.sequence).unwrap();
        fragment.hand_over(&blocks);
        let (duration_ms, frame_count) = (2000, blocks.len() as u32);
        let bytes = Bytes::from(fragment.bytes.clone());
        let whole = WholeFragment::new(meta, duration_ms, frame_count, bytes);
        match self.store().append_fragment(key, &header, &whole) {
            Ok(entry) => {
                let model = self.streams.get_mut(key).unwrap();
                let fragment = model.fragments.get_mut(&meta.sequence).unwrap();
                fragment.written = fragment.bytes.len();
                fragment.boundaries = vec![fragment.written];
                fragment.whole = true;
                fragment.assert_is(&entry, None);
            }
            Err(error) => self.expect_error(&error),
        }
    }

    /// The next step of a fragment that is written as it grows.
    fn record(&mut self, key: &'static str) {
        let Some(sequence) = self.streams[key].open else {
            let Some(meta) = self.new_fragment(key) else { return };
            let header = self.header();
            match self.store().begin_fragment(key, &header, meta) {
                Ok(()) => self.streams.get_mut(key).unwrap().open = Some(meta.sequence),
                Err(error) => self.expect_error(&error),
            }
            return;
        };
        let before = self.streams[key].fragments[&sequence].clone();
        let (meta, written) = (before.meta, before.written);
        let end = written > 0 && self.chance.happens(300);
        let result = if end {
            self.store().end_fragment(key, 2000).map(|_| ())
        } else {
            let blocks = self.blocks(&meta, written == 0);
            let model = self.streams.get_mut(key).unwrap();
            model.fragments.get_mut(&sequence).unwrap().hand_over(&blocks);
            let parts: Vec<Bytes> = blocks.iter().cloned().map(Bytes::from).collect();
            self.store().append_frames(key, &parts, blocks.len() as u32, 100)
        };
        let model = self.streams.get_mut(key).unwrap();
        let fragment = model.fragments.get_mut(&sequence).unwrap();
        match result {
            Ok(()) if end => {
                fragment.whole = true;
                model.open = None;
            }
            Ok(()) => fragment.written = fragment.bytes.len(),
            Err(StoreError::NoOpenFragment { .. }) => {
                // Nothing was written now; of a call that failed before, whole blocks may be there.
                *fragment = before;
                model.open = None;
            }
            Err(StoreError::DiskFull { .. }) => *fragment = before,
            Err(error) => self.expect_error(&error),
        }
    }

    /// What was appended goes to the disk; now and then its workers take their time.
    fn write_out(&mut self) {
        let lies = self.chance.happens(300);
        self.disk.let_work_lie(lies);
        self.store().write_out();
        for fragment in self.streams.values_mut().flat_map(|s| s.fragments.values_mut()) {
            fragment.asked_out = fragment.written;
        }
        if !self.disk.work() {
            self.written_out();
        }
    }

    /// All work is done, if the power did not go meanwhile.
    fn written_out(&mut self) {
        if self.disk.is_off() {
            return;
        }
        for fragment in self.streams.values_mut().flat_map(|s| s.fragments.values_mut()) {
            fragment.written_out = fragment.asked_out;
        }
    }

    fn commit(&mut self) {
        // Of all streams, mostly.
        let only: Option<BTreeSet<Arc<str>>> = self.chance.happens(300).then(|| {
            KEYS.iter().filter(|_| self.chance.happens(500)).map(|key| Arc::from(*key)).collect()
        });
        for (key, stream) in &mut self.streams {
            let is_meant = only.as_ref().is_none_or(|keys| keys.contains(*key));
            for fragment in stream.fragments.values_mut() {
                let is_pending = fragment.state == State::Pending && fragment.written > 0;
                fragment.planned =
                    (is_pending && is_meant).then_some((fragment.written, fragment.whole));
                if fragment.uploaded == Uploaded::Asked {
                    fragment.uploaded = Uploaded::Planned;
                }
            }
        }
        let begun = match &only {
            Some(keys) => self.store().begin_commit_of(keys),
            None => self.store().begin_commit(),
        };
        let result = match begun {
            Ok(job) => {
                let lies = self.chance.happens(500);
                self.disk.let_work_lie(lies);
                let syncing = job.start(|| {});
                self.go_on_while_it_commits();
                let outcome = syncing.wait();
                self.go_on_while_it_commits();
                self.disk.let_work_lie(false);
                self.written_out();
                self.store().finish_commit(outcome)
            }
            Err(error) => Err(error),
        };
        match result {
            Ok(report) => self.committed(&report),
            Err(error) => {
                for fragment in self.streams.values_mut().flat_map(|s| s.fragments.values_mut()) {
                    fragment.in_flight |= fragment.state == State::Pending && self.disk.is_off();
                    fragment.planned = None;
                    if fragment.uploaded == Uploaded::Planned {
                        fragment.uploaded = Uploaded::Asked;
                    }
                }
                self.expect_error(&error);
            }
        }
    }

    /// What may be done between the beginning of a commit and its end: more comes, nothing goes.
    fn go_on_while_it_commits(&mut self) {
        while !self.disk.is_off() && self.chance.happens(400) {
            let key = KEYS[self.chance.below(KEYS.len() as u64) as usize];
            match self.chance.below(24) {
                20..=23 => drop(self.disk.work()),
                0..=7 if self.mode == Uncommitted::KeepWholeFrames => self.record(key),
                0..=14 => self.append_whole(key),
                15 => self.seal(key),
                16..=17 => self.mark_uploaded(key),
                _ => {
                    let refused = self.store().delete_stream(key).unwrap_err();
                    let is_busy = matches!(refused, StoreError::Busy) || refused.is_fatal();
                    assert!(is_busy || self.disk.is_off(), "{refused:?}");
                }
            }
        }
    }

    fn committed(&mut self, report: &CommitReport) {
        for model in self.streams.values_mut() {
            for fragment in model.fragments.values_mut() {
                if fragment.uploaded == Uploaded::Planned {
                    fragment.uploaded = Uploaded::Yes;
                }
            }
        }
        for failed in &report.failed {
            let is_explained = matches!(
                failed.error,
                StoreError::MediaFileAbandoned { .. } | StoreError::NoSpaceLeft { .. }
            );
            assert!(is_explained, "{failed:?}");
            let model = self.streams.get_mut(&*failed.key).unwrap();
            let fragment = model.fragments.get_mut(&failed.sequence).unwrap();
            assert_eq!(fragment.state, State::Pending);
            fragment.state = State::GivenUp;
            if model.open == Some(failed.sequence) {
                model.open = None;
            }
        }
        for persisted in &report.persisted {
            let model = self.streams.get_mut(&*persisted.key).unwrap();
            let entry = persisted.entry;
            let fragment = model.fragments.get_mut(&entry.sequence).unwrap();
            fragment.assert_is(&entry, None);
            if fragment.state == State::GivenUp {
                assert_eq!(entry.size_bytes as usize, fragment.committed, "what was durable of it");
                // It has no end on the disk: to an older index it is one that was growing.
                fragment.whole = false;
            } else {
                assert_eq!(entry.size_bytes as usize, fragment.written, "{entry:?}");
            }
            fragment.state = State::Persisted;
            fragment.written = entry.size_bytes as usize;
            fragment.committed = fragment.written;
        }
        for model in self.streams.values_mut() {
            for fragment in model.fragments.values_mut() {
                let Some((written, whole)) = fragment.planned.take() else { continue };
                if fragment.state == State::Pending {
                    assert!(!whole, "a commit leaves no whole fragment out: {fragment:?}");
                    fragment.committed = written;
                }
            }
        }
        for failed in &report.failed {
            let fragment = &self.streams[&*failed.key].fragments[&failed.sequence];
            assert!(fragment.committed == 0 || fragment.state == State::Persisted, "{fragment:?}");
        }
    }

    fn seal(&mut self, key: &'static str) {
        match self.store().seal(key) {
            Ok(()) => {
                let model = self.streams.get_mut(key).unwrap();
                model.open = None;
            }
            Err(error) => self.expect_error(&error),
        }
    }

    fn mark_uploaded(&mut self, key: &'static str) {
        let visible = self.streams[key].visible();
        let some: Vec<u64> = visible.into_iter().filter(|_| self.chance.happens(400)).collect();
        if let Err(error) = self.store().mark_uploaded(key, &some) {
            // The store has failed.
            return self.expect_error(&error);
        }
        let model = self.streams.get_mut(key).unwrap();
        for sequence in some {
            let fragment = model.fragments.get_mut(&sequence).unwrap();
            if fragment.uploaded == Uploaded::No {
                fragment.uploaded = Uploaded::Asked;
            }
        }
    }

    fn delete_media_file(&mut self, key: &'static str) {
        let reader = self.store().reader();
        let files = reader.media_files(key).unwrap();
        if files.is_empty() {
            return;
        }
        let file = &files[self.chance.below(files.len() as u64) as usize];
        let sequences = reader.fragments_of(file.id).unwrap();
        let result = self.store().delete_media_files(&[file.id]);
        let state = match result {
            Ok(deleted) => {
                assert_eq!(deleted.size_bytes, file.size_bytes);
                State::Deleted
            }
            // The index entries are gone; the file is reclaimed at the next start.
            Err(StoreError::Io { action, .. }) if !self.disk.is_off() => {
                // Only the index tells of it while the journal cannot be written, and an older index does not.
                let may_return = self.harm != Harm::None && action != "remove";
                if may_return { State::MaybeDeleted } else { State::Deleted }
            }
            Err(StoreError::MediaFileOpen { .. }) => {
                assert_eq!(file.state, MediaFileState::Open);
                return;
            }
            Err(error) => {
                self.expect_error(&error);
                if !self.disk.is_off() && !error.is_fatal() {
                    return;
                }
                State::MaybeDeleted
            }
        };
        let model = self.streams.get_mut(key).unwrap();
        for entry in sequences {
            model.fragments.get_mut(&entry.sequence).unwrap().state = state;
        }
    }

    fn delete_stream(&mut self, key: &'static str) {
        let mut result = self.store().begin_delete_stream(key);
        if matches!(result, Err(StoreError::Io { .. })) && !self.disk.is_off() {
            // The index entries are gone, and the journal cannot tell of it yet: whoever asked tries again.
            self.disk.set_faults(Faults::default());
            self.disk.set_capacity_bytes(ROOMY);
            result = self.store().begin_delete_stream(key);
        }
        match result {
            Ok(deleted) => {
                let model = &self.streams[key];
                let pending = model.fragments.values().filter(|f| f.state == State::Pending);
                assert!(deleted.failed.len() <= pending.count());
                self.streams.insert(key, StreamModel::default());
            }
            Err(error) => {
                self.expect_error(&error);
                if self.disk.is_off() || error.is_fatal() {
                    let model = self.streams.get_mut(key).unwrap();
                    model.maybe_deleted = true;
                    // Some of it may be there, what no index entry refers to.
                    for fragment in model.fragments.values_mut() {
                        if matches!(fragment.state, State::Persisted | State::Pending) {
                            fragment.state = State::MaybeDeleted;
                        }
                    }
                }
            }
        }
    }

    /// The files of erased streams go a few at a time.
    fn reclaim(&mut self) {
        let files_max = self.chance.below(3) as usize;
        if let Err(error) = self.store().reclaim(files_max) {
            self.expect_error(&error);
        }
    }

    fn set_faults(&mut self) {
        let mut rate = |often: u64| if self.chance.happens(300) { often } else { 0 };
        let faults = Faults {
            sync_per_mille: rate(300),
            sync_dir_per_mille: rate(100),
            write_per_mille: rate(200),
            truncate_per_mille: rate(500),
            unlink_per_mille: rate(300),
            read_per_mille: 0,
        };
        // What cannot be written out is met by the next sync.
        self.syncs_failed |= faults.sync_per_mille > 0 || faults.write_per_mille > 0;
        self.disk.set_faults(faults);
    }

    fn fill_up(&mut self) {
        let room = if self.chance.happens(500) { self.chance.below(8000) } else { ROOMY };
        self.syncs_failed |= room < ROOMY;
        let used = self.disk.size_bytes_under(Path::new("/"));
        self.disk.set_capacity_bytes(used + room);
    }

    /// An error that faults explain. A fatal one ends the process.
    fn expect_error(&mut self, error: &StoreError) {
        if self.disk.is_off() {
            return;
        }
        match error {
            StoreError::DirectorySyncFailed { .. } => {
                assert!(error.is_fatal());
                self.must_restart = true;
            }
            StoreError::DiskFull { .. } | StoreError::Io { .. } => {}
            StoreError::Index(error) if matches!(**error, IndexError::Full) => {}
            // What a check does not see, a trigger for example, fails when it is used. That is said, and ends the store.
            StoreError::Index(_) if self.harm == Harm::Damaged => {
                assert!(error.is_fatal());
                self.must_restart = true;
                self.is_refused = true;
            }
            error => panic!("unexpected {error:?}"),
        }
    }
}

/// Whether a check of the store tells that something is wrong.
fn says_damage(store: &Store) -> bool {
    let is_wrong = |found: &Disagreement| !matches!(found, Disagreement::Unclaimed { .. });
    check(&store.reader()).map_or(true, |found| found.iter().any(is_wrong))
}

fn header(number: u64) -> Bytes {
    Bytes::from(writer::document_header(&[Track {
        number: 1,
        kind: TrackKind::Video,
        name: format!("camera {number}"),
        codec_id: codec_id::H264.to_owned(),
        codec_private: Bytes::from_static(&[1, 2, 3]),
        video: None,
        audio: None,
    }]))
}
