//! PutMedia and GetMedia over the wire.

use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use vigie_media::Timestamp;
use vigie_media::matroska::writer;

use crate::common::chunks::{Chunk, chunks, tag};
use crate::common::media::{end_of_fragment, fragment, header, track};
use crate::common::{TestServer, collect, soon};

const T: i64 = 1_795_000_000_000;

async fn read(server: &TestServer, selector: Value) -> Vec<Chunk> {
    let response = server.get_media("gate", selector).await;
    assert_eq!(response.headers()["content-type"], "video/webm");
    let answer = soon(collect(response)).await;
    assert_eq!(answer.status, 200);
    chunks(&answer.body)
}

/// The fragment of each chunk, by the byte that its frames begin with.
fn fills(chunks: &[Chunk]) -> Vec<u8> {
    let frame = |chunk: &Chunk| chunk.bytes[15 + 12 + 100];
    chunks.iter().map(frame).collect()
}

#[tokio::test]
async fn a_fragment_is_buffering_then_received_then_persisted() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let acknowledgements = server.upload("gate", &[fragment(T, 1), fragment(T + 1000, 2)]).await;
    let of = |timecode: i64| -> Vec<&str> {
        let suffix = format!(" {timecode}");
        acknowledgements.iter().filter_map(|line| line.strip_suffix(&suffix)).collect()
    };
    for timecode in [T, T + 1000] {
        assert_eq!(of(timecode), ["BUFFERING", "RECEIVED", "PERSISTED"]);
    }
    assert_eq!(acknowledgements.len(), 6);
    let listed = server.list_fragments("gate").await;
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0]["ProducerTimestamp"], 1_795_000_000.0);
    assert_eq!(listed[0]["FragmentLengthInMilliseconds"], 1000);
    let expect = fragment(T, 1).len();
    assert_eq!(listed[0]["FragmentSizeInBytes"], expect);
}

#[tokio::test]
async fn each_acknowledgement_is_one_http_chunk_and_one_line() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let mut connection = server.put_media("gate").await;
    connection.send(header()).await;
    connection.send(fragment(T, 1)).await;
    assert_eq!(connection.until("BUFFERING").await, [format!("BUFFERING {T}")]);
    connection.finish();
    connection.rest().await;
    assert_eq!(connection.chunks.len(), 3);
    for chunk in &connection.chunks {
        let line = std::str::from_utf8(chunk).unwrap();
        assert!(line.ends_with("}\n") && line.matches('\n').count() == 1, "{line}");
    }
}

#[tokio::test]
async fn a_body_in_single_bytes_is_stored_verbatim() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let mut connection = server.put_media("gate").await;
    let body = [header(), fragment(T, 1), fragment(T + 1000, 9)].concat();
    for byte in &body {
        connection.send(vec![*byte]).await;
    }
    connection.finish();
    connection.rest().await;
    let chunks = read(&server, json!({"StartSelectorType": "EARLIEST"})).await;
    assert_eq!(chunks.len(), 2);
    assert!(chunks[0].header.starts_with(&header()));
    assert_eq!(chunks[0].bytes[..fragment(T, 1).len()], fragment(T, 1));
    assert_eq!(chunks[1].bytes[..fragment(T, 9).len()], fragment(T + 1000, 9));
}

#[tokio::test]
async fn the_end_of_fragment_tag_completes_a_fragment_at_once() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let mut connection = server.put_media("gate").await;
    connection.send(header()).await;
    connection.send(fragment(T, 1)).await;
    connection.send(end_of_fragment()).await;
    // The body is still open.
    let acknowledgements = connection.until("PERSISTED").await;
    assert_eq!(acknowledgements.len(), 3);
    connection.send(fragment(T + 1000, 2)).await;
    connection.finish();
    let rest = connection.rest().await;
    assert_eq!(rest.last().unwrap(), &format!("PERSISTED {}", T + 1000));
}

#[tokio::test]
async fn relative_timecodes_count_from_the_producers_start() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let extra = [
        ("x-amzn-fragment-timecode-type", "RELATIVE"),
        ("x-amzn-producer-start-timestamp", "1795000100.250"),
    ];
    let mut connection = server.put_media_with("gate", &extra).await;
    connection.send([header(), fragment(500, 1)].concat()).await;
    connection.finish();
    // Acknowledged in the producer's own base.
    assert_eq!(connection.rest().await[0], "BUFFERING 500");
    let listed = server.list_fragments("gate").await;
    assert_eq!(listed[0]["ProducerTimestamp"], 1_795_000_100.75);
}

