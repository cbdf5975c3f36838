//! What hubs say of media that is not there, and what people hear of it: a hub that is played by the test.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{HUB, TestServer, soon};

/// Configures a stream for the hub and returns its ARN.
pub(crate) async fn configured(server: &TestServer, stream: &str) -> String {
    let arn = server.create_stream(stream, 24).await;
    let secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-AbCdEf";
    let edge_config = json!({
        "HubDeviceArn": HUB,
        "RecorderConfig": {"MediaSourceConfig": {
            "MediaUriSecretArn": secret, "MediaUriType": "RTSP_URI",
        }},
    });
    let input = json!({"StreamName": stream, "EdgeConfig": edge_config});
    server.call("/startEdgeConfigurationUpdate", input).await.ok();
    arn
}

fn entry(id: u64, sequence: u64, kind: &str, reason: &str, start: f64, end: f64) -> Value {
    let lost = u64::from(kind == "LOSS");
    json!({
        "Id": id, "Sequence": sequence, "Kind": kind, "Reason": reason, "StartTimestamp": start,
        "EndTimestamp": end, "FragmentCount": 3 * lost, "SizeBytes": 900 * lost,
    })
}

fn ledger(id: &str, sequence: u64, after: Option<u64>, entries: Value) -> Value {
    let mut ledger = json!({
        "LedgerId": id, "KnownFrom": 1_795_000_000.0, "Sequence": sequence, "Entries": entries,
        "NotUploaded": [], "Losses": {"FragmentCount": 3, "SizeBytes": 900},
    });
    if let Some(after) = after {
        ledger["After"] = after.into();
    }
    ledger
}

/// One call of the hub, which has worked by all it heard; returns the receipts.
async fn say(server: &TestServer, arn: &str, ledger: Value) -> Value {
    let hub_call = |cursor: Value, streams: Value| {
        let mut input = json!({
            "HubDeviceArn": HUB, "AgentVersion": "1.0.0", "WaitSeconds": 60, "Streams": streams,
        });
        if !cursor.is_null() {
            input["Cursor"] = cursor;
        }
        async move { soon(server.call("/syncEdgeAgent", input)).await.ok() }
    };
    let told = hub_call(Value::Null, json!([])).await;
    let configurations = told["Configurations"].as_array().unwrap();
    let own = configurations.iter().find(|one| one["StreamARN"] == arn).unwrap();
    let reports: Vec<Value> = configurations
        .iter()
        .map(|one| json!({"StreamARN": one["StreamARN"], "Revision": own["Revision"], "Phase": "APPLIED"}))
        .map(|mut report| {
            if report["StreamARN"] == arn {
                report["Ledger"] = ledger.clone();
                report["RecorderStatus"] =
                    json!({"RecorderStatus": "USER_ERROR", "JobStatusDetails": "no such camera"});
                report["LocalMedia"] = json!({
                    "SizeBytes": 10, "FragmentCount": 1, "NotUploadedBytes": 10,
                    "SizeBytesMax": 64_000_000, "SecondsUntilFull": 7200, "UploadLagSeconds": 5,
                });
            }
            report
        })
        .collect();
    hub_call(told["Cursor"].clone(), reports.into()).await["Ledgers"].clone()
}

async fn list(server: &TestServer, operation: &str, more: Value) -> Value {
    let mut input = json!({"StreamName": "gate"});
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.call(operation, input).await.ok()
}

