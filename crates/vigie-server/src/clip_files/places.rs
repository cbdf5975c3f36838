//! How many files are sent at once, and to one holder of a grant: who has one link keeps nobody else from downloading.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Files that are sent at once; more are refused.
const SENT_AT_ONCE_MAX: usize = 64;
/// Of these, to one holder: a wall of 16 cameras is saved at once.
const OF_ONE_HOLDER_MAX: usize = 16;

/// Those that are taken, by holder.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<HashMap<String, usize>>);

/// A place; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    holder: String,
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more for this holder; `None` where there is none.
    pub(super) fn enter(self: &Arc<Self>, holder: String) -> Option<Place> {
        let mut taken = self.lock();
        let own = taken.get(&holder).copied().unwrap_or(0);
        if own >= OF_ONE_HOLDER_MAX || taken.values().sum::<usize>() >= SENT_AT_ONCE_MAX {
            return None;
        }
        taken.insert(holder.clone(), own + 1);
        Some(Place { places: Arc::clone(self), holder })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(own) = taken.get_mut(&self.holder) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.holder);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_leaves_places_for_others_and_gives_back_what_it_had() {
        let places = Arc::new(Places::default());
        let take = |holder: &str| places.enter(holder.to_owned());
        let mut of_link: Vec<_> = (0..OF_ONE_HOLDER_MAX).map(|_| take("link").unwrap()).collect();
        assert!(take("link").is_none());
        let others = SENT_AT_ONCE_MAX - OF_ONE_HOLDER_MAX;
        let of_others: Vec<_> = (0..others).map(|n| take(&n.to_string()).unwrap()).collect();
        assert!(take("late").is_none(), "all are taken");
        of_link.pop();
        assert!(take("late").is_some());
        drop((of_link, of_others));
        assert!(places.lock().is_empty());
    }
}
