//! A server whose notices are all lost: who waits finds out by looking, and gets the same answers.

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::common::chunks::{chunks, contents};
use crate::common::media::{end_of_fragment, fragment, header};
use crate::common::{HUB, TestServer, soon};

const T: i64 = 1_763_829_180_000;

async fn hub_calls(server: &TestServer, cursor: &Value, wait_seconds: u32, more: Value) -> Value {
    let mut input = json!({
        "HubDeviceArn": HUB, "AgentVersion": "1.0.0", "WaitSeconds": wait_seconds, "Streams": [],
    });
    if !cursor.is_null() {
        input["Cursor"] = cursor.clone();
    }
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.call("/syncEdgeAgent", input).await.ok()
}

#[tokio::test]
async fn a_live_consumer_gets_every_fragment_and_the_end_of_its_stream() {
    let server = TestServer::start_without_notices().await;
    let arn = server.create_stream("gate", 24).await;
    let mut producer = server.put_media("gate").await;
    producer.send(header()).await;
    let mut answer =
        server.get_media("gate", json!({"StartSelectorType": "NOW"})).await.into_body();
    let mut read = Vec::new();
    for n in 1..=2u8 {
        producer.send(fragment(T + 1000 * i64::from(n), n)).await;
        producer.send(end_of_fragment()).await;
        producer.until("PERSISTED").await;
        // Header and leading tags, fragment, trailing tags.
        for _ in 0..3 {
            let piece = soon(answer.frame()).await.unwrap().unwrap();
            read.extend(piece.into_data().unwrap());
        }
    }
    server.call("/deleteStream", json!({"StreamARN": arn})).await.ok();
    read.extend(soon(answer.collect()).await.unwrap().to_bytes());
    assert_eq!(contents(&chunks(&read)), ["1", "2", "error 4000"]);
}

#[tokio::test]
async fn a_hub_hears_of_its_configuration_by_its_next_call() {
    let server = TestServer::start_without_notices().await;
    server.create_stream("gate", 24).await;
    let cursor = hub_calls(&server, &Value::Null, 0, json!({})).await["Cursor"].clone();
    let waiting = hub_calls(&server, &cursor, 3, json!({}));
    let starting = async {
        // The hub's call is there once the gauge says so.
        loop {
            let metrics = server.get("/metrics").await.body;
            if String::from_utf8_lossy(&metrics).contains("vigie_server_connected_hubs 1") {
                break;
            }
        }
        let input = json!({"StreamName": "gate", "EdgeConfig": {
            "HubDeviceArn": HUB,
            "RecorderConfig": {"MediaSourceConfig": {
                "MediaUriSecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-AbCdEf",
                "MediaUriType": "RTSP_URI",
            }},
        }});
        server.call("/startEdgeConfigurationUpdate", input).await.ok();
    };
    let (held, ()) = soon(async { tokio::join!(waiting, starting) }).await;
    assert_eq!(held["Cursor"], cursor, "nobody told it");
    let told = soon(hub_calls(&server, &cursor, 60, json!({}))).await;
    assert_eq!(told["Configurations"][0]["StreamName"], "gate");
}

#[tokio::test]
async fn who_asks_a_hub_gets_its_answer() {
    let server = TestServer::start_without_notices().await;
    let knows = json!({"RequestKinds": ["TEST_CAMERA"]});
    let cursor = hub_calls(&server, &Value::Null, 0, knows.clone()).await["Cursor"].clone();
    let hub = async {
        let told = hub_calls(&server, &cursor, 60, knows.clone()).await;
        let said = json!({"RequestKinds": ["TEST_CAMERA"], "Requests": [{
            "RequestId": told["Requests"][0]["RequestId"],
            "Answer": {"TestCamera": {
                "JobStatus": "SUCCESS", "JobStatusDetails": "", "Steps": [], "Tracks": [],
            }},
        }]});
        hub_calls(&server, &cursor, 0, said).await;
    };
    let asking = async {
        // The hub waits by now, or will: it is told all the same.
        tokio::task::yield_now().await;
        let camera = json!({"HubDeviceArn": HUB, "MediaUri": "rtsp://camera.example/stream"});
        server.call("/testCamera", camera).await
    };
    let asked = tokio::time::timeout(Duration::from_secs(15), async { tokio::join!(asking, hub) });
    assert_eq!(asked.await.unwrap().0.ok()["JobStatus"], "SUCCESS");
}