#[tokio::test]
async fn what_producers_do_wrong_gets_its_error_id() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let check = async |body: Vec<u8>, expect: &str| {
        let mut connection = server.put_media("gate").await;
        connection.send(body).await;
        connection.finish();
        let rest = connection.rest().await;
        assert_eq!(rest.iter().find(|line| line.starts_with("ERROR")).unwrap(), expect);
    };
    let tagged = |name: &str| [fragment(T, 1), writer::tags(&[(name, "x")])].concat();
    let header = header();
    check(b"not matroska at all, but long enough".to_vec(), "ERROR -1 4006").await;
    check([&header[..], &header[..]].concat(), "ERROR -1 4006").await;
    let mut torn = [header.clone(), fragment(T, 1)].concat();
    torn.truncate(torn.len() - 10);
    check(torn, &format!("ERROR {T} 4006")).await;
    let earlier = [header.clone(), fragment(T, 1), fragment(T, 2)].concat();
    check(earlier, &format!("ERROR {T} 4004")).await;
    check([header.clone(), tagged("AWS_MINE")].concat(), &format!("ERROR {T} 4012")).await;
    let long_name = "n".repeat(129);
    check([header.clone(), tagged(&long_name)].concat(), &format!("ERROR {T} 4009")).await;
    let other_track = [
        writer::cluster_start(Timestamp::from_millis(T)).to_vec(),
        writer::simple_block_header(7, 0, true, 1).to_vec(),
        vec![0],
    ]
    .concat();
    check([header.clone(), other_track].concat(), &format!("ERROR {T} 4010")).await;
    let tracks = writer::document_header(&[track(1), track(2), track(3), track(4)]);
    check([tracks, fragment(T, 1)].concat(), "ERROR -1 4005").await;
    let mut long = fragment(T, 1);
    long.extend(&*writer::simple_block_header(1, 20_001, false, 1));
    long.push(0);
    check([header.clone(), long].concat(), &format!("ERROR {T} 4002")).await;
    let at = 253_402_300_800_000;
    check([header.clone(), fragment(at, 1)].concat(), &format!("ERROR {at} 4007")).await;
    // What is too large is refused by its declared size, before it comes.
    let cluster = writer::cluster_start(Timestamp::from_millis(T)).to_vec();
    let large = [header, cluster, writer::simple_block_header(1, 0, true, 50 << 20).to_vec()];
    check(large.concat(), &format!("ERROR {T} 4001")).await;
    // Only the fragment before the one that came too early was whole.
    let listed = server.list_fragments("gate").await;
    assert_eq!(listed.len(), 1, "{listed:?}");
}

#[tokio::test]
async fn headers_that_do_not_do_are_refused_before_the_body() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let check = async |extra: &[(&str, &str)], status: u16, error: &str| {
        let request = server.put_media_request("gate", extra);
        let (_body, response) = server.put_media_answer(request).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["x-amzn-errortype"], error);
    };
    let invalid = "InvalidArgumentException";
    check(&[("x-amzn-fragment-timecode-type", "")], 400, invalid).await;
    check(&[("x-amzn-fragment-timecode-type", "absolute")], 400, invalid).await;
    check(&[("x-amzn-producer-start-timestamp", "yesterday")], 400, invalid).await;
    check(&[("x-amzn-stream-name", "")], 400, invalid).await;
    check(&[("x-amzn-stream-name", "yard")], 404, "ResourceNotFoundException").await;
}

#[tokio::test]
async fn the_newest_connection_wins_and_sees_what_the_older_one_sent() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let mut older = server.put_media("gate").await;
    older.send([header(), fragment(T, 1), fragment(T + 1000, 2)].concat()).await;
    older.until("RECEIVED").await;
    // The 200 of the newer one comes when the older one's appends are finished.
    let mut newer = server.put_media("gate").await;
    assert_eq!(server.list_fragments("gate").await.len(), 1);
    assert_eq!(older.rest().await, [format!("BUFFERING {}", T + 1000), format!("PERSISTED {T}")]);
    newer.send([header(), fragment(T + 1000, 2)].concat()).await;
    newer.finish();
    newer.rest().await;
    assert_eq!(server.list_fragments("gate").await.len(), 2);
}

