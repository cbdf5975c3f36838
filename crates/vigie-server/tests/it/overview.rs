//! What people who look ask: what a schedule means, what a stream holds and where it lies in time.

use serde_json::json;

use crate::common::TestServer;
use crate::common::media::fragment;

const T: i64 = 1_795_000_000_000;

#[tokio::test]
async fn a_schedule_is_explained_in_the_zone_that_is_asked_for() {
    let server = TestServer::start().await;
    let answer = server
        .call(
            "/describeSchedule",
            json!({"ScheduleExpression": "0 0 9-16 ? * MON-FRI", "DurationInSeconds": 3600,
                "TimeZone": "Europe/Paris", "From": 1_795_305_600, "Count": 2}),
        )
        .await
        .ok();
    assert_eq!(answer["Description"], "Every hour from 09:00 to 16:00, Monday to Friday");
    // 2026-11-22 is a Sunday; Monday 09:00 in Paris is 08:00 UTC.
    assert_eq!(answer["NextFires"], json!([1_795_420_800.0, 1_795_424_400.0]));
    let windows = answer["Windows"].as_array().unwrap();
    assert_eq!(windows.len(), 5, "{windows:?}");
    assert_eq!(
        windows[0],
        json!({"StartTimestamp": 1_795_420_800.0, "EndTimestamp": 1_795_449_600.0})
    );
    assert!(answer.get("Fault").is_none());
}

#[tokio::test]
async fn a_wrong_schedule_is_an_answer_that_says_where_and_why() {
    let server = TestServer::start().await;
    let ask = |expression: &'static str| {
        server.call("/describeSchedule", json!({ "ScheduleExpression": expression }))
    };
    let answer = ask("0 0 25 * * ?").await.ok();
    assert_eq!(
        answer["Fault"],
        json!({"Message": "hours field: 25 is outside 0 to 23", "Position": 4})
    );
    assert_eq!((&answer["NextFires"], &answer["Windows"]), (&json!([]), &json!([])));
    assert!(ask("").await.ok()["Fault"]["Message"].is_string());
    let zone = json!({"ScheduleExpression": "0 0 9 * * ?", "TimeZone": "Mars/Olympus"});
    assert_eq!(
        server.call("/describeSchedule", zone).await.error(),
        (400, "InvalidArgumentException")
    );
}

#[tokio::test]
async fn what_a_stream_holds_is_told_and_where_it_lies() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    let empty = server.call("/describeStreamMedia", json!({"StreamName": "gate"})).await.ok();
    assert_eq!(empty, json!({"SizeBytes": 0, "FragmentCount": 0}));

    let times = [T, T + 1000, T + 2000, T + 60_000, T + 61_000];
    let fragments: Vec<_> = times.iter().map(|time| fragment(*time, 7)).collect();
    server.upload("gate", &fragments).await;
    let held = server.call("/describeStreamMedia", json!({"StreamName": "gate"})).await.ok();
    assert_eq!(held["FragmentCount"], 5);
    assert!(held["SizeBytes"].as_u64().unwrap() > 0);
    assert_eq!(held["OldestTimestamp"], 1_795_000_000.0);

    let ranges = async |from: i64, until: i64| {
        let input = json!({"StreamName": "gate", "StartTimestamp": from, "EndTimestamp": until});
        let answer = server.call("/listMediaRanges", input).await.ok();
        let ranges = answer["Ranges"].as_array().unwrap().clone();
        ranges
            .iter()
            .map(|range| {
                (range["StartTimestamp"].as_f64().unwrap(), range["FragmentCount"].clone())
            })
            .collect::<Vec<_>>()
    };
    let t = T / 1000;
    assert_eq!(ranges(t, t + 3600).await, [(t as f64, json!(3)), (t as f64 + 60.0, json!(2))]);
    assert_eq!(ranges(t + 30, t + 3600).await, [(t as f64 + 60.0, json!(2))]);
    assert_eq!(ranges(t - 100, t - 50).await, []);

    // A page at a time, none cut and none twice; the token holds the range.
    let mut input = json!({"StreamName": "gate", "StartTimestamp": t, "EndTimestamp": t + 3600, "MaxResults": 1});
    let first = server.call("/listMediaRanges", input.clone()).await.ok();
    assert_eq!(first["Ranges"].as_array().unwrap().len(), 1);
    assert_eq!(first["Ranges"][0]["FragmentCount"], 3);
    input["NextToken"] = first["NextToken"].clone();
    input["EndTimestamp"] = json!(t + 1);
    let second = server.call("/listMediaRanges", input.clone()).await.ok();
    assert_eq!(second["Ranges"][0]["FragmentCount"], 2);
    assert!(second.get("NextToken").is_none(), "{second}");
    input["NextToken"] = json!("bm90IG91cnM=");
    let refused = server.call("/listMediaRanges", input).await;
    assert_eq!(refused.error(), (400, "InvalidArgumentException"));

    let backwards = json!({"StreamName": "gate", "StartTimestamp": t, "EndTimestamp": t - 1});
    let refused = server.call("/listMediaRanges", backwards).await;
    assert_eq!(refused.error(), (400, "InvalidArgumentException"));
}
