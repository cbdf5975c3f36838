//! What all recorders record: one process that is so many cameras, all playing one file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::program::Program;
use crate::Outcome;

/// What is played before it begins anew; two groups of pictures.
const SECONDS: u32 = 4;
const START_MAX: Duration = Duration::from_secs(30);

/// The cameras, until dropped.
pub(crate) struct Cameras {
    _program: Program,
    address: SocketAddr,
    /// What they play.
    media: PathBuf,
    /// As encoded.
    pub(crate) bits_per_second: u64,
}

impl Cameras {
    pub(crate) fn uri(&self, camera: usize) -> String {
        format!("rtsp://{}/cam{camera}", self.address)
    }

    /// A file of what they play in so many seconds.
    pub(crate) fn film(&self, folder: &Path, seconds: u32) -> Outcome<PathBuf> {
        let film = folder.join(format!("film-{seconds}.mp4"));
        let repetitions = (seconds / SECONDS).saturating_sub(1);
        let copied = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-stream_loop", &repetitions.to_string(), "-i"])
            .arg(&self.media)
            .args(["-c", "copy"])
            .arg(&film)
            .status()
            .map_err(|error| format!("ffmpeg: {error}"))?;
        if copied.success() { Ok(film) } else { Err(format!("ffmpeg: {copied}").into()) }
    }
}

/// Makes the file and starts the process.
pub(crate) async fn start(vigie: &Path, folder: &Path, count: usize) -> Outcome<Cameras> {
    let media = encode(folder, 4.0)?;
    let bits_per_second = std::fs::metadata(&media)?.len() * 8 / u64::from(SECONDS);
    let address = free_address()?;
    let child = Command::new(vigie)
        .args(["--log", "warn", "camera", "--listen", &address.to_string()])
        .args(["--mounts", &count.to_string(), "--media"])
        .arg(&media)
        .env_remove("VIGIE_CONFIG")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let program = Program::new(child);
    let deadline = Instant::now() + START_MAX;
    while tokio::net::TcpStream::connect(address).await.is_err() {
        if Instant::now() > deadline {
            return Err("the cameras do not listen".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(Cameras { _program: program, address, media, bits_per_second })
}

/// Makes the file that cameras loop: 1080p at 25 pictures a second, a key frame every two seconds, no B-frames, a
/// constant bit rate: what cameras are set to.
pub(crate) fn encode(folder: &Path, megabits_per_second: f64) -> Outcome<PathBuf> {
    let media = folder.join("camera.mp4");
    let pattern = format!("testsrc2=size=1920x1080:rate=25:duration={SECONDS}");
    let rate = format!("{megabits_per_second}M");
    let buffer = format!("{}M", megabits_per_second / 2.0);
    let encoded = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", &pattern])
        .args(["-vf", "noise=alls=20:allf=t", "-pix_fmt", "yuv420p", "-c:v", "libx264"])
        .args(["-preset", "ultrafast", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0"])
        .args(["-bf", "0", "-b:v", &rate, "-minrate", &rate, "-maxrate", &rate])
        .args(["-bufsize", &buffer])
        .args(["-x264-params", "nal-hrd=cbr", "-map_metadata", "-1"])
        .arg(&media)
        .status()
        .map_err(|error| format!("ffmpeg: {error}"))?;
    if !encoded.success() {
        return Err(format!("ffmpeg: {encoded}").into());
    }
    Ok(media)
}

/// An address on loopback that nobody listens on now.
pub(crate) fn free_address() -> Outcome<SocketAddr> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
