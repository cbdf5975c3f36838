//! The thread on which all cameras are read.
//!
//! A camera sends hundreds of packets a second, and a recorder needs none of them sooner than a fraction of a second:
//! before this thread waits for sockets it sleeps a little, so that one wake-up then drains what all cameras have sent
//! meanwhile, in few and large reads. The pace of the cameras' connections is TCP's as ever: what is not read yet
//! waits in the kernel. While fragments are uploaded as they come, it sleeps less.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// How long packets may wait. At 8 Mbit/s this is 50 KB a camera, well below every socket's buffer.
const DRAIN_INTERVAL: Duration = Duration::from_millis(50);
/// The same while somebody waits for what comes: half the time between two pictures.
const LIVE_DRAIN_INTERVAL: Duration = Duration::from_millis(20);

/// Whether somebody waits for what cameras send.
#[derive(Clone, Debug, Default)]
pub(crate) struct Liveness {
    is_live: Arc<AtomicBool>,
}

impl Liveness {
    /// Counts from the next time that the thread sleeps.
    pub(crate) fn set(&self, is_live: bool) {
        self.is_live.store(is_live, Ordering::Relaxed);
    }

    fn interval(&self) -> Duration {
        if self.is_live.load(Ordering::Relaxed) { LIVE_DRAIN_INTERVAL } else { DRAIN_INTERVAL }
    }
}

/// Ends the thread when dropped.
pub(crate) struct SourceRuntime {
    pub(crate) handle: Handle,
    pub(crate) liveness: Liveness,
    /// Dropped with the struct; the thread waits for that.
    _end: oneshot::Sender<()>,
}

/// Starts the thread.
pub(crate) fn start() -> io::Result<SourceRuntime> {
    let liveness = Liveness::default();
    let sleeping = liveness.clone();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || std::thread::sleep(sleeping.interval()))
        .build()?;
    let handle = runtime.handle().clone();
    let (end, ended) = oneshot::channel::<()>();
    std::thread::Builder::new().name("vigie-sources".to_owned()).spawn(move || {
        // Ends by an error when the sender is dropped: that is its only use.
        drop(runtime.block_on(ended));
        runtime.shutdown_background();
    })?;
    Ok(SourceRuntime { handle, liveness, _end: end })
}
