//! The page of figures. Never judges them: what was aimed at stands beside what came out.

use std::time::Duration;

use super::media_files::Filled;
use super::{Options, hub, server};

/// On what, and how busy it was.
pub(super) struct Measured {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) kernel: String,
    pub(super) load_average: String,
}

/// The whole page, as Markdown.
pub(super) fn page(
    measured: &Measured,
    options: &Options,
    hub: &hub::Figures,
    server: &server::Figures,
) -> String {
    let Measured { processor, cores, kernel, load_average } = measured;
    let others = cores - 1;
    format!(
        "# Filled stores

Part of [the benchmarks](../benchmarks.md); `make bench` writes this page.

Measured on: {processor}, {cores} cores, Linux {kernel}; load average at the end {load_average}. What is measured has one
core, cameras and callers the other {others}. By turns, {turns} of each; the figures are medians, and ratios the median of
the turns' ratios.

The stores are filled by a program: the index through the store's own code, one row and the packed fragments for each
media file as recording leaves them, and each media file as a file of the right name and length that is a hole, so
that it takes an inode and no blocks.

{hub}
{server}",
        turns = options.turns,
        hub = hub_part(options, hub),
        server = server_part(options, server),
    )
}

fn hub_part(options: &Options, hub: &hub::Figures) -> String {
    let Options { cameras, seconds, idle_seconds, .. } = options;
    let share = |turn: &hub::Turn| turn.recording.as_ref().map(|it| it.core_share * 100.0);
    let begun = |turn: &hub::Turn| turn.recording.as_ref().map(|it| it.begun.as_secs_f64());
    let memory = |turn: &hub::Turn| turn.recording.as_ref().map(|it| it.memory_bytes as f64 / 1e6);
    let row = |name: &str, of: &dyn Fn(&hub::Turn) -> Option<f64>, decimals: usize, aim: &str| {
        let [empty, filled] =
            hub.turns.each_ref().map(|turns| turns.iter().map(of).collect::<Vec<_>>());
        two_columns(name, &empty, &filled, decimals, aim)
    };
    let rows = [
        row(
            "processor time for each camera, % of a core",
            &share,
            3,
            "at most 1.1 times the empty hub's",
        ),
        row("ready after, s", &|turn| Some(turn.ready.as_secs_f64()), 2, "1 s at 1 M media files"),
        row("all cameras recorded after, s", &begun, 1, ""),
        row("resident memory, MB", &memory, 0, ""),
    ];
    let per_report = |idle: &hub::Idle| {
        vec![Some(idle.processor_time.as_secs_f64() * 1000.0 / idle.reports.max(1.0))]
    };
    let [empty, filled] = hub.idle.each_ref().map(per_report);
    let report = two_columns(
        &format!("processor time for each report of {cameras} streams, ms"),
        &empty,
        &filled,
        2,
        "at most 1.1 times the empty hub's",
    );
    let [empty_reports, filled_reports] = hub.idle.each_ref().map(|idle| idle.reports);
    format!(
        "## A hub

{cameras} cameras of 1080p25 at 4 Mbit/s over TCP, recorded and not uploaded. The filled hub holds {held},
and {gaps} gaps in its ledger; its index has {index:.2} GB, and filling it took {took:.0} s. {seconds} s for each turn,
counted 3 s after the last camera's first frame. A report is what the hub tells its server of all streams; measured over {idle_seconds} s in which
no camera is recorded ({empty_reports:.0} and {filled_reports:.0} reports), what else such a hub does included.

| | empty | filled | ratio | aim |
| --- | ---: | ---: | ---: | --- |
{rows}{report}",
        held = held(&hub.filled),
        gaps = hub.ledger_entries,
        index = hub.index_bytes as f64 / 1e9,
        took = hub.fill_took.as_secs_f64(),
        rows = rows.concat(),
    )
}

fn server_part(options: &Options, server: &server::Figures) -> String {
    let calls = server.calls.iter().map(|call| {
        let of = |which: usize| {
            let times = call.processor_time.iter().filter_map(|turn| turn.get(which));
            times.map(|time| Some(time.as_secs_f64() * 1e6)).collect::<Vec<_>>()
        };
        let [few, many] = call.answer_bytes.map(|bytes| bytes as f64 / 1000.0);
        let name = format!("{}, µs (answers of {few:.1} and {many:.1} KB)", call.name);
        two_columns(&name, &of(0), &of(1), 0, "1.1")
    });
    let calls: String = calls.collect();
    let of = |which: usize| server.put_media.iter().map(move |turn| turn.get(which).copied());
    let put_media = two_columns(
        "PutMedia, core-seconds for a gigabyte",
        &of(0).collect::<Vec<_>>(),
        &of(1).collect::<Vec<_>>(),
        2,
        "1.1",
    );
    let start = median(server.starts.iter().map(Duration::as_secs_f64).collect());
    format!(
        "## A server

The filled server holds {held}; one of its streams has a pause behind every
fragment. Its index has {index:.2} GB, and creating the streams and filling it took {took:.0} s. The one beside it holds
{few}. Processor time of the server for each call, {seconds:.0} s of calls from 32 callers for each turn; PutMedia from a few producers to streams that hold
media. ListHubs tells of all hubs and their streams, so its answer grows with them.

| | few streams | filled | ratio | aim |
| --- | ---: | ---: | ---: | --- |
{calls}{put_media}
After a kill -9 the filled server is ready after {start:.2} s.
",
        held = held(&server.filled),
        few = held(&server.few),
        index = server.index_bytes as f64 / 1e9,
        took = server.fill_took.as_secs_f64(),
        seconds = options.seconds as f64 / 4.0,
    )
}

fn held(filled: &Filled) -> String {
    let Filled { streams, media_files, fragments, media_bytes } = filled;
    let terabytes = *media_bytes as f64 / 1e12;
    format!(
        "{streams} streams, {media_files} media files, {fragments} fragments, {terabytes:.1} TB by its index"
    )
}

/// Medians of both, and the median of the turns' ratios. A turn that gave nothing makes its column say so.
fn two_columns(
    name: &str,
    one: &[Option<f64>],
    other: &[Option<f64>],
    decimals: usize,
    aim: &str,
) -> String {
    let column = |values: &[Option<f64>]| match values.iter().copied().collect::<Option<Vec<_>>>() {
        Some(values) => format!("{:.decimals$}", median(values)),
        None => "not within two minutes".to_owned(),
    };
    let ratios = one.iter().zip(other).map(|(one, other)| Some(other.as_ref()? / one.as_ref()?));
    let ratio = ratios
        .collect::<Option<Vec<_>>>()
        .map_or_else(String::new, |ratios| format!("{:.2}", median(ratios)));
    format!("| {name} | {} | {} | {ratio} | {aim} |\n", column(one), column(other))
}

/// The middle one; of an even number the upper of both.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_medians_and_the_median_of_ratios() {
        let row = two_columns(
            "it",
            &[Some(1.0), Some(2.0), Some(4.0)],
            &[Some(1.0), Some(3.0), Some(4.0)],
            1,
            "",
        );
        assert_eq!(row, "| it | 2.0 | 3.0 | 1.00 |  |\n");
    }

    #[test]
    fn a_turn_without_a_figure_is_said() {
        let row = two_columns("it", &[Some(1.0)], &[None], 1, "1.1");
        assert_eq!(row, "| it | 1.0 | not within two minutes |  | 1.1 |\n");
    }
}
