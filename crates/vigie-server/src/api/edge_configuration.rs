//! Edge configurations: start, describe, delete, list (KVS API_StartEdgeConfigurationUpdate and its kin). What is
//! legal in which state is the engine's to say ([`vigie_engine::sync`]).

use vigie_engine::edge_config;
use vigie_engine::sync::{self, EdgeSync, Event, Refusal};
use vigie_kvs::shapes::Empty;
use vigie_kvs::shapes::edge::{
    DeleteEdgeConfigurationInput, DescribeEdgeConfigurationInput, DescribeEdgeConfigurationOutput,
    EdgeAgentStatus, EdgeConfig, EdgeConfigurationOutput, ListEdgeAgentConfigurationsInput,
    ListEdgeAgentConfigurationsOutput, StartEdgeConfigurationUpdateInput,
};
use vigie_kvs::{ErrorKind, KvsError};

use super::page_token::page_size;
use super::stored_json::{from_json, to_json};
use super::{Call, Control, Visible, erasure, page_token};
use crate::db::{EdgeChange, EdgeConfiguration, Notice, Stream};
use crate::failure::{Answer, Failure, TRIES_MAX, too_busy};
use crate::hubs::tell_hub;

const PAGE_DEFAULT: usize = 5;
const PAGE_MAX: usize = 10;

pub(crate) async fn start_edge_configuration_update(
    control: &Control,
    call: &Call,
    input: StartEdgeConfigurationUpdateInput,
) -> Answer<EdgeConfigurationOutput> {
    let identifier = input.stream()?;
    // Refused here rather than by a hub that nobody looks at.
    edge_config::check(&input.edge_config)
        .map_err(|error| KvsError::invalid_argument(error.to_string()))?;
    for _ in 0..TRIES_MAX {
        let stream = control.streams.active(call, &identifier).await?;
        if stream.retention_hours == 0 {
            let message = "the stream keeps nothing (DataRetentionInHours is 0), so nothing can \
                           be uploaded to it; call UpdateDataRetention first";
            return Err(KvsError::new(ErrorKind::NoDataRetention, message).into());
        }
        let before = control.db.edge_configuration(&stream.arn).await?;
        let row = started(control, &stream, before, &input.edge_config)?;
        if control.db.save_edge_configurations(&[EdgeChange::Save(Box::new(row.clone()))]).await? {
            tell_hub(control.notices.as_ref(), &row.hub_device_arn);
            control.notices.publish(&Notice::DeadlineSet);
            tracing::info!(
                stream = row.stream_name,
                hub = row.hub_device_arn,
                revision = row.sync.revision,
                "edge configuration update started"
            );
            return output(&row);
        }
    }
    Err(too_busy())
}

pub(crate) async fn describe_edge_configuration(
    control: &Control,
    call: &Call,
    input: DescribeEdgeConfigurationInput,
) -> Answer<DescribeEdgeConfigurationOutput> {
    let stream = control.streams.active(call, &input.stream()?).await?;
    let row = control.db.edge_configuration(&stream.arn).await?;
    let row = row.ok_or_else(|| not_configured(&stream))?;
    let status = EdgeAgentStatus {
        last_recorder_status: from_json(row.recorder_status_json.as_deref())?,
        last_uploader_status: from_json(row.uploader_status_json.as_deref())?,
    };
    Ok(DescribeEdgeConfigurationOutput {
        configuration: output(&row)?,
        edge_agent_status: (status != EdgeAgentStatus::default()).then_some(status),
    })
}

pub(crate) async fn delete_edge_configuration(
    control: &Control,
    call: &Call,
    input: DeleteEdgeConfigurationInput,
) -> Answer<Empty> {
    let stream = control.streams.active(call, &input.stream()?).await?;
    for _ in 0..TRIES_MAX {
        let change = deletion(control, &stream.arn).await?;
        let change = change.ok_or_else(|| not_configured(&stream))?;
        if control.db.save_edge_configurations(std::slice::from_ref(&change)).await? {
            if let EdgeChange::Save(row) = &change {
                erasure::foretell(call, row)?;
                tell_hub(control.notices.as_ref(), &row.hub_device_arn);
                tracing::info!(
                    stream = row.stream_name,
                    hub = row.hub_device_arn,
                    "edge configuration deletion started"
                );
            }
            control.notices.publish(&Notice::DeadlineSet);
            return Ok(Empty {});
        }
    }
    Err(too_busy())
}

