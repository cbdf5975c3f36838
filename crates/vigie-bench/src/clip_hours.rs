//! ExportClip of hours: how soon its file comes, how fast, what memory the server takes for it, and whether it plays.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use vigie_kvs::sigv4::Credentials;

use crate::client::Caller;
use crate::ffmpeg::{ffmpeg, finish};
use crate::median::median;
use crate::process::Server;
use crate::producer::Producer;
use crate::{Outcome, machine};

/// When the media begins by the producer's clock.
const START_S: u64 = 1_795_000_000;
const PART_S: u64 = 20;
const FRAGMENT_S: u64 = 2;
/// The median of so many downloads.
const RUNS: usize = 3;

/// What is exported.
struct Recording {
    name: &'static str,
    stream: &'static str,
    fragments: u64,
    frames_per_second: u64,
    /// Fragments of each document that is sent.
    document_fragments: u64,
    /// Of the picture, by ffmpeg.
    encode: &'static [&'static str],
    size: &'static str,
}

/// Three hours of a camera, and a range of as many fragments as there may be.
const RECORDINGS: [Recording; 2] = [
    Recording {
        name: "3 hours of a camera",
        stream: "hours",
        fragments: 5400,
        frames_per_second: 25,
        document_fragments: 300,
        encode: &["-b:v", "4M", "-minrate", "4M", "-maxrate", "4M", "-bufsize", "4M"],
        size: "1280x720",
    },
    Recording {
        name: "100,000 fragments",
        stream: "fragments",
        fragments: 100_000,
        frames_per_second: 5,
        document_fragments: 1000,
        encode: &["-b:v", "40k"],
        size: "320x180",
    },
];

/// The section of the page.
pub(crate) async fn section(vigie: &Path, folder: &Path) -> Outcome<String> {
    let folder = folder.join("hours");
    let mut rows = String::new();
    for recording in &RECORDINGS {
        let folder = folder.join(recording.stream);
        std::fs::create_dir_all(&folder)?;
        rows += &row(vigie, &folder, recording).await?;
        // The next one needs the room.
        std::fs::remove_dir_all(&folder)?;
    }
    Ok(format!(
        "
## ExportClip of hours

A stream is recorded, the server is started anew, and the file of all of it is downloaded over loopback: once for its
index, which is made from the media before the first byte, then {RUNS} times with the index in memory (the median). *Memory* is
the most that the server ever had resident, and what it had before. `ffprobe` reads every packet of the file, and ffmpeg decodes its last
seconds. The media is in the page cache as far as it fits.

| | fragments | frames | file, MB | answer of ExportClip, s | first byte, s | first byte again, s | MB/s | memory, MB | before, MB | packets by ffprobe |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
{rows}"
    ))
}

async fn row(vigie: &Path, folder: &Path, recording: &Recording) -> Outcome<String> {
    let (server, credentials) = Server::vigie(vigie, folder).await?;
    let credentials = Arc::new(credentials);
    record(&server, &credentials, folder, recording).await?;
    server.stop().await?;
    let (server, _) = Server::vigie(vigie, folder).await?;
    let before_bytes = machine::memory_bytes(server.pid())?;

    let begun = Instant::now();
    let mut caller = Caller::connect(server.address, &credentials).await?;
    let until = START_S + FRAGMENT_S * recording.fragments;
    let range = json!({
        "StreamName": recording.stream,
        "StartTimestamp": START_S,
        "EndTimestamp": until,
    });
    let answer = caller.json("/exportClip", &range).await?;
    let answered = begun.elapsed();
    let [file] = answer["Files"].as_array().map_or(&[][..], Vec::as_slice) else {
        return Err(format!("not one file: {answer}").into());
    };
    let (found, expect) = (&file["FragmentCount"], recording.fragments);
    if found.as_u64() != Some(expect) {
        return Err(format!("{found} fragments of {expect}").into());
    }
    let first = download(&server, file, None).await?;
    let mut again = Vec::new();
    for _ in 0..RUNS {
        again.push(download(&server, file, None).await?);
    }
    let times = |of: fn(&Download) -> Duration| {
        median(&again.iter().map(of).collect::<Vec<_>>()).as_secs_f64()
    };
    let memory_bytes = machine::memory_bytes_max(server.pid())?;
    let saved = folder.join("saved.mp4");
    download(&server, file, Some(&saved)).await?;
    let packets = packets(&saved)?;
    let frames = recording.fragments * FRAGMENT_S * recording.frames_per_second;
    if packets != frames {
        return Err(format!("{packets} packets of {frames} frames").into());
    }
    finish(
        ffmpeg(Command::new("ffmpeg"))
            .args(["-sseof", "-5", "-i"])
            .arg(&saved)
            .args(["-f", "null", "-"]),
    )?;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let body_s = times(|of| of.lasted - of.first_byte);
    Ok(format!(
        "| {name} | {fragments} | {frames} | {size:.0} | {answered:.2} | {first:.2} | {again:.3} | {rate:.0} | {memory:.0} | {before:.0} | {packets} |\n",
        name = recording.name,
        fragments = recording.fragments,
        size = megabytes(first.size_bytes),
        answered = answered.as_secs_f64(),
        first = first.first_byte.as_secs_f64(),
        again = times(|of| of.first_byte),
        rate = megabytes(first.size_bytes) / body_s,
        memory = megabytes(memory_bytes),
        before = megabytes(before_bytes),
    ))
}

