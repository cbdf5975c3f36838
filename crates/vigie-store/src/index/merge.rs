//! Merges the fragments of media files whose ranges may overlap into one ordered page, opening no more files than
//! the page needs.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::{FragmentPosition, FragmentQuery};
use crate::fragment::{Fragment, FragmentEntry, MediaFilePlace};

/// Collects one page of a [`FragmentQuery`].
///
/// Files come in order of their smallest value. Before each, [`Page::is_complete`] says whether the page is full
/// with fragments that no later file can precede.
pub(super) struct Page {
    query: FragmentQuery,
    waiting: BinaryHeap<Reverse<Waiting>>,
    done: Vec<Fragment>,
}

#[derive(PartialEq, Eq)]
struct Waiting {
    position: FragmentPosition,
    fragment: Fragment,
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.position.cmp(&other.position)
    }
}

impl Page {
    pub(super) fn new(query: FragmentQuery) -> Self {
        Self { query, waiting: BinaryHeap::new(), done: Vec::new() }
    }

    /// Whether the page is full, given that later files hold no value below `next_min`.
    pub(super) fn is_complete(&mut self, next_min: i64) -> bool {
        while self.done.len() < self.query.limit
            && self.waiting.peek().is_some_and(|Reverse(first)| first.position.value < next_min)
        {
            self.take_one();
        }
        self.done.len() >= self.query.limit
    }

    /// Takes what the query wants of one file.
    pub(super) fn add(&mut self, place: &Arc<MediaFilePlace>, entries: &[FragmentEntry]) {
        let query = self.query;
        for entry in entries {
            let position = query.order.position(entry);
            let wanted = (query.from..=query.until).contains(&position.value)
                && query.after.is_none_or(|after| position > after)
                && !(query.not_uploaded && entry.uploaded);
            if wanted {
                let fragment = Fragment { entry: *entry, media_file: Arc::clone(place) };
                self.waiting.push(Reverse(Waiting { position, fragment }));
            }
        }
    }

    /// The page, all files given.
    pub(super) fn finish(mut self) -> Vec<Fragment> {
        while self.done.len() < self.query.limit && !self.waiting.is_empty() {
            self.take_one();
        }
        self.done
    }

    fn take_one(&mut self) {
        self.done.extend(self.waiting.pop().map(|Reverse(first)| first.fragment));
    }
}
