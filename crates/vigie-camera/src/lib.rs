//! A simulated RTSP camera: loops a file in real time to any number of clients.
//!
//! Decides how a media file becomes RTP packets (once, when it is loaded), where each mount stands in its endless
//! loop, and what an RTSP client is answered. Speaks RTSP 1.0 (RFC 2326) with RTP over the RTSP connection or over
//! UDP, H.264 and H.265 with AAC or G.711 beside it, Basic and Digest authentication.
//!
//! A mount is live, as a camera is: all its clients see the same position, a client joins at the next key frame,
//! and what a stalled client misses is not kept for it. The coded media is never changed: every NAL unit and every
//! audio byte arrives as the file has it.
//!
//! It never decodes, never transcodes, never records, and never reads the wall clock itself: the caller passes it in.
//!
//! ```no_run
//! use std::path::Path;
//! use vigie_camera::{Camera, CameraConfig, Media};
//! # async fn run(wall_clock: fn() -> vigie_media::Timestamp) -> Result<(), vigie_camera::CameraError> {
//! let media = Media::open(Path::new("demo.mp4")).await?;
//! let camera = Camera::start(CameraConfig::new(([127, 0, 0, 1], 0).into(), media), wall_clock).await?;
//! println!("watch {}", camera.url(0));
//! camera.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod auth;
mod camera;
mod chance;
mod client;
mod codec;
mod config;
mod connection;
mod container;
mod error;
mod framing;
mod media;
mod outgoing;
mod pacer;
mod packetizer;
mod response;
mod rtp;
mod schedule;
mod sdp;
mod session;
mod shared;
mod stats;
mod timeline;
mod transport;

pub use camera::Camera;
pub use config::{AuthScheme, CameraConfig, Credentials};
pub use error::{CameraError, MediaError};
pub use media::Media;
pub use stats::{MountStats, SentGroup, TrackStats};
