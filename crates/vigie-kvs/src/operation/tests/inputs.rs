//! From a body to a typed input, and back.

use proptest::prelude::*;
use serde::Serialize;

use super::super::*;
use crate::schema::{Bytes, List, Map, Range, Text};
use crate::shapes::{
    administration::*, archived_media::*, clip_file::*, delivery::*, describe_schedule::*, edge::*,
    hub::*, hub_request::*, images::*, media::*, media_ledger::*, secrets::*, share_link::*,
    stream::*, stream_media::*, streaming_session::*, sync_edge_agent::*, tag::*, users::*,
};

/// The operations whose input is JSON; PutMedia's comes in headers, STS's in forms.
fn round_trip(operation: &Operation, body: &[u8]) -> Option<Result<Value, KvsError>> {
    fn of<T: DeserializeOwned + Serialize>(
        operation: &Operation,
        body: &[u8],
    ) -> Option<Result<Value, KvsError>> {
        let input = parse::<T>(operation, body);
        Some(input.map(|input| serde_json::to_value(input).unwrap()))
    }
    use OperationId as Id;
    match operation.id {
        Id::CreateStream => of::<CreateStreamInput>(operation, body),
        Id::DescribeStream => of::<DescribeStreamInput>(operation, body),
        Id::ListStreams => of::<ListStreamsInput>(operation, body),
        Id::UpdateDataRetention => of::<UpdateDataRetentionInput>(operation, body),
        Id::DeleteStream => of::<DeleteStreamInput>(operation, body),
        Id::GetDataEndpoint => of::<GetDataEndpointInput>(operation, body),
        Id::UpdateStream => of::<UpdateStreamInput>(operation, body),
        Id::DescribeStreamStorageConfiguration
        | Id::DescribeImageGenerationConfiguration
        | Id::DescribeNotificationConfiguration => of::<DescribeStreamInput>(operation, body),
        Id::UpdateStreamStorageConfiguration => {
            of::<UpdateStreamStorageConfigurationInput>(operation, body)
        }
        Id::UpdateImageGenerationConfiguration => {
            of::<UpdateImageGenerationConfigurationInput>(operation, body)
        }
        Id::UpdateNotificationConfiguration => {
            of::<UpdateNotificationConfigurationInput>(operation, body)
        }
        Id::UntagStream => of::<UntagStreamInput>(operation, body),
        Id::ListTagsForStream => of::<ListTagsForStreamInput>(operation, body),
        Id::TagStream => of::<TagStreamInput>(operation, body),
        Id::StartEdgeConfigurationUpdate => {
            of::<StartEdgeConfigurationUpdateInput>(operation, body)
        }
        Id::DescribeEdgeConfiguration => of::<DescribeEdgeConfigurationInput>(operation, body),
        Id::DeleteEdgeConfiguration => of::<DeleteEdgeConfigurationInput>(operation, body),
        Id::ListEdgeAgentConfigurations => of::<ListEdgeAgentConfigurationsInput>(operation, body),
        Id::ListFragments => of::<ListFragmentsInput>(operation, body),
        Id::GetMedia => of::<GetMediaInput>(operation, body),
        Id::CreateSecret => of::<CreateSecretInput>(operation, body),
        Id::GetSecretValue => of::<GetSecretValueInput>(operation, body),
        Id::PutSecretValue => of::<PutSecretValueInput>(operation, body),
        Id::DescribeSecret => of::<DescribeSecretInput>(operation, body),
        Id::ListSecrets => of::<ListSecretsInput>(operation, body),
        Id::DeleteSecret => of::<DeleteSecretInput>(operation, body),
        Id::SyncEdgeAgent => of::<SyncEdgeAgentInput>(operation, body),
        Id::CreateAccessKey => of::<CreateAccessKeyInput>(operation, body),
        Id::ListAccessKeys => of::<ListAccessKeysInput>(operation, body),
        Id::ListAuditEvents => of::<ListAuditEventsInput>(operation, body),
        Id::RevokeAccessKey => of::<RevokeAccessKeyInput>(operation, body),
        Id::CreateUser => of::<CreateUserInput>(operation, body),
        Id::UpdateUser => of::<UpdateUserInput>(operation, body),
        Id::DeleteUser => of::<DeleteUserInput>(operation, body),
        Id::ListUsers => of::<ListUsersInput>(operation, body),
        Id::SignOutUser => of::<SignOutUserInput>(operation, body),
        Id::ChangePassword => of::<ChangePasswordInput>(operation, body),
        Id::ListMediaGaps | Id::ListMediaLosses => of::<ListMediaLedgerInput>(operation, body),
        Id::DescribeSchedule => of::<DescribeScheduleInput>(operation, body),
        Id::DescribeStreamMedia => of::<DescribeStreamMediaInput>(operation, body),
        Id::ListMediaRanges => of::<ListMediaRangesInput>(operation, body),
        Id::ExportClip => of::<ExportClipInput>(operation, body),
        Id::CreateShareLink => of::<CreateShareLinkInput>(operation, body),
        Id::ListShareLinks => of::<ListShareLinksInput>(operation, body),
        Id::RevokeShareLink => of::<RevokeShareLinkInput>(operation, body),
        Id::ListHubs => of::<ListHubsInput>(operation, body),
        Id::DescribeHub => of::<DescribeHubInput>(operation, body),
        Id::ForgetHub => of::<ForgetHubInput>(operation, body),
        Id::TestCamera => of::<TestCameraInput>(operation, body),
        Id::GetMediaForFragmentList => of::<GetMediaForFragmentListInput>(operation, body),
        Id::GetClip => of::<GetClipInput>(operation, body),
        Id::GetImages => of::<GetImagesInput>(operation, body),
        Id::GetHLSStreamingSessionURL => of::<GetHlsStreamingSessionUrlInput>(operation, body),
        Id::GetDASHStreamingSessionURL => of::<GetDashStreamingSessionUrlInput>(operation, body),
        Id::PutMedia | Id::GetCallerIdentity | Id::GetSessionToken => None,
    }
}

