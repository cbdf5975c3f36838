//! The thread on which all cameras are read.
//!
//! A camera sends hundreds of packets a second, and a recorder needs none of them sooner than a fraction of a second:
//! before this thread waits for sockets it sleeps a little, so that one wake-up then drains what all cameras have sent
//! meanwhile, in few and large reads. The pace of the cameras' connections is TCP's as ever: what is not read yet
//! waits in the kernel.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// How long packets may wait. At 8 Mbit/s this is 50 KB a camera, well below every socket's buffer.
const DRAIN_INTERVAL: Duration = Duration::from_millis(50);

/// Ends the thread when dropped.
pub(crate) struct SourceRuntime {
    pub(crate) handle: Handle,
    /// Dropped with the struct; the thread waits for that.
    _end: oneshot::Sender<()>,
}

/// Starts the thread.
pub(crate) fn start() -> io::Result<SourceRuntime> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .on_thread_park(|| std::thread::sleep(DRAIN_INTERVAL))
        .build()?;
    let handle = runtime.handle().clone();
    let (end, ended) = oneshot::channel::<()>();
    std::thread::Builder::new().name("vigie-sources".to_owned()).spawn(move || {
        // Ends by an error when the sender is dropped: that is its only use.
        drop(runtime.block_on(ended));
        runtime.shutdown_background();
    })?;
    Ok(SourceRuntime { handle, _end: end })
}
