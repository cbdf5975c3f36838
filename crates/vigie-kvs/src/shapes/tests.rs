//! Rules between members, and the forms of outputs.

use serde_json::json;
use vigie_media::Timestamp;

use super::{StreamIdentifier, archived_media::*, edge::*, media::*, secrets::*, stream::*};
use crate::error::{ErrorKind, KvsError};
use crate::fragment_number::FragmentNumber;
use crate::sensitive::Sensitive;

const ARN: &str = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/1705489836421";

fn message<T: std::fmt::Debug>(result: Result<T, KvsError>) -> String {
    let error = result.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::InvalidArgument | ErrorKind::InvalidParameter));
    error.message
}

#[test]
fn exactly_one_of_name_and_arn_identifies_a_stream() {
    let name = StreamIdentifier::of(Some("gate"), None);
    assert_eq!(name, Ok(StreamIdentifier::Name("gate".to_owned())));
    let arn = StreamIdentifier::of(None, Some(ARN)).unwrap();
    assert_eq!(arn.stream_name(), "gate");
    assert!(message(StreamIdentifier::of(None, None)).contains("must be given"));
    assert!(message(StreamIdentifier::of(Some("a"), Some(ARN))).contains("leave one out"));
    let channel = ARN.replace("stream/", "channel/");
    assert!(message(StreamIdentifier::of(None, Some(&channel))).contains("not an ARN of the form"));
}

