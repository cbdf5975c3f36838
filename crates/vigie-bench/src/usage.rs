//! What a process that persists fragments does in a time: bytes a second, processor time for each gigabyte, memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::{Outcome, machine};

#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) bytes_per_second: f64,
    pub(crate) core_seconds_per_gigabyte: f64,
    pub(crate) cores: f64,
    pub(crate) memory_bytes: u64,
}

impl Usage {
    /// Of process `pid` over `time`, while `producers` send and `persisted` counts their fragments. None of them may end.
    pub(crate) async fn over(
        time: Duration,
        pid: u32,
        persisted: &AtomicU64,
        fragment_bytes: usize,
        producers: &mut JoinSet<Outcome<()>>,
    ) -> Outcome<Self> {
        let (begun, cpu_begun) = (Instant::now(), machine::cpu_time(pid)?);
        let persisted_begun = persisted.load(Ordering::Relaxed);
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            Some(ended) = producers.join_next() => {
                ended??;
                return Err("a producer has ended".into());
            }
        }
        let fragments = persisted.load(Ordering::Relaxed) - persisted_begun;
        let (elapsed, cpu) = (begun.elapsed(), machine::cpu_time(pid)? - cpu_begun);
        let bytes = fragments as f64 * fragment_bytes as f64;
        Ok(Self {
            bytes_per_second: bytes / elapsed.as_secs_f64(),
            core_seconds_per_gigabyte: cpu.as_secs_f64() / (bytes / 1e9),
            cores: cpu.as_secs_f64() / elapsed.as_secs_f64(),
            memory_bytes: machine::memory_bytes(pid)?,
        })
    }

    /// That of the median in processor time, and the least and the most of that.
    pub(crate) fn median(mut turns: Vec<Self>) -> (Self, [f64; 2]) {
        turns.sort_by(|one, other| {
            one.core_seconds_per_gigabyte.total_cmp(&other.core_seconds_per_gigabyte)
        });
        let at = |index: usize| turns[index].core_seconds_per_gigabyte;
        (turns[turns.len() / 2], [at(0), at(turns.len() - 1)])
    }
}