#[tokio::test]
async fn gaps_and_losses_of_a_hub_are_kept_and_answered() {
    let server = TestServer::start().await;
    let arn = configured(&server, "gate").await;
    // First the hub says how much there is, and hears that nothing is here.
    let receipts = say(&server, &arn, ledger("a", 3, None, json!([]))).await;
    assert_eq!(receipts, json!([{"StreamARN": arn, "LedgerId": "a", "Sequence": 0}]));
    let entries = json!([
        entry(1, 1, "GAP", "SCHEDULE_CLOSED", 1_795_000_000.0, 1_795_000_100.0),
        entry(2, 2, "LOSS", "DELETED_BY_SIZE", 1_795_000_100.0, 1_795_000_200.5),
        entry(3, 3, "GAP", "DELETED_BY_SIZE", 1_795_000_100.0, 1_795_000_200.5),
    ]);
    let receipts = say(&server, &arn, ledger("a", 3, Some(0), entries.clone())).await;
    assert_eq!(receipts[0]["Sequence"], 3);
    // Said again, it changes nothing.
    assert_eq!(say(&server, &arn, ledger("a", 3, Some(0), entries)).await[0]["Sequence"], 3);
    // An entry grows; others stay.
    let grown = json!([entry(1, 4, "GAP", "SCHEDULE_CLOSED", 1_795_000_000.0, 1_795_000_101.0)]);
    assert_eq!(say(&server, &arn, ledger("a", 4, Some(3), grown)).await[0]["Sequence"], 4);

    let gaps = list(&server, "/listMediaGaps", json!({})).await;
    let of = |reason: &str, start: f64, end: f64| json!({"Reason": reason, "StartTimestamp": start, "EndTimestamp": end, "HubDeviceArn": HUB});
    let closed = of("SCHEDULE_CLOSED", 1_795_000_000.0, 1_795_000_101.0);
    let deleted = of("DELETED_BY_SIZE", 1_795_000_100.0, 1_795_000_200.5);
    assert_eq!(gaps, json!({"Gaps": [closed, deleted], "KnownFrom": 1_795_000_000.0}));
    let losses = list(&server, "/listMediaLosses", json!({})).await;
    let mut lost = deleted.clone();
    lost["FragmentCount"] = 3.into();
    lost["SizeBytes"] = 900.into();
    assert_eq!(losses, json!({"Losses": [lost]}));

    // By range: ends are not part of it.
    let range = json!({"StartTimestamp": 1_795_000_101.0});
    assert_eq!(list(&server, "/listMediaGaps", range).await["Gaps"], json!([deleted]));
    let range = json!({"EndTimestamp": 1_795_000_100.0});
    assert_eq!(list(&server, "/listMediaGaps", range).await["Gaps"], json!([closed]));
    let input = json!({"StreamName": "gate", "StartTimestamp": 2.0, "EndTimestamp": 1.0});
    let answer = server.call("/listMediaGaps", input).await;
    assert_eq!(answer.error(), (400, "InvalidArgumentException"));
}

#[tokio::test]
async fn entries_behind_a_hole_are_not_taken() {
    let server = TestServer::start().await;
    let arn = configured(&server, "gate").await;
    let late = json!([entry(9, 9, "GAP", "HUB_OFF", 1.0, 2.0)]);
    let receipts = say(&server, &arn, ledger("a", 9, Some(8), late)).await;
    assert_eq!(receipts[0]["Sequence"], 0);
    assert_eq!(list(&server, "/listMediaGaps", json!({})).await["Gaps"], json!([]));
}

#[tokio::test]
async fn what_stands_now_is_among_the_gaps_page_by_page() {
    let server = TestServer::start().await;
    let arn = configured(&server, "gate").await;
    let entries: Vec<Value> = (0..5)
        .map(|n| entry(n, n + 1, "GAP", "SOURCE_OFFLINE", 100.0 * n as f64, 100.0 * n as f64 + 9.0))
        .collect();
    let mut said = ledger("a", 5, Some(0), entries.into());
    said["NotUploaded"] = json!([{"StartTimestamp": 250.0, "EndTimestamp": 290.0}]);
    said["OpenGap"] = json!({"StartTimestamp": 500.0, "Reason": "SCHEDULE_CLOSED"});
    say(&server, &arn, said).await;

    let mut found = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({"MaxResults": 2, "StartTimestamp": 50.0});
        if !token.is_null() {
            input["NextToken"] = token;
        }
        let page = list(&server, "/listMediaGaps", input).await;
        let gaps = page["Gaps"].as_array().unwrap();
        assert!(gaps.len() <= 2);
        found.extend(gaps.iter().map(|gap| {
            (
                gap["StartTimestamp"].as_f64().unwrap(),
                gap["Reason"].as_str().unwrap().to_owned(),
                gap["EndTimestamp"].is_null(),
            )
        }));
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    let offline = |start| (start, "SOURCE_OFFLINE".to_owned(), false);
    assert_eq!(
        found,
        [
            offline(100.0),
            offline(200.0),
            (250.0, "NOT_UPLOADED".to_owned(), false),
            offline(300.0),
            offline(400.0),
            (500.0, "SCHEDULE_CLOSED".to_owned(), true),
        ]
    );
}

