//! Reading while media comes and goes: errors in the band, lists of fragments, limits, pages.

use std::os::unix::fs::FileExt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::Incoming;
use serde_json::{Value, json};
use vigie_media::Timestamp;
use vigie_media::matroska::writer;
use vigie_server::ReaderLimits;

use crate::common::chunks::{Chunk, chunks, contents, tag};
use crate::common::media::{end_of_fragment, fragment, header};
use crate::common::{TestServer, collect, soon};

const T: i64 = 1_795_000_000_000;

async fn listed(server: &TestServer, input: Value) -> Response<Incoming> {
    let body = Bytes::from(input.to_string());
    let headers = [("content-type", "application/json".to_owned())];
    let now = server.clock.wall();
    let path = "/getMediaForFragmentList";
    let signed =
        server.signed(&server.credentials, path, "kinesisvideo", &headers, Some(&body), now);
    server.send(signed.map(|()| Full::new(body))).await
}

async fn numbers(server: &TestServer) -> Vec<String> {
    let listed = server.list_fragments("gate").await;
    listed.iter().map(|one| one["FragmentNumber"].as_str().unwrap().to_owned()).collect()
}

async fn upload(server: &TestServer, count: u8) {
    let fragments: Vec<_> =
        (0..count).map(|n| fragment(T + 1000 * i64::from(n), 10 * (n + 1))).collect();
    server.upload("gate", &fragments).await;
}

#[tokio::test]
async fn listed_fragments_come_in_the_order_of_the_list() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, 4).await;
    let numbers = numbers(&server).await;
    // The same place in the stream, but not the number that was given.
    let last = if numbers[0].ends_with('1') { '2' } else { '1' };
    let other = format!("{}{last}", &numbers[0][..46]);
    let wanted = [&numbers[2], &numbers[0], &other, "17", &numbers[3], &numbers[2]];
    let answer = listed(&server, json!({"StreamName": "gate", "Fragments": wanted})).await;
    assert_eq!(answer.headers()["content-type"], "video/webm");
    let chunks = chunks(&soon(collect(answer)).await.body);
    assert_eq!(contents(&chunks), ["30", "10", "error 4000", "error 4000", "40", "30"]);
    // What cannot be had does not end the answer, and each answer says what it is about.
    for (chunk, number) in chunks.iter().zip(wanted) {
        assert_eq!(tag(chunk, "FRAGMENT_NUMBER"), number);
    }
    assert_eq!(tag(&chunks[0], "PRODUCER_SIDE_TIMESTAMP"), "1795000002.000");
    assert_eq!(tag(&chunks[0], "SERVER_SIDE_TIMESTAMP"), tag(&chunks[0], "SERVER_TIMESTAMP"));
    assert!(chunks[0].bytes.starts_with(&fragment(T + 2000, 30)));
    assert!(chunks[0].header.starts_with(&header()));
}

#[tokio::test]
async fn lists_of_fragments_are_refused_as_their_model_says() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    let check = async |input: Value, expect: (u16, &str)| {
        let answer = collect(listed(&server, input).await).await;
        assert_eq!(answer.error(), expect);
    };
    let invalid = (400, "InvalidArgumentException");
    check(json!({"StreamName": "gate", "Fragments": []}), invalid).await;
    check(json!({"StreamName": "gate", "Fragments": ["x"]}), invalid).await;
    check(json!({"StreamName": "gate", "Fragments": vec!["1"; 1001]}), invalid).await;
    check(json!({"StreamName": "gate"}), invalid).await;
    let missing = (404, "ResourceNotFoundException");
    check(json!({"StreamName": "yard", "Fragments": ["1"]}), missing).await;
}

#[tokio::test]
async fn what_has_expired_or_is_not_archived_is_not_found() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    upload(&server, 1).await;
    let numbers = numbers(&server).await;
    server.clock.advance(Duration::from_secs(3601));
    let input = json!({"StreamName": "gate", "Fragments": numbers});
    let answer = soon(collect(listed(&server, input).await)).await;
    assert_eq!(contents(&chunks(&answer.body)), ["error 4000"]);
}

