//! The hub sync: takes a hub's report, answers at once when the hub is owed something, else waits for that.
//!
//! What a report changes and what is owed is decided in [`vigie_engine::hub_sync`]; any instance of the server can
//! answer.

use std::collections::{BTreeMap, BTreeSet};

use vigie_engine::clock::Now;
use vigie_engine::clock_skew::{in_words, is_too_much};
use vigie_engine::hub_holder::{ANOTHER_AGENT, Holder, Verdict};
use vigie_engine::hub_sync::{self, HubConfiguration, Reply, Transition};
use vigie_kvs::shapes::edge::{JobStatus, LastRecorderStatus, LastUploaderStatus};
use vigie_kvs::shapes::media_ledger::{LedgerReceipt, LedgerReport};
use vigie_kvs::shapes::sync_edge_agent::{
    Phase, ServiceClock, StreamReport, SyncEdgeAgentInput, SyncEdgeAgentOutput,
};
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::Timestamp;

use super::stored_json::{from_json, to_json};
use super::{Call, erasure, media_ledger, secrets};
use crate::db::{EdgeChange, EdgeConfiguration, Hub, all_edge_configurations_of_hub};
use crate::failure::{Answer, Failure, TRIES_MAX, too_busy};
use crate::hubs::{HubWaiter, Hubs, Judged};

/// A hub's last contact is saved no more often than this: it is for people, and each save is a commit.
const LAST_SEEN_RESOLUTION_MS: i64 = 30_000;
/// So is a clock that is off by a little more than before.
const SKEW_RESOLUTION_MS: u64 = 1_000;

pub(crate) async fn sync_edge_agent(
    hubs: &Hubs,
    call: &Call,
    input: SyncEdgeAgentInput,
) -> Answer<SyncEdgeAgentOutput> {
    let came_at = hubs.process.now();
    call.authorize(&input.hub_device_arn)?;
    let row_seen_at = note_contact(hubs, call, &input).await?;
    let mono = || hubs.process.now().mono;
    let arn = &input.hub_device_arn;
    let _contact =
        hubs.contacts.begin(arn, input.clock_skew_milliseconds, row_seen_at, came_at.wall, mono);
    let receipts = media_ledger::take_ledgers(hubs, &input).await?;
    let is_owed = media_ledger::are_owed(&receipts, &input);
    let with = |output: SyncEdgeAgentOutput, ledgers: Vec<LedgerReceipt>, requests| {
        let clock = Some(service_clock(came_at, hubs.process.now()));
        SyncEdgeAgentOutput { ledgers, requests, clock, ..output }
    };
    // Listening before reading: what changes in between is not missed.
    let mut waiter = HubWaiter::new(&hubs.notices, &input.hub_device_arn);
    let mut asked = hubs.requests.listen(&input.hub_device_arn);
    let mut stopping = hubs.process.stopping();
    let mut give_up = None;
    let mut held = None;
    loop {
        let (requests, is_asked) = hubs.requests.heard(&input, hubs.process.now().mono);
        let cursor = match held.take() {
            Some(cursor) => cursor,
            None => match take_report(hubs, call, &mut waiter, &input).await? {
                Reply::Now(output) => return Ok(with(output, receipts, requests)),
                Reply::Hold { wait, cursor } => {
                    give_up.get_or_insert_with(|| hubs.process.sleep(wait));
                    cursor
                }
            },
        };
        let may_wait = !is_owed && !is_asked;
        let goes_on = match give_up.as_mut().filter(|_| may_wait) {
            None => false,
            Some(give_up) => tokio::select! {
                biased;
                () = waiter.changed() => true,
                // What is stored is as it was.
                () = asked.heard() => {
                    held = Some(cursor.clone());
                    true
                }
                () = stopping.wait() => false,
                () = give_up => false,
            },
        };
        if !goes_on {
            return Ok(with(hub_sync::nothing_new(cursor), receipts, requests));
        }
    }
}

/// What the hub compares its clock with.
fn service_clock(came_at: Now, now: Now) -> ServiceClock {
    let held_ms = now.mono.saturating_sub(came_at.mono).as_millis();
    ServiceClock {
        received_timestamp: came_at.wall,
        held_milliseconds: u64::try_from(held_ms).unwrap_or(u64::MAX),
    }
}

