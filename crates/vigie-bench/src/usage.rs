//! What a process that persists fragments does in a time: bytes a second, processor time for each gigabyte, memory.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::{Outcome, machine};

/// See the module's documentation.
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

    /// Between two measurements.
    pub(crate) fn mean(self, other: Self) -> Self {
        let mean = |one: f64, other: f64| (one + other) / 2.0;
        Self {
            bytes_per_second: mean(self.bytes_per_second, other.bytes_per_second),
            core_seconds_per_gigabyte: mean(
                self.core_seconds_per_gigabyte,
                other.core_seconds_per_gigabyte,
            ),
            cores: mean(self.cores, other.cores),
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
        }
    }
}
