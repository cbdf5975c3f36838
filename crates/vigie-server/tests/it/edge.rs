//! Edge configurations and the hub sync: a hub that is played by the test.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{self, HUB, TestServer, soon};

fn edge_config(hub: &str) -> Value {
    let secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-AbCdEf";
    json!({
        "HubDeviceArn": hub,
        "RecorderConfig": {"MediaSourceConfig": {
            "MediaUriSecretArn": secret, "MediaUriType": "RTSP_URI",
        }},
        "DeletionConfig": {"EdgeRetentionInHours": 15},
    })
}

async fn start(server: &TestServer, stream: &str) -> Value {
    let input = json!({"StreamName": stream, "EdgeConfig": edge_config(HUB)});
    server.call("/startEdgeConfigurationUpdate", input).await.ok()
}

async fn describe(server: &TestServer, stream: &str) -> Value {
    server.call("/describeEdgeConfiguration", json!({"StreamName": stream})).await.ok()
}

async fn status(server: &TestServer, stream: &str) -> String {
    describe(server, stream).await["SyncStatus"].as_str().unwrap().to_owned()
}

/// One call of the hub.
async fn sync(server: &TestServer, cursor: &Value, wait_seconds: u32, streams: Value) -> Value {
    let mut input = json!({
        "HubDeviceArn": HUB, "AgentVersion": "1.0.0", "WaitSeconds": wait_seconds,
        "Streams": streams,
    });
    if !cursor.is_null() {
        input["Cursor"] = cursor.clone();
    }
    server.call("/syncEdgeAgent", input).await.ok()
}

fn report(configuration: &Value, phase: &str) -> Value {
    json!({
        "StreamARN": configuration["StreamARN"], "Revision": configuration["Revision"],
        "Phase": phase,
    })
}

#[tokio::test]
async fn a_configuration_goes_from_syncing_to_in_sync() {
    let server = TestServer::start().await;
    let arn = server.create_stream("gate", 24).await;
    let started = start(&server, "gate").await;
    assert_eq!(started["SyncStatus"], "SYNCING");
    assert_eq!(started["EdgeConfig"], edge_config(HUB));
    assert_eq!(started["StreamARN"], arn);

    let told = sync(&server, &Value::Null, 0, json!([])).await;
    let configuration = told["Configurations"][0].clone();
    assert_eq!(
        (&configuration["Action"], &configuration["StreamName"]),
        (&json!("APPLY"), &json!("gate"))
    );
    assert_eq!(configuration["EdgeConfig"], edge_config(HUB));

    let cursor = &told["Cursor"];
    let received = sync(&server, cursor, 0, json!([report(&configuration, "RECEIVED")])).await;
    assert!(received.get("Configurations").is_none());
    assert_eq!(status(&server, "gate").await, "ACKNOWLEDGED");

    let mut applied = report(&configuration, "APPLIED");
    applied["RecorderStatus"] = json!({
        "RecorderStatus": "SUCCESS", "JobStatusDetails": "recording",
        "LastUpdatedTime": 1_795_000_000.5,
    });
    sync(&server, cursor, 0, json!([applied])).await;
    let described = describe(&server, "gate").await;
    assert_eq!(described["SyncStatus"], "IN_SYNC");
    let recorder = &described["EdgeAgentStatus"]["LastRecorderStatus"];
    assert_eq!(
        (&recorder["RecorderStatus"], &recorder["LastUpdatedTime"]),
        (&json!("SUCCESS"), &json!(1_795_000_000.5))
    );
    // A second configuration of the same hub is allowed now.
    assert_eq!(start(&server, "gate").await["SyncStatus"], "SYNCING");
}

/// A version of the agent may refuse what the one before worked by: `L` in a list of weekdays, for example.
#[tokio::test]
async fn a_hub_that_refuses_what_it_worked_by_is_not_green_any_more() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    start(&server, "gate").await;
    let told = sync(&server, &Value::Null, 0, json!([])).await;
    let configuration = told["Configurations"][0].clone();
    let cursor = &told["Cursor"];
    let mut applied = report(&configuration, "APPLIED");
    let well = |kind: &str| {
        json!({
            kind: "SUCCESS", "JobStatusDetails": "well", "LastUpdatedTime": 1_795_000_000,
            "LastCollectedTime": 1_795_000_001,
        })
    };
    applied["RecorderStatus"] = well("RecorderStatus");
    applied["UploaderStatus"] = well("UploaderStatus");
    sync(&server, cursor, 0, json!([applied])).await;
    assert_eq!(status(&server, "gate").await, "IN_SYNC");

    let sentence = "RecorderConfig.ScheduleConfig.ScheduleExpression: write 7 or SAT in a list";
    let mut failed = report(&configuration, "FAILED");
    failed["FailedStatusDetails"] = json!(sentence);
    sync(&server, cursor, 0, json!([failed])).await;
    let described = describe(&server, "gate").await;
    assert_eq!(described["SyncStatus"], "SYNC_FAILED");
    assert_eq!(described["FailedStatusDetails"], sentence);
    for (job, kind) in
        [("LastRecorderStatus", "RecorderStatus"), ("LastUploaderStatus", "UploaderStatus")]
    {
        let status = &described["EdgeAgentStatus"][job];
        assert_eq!(
            (&status[kind], &status["JobStatusDetails"]),
            (&json!("USER_ERROR"), &json!(sentence))
        );
        assert_eq!(status["LastCollectedTime"], 1_795_000_001.0, "what it did before it did");
        assert_ne!(status["LastUpdatedTime"], 1_795_000_000.0);
    }
    let hubs = server.call("/listHubs", json!({})).await.ok();
    assert_eq!(hubs["Hubs"][0]["FailingRecorderCount"], 1);
    // Said again, it is no news.
    let before = described;
    server.clock.advance(Duration::from_secs(20));
    let mut failed = report(&configuration, "FAILED");
    failed["FailedStatusDetails"] = json!(sentence);
    sync(&server, cursor, 0, json!([failed])).await;
    assert_eq!(describe(&server, "gate").await, before);

    // The next configuration is taken as any other, and so is the hub's word that it works after all.
    sync(&server, cursor, 0, json!([applied])).await;
    let described = describe(&server, "gate").await;
    assert_eq!(described["SyncStatus"], "IN_SYNC");
    assert_eq!(described["EdgeAgentStatus"]["LastRecorderStatus"]["RecorderStatus"], "SUCCESS");
    sync(&server, cursor, 0, json!([failed])).await;
    assert_eq!(start(&server, "gate").await["SyncStatus"], "SYNCING");
}

