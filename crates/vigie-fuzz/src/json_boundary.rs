//! Bodies of JSON operations: refused with an error of the operation's protocol or read, and never one by the
//! constraints and the other by the typed input.

use serde::de::DeserializeOwned;
use serde_json::Value;
use vigie_kvs::operation::{OPERATIONS, Operation, parse};
use vigie_kvs::shapes::{
    administration, archived_media, clip_file, delivery, describe_schedule, edge, hub, hub_request,
    images, media, media_ledger, secrets, share_link, stream, stream_media, streaming_session,
    sync_edge_agent, tag, users,
};
use vigie_kvs::{ErrorKind, KvsError, OperationId, Protocol};

/// A line with the name of an operation, or anything else for all of them, then the body.
pub fn json_boundary(data: &[u8]) {
    let (name, body) = crate::first_line(data);
    // A form is no JSON, and has a reader of its own (`vigie_kvs::sts`).
    let json = OPERATIONS.iter().filter(|one| one.protocol() != Protocol::AwsQuery);
    match json.clone().find(|operation| operation.name.as_bytes() == name) {
        Some(operation) => check(operation, body),
        None => json.for_each(|operation| check(operation, body)),
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
    let response = error.response(operation.protocol(), "id");
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
    use OperationId as Id;
    let read = match operation.id {
        Id::CreateStream => read::<stream::CreateStreamInput>,
        Id::DescribeStream => read::<stream::DescribeStreamInput>,
        Id::ListStreams => read::<stream::ListStreamsInput>,
        Id::UpdateDataRetention => read::<stream::UpdateDataRetentionInput>,
        Id::DeleteStream => read::<stream::DeleteStreamInput>,
        Id::UpdateStream => read::<stream::UpdateStreamInput>,
        Id::DescribeStreamStorageConfiguration
        | Id::DescribeImageGenerationConfiguration
        | Id::DescribeNotificationConfiguration => read::<stream::DescribeStreamInput>,
        Id::UpdateStreamStorageConfiguration => {
            read::<stream::UpdateStreamStorageConfigurationInput>
        }
        Id::UpdateImageGenerationConfiguration => {
            read::<delivery::UpdateImageGenerationConfigurationInput>
        }
        Id::UpdateNotificationConfiguration => {
            read::<delivery::UpdateNotificationConfigurationInput>
        }
        Id::TagStream => read::<tag::TagStreamInput>,
        Id::UntagStream => read::<tag::UntagStreamInput>,
        Id::ListTagsForStream => read::<tag::ListTagsForStreamInput>,
        Id::GetDataEndpoint => read::<media::GetDataEndpointInput>,
        Id::GetMedia => read::<media::GetMediaInput>,
        Id::StartEdgeConfigurationUpdate => read::<edge::StartEdgeConfigurationUpdateInput>,
        Id::DescribeEdgeConfiguration => read::<edge::DescribeEdgeConfigurationInput>,
        Id::DeleteEdgeConfiguration => read::<edge::DeleteEdgeConfigurationInput>,
        Id::ListEdgeAgentConfigurations => read::<edge::ListEdgeAgentConfigurationsInput>,
        Id::ListFragments => read::<archived_media::ListFragmentsInput>,
        Id::GetMediaForFragmentList => read::<archived_media::GetMediaForFragmentListInput>,
        Id::SyncEdgeAgent => read::<sync_edge_agent::SyncEdgeAgentInput>,
        Id::CreateAccessKey => read::<administration::CreateAccessKeyInput>,
        Id::ListAccessKeys => read::<administration::ListAccessKeysInput>,
        Id::ListAuditEvents => read::<administration::ListAuditEventsInput>,
        Id::RevokeAccessKey => read::<administration::RevokeAccessKeyInput>,
        Id::CreateUser => read::<users::CreateUserInput>,
        Id::UpdateUser => read::<users::UpdateUserInput>,
        Id::DeleteUser => read::<users::DeleteUserInput>,
        Id::ListUsers => read::<users::ListUsersInput>,
        Id::SignOutUser => read::<users::SignOutUserInput>,
        Id::ChangePassword => read::<users::ChangePasswordInput>,
        Id::ListMediaGaps | Id::ListMediaLosses => read::<media_ledger::ListMediaLedgerInput>,
        Id::DescribeSchedule => read::<describe_schedule::DescribeScheduleInput>,
        Id::DescribeStreamMedia => read::<stream_media::DescribeStreamMediaInput>,
        Id::ListMediaRanges => read::<stream_media::ListMediaRangesInput>,
        Id::ExportClip => read::<clip_file::ExportClipInput>,
        Id::CreateShareLink => read::<share_link::CreateShareLinkInput>,
        Id::ListShareLinks => read::<share_link::ListShareLinksInput>,
        Id::RevokeShareLink => read::<share_link::RevokeShareLinkInput>,
        Id::ListHubs => read::<hub::ListHubsInput>,
        Id::DescribeHub => read::<hub::DescribeHubInput>,
        Id::ForgetHub => read::<hub::ForgetHubInput>,
        Id::TestCamera => read::<hub_request::TestCameraInput>,
        Id::CreateSecret => read::<secrets::CreateSecretInput>,
        Id::GetSecretValue => read::<secrets::GetSecretValueInput>,
        Id::PutSecretValue => read::<secrets::PutSecretValueInput>,
        Id::DescribeSecret => read::<secrets::DescribeSecretInput>,
        Id::ListSecrets => read::<secrets::ListSecretsInput>,
        Id::DeleteSecret => read::<secrets::DeleteSecretInput>,
        Id::GetClip => read::<archived_media::GetClipInput>,
        Id::GetImages => read::<images::GetImagesInput>,
        Id::GetHLSStreamingSessionURL => read::<streaming_session::GetHlsStreamingSessionUrlInput>,
        Id::GetDASHStreamingSessionURL => {
            read::<streaming_session::GetDashStreamingSessionUrlInput>
        }
        // Their input comes in headers, or as a form; the constraints alone are asked.
        Id::PutMedia | Id::GetCallerIdentity | Id::GetSessionToken => read::<Value>,
    };
    read(operation, body)
}
