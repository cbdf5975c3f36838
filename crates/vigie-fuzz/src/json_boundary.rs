//! Bodies of JSON operations: refused with an error of the operation's protocol or read, and never one by the
//! constraints and the other by the typed input.

use serde::de::DeserializeOwned;
use serde_json::Value;
use vigie_kvs::operation::{OPERATIONS, Operation, parse};
use vigie_kvs::shapes::{
    administration, archived_media, delivery, edge, hub_request, media, media_ledger, overview,
    secrets, stream, sync_edge_agent, tag,
};
use vigie_kvs::{ErrorKind, KvsError};

/// A line with the name of an operation, or anything else for all of them, then the body.
pub fn json_boundary(data: &[u8]) {
    let (name, body) = crate::first_line(data);
    match OPERATIONS.iter().find(|operation| operation.name.as_bytes() == name) {
        Some(operation) => check(operation, body),
        None => OPERATIONS.iter().for_each(|operation| check(operation, body)),
    }
}

fn check(operation: &Operation, body: &[u8]) {
    let valid = parse::<Value>(operation, body);
    let typed = typed(operation, body);
    match (&valid, &typed) {
        (Ok(_), Ok(())) => {}
        (Err(valid), Err(typed)) => assert_eq!(valid, typed),
        _ => panic!("{}: by constraints {valid:?}, by type {typed:?}", operation.name),
    }
    if let Err(error) = valid {
        check_error(operation, &error);
    }
}

/// A refusal is a client's error that the operation's protocol can write.
fn check_error(operation: &Operation, error: &KvsError) {
    let response = error.response(operation.protocol());
    assert!((400..500).contains(&response.status), "{error:?}");
    assert!(error.kind != ErrorKind::InternalFailure, "{error:?}");
    let body: Result<Value, _> = serde_json::from_slice(response.body.as_ref());
    assert!(body.is_ok_and(|body| body.is_object()), "{error:?}");
}

/// Reads the body as the handler of the operation does.
fn typed(operation: &Operation, body: &[u8]) -> Result<(), KvsError> {
    fn read<T: DeserializeOwned>(operation: &Operation, body: &[u8]) -> Result<(), KvsError> {
        parse::<T>(operation, body).map(drop)
    }
    let read = match operation.name {
        "CreateStream" => read::<stream::CreateStreamInput>,
        "DescribeStream" => read::<stream::DescribeStreamInput>,
        "ListStreams" => read::<stream::ListStreamsInput>,
        "UpdateDataRetention" => read::<stream::UpdateDataRetentionInput>,
        "DeleteStream" => read::<stream::DeleteStreamInput>,
        "UpdateStream" => read::<stream::UpdateStreamInput>,
        "DescribeStreamStorageConfiguration"
        | "DescribeImageGenerationConfiguration"
        | "DescribeNotificationConfiguration" => read::<stream::DescribeStreamInput>,
        "UpdateStreamStorageConfiguration" => read::<stream::UpdateStreamStorageConfigurationInput>,
        "UpdateImageGenerationConfiguration" => {
            read::<delivery::UpdateImageGenerationConfigurationInput>
        }
        "UpdateNotificationConfiguration" => read::<delivery::UpdateNotificationConfigurationInput>,
        "TagStream" => read::<tag::TagStreamInput>,
        "UntagStream" => read::<tag::UntagStreamInput>,
        "ListTagsForStream" => read::<tag::ListTagsForStreamInput>,
        "GetDataEndpoint" => read::<media::GetDataEndpointInput>,
        "GetMedia" => read::<media::GetMediaInput>,
        "StartEdgeConfigurationUpdate" => read::<edge::StartEdgeConfigurationUpdateInput>,
        "DescribeEdgeConfiguration" => read::<edge::DescribeEdgeConfigurationInput>,
        "DeleteEdgeConfiguration" => read::<edge::DeleteEdgeConfigurationInput>,
        "ListEdgeAgentConfigurations" => read::<edge::ListEdgeAgentConfigurationsInput>,
        "ListFragments" => read::<archived_media::ListFragmentsInput>,
        "GetMediaForFragmentList" => read::<archived_media::GetMediaForFragmentListInput>,
        "SyncEdgeAgent" => read::<sync_edge_agent::SyncEdgeAgentInput>,
        "CreateAccessKey" => read::<administration::CreateAccessKeyInput>,
        "ListAccessKeys" => read::<administration::ListAccessKeysInput>,
        "ListAuditEvents" => read::<administration::ListAuditEventsInput>,
        "RevokeAccessKey" => read::<administration::RevokeAccessKeyInput>,
        "ListMediaGaps" | "ListMediaLosses" => read::<media_ledger::ListMediaLedgerInput>,
        "DescribeSchedule" => read::<overview::DescribeScheduleInput>,
        "DescribeStreamMedia" => read::<overview::DescribeStreamMediaInput>,
        "ListMediaRanges" => read::<overview::ListMediaRangesInput>,
        "ListHubs" => read::<media_ledger::ListHubsInput>,
        "DescribeHub" => read::<media_ledger::DescribeHubInput>,
        "TestCamera" => read::<hub_request::TestCameraInput>,
        "CreateSecret" => read::<secrets::CreateSecretInput>,
        "GetSecretValue" => read::<secrets::GetSecretValueInput>,
        "PutSecretValue" => read::<secrets::PutSecretValueInput>,
        "DescribeSecret" => read::<secrets::DescribeSecretInput>,
        "ListSecrets" => read::<secrets::ListSecretsInput>,
        "DeleteSecret" => read::<secrets::DeleteSecretInput>,
        // Operations without a typed input: the constraints alone are asked.
        _ => read::<Value>,
    };
    read(operation, body)
}