#[test]
fn stream_info_looks_like_the_service_s() {
    let info = StreamInfo {
        stream_name: Some("gate".to_owned()),
        stream_arn: Some(ARN.to_owned()),
        status: Some(StreamStatus::Active),
        creation_time: Some(Timestamp::from_millis(1_705_489_836_421)),
        data_retention_in_hours: Some(24),
        ..StreamInfo::default()
    };
    assert_eq!(
        serde_json::to_string(&DescribeStreamOutput { stream_info: info.clone() }).unwrap(),
        format!(
            r#"{{"StreamInfo":{{"StreamName":"gate","StreamARN":"{ARN}","Status":"ACTIVE","CreationTime":1705489836.421,"DataRetentionInHours":24}}}}"#
        )
    );
    // The service prints explicit nulls, members that no model knows, and times with an exponent.
    let real = format!(
        r#"{{"StreamName":"gate","StreamARN":"{ARN}","DeviceName":null,"IngestionConfiguration":null,"Status":"ACTIVE","CreationTime":1.705489836421E9,"DataRetentionInHours":24}}"#
    );
    assert_eq!(serde_json::from_str::<StreamInfo>(&real).unwrap(), info);
    let list: ListStreamsOutput = serde_json::from_str(r#"{"StreamInfoList":null}"#).unwrap();
    assert_eq!(list, ListStreamsOutput::default());
}

#[test]
fn edge_configurations_do_not_print_their_secret() {
    let source = MediaSourceConfig {
        media_uri_secret_arn: Sensitive::new("arn:aws:secretsmanager:eu:1:secret:cam-AbCdEf"),
        media_uri_type: MediaUriType::RtspUri,
    };
    let printed = format!("{source:?}");
    assert!(!printed.contains("AbCdEf"), "{printed}");
    let described = DescribeEdgeConfigurationOutput {
        configuration: EdgeConfigurationOutput {
            sync_status: Some(SyncStatus::DeletingAcknowledged),
            last_updated_time: Some(Timestamp::from_millis(1500)),
            ..EdgeConfigurationOutput::default()
        },
        edge_agent_status: Some(EdgeAgentStatus {
            last_recorder_status: Some(LastRecorderStatus {
                recorder_status: Some(JobStatus::UserError),
                ..LastRecorderStatus::default()
            }),
            last_uploader_status: None,
        }),
    };
    let body = json!({
        "SyncStatus": "DELETING_ACKNOWLEDGED",
        "LastUpdatedTime": 1.5,
        "EdgeAgentStatus": { "LastRecorderStatus": { "RecorderStatus": "USER_ERROR" } },
    });
    assert_eq!(serde_json::to_value(&described).unwrap(), body);
    assert_eq!(serde_json::from_value::<DescribeEdgeConfigurationOutput>(body).unwrap(), described);
}

#[test]
fn get_media_starts_need_the_member_of_their_type() {
    let start = |kind: StartSelectorType, number: Option<&str>, seconds: Option<i64>| {
        let selector = StartSelector {
            start_selector_type: kind,
            after_fragment_number: number.map(str::to_owned),
            start_timestamp: seconds.map(|seconds| Timestamp::from_millis(seconds * 1000)),
            continuation_token: number.map(str::to_owned),
        };
        selector.start()
    };
    let number = FragmentNumber::new(7, Timestamp::from_millis(1), 2);
    let text = number.to_string();
    assert_eq!(start(StartSelectorType::Now, None, None), Ok(Start::Now));
    assert_eq!(start(StartSelectorType::Earliest, Some("x"), None), Ok(Start::Earliest));
    for kind in [StartSelectorType::FragmentNumber, StartSelectorType::ContinuationToken] {
        assert_eq!(start(kind, Some(&text), None), Ok(Start::After(number)));
        assert!(message(start(kind, None, Some(1))).contains("must be given"));
        assert!(message(start(kind, Some("12"), None)).contains("47 decimal digits"));
    }
    let instant = Timestamp::from_millis(1000);
    assert_eq!(
        start(StartSelectorType::ServerTimestamp, None, Some(1)),
        Ok(Start::ServerTimestamp(instant))
    );
    assert_eq!(
        start(StartSelectorType::ProducerTimestamp, None, Some(1)),
        Ok(Start::ProducerTimestamp(instant))
    );
    assert!(
        message(start(StartSelectorType::ServerTimestamp, None, None)).contains("StartTimestamp")
    );
}

#[test]
fn put_media_reads_its_input_from_headers() {
    let read = |headers: &[(&str, &'static str)]| {
        PutMediaInput::from_headers(|name| {
            headers.iter().find(|(header, _)| *header == name).map(|(_, value)| *value)
        })
    };
    let name = ("x-amzn-stream-name", "gate");
    let timecode_type = ("x-amzn-fragment-timecode-type", "RELATIVE");
    let start = ("x-amzn-producer-start-timestamp", "1795363507.59");
    let wanted = ("x-amzn-fragment-acknowledgment-required", "1");
    let c_sdk = read(&[name, timecode_type, start, wanted]).unwrap();
    assert_eq!(
        c_sdk,
        PutMediaInput {
            stream: StreamIdentifier::Name("gate".to_owned()),
            fragment_timecode_type: FragmentTimecodeType::Relative,
            producer_start_timestamp: Some(Timestamp::from_millis(1_795_363_507_059)),
            acknowledgements_wanted: true,
        }
    );
    let unwanted = ("x-amzn-fragment-acknowledgment-required", "0");
    assert!(!read(&[name, timecode_type, start, unwanted]).unwrap().acknowledgements_wanted);
    let other = read(&[name, timecode_type, start]).unwrap();
    assert_eq!(other.producer_start_timestamp, Some(Timestamp::from_millis(1_795_363_507_590)));
    assert!(other.acknowledgements_wanted);
    let absolute = ("x-amzn-fragment-timecode-type", "ABSOLUTE");
    assert_eq!(read(&[name, absolute]).unwrap().producer_start_timestamp, None);

    let refused = |headers: &[(&str, &'static str)], expect: &str| {
        let text = message(read(headers));
        assert!(text.contains(expect), "{text}");
    };
    refused(&[timecode_type, start], "StreamName or StreamARN must be given");
    refused(&[name, start], "'FragmentTimecodeType' failed to satisfy constraint");
    refused(&[name, timecode_type], "must be given when FragmentTimecodeType is RELATIVE");
    refused(&[name, ("x-amzn-fragment-timecode-type", "relative")], "[ABSOLUTE, RELATIVE]");
    refused(&[name, absolute, ("x-amzn-producer-start-timestamp", "noon")], "seconds since 1970");
    refused(&[("x-amzn-stream-name", "a b"), absolute], "regular expression");
}

#[test]
fn list_fragments_needs_a_selector_or_a_token_and_a_range_that_runs_forward() {
    let selector = |start: i64, end: i64| FragmentSelector {
        fragment_selector_type: FragmentSelectorType::ServerTimestamp,
        timestamp_range: TimestampRange {
            start_timestamp: Timestamp::from_millis(start),
            end_timestamp: Timestamp::from_millis(end),
        },
    };
    let input = |token: Option<&str>, fragment_selector| ListFragmentsInput {
        next_token: token.map(str::to_owned),
        fragment_selector,
        ..ListFragmentsInput::default()
    };
    assert_eq!(input(None, Some(selector(1, 1))).check(), Ok(()));
    assert_eq!(input(Some("t"), None).check(), Ok(()));
    assert!(message(input(None, None).check()).contains("FragmentSelector must be given"));
    assert!(message(input(None, Some(selector(2, 1))).check()).contains("must not be before"));
}

#[test]
fn secrets_hold_a_string_or_bytes_but_not_both() {
    let create = |name: &str, string: Option<&str>, binary: Option<&str>| {
        let input = CreateSecretInput {
            name: name.to_owned(),
            secret_string: string.map(Sensitive::new),
            secret_binary: binary.map(Sensitive::new),
            ..CreateSecretInput::default()
        };
        input.check()
    };
    assert_eq!(create("a", Some("s"), None), Ok(Some(SecretValue::String("s".into()))));
    assert_eq!(create("a/b", None, Some("AA==")), Ok(Some(SecretValue::Binary("AA==".into()))));
    assert_eq!(create("a", None, None), Ok(None));
    assert!(message(create("a", Some("s"), Some("AA=="))).contains("both"));
    assert!(message(create("a b", Some("s"), None)).contains("Invalid name"));
    let put = PutSecretValueInput::default();
    assert!(message(put.check()).contains("either SecretString or SecretBinary"));
    let value = format!("{:?}", create("a", Some("hunter2"), None));
    assert!(!value.contains("hunter2"));
}

#[test]
fn secrets_are_deleted_at_once_or_after_seven_to_thirty_days() {
    let delete = |days: Option<i64>, force: Option<bool>| {
        let input = DeleteSecretInput {
            recovery_window_in_days: days,
            force_delete_without_recovery: force,
            ..DeleteSecretInput::default()
        };
        input.check()
    };
    assert_eq!(delete(None, None), Ok(SecretDeletion::AfterDays(30)));
    assert_eq!(delete(Some(7), Some(false)), Ok(SecretDeletion::AfterDays(7)));
    assert_eq!(delete(None, Some(true)), Ok(SecretDeletion::AtOnce));
    assert!(message(delete(Some(6), None)).contains("between 7 and 30"));
    assert!(message(delete(Some(31), None)).contains("between 7 and 30"));
    assert!(message(delete(Some(7), Some(true))).contains("in conjunction"));
}
