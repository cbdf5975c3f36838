//! The store's thread on a simulated disk and under a clock that stands until it is moved.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use vigie_media::Timestamp;
use vigie_sim::disk::{Faults, SimDisk};
use vigie_store::thread::{Reply, StoreHandle, StoreThread, ThreadSettings};
use vigie_store::{
    FragmentEntry, FragmentMeta, MediaFileState, SqliteIndex, Store, StoreError, StoreSettings,
    WholeFragment, check,
};

const HEADER: Bytes = Bytes::from_static(b"header");

struct Bench {
    disk: SimDisk,
    clock: Arc<AtomicU64>,
    thread: StoreThread,
}

impl Bench {
    fn new(settings: ThreadSettings) -> Self {
        let disk = SimDisk::new(1, 1 << 30);
        let index = Box::new(SqliteIndex::in_memory().unwrap());
        let (store, _) =
            Store::open(Arc::new(disk.clone()), "/media", index, StoreSettings::SERVER).unwrap();
        let clock = Arc::new(AtomicU64::new(0));
        let read = Arc::clone(&clock);
        let monotonic = Box::new(move || Duration::from_millis(read.load(Ordering::SeqCst)));
        let thread = StoreThread::spawn(store, settings, monotonic).unwrap();
        Self { disk, clock, thread }
    }

    /// One on which a commit has just begun: what comes now waits until the clock is moved.
    fn busy() -> Self {
        Self::busy_by(ThreadSettings::default())
    }

    /// The same with other settings.
    fn busy_by(settings: ThreadSettings) -> Self {
        let bench = Self::new(settings);
        append(&bench.thread.handle(), "other").recv().unwrap().unwrap();
        bench
    }

    fn advance(&self) {
        self.clock.fetch_add(1000, Ordering::SeqCst);
    }

    /// Everything sent before has been handled when this returns.
    fn settle(&self) {
        reserve(&self.thread.handle(), "other").unwrap();
    }
}

/// A reply that can be waited for.
fn reply<T: Send + 'static>() -> (Reply<T>, Receiver<Result<T, StoreError>>) {
    let (sender, receiver) = channel();
    (Box::new(move |result| sender.send(result).unwrap()), receiver)
}

fn reserve(handle: &StoreHandle, key: &str) -> Result<u64, StoreError> {
    let (reply, outcome) = reply();
    handle.reserve_sequences(key.into(), 1, reply);
    outcome.recv().unwrap().map(|sequences| sequences.start)
}

fn append(handle: &StoreHandle, key: &str) -> Receiver<Result<FragmentEntry, StoreError>> {
    append_with(handle, key, &HEADER)
}

fn append_with(
    handle: &StoreHandle,
    key: &str,
    header: &Bytes,
) -> Receiver<Result<FragmentEntry, StoreError>> {
    let fragment = fragment(reserve(handle, key).unwrap());
    let (reply, outcome) = reply();
    handle.append_fragment(key.into(), header.clone(), fragment, reply);
    outcome
}

fn fragment(sequence: u64) -> WholeFragment {
    let at = Timestamp::from_millis(1_763_829_180_000);
    let meta = FragmentMeta {
        sequence,
        producer_timestamp: at,
        server_timestamp: at,
        timecode_ms: 0,
        number_tail: 7,
        begins_with_key_frame: true,
    };
    let bytes = Bytes::from(vec![meta.sequence as u8; 3000]);
    WholeFragment::new(meta, 2000, 50, bytes)
}

#[test]
fn a_fragment_that_comes_alone_waits_for_nobody() {
    let bench = Bench::new(ThreadSettings::default());
    // The first of a stream: numbers are reserved for it.
    append(&bench.thread.handle(), "gate").recv().unwrap().unwrap();
    let before = bench.disk.file_sync_count();
    bench.advance();
    for number in 1..=3 {
        // The clock stands meanwhile.
        append(&bench.thread.handle(), "gate").recv().unwrap().unwrap();
        assert_eq!(bench.disk.file_sync_count(), before + number);
        bench.advance();
    }
}

#[test]
fn many_connections_share_one_commit_that_syncs_each_file_once() {
    let bench = Bench::busy();
    let handle = bench.thread.handle();
    let mut outcomes = Vec::new();
    for number in 0..30 {
        outcomes.push(append(&handle, &format!("camera-{}", number % 10)));
    }
    bench.settle();
    assert!(outcomes.iter().all(|outcome| outcome.try_recv().is_err()), "none is persisted yet");
    let before = bench.disk.file_sync_count();
    bench.advance();
    for outcome in outcomes {
        outcome.recv().unwrap().unwrap();
    }
    assert_eq!(bench.disk.file_sync_count() - before, 10);
    assert_eq!(handle.reader().totals("camera-3").unwrap().fragment_count, 3);
}

#[test]
fn many_bytes_do_not_wait_for_the_clock() {
    let settings = ThreadSettings { commit_bytes: 6000, ..ThreadSettings::default() };
    let bench = Bench::busy_by(settings);
    let first = append(&bench.thread.handle(), "gate");
    let second = append(&bench.thread.handle(), "gate");
    second.recv().unwrap().unwrap();
    first.try_recv().unwrap().unwrap();
}

