//! A server whose clock jumps deletes nothing by age for an hour, over restarts too, and says so.

use std::time::Duration;

use serde_json::json;
use vigie_media::Timestamp;

use crate::common::media::fragment;
use crate::common::{HUB, TestServer, soon};

const T: i64 = 1_795_000_000_000;
const DAY_MS: i64 = 86_400_000;
const HOUR: Duration = Duration::from_secs(3600);

fn media_files(server: &TestServer) -> usize {
    let folders = server.media_folders().into_iter();
    folders.map(|path| std::fs::read_dir(path).unwrap().count()).sum()
}

/// What is too old goes at once, as with each sweep.
async fn look_for_old_media(server: &TestServer) {
    for operation in ["INCREASE_DATA_RETENTION", "DECREASE_DATA_RETENTION"] {
        let info = server.call("/describeStream", json!({"StreamName": "gate"})).await.ok();
        let input = json!({
            "StreamName": "gate", "CurrentVersion": info["StreamInfo"]["Version"],
            "Operation": operation, "DataRetentionChangeInHours": 1,
        });
        server.call("/updateDataRetention", input).await.ok();
    }
}

async fn hold_seconds_left(server: &TestServer) -> u64 {
    let text = String::from_utf8(server.get("/metrics").await.body.to_vec()).unwrap();
    let line = text.lines().find(|line| line.starts_with("vigie_server_age_hold_seconds_left "));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_clock_a_day_ahead_for_a_moment_costs_no_media() {
    let server = TestServer::start().await;
    server.create_stream("gate", 2).await;
    server.upload("gate", &[fragment(T, 1)]).await;
    assert_eq!(media_files(&server), 1);
    server.clock.step(DAY_MS);
    // A hub that is told less uploads again.
    assert_eq!(server.list_fragments("gate").await.len(), 1);
    look_for_old_media(&server).await;
    assert_eq!(media_files(&server), 1);
    assert!((3_500..=3_600).contains(&hold_seconds_left(&server).await));
    server.clock.step(-DAY_MS);
    look_for_old_media(&server).await;
    assert_eq!(server.list_fragments("gate").await.len(), 1);
    // When it has been told for an hour that the clock is right, age counts again.
    server.clock.advance(3 * HOUR);
    look_for_old_media(&server).await;
    assert_eq!((media_files(&server), hold_seconds_left(&server).await), (0, 0));
}

/// Long before anything looks for what is old.
#[tokio::test]
async fn a_clock_that_was_behind_only_while_media_came_costs_none_of_it() {
    let server = TestServer::start().await;
    server.create_stream("gate", 2).await;
    server.clock.step(-DAY_MS);
    server.upload("gate", &[fragment(T, 1)]).await;
    server.clock.step(DAY_MS);
    // What it was is known to the next process as well.
    let server = server.restart().await;
    assert!((3_500..=3_600).contains(&hold_seconds_left(&server).await));
    look_for_old_media(&server).await;
    assert_eq!((media_files(&server), server.list_fragments("gate").await.len()), (1, 1));
    server.clock.advance(3 * HOUR);
    look_for_old_media(&server).await;
    assert_eq!(media_files(&server), 0);
}

#[tokio::test]
async fn a_boot_with_a_wrong_clock_is_noticed_and_a_restart_does_not_end_the_hour() {
    for wrong_ms in [30 * DAY_MS, 5_000 - T] {
        let server = TestServer::start().await;
        server.create_stream("gate", 2).await;
        server.upload("gate", &[fragment(T, 1)]).await;
        let (folder, clock) = server.stop().await;
        let right = clock.wall();
        clock.set_wall(Timestamp::from_millis(T + wrong_ms));
        let disk = std::sync::Arc::new(vigie_store::OsDisk);
        let server = TestServer::start_in(disk, folder, clock).await;
        look_for_old_media(&server).await;
        assert_eq!(media_files(&server), 1, "{wrong_ms}");
        server.clock.advance(HOUR / 2);
        let server = server.restart().await;
        look_for_old_media(&server).await;
        assert_eq!(media_files(&server), 1, "{wrong_ms}");
        assert!((1..=1_800).contains(&hold_seconds_left(&server).await));
        server.clock.set_wall(right);
        assert_eq!(server.list_fragments("gate").await.len(), 1);
    }
}

#[tokio::test]
async fn a_restart_that_takes_a_moment_holds_nothing() {
    let server = TestServer::start().await.restart().await;
    server.create_stream("gate", 2).await;
    look_for_old_media(&server).await;
    assert_eq!(hold_seconds_left(&server).await, 0);
}

#[tokio::test]
async fn a_secret_whose_recovery_window_a_clock_jumped_over_stays() {
    let server = TestServer::start().await;
    let input = json!({"Name": "cam", "SecretString": "{\"MediaURI\":\"rtsp://camera/\"}"});
    server.secrets("CreateSecret", input).await.ok();
    server.secrets("DeleteSecret", json!({"SecretId": "cam"})).await.ok();
    server.clock.step(40 * DAY_MS);
    // The process that ends is the one that sees it, and only as it ends.
    let server = server.restart().await;
    assert!((3_500..=3_600).contains(&hold_seconds_left(&server).await));
    server.create_stream("gate", 2).await;
    let edge_config = json!({
        "HubDeviceArn": HUB,
        "RecorderConfig": {"MediaSourceConfig": {
            "MediaUriSecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:gate-AbCdEf",
            "MediaUriType": "RTSP_URI",
        }},
    });
    let is_there =
        async || server.secrets("DescribeSecret", json!({"SecretId": "cam"})).await.status == 200;
    assert!(is_there().await);
    // An hour later, woken by anything, background work looks again.
    server.clock.advance(HOUR + Duration::from_secs(61));
    let input = json!({"StreamName": "gate", "EdgeConfig": edge_config});
    server.call("/startEdgeConfigurationUpdate", input).await.ok();
    soon(async {
        while is_there().await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
