//! One picture of a key frame that is not stored: of a camera that a hub has tried.
//!
//! Never fails a call: where no picture can be made, it says why not.

use std::sync::Arc;

use bytes::Bytes;
use vigie_images::decode::{CodedFrame, CodedVideo};
use vigie_images::encode::{Form, Format};
use vigie_images::protocol::Request;
use vigie_media::Track;
use vigie_media::sample::SampleTrack;

use super::get_images::codec_of;
use super::{Images, TURN_MAX};

/// A wider picture is made smaller: it is to be looked at, and goes through an API of JSON.
const WIDTH_PIXELS_MAX: u32 = 1280;
const QUALITY: u8 = 80;
/// A picture of that width is far below.
const JPEG_BYTES_MAX: usize = 2 << 20;

/// The key frame of a track as JPEG, or why there is none.
pub(crate) async fn picture(
    images: Option<&Arc<Images>>,
    track: &Track,
    key_frame: Bytes,
) -> Result<Bytes, &'static str> {
    let images = images.ok_or("pictures are switched off at this server")?;
    let unreadable = "the key frame could not be decoded";
    let sample_track = SampleTrack::new(track).map_err(|_| unreadable)?;
    let (codec, parameter_sets, nal_length_size) =
        codec_of(sample_track.config()).ok_or(unreadable)?;
    let frame = CodedFrame { data: key_frame, wanted: true, shown_ms: 0 };
    let video = CodedVideo { codec, parameter_sets, nal_length_size, frames: vec![frame] };
    let width = track.video.map_or(0, |video| video.width_pixels);
    let narrowed = (width > WIDTH_PIXELS_MAX).then_some(WIDTH_PIXELS_MAX);
    let form = Form {
        format: Format::Jpeg { quality: QUALITY },
        width: narrowed.and_then(|width| u16::try_from(width).ok()),
        height: None,
    };
    let jpeg = made(images, Request { video, form }).await;
    images.tend();
    let metrics = &images.media.metrics;
    let counter = if jpeg.is_ok() { &metrics.images } else { &metrics.image_errors };
    counter.inc();
    jpeg
}

async fn made(images: &Images, request: Request) -> Result<Bytes, &'static str> {
    let busy = "too many images are being made; try again";
    let _waiting = images.waiting.try_acquire().map_err(|_| busy)?;
    let turn = images.media.process.timeout(TURN_MAX, images.calls.acquire()).await;
    let Ok(Ok(_turn)) = turn else { return Err(busy) };
    let replies = images.decoders.images(request).await.map_err(|error| {
        tracing::error!(%error, "a decoder cannot be started");
        "the server's decoder cannot be started; its log says why"
    })?;
    match replies.into_iter().next() {
        Some(Ok(jpeg)) if jpeg.len() <= JPEG_BYTES_MAX => Ok(jpeg),
        Some(Ok(_)) => Err("the picture is too large"),
        Some(Err(error)) => {
            tracing::debug!(%error, "no image");
            Err("the key frame could not be decoded")
        }
        None => Err("the key frame could not be decoded"),
    }
}
