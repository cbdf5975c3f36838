//! The limits of docs/saving.md, each at its bound: the last that is taken and the first that is refused.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::{Value, json};
use vigie_media::Timestamp;
use vigie_media::codec::aac;
use vigie_media::matroska::writer;

use crate::common::keys::key;
use crate::common::{Answer, TestServer, soon};

const EXPORTER: &str =
    r#"{"Statement": {"Effect": "Allow", "Action": "kinesisvideo:ExportClip", "Resource": "*"}}"#;

fn header(sampling_hz: u32) -> Vec<u8> {
    let config = aac::AudioSpecificConfig::aac_lc(sampling_hz, 2).unwrap();
    writer::document_header(&[aac::track(1, "audio", config.to_vec().into()).unwrap()])
}

/// A fragment of one frame, a second long.
fn fragment(second: i64, frame_bytes: usize) -> Vec<u8> {
    let mut bytes = writer::cluster_start(Timestamp::from_millis(second * 1000)).to_vec();
    bytes.extend(&*writer::simple_block_header(1, 0, true, frame_bytes));
    bytes.resize(bytes.len() + frame_bytes, second as u8);
    bytes
}

/// Uploads fragments of these seconds, in documents of a thousand, whose acknowledgements fit what lies between the two sides.
async fn upload(
    server: &TestServer,
    sampling_hz: u32,
    seconds: std::ops::Range<i64>,
    frame_bytes: usize,
) {
    let seconds: Vec<i64> = seconds.collect();
    for some in seconds.chunks(1000) {
        let mut connection = server.put_media("gate").await;
        connection.send(header(sampling_hz)).await;
        let fragments = some.iter().map(|&second| fragment(second, frame_bytes));
        for fragments in fragments.collect::<Vec<_>>().chunks(100) {
            connection.send(fragments.concat()).await;
        }
        connection.finish();
        let said = connection.rest().await;
        let persisted = said.iter().filter(|said| said.starts_with("PERSISTED")).count();
        assert_eq!(persisted, some.len());
    }
}

async fn export(server: &TestServer, start: i64, end: i64) -> Answer {
    let input = json!({ "StreamName": "gate", "StartTimestamp": start, "EndTimestamp": end });
    server.call("/exportClip", input).await
}

async fn with_stream() -> TestServer {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    server
}

#[tokio::test]
async fn a_range_has_a_hundred_thousand_fragments_and_not_one_more() {
    let server = with_stream().await;
    upload(&server, 48_000, 0..100_001, 8).await;
    let found = export(&server, 0, 100_000).await.ok();
    let [file] = &found["Files"].as_array().unwrap()[..] else { panic!("one file") };
    assert_eq!((&file["FragmentCount"], &file["GapCount"]), (&json!(100_000), &json!(0)));
    assert_eq!(file["EndTimestamp"], 100_000.0);
    let refused = export(&server, 0, 100_001).await;
    assert_eq!(refused.error(), (400, "ClientLimitExceededException"));
    assert!(refused.json()["Message"].as_str().unwrap().contains("more than 100000 fragments"));
}

#[tokio::test]
async fn codec_parameters_change_ninety_nine_times_and_not_a_hundred() {
    let server = with_stream().await;
    for second in 0..101 {
        let sampling_hz = if second % 2 == 0 { 48_000 } else { 44_100 };
        upload(&server, sampling_hz, second..second + 1, 8).await;
    }
    let found = export(&server, 0, 100).await.ok();
    assert_eq!(found["Files"].as_array().unwrap().len(), 100);
    let refused = export(&server, 0, 101).await;
    assert_eq!(refused.error(), (400, "ClientLimitExceededException"));
}

#[tokio::test]
async fn urls_hold_for_five_minutes_to_twelve_hours() {
    let server = with_stream().await;
    upload(&server, 48_000, 0..3, 8).await;
    for (seconds, is_taken) in [(299, false), (300, true), (43_200, true), (43_201, false)] {
        let input = json!({
            "StreamName": "gate", "StartTimestamp": 0, "EndTimestamp": 3, "Expires": seconds,
        });
        let answer = server.call("/exportClip", input).await;
        let expect = if is_taken { 200 } else { 400 };
        assert_eq!(answer.status, expect, "{seconds}");
    }
}

async fn begin_download(server: &TestServer, url: &Value) -> Response<Incoming> {
    let url = url.as_str().unwrap().strip_prefix(&format!("http://{}", server.host())).unwrap();
    let request = Request::get(url).header("host", server.host());
    server.send(request.body(Full::<Bytes>::default()).unwrap()).await
}

#[tokio::test]
async fn sixty_four_files_are_sent_at_once_sixteen_to_one_and_another_when_one_is_done() {
    let server = with_stream().await;
    // More than lies in sockets and queues, so that who does not read has not got all of it.
    upload(&server, 48_000, 0..400, 100_000).await;
    let mut urls = Vec::new();
    for _ in 0..5 {
        let holder = key(&server, EXPORTER).await;
        let input = json!({ "StreamName": "gate", "StartTimestamp": 0, "EndTimestamp": 400 });
        let found = server.call_as(&holder, "/exportClip", input).await.ok();
        urls.push(found["Files"][0]["ClipFileURL"].clone());
    }
    let mut downloads = Vec::new();
    for url in &urls[..4] {
        for _ in 0..16 {
            let answer = begin_download(&server, url).await;
            assert_eq!(answer.status(), 200);
            downloads.push(answer);
        }
        assert_eq!(begin_download(&server, url).await.status(), 503);
    }
    let url = &urls[4];
    let refused = begin_download(&server, url).await;
    assert_eq!(refused.status(), 503);
    let text = refused.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&text).contains("being downloaded at once"), "{text:?}");
    // Whole, to its last byte.
    let body = downloads.remove(0).into_body().collect().await.unwrap().to_bytes();
    assert!(body.len() > 400 * 100_000);
    // Its place is free.
    soon(async {
        while begin_download(&server, url).await.status() != 200 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_stream_has_a_thousand_links() {
    let server = with_stream().await;
    let input = json!({ "StreamName": "gate", "Kind": "STREAM", "Expires": 300 });
    for _ in 0..1000 {
        server.call("/createShareLink", input.clone()).await.ok();
    }
    let refused = server.call("/createShareLink", input).await;
    assert_eq!(refused.error(), (400, "ClientLimitExceededException"));
    for (seconds, status) in [(299, 400), (2_592_001, 400)] {
        let input = json!({ "StreamName": "gate", "Kind": "STREAM", "Expires": seconds });
        assert_eq!(server.call("/createShareLink", input).await.status, status, "{seconds}");
    }
    let list = async |count: i64| {
        let input = json!({ "StreamName": "gate", "MaxResults": count });
        server.call("/listShareLinks", input).await
    };
    assert_eq!(list(1000).await.ok()["ShareLinks"].as_array().unwrap().len(), 1000);
    for count in [0, 1001] {
        assert_eq!(list(count).await.status, 400, "{count}");
    }
}
