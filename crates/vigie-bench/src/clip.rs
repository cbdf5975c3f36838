//! GetClip beside ffmpeg: ten minutes of a camera as an MP4 file, from the same media files, by turns.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::json;

use crate::client::Caller;
use crate::ffmpeg::{ffmpeg, finish};
use crate::median::median;
use crate::options::Work;
use crate::process::{Server, on_one_core};
use crate::producer::Producer;
use crate::{Outcome, clip_hours, machine, process};

/// When the media begins by the producer's clock.
const START_S: u64 = 1_795_000_000;
/// Thirty times twenty seconds.
const MEDIA_S: u64 = 600;
const PART_S: u64 = 20;
/// The median of so many counts.
const RUNS: usize = 5;

/// Measures, and writes the page.
pub(crate) async fn run(options: &Work) -> Outcome<()> {
    let (processor, cores) = machine::processor()?;
    let folder = options.place.data_folder()?;
    let document = media(folder.path())?;
    process::leave_the_core(cores)?;
    let limits = [("VIGIE_CLIP_FRAGMENTS_MAX", "100000"), ("VIGIE_CLIP_MB_MAX", "4000")];
    let (server, credentials) = Server::vigie_with(&options.vigie, folder.path(), &limits).await?;
    let credentials = Arc::new(credentials);
    let mut caller = Caller::connect(server.address, &credentials).await?;
    let input = json!({"StreamName": "gate", "DataRetentionInHours": 24});
    caller.json("/createStream", &input).await?;
    let producer = Producer::connect(server.address, &credentials, "gate").await?;
    let fragments = producer.send_document(&std::fs::read(&document)?).await?;
    let files = media_files(folder.path(), &document)?;
    let list = folder.path().join("files.txt");
    let lines = files.iter().map(|file| format!("file '{}'\n", file.display()));
    std::fs::write(&list, lines.collect::<String>())?;

    let (mut clips, mut first_bytes, mut copies, mut plain_copies) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut size_bytes = 0;
    // The first of each only fills the page cache.
    for _ in 0..=RUNS {
        let caller = Caller::connect(server.address, &credentials).await?;
        let clip = get_clip(caller).await?;
        size_bytes = clip.size_bytes;
        clips.push(clip.lasted);
        first_bytes.push(clip.first_byte);
        let out = folder.path().join("out.mp4");
        copies.push(copy(&list, &out, &["-movflags", "+faststart"])?);
        plain_copies.push(copy(&list, &out, &[])?);
    }
    let memory_mb = machine::memory_bytes(server.pid())? as f64 / 1e6;
    let row = |name: &str, times: &[Duration], aim: &str| {
        let time = median(&times[1..]).as_secs_f64();
        format!("| {name} | {time:.2} | {:.0} | {aim} |\n", size_bytes as f64 / 1e6 / time)
    };
    let rows = [
        row("GetClip, to the last byte", &clips, "1 s"),
        row("`ffmpeg -c copy -movflags +faststart`", &copies, ""),
        row("`ffmpeg -c copy`, index last", &plain_copies, ""),
    ]
    .concat();
    server.stop().await?;
    let hours = clip_hours::section(&options.vigie, folder.path()).await?;
    let page = format!(
        "# Clips

Part of [the benchmarks](../benchmarks.md); `make bench` writes this page.

Measured on: {processor}, {cores} cores, Linux {kernel}; load average at the end {load}. Server and ffmpeg had the
same one core in turn, the caller the other {others}.

Ten minutes of H.264 and AAC at {rate:.1} Mbit/s, {fragments} fragments, {size:.0} MB. GetClip sends them as one MP4 file
whose index comes first, and the caller reads it over loopback. ffmpeg {version} reads the same media files and
writes the same file; with `+faststart` it comes out with its index first as well. By turns, the median of {RUNS}; all of it is in the
page cache. The limits of a clip are raised by settings.

| | s | MB/s | aim |
| --- | ---: | ---: | --- |
{rows}
GetClip's first byte comes after {first:.2} s, when the index has been made. Afterwards {memory_mb:.0} MB of the server
are resident.
{hours}",
        kernel = machine::kernel()?,
        version = machine::ffmpeg_version()?,
        others = cores - 1,
        load = machine::load_average()?,
        rate = size_bytes as f64 * 8.0 / 1e6 / MEDIA_S as f64,
        size = size_bytes as f64 / 1e6,
        first = median(&first_bytes[1..]).as_secs_f64(),
    );
    options.place.publish(&page)
}

/// Ten minutes of a moving picture and a tone at 4 Mbit/s in all, as Matroska.
fn media(folder: &Path) -> Outcome<PathBuf> {
    let (part, whole) = (folder.join("part.mkv"), folder.join("whole.mkv"));
    let picture = format!("testsrc2=size=1280x720:rate=25:duration={PART_S}");
    let sound = format!("sine=frequency=440:sample_rate=48000:duration={PART_S}");
    let video = [
        "-vf",
        "noise=alls=20:allf=t",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-b:v",
        "3900k",
        "-minrate",
        "3900k",
        "-maxrate",
        "3900k",
        "-bufsize",
        "3900k",
        "-x264-params",
        "nal-hrd=cbr:force-cfr=1",
        "-g",
        "50",
        "-keyint_min",
        "50",
        "-sc_threshold",
        "0",
    ];
    let mut encode = ffmpeg(Command::new("ffmpeg"));
    encode.args(["-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound]);
    finish(encode.args(video).args(["-c:a", "aac", "-b:a", "96k"]).arg(&part))?;
    let times = (MEDIA_S / PART_S - 1).to_string();
    let mut repeat = ffmpeg(Command::new("ffmpeg"));
    repeat.args(["-stream_loop", &times, "-i"]).arg(&part).args([
        "-c",
        "copy",
        "-output_ts_offset",
    ]);
    finish(repeat.arg(START_S.to_string()).arg(&whole))?;
    Ok(whole)
}

/// The server's media files, in the order in which they were written.
fn media_files(folder: &Path, but: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("mkv") if path != but && !path.ends_with("part.mkv") => files.push(path),
                _ => {}
            }
        }
    }
    files.sort();
    Ok(files)
}

struct Clip {
    lasted: Duration,
    first_byte: Duration,
    size_bytes: u64,
}

async fn get_clip(caller: Caller) -> Outcome<Clip> {
    let range = json!({"StartTimestamp": START_S - 60, "EndTimestamp": START_S + MEDIA_S + 60});
    let selector = json!({"FragmentSelectorType": "PRODUCER_TIMESTAMP", "TimestampRange": range});
    let input = json!({"StreamName": "gate", "ClipFragmentSelector": selector});
    let begun = Instant::now();
    let mut body = caller.stream("/getClip", &Bytes::from(input.to_string())).await?;
    let first_byte = begun.elapsed();
    let mut size_bytes = 0;
    while let Some(frame) = body.frame().await {
        size_bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(Clip { lasted: begun.elapsed(), first_byte, size_bytes })
}

/// How long ffmpeg takes, on the core that the server has for itself otherwise.
fn copy(list: &Path, out: &Path, flags: &[&str]) -> Outcome<Duration> {
    let mut command = ffmpeg(on_one_core(Path::new("ffmpeg")));
    command.args(["-f", "concat", "-safe", "0", "-i"]).arg(list);
    command.args(["-map", "0", "-c", "copy"]).args(flags).arg(out);
    let begun = Instant::now();
    finish(&mut command)?;
    Ok(begun.elapsed())
}
