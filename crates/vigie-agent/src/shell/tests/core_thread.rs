//! The thread of the core: cameras are read on it in passes, and nobody else waits for those.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::oneshot;
use vigie_store::OsDisk;

use super::*;
use crate::core::SourceEvent;
use crate::shell::core_thread::{CoreThread, start};
use crate::shell::drain_pace::DrainPace;

/// Of a hub in this folder.
fn thread(folder: &Path) -> CoreThread {
    let clock = clock();
    let hub = hub(&Arc::new(OsDisk), folder, clock.now());
    start(hub, clock, None, DrainPace::default()).unwrap()
}

async fn within_deadline<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_something_to_say_does_not_wait_for_the_next_pass() {
    let folder = tempfile::tempdir().unwrap();
    let CoreThread { core, core_here, tasks, effects, thread } = thread(folder.path());
    // Ready in each pass, as a camera is that sends all the time.
    let passes = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&passes);
    tasks.spawn(async move {
        let event = || Event::Source { session: session(1), event: SourceEvent::Ended };
        while core_here.send(event()).await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let has_begun = async {
        while passes.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    within_deadline(has_begun).await;
    let before = passes.load(Ordering::SeqCst);
    let asked = 200;
    for _ in 0..asked {
        within_deadline(core.snapshot()).await.unwrap();
    }
    let seen = passes.load(Ordering::SeqCst) - before;
    assert!(seen < asked / 2, "{asked} answers took {seen} passes");
    core.send(Event::Shutdown).await;
    drop(effects);
    assert!(!tokio::task::spawn_blocking(|| thread.join()).await.unwrap().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_are_taken_leave_of_when_the_core_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let CoreThread { core, core_here, tasks, mut effects, thread } = thread(folder.path());
    let (running, stop) = oneshot::channel::<()>();
    let has_left = Arc::new(AtomicBool::new(false));
    let leaving = Arc::clone(&has_left);
    tasks.spawn(async move {
        // Ended by the executor, with the effects.
        assert!(stop.await.is_err());
        let event = Event::Source { session: session(1), event: SourceEvent::Ended };
        assert!(!core_here.send(event).await, "it is gone");
        tokio::time::sleep(Duration::from_millis(5)).await;
        leaving.store(true, Ordering::SeqCst);
    });
    core.send(Event::Shutdown).await;
    within_deadline(async { while effects.recv().await.is_some() {} }).await;
    drop(running);
    assert!(!tokio::task::spawn_blocking(|| thread.join()).await.unwrap().unwrap());
    assert!(has_left.load(Ordering::SeqCst));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_thread_ends_when_nobody_can_say_anything_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let CoreThread { core, core_here, thread, effects: _effects, tasks: _tasks } =
        thread(folder.path());
    drop((core.clone(), core_here, core));
    assert!(!tokio::task::spawn_blocking(|| thread.join()).await.unwrap().unwrap());
}
