//! What is refused, and with which words.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

use std::collections::BTreeMap;

use super::*;
use crate::operation::*;
use crate::schema::Shape;

fn check(operation: &Operation, input: Value, kind: ErrorKind, message: &str) {
    let error = validate(operation, &input).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (kind, message), "{input}");
}

fn invalid(operation: &Operation, input: Value, message: &str) {
    check(operation, input, ErrorKind::InvalidArgument, message);
}

fn edge_config() -> Value {
    json!({
        "StreamName": "gate",
        "EdgeConfig": {
            "HubDeviceArn": "arn:aws:iot:us-east-1:000000000000:thing/hub",
            "RecorderConfig": { "MediaSourceConfig": {
                "MediaUriSecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-AbCdEf",
                "MediaUriType": "RTSP_URI",
            } },
        },
    })
}

#[test]
fn broken_constraints_name_member_constraint_and_value() {
    invalid(
        &CREATE_STREAM,
        json!({}),
        "1 validation error detected: Value null at 'StreamName' failed to satisfy constraint: Member must not be null",
    );
    invalid(
        &CREATE_STREAM,
        json!({ "StreamName": "a b" }),
        "1 validation error detected: Value 'a b' at 'StreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
    );
    invalid(
        &UPDATE_DATA_RETENTION,
        json!({ "StreamName": "a", "CurrentVersion": "1", "Operation": "KEEP", "DataRetentionChangeInHours": 0 }),
        "2 validation errors detected: Value 'KEEP' at 'Operation' failed to satisfy constraint: Member must satisfy enum value set: [INCREASE_DATA_RETENTION, DECREASE_DATA_RETENTION]; Value '0' at 'DataRetentionChangeInHours' failed to satisfy constraint: Member must have value greater than or equal to 1",
    );
    invalid(
        &LIST_EDGE_AGENT_CONFIGURATIONS,
        json!({ "HubDeviceArn": "arn:aws:iot:us-east-1:0:thing/h", "MaxResults": 11 }),
        "1 validation error detected: Value '11' at 'MaxResults' failed to satisfy constraint: Member must have value less than or equal to 10",
    );
}

#[test]
fn a_malformed_arn_alone_is_the_tag_operations_own_exception() {
    let kind = |operation: &Operation, input: Value| validate(operation, &input).unwrap_err().kind;
    let format = ErrorKind::InvalidResourceFormat;
    for arn in ["gate", "", "arn:aws:kinesisvideo:us-east-1:0:stream/gate"] {
        assert_eq!(kind(&LIST_TAGS_FOR_STREAM, json!({ "StreamARN": arn })), format);
        let input = json!({ "StreamARN": arn, "TagKeyList": ["a"] });
        assert_eq!(kind(&UNTAG_STREAM, input), format);
        let two = json!({ "StreamARN": arn, "TagKeyList": [] });
        assert_eq!(kind(&UNTAG_STREAM, two), ErrorKind::InvalidArgument);
        let elsewhere = json!({ "StreamARN": arn });
        assert_eq!(kind(&DESCRIBE_STREAM, elsewhere), ErrorKind::InvalidArgument);
    }
}

#[test]
fn nested_members_are_named_by_their_path() {
    let mut input = edge_config();
    input["EdgeConfig"]["RecorderConfig"]["ScheduleConfig"] =
        json!({ "ScheduleExpression": "0 0 9 * * ? *", "DurationInSeconds": 59 });
    invalid(
        &START_EDGE_CONFIGURATION_UPDATE,
        input,
        "1 validation error detected: Value '59' at 'EdgeConfig.RecorderConfig.ScheduleConfig.DurationInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60",
    );
    invalid(
        &GET_MEDIA_FOR_FRAGMENT_LIST,
        json!({ "Fragments": ["1", "x"] }),
        "1 validation error detected: Value 'x' at 'Fragments.2.member' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[0-9]+$",
    );
    let tags = json!({ "StreamName": "a", "Tags": { "a<b": "c" } });
    let error = validate(&TAG_STREAM, &tags).unwrap_err().message;
    assert!(
        error.starts_with("1 validation error detected: Value 'a<b' at 'Tags.a<b' failed"),
        "{error}"
    );
}

#[test]
fn uploads_without_a_schedule_are_accepted() {
    let mut input = edge_config();
    for uploader in [json!(null), json!({}), json!({ "ScheduleConfig": null })] {
        input["EdgeConfig"]["UploaderConfig"] = uploader;
        assert_eq!(validate(&START_EDGE_CONFIGURATION_UPDATE, &input), Ok(()));
    }
}

#[test]
fn sensitive_values_are_not_repeated() {
    let mut input = edge_config();
    input["EdgeConfig"]["RecorderConfig"]["MediaSourceConfig"]["MediaUriSecretArn"] =
        json!("rtsp://admin:hunter2@camera");
    let error = validate(&START_EDGE_CONFIGURATION_UPDATE, &input).unwrap_err();
    assert!(error.message.starts_with("1 validation error detected: Value at 'EdgeConfig."));
    assert!(!error.message.contains("hunter2"));

    let input = json!({ "SecretId": "a", "SecretString": "hunter2".repeat(10_000) });
    let error = validate(&PUT_SECRET_VALUE, &input).unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidParameter);
    assert!(!error.message.contains("hunter2"));
}

