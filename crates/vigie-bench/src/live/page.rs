//! The page of figures. Never judges them: what was aimed at stands beside what came out.

use std::time::Duration;

use super::{Options, Row};
use crate::report::percentile;

/// On what, and how busy it was.
pub(super) struct Measured {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) kernel: String,
    pub(super) load_average: String,
    pub(super) bits_per_second: f64,
}

/// The whole page, as Markdown.
pub(super) fn page(measured: &Measured, options: &Options, rows: &[Row]) -> String {
    let Measured { processor, cores, kernel, load_average, bits_per_second } = measured;
    let rows: String = rows.iter().map(row).collect();
    format!(
        "# Live media

Part of [the benchmarks](../benchmarks.md); `make bench` writes this page.

Measured on: {processor}, {cores} cores, Linux {kernel}; load average at the end {load_average}. Agent and server share one
core, cameras and viewers have the other {others}.

Cameras of 1080p25 and {megabits:.1} Mbit/s with a key frame every two seconds are recorded over RTSP in TCP and uploaded along
with it, for {seconds} s. The clock runs from the moment at which the kernel has taken the last packet of a fragment from the
camera to the end of the answer to the first request for the server's HLS playlist that has the fragment's line. So it
counts the wait for the next key frame, by which alone a recorder knows that the fragment has ended and which a camera of
25 pictures sends 40 ms later, every wait for others that share a commit or an upload, and the durable commits of hub and
server. A viewer asks for the playlist again 1 ms after the last answer; *resolution* is how much earlier the line may have
been there.

| cameras | fragments | not seen | median, ms | 95 of 100, ms | longest, ms | aim | resolution, ms: median | at most | agent, of the core | server, of the core |
| ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |
{rows}",
        others = cores - 1,
        megabits = bits_per_second / 1e6,
        seconds = options.seconds,
    )
}

fn row(row: &Row) -> String {
    let latencies: Vec<Duration> = row.seen.iter().map(|seen| seen.latency).collect();
    let mut uncertainties: Vec<Duration> =
        row.seen.iter().map(|seen| seen.uncertainty.unwrap_or(seen.latency)).collect();
    uncertainties.sort_unstable();
    let ms = |sorted: &[Duration], part: f64| percentile(sorted, part).as_secs_f64() * 1000.0;
    let [p50, p95, most] = [0.5, 0.95, 1.0].map(|part| ms(&latencies, part));
    let [resolution, worst] = [0.5, 1.0].map(|part| ms(&uncertainties, part));
    let [agent, server] = row.core_shares.map(|share| share * 100.0);
    let (cameras, fragments, unseen) = (row.cameras, row.seen.len(), row.unseen);
    format!(
        "| {cameras} | {fragments} | {unseen} | {p50:.0} | {p95:.0} | {most:.0} | 100 at 95 of 100 | {resolution:.1} | {worst:.1} | {agent:.1} % | {server:.1} % |\n"
    )
}