#[tokio::test]
async fn a_stream_has_as_many_readers_as_it_may_have() {
    let server = TestServer::start_configured(|config| {
        config.reader_limits = ReaderLimits { get_media_max: Some(2), fragment_list_max: Some(1) };
    })
    .await;
    server.create_stream("gate", 24).await;
    let now = || server.get_media("gate", json!({"StartSelectorType": "NOW"}));
    let (first, _second) = (now().await, now().await);
    assert_eq!(first.status(), 200);
    let third = collect(now().await).await;
    assert_eq!(third.error(), (400, "ConnectionLimitExceededException"));
    // A reader that hangs up makes room.
    drop(first);
    soon(async {
        while now().await.status() != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;

    // A list is read for as long as its reader takes.
    let large: Vec<_> = (0..40).map(|n| large_fragment(T + 1000 * n, 1 << 20)).collect();
    server.upload("gate", &large).await;
    let input = json!({"StreamName": "gate", "Fragments": numbers(&server).await});
    let slow = listed(&server, input.clone()).await;
    let refused = collect(listed(&server, input.clone()).await).await;
    assert_eq!(refused.error(), (400, "ClientLimitExceededException"));
    assert_eq!(chunks(&soon(collect(slow)).await.body).len(), 40);
}

/// One key frame.
fn large_fragment(timecode_ms: i64, data_bytes: usize) -> Vec<u8> {
    let cluster = writer::cluster_start(Timestamp::from_millis(timecode_ms)).to_vec();
    let block = writer::simple_block_header(1, 0, true, data_bytes).to_vec();
    [cluster, block, (0..data_bytes).map(|at| (at % 251) as u8).collect()].concat()
}

#[tokio::test]
async fn a_fragment_of_many_blocks_comes_back_whole() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    let sizes = [(256 << 10) - 40, 256 << 10, 3 << 20, 1];
    let sent: Vec<_> =
        sizes.iter().zip(0..).map(|(size, n)| large_fragment(T + 1000 * n, *size)).collect();
    server.upload("gate", &sent).await;
    let answer = server.get_media("gate", json!({"StartSelectorType": "EARLIEST"})).await;
    let chunks = chunks(&soon(collect(answer)).await.body);
    assert_eq!(chunks.len(), sent.len());
    for (chunk, sent) in chunks.iter().zip(&sent) {
        assert!(chunk.bytes.starts_with(sent));
    }
}

/// A reader's answer, read until it holds this many chunks.
async fn read_chunks(answer: &mut Response<Incoming>, read: &mut Vec<u8>, count: usize) {
    let token = b"AWS_KINESISVIDEO_CONTINUATION_TOKEN";
    let whole = |read: &[u8]| read.windows(token.len()).filter(|window| window == token).count();
    while whole(read) < count {
        let frame = soon(answer.body_mut().frame()).await.expect("the answer ended").unwrap();
        read.extend(frame.into_data().unwrap());
    }
}

#[tokio::test]
async fn a_live_reader_is_told_in_the_band_that_its_stream_was_deleted() {
    let server = TestServer::start().await;
    let arn = server.create_stream("gate", 24).await;
    let mut producer = server.put_media("gate").await;
    producer.send([header(), fragment(T, 10), end_of_fragment()].concat()).await;
    producer.until("PERSISTED").await;
    let mut answer = server.get_media("gate", json!({"StartSelectorType": "NOW"})).await;
    let mut read = Vec::new();
    read_chunks(&mut answer, &mut read, 1).await;
    server.call("/deleteStream", json!({"StreamARN": arn})).await.ok();
    let rest = soon(answer.into_body().collect()).await.unwrap().to_bytes();
    read.extend(rest);
    let chunks = chunks(&read);
    assert_eq!(contents(&chunks), ["10", "error 4000"]);
    assert_eq!(tag(&chunks[1], "FRAGMENT_NUMBER"), tag(&chunks[0], "FRAGMENT_NUMBER"));
}

#[tokio::test]
async fn a_slow_reader_is_told_in_the_band_that_what_it_waits_for_was_deleted() {
    let server = TestServer::start().await;
    let arn = server.create_stream("gate", 24).await;
    // More than the sockets' buffers hold.
    let large: Vec<_> = (0..40).map(|n| large_fragment(T + 1000 * n, 1 << 20)).collect();
    server.upload("gate", &large).await;
    let mut answer = server.get_media("gate", json!({"StartSelectorType": "EARLIEST"})).await;
    let mut read = Vec::new();
    read_chunks(&mut answer, &mut read, 1).await;
    server.call("/deleteStream", json!({"StreamARN": arn})).await.ok();
    let rest = soon(answer.into_body().collect()).await.unwrap().to_bytes();
    read.extend(rest);
    let chunks = chunks(&read);
    let (last, whole) = chunks.split_last().unwrap();
    assert_eq!(last.error.as_deref(), Some("4000"));
    assert!(!whole.is_empty() && whole.len() < 40, "{}", whole.len());
    for (chunk, sent) in whole.iter().zip(&large) {
        assert!(chunk.bytes.starts_with(sent), "what came before is whole");
    }
}

#[tokio::test]
async fn damaged_media_is_answered_with_an_error_in_the_band() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, 3).await;
    damage(&server, 30);
    let answer = server.get_media("gate", json!({"StartSelectorType": "EARLIEST"})).await;
    let read = chunks(&soon(collect(answer)).await.body);
    assert_eq!(contents(&read), ["10", "20", "error 5000"]);
    // Of a list the others come all the same.
    let wanted = numbers(&server).await;
    let wanted = [&wanted[2], &wanted[0]];
    let answer = listed(&server, json!({"StreamName": "gate", "Fragments": wanted})).await;
    let read = chunks(&soon(collect(answer)).await.body);
    assert_eq!(contents(&read), ["error 5000", "10"]);
}

