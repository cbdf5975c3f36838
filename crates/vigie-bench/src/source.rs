//! Simulated cameras in this process, which know what they have sent and when.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use vigie_camera::{Camera, CameraConfig, Media, SentGroup};
use vigie_media::Timestamp;

use crate::Outcome;
use crate::agent::cameras;

/// Pictures a second of each camera.
pub(crate) const PICTURES_PER_SECOND: f64 = 25.0;

/// So many cameras, all playing one file of 25 pictures a second and a key frame every two seconds.
pub(crate) struct Source {
    camera: Camera,
    /// As encoded.
    pub(crate) bits_per_second: f64,
}

impl Source {
    pub(crate) async fn start(folder: &Path, count: usize, megabits: f64) -> Outcome<Self> {
        let media = Media::open(&cameras::encode(folder, megabits)?).await?;
        let size_bytes = std::fs::metadata(folder.join("camera.mp4"))?.len();
        let bits_per_second = size_bytes as f64 * 8.0 / media.loop_duration().as_secs_f64();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let config = CameraConfig { mounts: count, ..CameraConfig::new(address, media) };
        let camera = Camera::start(config, wall).await?;
        Ok(Self { camera, bits_per_second })
    }

    pub(crate) fn uri(&self, camera: usize) -> String {
        self.camera.url(camera)
    }

    /// Whole pictures that each of the first cameras has sent so far, to all its clients.
    pub(crate) fn sent(&self, count: usize) -> Vec<u64> {
        let pictures = |camera| {
            let stats = self.camera.stats(camera).unwrap_or_default();
            stats.tracks.first().map_or(0, |track| track.frames)
        };
        (0..count).map(pictures).collect()
    }

    /// Groups of pictures that a camera has sent since this was last asked.
    pub(crate) fn take_sent_groups(&self, camera: usize) -> Vec<SentGroup> {
        self.camera.take_sent_groups(camera)
    }

    /// All cameras fall silent, or go on.
    pub(crate) fn set_silent(&self, silent: bool) {
        if silent { self.camera.stall() } else { self.camera.resume() }
    }

    /// Whether nobody is let in.
    pub(crate) fn set_closed(&self, closed: bool) {
        self.camera.refuse_connections(closed);
    }
}

/// The wall clock of cameras: this machine's.
fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
