//! The simulated disk's workers: what they are given is done on the spot, or lies until chance does some of it, in any
//! order, and is gone with the process.

use std::sync::{Arc, Mutex, PoisonError};

use vigie_engine::chance::Chance;
use vigie_store::disk::{Work, Workers};

use super::inner::SharedInner;

/// What lies.
#[derive(Default)]
struct Pile {
    /// Whether work lies at all.
    lies: bool,
    work: Vec<Work>,
}

#[derive(Clone)]
pub(super) struct SimWorkers {
    /// Whose chance says what is done next.
    disk: SharedInner,
    /// Kept apart from the disk's own lock: work takes that one.
    pile: Arc<Mutex<Pile>>,
}

impl SimWorkers {
    pub(super) fn new(disk: SharedInner) -> Self {
        Self { disk, pile: Arc::default() }
    }

    /// Whether work lies from now on until [`SimWorkers::work`] does it.
    pub(super) fn let_work_lie(&self, lies: bool) {
        self.pile(|pile| pile.lies = lies);
        if !lies {
            self.work_off();
        }
    }

    /// Does some of what lies; whether anything is left.
    pub(super) fn work(&self) -> bool {
        loop {
            let left = self.pile(|pile| pile.work.len());
            if left == 0 {
                return false;
            }
            let next = self.disk.lock().chance.below(left as u64 + 1) as usize;
            if next == left {
                return true;
            }
            let work = self.pile(|pile| pile.work.swap_remove(next));
            work();
        }
    }

    /// Whether any lies.
    pub(super) fn has_work(&self) -> bool {
        self.pile(|pile| !pile.work.is_empty())
    }

    /// Does all of what lies, also what comes of it.
    pub(super) fn work_off(&self) {
        while self.work() {}
    }

    /// The process is gone, and what it had asked for.
    pub(super) fn forget(&self) {
        let forgotten = self.pile(|pile| std::mem::take(&mut pile.work));
        drop(forgotten);
    }

    fn pile<T>(&self, act: impl FnOnce(&mut Pile) -> T) -> T {
        act(&mut self.pile.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Workers for SimWorkers {
    fn run(&self, work: Work) {
        let work = self.pile(|pile| {
            if pile.lies {
                pile.work.push(work);
                return None;
            }
            Some(work)
        });
        if let Some(work) = work {
            work();
        }
    }

    fn catch_up(&self) {
        self.work_off();
    }
}
