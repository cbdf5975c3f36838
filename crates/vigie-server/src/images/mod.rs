//! GetImages: stills out of stored media (KVS API_GetImages).
//!
//! [`plan`] decides which frame an instant shows and what has to be decoded for it, [`get_images`] reads the fragments
//! and asks the decoders, which run in processes of their own ([`vigie_images`]). [`picture`] makes one of a key frame that
//! is not stored.

mod get_images;
mod picture;
mod plan;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use vigie_images::pool::{DecoderPool, PoolSettings};
use vigie_images::protocol::{ImageError, Reply, Request};

use crate::app::App;

pub(crate) use get_images::get_images;
pub(crate) use picture::picture;

/// Calls that wait for a decoder; those beyond are refused.
const WAITING_MAX: usize = 256;
/// How long a call may wait for its turn.
const TURN_MAX: Duration = Duration::from_secs(10);

/// The decoders of GetImages.
#[derive(Clone, Debug)]
pub struct ImageDecoders {
    /// Those in Rust.
    pub rust: PoolSettings,
    /// ffmpeg, for what they do not support.
    pub ffmpeg: Option<PoolSettings>,
}

/// The processes of [`ImageDecoders`].
struct Decoders {
    rust: DecoderPool,
    ffmpeg: Option<DecoderPool>,
}

impl Decoders {
    /// One reply for each wanted frame, in their order.
    async fn images(&self, mut request: Request) -> io::Result<Vec<Reply>> {
        let mut replies = self.rust.images(&request).await?;
        let is_for_another = |reply: &Reply| matches!(reply, Err(ImageError::Unsupported(_)));
        let Some(ffmpeg) = self.ffmpeg.as_ref().filter(|_| replies.iter().any(is_for_another))
        else {
            return Ok(replies);
        };
        let asked = request.video.frames.iter_mut().filter(|frame| frame.wanted);
        for (frame, reply) in asked.zip(&replies) {
            frame.wanted = is_for_another(reply);
        }
        let second = ffmpeg.images(&request).await?;
        for (reply, better) in replies.iter_mut().filter(|it| is_for_another(it)).zip(second) {
            *reply = better;
        }
        Ok(replies)
    }

    fn pools(&self) -> impl Iterator<Item = &DecoderPool> {
        std::iter::once(&self.rust).chain(&self.ffmpeg)
    }

    /// After so long without work processes may be ended.
    fn idle_time(&self) -> Duration {
        self.pools().map(DecoderPool::idle_time).max().unwrap_or_default()
    }

    /// See [`DecoderPool::end_idle`].
    fn end_idle(&self) -> bool {
        self.pools().fold(false, |waits, pool| pool.end_idle() | waits)
    }
}

/// The decoders, and how many calls may use them.
pub(crate) struct Images {
    decoders: Arc<Decoders>,
    /// Calls at once: their fragments and images are in memory.
    calls: Semaphore,
    /// Those, and the ones that wait.
    waiting: Semaphore,
    /// How many fragments one call has decoded at once.
    processes_max: usize,
    /// Whether a task is there that ends decoders which nobody needs.
    tended: AtomicBool,
}

impl Images {
    pub(crate) fn new(settings: ImageDecoders) -> Self {
        let processes_max = settings.rust.processes_max.max(1);
        Self {
            decoders: Arc::new(Decoders {
                rust: DecoderPool::new(settings.rust),
                ffmpeg: settings.ffmpeg.map(DecoderPool::new),
            }),
            calls: Semaphore::new(processes_max + 1),
            waiting: Semaphore::new(processes_max + 1 + WAITING_MAX),
            tended: AtomicBool::new(false),
            processes_max,
        }
    }

    /// Sees to it that decoders which nobody needs for a while are ended.
    fn tend(&self, app: &Arc<App>) {
        if self.tended.swap(true, Ordering::AcqRel) {
            return;
        }
        let tending = Arc::clone(app);
        let mut stopping = app.stopping();
        app.spawn(async move {
            let Some(images) = &tending.images else { return };
            loop {
                tokio::select! {
                    () = tokio::time::sleep(images.decoders.idle_time()) => {}
                    () = stopping.wait() => return,
                }
                if images.decoders.end_idle() {
                    continue;
                }
                images.tended.store(false, Ordering::Release);
                // One that came to wait meanwhile is seen to here, or by the call that it worked for.
                if !images.decoders.end_idle() || images.tended.swap(true, Ordering::AcqRel) {
                    return;
                }
            }
        });
    }
}
