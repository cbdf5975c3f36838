//! A closed loop of callers: each sends its next call when the last one is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use vigie_kvs::sigv4::Credentials;

use crate::client::Caller;
use crate::{Outcome, machine};

/// Calls under way at once.
const CALLERS: usize = 32;
/// Before counting begins: connections, caches, the page cache.
const WARM_UP: Duration = Duration::from_secs(2);

/// What a load did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Calls a second of the wall clock.
    pub(crate) calls_per_second: f64,
    /// Calls a second of the server's processor time: what one core does when nothing else is in the way.
    pub(crate) calls_per_core_second: f64,
    /// How much of its core the server used.
    pub(crate) core_share: f64,
}

impl Rate {
    fn of(calls: usize, elapsed: Duration, cpu: Duration) -> Self {
        let (calls, elapsed, cpu) = (calls as f64, elapsed.as_secs_f64(), cpu.as_secs_f64());
        Self {
            calls_per_second: calls / elapsed,
            calls_per_core_second: calls / cpu,
            core_share: cpu / elapsed,
        }
    }
}

/// Repeats the calls of `bodies` in turn for a time.
pub(crate) async fn for_a_time(
    (address, pid): (SocketAddr, u32),
    credentials: &Arc<Credentials>,
    path: &'static str,
    bodies: &Arc<Vec<Bytes>>,
    time: Duration,
) -> Outcome<Rate> {
    let calls = Arc::new(AtomicUsize::new(0));
    let end = Instant::now() + WARM_UP + time;
    let mut callers = Vec::new();
    for index in 0..CALLERS {
        let mut caller = Caller::connect(address, credentials).await?;
        let (bodies, calls) = (Arc::clone(bodies), Arc::clone(&calls));
        callers.push(tokio::spawn(async move {
            let mut turn = index;
            while Instant::now() < end {
                caller.call(path, bodies[turn % bodies.len()].clone()).await?;
                calls.fetch_add(1, Ordering::Relaxed);
                turn += CALLERS;
            }
            Outcome::Ok(())
        }));
    }
    tokio::time::sleep(WARM_UP).await;
    let (begun, cpu_begun) = (Instant::now(), machine::cpu_time(pid)?);
    let calls_begun = calls.load(Ordering::Relaxed);
    tokio::time::sleep(time).await;
    let (elapsed, cpu) = (begun.elapsed(), machine::cpu_time(pid)? - cpu_begun);
    let counted = calls.load(Ordering::Relaxed) - calls_begun;
    for caller in callers {
        caller.await??;
    }
    Ok(Rate::of(counted, elapsed, cpu))
}

/// Makes each call of `bodies` once.
pub(crate) async fn each_once(
    (address, pid): (SocketAddr, u32),
    credentials: &Arc<Credentials>,
    path: &'static str,
    bodies: &Arc<Vec<Bytes>>,
) -> Outcome<Rate> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = Vec::new();
    let (begun, cpu_begun) = (Instant::now(), machine::cpu_time(pid)?);
    for _ in 0..CALLERS {
        let mut caller = Caller::connect(address, credentials).await?;
        let (bodies, next) = (Arc::clone(bodies), Arc::clone(&next));
        callers.push(tokio::spawn(async move {
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                caller.call(path, body.clone()).await?;
            }
            Outcome::Ok(())
        }));
    }
    for caller in callers {
        caller.await??;
    }
    Ok(Rate::of(bodies.len(), begun.elapsed(), machine::cpu_time(pid)? - cpu_begun))
}
