//! `vigie camera`: one file, looped to any number of RTSP clients.

use vigie_camera::{AuthScheme, Camera, CameraConfig, Credentials, Media};
use vigie_engine::clock::Clock;

use crate::cli::{CameraAuthentication, CameraOptions};
use crate::failure::{Doing, Failure};
use crate::output;
use crate::stop;
use crate::system::SystemClock;

pub fn run(options: CameraOptions) -> Result<(), Failure> {
    stop::runtime()?.block_on(serve(options))
}

async fn serve(options: CameraOptions) -> Result<(), Failure> {
    let stop = stop::requested()?;
    let media = Media::open(&options.media).await.doing("load the media")?;
    let credentials = match (options.user, options.password) {
        (Some(user), Some(password)) => Some(Credentials { user, password }),
        _ => None,
    };
    let config = CameraConfig {
        listen: options.listen,
        mounts: options.mounts as usize,
        media,
        credentials,
        auth: match options.authentication {
            CameraAuthentication::Both => AuthScheme::Both,
            CameraAuthentication::Digest => AuthScheme::Digest,
            CameraAuthentication::Basic => AuthScheme::Basic,
        },
        udp_only: options.udp_only,
        lose_every: options.lose_every,
        delay_every: options.delay_every,
        rtp_time_start: None,
    };
    let clock = SystemClock::new();
    let camera = Camera::start(config, move || clock.now().wall).await.doing("start the camera")?;
    for mount in 0..options.mounts as usize {
        output::line(&camera.url(mount))?;
    }
    stop.await;
    camera.shutdown().await;
    Ok(())
}
