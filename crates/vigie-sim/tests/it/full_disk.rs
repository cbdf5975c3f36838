//! A disk that fills up while media is written behind, at every so many bytes: what was whole and fitted is persisted, what
//! did not fit is said, and the store goes on.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use vigie_media::matroska::writer;
use vigie_media::{Timestamp, Track, TrackKind, codec_id};
use vigie_sim::disk::{Faults, SimDisk};
use vigie_sim::index::SimIndex;
use vigie_store::disk::Disk;
use vigie_store::{
    CommitReport, Fragment, FragmentEntry, FragmentMeta, FragmentOrder, FragmentQuery,
    MediaFileState, Store, StoreError, StoreSettings, Uncommitted, WholeFragment, check,
};

const KEY: &str = "gate";
const BEGIN: Timestamp = Timestamp::from_millis(1_763_829_180_000);
const ROOMY: u64 = 1 << 30;
const PAGE_BYTES: u64 = 4096;
/// Behind each fragment.
const MARK_BYTES: u64 = 70;
/// Fragments in the commit for which the disk is too small.
const FRAGMENTS: u64 = 5;
const FRAME_BYTES: usize = 3000;

struct Bench {
    disk: SimDisk,
    index: SimIndex,
    settings: StoreSettings,
    store: Option<Store>,
}

fn header() -> Bytes {
    Bytes::from(writer::document_header(&[Track {
        number: 1,
        kind: TrackKind::Video,
        name: "camera".to_owned(),
        codec_id: codec_id::H264.to_owned(),
        codec_private: Bytes::from_static(&[1, 2, 3]),
        video: None,
        audio: None,
    }]))
}

fn frame(number: u64, at: i16) -> Bytes {
    let mut block = writer::simple_block_header(1, at, at == 0, FRAME_BYTES).to_vec();
    block.extend((0..FRAME_BYTES).map(|byte| (byte as u8).wrapping_mul(7) ^ number as u8));
    block.into()
}

impl Bench {
    fn new(seed: u64, settings: StoreSettings) -> Self {
        let disk = SimDisk::new(seed, ROOMY);
        let index = SimIndex::new(disk.clone()).unwrap();
        let mut bench = Self { disk, index, settings, store: None };
        bench.open();
        bench
    }

    fn open(&mut self) {
        let disk = Arc::new(self.disk.clone());
        let index = Box::new(self.index.clone());
        let (mut store, _) = Store::open(disk, "/media", index, self.settings).unwrap();
        while store.is_searching_orphans() {
            store.search_orphans(10).unwrap();
        }
        self.store = Some(store);
    }

    fn store(&mut self) -> &mut Store {
        self.store.as_mut().unwrap()
    }

    fn meta(&mut self) -> FragmentMeta {
        let sequence = self.store().reserve_sequences(KEY, 1).unwrap().start;
        let at = BEGIN.plus_millis(sequence as i64 * 2000);
        FragmentMeta {
            sequence,
            producer_timestamp: at,
            server_timestamp: at,
            timecode_ms: at.as_millis(),
            number_tail: 1,
            begins_with_key_frame: true,
        }
    }

    /// Begins one that grows, with one frame.
    fn begin(&mut self) -> u64 {
        let meta = self.meta();
        self.store().begin_fragment(KEY, &header(), meta).unwrap();
        let start = Bytes::copy_from_slice(&writer::cluster_start(meta.producer_timestamp));
        let parts = [start, frame(meta.sequence, 0)];
        self.store().append_frames(KEY, &parts, 1, 40).unwrap();
        meta.sequence
    }

    fn grow(&mut self, sequence: u64) {
        self.store().append_frames(KEY, &[frame(sequence, 40)], 1, 80).unwrap();
    }

