//! The page of figures. Never judges them: what was aimed at stands beside what came out.

use std::fmt::Write;

use super::{Build, COUNTED, Options, Sample, Table};
use crate::filled::median;

/// On what, and how busy it was.
pub(super) struct Measured {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) kernel: String,
    pub(super) load_average: String,
    pub(super) file_system: String,
    pub(super) bits_per_second: f64,
}

/// The whole page, as Markdown.
pub(super) fn page(
    measured: &Measured,
    options: &Options,
    builds: &[Build],
    tables: &[Table],
    losses: &[Vec<f64>],
) -> String {
    let Measured { processor, cores, kernel, load_average, file_system, .. } = measured;
    let rows: String = tables.iter().map(|table| rows(builds, table)).collect();
    let held = match options.files {
        0 => "Its store is empty when it begins.".to_owned(),
        files => format!("Its store holds {files} media files of each camera when it begins."),
    };
    format!(
        "# The recorder beside another build

Part of [the benchmarks](../benchmarks.md); `make bench` writes this page.

Measured on: {processor}, {cores} cores, Linux {kernel}, {file_system}; load average at the end {load_average}. The
recorder has one core for itself; the cameras and the server that it reports to have the other {others}.

Cameras of 1080p25 and {megabits:.1} Mbit/s over RTSP in TCP, from one process that counts what it has sent. {held}
The builds take turns, {turns} each; the figures are medians. Processor time is user and system time of the process by its own account,
over {seconds} s from 3 s after the last camera's first frame. System calls and waits (context switches of all its threads)
are counted by `perf stat` over {counted} s behind that. A picture is missing that a camera has sent and no media file has,
after the recorder was stopped.

| Recorder | cameras | of a core, each | least to most | to the other | resident | at most | system calls, each a second | waits, each a second | pictures sent | missing |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
{rows}
Aim: at most 0.55 of the processor time of 8da07d1 at 64 and at 256 cameras, 20 MB resident at 64, no picture missing.
{kills}",
        others = cores - 1,
        megabits = measured.bits_per_second / 1e6,
        turns = options.turns,
        seconds = options.seconds,
        counted = COUNTED.as_secs(),
        kills = kills(options, builds, losses),
    )
}

fn rows(builds: &[Build], table: &Table) -> String {
    let share = |samples: &[Sample]| samples.iter().map(|sample| sample.core_share).collect();
    let other = table.samples.get(1).map(|samples| median(share(samples)));
    let mut text = String::new();
    for (number, (build, samples)) in builds.iter().zip(&table.samples).enumerate() {
        let mut shares: Vec<f64> = share(samples);
        shares.sort_by(f64::total_cmp);
        let [least, most] =
            [shares.first(), shares.last()].map(|it| it.copied().unwrap_or_default() * 100.0);
        let middle = median(shares);
        let ratio = other.filter(|_| number == 0);
        let ratio = ratio.map_or_else(String::new, |other| format!("{:.2}", middle / other));
        let megabytes = |of: fn(&Sample) -> u64| {
            median(samples.iter().map(|sample| of(sample) as f64 / 1e6).collect())
        };
        let counters: Option<Vec<_>> = samples.iter().map(|sample| sample.counters).collect();
        let each = |value: f64| format!("{:.1}", value / table.cameras as f64);
        let (calls, waits) = counters.filter(|counters| !counters.is_empty()).map_or_else(
            || ("not counted".to_owned(), "not counted".to_owned()),
            |counters| {
                let calls = median(counters.iter().map(|counters| counters.system_calls).collect());
                let waits = median(counters.iter().map(|counters| counters.waits).collect());
                (each(calls), each(waits))
            },
        );
        let sent: u64 = samples.iter().map(|sample| sample.sent).sum();
        let missing: u64 =
            samples.iter().map(|sample| sample.sent.saturating_sub(sample.stored)).sum();
        // Writing to a String cannot fail.
        let _infallible = writeln!(
            text,
            "| {} | {} | {:.4} % | {least:.4} to {most:.4} | {ratio} | {:.0} MB | {:.0} MB | {calls} | {waits} | {sent} | {missing} |",
            build.name,
            table.cameras,
            middle * 100.0,
            megabytes(|sample| sample.memory_bytes),
            megabytes(|sample| sample.memory_bytes_max),
        );
    }
    text
}

fn kills(options: &Options, builds: &[Build], losses: &[Vec<f64>]) -> String {
    if options.kills == 0 {
        return String::new();
    }
    let rows = builds.iter().zip(losses).map(|(build, losses)| {
        let most = losses.last().copied().unwrap_or_default();
        let p95 = losses.get(losses.len() * 95 / 100).copied().unwrap_or(most);
        format!("| {} | {:.2} | {p95:.2} | {most:.2} | 0.2 |\n", build.name, median(losses.clone()))
    });
    format!(
        "
## After a kill -9

{cameras} cameras are recorded and the recorder is killed at {kills} moments by chance. When it has started again, the pictures
of each camera in its store are compared with those that the camera had sent until then; what lay in the kernel's buffers
counts as lost.

| Recorder | lost, s: median | 95 of 100 | most | aim |
| --- | ---: | ---: | ---: | --- |
{rows}",
        cameras = options.kill_cameras,
        kills = options.kills,
        rows = rows.collect::<String>(),
    )
}
