//! Streams and configurations that are deleted while their hub holds video that was never uploaded: what is told, and where.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{HUB, TestServer, soon};

const SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-AbCdEf";

async fn configured(server: &TestServer, stream: &str) -> String {
    let arn = server.create_stream(stream, 24).await;
    let edge_config = json!({
        "HubDeviceArn": HUB,
        "RecorderConfig": {"MediaSourceConfig": {
            "MediaUriSecretArn": SECRET, "MediaUriType": "RTSP_URI",
        }},
    });
    let input = json!({"StreamName": stream, "EdgeConfig": edge_config});
    server.call("/startEdgeConfigurationUpdate", input).await.ok();
    arn
}

/// A call of the hub that says this of each of its streams; what it is told.
async fn hub_says(server: &TestServer, phase: &str, more: Value) -> Value {
    let call = async |streams: Value| {
        let input = json!({
            "HubDeviceArn": HUB, "AgentVersion": "1", "WaitSeconds": 0, "Streams": streams,
        });
        soon(server.call("/syncEdgeAgent", input)).await.ok()
    };
    let told = call(json!([])).await;
    let reports = told["Configurations"].as_array().unwrap().iter().map(|configuration| {
        let mut report = json!({
            "StreamARN": configuration["StreamARN"], "Revision": configuration["Revision"],
            "Phase": phase,
        });
        report.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        report
    });
    call(reports.collect()).await
}

/// What the hub keeps, of which 700 bytes in two places are not uploaded.
fn held() -> Value {
    json!({
        "LocalMedia": {"SizeBytes": 900, "FragmentCount": 9, "NotUploadedBytes": 700},
        "Ledger": {
            "LedgerId": "a", "KnownFrom": 100.0, "Sequence": 0, "Entries": [],
            "NotUploaded": ranges(), "Losses": {"FragmentCount": 0, "SizeBytes": 0},
        },
    })
}

fn ranges() -> Value {
    json!([
        {"StartTimestamp": 1000.0, "EndTimestamp": 1060.0},
        {"StartTimestamp": 2000.0, "EndTimestamp": 2030.0},
    ])
}

fn erased(fragments: u64, bytes: u64) -> Value {
    json!({"ErasedMedia": {
        "SizeBytes": 900, "FragmentCount": 9,
        "NotUploaded": {"FragmentCount": fragments, "SizeBytes": bytes},
        "NotUploadedRanges": ranges(),
    }})
}

