//! GetImages: stills out of stored media (KVS API_GetImages).
//!
//! [`plan`] decides which frame an instant shows and what has to be decoded for it, [`get_images`] reads the fragments
//! and asks the decoders, which run in processes of their own ([`vigie_images`]).

mod get_images;
mod plan;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use vigie_images::pool::{DecoderPool, PoolSettings};
use vigie_images::protocol::{ImageError, Reply, Request};

pub(crate) use get_images::get_images;

/// Calls that wait for a decoder; those beyond are refused.
const WAITING_MAX: usize = 256;

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

    fn end_idle(&self) {
        self.pools().for_each(DecoderPool::end_idle);
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
}

impl Images {
    pub(crate) fn new(settings: ImageDecoders) -> Self {
        let processes_max = settings.rust.processes_max.max(1);
        Self {
            decoders: Arc::new(Decoders {
                rust: DecoderPool::new(settings.rust),
                ffmpeg: settings.ffmpeg.map(DecoderPool::new),
            }),
            calls: Semaphore::new(2 * processes_max),
            waiting: Semaphore::new(2 * processes_max + WAITING_MAX),
            processes_max,
        }
    }
}

/// How long a call may wait for its turn.
const TURN_MAX: Duration = Duration::from_secs(10);
