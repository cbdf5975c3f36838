//! What a stream holds, and where it lies in time.

use serde_json::json;

use crate::common::TestServer;
use crate::common::media::fragment;

const T: i64 = 1_795_000_000_000;

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