#[tokio::test]
async fn older_media_may_come_later_and_is_listed_by_its_own_time() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    server.upload("gate", &[fragment(T, 3), fragment(T + 1000, 4)]).await;
    server.upload("gate", &[fragment(T - 60_000, 1), fragment(T - 59_000, 2)]).await;
    let times: Vec<f64> = server
        .list_fragments("gate")
        .await
        .iter()
        .map(|fragment| fragment["ProducerTimestamp"].as_f64().unwrap())
        .collect();
    let seconds = T as f64 / 1000.0;
    assert_eq!(times, [seconds - 60.0, seconds - 59.0, seconds, seconds + 1.0]);
    let input = json!({
        "StreamName": "gate", "MaxResults": 3,
        "FragmentSelector": {
            "FragmentSelectorType": "SERVER_TIMESTAMP",
            "TimestampRange": {"StartTimestamp": 0, "EndTimestamp": 4_000_000_000u32},
        },
    });
    let first = server.call("/listFragments", input).await.ok();
    let input = json!({"StreamName": "gate", "NextToken": first["NextToken"]});
    let second = server.call("/listFragments", input).await.ok();
    let numbers: Vec<&str> = [&first, &second]
        .iter()
        .flat_map(|page| page["Fragments"].as_array().unwrap())
        .map(|fragment| fragment["FragmentNumber"].as_str().unwrap())
        .collect();
    assert_eq!(numbers.len(), 4);
    assert!(numbers.is_sorted() && numbers[0].len() == 47, "{numbers:?}");
}

#[tokio::test]
async fn get_media_starts_where_it_is_told_to() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    let fragments: Vec<_> =
        (0..4).map(|n| fragment(T + 1000 * i64::from(n), 10 * n + 10)).collect();
    server.upload("gate", &fragments).await;
    let all = read(&server, json!({"StartSelectorType": "EARLIEST"})).await;
    assert_eq!(fills(&all), [10, 20, 30, 40]);
    let check = async |selector: Value, expect: &[u8]| {
        let chunks = read(&server, selector.clone()).await;
        assert_eq!(fills(&chunks), expect, "{selector}");
    };
    let number = tag(&all[1], "FRAGMENT_NUMBER");
    let after = json!({"StartSelectorType": "FRAGMENT_NUMBER", "AfterFragmentNumber": number});
    let token = tag(&all[2], "CONTINUATION_TOKEN");
    let behind = json!({"StartSelectorType": "CONTINUATION_TOKEN", "ContinuationToken": token});
    let at = |by: &str, ms: i64| json!({"StartSelectorType": by, "StartTimestamp": (T + ms) as f64 / 1000.0});
    // The clock stands still here: all four arrived in the same millisecond.
    let arrived: f64 = tag(&all[0], "SERVER_TIMESTAMP").parse().unwrap();
    let on_arrival = json!({"StartSelectorType": "SERVER_TIMESTAMP", "StartTimestamp": arrived});
    // At once, for each answer ends after three seconds with nothing to send.
    tokio::join!(
        check(json!({"StartSelectorType": "NOW"}), &[40]),
        check(after, &[30, 40]),
        check(behind, &[40]),
        check(at("PRODUCER_TIMESTAMP", 1999), &[20, 30, 40]),
        check(at("PRODUCER_TIMESTAMP", 2000), &[30, 40]),
        check(at("PRODUCER_TIMESTAMP", -5000), &[10, 20, 30, 40]),
        check(at("PRODUCER_TIMESTAMP", 4000), &[]),
        check(at("SERVER_TIMESTAMP", -5000), &[10, 20, 30, 40]),
        check(on_arrival, &[10, 20, 30, 40]),
    );

    let missing = json!({"StartSelectorType": "SERVER_TIMESTAMP"});
    let answer = collect(server.get_media("gate", missing).await).await;
    assert_eq!(answer.error(), (400, "InvalidArgumentException"));
    let answer = collect(server.get_media("yard", json!({"StartSelectorType": "NOW"})).await).await;
    assert_eq!(answer.error(), (404, "ResourceNotFoundException"));
}

#[tokio::test]
async fn the_tags_around_a_fragment_tell_its_number_and_times() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    let tagged = [fragment(T + 7, 1), writer::tags(&[("door", "open")])].concat();
    server.upload("gate", &[tagged, fragment(T + 1007, 2)]).await;
    let listed = server.list_fragments("gate").await;
    let chunks = read(&server, json!({"StartSelectorType": "EARLIEST"})).await;
    assert_eq!(tag(&chunks[0], "FRAGMENT_NUMBER"), listed[0]["FragmentNumber"]);
    assert_eq!(tag(&chunks[0], "PRODUCER_TIMESTAMP"), "1795000000.007");
    let server_time: f64 = tag(&chunks[0], "SERVER_TIMESTAMP").parse().unwrap();
    assert_eq!(server_time, listed[0]["ServerTimestamp"]);
    assert_eq!(tag(&chunks[1], "MILLIS_BEHIND_NOW"), "0");
    let door = ("door".to_owned(), "open".to_owned());
    let position =
        |wanted: &str| chunks[0].tags.iter().position(|(name, _)| name.ends_with(wanted));
    assert!(chunks[0].tags.contains(&door));
    assert!(position("PRODUCER_TIMESTAMP") < position("door"));
    assert!(position("door") < position("MILLIS_BEHIND_NOW"));
}