/// Notes that a hub calls, and refuses an agent while another one works as the hub. When its row says that it was seen.
async fn note_contact(hubs: &Hubs, call: &Call, input: &SyncEdgeAgentInput) -> Answer<Timestamp> {
    let now = hubs.process.now();
    let known = hubs.db.hub(&input.hub_device_arn).await?;
    let holder = identify(hubs, call, input, known.as_ref(), now)?;
    let clock_skew_ms = input.clock_skew_milliseconds;
    hubs.age_holds.note(&input.hub_device_arn, input.age_hold_seconds_left, now.mono);
    let is_recent = |hub: &Hub| {
        let age_ms = now.wall.millis_since(hub.last_seen_at);
        hub.agent_version == input.agent_version
            && (0..LAST_SEEN_RESOLUTION_MS).contains(&age_ms)
            && is_like(hub.clock_skew_ms, clock_skew_ms)
            && hub.holder == holder
            // Another instance is told at once that the hub calls here now.
            && hubs.contacts.is_ours(&input.hub_device_arn, hub.last_seen_at)
    };
    if let Some(hub) = known.as_ref().filter(|hub| is_recent(hub)) {
        return Ok(hub.last_seen_at);
    }
    let was_too_much = known.and_then(|hub| hub.clock_skew_ms).is_some_and(is_too_much);
    if let Some(skew_ms) = clock_skew_ms.filter(|skew_ms| !was_too_much && is_too_much(*skew_ms)) {
        let (hub, words) = (&input.hub_device_arn, in_words(skew_ms));
        tracing::warn!(
            hub,
            skew_ms,
            "the hub's clock is {words} the server's: its media is dated by its own; let a time server set both"
        );
    }
    let hub = Hub {
        hub_device_arn: input.hub_device_arn.clone(),
        last_seen_at: now.wall,
        agent_version: input.agent_version.clone(),
        clock_skew_ms,
        holder,
    };
    hubs.db.save_hub(&hub).await?;
    Ok(hub.last_seen_at)
}

/// Who works as the hub from this call on.
fn identify(
    hubs: &Hubs,
    call: &Call,
    input: &SyncEdgeAgentInput,
    known: Option<&Hub>,
    now: Now,
) -> Answer<Option<Holder>> {
    let hub = &input.hub_device_arn;
    let Some(instance) = &input.instance else {
        return Ok(known.and_then(|known| known.holder.clone()));
    };
    let Judged { holder, verdict, is_news } = hubs.holders.judge(hub, instance, known, now);
    let instance_id = &instance.instance_id;
    match verdict {
        Verdict::Works => {}
        Verdict::HasCopy => tracing::warn!(hub, instance_id, "{ANOTHER_AGENT}"),
        Verdict::TakesOver => {
            tracing::warn!(hub, instance_id, "another agent works as this hub from now on");
            // Of this operation's calls, these alone change something for good.
            call.audit(hub);
        }
        Verdict::Refused => {
            if is_news {
                tracing::warn!(hub, refused_instance_id = instance_id, "{ANOTHER_AGENT}");
            }
            return Err(KvsError::new(ErrorKind::ResourceInUse, ANOTHER_AGENT).into());
        }
    }
    Ok(Some(holder))
}

/// Whether a skew that is saved says the same to people as the new one.
fn is_like(saved: Option<i64>, new: Option<i64>) -> bool {
    match (saved, new) {
        (Some(saved), Some(new)) => {
            saved.abs_diff(new) < SKEW_RESOLUTION_MS && is_too_much(saved) == is_too_much(new)
        }
        (saved, new) => saved == new,
    }
}

/// Saves what the report changes; returns what the hub is to hear.
async fn take_report(
    hubs: &Hubs,
    call: &Call,
    waiter: &mut HubWaiter,
    input: &SyncEdgeAgentInput,
) -> Answer<Reply> {
    for _ in 0..TRIES_MAX {
        let rows = all_edge_configurations_of_hub(hubs.db.as_ref(), &input.hub_device_arn).await?;
        let mut configurations = rows.iter().map(hub_configuration).collect::<Answer<Vec<_>>>()?;
        note_secrets(hubs, waiter, &mut configurations).await?;
        let answer = hub_sync::answer(&configurations, input, hubs.process.now().wall);
        let now = hubs.process.now().wall;
        let changes = changes(&rows, &answer.transitions, &answer.reports, now)?;
        if changes.is_empty() {
            return Ok(answer.reply);
        }
        // The ledger first: what is noted twice does no harm.
        let erasures = erasure::of(&rows, &answer.transitions, input)?;
        for erasure in &erasures {
            erasure.enter(hubs.db.as_ref()).await?;
        }
        if hubs.db.save_edge_configurations(&changes).await? {
            erasure::tell(call, &input.hub_device_arn, &erasures);
            log_transitions(&rows, &answer.transitions);
            return Ok(answer.reply);
        }
    }
    Err(too_busy())
}

