//! The page of figures. Never judges them: what was aimed at stands beside what came out.

use std::time::Duration;

use crate::load::Rate;

/// What was measured.
pub(crate) struct Figures {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) load_average: String,
    pub(crate) seconds: u64,
    pub(crate) hubs: usize,
    pub(crate) hello_rate: Rate,
    pub(crate) describe_rate: Rate,
    pub(crate) create_rate: Rate,
    pub(crate) update_rate: Rate,
    pub(crate) syncs_per_second: f64,
    /// Sorted.
    pub(crate) receipts: Vec<Duration>,
    pub(crate) idle_hub_bytes: u64,
    pub(crate) memory_bytes: u64,
}

/// The whole page, as Markdown.
pub(crate) fn page(figures: &Figures) -> String {
    let Figures { processor, cores, kernel, load_average, seconds, hubs, .. } = figures;
    let floor = &figures.hello_rate;
    let rate = |name: &str, rate: &Rate, aim: &str| {
        format!(
            "| {name} | {:.0} | {:.0} % | {:.0} | {:.2} | {aim} |\n",
            rate.calls_per_second,
            rate.core_share * 100.0,
            rate.calls_per_core_second,
            rate.calls_per_core_second / floor.calls_per_core_second,
        )
    };
    let rates = [
        rate("floor: a bare HTTP server, same requests", floor, ""),
        rate("DescribeStream", &figures.describe_rate, "5,000 per core"),
        rate("CreateStream (durable)", &figures.create_rate, ""),
        rate("StartEdgeConfigurationUpdate (durable)", &figures.update_rate, ""),
    ]
    .concat();
    let millis = |part: f64| percentile(&figures.receipts, part).as_secs_f64() * 1000.0;
    let (p50, p99, most) = (millis(0.5), millis(0.99), millis(1.0));
    let sync_ms = 1000.0 / figures.syncs_per_second;
    let count = figures.receipts.len();
    let (hub_kb, memory_mb) =
        (figures.idle_hub_bytes as f64 / 1000.0, figures.memory_bytes as f64 / 1e6);
    format!(
        "# Benchmarks

`make bench` writes this page. What is measured runs on cores of its own, the load comes from another process on the
others, over loopback; each page says how many each side had. Every call is signed anew. Ratios are those of one run, against
a floor measured in it.

Pages of their own: [ingest](benchmarks/ingest.md), [reading](benchmarks/read.md), [clips](benchmarks/clip.md),
[images](benchmarks/images.md), [playback](benchmarks/playback.md), [the agent](benchmarks/agent.md),
[its recorder beside an older build](benchmarks/recorder.md), [live media](benchmarks/live.md),
[filled stores](benchmarks/filled.md), [the media store](benchmarks/store.md), [the console](benchmarks/console.md),
[watching in it](benchmarks/watching.md).

Measured on: {processor}, {cores} cores, Linux {kernel}; load average at the end {load_average}. The server had
one core, the load the other {others}: with {hubs} hubs on few cores, times include what a hub waits for its own.

## Control plane: calls per second on one core

{seconds} s each, 32 callers. *Per core-second* counts the server's processor time, so that other work on the machine
does not show in it.

| Call | per second | of the core | per core-second | to the floor | aim |
| --- | ---: | ---: | ---: | ---: | --- |
{rates}
Durable calls wait for the disk, many at once for one sync: this one takes {syncs:.0} synced appends of 8 KiB a second,
one after another ({sync_ms:.2} ms each).

## Edge configurations reach their hub

{hubs} hubs are connected, each with a held SyncEdgeAgent call. {count} updates, one after another; from the beginning
of StartEdgeConfigurationUpdate to the hub's receipt, one durable commit included.

| | ms | aim |
| --- | ---: | --- |
| p50 | {p50:.2} | |
| p99 | {p99:.2} | 50 |
| longest | {most:.2} | |

## Memory of an idle hub

| | | aim |
| --- | ---: | --- |
| resident memory for each connected hub with one configuration, idle | {hub_kb:.1} KB | 40 KB |
| of the whole server with {hubs} of them | {memory_mb:.1} MB | |
",
        syncs = figures.syncs_per_second,
        others = cores - 1,
    )
}

/// The value that this part of the sorted values does not exceed.
pub(crate) fn percentile(sorted: &[Duration], part: f64) -> Duration {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).or(sorted.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_value_that_so_many_do_not_exceed() {
        let sorted: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 0.5), Duration::from_millis(100));
        assert_eq!(percentile(&sorted, 0.99), Duration::from_millis(198));
        assert_eq!(percentile(&sorted, 1.0), Duration::from_millis(200));
        assert_eq!(percentile(&sorted[..1], 0.99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 0.5), Duration::ZERO);
    }
}