#[test]
fn a_failed_sync_answers_its_fragments_and_the_next_go_elsewhere() {
    let bench = Bench::busy();
    let handle = bench.thread.handle();
    let lost = append(&handle, "gate");
    bench.settle();
    bench.disk.set_faults(Faults { sync_per_mille: 1000, ..Faults::default() });
    bench.advance();
    let error = lost.recv().unwrap().unwrap_err();
    assert!(matches!(error, StoreError::MediaFileAbandoned { .. }), "{error}");
    assert!(!error.is_fatal());
    bench.disk.set_faults(Faults::default());
    let kept = append(&handle, "gate");
    bench.settle();
    bench.advance();
    kept.recv().unwrap().unwrap();
    bench.thread.shutdown().unwrap();
    assert_eq!(check(handle.reader()).unwrap(), []);
}

#[test]
fn a_failed_directory_sync_ends_the_thread_and_answers_everyone() {
    let bench = Bench::busy();
    let handle = bench.thread.handle();
    let waiting = append(&handle, "gate");
    bench.settle();
    bench.disk.set_faults(Faults { sync_dir_per_mille: 1000, ..Faults::default() });
    bench.advance();
    let error = waiting.recv().unwrap().unwrap_err();
    assert!(matches!(error, StoreError::DirectorySyncFailed { .. }), "{error}");
    let error = bench.thread.shutdown().unwrap_err();
    assert!(matches!(error, StoreError::DirectorySyncFailed { .. }), "{error}");
    assert!(matches!(reserve(&handle, "gate"), Err(StoreError::Closed)));
}

#[test]
fn shutting_down_persists_what_waits_and_seals() {
    let bench = Bench::new(ThreadSettings::default());
    let handle = bench.thread.handle();
    let outcome = append(&handle, "gate");
    bench.thread.shutdown().unwrap();
    outcome.try_recv().unwrap().unwrap();
    let files = handle.reader().media_files("gate").unwrap();
    assert_eq!(files[0].state, MediaFileState::Sealed);
    let refused = reserve(&handle, "gate").unwrap_err();
    assert!(matches!(refused, StoreError::Closed));
}

#[test]
fn more_requests_than_it_takes_are_refused() {
    let settings = ThreadSettings { requests_max: 1, ..ThreadSettings::default() };
    let bench = Bench::new(settings);
    let handle = bench.thread.handle();
    // The thread stands in this reply until it is let go.
    let (release, released) = channel::<()>();
    let (entered, inside) = channel();
    let released = Mutex::new(released);
    let block: Reply<_> = Box::new(move |_| {
        entered.send(()).unwrap();
        released.lock().unwrap().recv().unwrap();
    });
    handle.reserve_sequences("gate".into(), 1, block);
    inside.recv().unwrap();
    let (waits, waiting) = reply();
    handle.reserve_sequences("gate".into(), 1, waits);
    let error = reserve(&handle, "gate").unwrap_err();
    assert!(matches!(error, StoreError::Busy), "{error}");
    release.send(()).unwrap();
    assert_eq!(waiting.recv().unwrap().unwrap(), 2..3);
}

#[test]
fn deleting_answers_what_waits_and_seals_what_is_open() {
    let bench = Bench::busy();
    let handle = bench.thread.handle();
    let kept = append(&handle, "gate");
    bench.settle();
    bench.advance();
    kept.recv().unwrap().unwrap();
    let waiting = append(&handle, "gate");
    let file = handle.reader().media_files("gate").unwrap()[0].id;
    let (delete, deleted) = reply();
    handle.delete_media_files("gate".into(), vec![file], delete);
    assert_eq!(deleted.recv().unwrap().unwrap().fragment_count, 2);
    waiting.recv().unwrap().unwrap();

    let waiting = append(&handle, "gate");
    let (delete, deleted) = reply();
    handle.delete_stream("gate".into(), delete);
    let error = waiting.recv().unwrap().unwrap_err();
    assert!(matches!(error, StoreError::StreamDeleted { .. }), "{error}");
    assert_eq!(deleted.recv().unwrap().unwrap().failed.len(), 1);
    bench.thread.shutdown().unwrap();
    assert_eq!(bench.disk.size_bytes_under("/media/gate".as_ref()), 0);
}

