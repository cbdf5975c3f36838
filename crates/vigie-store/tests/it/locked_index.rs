//! An index that another program locks: what waits for it goes on waiting, and is persisted when the lock is gone.

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use vigie_store::thread::{StoreThread, ThreadSettings};
use vigie_store::{FragmentOrder, FragmentQuery, StoreSettings};

use crate::common::{Folder, header, whole};

#[test]
#[allow(clippy::disallowed_methods, reason = "the thread is given a real clock")]
fn fragments_wait_for_the_lock_and_the_thread_says_so_meanwhile() {
    let folder = Folder::new();
    let mut store = folder.open(StoreSettings::SERVER).unwrap();
    let fragments: Vec<_> = (0..3).map(|n| whole(&mut store, "gate", n * 2000)).collect();
    store.append_fragment("gate", &header("camera"), &fragments[0]).unwrap();
    store.commit().unwrap();
    let began = Instant::now();
    let settings = ThreadSettings::default();
    let thread = StoreThread::spawn(store, settings, Box::new(move || began.elapsed())).unwrap();
    let handle = thread.handle();
    assert!(handle.check().is_ok());

    let other = rusqlite::Connection::open(folder.index()).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let (persisted, answers) = channel();
    for fragment in &fragments[1..] {
        let (persisted, asking) = (persisted.clone(), handle.clone());
        let reply = Box::new(move |outcome| persisted.send((outcome, asking.check())).unwrap());
        handle.append_fragment(Arc::from("gate"), header("camera"), fragment.clone(), reply);
    }
    while handle.check().is_ok() {
        assert!(answers.try_recv().is_err(), "nothing is persisted under the lock");
        std::thread::yield_now();
    }
    assert!(handle.check().unwrap_err().is_index_locked());
    // Others are told at once.
    let (told, reserved) = channel();
    let asking = handle.clone();
    let reply = Box::new(move |outcome| told.send((outcome, asking.check())).unwrap());
    handle.reserve_sequences("yard".into(), 1, reply);
    let (refused, state) = reserved.recv_timeout(Duration::from_secs(10)).unwrap();
    let refused = refused.unwrap_err();
    assert!(refused.is_index_locked() && refused.is_passing() && !refused.is_fatal(), "{refused}");
    assert!(state.unwrap_err().is_index_locked());
    let query = FragmentQuery::all(FragmentOrder::Sequence, 10);
    assert_eq!(handle.reader().fragments("gate", &query).unwrap().len(), 1);

    other.execute_batch("ROLLBACK").unwrap();
    for _ in &fragments[1..] {
        let (outcome, state) = answers.recv_timeout(Duration::from_secs(10)).unwrap();
        outcome.unwrap();
        state.expect("who has an answer finds the state that it speaks of");
    }
    assert_eq!(handle.reader().fragments("gate", &query).unwrap().len(), 3);
    thread.shutdown().unwrap();
}
