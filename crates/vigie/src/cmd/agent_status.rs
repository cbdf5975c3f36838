//! `vigie agent status`: how a hub is, read from its folder, whether its agent runs or not.

use std::path::Path;

use serde::Serialize;
use vigie_agent::ledger::{EntryQuery, HubStanding, LedgerReader};
use vigie_engine::clock::Clock;
use vigie_kvs::shapes::edge::{LastRecorderStatus, LastUploaderStatus};
use vigie_kvs::shapes::media_ledger::{LedgerEntry, LedgerKind, LossTotals, MediaGapReason};
use vigie_kvs::shapes::sync_edge_agent::{LocalMedia, Phase, StreamReport};
use vigie_media::Timestamp;

use crate::cli::AgentStatusOptions;
use crate::failure::{Doing, Failure};
use crate::output;
use crate::system::SystemClock;
use crate::zone;

/// Of each stream the newest gaps and losses of the range, at most so many of each.
const ENTRIES_MAX: usize = 1000;
const DAY_MS: i64 = 86_400_000;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    hub_device_arn: String,
    /// RUNNING; STOPPED in order; or GONE, which no stop preceded.
    agent: &'static str,
    /// Of this moment everything below was said, at the latest. RFC 3339, UTC, as all times here.
    last_heartbeat: Option<String>,
    in_contact: bool,
    /// For how long from `last_heartbeat` nothing is deleted by age, because the hub's clock jumped; absent when
    /// it is believed.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_hold_seconds_left: Option<u64>,
    streams: Vec<Stream>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Stream {
    stream_name: String,
    #[serde(rename = "StreamARN")]
    stream_arn: String,
    revision: Option<u64>,
    phase: Option<Phase>,
    failed_status_details: Option<String>,
    recorder_status: Option<LastRecorderStatus>,
    uploader_status: Option<LastUploaderStatus>,
    local_media: Option<LocalMedia>,
    /// Nothing is known of the time before.
    known_from: Option<String>,
    open_gap: Option<OpenGap>,
    gaps: Vec<Entry>,
    losses: Vec<Entry>,
    /// Since the ledger began.
    losses_in_all: LossTotals,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OpenGap {
    start_timestamp: String,
    reason: MediaGapReason,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    start_timestamp: String,
    end_timestamp: String,
    reason: MediaGapReason,
    #[serde(skip_serializing_if = "Option::is_none")]
    fragment_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
}

pub fn run(options: &AgentStatusOptions) -> Result<(), Failure> {
    let now = SystemClock::new().now().wall;
    let time = |option, text: &Option<String>, otherwise| match text {
        Some(text) => zone::parse_time(option, text),
        None => Ok(otherwise),
    };
    let from = time("--from", &options.from, now.plus_millis(-DAY_MS))?;
    let until = time("--until", &options.until, Timestamp::MAX)?;
    let status = read(options, from, until)?;
    if options.json { output::json(&status) } else { print(&status) }
}

fn read(
    options: &AgentStatusOptions,
    from: Timestamp,
    until: Timestamp,
) -> Result<Status, Failure> {
    let folder = &options.data_dir;
    let reading = || format!("read the hub's ledger in {}", folder.display());
    if !folder.join("ledger.sqlite").exists() {
        return Err(Failure::other(format!("no agent has run on {}", folder.display())));
    }
    let ledger = LedgerReader::open(folder).doing(reading())?;
    let standing = ledger.standing().doing(reading())?;
    let hub_device_arn = standing.hub_device_arn.clone().unwrap_or_default();
    if let Some(wanted) = &options.hub
        && *wanted != hub_device_arn
        && !hub_device_arn.ends_with(&format!(":thing/{wanted}"))
    {
        let message = format!("the folder {} is of the hub {hub_device_arn}", folder.display());
        return Err(Failure::other(message));
    }
    let is_running = ledger.is_agent_running().doing(reading())?;
    let HubStanding { streams, heartbeat, has_ended, in_contact, age_hold_left, .. } = standing;
    let wanted = |name: &str| options.stream.as_deref().is_none_or(|wanted| wanted == name);
    let streams = streams
        .into_iter()
        .filter(|(_, name, _)| wanted(name))
        .map(|(arn, name, report)| stream(&ledger, arn, name, report, folder, (from, until)))
        .collect::<Result<Vec<_>, _>>()?;
    if let (Some(name), []) = (&options.stream, streams.as_slice()) {
        return Err(Failure::other(format!("the hub has no stream {name:?}")));
    }
    Ok(Status {
        hub_device_arn,
        agent: match (is_running, has_ended) {
            (true, _) => "RUNNING",
            (false, true) => "STOPPED",
            (false, false) => "GONE",
        },
        last_heartbeat: heartbeat.map(zone::utc_text),
        in_contact: is_running && in_contact,
        age_hold_seconds_left: (!age_hold_left.is_zero()).then_some(age_hold_left.as_secs()),
        streams,
    })
}

fn stream(
    ledger: &LedgerReader,
    stream_arn: String,
    stream_name: String,
    report: Option<String>,
    folder: &Path,
    (from, until): (Timestamp, Timestamp),
) -> Result<Stream, Failure> {
    let reading = || format!("read the hub's ledger in {}", folder.display());
    let report: Option<StreamReport> =
        report.map(|json| serde_json::from_str(&json)).transpose().doing(reading())?;
    let summary = ledger.summary(&stream_arn).doing(reading())?;
    let entries = |kind| {
        let query = EntryQuery { kind: Some(kind), from, until, limit: ENTRIES_MAX };
        let found = ledger.entries(&stream_arn, query).doing(reading())?;
        Ok::<_, Failure>(found.into_iter().map(entry).collect())
    };
    let (gaps, losses) = (entries(LedgerKind::Gap)?, entries(LedgerKind::Loss)?);
    let (phase, revision) = report.as_ref().map(|report| (report.phase, report.revision)).unzip();
    let report = report.as_ref();
    Ok(Stream {
        stream_name,
        revision,
        phase,
        failed_status_details: report.and_then(|report| report.failed_status_details.clone()),
        recorder_status: report.and_then(|report| report.recorder_status.clone()),
        uploader_status: report.and_then(|report| report.uploader_status.clone()),
        local_media: report.and_then(|report| report.local_media.clone()),
        known_from: summary.as_ref().map(|summary| zone::utc_text(summary.known_from)),
        open_gap: summary.as_ref().and_then(|summary| summary.state.open).map(|open| OpenGap {
            start_timestamp: zone::utc_text(open.since),
            reason: open.reason,
        }),
        gaps,
        losses,
        losses_in_all: summary.map(|summary| summary.losses).unwrap_or_default(),
        stream_arn,
    })
}

fn entry(entry: LedgerEntry) -> Entry {
    let is_loss = entry.kind == LedgerKind::Loss;
    Entry {
        start_timestamp: zone::utc_text(entry.start_timestamp),
        end_timestamp: zone::utc_text(entry.end_timestamp),
        reason: entry.reason,
        fragment_count: is_loss.then_some(entry.fragment_count),
        size_bytes: is_loss.then_some(entry.size_bytes),
    }
}

fn print(status: &Status) -> Result<(), Failure> {
    let contact = if status.in_contact { "in contact" } else { "out of contact" };
    let heartbeat = status.last_heartbeat.as_deref().unwrap_or("never");
    output::line(&format!(
        "{}: agent {}, {contact} with the service, last heartbeat {heartbeat}",
        status.hub_device_arn, status.agent
    ))?;
    let rows: Vec<_> = status.streams.iter().map(stream_row).collect();
    output::table(["STREAM", "RECORDER", "UPLOADER", "SIZE", "LAG", "FULL IN", "LOST"], &rows)?;
    let rows: Vec<_> = status.streams.iter().flat_map(gap_rows).collect();
    if !rows.is_empty() {
        output::line("")?;
        output::table(["STREAM", "NO MEDIA FROM", "UNTIL", "REASON", "LOST"], &rows)?;
    }
    Ok(())
}

fn stream_row(stream: &Stream) -> [String; 7] {
    let recorder = stream.recorder_status.as_ref();
    let uploader = stream.uploader_status.as_ref();
    let media = stream.local_media.as_ref();
    let size = |bytes: i64| output::size_text(u64::try_from(bytes).unwrap_or(0));
    let seconds = |seconds: Option<i64>| seconds.map(duration_text).unwrap_or_default();
    [
        stream.stream_name.clone(),
        recorder.and_then(|status| status.job_status_details.clone()).unwrap_or_default(),
        uploader.and_then(|status| status.job_status_details.clone()).unwrap_or_default(),
        media.map(|media| size(media.size_bytes)).unwrap_or_default(),
        seconds(media.and_then(|media| media.upload_lag_seconds)),
        seconds(media.and_then(|media| media.seconds_until_full)),
        output::size_text(stream.losses_in_all.size_bytes),
    ]
}

fn gap_rows(stream: &Stream) -> Vec<[String; 5]> {
    let row = |entry: &Entry| {
        [
            stream.stream_name.clone(),
            entry.start_timestamp.clone(),
            entry.end_timestamp.clone(),
            entry.reason.to_string(),
            entry.size_bytes.map(output::size_text).unwrap_or_default(),
        ]
    };
    // What was lost is a gap as well: said once, with its size.
    let is_told = |gap: &&Entry| {
        !stream.losses.iter().any(|loss| {
            loss.start_timestamp == gap.start_timestamp && loss.end_timestamp == gap.end_timestamp
        })
    };
    let mut rows: Vec<_> =
        stream.gaps.iter().filter(is_told).chain(&stream.losses).map(row).collect();
    rows.sort_by(|a, b| a[1].cmp(&b[1]));
    if let Some(open) = &stream.open_gap {
        let (from, reason) = (open.start_timestamp.clone(), open.reason.to_string());
        rows.push([stream.stream_name.clone(), from, "now".to_owned(), reason, String::new()]);
    }
    rows
}

/// A duration as people read it.
fn duration_text(seconds: i64) -> String {
    match seconds {
        ..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let texts = [119, 121, 7199, 7200, 172_800].map(duration_text);
        assert_eq!(texts, ["119 s", "2 min", "119 min", "2 h", "2 d"]);
    }
}