#[tokio::test]
async fn a_live_consumer_follows_the_producer() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    let mut producer = server.put_media("gate").await;
    let mut consumer =
        server.get_media("gate", json!({"StartSelectorType": "NOW"})).await.into_body();
    producer.send(header()).await;
    for n in 0..3u8 {
        producer.send(fragment(T + 1000 * i64::from(n), n + 1)).await;
        producer.send(end_of_fragment()).await;
        // Header and leading tags, fragment, trailing tags.
        let mut pieces = Vec::new();
        while pieces.len() < 3 {
            pieces.push(soon(consumer.frame()).await.unwrap().unwrap().into_data().unwrap());
        }
        assert!(pieces[1].starts_with(&fragment(T + 1000 * i64::from(n), n + 1)));
    }
    producer.finish();
    producer.rest().await;
    // With nothing more to send the answer ends.
    assert!(soon(consumer.frame()).await.is_none());
}

#[tokio::test]
async fn deleting_a_stream_ends_its_producer_with_an_error() {
    let server = TestServer::start().await;
    let arn = server.create_stream("gate", 24).await;
    let mut producer = server.put_media("gate").await;
    producer.send([header(), fragment(T, 1)].concat()).await;
    producer.until("BUFFERING").await;
    let deleting = server.call("/deleteStream", json!({"StreamARN": arn}));
    let (answer, rest) = soon(async { tokio::join!(deleting, producer.rest()) }).await;
    answer.ok();
    assert_eq!(rest, [format!("ERROR {T} 4008")]);
    assert_eq!(server.media_folders().len(), 0);
}

#[tokio::test]
async fn without_retention_nothing_is_persisted_or_listed_but_can_be_read_live() {
    let server = TestServer::start().await;
    server.create_stream("gate", 0).await;
    let acknowledgements = server.upload("gate", &[fragment(T, 1)]).await;
    assert_eq!(acknowledgements, [format!("BUFFERING {T}"), format!("RECEIVED {T}")]);
    assert!(server.list_fragments("gate").await.is_empty());
    let live = read(&server, json!({"StartSelectorType": "NOW"})).await;
    assert_eq!(fills(&live), [1]);
    server.clock.advance(Duration::from_secs(301));
    assert!(read(&server, json!({"StartSelectorType": "EARLIEST"})).await.is_empty());
}

#[tokio::test]
async fn acknowledgements_that_nobody_wants_are_not_sent() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let extra = [("x-amzn-fragment-acknowledgment-required", "0")];
    let mut connection = server.put_media_with("gate", &extra).await;
    connection.send([header(), fragment(T, 1)].concat()).await;
    connection.finish();
    assert!(connection.rest().await.is_empty());
    assert_eq!(server.list_fragments("gate").await.len(), 1);
}

#[tokio::test]
async fn a_producer_that_vanishes_leaves_what_was_whole() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let mut connection = server.put_media("gate").await;
    connection.send([header(), fragment(T, 1), fragment(T + 1000, 2)].concat()).await;
    connection.until("BUFFERING").await;
    drop(connection);
    // The next connection waits for the end of the vanished one.
    server.upload("gate", &[fragment(T + 5000, 3)]).await;
    let listed = server.list_fragments("gate").await;
    let times: Vec<_> = listed.iter().map(|one| one["ProducerTimestamp"].clone()).collect();
    assert_eq!(times, [json!(1_795_000_000.0), json!(1_795_000_005.0)]);
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    server.upload("gate", &[fragment(T, 1), fragment(T + 1000, 2)]).await;
    let before = server.list_fragments("gate").await;
    let server = server.restart().await;
    assert_eq!(server.list_fragments("gate").await, before);
    server.upload("gate", &[fragment(T + 2000, 3)]).await;
    let chunks = read(&server, json!({"StartSelectorType": "EARLIEST"})).await;
    assert_eq!(fills(&chunks), [1, 2, 3]);
    let numbers: Vec<_> = chunks.iter().map(|chunk| tag(chunk, "FRAGMENT_NUMBER")).collect();
    assert!(numbers.is_sorted());
}
