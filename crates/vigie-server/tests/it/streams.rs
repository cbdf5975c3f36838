//! Streams over the wire: create, describe, list, retention, tags, data endpoints, delete.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::media::fragment;
use crate::common::{HUB, TestServer, soon};

const T: i64 = 1_795_000_000_000;

#[tokio::test]
async fn a_created_stream_is_described_as_the_service_does() {
    let server = TestServer::start().await;
    let arn = server.create_stream("gate.1", 24).await;
    assert!(arn.starts_with("arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate.1/1795"));
    let by_name = server.call("/describeStream", json!({"StreamName": "gate.1"})).await.ok();
    let by_arn = server.call("/describeStream", json!({"StreamARN": arn})).await.ok();
    assert_eq!(by_name, by_arn);
    let info = &by_name["StreamInfo"];
    assert_eq!(info["StreamARN"], arn);
    assert_eq!(info["Status"], "ACTIVE");
    assert_eq!(info["DataRetentionInHours"], 24);
    assert_eq!(info["Version"].as_str().unwrap().len(), 20);
    assert_eq!(info["KmsKeyId"], "arn:aws:kms:us-east-1:000000000000:alias/aws/kinesisvideo");
    let created_ms = (info["CreationTime"].as_f64().unwrap() * 1000.0).round() as i64;
    assert!(arn.ends_with(&format!("/{created_ms}")));
}