/// Notes at each configuration what its secret is now, if it is kept here.
async fn note_secrets(
    hubs: &Hubs,
    waiter: &mut HubWaiter,
    configurations: &mut [HubConfiguration],
) -> Answer<()> {
    let secret_arn = |configuration: &HubConfiguration| {
        let source = &configuration.edge_config.recorder_config.media_source_config;
        source.media_uri_secret_arn.expose().to_owned()
    };
    let secret_arns: BTreeSet<String> = configurations.iter().map(secret_arn).collect();
    waiter.watch_secrets(&secret_arns);
    let mut revisions = BTreeMap::new();
    for secret_arn in secret_arns {
        if let Some(secret) = hubs.db.secret(&secret_arn).await? {
            revisions.insert(secret_arn, secrets::revision(&secret));
        }
    }
    for configuration in configurations {
        configuration.secret_revision = revisions.get(&secret_arn(configuration)).cloned();
    }
    Ok(())
}

fn hub_configuration(row: &EdgeConfiguration) -> Answer<HubConfiguration> {
    let edge_config = from_json(Some(&row.edge_config_json))?
        .ok_or_else(|| Failure::Internal("an edge configuration is missing".to_owned()))?;
    Ok(HubConfiguration {
        stream_name: row.stream_name.clone(),
        stream_arn: row.stream_arn.clone(),
        sync: row.sync.clone(),
        edge_config,
        secret_revision: None,
    })
}

/// One change for each row whose state or job statuses are new.
fn changes(
    rows: &[EdgeConfiguration],
    transitions: &[Transition],
    reports: &[&StreamReport],
    now: Timestamp,
) -> Answer<Vec<EdgeChange>> {
    let mut changes = Vec::new();
    for row in rows {
        let mut after = row.clone();
        let transition = transitions.iter().find(|one| one.stream_arn == row.stream_arn);
        match transition.map(|transition| &transition.after) {
            Some(None) => {
                let (stream_arn, row_version) = (row.stream_arn.clone(), row.row_version);
                changes.push(EdgeChange::Remove { stream_arn, row_version });
                continue;
            }
            Some(Some(sync)) => after.sync = sync.clone(),
            None => {}
        }
        if let Some(report) = reports.iter().find(|report| report.stream_arn == row.stream_arn) {
            note_job_statuses(&mut after, report, now)?;
            // What the hub leaves out stands as it said it before.
            if let Some(media) = &report.local_media {
                after.local_media_json = Some(to_json(media)?);
            }
            if let Some(ledger) = &report.ledger {
                // The entries lie in rows of their own; what stands now is kept here.
                let standing = LedgerReport {
                    sequence: 0,
                    after: None,
                    entries: Vec::new(),
                    ..ledger.clone()
                };
                after.ledger_json = Some(to_json(&standing)?);
            }
        }
        if after != *row {
            changes.push(EdgeChange::Save(Box::new(after)));
        }
    }
    Ok(changes)
}

/// Takes what the hub says of the stream's jobs. What it leaves out stands as it said it before, unless it says that it
/// does not work by the configuration at all: then there are no jobs, whatever they did before.
fn note_job_statuses(
    after: &mut EdgeConfiguration,
    report: &StreamReport,
    now: Timestamp,
) -> Answer<()> {
    // As it was stored, which is bounded.
    let refusal = after.sync.failed_status_details().map(str::to_owned);
    let refusal = refusal
        .as_deref()
        .filter(|_| report.phase == Phase::Failed && report.revision == after.sync.revision);
    if let Some(status) = &report.recorder_status {
        after.recorder_status_json = Some(to_json(status)?);
    } else if let Some(details) = refusal
        && let Some(known) = from_json::<LastRecorderStatus>(after.recorder_status_json.as_deref())?
        && known.job_status_details.as_deref() != Some(details)
    {
        after.recorder_status_json = Some(to_json(&LastRecorderStatus {
            job_status_details: Some(details.to_owned()),
            last_updated_time: Some(now),
            recorder_status: Some(JobStatus::UserError),
            ..known
        })?);
    }
    if let Some(status) = &report.uploader_status {
        after.uploader_status_json = Some(to_json(status)?);
    } else if let Some(details) = refusal
        && let Some(known) = from_json::<LastUploaderStatus>(after.uploader_status_json.as_deref())?
        && known.job_status_details.as_deref() != Some(details)
    {
        after.uploader_status_json = Some(to_json(&LastUploaderStatus {
            job_status_details: Some(details.to_owned()),
            last_updated_time: Some(now),
            uploader_status: Some(JobStatus::UserError),
            ..known
        })?);
    }
    Ok(())
}

fn log_transitions(rows: &[EdgeConfiguration], transitions: &[Transition]) {
    for transition in transitions {
        let Some(row) = rows.iter().find(|row| row.stream_arn == transition.stream_arn) else {
            continue;
        };
        let from = transition.before.status().as_str();
        let to = transition.after.as_ref().map_or("removed", |sync| sync.status().as_str());
        let (stream, hub) = (&row.stream_name, &row.hub_device_arn);
        tracing::info!(stream, hub, from, to, "edge configuration moved");
    }
}