/// Actions with the bytes that they cost, oldest first.
async fn audited(server: &TestServer) -> Vec<(String, u64)> {
    let events = server.call("/listAuditEvents", json!({})).await.ok();
    let events = events["Events"].as_array().unwrap().iter().rev();
    let lost = events.filter_map(|event| {
        let action = event["Action"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
        Some((action, event["NotUploadedBytes"].as_u64()?))
    });
    lost.collect()
}

async fn losses(server: &TestServer) -> Value {
    server.call("/listMediaLosses", json!({"StreamName": "gate"})).await.ok()["Losses"].clone()
}

#[tokio::test]
async fn a_deleted_configuration_costs_what_the_hub_says_that_it_erased() {
    let server = TestServer::start().await;
    configured(&server, "gate").await;
    hub_says(&server, "APPLIED", held()).await;
    server.call("/deleteEdgeConfiguration", json!({"StreamName": "gate"})).await.ok();
    assert_eq!(losses(&server).await, json!([]));
    // A fragment was uploaded meanwhile: what the hub says at the end counts.
    hub_says(&server, "ERASED", erased(6, 600)).await;
    let answer = server.call("/describeEdgeConfiguration", json!({"StreamName": "gate"})).await;
    assert_eq!(answer.error(), (404, "StreamEdgeConfigurationNotFoundException"));
    let loss = json!({
        "StartTimestamp": 1000.0, "EndTimestamp": 2030.0, "Reason": "ERASED", "FragmentCount": 6,
        "SizeBytes": 600, "HubDeviceArn": HUB,
    });
    assert_eq!(losses(&server).await, json!([loss]));
    let gaps = server.call("/listMediaGaps", json!({"StreamName": "gate"})).await.ok();
    let gaps: Vec<_> = gaps["Gaps"].as_array().unwrap().iter().collect();
    assert_eq!(gaps.len(), 2);
    assert!(gaps.iter().all(|gap| gap["Reason"] == "ERASED"));
    assert_eq!(
        (&gaps[1]["StartTimestamp"], &gaps[1]["EndTimestamp"]),
        (&json!(2000.0), &json!(2030.0))
    );
    let told = [("DeleteEdgeConfiguration".to_owned(), 700), ("SyncEdgeAgent".to_owned(), 600)];
    assert_eq!(audited(&server).await, told);
}

#[tokio::test]
async fn a_deleted_stream_takes_its_configuration_along_and_the_audit_log_keeps_what_was_lost() {
    let server = TestServer::start().await;
    let arn = configured(&server, "gate").await;
    hub_says(&server, "APPLIED", held()).await;
    server.call("/deleteStream", json!({"StreamARN": arn})).await.ok();
    let told = hub_says(&server, "RECEIVED", json!({})).await;
    assert_eq!(told["Configurations"][0]["Action"], "DELETE");
    hub_says(&server, "ERASED", erased(7, 700)).await;
    assert_eq!(
        audited(&server).await,
        [("DeleteStream".to_owned(), 700), ("SyncEdgeAgent".to_owned(), 700)]
    );
    // A stream of the same name begins with no ledger.
    server.create_stream("gate", 24).await;
    assert_eq!(losses(&server).await, json!([]));
}

#[tokio::test]
async fn what_is_all_uploaded_costs_nothing_and_nothing_is_said() {
    let server = TestServer::start().await;
    configured(&server, "gate").await;
    let uploaded = json!({
        "LocalMedia": {"SizeBytes": 900, "FragmentCount": 9, "NotUploadedBytes": 0},
    });
    hub_says(&server, "APPLIED", uploaded).await;
    server.call("/deleteEdgeConfiguration", json!({"StreamName": "gate"})).await.ok();
    let mut nothing = erased(0, 0);
    nothing["ErasedMedia"]["NotUploadedRanges"] = json!([]);
    hub_says(&server, "ERASED", nothing).await;
    assert_eq!((losses(&server).await, audited(&server).await), (json!([]), Vec::new()));
}

#[tokio::test]
async fn a_stream_that_is_deleted_while_its_hub_is_gone_for_good_ends_with_an_empty_agent() {
    let server = TestServer::start().await;
    let arn = configured(&server, "gate").await;
    hub_says(&server, "APPLIED", held()).await;
    server.call("/deleteStream", json!({"StreamARN": arn})).await.ok();
    let of_hub = async || {
        let input = json!({"HubDeviceArn": HUB});
        let listed = server.call("/listEdgeAgentConfigurations", input).await.ok();
        let configurations = listed["EdgeConfigs"].as_array().unwrap().clone();
        configurations.iter().map(|one| one["SyncStatus"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(of_hub().await, [json!("DELETING")]);
    server.clock.advance(Duration::from_secs(15 * 60 + 1));
    // Anything wakes background work; here the hub of another stream.
    configured(&server, "yard").await;
    soon(async {
        while !of_hub().await.contains(&json!("DELETE_FAILED")) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // A new machine with an empty folder: it has nothing to erase.
    let nothing = json!({"ErasedMedia": {
        "SizeBytes": 0, "FragmentCount": 0, "NotUploaded": {"FragmentCount": 0, "SizeBytes": 0},
        "NotUploadedRanges": [],
    }});
    hub_says(&server, "ERASED", nothing).await;
    assert!(!of_hub().await.contains(&json!("DELETE_FAILED")));
    assert_eq!(
        audited(&server).await,
        [("DeleteStream".to_owned(), 700), ("SyncEdgeAgent".to_owned(), 700)]
    );
}