    /// A whole one, as a hub or as a server has it.
    fn append(&mut self) -> FragmentEntry {
        if self.settings.uncommitted == Uncommitted::KeepWholeFrames {
            let sequence = self.begin();
            self.grow(sequence);
            return self.store().end_fragment(KEY, 2000).unwrap();
        }
        let meta = self.meta();
        let mut bytes = writer::cluster_start(meta.producer_timestamp).to_vec();
        bytes.extend(frame(meta.sequence, 0));
        bytes.extend(frame(meta.sequence, 40));
        let whole = WholeFragment::new(meta, 2000, 2, bytes.into());
        self.store().append_fragment(KEY, &header(), &whole).unwrap()
    }

    /// The disk takes so many bytes more. Gives how long the only media file may become.
    fn leave_room(&mut self, room: u64) -> u64 {
        let used = ROOMY - self.disk.free_bytes(Path::new("/")).unwrap();
        self.disk.set_capacity_bytes(used + room);
        let [path] = &self.disk.list(&Path::new("/media").join(KEY)).unwrap()[..] else {
            panic!("not one media file")
        };
        self.disk.open_read_only(path).unwrap().length_bytes().unwrap() + room
    }

    fn fragments(&mut self) -> Vec<Fragment> {
        let reader = self.store().reader();
        let found =
            reader.fragments(KEY, &FragmentQuery::all(FragmentOrder::Sequence, 100)).unwrap();
        for fragment in &found {
            // Its checksum is looked at.
            reader.read(fragment).unwrap();
        }
        found
    }

    fn sequences(&mut self) -> Vec<u64> {
        self.fragments().iter().map(|fragment| fragment.entry.sequence).collect()
    }

    /// Index and files agree, the store goes on, and nothing changes with a crash.
    fn assert_goes_on(&mut self, expected: &[u64], is_killed: bool) {
        assert_eq!(self.sequences(), expected);
        assert_eq!(check(&self.store().reader()).unwrap(), []);
        let on_disk = self.disk.size_bytes_under(&Path::new("/media").join(KEY));
        assert_eq!(self.store().size_bytes(KEY), on_disk);
        self.disk.set_capacity_bytes(ROOMY);
        let next = self.append().sequence;
        let report = self.store().commit().unwrap();
        assert!(report.failed.is_empty(), "{report:?}");
        let expected: Vec<u64> = expected.iter().copied().chain([next]).collect();
        assert_eq!(self.sequences(), expected);
        self.store = None;
        match is_killed {
            true => self.disk.kill_process(),
            false => self.disk.lose_power(),
        }
        self.open();
        assert_eq!(self.sequences(), expected);
        assert_eq!(check(&self.store().reader()).unwrap(), []);
    }
}

fn failed(report: &CommitReport) -> Vec<u64> {
    report.failed.iter().map(|failed| failed.sequence).collect()
}

fn assert_no_space(report: &CommitReport) {
    for failed in &report.failed {
        assert!(matches!(failed.error, StoreError::NoSpaceLeft { .. }), "{failed:?}");
        assert!(failed.error.is_disk_full() && !failed.error.is_fatal());
    }
}

fn settings(settings: StoreSettings) -> StoreSettings {
    StoreSettings { free_bytes_reserve: 0, ..settings }
}

/// `is_first`: no commit knows the media file yet.
fn fills_up(of: StoreSettings, room: u64, is_first: bool) {
    let mut bench = Bench::new(room, settings(of));
    let mut there = Vec::new();
    if !is_first {
        there.push(bench.append().sequence);
        bench.store().commit().unwrap();
    }
    let entries: Vec<FragmentEntry> = (0..FRAGMENTS).map(|_| bench.append()).collect();
    let limit = bench.leave_room(room);
    let report = bench.store().commit().unwrap();
    assert_no_space(&report);

    let end = |entry: &FragmentEntry| entry.offset + entry.size_bytes + MARK_BYTES;
    let persisted: Vec<u64> = report.persisted.iter().map(|one| one.entry.sequence).collect();
    for entry in &entries {
        let sequence = entry.sequence;
        let (is_there, is_lost) =
            (persisted.contains(&sequence), failed(&report).contains(&sequence));
        assert_ne!(is_there, is_lost, "fragment {sequence} is told once: {report:?}");
        // A page with zeros is written whole or not at all.
        if end(entry) <= limit / PAGE_BYTES * PAGE_BYTES {
            assert!(is_there, "fragment {sequence} fitted into {limit} bytes: {report:?}");
        }
        assert!(!is_there || end(entry) <= limit, "fragment {sequence} did not fit: {report:?}");
    }
    there.extend(persisted);
    let files = bench.store().reader().media_files(KEY).unwrap();
    let expected = usize::from(!there.is_empty());
    assert_eq!(files.len(), expected, "{files:?}");
    let is_full = !report.failed.is_empty();
    // It ends as well where only the zeros that fill its last block found no space.
    let is_ended =
        |state| state == MediaFileState::Sealed || (!is_full && state == MediaFileState::Open);
    assert!(files.iter().all(|file| is_ended(file.state)), "{files:?}");
    bench.assert_goes_on(&there, room.is_multiple_of(2));
}