#[tokio::test]
async fn a_hub_has_no_say_about_streams_of_others() {
    let server = TestServer::start().await;
    let arn = configured(&server, "gate").await;
    let other = server.create_stream("other", 24).await;
    let report = json!({
        "StreamARN": other, "Revision": 1, "Phase": "APPLIED",
        "Ledger": ledger("a", 1, Some(0), json!([entry(1, 1, "GAP", "HUB_OFF", 1.0, 2.0)])),
    });
    let input = json!({
        "HubDeviceArn": HUB, "AgentVersion": "1.0.0", "WaitSeconds": 0, "Streams": [report],
    });
    let answer = server.call("/syncEdgeAgent", input).await.ok();
    assert!(answer.get("Ledgers").is_none(), "{answer}");
    let gaps = server.call("/listMediaGaps", json!({"StreamARN": other})).await.ok();
    assert_eq!(gaps, json!({"Gaps": []}));
    drop(arn);
}

#[tokio::test]
async fn ledgers_go_with_their_stream_and_stay_when_a_hub_begins_another() {
    let server = TestServer::start().await;
    let arn = configured(&server, "gate").await;
    for id in ["a", "b"] {
        let entries = json!([entry(1, 1, "GAP", "HUB_OFF", 1.0, 2.0)]);
        say(&server, &arn, ledger(id, 1, Some(0), entries)).await;
    }
    let gaps = list(&server, "/listMediaGaps", json!({})).await;
    assert_eq!(gaps["Gaps"].as_array().unwrap().len(), 2);
    server.call("/deleteStream", json!({"StreamARN": arn})).await.ok();
    let input = json!({"StreamARN": arn});
    let gone = async { while server.call("/listMediaGaps", input.clone()).await.status != 404 {} };
    soon(gone).await;
}

#[tokio::test]
async fn hubs_are_listed_and_described() {
    let server = TestServer::start().await;
    let other = "arn:aws:iot:us-east-1:000000000000:thing/hub-0";
    let arn = configured(&server, "gate").await;
    // It was never heard of, and is configured.
    let hubs = server.call("/listHubs", json!({})).await.ok();
    let never = json!({
        "HubDeviceArn": HUB, "InContact": false, "StreamCount": 1, "FailingRecorderCount": 0,
    });
    assert_eq!(hubs, json!({"Hubs": [never]}));

    let entries = json!([entry(1, 1, "GAP", "HUB_OFF", 1.0, 2.0)]);
    let mut said = ledger("a", 1, Some(0), entries);
    said["OpenGap"] = json!({"StartTimestamp": 500.0, "Reason": "SOURCE_OFFLINE"});
    say(&server, &arn, said).await;
    let input =
        json!({"HubDeviceArn": other, "AgentVersion": "2", "WaitSeconds": 0, "Streams": []});
    server.call("/syncEdgeAgent", input).await.ok();
    let page = server.call("/listHubs", json!({"MaxResults": 1})).await.ok();
    assert_eq!(page["Hubs"][0]["HubDeviceArn"], other);
    assert_eq!(page["Hubs"][0]["StreamCount"], 0);
    assert_eq!(page["Hubs"][0]["FailingRecorderCount"], 0);
    let input = json!({"MaxResults": 1, "NextToken": page["NextToken"]});
    let page = server.call("/listHubs", input).await.ok();
    assert_eq!(page["Hubs"][0]["HubDeviceArn"], HUB);
    assert_eq!(page["Hubs"][0]["InContact"], true);
    assert_eq!(page["Hubs"][0]["FailingRecorderCount"], 1);
    assert!(page.get("NextToken").is_none());

    let described = server.call("/describeHub", json!({"HubDeviceArn": HUB})).await.ok();
    assert_eq!(described["Hub"]["AgentVersion"], "1.0.0");
    let stream = &described["Streams"][0];
    assert_eq!((&stream["StreamName"], &stream["SyncStatus"]), (&json!("gate"), &json!("IN_SYNC")));
    assert_eq!(stream["LocalMedia"]["SecondsUntilFull"], 7200);
    assert_eq!(stream["OpenGap"]["Reason"], "SOURCE_OFFLINE");
    assert_eq!(stream["Losses"], json!({"FragmentCount": 3, "SizeBytes": 900}));

    server.clock.advance(Duration::from_secs(121));
    let described = server.call("/describeHub", json!({"HubDeviceArn": HUB})).await.ok();
    assert_eq!(described["Hub"]["InContact"], false);
    // The one stream fills a page, and there is no other.
    let input = json!({"HubDeviceArn": HUB, "MaxResults": 1});
    let page = server.call("/describeHub", input).await.ok();
    assert_eq!(page["Streams"].as_array().unwrap().len(), 1);
    assert!(page.get("NextToken").is_none());
    let input = json!({"HubDeviceArn": "arn:aws:iot:us-east-1:000000000000:thing/nobody"});
    let answer = server.call("/describeHub", input).await;
    assert_eq!(answer.error(), (404, "ResourceNotFoundException"));
}