#[test]
fn a_stream_with_many_files_is_erased_between_the_requests_of_others() {
    let settings = ThreadSettings { commit_bytes: 1, ..ThreadSettings::default() };
    let bench = Bench::new(settings);
    let handle = bench.thread.handle();
    for number in 0..40 {
        // Another header each time, so that each fragment has a file of its own.
        let header = Bytes::from(format!("header {number}"));
        append_with(&handle, "gate", &header).recv().unwrap().unwrap();
    }
    let bytes_before = bench.disk.size_bytes_under("/media/gate".as_ref());
    let (release, released) = channel::<()>();
    let (entered, inside) = channel();
    let released = Mutex::new(released);
    let block: Reply<_> = Box::new(move |_| {
        entered.send(()).unwrap();
        released.lock().unwrap().recv().unwrap();
    });
    let sequence = reserve(&handle, "yard").unwrap();
    handle.reserve_sequences("yard".into(), 1, block);
    inside.recv().unwrap();
    // Both wait for the thread, the erasing first.
    let (delete, deleted) = reply();
    handle.delete_stream("gate".into(), delete);
    let disk = bench.disk.clone();
    let (persisted, left) = channel();
    let reply: Reply<FragmentEntry> = Box::new(move |entry| {
        let left = disk.size_bytes_under("/media/gate".as_ref());
        persisted.send(entry.map(|_| left)).unwrap();
    });
    handle.append_fragment("yard".into(), HEADER, fragment(sequence), reply);
    release.send(()).unwrap();
    assert_eq!(deleted.recv().unwrap().unwrap().media_file_count, 40);
    assert_eq!(handle.reader().totals("gate").unwrap().fragment_count, 0);
    assert_eq!(
        left.recv().unwrap().unwrap(),
        bytes_before,
        "the append did not wait for the files"
    );
    // Nobody asks for anything: the files go.
    bench.thread.shutdown().unwrap();
    assert_eq!(bench.disk.size_bytes_under("/media/gate".as_ref()), 0);
    assert_eq!(check(handle.reader()).unwrap(), []);
}

#[test]
fn many_media_files_are_deleted_some_at_a_time_and_answered_together() {
    let settings = ThreadSettings { commit_bytes: 1, ..ThreadSettings::default() };
    let bench = Bench::new(settings);
    let handle = bench.thread.handle();
    for number in 0..30 {
        let header = Bytes::from(format!("header {number}"));
        append_with(&handle, "gate", &header).recv().unwrap().unwrap();
    }
    let ids: Vec<_> =
        handle.reader().media_files("gate").unwrap().iter().map(|file| file.id).collect();
    let (delete, deleted) = reply();
    handle.delete_media_files("gate".into(), ids[..29].to_vec(), delete);
    // The file that is open is sealed first.
    let (delete_open, deleted_open) = reply();
    handle.delete_media_files("gate".into(), ids, delete_open);
    let deleted = deleted.recv().unwrap().unwrap();
    assert_eq!((deleted.media_file_count, deleted.fragment_count), (29, 29));
    assert_eq!(deleted_open.recv().unwrap().unwrap().media_file_count, 1);
    assert_eq!(bench.disk.size_bytes_under("/media/gate".as_ref()), 0);
}

#[test]
fn media_files_of_idle_streams_are_sealed_some_with_each_commit() {
    let bench = Bench::new(ThreadSettings::default());
    let handle = bench.thread.handle();
    let names: Vec<String> = (0..200).map(|number| format!("camera-{number}")).collect();
    let pass = |minutes: u64| {
        bench.clock.fetch_add(minutes * 60_000, Ordering::SeqCst);
        // Nobody asks for anything; the thread sleeps by another clock than the test's, so it is woken, and looks when it has
        // answered and nothing else has come.
        for _ in 0..10 {
            bench.settle();
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    let open = || {
        let is_open = |name: &&String| {
            let files = handle.reader().media_files(name).unwrap();
            files.iter().any(|file| file.state == MediaFileState::Open)
        };
        names.iter().filter(is_open).count()
    };
    let append_to = |names: &[String]| {
        let outcomes: Vec<_> = names.iter().map(|name| append(&handle, name)).collect();
        bench.advance();
        bench.settle();
        assert!(outcomes.into_iter().all(|outcome| outcome.recv().unwrap().is_ok()));
    };
    append_to(&names);
    // A media file's greatest age after the start: all of them got something since.
    pass(10);
    assert_eq!(open(), 200);
    append_to(&names[..30]);
    pass(9);
    assert_eq!(open(), 200, "it is not yet time to look again");
    let before = bench.disk.file_sync_count();
    pass(1);
    // One commit after the other, each as soon as the time between two of them has passed.
    while open() > 30 {
        let sealed = bench.disk.file_sync_count();
        bench.advance();
        bench.settle();
        assert!(bench.disk.file_sync_count() - sealed <= 64 + 64, "two commits at most");
    }
    assert_eq!(bench.disk.file_sync_count() - before, 170, "each of them is synced once");
    pass(10);
    while open() > 0 {
        bench.advance();
        bench.settle();
    }
    // What comes after it goes to another file, and nothing is lost of the one before.
    append_to(&names[..1]);
    let files = handle.reader().media_files("camera-0").unwrap();
    let states: Vec<_> = files.iter().map(|file| file.state).collect();
    assert_eq!(states, [MediaFileState::Sealed, MediaFileState::Open]);
    assert_eq!(handle.reader().totals("camera-0").unwrap().fragment_count, 3);
    assert_eq!(handle.reader().totals("camera-199").unwrap().fragment_count, 1);
    bench.thread.shutdown().unwrap();
    assert_eq!(check(handle.reader()).unwrap(), []);
}
