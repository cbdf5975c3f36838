//! GetImages beside ffmpeg: pictures for each second of processor time, of the same frames, by turns.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use vigie_kvs::sigv4::Credentials;

use crate::client::Caller;
use crate::ffmpeg::{ffmpeg, finish};
use crate::median::median;
use crate::options::Work;
use crate::process::{Server, on_one_core};
use crate::producer::Producer;
use crate::{Outcome, machine, process};

/// When the media begins by the producer's clock.
const START_S: u64 = 1_795_000_000;
/// Thirty times ten seconds: 150 fragments of two seconds.
const PART_S: u64 = 10;
const PARTS: u64 = 30;
/// What one call asks for.
const CALL_PICTURES: u64 = 15;
const FRAGMENT_FRAMES: u64 = 50;
/// The median of so many.
const RUNS: usize = 5;
/// Of ffmpeg's JPEGs, so that they are about as large as those of the API's default quality.
const QUALITY: &str = "4";

/// Which frames are asked for.
#[derive(Clone, Copy)]
enum Frames {
    Key,
    Middle,
}

impl Frames {
    /// Calls of a turn.
    fn calls(self) -> u64 {
        match self {
            Self::Key => 10,
            Self::Middle => 2,
        }
    }
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
    let (mut rows, mut sizes) = (String::new(), Vec::new());
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
                let (lasted, size_bytes) = pictures(&server, &credentials, &stream, frames).await?;
                ours.push(lasted);
                theirs.push(ffmpeg_pictures(&file, frames)?);
                if let Frames::Key = frames {
                    sizes.push(size_bytes);
                }
            }
            let milliseconds = |times: &[Duration]| median(&times[1..]).as_secs_f64() * 1e3;
            let (ours, theirs) = (milliseconds(&ours), milliseconds(&theirs));
            rows += &format!(
                "| {codec} | {name} | {ours:.1} | {:.1} | {theirs:.1} | {:.1} | {:.2} |\n",
                1e3 / ours,
                1e3 / theirs,
                theirs / ours
            );
        }
        let theirs = folder.path().join("key-frames.mjpeg");
        finish(
            ffmpeg_command(&file, Frames::Key, CALL_PICTURES).args(["-f", "mjpeg"]).arg(&theirs),
        )?;
        sizes.push(std::fs::metadata(theirs)?.len() / CALL_PICTURES);
    }
    let kilobytes: Vec<String> = sizes
        .chunks(RUNS + 2)
        .flat_map(|of| [of[RUNS], of[RUNS + 1]])
        .map(|it| format!("{}", it / 1000))
        .collect();
    let [ours_h264, theirs_h264, ours_h265, theirs_h265] = &kilobytes[..] else {
        return Err("not the sizes of two codecs".into());
    };
    let page = format!(
        "# Images

Part of [the benchmarks](../benchmarks.md); `make bench` writes this page.

Measured on: {processor}, {cores} cores, Linux {kernel}; load average at the end {load}. The server with its decoder, and
ffmpeg, had the same one core in turn, the caller the other {others}.

1080p at 25 frames a second and 4 Mbit/s, in fragments of two seconds. GetImages calls ask for {CALL_PICTURES} JPEGs of full
size each, one of each fragment, and get them over loopback in one answer. One ffmpeg {version} process (`-threads 1`)
decodes the same frames (of key frames `-skip_frame nokey`; otherwise all of the file, where Vigie stops at the wanted
one) and encodes them as JPEG, which it throws away.

Processor time of a picture: of the server and its decoders, the whole call included; of ffmpeg, without its start (what it
takes for more pictures less what it takes for {CALL_PICTURES}). By turns, the median of {RUNS}. The JPEGs are of the default
quality, of ffmpeg `-q:v {QUALITY}`: {ours_h264} and {theirs_h264} kB a picture of H.264, {ours_h265} and {theirs_h265} kB of H.265.

| | frames | GetImages, ms | a core-second | ffmpeg, ms | a core-second | to ffmpeg |
| --- | --- | ---: | ---: | ---: | ---: | ---: |
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

/// Processor time of the server and its decoders for each picture, and the mean of the files' sizes.
async fn pictures(
    server: &Server,
    credentials: &Arc<Credentials>,
    stream: &str,
    frames: Frames,
) -> Outcome<(Duration, u64)> {
    let offset_s = match frames {
        Frames::Key => 0,
        Frames::Middle => 1,
    };
    let mut caller = Caller::connect(server.address, credentials).await?;
    let begun = machine::family_cpu_time(server.pid())?;
    let (mut count, mut size_bytes) = (0, 0);
    for call in 0..frames.calls() {
        let first = START_S + offset_s + 2 * CALL_PICTURES * call;
        let input = json!({
            "StreamName": stream,
            "ImageSelectorType": "PRODUCER_TIMESTAMP",
            "StartTimestamp": first,
            "EndTimestamp": first + 2 * (CALL_PICTURES - 1),
            "SamplingInterval": 2000,
            "Format": "JPEG",
        });
        let answer = caller.json("/getImages", &input).await?;
        let images = answer["Images"].as_array().ok_or("no images")?;
        for image in images.iter().filter_map(|image| image["ImageContent"].as_str()) {
            size_bytes += STANDARD.decode(image)?.len() as u64;
            count += 1;
        }
    }
    let lasted = machine::family_cpu_time(server.pid())? - begun;
    match frames.calls() * CALL_PICTURES {
        wanted if wanted == count => Ok((lasted / u32::try_from(count)?, size_bytes / count)),
        wanted => Err(format!("{count} images of {wanted}").into()),
    }
}

/// Processor time of ffmpeg for each picture, on the core that the server has for itself otherwise.
fn ffmpeg_pictures(file: &Path, frames: Frames) -> Outcome<Duration> {
    let more = frames.calls() * CALL_PICTURES;
    let few = match frames {
        Frames::Key => CALL_PICTURES,
        // A call's pictures would be half of them.
        Frames::Middle => 1,
    };
    let time =
        |count| ffmpeg_cpu_time(ffmpeg_command(file, frames, count).args(["-f", "null", "-"]));
    let (long, short) = (time(more)?, time(few)?);
    let lasted = long.checked_sub(short).ok_or("ffmpeg took less time for more pictures")?;
    Ok(lasted / u32::try_from(more - few)?)
}

fn ffmpeg_command(file: &Path, frames: Frames, count: u64) -> Command {
    let mut command = ffmpeg(on_one_core(Path::new("ffmpeg")));
    command.args(["-threads", "1"]);
    if let Frames::Key = frames {
        command.args(["-skip_frame", "nokey"]);
    }
    // The media begins at a time of this century, as a camera's does.
    command.args(["-copyts", "-i"]).arg(file);
    if let Frames::Middle = frames {
        let wanted = FRAGMENT_FRAMES / 2;
        command.args(["-vf", &format!("select=eq(mod(n\\,{FRAGMENT_FRAMES})\\,{wanted})")]);
    }
    command.args(["-vsync", "passthrough", "-frames:v", &count.to_string(), "-threads", "1"]);
    command.args(["-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", QUALITY]);
    command
}

/// What it says that it has used.
fn ffmpeg_cpu_time(command: &mut Command) -> Outcome<Duration> {
    let done = command.args(["-benchmark", "-v", "info"]).output()?;
    let said = String::from_utf8_lossy(&done.stderr);
    let seconds = |name: &str| {
        let value = said.split_once(name).and_then(|(_, rest)| rest.split_once('s'));
        value.and_then(|(value, _)| value.parse::<f64>().ok())
    };
    match (done.status.success(), seconds("bench: utime="), seconds("stime=")) {
        (true, Some(user), Some(system)) => Ok(Duration::from_secs_f64(user + system)),
        _ => Err(format!("ffmpeg: {}: {said}", done.status).into()),
    }
}
