//! Hubs, as a person asks for them: `ListHubs` and `DescribeHub` (Vigie's own). Reads what hubs have said; decides
//! nothing about them.

use vigie_kvs::KvsError;
use vigie_kvs::shapes::edge::{JobStatus, LastRecorderStatus};
use vigie_kvs::shapes::hub::{
    DescribeHubInput, DescribeHubOutput, HubStream, HubSummary, ListHubsInput, ListHubsOutput,
};
use vigie_kvs::shapes::media_ledger::LedgerReport;

use super::stored_json::from_json;
use super::visible::LOOKED_AT_MAX;
use super::{Call, Visible, page_token};
use crate::db::{EdgeConfiguration, HubRow, all_edge_configurations_of_hub};
use crate::failure::Answer;
use crate::hubs::Hubs;

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1000;

pub(crate) async fn list_hubs(
    hubs: &Hubs,
    call: &Call,
    input: ListHubsInput,
) -> Answer<ListHubsOutput> {
    let visible = Visible::of(call, "*")?;
    let limit = page_limit(input.max_results);
    let from: String = input.next_token.as_deref().map_or(Ok(String::new()), page_token::read)?;
    let mut found = hubs.db.hubs(&from, limit + 1).await?;
    // The token names where the next page begins.
    let next_token = match found.len() > limit {
        true => found.pop().map(|next| page_token::write(&next.hub_device_arn)).transpose()?,
        false => None,
    };
    let (mut told, mut looked_at) = (Vec::new(), 0);
    for hub in found {
        if matches!(visible, Visible::All) {
            told.push(summary(hubs, hub));
            continue;
        }
        // The page ends here when much was looked at, but never before its first hub.
        if looked_at >= LOOKED_AT_MAX {
            let next_token = Some(page_token::write(&hub.hub_device_arn)?);
            return Ok(ListHubsOutput { hubs: told, next_token });
        }
        looked_at += usize::try_from(hub.stream_count).unwrap_or(usize::MAX);
        let rows = visible_rows(hubs, call, &visible, &hub.hub_device_arn).await?;
        if !rows.is_empty() {
            told.push(summary(hubs, of_rows(hub, &rows)?));
        }
    }
    Ok(ListHubsOutput { hubs: told, next_token })
}

/// The streams of a hub of which the caller hears.
async fn visible_rows(
    hubs: &Hubs,
    call: &Call,
    visible: &Visible,
    hub_device_arn: &str,
) -> Answer<Vec<EdgeConfiguration>> {
    let db = hubs.db.as_ref();
    let mut rows = Vec::new();
    for row in all_edge_configurations_of_hub(db, hub_device_arn).await? {
        if visible.has(call, db, &row.stream_arn).await? {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// A hub as one who hears of these streams alone sees it.
fn of_rows(hub: HubRow, rows: &[EdgeConfiguration]) -> Answer<HubRow> {
    let mut failing_recorder_count = 0;
    for row in rows {
        let status: Option<LastRecorderStatus> = from_json(row.recorder_status_json.as_deref())?;
        let status = status.and_then(|status| status.recorder_status);
        failing_recorder_count += u64::from(status.is_some_and(|it| it != JobStatus::Success));
    }
    let stream_count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    Ok(HubRow { stream_count, failing_recorder_count, ..hub })
}

pub(crate) async fn describe_hub(
    hubs: &Hubs,
    call: &Call,
    input: DescribeHubInput,
) -> Answer<DescribeHubOutput> {
    let arn = &input.hub_device_arn;
    let visible = Visible::of(call, arn)?;
    let db = &hubs.db;
    let seen = match visible {
        Visible::All => None,
        Visible::Some => {
            let rows = visible_rows(hubs, call, &visible, arn).await?;
            if rows.is_empty() {
                // Nothing tells whether there is such a hub.
                call.authorize(arn)?;
            }
            Some(rows)
        }
    };
    let hub = db.hubs(arn, 1).await?.into_iter().find(|hub| hub.hub_device_arn == *arn);
    let hub = hub.ok_or_else(|| {
        KvsError::not_found("no such hub has called, and no stream is configured for it")
    })?;
    let limit = page_limit(input.max_results);
    let after: String = input.next_token.as_deref().map_or(Ok(String::new()), page_token::read)?;
    let (hub, mut rows) = match seen {
        None => (hub, db.edge_configurations_of_hub(arn, &after, limit + 1).await?),
        Some(seen) => {
            let hub = of_rows(hub, &seen)?;
            (hub, seen.into_iter().filter(|row| row.stream_arn > after).collect())
        }
    };
    let next_token = page_token::cut(&mut rows, limit, |row| row.stream_arn.as_str())?;
    let streams = rows.iter().map(stream).collect::<Answer<_>>()?;
    Ok(DescribeHubOutput { hub: summary(hubs, hub), streams, next_token })
}

fn page_limit(max_results: Option<i64>) -> usize {
    let limit = max_results.and_then(|results| usize::try_from(results).ok());
    limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)
}

fn summary(hubs: &Hubs, hub: HubRow) -> HubSummary {
    let now = hubs.process.now();
    let refused_agent = hubs.holders.refused_agent(&hub.hub_device_arn, now.mono);
    let age_hold_seconds_left = hubs.age_holds.seconds_left(&hub.hub_device_arn, now.mono);
    let (last_seen, agent_version) = hub.seen.unzip();
    let standing = last_seen.map(|at| hubs.contacts.standing(&hub.hub_device_arn, at, now));
    HubSummary {
        hub_device_arn: hub.hub_device_arn,
        agent_version,
        last_seen_timestamp: standing.map(|standing| standing.last_heard_at),
        in_contact: standing.is_some_and(|standing| standing.is_in_contact),
        stream_count: hub.stream_count,
        failing_recorder_count: hub.failing_recorder_count,
        refused_agent,
        clock_skew_milliseconds: hub.clock_skew_ms,
        age_hold_seconds_left,
    }
}

fn stream(row: &EdgeConfiguration) -> Answer<HubStream> {
    let ledger: Option<LedgerReport> = from_json(row.ledger_json.as_deref())?;
    Ok(HubStream {
        stream_name: row.stream_name.clone(),
        stream_arn: row.stream_arn.clone(),
        sync_status: row.sync.status(),
        last_recorder_status: from_json(row.recorder_status_json.as_deref())?,
        last_uploader_status: from_json(row.uploader_status_json.as_deref())?,
        local_media: from_json(row.local_media_json.as_deref())?,
        open_gap: ledger.as_ref().and_then(|ledger| ledger.open_gap),
        losses: ledger.map(|ledger| ledger.losses),
    })
}
