//! GetImages: stills out of stored media (KVS API_GetImages).
//!
//! [`plan`] decides which frame an instant shows and what has to be decoded for it, [`get_images`] reads the fragments
//! and asks the decoders, which run in processes of their own ([`vigie_images`]). [`picture`] makes one of a key frame that
//! is not stored.

pub(crate) mod decoders;
mod get_images;
mod picture;
mod plan;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;
use vigie_images::pool::DecoderPool;

use crate::media::Media;
use decoders::Decoders;

pub use decoders::ImageDecoders;
pub(crate) use get_images::get_images;
pub(crate) use picture::picture;

/// Calls that wait for a decoder; those beyond are refused.
const WAITING_MAX: usize = 256;
/// How long a call may wait for its turn.
const TURN_MAX: Duration = Duration::from_secs(10);

/// The decoders, and how many calls may use them.
pub(crate) struct Images {
    media: Arc<Media>,
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
    pub(crate) fn new(settings: ImageDecoders, media: Arc<Media>) -> Self {
        let processes_max = settings.rust.processes_max.max(1);
        Self {
            media,
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
    fn tend(self: &Arc<Self>) {
        if self.tended.swap(true, Ordering::AcqRel) {
            return;
        }
        let images = Arc::clone(self);
        let mut stopping = self.media.process.stopping();
        self.media.process.spawn(async move {
            loop {
                tokio::select! {
                    biased;
                    () = stopping.wait() => return,
                    () = images.media.process.sleep(images.decoders.idle_time()) => {}
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