#[tokio::test]
async fn what_cannot_be_created_is_refused_with_its_reason() {
    let server = TestServer::start().await;
    server.create_stream("gate", 0).await;
    let check = async |input: Value, expect: (u16, &str)| {
        let answer = server.call("/createStream", input.clone()).await;
        assert_eq!(answer.error(), expect, "{input}");
        assert!(answer.json()["Message"].is_string());
    };
    check(json!({"StreamName": "gate"}), (400, "ResourceInUseException")).await;
    check(json!({"StreamName": "a b"}), (400, "InvalidArgumentException")).await;
    check(json!({}), (400, "InvalidArgumentException")).await;
    let too_long = json!({"StreamName": "yard", "DataRetentionInHours": 87_601});
    check(too_long, (400, "InvalidArgumentException")).await;
    check(json!({"StreamName": 7}), (400, "InvalidArgumentException")).await;
    let listed = server.call("/listStreams", json!({})).await.ok();
    assert_eq!(listed["StreamInfoList"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_not_found() {
    let server = TestServer::start().await;
    for path in ["/describeStream", "/describeEdgeConfiguration", "/deleteEdgeConfiguration"] {
        let answer = server.call(path, json!({"StreamName": "gate"})).await;
        assert_eq!(answer.error(), (404, "ResourceNotFoundException"), "{path}");
        let message = answer.json()["Message"].clone();
        assert_eq!(message, "The requested stream is not found or not active.");
    }
    let neither = server.call("/describeStream", json!({})).await;
    assert_eq!(neither.error(), (400, "InvalidArgumentException"));
}

#[tokio::test]
async fn streams_are_listed_in_pages_and_by_prefix() {
    let server = TestServer::start().await;
    for name in ["yard-2", "gate-1", "gate-2", "gate-3", "yard-1"] {
        server.create_stream(name, 0).await;
    }
    let names = |output: &Value| -> Vec<String> {
        let list = output["StreamInfoList"].as_array().unwrap();
        list.iter().map(|info| info["StreamName"].as_str().unwrap().to_owned()).collect()
    };
    let condition = json!({"ComparisonOperator": "BEGINS_WITH", "ComparisonValue": "gate-"});
    let mut input = json!({"MaxResults": 2, "StreamNameCondition": condition});
    let first = server.call("/listStreams", input.clone()).await.ok();
    assert_eq!(names(&first), ["gate-1", "gate-2"]);
    input["NextToken"] = first["NextToken"].clone();
    let second = server.call("/listStreams", input.clone()).await.ok();
    assert_eq!(names(&second), ["gate-3"]);
    assert!(second.get("NextToken").is_none());
    input["NextToken"] = json!("bm90IG91cnM=");
    let answer = server.call("/listStreams", input).await;
    assert_eq!(answer.error(), (400, "InvalidArgumentException"));
}

#[tokio::test]
async fn retention_changes_by_steps_and_with_the_newest_version_only() {
    let server = TestServer::start().await;
    server.create_stream("gate", 2).await;
    let describe = async || {
        server.call("/describeStream", json!({"StreamName": "gate"})).await.ok()["StreamInfo"]
            .clone()
    };
    let update = async |version: &Value, operation: &str, hours: i64| {
        let input = json!({
            "StreamName": "gate", "CurrentVersion": version,
            "Operation": operation, "DataRetentionChangeInHours": hours,
        });
        server.call("/updateDataRetention", input).await
    };
    let before = describe().await;
    update(&before["Version"], "INCREASE_DATA_RETENTION", 3).await.ok();
    let after = describe().await;
    assert_eq!(after["DataRetentionInHours"], 5);
    assert_ne!(after["Version"], before["Version"]);
    let stale = update(&before["Version"], "INCREASE_DATA_RETENTION", 3).await;
    assert_eq!(stale.error(), (400, "VersionMismatchException"));
    let below = update(&after["Version"], "DECREASE_DATA_RETENTION", 6).await;
    assert_eq!(below.error(), (400, "InvalidArgumentException"));
    let above = update(&after["Version"], "INCREASE_DATA_RETENTION", 87_600).await;
    assert_eq!(above.error(), (400, "InvalidArgumentException"));
    assert_eq!(describe().await["DataRetentionInHours"], 5);
}

#[tokio::test]
async fn lowering_the_retention_deletes_what_is_too_old_at_once() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    server.upload("gate", &[fragment(T, 1)]).await;
    server.clock.advance(Duration::from_secs(3 * 3600));
    server.upload("gate", &[fragment(T + 60_000, 2)]).await;
    assert_eq!(server.list_fragments("gate").await.len(), 2);
    let info = server.call("/describeStream", json!({"StreamName": "gate"})).await.ok();
    let input = json!({
        "StreamName": "gate", "CurrentVersion": info["StreamInfo"]["Version"],
        "Operation": "DECREASE_DATA_RETENTION", "DataRetentionChangeInHours": 22,
    });
    server.call("/updateDataRetention", input).await.ok();
    let left = server.list_fragments("gate").await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["ProducerTimestamp"], 1_795_000_060.0);
}

#[tokio::test]
async fn a_deleted_stream_is_gone_with_its_media_and_its_name_is_free() {
    let server = TestServer::start().await;
    let arn = server.create_stream("gate", 24).await;
    server.upload("gate", &[fragment(T, 1)]).await;
    assert_eq!(server.media_folders().len(), 1);
    let wrong = json!({"StreamARN": arn, "CurrentVersion": "wrong"});
    let answer = server.call("/deleteStream", wrong).await;
    assert_eq!(answer.error(), (400, "VersionMismatchException"));
    server.call("/deleteStream", json!({"StreamARN": arn})).await.ok();
    let answer = server.call("/describeStream", json!({"StreamName": "gate"})).await;
    assert_eq!(answer.error(), (404, "ResourceNotFoundException"));
    // Nobody finds it any more; its space is given back between other requests.
    soon(async {
        while !server.media_folders().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let answer = server.call("/deleteStream", json!({"StreamARN": arn})).await;
    assert_eq!(answer.error(), (404, "ResourceNotFoundException"));
    assert_ne!(server.create_stream("gate", 24).await, arn);
    assert!(server.list_fragments("gate").await.is_empty());
}

#[tokio::test]
async fn tags_are_replaced_and_bounded() {
    let server = TestServer::start().await;
    server.create_stream("gate", 0).await;
    let tags = |range: std::ops::Range<usize>| -> Value {
        json!({
            "StreamName": "gate",
            "Tags": range.map(|n| (format!("key{n}"), json!("value"))).collect::<serde_json::Map<_, _>>(),
        })
    };
    server.call("/tagStream", tags(0..30)).await.ok();
    server.call("/tagStream", tags(10..50)).await.ok();
    let answer = server.call("/tagStream", tags(50..51)).await;
    assert_eq!(answer.error(), (400, "TagsPerResourceExceededLimitException"));
    server.call("/tagStream", tags(0..1)).await.ok();
}

#[tokio::test]
async fn the_data_endpoint_is_where_the_caller_came_to() {
    let server = TestServer::start().await;
    server.create_stream("gate", 0).await;
    for api in ["PUT_MEDIA", "GET_MEDIA", "LIST_FRAGMENTS"] {
        let input = json!({"StreamName": "gate", "APIName": api});
        let output = server.call("/getDataEndpoint", input).await.ok();
        assert_eq!(output["DataEndpoint"], format!("http://{}", server.address));
    }
    let input = json!({"StreamName": "gate", "APIName": "EVERYTHING"});
    let answer = server.call("/getDataEndpoint", input).await;
    assert_eq!(answer.error(), (400, "InvalidArgumentException"));
}

#[tokio::test]
async fn retention_cannot_become_zero_under_an_edge_configuration() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-AbCdEf";
    let input = json!({"StreamName": "gate", "EdgeConfig": {
        "HubDeviceArn": HUB,
        "RecorderConfig": {"MediaSourceConfig": {
            "MediaUriSecretArn": secret, "MediaUriType": "RTSP_URI",
        }},
    }});
    server.call("/startEdgeConfigurationUpdate", input).await.ok();
    let info = server.call("/describeStream", json!({"StreamName": "gate"})).await.ok();
    let input = json!({
        "StreamName": "gate", "CurrentVersion": info["StreamInfo"]["Version"],
        "Operation": "DECREASE_DATA_RETENTION", "DataRetentionChangeInHours": 1,
    });
    let answer = server.call("/updateDataRetention", input).await;
    assert_eq!(answer.error(), (400, "InvalidArgumentException"));
    assert!(answer.json()["Message"].as_str().unwrap().contains("DeleteEdgeConfiguration"));
}
