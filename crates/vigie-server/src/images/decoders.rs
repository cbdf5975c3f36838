//! The processes that decode: those in Rust, and ffmpeg for what they do not support.
//!
//! Decides which of them is asked.

use std::io;
use std::time::Duration;

use vigie_images::pool::{DecoderPool, PoolSettings};
use vigie_images::protocol::{ImageError, Reply, Request};

/// The decoders of GetImages.
#[derive(Clone, Debug)]
pub struct ImageDecoders {
    pub rust: PoolSettings,
    /// ffmpeg, for what they do not support.
    pub ffmpeg: Option<PoolSettings>,
}

/// The processes of [`ImageDecoders`].
pub(super) struct Decoders {
    pub rust: DecoderPool,
    pub ffmpeg: Option<DecoderPool>,
}

impl Decoders {
    /// One reply for each wanted frame, in their order.
    pub(super) async fn images(&self, mut request: Request) -> io::Result<Vec<Reply>> {
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
    pub(super) fn idle_time(&self) -> Duration {
        self.pools().map(DecoderPool::idle_time).max().unwrap_or_default()
    }

    /// See [`DecoderPool::end_idle`].
    pub(super) fn end_idle(&self) -> bool {
        self.pools().fold(false, |waits, pool| pool.end_idle() | waits)
    }
}
