//! What a user would do with the AWS CLI: a stream, a camera secret, an edge configuration. Done again at each start,
//! because the camera's port is a new one.

use std::time::Duration;

use serde_json::{Value, json};
use vigie_agent::ApiClient;
use vigie_agent::core::CallFailure;
use vigie_kvs::ErrorKind;
use vigie_kvs::operation::{self, Operation};
use vigie_media::Timestamp;

use crate::failure::{Doing, Failure};

/// The stream of the demonstration.
pub const STREAM_NAME: &str = "demo";
/// Its hub.
pub const HUB_DEVICE_ARN: &str = "arn:aws:iot:us-east-1:000000000000:thing/demo";
const SECRET_NAME: &str = "demo-camera";
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// Makes the stream, the secret and the configuration, or brings those of an earlier start up to date.
pub async fn configure(api: &ApiClient, camera_url: &str) -> Result<(), Failure> {
    let stream = json!({ "StreamName": STREAM_NAME, "DataRetentionInHours": 24 });
    create(api, &operation::CREATE_STREAM, &stream, ErrorKind::ResourceInUse).await?;

    let value = json!({ "MediaURI": camera_url }).to_string();
    let secret = json!({ "Name": SECRET_NAME, "SecretString": value });
    let created =
        create(api, &operation::CREATE_SECRET, &secret, ErrorKind::ResourceExists).await?;
    let secret = match created {
        Some(secret) => secret,
        None => {
            let update = json!({ "SecretId": SECRET_NAME, "SecretString": value });
            invoke(api, &operation::PUT_SECRET_VALUE, &update).await?
        }
    };

    // Record always, upload always (hour after hour), keep little: a demonstration must not fill a disk.
    let configuration = json!({
        "StreamName": STREAM_NAME,
        "EdgeConfig": {
            "HubDeviceArn": HUB_DEVICE_ARN,
            "RecorderConfig": { "MediaSourceConfig": {
                "MediaUriSecretArn": secret["ARN"], "MediaUriType": "RTSP_URI",
            } },
            "UploaderConfig": { "ScheduleConfig": {
                "ScheduleExpression": "0 0 * * * ?", "DurationInSeconds": 3600,
            } },
            "DeletionConfig": {
                "EdgeRetentionInHours": 1,
                "LocalSizeConfig": {
                    "MaxLocalMediaSizeInMB": 64, "StrategyOnFullSize": "DELETE_OLDEST_MEDIA",
                },
                "DeleteAfterUpload": true,
            },
        },
    });
    // In use: an earlier start's configuration is still on its way to the hub, and it is the same.
    let start = &operation::START_EDGE_CONFIGURATION_UPDATE;
    create(api, start, &configuration, ErrorKind::ResourceInUse).await?;
    Ok(())
}

/// Waits until media that was recorded after `since` can be read from the server.
pub async fn first_media(
    api: &ApiClient,
    since: Timestamp,
    timeout: Duration,
) -> Result<(), Failure> {
    let stream: Value =
        invoke(api, &operation::DESCRIBE_STREAM, &json!({ "StreamName": STREAM_NAME })).await?;
    let arn = stream["StreamInfo"]["StreamARN"].as_str().unwrap_or_default().to_owned();
    let listed = async {
        loop {
            let fragments = api.list_fragments(&arn, since, FAR_FUTURE).await;
            match fragments {
                Ok(fragments) if fragments.is_empty() => {}
                Ok(_) => return Ok(()),
                Err(failure) => return Err(failure).doing("list the fragments"),
            }
            tokio::time::sleep(ASK_AGAIN_AFTER).await;
        }
    };
    tokio::time::timeout(timeout, listed).await.unwrap_or_else(|_| {
        Err(Failure::other(format!(
            "no media has reached the server after {} s; the log above says why",
            timeout.as_secs()
        )))
    })
}

/// 9999-12-31: later than any media.
const FAR_FUTURE: Timestamp = Timestamp::from_millis(253_402_214_400_000);

/// The answer, or nothing when the service says that it is there already.
async fn create(
    api: &ApiClient,
    operation: &'static Operation,
    input: &Value,
    already: ErrorKind,
) -> Result<Option<Value>, Failure> {
    match api.invoke(operation, input).await {
        Ok(answer) => Ok(Some(answer)),
        Err(CallFailure::Refused { kind: Some(kind), .. }) if kind == already => Ok(None),
        Err(failure) => Err(failure).doing(format!("call {}", operation.name)),
    }
}

async fn invoke(
    api: &ApiClient,
    operation: &'static Operation,
    input: &Value,
) -> Result<Value, Failure> {
    api.invoke(operation, input).await.doing(format!("call {}", operation.name))
}