#[test]
fn wrong_types_are_errors_of_the_protocol() {
    invalid(&CREATE_STREAM, json!([]), "the request body must be a JSON object");
    invalid(&CREATE_STREAM, json!({ "StreamName": 7 }), "StreamName must be a string");
    for hours in [json!("1"), json!(1.5), json!(4_294_967_296_i64), json!(true)] {
        let input = json!({ "StreamName": "a", "DataRetentionInHours": hours });
        invalid(&CREATE_STREAM, input, "DataRetentionInHours must be a whole number of 32 bits");
    }
    let serialization = ErrorKind::Serialization;
    check(&GET_SECRET_VALUE, json!({ "SecretId": 7 }), serialization, "SecretId must be a string");
    let secret = json!({ "SecretId": "a", "SecretBinary": "not base64!" });
    check(&PUT_SECRET_VALUE, secret, serialization, "SecretBinary must be base64 text");
    let selector = json!({ "StreamName": "a", "StartSelector": {
        "StartSelectorType": "SERVER_TIMESTAMP", "StartTimestamp": "now" } });
    invalid(
        &GET_MEDIA,
        selector,
        "StartSelector.StartTimestamp must be a time in seconds since 1970",
    );
}

#[test]
fn lengths_count_characters_and_decoded_bytes() {
    let tag = |key: &str| json!({ "StreamName": "a", "Tags": { key: "ü".repeat(256) } });
    assert_eq!(validate(&TAG_STREAM, &tag(&"é".repeat(128))), Ok(()));
    assert!(validate(&TAG_STREAM, &tag(&"é".repeat(129))).is_err());
    let secret =
        |bytes: usize| json!({ "SecretId": "a", "SecretBinary": STANDARD.encode(vec![0; bytes]) });
    assert_eq!(validate(&PUT_SECRET_VALUE, &secret(65_536)), Ok(()));
    assert!(validate(&PUT_SECRET_VALUE, &secret(65_537)).is_err());
}

#[test]
fn patterns_are_of_ascii_and_match_the_whole_value() {
    let arn = |arn: &str| validate(&DESCRIBE_STREAM, &json!({ "StreamARN": arn })).is_ok();
    assert!(arn("arn:aws:kinesisvideo:us-east-1:000000000000:stream/a/1"));
    assert!(!arn("xarn:aws:kinesisvideo:us-east-1:000000000000:stream/a/1"));
    assert!(!arn("arn:aws:kinesisvideo:us-east-1:000000000000:stream/a/1\n"));
    assert!(!arn("arn:aws٣:kinesisvideo:us-east-1:0:stream/a/1"), "\\d is an ASCII digit");
    let media = |text: &str| {
        validate(&CREATE_STREAM, &json!({ "StreamName": "a", "MediaType": text })).is_ok()
    };
    assert!(media("video/h264,audio/aac") && !media("video/ü") && !media("video"));
}

#[test]
fn every_pattern_compiles() {
    let mut patterns = BTreeMap::new();
    OPERATIONS.iter().for_each(|operation| collect(operation.input, &mut patterns));
    assert!(patterns.len() > 10);
    for pattern in patterns.keys() {
        assert!(PATTERNS.knows(pattern), "{pattern}");
    }
}

fn collect(shape: &Shape, patterns: &mut BTreeMap<&'static str, ()>) {
    match shape {
        Shape::String(text) => patterns.extend(text.pattern.map(|pattern| (pattern, ()))),
        Shape::Structure(members) => members.iter().for_each(|m| collect(m.shape, patterns)),
        Shape::List(list) => collect(list.element, patterns),
        Shape::Map(map) => {
            patterns.extend(map.key.pattern.map(|pattern| (pattern, ())));
            collect(map.value, patterns);
        }
        _ => {}
    }
}

#[test]
fn long_values_and_many_errors_are_cut() {
    let fragments: Vec<String> = (0..1000).map(|_| "x".repeat(1000)).collect();
    let error =
        validate(&GET_MEDIA_FOR_FRAGMENT_LIST, &json!({ "Fragments": fragments })).unwrap_err();
    assert!(error.message.starts_with("2000 validation errors detected: Value 'xxx"));
    assert!(error.message.len() < 4096);
}

fn any_json() -> impl Strategy<Value = Value> {
    let names: Vec<&'static str> = vec![
        "StreamName",
        "StreamARN",
        "EdgeConfig",
        "RecorderConfig",
        "MediaSourceConfig",
        "Tags",
        "StartSelector",
        "StartTimestamp",
        "Fragments",
        "Streams",
        "SecretId",
        "SecretBinary",
        "x",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 40, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(
                proptest::sample::select(names.clone()).prop_map(str::to_owned),
                inner,
                0..6
            )
            .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_checked_without_panic(input in any_json()) {
        for operation in OPERATIONS {
            let _checked = validate(operation, &input);
        }
    }
}