/// Turns the bytes of the frame that is filled with `fill` to others, on the disk.
fn damage(server: &TestServer, fill: u8) {
    let file =
        std::fs::read_dir(&server.media_folders()[0]).unwrap().next().unwrap().unwrap().path();
    let bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(100).position(|window| window == [fill; 100]).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
    file.write_all_at(&[!fill], at as u64).unwrap();
}

#[tokio::test]
async fn pages_go_on_where_they_ended_whatever_is_deleted_meanwhile() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    let page = async |token: Option<&Value>| {
        let input = match token {
            Some(token) => json!({"StreamName": "gate", "MaxResults": 2, "NextToken": token}),
            None => json!({
                "StreamName": "gate", "MaxResults": 2,
                "FragmentSelector": {
                    "FragmentSelectorType": "PRODUCER_TIMESTAMP",
                    "TimestampRange": {"StartTimestamp": 0, "EndTimestamp": 4_000_000_000u32},
                },
            }),
        };
        server.call("/listFragments", input).await.ok()
    };
    let starts = |page: &Value| -> Vec<f64> {
        let fragments = page["Fragments"].as_array().unwrap();
        fragments.iter().map(|one| one["ProducerTimestamp"].as_f64().unwrap() % 1000.0).collect()
    };
    // Hours apart, so that the first ones expire before the others; each in a media file of its own.
    for n in 0..6i64 {
        let more: Vec<_> = (0..3).map(|m| fragment(T + 1000 * (10 * n + m), 1)).collect();
        server.upload("gate", &more).await;
        if n < 5 {
            server.clock.advance(Duration::from_secs(4 * 3600));
        }
    }
    let first = page(None).await;
    // Now the first two batches are older than a day's retention, the token's own place among them.
    server.clock.advance(Duration::from_secs(8 * 3600 + 60));
    assert_eq!(starts(&first).len(), 2);
    let mut rest = Vec::new();
    let mut token = first["NextToken"].clone();
    while !token.is_null() {
        let next = page(Some(&token)).await;
        rest.extend(starts(&next));
        token = next["NextToken"].clone();
    }
    assert_eq!(rest, [20.0, 21.0, 22.0, 30.0, 31.0, 32.0, 40.0, 41.0, 42.0, 50.0, 51.0, 52.0]);
}

#[tokio::test]
async fn a_fragment_that_is_sent_twice_is_kept_twice_under_numbers_of_its_own() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    for _ in 0..2 {
        server.upload("gate", &[fragment(T, 10)]).await;
    }
    let answer = server.get_media("gate", json!({"StartSelectorType": "EARLIEST"})).await;
    let read: Vec<Chunk> = chunks(&soon(collect(answer)).await.body);
    assert_eq!(contents(&read), ["10", "10"]);
    assert_ne!(tag(&read[0], "FRAGMENT_NUMBER"), tag(&read[1], "FRAGMENT_NUMBER"));
    assert_eq!(tag(&read[0], "PRODUCER_TIMESTAMP"), tag(&read[1], "PRODUCER_TIMESTAMP"));
}

#[tokio::test]
async fn millis_behind_now_falls_to_zero_at_the_newest_fragment() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    server.upload("gate", &[fragment(T, 10), fragment(T + 1000, 20)]).await;
    server.clock.advance(Duration::from_secs(100));
    let answer = server.get_media("gate", json!({"StartSelectorType": "EARLIEST"})).await;
    let read = chunks(&soon(collect(answer)).await.body);
    let behind: Vec<i64> =
        read.iter().map(|chunk| tag(chunk, "MILLIS_BEHIND_NOW").parse().unwrap()).collect();
    // A hundred seconds less the fragment's own second.
    assert!((99_000..110_000).contains(&behind[0]), "{behind:?}");
    assert_eq!(behind[1], 0);
}