#[tokio::test]
async fn a_hub_that_deletes_nothing_by_age_is_shown_until_it_does() {
    let server = TestServer::start().await;
    let call = async |held_seconds: Option<u64>| {
        let mut input =
            json!({"HubDeviceArn": HUB, "AgentVersion": "1", "WaitSeconds": 0, "Streams": []});
        if let Some(seconds) = held_seconds {
            input["AgeHoldSecondsLeft"] = json!(seconds);
        }
        server.call("/syncEdgeAgent", input).await.ok();
    };
    let shown = async || {
        let hubs = server.call("/listHubs", json!({})).await.ok();
        hubs["Hubs"][0].get("AgeHoldSecondsLeft").and_then(Value::as_u64)
    };
    call(None).await;
    assert_eq!(shown().await, None);
    call(Some(3_600)).await;
    server.clock.advance(Duration::from_secs(600));
    let left = shown().await.unwrap();
    assert!((2_900..=3_000).contains(&left), "{left}");
    call(None).await;
    assert_eq!(shown().await, None);
}

#[tokio::test]
async fn the_clock_of_a_hub_is_compared_and_shown() {
    let server = TestServer::start().await;
    let call = async |skew_ms: Value| {
        let mut input =
            json!({"HubDeviceArn": HUB, "AgentVersion": "1", "WaitSeconds": 0, "Streams": []});
        if !skew_ms.is_null() {
            input["ClockSkewMilliseconds"] = skew_ms;
        }
        server.call("/syncEdgeAgent", input).await.ok()
    };
    let before = server.clock.wall().as_seconds_f64();
    let told = call(Value::Null).await["Clock"].clone();
    let after = server.clock.wall().as_seconds_f64();
    let received = told["ReceivedTimestamp"].as_f64().unwrap();
    assert!((before - 0.002..=after).contains(&received), "{before} {received} {after}");
    assert!(told["HeldMilliseconds"].as_u64().unwrap() < 5_000);

    let shown = async || {
        let described = server.call("/describeHub", json!({"HubDeviceArn": HUB})).await.ok();
        let listed = server.call("/listHubs", json!({})).await.ok();
        assert_eq!(described["Hub"], listed["Hubs"][0]);
        described["Hub"].get("ClockSkewMilliseconds").cloned()
    };
    let greatest = async || {
        let text = String::from_utf8(server.get("/metrics").await.body.to_vec()).unwrap();
        let name = "vigie_server_hub_clock_skew_seconds_max ";
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].parse::<f64>().unwrap()
    };
    assert_eq!((shown().await, greatest().await), (None, 0.0));
    call(json!(-6_250)).await;
    assert_eq!((shown().await, greatest().await), (Some(json!(-6_250)), 6.25));
    // What differs little is not saved with each call; what is warned of is.
    call(json!(-6_240)).await;
    assert_eq!((shown().await, greatest().await), (Some(json!(-6_250)), 6.24));
    call(json!(-4_990)).await;
    assert_eq!(shown().await, Some(json!(-4_990)));
    // An agent of an older version says nothing.
    call(Value::Null).await;
    assert_eq!((shown().await, greatest().await), (None, 0.0));
}
