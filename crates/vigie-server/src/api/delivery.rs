//! What streams are configured to deliver: images and notifications (KVS API_UpdateImageGenerationConfiguration,
//! API_UpdateNotificationConfiguration). Stored, checked and given back; what is delivered is not decided here.

use vigie_kvs::shapes::delivery::{
    DescribeImageGenerationConfigurationOutput, DescribeNotificationConfigurationOutput,
    UpdateImageGenerationConfigurationInput, UpdateNotificationConfigurationInput,
};
use vigie_kvs::shapes::stream::DescribeStreamInput;
use vigie_kvs::shapes::{Empty, StreamIdentifier};
use vigie_kvs::{ErrorKind, KvsError};

use super::stored_json::{from_json, to_json};
use super::{Call, Control};
use crate::db::Stream;
use crate::failure::{Answer, TRIES_MAX, too_busy};

pub(crate) async fn describe_image_generation_configuration(
    control: &Control,
    call: &Call,
    input: DescribeStreamInput,
) -> Answer<DescribeImageGenerationConfigurationOutput> {
    let stream = control.streams.active(call, &input.stream()?).await?;
    Ok(DescribeImageGenerationConfigurationOutput {
        image_generation_configuration: from_json(stream.image_generation_json.as_deref())?,
    })
}

pub(crate) async fn update_image_generation_configuration(
    control: &Control,
    call: &Call,
    input: UpdateImageGenerationConfigurationInput,
) -> Answer<Empty> {
    let configuration = &input.image_generation_configuration;
    if let Some(configuration) = configuration {
        configuration.check(&control.config.region)?;
    }
    let json = configuration.as_ref().map(to_json).transpose()?;
    save(control, call, &input.stream()?, json, |stream| &mut stream.image_generation_json).await
}

pub(crate) async fn describe_notification_configuration(
    control: &Control,
    call: &Call,
    input: DescribeStreamInput,
) -> Answer<DescribeNotificationConfigurationOutput> {
    let stream = control.streams.active(call, &input.stream()?).await?;
    Ok(DescribeNotificationConfigurationOutput {
        notification_configuration: from_json(stream.notification_json.as_deref())?,
    })
}

pub(crate) async fn update_notification_configuration(
    control: &Control,
    call: &Call,
    input: UpdateNotificationConfigurationInput,
) -> Answer<Empty> {
    let configuration = &input.notification_configuration;
    if let Some(configuration) = configuration {
        configuration.check()?;
    }
    let json = configuration.as_ref().map(to_json).transpose()?;
    save(control, call, &input.stream()?, json, |stream| &mut stream.notification_json).await
}

/// Saves a configuration, or its absence, in the newest version of the stream.
async fn save(
    control: &Control,
    call: &Call,
    identifier: &StreamIdentifier,
    json: Option<String>,
    column: fn(&mut Stream) -> &mut Option<String>,
) -> Answer<Empty> {
    for _ in 0..TRIES_MAX {
        let mut stream = control.streams.active(call, identifier).await?;
        // Only what is persisted is delivered. What is configured can always be taken away.
        if stream.retention_hours == 0 && json.is_some() {
            let message = "the stream keeps nothing (DataRetentionInHours is 0), so nothing of it \
                           can be delivered; call UpdateDataRetention first";
            return Err(KvsError::new(ErrorKind::NoDataRetention, message).into());
        }
        column(&mut stream).clone_from(&json);
        let before = std::mem::replace(&mut stream.version, control.process.new_version());
        if control.db.save_stream(&stream, &before).await? {
            return Ok(Empty {});
        }
    }
    Err(too_busy())
}
