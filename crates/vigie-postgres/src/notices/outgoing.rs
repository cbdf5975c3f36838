//! What waits to be told to the other servers. Bounded: many of one are one, and of too many all are told.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use vigie_metadata::Notice;

use super::payload;

/// Different notices that wait.
const WAITING_MAX: usize = 10_000;

#[derive(Default)]
pub(super) struct Outgoing {
    waiting: Mutex<Waiting>,
    comes: Notify,
}

#[derive(Default)]
struct Waiting {
    notices: BTreeSet<Notice>,
    is_all: bool,
}

impl Outgoing {
    pub(super) fn add(&self, notice: &Notice) {
        let mut waiting = self.waiting();
        if waiting.notices.len() >= WAITING_MAX {
            waiting.notices.clear();
            waiting.is_all = true;
        }
        if !waiting.is_all {
            waiting.notices.insert(notice.clone());
        }
        drop(waiting);
        self.comes.notify_one();
    }

    /// Texts of all that wait, when there are some. Safe to drop.
    pub(super) async fn take(&self) -> Vec<String> {
        loop {
            let waiting = std::mem::take(&mut *self.waiting());
            if waiting.is_all {
                return vec![payload::all()];
            }
            if !waiting.notices.is_empty() {
                return waiting.notices.iter().map(payload::write).collect();
            }
            self.comes.notified().await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_of_one_are_one_and_too_many_are_all() {
        let outgoing = Outgoing::default();
        for _ in 0..3 {
            outgoing.add(&Notice::DeadlineSet);
        }
        assert_eq!(outgoing.take().await, ["d"]);
        for number in 0..WAITING_MAX + 9 {
            outgoing.add(&Notice::MediaChanged { stream: number.to_string() });
        }
        assert_eq!(outgoing.take().await, ["*"]);
    }
}