#[test]
fn what_was_whole_and_fitted_is_persisted_and_the_rest_is_told() {
    for of in [StoreSettings::SERVER, StoreSettings::HUB] {
        for room in (0..FRAGMENTS * 6500).step_by(407) {
            fills_up(of, room, false);
            fills_up(of, room, true);
        }
    }
}

#[test]
fn what_a_commit_has_of_a_growing_fragment_stays_when_its_rest_finds_no_space() {
    for room in (0..9000).step_by(311) {
        let mut bench = Bench::new(room, settings(StoreSettings::HUB));
        let first = bench.append().sequence;
        let grows = bench.begin();
        bench.store().commit().unwrap();
        bench.grow(grows);
        let whole = bench.store().end_fragment(KEY, 2000).unwrap();
        let last = bench.begin();
        let limit = bench.leave_room(room);
        let report = bench.store().commit().unwrap();
        assert_no_space(&report);
        let fragments = bench.fragments();
        let found = fragments.iter().find(|one| one.entry.sequence == grows).unwrap();
        let is_whole = found.entry.size_bytes == whole.size_bytes;
        if whole.offset + whole.size_bytes + MARK_BYTES <= limit / PAGE_BYTES * PAGE_BYTES {
            assert!(is_whole, "{limit}: {report:?}");
        }
        assert_eq!(failed(&report).contains(&grows), !is_whole, "{report:?}");
        if failed(&report).is_empty() {
            // All of it fitted; the last one goes on.
            bench.store().end_fragment(KEY, 2000).unwrap();
            bench.disk.set_capacity_bytes(ROOMY);
            bench.store().commit().unwrap();
            bench.assert_goes_on(&[first, grows, last], room.is_multiple_of(2));
            continue;
        }
        assert!(failed(&report).contains(&last), "{report:?}");
        let gone = bench.store().append_frames(KEY, &[frame(last, 40)], 1, 80).unwrap_err();
        let is_expected =
            matches!(gone, StoreError::NoOpenFragment { .. } | StoreError::DiskFull { .. });
        assert!(is_expected, "{gone:?}");
        bench.assert_goes_on(&[first, grows], room.is_multiple_of(2));
    }
}

#[test]
fn what_fitted_is_given_up_when_it_cannot_be_synced() {
    for of in [StoreSettings::SERVER, StoreSettings::HUB] {
        let mut bench = Bench::new(7, settings(of));
        let first = bench.append().sequence;
        bench.store().commit().unwrap();
        let lost: Vec<u64> = (0..FRAGMENTS).map(|_| bench.append().sequence).collect();
        bench.leave_room(2 * 6500);
        // What fitted cannot be synced: no sync is tried again, and the file is given up.
        bench.disk.set_faults(Faults { sync_per_mille: 1000, ..Faults::default() });
        let report = bench.store().commit().unwrap();
        assert_eq!(failed(&report), lost);
        let is_given_up =
            |error: &StoreError| matches!(error, StoreError::MediaFileAbandoned { .. });
        assert!(report.failed.iter().all(|failed| is_given_up(&failed.error)), "{report:?}");
        bench.disk.set_faults(Faults::default());
        bench.assert_goes_on(&[first], true);
    }
}
