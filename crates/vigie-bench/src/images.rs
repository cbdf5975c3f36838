//! GetImages beside ffmpeg: pictures a second on one core, of the same frames, by turns.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use vigie_kvs::sigv4::Credentials;

use crate::client::Caller;
use crate::clip::{ffmpeg, finish, median};
use crate::options::Work;
use crate::process::{Server, on_one_core};
use crate::producer::Producer;
use crate::{Outcome, machine, process};

/// When the media begins by the producer's clock.
const START_S: u64 = 1_795_000_000;
/// Five times ten seconds: 25 fragments of two seconds.
const PART_S: u64 = 10;
const PARTS: u64 = 5;
/// What one call asks for.
const PICTURES: u64 = 15;
const FRAGMENT_FRAMES: u64 = 50;
/// The median of so many.
const RUNS: usize = 3;

/// Which frames are asked for.
#[derive(Clone, Copy)]
enum Frames {
    Key,
    Middle,
}

/// Measures, and writes the page.
pub(crate) async fn run(options: &Work) -> Outcome<()> {
    let (processor, cores) = machine::processor()?;
    let folder = options.place.data_folder()?;
    let sources = [("H.264", "libx264", "veryfast"), ("H.265", "libx265", "ultrafast")]
        .map(|it| (it.0, media(folder.path(), it.1, it.2)));
    process::leave_the_core(cores)?;
    let (server, credentials) = Server::vigie(&options.vigie, folder.path()).await?;
    let credentials = Arc::new(credentials);
    let mut rows = String::new();
    for (codec, file) in sources {
        let file = file?;
        let stream = codec.replace('.', "");
        let mut caller = Caller::connect(server.address, &credentials).await?;
        let input = json!({"StreamName": stream, "DataRetentionInHours": 24});
        caller.json("/createStream", &input).await?;
        let producer = Producer::connect(server.address, &credentials, &stream).await?;
        producer.send_document(&std::fs::read(&file)?).await?;
        for (name, frames) in [("key frames", Frames::Key), ("the 26th of 50", Frames::Middle)] {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            // The first of each only fills the page cache and starts the decoder.
            for _ in 0..=RUNS {
                ours.push(pictures(&server, &credentials, &stream, frames).await?);
                theirs.push(ffmpeg_pictures(&file, frames)?);
            }
            let rate = |times: &[Duration]| PICTURES as f64 / median(&times[1..]).as_secs_f64();
            let (ours, theirs) = (rate(&ours), rate(&theirs));
            rows +=
                &format!("| {codec} | {name} | {ours:.1} | {theirs:.1} | {:.2} |\n", ours / theirs);
        }
    }
    let page = format!(
        "# Images

Part of [the benchmarks](../benchmarks.md); `make bench` writes this page.

Measured on: {processor}, {cores} cores, Linux {kernel}; load average at the end {load}. The server with its decoder, and
ffmpeg, had the same one core in turn, the caller the other {others}.

1080p at 25 frames a second and 4 Mbit/s, in fragments of two seconds. One GetImages call asks for {PICTURES} JPEGs of
full size, one of each fragment, and gets them over loopback in one answer. One ffmpeg {version} process decodes the same frames
(of key frames `-skip_frame nokey`; otherwise all of the file, where Vigie stops at the wanted one) and encodes them as
JPEG, which it throws away. By turns, the median of {RUNS}.

| | frames | GetImages, pictures a second | ffmpeg | to ffmpeg |
| --- | --- | ---: | ---: | ---: |
{rows}",
        kernel = machine::kernel()?,
        version = machine::ffmpeg_version()?,
        others = cores - 1,
        load = machine::load_average()?,
    );
    options.place.publish(&page)
}

fn media(folder: &Path, encoder: &str, preset: &str) -> Outcome<PathBuf> {
    let (part, whole) =
        (folder.join(format!("{encoder}-part.mkv")), folder.join(format!("{encoder}.mkv")));
    let picture = format!("testsrc2=size=1920x1080:rate=25:duration={PART_S}");
    let group = FRAGMENT_FRAMES.to_string();
    let mut encode = ffmpeg(Command::new("ffmpeg"));
    encode.args(["-f", "lavfi", "-i", &picture, "-vf", "noise=alls=10:allf=t"]);
    encode.args(["-c:v", encoder, "-preset", preset, "-pix_fmt", "yuv420p", "-b:v", "4M"]);
    encode.args(["-g", &group, "-keyint_min", &group, "-sc_threshold", "0", "-bf", "0"]);
    finish(encode.args(["-x265-params", "log-level=error:open-gop=0:scenecut=0"]).arg(&part))?;
    let times = (PARTS - 1).to_string();
    let mut repeat = ffmpeg(Command::new("ffmpeg"));
    repeat.args(["-stream_loop", &times, "-i"]).arg(&part).args(["-c", "copy"]);
    finish(repeat.args(["-output_ts_offset", &START_S.to_string()]).arg(&whole))?;
    Ok(whole)
}

/// How long one page takes.
async fn pictures(
    server: &Server,
    credentials: &Arc<Credentials>,
    stream: &str,
    frames: Frames,
) -> Outcome<Duration> {
    let first = match frames {
        Frames::Key => START_S,
        Frames::Middle => START_S + 1,
    };
    let input = json!({
        "StreamName": stream,
        "ImageSelectorType": "PRODUCER_TIMESTAMP",
        "StartTimestamp": first,
        "EndTimestamp": first + 2 * (PICTURES - 1),
        "SamplingInterval": 2000,
        "Format": "JPEG",
    });
    let mut caller = Caller::connect(server.address, credentials).await?;
    let begun = Instant::now();
    let answer = caller.json("/getImages", &input).await?;
    let lasted = begun.elapsed();
    let images = answer["Images"].as_array().map_or(&[][..], Vec::as_slice);
    let is_image = |image: &&Value| image["ImageContent"].is_string();
    match images.iter().filter(is_image).count() as u64 {
        PICTURES => Ok(lasted),
        count => Err(format!("{count} images of {PICTURES}").into()),
    }
}

/// How long ffmpeg takes, on the core that the server has for itself otherwise.
fn ffmpeg_pictures(file: &Path, frames: Frames) -> Outcome<Duration> {
    let mut command = ffmpeg(on_one_core(Path::new("ffmpeg")));
    if let Frames::Key = frames {
        command.args(["-skip_frame", "nokey"]);
    }
    // The media begins at a time of this century, as a camera's does.
    command.args(["-copyts", "-i"]).arg(file);
    if let Frames::Middle = frames {
        let wanted = FRAGMENT_FRAMES / 2;
        command.args(["-vf", &format!("select=eq(mod(n\\,{FRAGMENT_FRAMES})\\,{wanted})")]);
    }
    let count = PICTURES.to_string();
    command.args(["-vsync", "passthrough", "-frames:v", &count, "-pix_fmt", "yuvj420p"]);
    command.args(["-c:v", "mjpeg", "-q:v", "4", "-f", "null", "-"]);
    let begun = Instant::now();
    finish(&mut command)?;
    Ok(begun.elapsed())
}
