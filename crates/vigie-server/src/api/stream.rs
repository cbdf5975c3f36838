//! Streams: create, describe, list, update, retention, storage, delete (KVS API_CreateStream and its kin).

use std::sync::Arc;

use vigie_kvs::arn::StreamArn;
use vigie_kvs::shapes::stream::{
    CreateStreamInput, CreateStreamOutput, DefaultStorageTier, DeleteStreamInput,
    DescribeStreamInput, DescribeStreamOutput, DescribeStreamStorageConfigurationOutput,
    ListStreamsInput, ListStreamsOutput, StreamInfo, StreamStatus as WireStatus,
    StreamStorageConfiguration, UpdateDataRetentionInput, UpdateDataRetentionOperation,
    UpdateStreamInput, UpdateStreamStorageConfigurationInput,
};
use vigie_kvs::shapes::{Empty, StreamIdentifier};
use vigie_kvs::{ErrorKind, KvsError};

use super::page_token::page_size;
use super::tag::TAGS_MAX;
use super::{Call, Control, Visible, page_token};
use crate::config::ServerConfig;
use crate::db::{EndReason, Stream, StreamStatus};
use crate::failure::Answer;
use crate::hubs::tell_hub;

/// Ten years (KVS API_CreateStream).
const RETENTION_HOURS_MAX: u32 = 87_600;
const PAGE_MAX: usize = 10_000;

pub(crate) async fn create_stream(
    control: &Control,
    call: &Call,
    input: CreateStreamInput,
) -> Answer<CreateStreamOutput> {
    call.authorize(&control.config.stream_resource(&input.stream_name))?;
    let tags = input.tags.unwrap_or_default();
    if tags.len() > TAGS_MAX {
        return Err(super::tag::too_many_tags().into());
    }
    let created_at = control.process.now().wall;
    let stream = Stream {
        arn: StreamArn {
            place: control.config.place(),
            stream_name: input.stream_name.clone(),
            creation_time: created_at,
        }
        .to_string(),
        name: input.stream_name,
        created_at,
        version: control.process.new_version(),
        status: StreamStatus::Active,
        retention_hours: retention_in_range(input.data_retention_in_hours.unwrap_or(0).into())?,
        device_name: input.device_name,
        media_type: input.media_type,
        kms_key_id: input.kms_key_id,
        storage_tier: input
            .stream_storage_configuration
            .map(|storage| storage.default_storage_tier.as_str().to_owned()),
        image_generation_json: None,
        notification_json: None,
    };
    if !control.db.create_stream(&stream, &tags).await? {
        let message = format!("The stream {} already exists.", stream.name);
        return Err(KvsError::new(ErrorKind::ResourceInUse, message).into());
    }
    tracing::info!(
        stream = stream.name,
        retention_hours = stream.retention_hours,
        "stream created"
    );
    Ok(CreateStreamOutput { stream_arn: stream.arn })
}

pub(crate) async fn describe_stream(
    control: &Control,
    call: &Call,
    input: DescribeStreamInput,
) -> Answer<DescribeStreamOutput> {
    let stream = control.streams.any(call, &input.stream()?).await?;
    Ok(DescribeStreamOutput { stream_info: stream_info(&control.config, stream) })
}

pub(crate) async fn list_streams(
    control: &Control,
    call: &Call,
    input: ListStreamsInput,
) -> Answer<ListStreamsOutput> {
    let visible = Visible::of(call, "*")?;
    let limit = page_size(input.max_results, PAGE_MAX, PAGE_MAX);
    let after: String = input.next_token.as_deref().map_or(Ok(String::new()), page_token::read)?;
    let condition = input.stream_name_condition.unwrap_or_default();
    if condition.comparison_operator.is_some() && condition.comparison_value.is_none() {
        return Err(KvsError::invalid_argument(
            "StreamNameCondition.ComparisonValue must be given with ComparisonOperator",
        )
        .into());
    }
    let prefix = condition.comparison_value.unwrap_or_default();
    let mut streams = control.db.list_streams(&prefix, &after, visible.rows(limit) + 1).await?;
    let next_token = visible
        .cut(call, control.db.as_ref(), &mut streams, limit, |stream| {
            (stream.name.clone(), stream.arn.clone())
        })
        .await?;
    let config = &control.config;
    let stream_info_list = streams.into_iter().map(|stream| stream_info(config, stream)).collect();
    Ok(ListStreamsOutput { stream_info_list, next_token })
}

pub(crate) async fn update_stream(
    control: &Control,
    call: &Call,
    input: UpdateStreamInput,
) -> Answer<Empty> {
    let mut stream = control.streams.active(call, &input.stream()?).await?;
    if let Some(device_name) = input.device_name {
        stream.device_name = Some(device_name);
    }
    if let Some(media_type) = input.media_type {
        stream.media_type = Some(media_type);
    }
    save(control, stream, &input.current_version).await
}

pub(crate) async fn describe_stream_storage_configuration(
    control: &Control,
    call: &Call,
    input: DescribeStreamInput,
) -> Answer<DescribeStreamStorageConfigurationOutput> {
    let stream = control.streams.any(call, &input.stream()?).await?;
    let tier = stream.storage_tier.as_deref().and_then(DefaultStorageTier::from_wire);
    Ok(DescribeStreamStorageConfigurationOutput {
        stream_name: Some(stream.name),
        stream_arn: Some(stream.arn),
        stream_storage_configuration: Some(StreamStorageConfiguration {
            default_storage_tier: tier.unwrap_or(DefaultStorageTier::Hot),
        }),
    })
}