/// Sends the recording, document by document.
async fn record(
    server: &Server,
    credentials: &Arc<Credentials>,
    folder: &Path,
    recording: &Recording,
) -> Outcome<()> {
    let mut caller = Caller::connect(server.address, credentials).await?;
    let input = json!({"StreamName": recording.stream, "DataRetentionInHours": 24});
    caller.json("/createStream", &input).await?;
    let part = part(folder, recording)?;
    let whole = folder.join("whole.mkv");
    let document_s = recording.document_fragments * FRAGMENT_S;
    let mut sent = 0;
    while sent < recording.fragments {
        let mut repeat = ffmpeg(Command::new("ffmpeg"));
        let times = (document_s / PART_S - 1).to_string();
        repeat.args(["-stream_loop", &times, "-i"]).arg(&part).args(["-c", "copy"]);
        let begins = START_S + sent * FRAGMENT_S;
        finish(repeat.args(["-output_ts_offset", &begins.to_string()]).arg(&whole))?;
        let producer = Producer::connect(server.address, credentials, recording.stream).await?;
        let document = std::fs::read(&whole)?;
        let persisted = producer.send_document(&document).await?;
        if persisted != recording.document_fragments {
            return Err(format!("{persisted} fragments of a document were persisted").into());
        }
        sent += persisted;
    }
    Ok(std::fs::remove_file(&whole)?)
}

fn part(folder: &Path, recording: &Recording) -> Outcome<PathBuf> {
    let part = folder.join("part.mkv");
    let Recording { size, frames_per_second, .. } = recording;
    let picture = format!("testsrc2=size={size}:rate={frames_per_second}:duration={PART_S}");
    let group = (FRAGMENT_S * frames_per_second).to_string();
    let mut encode = ffmpeg(Command::new("ffmpeg"));
    encode.args(["-f", "lavfi", "-i", &picture, "-vf", "noise=alls=20:allf=t"]);
    encode.args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]);
    encode.args(recording.encode).args(["-x264-params", "nal-hrd=vbr:force-cfr=1"]);
    encode.args(["-g", &group, "-keyint_min", &group, "-sc_threshold", "0", "-bf", "0"]);
    finish(encode.arg(&part))?;
    Ok(part)
}

struct Download {
    first_byte: Duration,
    lasted: Duration,
    size_bytes: u64,
}

/// Downloads a file, to `path` or to nowhere.
async fn download(server: &Server, file: &Value, path: Option<&Path>) -> Outcome<Download> {
    let url = file["ClipFileURL"].as_str().ok_or("no ClipFileURL")?;
    let path_and_query = url.strip_prefix(&format!("http://{}", server.address));
    // The server that was asked may have had another port.
    let path_and_query = path_and_query.ok_or("a URL of another server")?;
    let mut to = match path {
        Some(path) => Some(tokio::fs::File::create(path).await?),
        None => None,
    };
    let begun = Instant::now();
    let request = Request::get(path_and_query).header("host", server.address.to_string());
    let mut body = Caller::get(server.address, request.body(Full::<Bytes>::default())?).await?;
    let mut first_byte = None;
    let mut size_bytes = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        let Some(data) = frame.data_ref() else { continue };
        first_byte.get_or_insert_with(|| begun.elapsed());
        size_bytes += data.len() as u64;
        if let Some(to) = &mut to {
            to.write_all(data).await?;
        }
    }
    let lasted = begun.elapsed();
    if let Some(mut to) = to {
        to.flush().await?;
    }
    Ok(Download { first_byte: first_byte.ok_or("an empty file")?, lasted, size_bytes })
}

/// How many packets ffprobe reads of a file's picture.
fn packets(path: &Path) -> Outcome<u64> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", "v", "-count_packets", "-show_entries"]);
    let done = command.args(["stream=nb_read_packets", "-of", "csv=p=0"]).arg(path).output()?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    if !done.status.success() || !said.is_empty() {
        return Err(format!("ffprobe: {}: {said}", done.status).into());
    }
    Ok(String::from_utf8_lossy(&done.stdout).trim().parse()?)
}
