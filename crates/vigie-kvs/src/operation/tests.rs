//! From a body to a typed input, and back.

use proptest::prelude::*;
use serde::Serialize;

use super::*;
use crate::schema::{Bytes, List, Map, Range, Text};
use crate::shapes::{
    administration::*, archived_media::*, delivery::*, edge::*, hub_request::*, media::*,
    media_ledger::*, overview::*, secrets::*, stream::*, sync_edge_agent::*, tag::*,
};

/// The operations that have a typed input; PutMedia's comes in headers.
fn round_trip(operation: &Operation, body: &[u8]) -> Option<Result<Value, KvsError>> {
    fn of<T: DeserializeOwned + Serialize>(
        operation: &Operation,
        body: &[u8],
    ) -> Option<Result<Value, KvsError>> {
        let input = parse::<T>(operation, body);
        Some(input.map(|input| serde_json::to_value(input).unwrap()))
    }
    match operation.name {
        "CreateStream" => of::<CreateStreamInput>(operation, body),
        "DescribeStream" => of::<DescribeStreamInput>(operation, body),
        "ListStreams" => of::<ListStreamsInput>(operation, body),
        "UpdateDataRetention" => of::<UpdateDataRetentionInput>(operation, body),
        "DeleteStream" => of::<DeleteStreamInput>(operation, body),
        "GetDataEndpoint" => of::<GetDataEndpointInput>(operation, body),
        "UpdateStream" => of::<UpdateStreamInput>(operation, body),
        "DescribeStreamStorageConfiguration"
        | "DescribeImageGenerationConfiguration"
        | "DescribeNotificationConfiguration" => of::<DescribeStreamInput>(operation, body),
        "UpdateStreamStorageConfiguration" => {
            of::<UpdateStreamStorageConfigurationInput>(operation, body)
        }
        "UpdateImageGenerationConfiguration" => {
            of::<UpdateImageGenerationConfigurationInput>(operation, body)
        }
        "UpdateNotificationConfiguration" => {
            of::<UpdateNotificationConfigurationInput>(operation, body)
        }
        "UntagStream" => of::<UntagStreamInput>(operation, body),
        "ListTagsForStream" => of::<ListTagsForStreamInput>(operation, body),
        "TagStream" => of::<TagStreamInput>(operation, body),
        "StartEdgeConfigurationUpdate" => of::<StartEdgeConfigurationUpdateInput>(operation, body),
        "DescribeEdgeConfiguration" => of::<DescribeEdgeConfigurationInput>(operation, body),
        "DeleteEdgeConfiguration" => of::<DeleteEdgeConfigurationInput>(operation, body),
        "ListEdgeAgentConfigurations" => of::<ListEdgeAgentConfigurationsInput>(operation, body),
        "ListFragments" => of::<ListFragmentsInput>(operation, body),
        "GetMedia" => of::<GetMediaInput>(operation, body),
        "CreateSecret" => of::<CreateSecretInput>(operation, body),
        "GetSecretValue" => of::<GetSecretValueInput>(operation, body),
        "PutSecretValue" => of::<PutSecretValueInput>(operation, body),
        "DescribeSecret" => of::<DescribeSecretInput>(operation, body),
        "ListSecrets" => of::<ListSecretsInput>(operation, body),
        "DeleteSecret" => of::<DeleteSecretInput>(operation, body),
        "SyncEdgeAgent" => of::<SyncEdgeAgentInput>(operation, body),
        "CreateAccessKey" => of::<CreateAccessKeyInput>(operation, body),
        "ListAccessKeys" => of::<ListAccessKeysInput>(operation, body),
        "ListAuditEvents" => of::<ListAuditEventsInput>(operation, body),
        "RevokeAccessKey" => of::<RevokeAccessKeyInput>(operation, body),
        "ListMediaGaps" | "ListMediaLosses" => of::<ListMediaLedgerInput>(operation, body),
        "DescribeSchedule" => of::<DescribeScheduleInput>(operation, body),
        "DescribeStreamMedia" => of::<DescribeStreamMediaInput>(operation, body),
        "ListMediaRanges" => of::<ListMediaRangesInput>(operation, body),
        "ListHubs" => of::<ListHubsInput>(operation, body),
        "DescribeHub" => of::<DescribeHubInput>(operation, body),
        "TestCamera" => of::<TestCameraInput>(operation, body),
        _ => None,
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
    let mut typed = 0;
    for operation in OPERATIONS {
        let input = full("", operation.input);
        assert_eq!(validate(operation, &input), Ok(()), "{}", operation.name);
        if let Some(parsed) = round_trip(operation, input.to_string().as_bytes()) {
            assert_eq!(parsed, Ok(input), "{}", operation.name);
            typed += 1;
        } else {
            // Playback is not typed yet, PutMedia comes in headers; the control plane is whole.
            assert_ne!(operation.service, Service::KinesisVideo, "{}", operation.name);
        }
    }
    assert_eq!(typed, 41);
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
