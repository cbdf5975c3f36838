//! Many things that wait for the disk, done by its workers, and what came of all of them.
//!
//! Decides nothing: which they are, and what their outcomes mean, is the caller's to say.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::disk::Workers;

/// What is done with all outcomes, in the order of the items.
type Then = Box<dyn FnOnce(Vec<io::Result<()>>) + Send>;

struct Outcomes {
    of_items: Vec<Option<io::Result<()>>>,
    left: usize,
    then: Option<Then>,
}

/// Does `act` to each of `items`, each once, in any order and side by side; `then` runs when the last is done, on
/// whatever thread did that.
pub(crate) fn side_by_side<T: Send + 'static>(
    workers: &dyn Workers,
    items: Vec<T>,
    act: impl Fn(&T) -> io::Result<()> + Send + Sync + 'static,
    then: impl FnOnce(Vec<io::Result<()>>) + Send + 'static,
) {
    if items.is_empty() {
        return then(Vec::new());
    }
    let outcomes = Outcomes {
        of_items: items.iter().map(|_| None).collect(),
        left: items.len(),
        then: Some(Box::new(then)),
    };
    let outcomes = Arc::new(Mutex::new(outcomes));
    let act = Arc::new(act);
    for (index, item) in items.into_iter().enumerate() {
        let (act, outcomes) = (Arc::clone(&act), Arc::clone(&outcomes));
        workers.run(Box::new(move || {
            let outcome = act(&item);
            let mut state = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(slot) = state.of_items.get_mut(index) {
                *slot = Some(outcome);
            }
            state.left -= 1;
            if state.left == 0
                && let Some(then) = state.then.take()
            {
                let not_tried = || Err(io::Error::other("it was not tried"));
                let all = std::mem::take(&mut state.of_items);
                drop(state);
                then(all.into_iter().map(|outcome| outcome.unwrap_or_else(not_tried)).collect());
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use super::*;
    use crate::disk::Disk;
    use crate::os_disk::OsDisk;

    #[test]
    fn each_of_many_is_done_once_and_has_its_own_outcome() {
        let workers = OsDisk.workers();
        for count in [0, 1, 2, 15, 16, 100] {
            let tried: Arc<Vec<AtomicUsize>> =
                Arc::new((0..count).map(|_| AtomicUsize::new(0)).collect());
            let counted = Arc::clone(&tried);
            let (sender, receiver) = channel();
            side_by_side(
                workers.as_ref(),
                (0..count).collect(),
                move |&number: &usize| {
                    counted[number].fetch_add(1, Ordering::Relaxed);
                    if number % 3 == 0 { Err(io::Error::other(number.to_string())) } else { Ok(()) }
                },
                move |outcomes| sender.send(outcomes).unwrap(),
            );
            let outcomes = receiver.recv().unwrap();
            assert_eq!(outcomes.len(), count);
            assert!(tried.iter().all(|tried| tried.load(Ordering::Relaxed) == 1));
            for (number, outcome) in outcomes.into_iter().enumerate() {
                let error = outcome.err().map(|error| error.to_string());
                assert_eq!(error, (number % 3 == 0).then(|| number.to_string()));
            }
        }
    }
}
