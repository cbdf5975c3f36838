//! Hubs, as a person asks for them: `ListHubs` and `DescribeHub` (Vigie's own). Reads what hubs have said; decides
//! nothing about them.

use vigie_kvs::KvsError;
use vigie_kvs::shapes::hub::{
    DescribeHubInput, DescribeHubOutput, HubStream, HubSummary, ListHubsInput, ListHubsOutput,
};
use vigie_kvs::shapes::media_ledger::LedgerReport;

use super::stored_json::from_json;
use super::{Call, page_token};
use crate::db::{EdgeConfiguration, HubRow};
use crate::failure::Answer;
use crate::hubs::Hubs;

const PAGE_DEFAULT: usize = 100;
const PAGE_MAX: usize = 1000;

pub(crate) async fn list_hubs(
    hubs: &Hubs,
    _call: &Call,
    input: ListHubsInput,
) -> Answer<ListHubsOutput> {
    let limit = page_limit(input.max_results);
    let from: String = input.next_token.as_deref().map_or(Ok(String::new()), page_token::read)?;
    let mut found = hubs.db.hubs(&from, limit + 1).await?;
    // The token names where the next page begins.
    let next_token = match found.len() > limit {
        true => found.pop().map(|next| page_token::write(&next.hub_device_arn)).transpose()?,
        false => None,
    };
    let found = found.into_iter().map(|hub| summary(hubs, hub)).collect();
    Ok(ListHubsOutput { hubs: found, next_token })
}

pub(crate) async fn describe_hub(
    hubs: &Hubs,
    call: &Call,
    input: DescribeHubInput,
) -> Answer<DescribeHubOutput> {
    let arn = &input.hub_device_arn;
    call.authorize(arn)?;
    let db = &hubs.db;
    let hub = db.hubs(arn, 1).await?.into_iter().find(|hub| hub.hub_device_arn == *arn);
    let hub = hub.ok_or_else(|| {
        KvsError::not_found("no such hub has called, and no stream is configured for it")
    })?;
    let limit = page_limit(input.max_results);
    let after: String = input.next_token.as_deref().map_or(Ok(String::new()), page_token::read)?;
    let mut rows = db.edge_configurations_of_hub(arn, &after, limit + 1).await?;
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
