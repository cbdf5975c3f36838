//! What a schedule means, and where one is wrong.

use serde_json::json;

use crate::common::TestServer;

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
