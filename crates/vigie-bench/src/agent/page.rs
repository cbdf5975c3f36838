//! The page of figures. Never judges them: what was aimed at stands beside what came out.

use super::{Row, upload};

/// What was measured.
pub(crate) struct Figures {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) load_average: String,
    pub(crate) seconds: u64,
    pub(crate) bits_per_second: u64,
    pub(crate) rows: Vec<Row>,
    pub(crate) uploads: Vec<upload::Row>,
}

/// The whole page, as Markdown.
pub(crate) fn page(figures: &Figures) -> String {
    let Figures { processor, cores, kernel, load_average, seconds, .. } = figures;
    let megabits = figures.bits_per_second as f64 / 1e6;
    let rows: String = figures.rows.iter().map(row).collect();
    let uploads: String = figures.uploads.iter().map(upload_row).collect();
    format!(
        "# Benchmark: the edge agent

`make bench` writes this page. `vigie camera` plays H.264 of 1080p at 25 pictures a second, {megabits:.1} Mbit/s, to every
recorder over loopback by RTSP over TCP; it runs on the other cores, the recorders one after another on one core of their
own. The agent makes what it records durable every second and does not upload meanwhile; ffmpeg writes to files without
that. Memory is the proportional set size: pages that processes share count once.

Measured on: {processor}, {cores} cores, Linux {kernel}; load average at the end {load_average}. Each recorder
had one core in turn, cameras and server the other {others}. {seconds} s for each row, counted 3 s
after the last camera's first frame.

| Recorder | cameras | of a core, each | memory, all | memory, each | frames recorded | frames missing |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
{rows}
Aim of the agent at 64 cameras: 0.15 % of a core and 2 MB for each, no frame missing. Frames are those from the first to
the last second of the row, start included; one is missing where the times of two that follow each other leave room for
it.

## Uploading a backlog

What the agent has stored of the same video, sent by PutMedia over loopback to a server on the other cores, from the
opening of the upload window until the last byte is acknowledged as persisted. The floor sends one of the media files
to the same server from memory, and keeps no store.

| Sender | streams | media, each | MB/s, all | times real time, each | processor time for an hour of media |
| --- | ---: | ---: | ---: | ---: | ---: |
{uploads}
Aim: 10 times real time for each stream.
",
        others = cores - 1,
    )
}

fn upload_row(row: &upload::Row) -> String {
    let upload::Row { sender, streams, media_seconds, .. } = row;
    let took = row.took.as_secs_f64();
    let (megabytes, times) = (row.bytes / 1e6 / took, media_seconds / took);
    let hours = media_seconds * *streams as f64 / 3600.0;
    let processor = row
        .processor_time
        .map_or_else(String::new, |time| format!("{:.2} s", time.as_secs_f64() / hours));
    format!(
        "| {sender} | {streams} | {media_seconds:.0} s | {megabytes:.0} | {times:.0} | {processor} |\n"
    )
}

fn row(row: &Row) -> String {
    let Row { recorder, cameras, core_share, memory_bytes, frames, missing_frames } = row;
    let (percent, megabytes) = (core_share * 100.0, *memory_bytes as f64 / 1e6);
    let each = megabytes / *cameras as f64;
    format!(
        "| {recorder} | {cameras} | {percent:.3} % | {megabytes:.0} MB | {each:.2} MB | {frames} | {missing_frames} |\n"
    )
}