pub(crate) async fn update_stream_storage_configuration(
    control: &Control,
    call: &Call,
    input: UpdateStreamStorageConfigurationInput,
) -> Answer<Empty> {
    let mut stream = control.streams.active(call, &input.stream()?).await?;
    let tier = input.stream_storage_configuration.default_storage_tier;
    stream.storage_tier = Some(tier.as_str().to_owned());
    save(control, stream, &input.current_version).await
}

/// Saves a changed stream under a new version, unless the caller's is not the newest.
async fn save(control: &Control, mut stream: Stream, current_version: &str) -> Answer<Empty> {
    stream.version = control.process.new_version();
    match control.db.save_stream(&stream, current_version).await? {
        true => Ok(Empty {}),
        false => Err(version_mismatch().into()),
    }
}

pub(crate) async fn update_data_retention(
    control: &Control,
    call: &Call,
    input: UpdateDataRetentionInput,
) -> Answer<Empty> {
    let mut stream = control.streams.active(call, &input.stream()?).await?;
    let before_hours = stream.retention_hours;
    let change_hours = i64::from(input.data_retention_change_in_hours);
    let retention_hours = retention_in_range(match input.operation {
        UpdateDataRetentionOperation::Increase => i64::from(before_hours) + change_hours,
        UpdateDataRetentionOperation::Decrease => i64::from(before_hours) - change_hours,
    })?;
    stream.retention_hours = retention_hours;
    stream.version = control.process.new_version();
    if !control.db.save_stream(&stream, &input.current_version).await? {
        let is_configured = control.db.edge_configuration(&stream.arn).await?.is_some();
        return Err(match retention_hours == 0 && is_configured {
            true => KvsError::invalid_argument(
                "data retention cannot become 0 while the stream has an edge configuration; call \
                 DeleteEdgeConfiguration first",
            ),
            false => version_mismatch(),
        }
        .into());
    }
    tracing::info!(stream = stream.name, before_hours, retention_hours, "data retention changed");
    if (before_hours == 0) != (retention_hours == 0) {
        // Whether PERSISTED is acknowledged is settled when a connection begins; its producer comes back at once.
        let (turns, key) = (Arc::clone(&control.turns), control.config.media_key(&stream));
        control.process.spawn(async move {
            if let Err(error) = turns.end(&key, EndReason::StreamChanged).await {
                tracing::error!(stream = key, %error, "a connection goes on as before the change");
            }
        });
    }
    if retention_hours < before_hours {
        // What is too old goes at once (KVS API_UpdateDataRetention).
        control.deletion.delete_expired(&stream).await?;
    }
    Ok(Empty {})
}

pub(crate) async fn delete_stream(
    control: &Control,
    call: &Call,
    input: DeleteStreamInput,
) -> Answer<Empty> {
    let identifier = StreamIdentifier::of(None, Some(&input.stream_arn))?;
    let stream = control.streams.any(call, &identifier).await?;
    let expected_version = input.current_version.as_deref().unwrap_or(&stream.version);
    for _ in 0..crate::failure::TRIES_MAX {
        let edge = super::edge_configuration::deletion(control, &stream.arn).await?;
        if control.db.begin_stream_deletion(&stream.arn, expected_version, edge.as_ref()).await? {
            tracing::info!(stream = stream.name, "stream deletion begun");
            if let Some(crate::db::EdgeChange::Save(row)) = &edge {
                super::erasure::foretell(call, row)?;
                tell_hub(control.notices.as_ref(), &row.hub_device_arn);
            }
            control.deletion.erase_stream(stream).await;
            return Ok(Empty {});
        }
        // The version is not the newest, or the edge configuration changed meanwhile.
        let now = control.streams.any(call, &identifier).await?;
        if now.version != expected_version {
            return Err(version_mismatch().into());
        }
    }
    Err(crate::failure::too_busy())
}

fn retention_in_range(hours: i64) -> Result<u32, KvsError> {
    u32::try_from(hours).ok().filter(|hours| *hours <= RETENTION_HOURS_MAX).ok_or_else(|| {
        KvsError::invalid_argument(format!(
            "data retention would be {hours} hours; it must be in 0..={RETENTION_HOURS_MAX}"
        ))
    })
}

fn version_mismatch() -> KvsError {
    KvsError::new(
        ErrorKind::VersionMismatch,
        "CurrentVersion is not the stream's newest version; DescribeStream gives it",
    )
}

fn stream_info(config: &ServerConfig, stream: Stream) -> StreamInfo {
    StreamInfo {
        device_name: stream.device_name,
        stream_name: Some(stream.name),
        stream_arn: Some(stream.arn),
        media_type: stream.media_type,
        kms_key_id: Some(stream.kms_key_id.unwrap_or_else(|| config.default_kms_key_arn())),
        version: Some(stream.version),
        status: Some(match stream.status {
            StreamStatus::Active => WireStatus::Active,
            StreamStatus::Deleting => WireStatus::Deleting,
        }),
        creation_time: Some(stream.created_at),
        data_retention_in_hours: i32::try_from(stream.retention_hours).ok(),
    }
}