#[tokio::test]
async fn a_waiting_hub_hears_of_an_update_at_once() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    let cursor = sync(&server, &Value::Null, 0, json!([])).await["Cursor"].clone();
    let waiting = sync(&server, &cursor, 60, json!([]));
    let starting = async {
        // The hub's call is there once the gauge says so.
        loop {
            let metrics = server.get("/metrics").await.body;
            if String::from_utf8_lossy(&metrics).contains("vigie_server_connected_hubs 1") {
                break;
            }
        }
        start(&server, "gate").await;
    };
    let (told, ()) = soon(async { tokio::join!(waiting, starting) }).await;
    assert_eq!(told["Configurations"][0]["StreamName"], "gate");
    assert_ne!(told["Cursor"], cursor);
}

#[tokio::test]
async fn a_deletion_ends_when_the_hub_has_erased() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    start(&server, "gate").await;
    let delete =
        async || server.call("/deleteEdgeConfiguration", json!({"StreamName": "gate"})).await;
    delete().await.ok();
    assert_eq!(status(&server, "gate").await, "DELETING");
    let input = json!({"StreamName": "gate", "EdgeConfig": edge_config(HUB)});
    let answer = server.call("/startEdgeConfigurationUpdate", input).await;
    assert_eq!(answer.error(), (400, "ResourceInUseException"));

    let told = sync(&server, &Value::Null, 0, json!([])).await;
    let configuration = &told["Configurations"][0];
    assert_eq!(configuration["Action"], "DELETE");
    sync(&server, &told["Cursor"], 0, json!([report(configuration, "RECEIVED")])).await;
    assert_eq!(status(&server, "gate").await, "DELETING_ACKNOWLEDGED");
    let erased = sync(&server, &told["Cursor"], 0, json!([report(configuration, "ERASED")])).await;
    assert_eq!(erased["Configurations"], json!([]));
    let answer = server.call("/describeEdgeConfiguration", json!({"StreamName": "gate"})).await;
    assert_eq!(answer.error(), (404, "StreamEdgeConfigurationNotFoundException"));
    assert_eq!(delete().await.error(), (404, "StreamEdgeConfigurationNotFoundException"));
}

