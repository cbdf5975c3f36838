//! The threads that wait for the disk: few, made when they are first needed, and there as long as the store.
//!
//! A file system writes its journal once for all that wait, so syncs side by side take little longer than one. Decides
//! nothing about what is written or synced, nor in which order.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::disk::{Work, Workers};

/// Who waits for the disk at once.
pub(super) const THREADS_MAX: usize = 16;

#[derive(Default)]
pub(super) struct DiskThreads {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    has_news: Condvar,
}

#[derive(Default)]
struct State {
    work: VecDeque<Work>,
    idle: usize,
    has_ended: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of a thread: until the end, and until nothing is left to do.
    fn work(&self) {
        let mut state = self.state();
        loop {
            if let Some(work) = state.work.pop_front() {
                drop(state);
                work();
                state = self.state();
            } else if state.has_ended {
                return;
            } else {
                state.idle += 1;
                state = self.has_news.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }
}

impl DiskThreads {
    /// Another thread, unless there are enough or the machine gives none.
    fn grow(&self) -> bool {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.len() >= THREADS_MAX {
            return true;
        }
        let shared = Arc::clone(&self.shared);
        let name = format!("disk-{}", threads.len());
        match std::thread::Builder::new().name(name).spawn(move || shared.work()) {
            Ok(thread) => threads.push(thread),
            Err(error) => tracing::warn!(%error, "start a thread that waits for the disk"),
        }
        !threads.is_empty()
    }
}

impl Workers for DiskThreads {
    fn run(&self, work: Work) {
        let mut state = self.shared.state();
        state.work.push_back(work);
        let is_short = state.work.len() > state.idle;
        drop(state);
        self.shared.has_news.notify_one();
        if is_short && !self.grow() {
            // Without a thread the caller does it.
            let work = self.shared.state().work.pop_front();
            if let Some(work) = work {
                work();
            }
        }
    }
}

impl Drop for DiskThreads {
    fn drop(&mut self) {
        self.shared.state().has_ended = true;
        self.shared.has_news.notify_all();
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            if thread.thread().id() == std::thread::current().id() {
                // The last who held them was one of their own.
                continue;
            }
            if thread.join().is_err() {
                tracing::error!("a thread that waits for the disk ended early");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn all_work_is_done_by_few_threads_that_end_with_their_owner() {
        let done = Arc::new(AtomicUsize::new(0));
        let threads = DiskThreads::default();
        for _ in 0..1000 {
            let done = Arc::clone(&done);
            threads.run(Box::new(move || {
                done.fetch_add(1, Ordering::Relaxed);
            }));
        }
        assert!((1..=THREADS_MAX).contains(&threads.threads.lock().unwrap().len()));
        let shared = Arc::downgrade(&threads.shared);
        drop(threads);
        assert_eq!(done.load(Ordering::Relaxed), 1000, "what was given is done");
        assert_eq!(shared.strong_count(), 0, "no thread is left");
    }

    #[test]
    fn work_waits_side_by_side() {
        let threads = DiskThreads::default();
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS_MAX).map(|_| channel()).unzip();
        // Each waits for the one that was given after it.
        let mut receivers = receivers.into_iter();
        let first = receivers.next().unwrap();
        let mut senders = senders.into_iter();
        for receiver in receivers {
            let sender = senders.next().unwrap();
            threads.run(Box::new(move || sender.send(receiver.recv().unwrap()).unwrap()));
        }
        let last = senders.next().unwrap();
        threads.run(Box::new(move || last.send(7).unwrap()));
        assert_eq!(first.recv().unwrap(), 7);
    }

    #[test]
    fn one_after_another_needs_one_thread() {
        let threads = DiskThreads::default();
        for number in 0..20 {
            let (sender, receiver) = channel();
            while number > 0 && threads.shared.state().idle == 0 {
                std::thread::yield_now();
            }
            threads.run(Box::new(move || sender.send(()).unwrap()));
            receiver.recv().unwrap();
        }
        assert_eq!(threads.threads.lock().unwrap().len(), 1);
    }
}
