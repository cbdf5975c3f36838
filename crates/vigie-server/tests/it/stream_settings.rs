//! What is set on a stream over the wire: metadata, tags, storage, images, notifications; and what is not there.

use serde_json::{Value, json};

use crate::common::TestServer;

async fn info(server: &TestServer, name: &str) -> Value {
    server.call("/describeStream", json!({"StreamName": name})).await.ok()["StreamInfo"].clone()
}

#[tokio::test]
async fn an_update_changes_what_it_names_and_the_version() {
    let server = TestServer::start().await;
    let arn = server.create_stream("gate", 1).await;
    let before = info(&server, "gate").await;
    let update = |version: &Value, more: Value| {
        let mut input = json!({"StreamARN": arn, "CurrentVersion": version});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let input = update(&before["Version"], json!({"DeviceName": "lens-1"}));
    assert_eq!(server.call("/updateStream", input.clone()).await.ok(), json!({}));
    let after = info(&server, "gate").await;
    assert_eq!((&after["DeviceName"], &after["MediaType"]), (&json!("lens-1"), &Value::Null));
    assert_ne!(after["Version"], before["Version"]);
    let stale = server.call("/updateStream", input).await;
    assert_eq!(stale.error(), (400, "VersionMismatchException"));
    let input = update(&after["Version"], json!({"MediaType": "video/h264,audio/aac"}));
    server.call("/updateStream", input).await.ok();
    let last = info(&server, "gate").await;
    assert_eq!(
        (&last["DeviceName"], &last["MediaType"]),
        (&json!("lens-1"), &json!("video/h264,audio/aac"))
    );
}

#[tokio::test]
async fn the_storage_tier_is_given_back_and_changed_with_the_newest_version() {
    let server = TestServer::start().await;
    let arn = server.create_stream("gate", 1).await;
    let warm = json!({"DefaultStorageTier": "WARM"});
    let input = json!({"StreamName": "yard", "StreamStorageConfiguration": warm});
    server.call("/createStream", input).await.ok();
    let describe = async |name: &str| {
        let input = json!({"StreamName": name});
        server.call("/describeStreamStorageConfiguration", input).await.ok()
    };
    let gate = describe("gate").await;
    assert_eq!(
        gate,
        json!({
            "StreamName": "gate", "StreamARN": arn,
            "StreamStorageConfiguration": {"DefaultStorageTier": "HOT"},
        })
    );
    assert_eq!(describe("yard").await["StreamStorageConfiguration"], warm);
    let version = info(&server, "gate").await["Version"].clone();
    let input = json!({"StreamName": "gate", "CurrentVersion": version, "StreamStorageConfiguration": warm});
    server.call("/updateStreamStorageConfiguration", input.clone()).await.ok();
    assert_eq!(describe("gate").await["StreamStorageConfiguration"], warm);
    let stale = server.call("/updateStreamStorageConfiguration", input).await;
    assert_eq!(stale.error(), (400, "VersionMismatchException"));
}

#[tokio::test]
async fn deliveries_are_stored_given_back_and_deleted_by_null() {
    let mut server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    server.create_stream("none", 0).await;
    let images = json!({
        "Status": "ENABLED", "ImageSelectorType": "PRODUCER_TIMESTAMP", "SamplingInterval": 200,
        "Format": "JPEG", "FormatConfig": {"JPEGQuality": "90"}, "WidthPixels": 640,
        "DestinationConfig": {"Uri": "s3://bucket/prefix", "DestinationRegion": "us-east-1"},
    });
    let topic = "arn:aws:sns:us-east-1:000000000000:gate";
    let notification = json!({"Status": "DISABLED", "DestinationConfig": {"Uri": topic}});
    for (name, member, sound, wrong) in [
        ("ImageGenerationConfiguration", "SamplingInterval", &images, json!(199)),
        (
            "NotificationConfiguration",
            "DestinationConfig",
            &notification,
            json!({"Uri": "s3://bucket"}),
        ),
    ] {
        let (update, describe) = (format!("/update{name}"), format!("/describe{name}"));
        let input = |stream: &str, configuration: &Value| json!({"StreamName": stream, name: configuration});
        let gate = json!({"StreamName": "gate"});
        assert_eq!(server.call(&describe, gate.clone()).await.ok(), json!({}));
        let version = info(&server, "gate").await["Version"].clone();
        assert_eq!(server.call(&update, input("gate", sound)).await.ok(), json!({}));
        assert_ne!(info(&server, "gate").await["Version"], version);
        let mut unsound = sound.clone();
        unsound[member] = wrong;
        let answer = server.call(&update, input("gate", &unsound)).await;
        assert_eq!(answer.error(), (400, "InvalidArgumentException"));
        let answer = server.call(&update, input("none", sound)).await;
        assert_eq!(answer.error(), (400, "NoDataRetentionException"));
        server.call(&update, input("none", &Value::Null)).await.ok();

        server = server.restart().await;
        assert_eq!(server.call(&describe, gate.clone()).await.ok()[name], *sound);
        server.call(&update, input("gate", &Value::Null)).await.ok();
        assert_eq!(server.call(&describe, gate.clone()).await.ok(), json!({}));
        server.call(&update, input("gate", sound)).await.ok();
        server.call(&update, gate.clone()).await.ok();
        assert_eq!(server.call(&describe, gate).await.ok(), json!({}));
        let answer = server.call(&update, input("nobody", sound)).await;
        assert_eq!(answer.error(), (404, "ResourceNotFoundException"));
    }
}

#[tokio::test]
async fn tags_are_listed_and_taken_off() {
    let server = TestServer::start().await;
    let arn = server.create_stream("gate", 0).await;
    let list = async || server.call("/listTagsForStream", json!({"StreamARN": arn})).await.ok();
    assert_eq!(list().await, json!({"Tags": {}}));
    let fifty: serde_json::Map<_, _> =
        (0..50).map(|n| (format!("key{n:02}"), json!("ä"))).collect();
    server.call("/tagStream", json!({"StreamARN": arn, "Tags": fifty})).await.ok();
    assert_eq!(list().await, json!({"Tags": fifty}));
    let input = json!({"StreamName": "gate", "TagKeyList": ["key00", "key49", "unknown"]});
    server.call("/untagStream", input).await.ok();
    let left = list().await["Tags"].as_object().unwrap().clone();
    assert!(left.len() == 48 && !left.contains_key("key00") && !left.contains_key("key49"));
    let answer =
        server.call("/listTagsForStream", json!({"StreamARN": arn, "NextToken": "bm8="})).await;
    assert_eq!(answer.error(), (400, "InvalidArgumentException"));
}

#[tokio::test]
async fn malformed_arns_have_an_exception_of_their_own_in_tag_operations() {
    let server = TestServer::start().await;
    let channel = "arn:aws:kinesisvideo:us-east-1:000000000000:channel/gate/1795000000000";
    for arn in ["gate", "arn:aws:s3:::bucket", channel] {
        for (path, more) in [
            ("/tagStream", json!({"Tags": {"a": "b"}})),
            ("/untagStream", json!({"TagKeyList": ["a"]})),
            ("/listTagsForStream", json!({})),
        ] {
            let mut input = json!({"StreamARN": arn});
            input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let answer = server.call(path, input).await;
            assert_eq!(answer.error(), (400, "InvalidResourceFormatException"), "{path} {arn}");
        }
    }
}

#[tokio::test]
async fn signaling_is_said_not_to_be_there() {
    let server = TestServer::start().await;
    for (name, path) in vigie_kvs::operation::SIGNALING {
        let answer = server.call(path, json!({})).await;
        assert_eq!(answer.error(), (400, "InvalidArgumentException"), "{name}");
        let message = answer.json()["Message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(name) && message.contains("no signaling"), "{message}");
    }
    let answer = server.call("/inventStream", json!({})).await;
    assert_eq!(answer.error(), (404, "UnknownOperationException"));
}