#[tokio::test]
async fn a_silent_hub_fails_after_15_minutes_and_heals_when_it_returns() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    start(&server, "gate").await;
    server.clock.advance(Duration::from_secs(14 * 60));
    let server = server.restart().await;
    assert_eq!(status(&server, "gate").await, "SYNCING");
    server.clock.advance(Duration::from_secs(60));
    let server = server.restart().await;
    soon(async {
        while status(&server, "gate").await == "SYNCING" {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let failed = describe(&server, "gate").await;
    assert_eq!(failed["SyncStatus"], "SYNC_FAILED");
    assert!(failed["FailedStatusDetails"].as_str().unwrap().contains("15 minutes"));
    let told = sync(&server, &Value::Null, 0, json!([])).await;
    let applied = json!([report(&told["Configurations"][0], "APPLIED")]);
    sync(&server, &told["Cursor"], 0, applied).await;
    let healed = describe(&server, "gate").await;
    assert_eq!(healed["SyncStatus"], "IN_SYNC");
    assert!(healed.get("FailedStatusDetails").is_none());
}

#[tokio::test]
async fn a_failure_that_the_hub_reports_is_shown() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    start(&server, "gate").await;
    let told = sync(&server, &Value::Null, 0, json!([])).await;
    let mut failed = report(&told["Configurations"][0], "FAILED");
    failed["FailedStatusDetails"] = json!("the schedule never fires");
    sync(&server, &told["Cursor"], 0, json!([failed])).await;
    let described = describe(&server, "gate").await;
    assert_eq!(described["SyncStatus"], "SYNC_FAILED");
    assert_eq!(described["FailedStatusDetails"], "the schedule never fires");
}

#[tokio::test]
async fn updates_are_refused_where_they_would_harm() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    server.create_stream("no-retention", 0).await;
    let update = async |stream: &str, config: Value| {
        let input = json!({"StreamName": stream, "EdgeConfig": config});
        server.call("/startEdgeConfigurationUpdate", input).await
    };
    let answer = update("no-retention", edge_config(HUB)).await;
    assert_eq!(answer.error(), (400, "NoDataRetentionException"));
    let mut bad_cron = edge_config(HUB);
    bad_cron["RecorderConfig"]["ScheduleConfig"] =
        json!({"ScheduleExpression": "0 0 9 * * * *", "DurationInSeconds": 60});
    let answer = update("gate", bad_cron).await;
    assert_eq!(answer.error(), (400, "InvalidArgumentException"));
    let message = answer.json()["Message"].as_str().unwrap().to_owned();
    assert!(message.contains("RecorderConfig.ScheduleConfig.ScheduleExpression"), "{message}");
    let mut short = edge_config(HUB);
    short["RecorderConfig"]["ScheduleConfig"] =
        json!({"ScheduleExpression": "0 0 9 * * ?", "DurationInSeconds": 59});
    assert_eq!(update("gate", short).await.error(), (400, "InvalidArgumentException"));

    update("gate", edge_config(HUB)).await.ok();
    let answer = update("gate", edge_config(HUB)).await;
    assert_eq!(answer.error(), (400, "ResourceInUseException"));
    let told = sync(&server, &Value::Null, 0, json!([])).await;
    let applied = json!([report(&told["Configurations"][0], "APPLIED")]);
    sync(&server, &told["Cursor"], 0, applied).await;
    let other = "arn:aws:iot:us-east-1:000000000000:thing/hub-2";
    let answer = update("gate", edge_config(other)).await;
    assert_eq!(answer.error(), (400, "InvalidArgumentException"));
    assert_eq!(status(&server, "gate").await, "IN_SYNC");
}

#[tokio::test]
async fn a_hubs_configurations_are_listed_in_pages() {
    let server = TestServer::start().await;
    for n in 0..7 {
        let name = format!("cam-{n}");
        server.create_stream(&name, 1).await;
        start(&server, &name).await;
    }
    let mut input = json!({"HubDeviceArn": HUB});
    let first = server.call("/listEdgeAgentConfigurations", input.clone()).await.ok();
    assert_eq!(first["EdgeConfigs"].as_array().unwrap().len(), 5);
    input["NextToken"] = first["NextToken"].clone();
    let second = server.call("/listEdgeAgentConfigurations", input).await.ok();
    assert_eq!(second["EdgeConfigs"].as_array().unwrap().len(), 2);
    assert!(second.get("NextToken").is_none());
    let other = json!({"HubDeviceArn": "arn:aws:iot:us-east-1:000000000000:thing/other"});
    let empty = server.call("/listEdgeAgentConfigurations", other).await.ok();
    assert_eq!(empty["EdgeConfigs"], json!([]));
}

#[tokio::test]
async fn the_hub_of_a_deleted_stream_is_told_to_erase() {
    let server = TestServer::start().await;
    let arn = server.create_stream("gate", 24).await;
    start(&server, "gate").await;
    server.call("/deleteStream", json!({"StreamARN": arn})).await.ok();
    let told = sync(&server, &Value::Null, 0, json!([])).await;
    let configuration = &told["Configurations"][0];
    assert_eq!(
        (&configuration["Action"], &configuration["StreamARN"]),
        (&json!("DELETE"), &json!(arn))
    );
    let erased = json!([report(configuration, "ERASED")]);
    sync(&server, &told["Cursor"], 0, erased).await;
    let told = sync(&server, &Value::Null, 0, json!([])).await;
    assert_eq!(told["Configurations"], json!([]));
}

#[tokio::test]
async fn a_stopping_server_lets_a_waiting_hub_go() {
    let server = TestServer::start().await;
    let told = sync(&server, &Value::Null, 0, json!([])).await;
    let input = json!({
        "HubDeviceArn": HUB, "AgentVersion": "1.0.0", "WaitSeconds": 60, "Streams": [],
        "Cursor": told["Cursor"],
    });
    let body = bytes::Bytes::from(input.to_string());
    let headers = [("content-type", "application/json".to_owned())];
    let now = server.clock.wall();
    let request = server.signed(
        &server.credentials,
        "/syncEdgeAgent",
        "kinesisvideo",
        &headers,
        Some(&body),
        now,
    );
    let waiting = tokio::spawn(common::send_to(
        server.address,
        request.map(|()| http_body_util::Full::new(body)),
    ));
    while !String::from_utf8_lossy(&server.get("/metrics").await.body)
        .contains("vigie_server_connected_hubs 1")
    {}
    soon(server.stop()).await;
    let answer = common::collect(soon(waiting).await.unwrap()).await;
    assert_eq!(answer.ok()["Cursor"], told["Cursor"]);
}