/// A value of the shape with every member present.
fn full(name: &str, shape: &Shape) -> Value {
    match shape {
        Shape::String(text) => Value::from(text_of(name, text)),
        Shape::Integer(Range { min, .. }) | Shape::Long(Range { min, .. }) => {
            Value::from(min.unwrap_or(7))
        }
        Shape::Boolean => Value::from(true),
        Shape::Timestamp => Value::from(1_705_489_836.421),
        Shape::Blob(Bytes { .. }) => Value::from("AAECAw=="),
        Shape::Structure(members) => {
            members.iter().map(|m| (m.name.to_owned(), full(m.name, m.shape))).collect()
        }
        Shape::List(List { element, .. }) => vec![full(name, element); 2].into(),
        Shape::Map(Map { key, value, .. }) => {
            [(text_of("TagKey", key), full("TagValue", value))].into_iter().collect()
        }
    }
}

fn text_of(name: &str, text: &Text) -> String {
    if let Some(value) = text.values.last() {
        return (*value).to_owned();
    }
    let place = "us-east-1:000000000000";
    match name {
        "StreamARN" => format!("arn:aws:kinesisvideo:{place}:stream/gate/1705489836421"),
        "HubDeviceArn" => format!("arn:aws:iot:{place}:thing/hub"),
        "MediaUriSecretArn" => format!("arn:aws:secretsmanager:{place}:secret:cam-AbCdEf"),
        "MediaType" => "video/h264".to_owned(),
        "Region" | "DestinationRegion" => "us-east-1".to_owned(),
        "Uri" => "s3://bucket/prefix".to_owned(),
        _ => "1".repeat(text.length_min.max(1)),
    }
}

#[test]
fn typed_inputs_hold_every_member_of_their_schema() {
    for operation in OPERATIONS {
        let input = full("", operation.input);
        assert_eq!(validate(operation, &input), Ok(()), "{}", operation.name);
        if let Some(parsed) = round_trip(operation, input.to_string().as_bytes()) {
            assert_eq!(parsed, Ok(input), "{}", operation.name);
        } else {
            let is_form = operation.protocol() == Protocol::AwsQuery;
            assert!(is_form || operation.id == OperationId::PutMedia, "{}", operation.name);
        }
    }
}

#[test]
fn absent_null_and_unknown_members_are_alike() {
    for body in [&b""[..], b"{}", br#"{"NextToken":null,"Future":{"a":[1]}}"#] {
        assert_eq!(parse::<ListStreamsInput>(&LIST_STREAMS, body), Ok(ListStreamsInput::default()));
    }
}

#[test]
fn bodies_that_cannot_be_read_are_errors_of_the_protocol() {
    let check = |operation: &Operation, body: &[u8], kind: ErrorKind, message: &str| {
        let error = round_trip(operation, body).unwrap().unwrap_err();
        assert_eq!((error.kind, error.message.as_str()), (kind, message));
    };
    let invalid = ErrorKind::InvalidArgument;
    let line_1 = |column| format!("the request body is not valid JSON (line 1, column {column})");
    check(&LIST_STREAMS, b"{\"a\":hunter2}", invalid, &line_1(6));
    check(&LIST_STREAMS, b"\xff\xfe", invalid, &line_1(1));
    check(&GET_SECRET_VALUE, b"{", ErrorKind::Serialization, &line_1(1));
    let deep = "[".repeat(100_000);
    check(&LIST_STREAMS, deep.as_bytes(), invalid, &line_1(128));
    let long = vec![b' '; BODY_BYTES_MAX + 1];
    let message = "the request body exceeds 1048576 bytes";
    check(&LIST_STREAMS, &long, invalid, message);
    check(&GET_SECRET_VALUE, &long, ErrorKind::Serialization, message);
}

#[test]
fn refusals_of_iam_use_the_exception_that_the_operation_declares() {
    assert_eq!(DESCRIBE_STREAM.denied_error(), ErrorKind::NotAuthorized);
    assert_eq!(START_EDGE_CONFIGURATION_UPDATE.denied_error(), ErrorKind::AccessDenied);
    assert_eq!(LIST_EDGE_AGENT_CONFIGURATIONS.denied_error(), ErrorKind::NotAuthorized);
    assert_eq!(GET_SECRET_VALUE.denied_error(), ErrorKind::AccessDenied);
}

proptest! {
    #[test]
    fn any_body_is_read_without_panic(body in any::<Vec<u8>>(), text in "[\\[\\]{}\",:a-zA-Z0-9 ]{0,60}") {
        for operation in OPERATIONS {
            let _read = round_trip(operation, &body);
            let _read = round_trip(operation, text.as_bytes());
        }
    }
}