pub(crate) async fn list_edge_agent_configurations(
    control: &Control,
    call: &Call,
    input: ListEdgeAgentConfigurationsInput,
) -> Answer<ListEdgeAgentConfigurationsOutput> {
    let visible = Visible::of(call, "*")?;
    let limit = page_size(input.max_results, PAGE_DEFAULT, PAGE_MAX);
    let after: String = input.next_token.as_deref().map_or(Ok(String::new()), page_token::read)?;
    let hub = &input.hub_device_arn;
    let read = visible.rows(limit) + 1;
    let mut rows = control.db.edge_configurations_of_hub(hub, &after, read).await?;
    let told = |row: &EdgeConfiguration| (row.stream_arn.clone(), row.stream_arn.clone());
    let next_token = visible.cut(call, control.db.as_ref(), &mut rows, limit, told).await?;
    let edge_configs = rows.iter().map(output).collect::<Answer<_>>()?;
    Ok(ListEdgeAgentConfigurationsOutput { edge_configs, next_token })
}

/// The change that asks for the deletion of a stream's edge configuration; `None` when there is none.
pub(super) async fn deletion(control: &Control, stream_arn: &str) -> Answer<Option<EdgeChange>> {
    let Some(row) = control.db.edge_configuration(stream_arn).await? else { return Ok(None) };
    let now = control.process.now().wall;
    let next = sync::step(row.sync.clone(), Event::Delete, now).map_err(refused)?;
    Ok(Some(match next {
        Some(sync) => {
            EdgeChange::Save(Box::new(EdgeConfiguration { sync, updated_at: now, ..row }))
        }
        None => EdgeChange::Remove { stream_arn: row.stream_arn, row_version: row.row_version },
    }))
}

/// The row after StartEdgeConfigurationUpdate.
fn started(
    control: &Control,
    stream: &Stream,
    before: Option<EdgeConfiguration>,
    edge_config: &EdgeConfig,
) -> Answer<EdgeConfiguration> {
    let now = control.process.now().wall;
    let edge_config_json = to_json(edge_config)?;
    let Some(before) = before else {
        return Ok(EdgeConfiguration {
            stream_arn: stream.arn.clone(),
            stream_name: stream.name.clone(),
            hub_device_arn: edge_config.hub_device_arn.clone(),
            edge_config_json,
            created_at: now,
            updated_at: now,
            sync: EdgeSync::start(now),
            recorder_status_json: None,
            uploader_status_json: None,
            local_media_json: None,
            ledger_json: None,
            row_version: 0,
        });
    };
    let same_hub = before.hub_device_arn == edge_config.hub_device_arn;
    let next = sync::step(before.sync.clone(), Event::StartUpdate { same_hub }, now);
    let sync = next.map_err(refused)?.ok_or_else(|| {
        Failure::Internal("an update was taken for the end of a deletion".to_owned())
    })?;
    Ok(EdgeConfiguration { sync, edge_config_json, updated_at: now, ..before })
}

fn refused(refusal: Refusal) -> KvsError {
    let kind = match refusal {
        Refusal::Syncing | Refusal::Deleting | Refusal::DeleteFailed => ErrorKind::ResourceInUse,
        Refusal::OtherHub => ErrorKind::InvalidArgument,
    };
    KvsError::new(kind, refusal.to_string())
}

fn not_configured(stream: &Stream) -> KvsError {
    let message = format!("the stream {} has no edge configuration", stream.name);
    KvsError::new(ErrorKind::StreamEdgeConfigurationNotFound, message)
}

fn output(row: &EdgeConfiguration) -> Answer<EdgeConfigurationOutput> {
    Ok(EdgeConfigurationOutput {
        stream_name: Some(row.stream_name.clone()),
        stream_arn: Some(row.stream_arn.clone()),
        creation_time: Some(row.created_at),
        last_updated_time: Some(row.updated_at),
        sync_status: Some(row.sync.status()),
        failed_status_details: row.sync.failed_status_details().map(str::to_owned),
        edge_config: from_json(Some(&row.edge_config_json))?,
    })
}
