//! The memory of open fragments, shared by all PutMedia connections.
//!
//! Decides who gives way when all together hold more than the budget: the connection that holds the most, so that one
//! producer with endless fragments cannot drive out the many with ordinary ones. Overshoot is bounded by one read of
//! each connection. Fragments that are whole wait for the disk in a budget of their own (see the archive).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub(crate) struct OpenFragments {
    bytes_max: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    next_id: u64,
    total_bytes: usize,
    /// By connection. Who has been told to give way is not in it any more.
    shares: HashMap<u64, (usize, Arc<Notify>)>,
}

/// What one connection holds; given back when dropped.
pub(crate) struct Share {
    id: u64,
    /// As far as the budget was told.
    bytes: usize,
    give_way: Arc<Notify>,
    all: Arc<OpenFragments>,
}

impl OpenFragments {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, held: Mutex::default() }
    }

    /// For one more connection.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        let give_way = Arc::new(Notify::new());
        let mut held = self.lock();
        let id = held.next_id;
        held.next_id += 1;
        held.shares.insert(id, (0, Arc::clone(&give_way)));
        Share { id, bytes: 0, give_way, all: Arc::clone(self) }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Tells those that hold the most to give way, until the others are within `bytes_max`.
    fn make_room(&mut self, bytes_max: usize) {
        while self.total_bytes > bytes_max {
            let most = self.shares.iter().max_by_key(|(id, (bytes, _))| (*bytes, **id));
            let Some((&id, (bytes, give_way))) = most else { return };
            self.total_bytes -= bytes;
            give_way.notify_one();
            self.shares.remove(&id);
        }
    }
}

impl Share {
    /// Says how much the connection holds now.
    pub(crate) fn hold(&mut self, bytes: usize) {
        if bytes == self.bytes {
            return;
        }
        let mut held = self.all.lock();
        let Some((known, _)) = held.shares.get_mut(&self.id) else { return };
        *known = bytes;
        held.total_bytes = held.total_bytes - self.bytes + bytes;
        self.bytes = bytes;
        held.make_room(self.all.bytes_max);
    }

    /// Resolves when this connection has to let go of its fragment. Safe to drop and call again.
    pub(crate) async fn must_give_way(&self) {
        self.give_way.notified().await;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.all.lock();
        if let Some((bytes, _)) = held.shares.remove(&self.id) {
            held.total_bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn told(share: &Share) -> bool {
        tokio::time::timeout(Duration::ZERO, share.must_give_way()).await.is_ok()
    }

    #[tokio::test]
    async fn the_one_that_holds_the_most_gives_way_and_the_others_stay() {
        let all = Arc::new(OpenFragments::new(100));
        let (mut small, mut large, mut other) = (all.share(), all.share(), all.share());
        small.hold(20);
        large.hold(60);
        other.hold(20);
        assert!(!told(&large).await);
        small.hold(21);
        assert!(told(&large).await && !told(&small).await && !told(&other).await);
        // It is out of the account at once, and what it still says changes nothing.
        large.hold(90);
        assert_eq!(all.lock().total_bytes, 41);
        drop(large);
        assert_eq!(all.lock().total_bytes, 41);
    }

    #[tokio::test]
    async fn one_alone_may_take_all_but_no_more() {
        let all = Arc::new(OpenFragments::new(100));
        let mut share = all.share();
        share.hold(100);
        assert!(!told(&share).await);
        share.hold(101);
        assert!(told(&share).await);
        drop(share);
        let held = all.lock();
        assert!(held.shares.is_empty() && held.total_bytes == 0);
    }
}
