//! Which seeds a test runs, on how many threads, and which of them failed.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Says which seed it was when what holds it panics; `replay` beside it takes the seed.
pub struct Seed(pub u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the world of seed {} failed: paste it into `replay`", self.0);
        }
    }
}

/// Seeds from 0 on: `default` of them, or what the environment's `variable` says, as `COUNT` or as `FIRST..END`.
pub fn seeds(variable: &str, default: u64) -> Range<u64> {
    let Ok(text) = std::env::var(variable) else { return 0..default };
    let number = |text: &str| {
        text.parse().unwrap_or_else(|_| panic!("{variable} is COUNT or FIRST..END: {text}"))
    };
    match text.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => 0..number(&text),
    }
}

/// Runs each seed once, side by side on all cores. When one panics no more begin, and the panic goes on here.
pub fn in_parallel(seeds: Range<u64>, run: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(seeds.start);
    let has_failed = AtomicBool::new(false);
    let work = || {
        while !has_failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed)));
            if let Err(panic) = failed {
                has_failed.store(true, Ordering::Relaxed);
                std::panic::resume_unwind(panic);
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for ended in workers.into_iter().map(|worker| worker.join()) {
            if let Err(panic) = ended {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn each_seed_is_run_once() {
        let ran = Mutex::new(Vec::new());
        in_parallel(3..200, |seed| ran.lock().unwrap().push(seed));
        let mut ran = ran.into_inner().unwrap();
        ran.sort_unstable();
        assert_eq!(ran, (3..200).collect::<Vec<_>>());
    }

    #[test]
    #[should_panic(expected = "seed != 50")]
    fn a_seed_that_fails_fails_the_test() {
        in_parallel(0..100, |seed| assert!(seed != 50));
    }
}
