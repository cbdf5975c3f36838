//! Limits: calls by key, connections by address, and producers that repeat a refused PutMedia for ever.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // What goes wrong fails the test loudly; a delay is measured.

mod common;

use std::time::{Duration, Instant};

use bytes::Bytes;
use common::{TestServer, collect, soon};
use http_body_util::Full;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vigie_server::RateLimits;

async fn metric(server: &TestServer, name: &str) -> u64 {
    let text = String::from_utf8(server.get("/metrics").await.body.to_vec()).unwrap();
    let start = format!("vigie_server_{name} ");
    let line =
        text.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("{name}"));
    line[start.len()..].parse().unwrap()
}

async fn refused_put_media(server: &TestServer, stream: &str) -> u16 {
    let request = server.put_media_request(stream, &[]).map(|()| Full::<Bytes>::default());
    collect(soon(server.send(request)).await).await.status
}

#[tokio::test]
async fn a_caller_over_the_quota_of_a_stream_is_refused_there_and_nowhere_else() {
    let server = TestServer::start_configured(|config| config.rate_limits = RateLimits::Aws).await;
    let arn = server.create_stream("busy", 1).await;
    server.create_stream("quiet", 1).await;
    let mut granted = 0;
    let refused = loop {
        // By name and by ARN in turn: it is one stream.
        let input = match granted % 2 {
            0 => json!({ "StreamName": "busy" }),
            _ => json!({ "StreamARN": arn }),
        };
        let answer = server.call("/describeStream", input).await;
        if answer.status != 200 {
            break answer;
        }
        granted += 1;
        assert!(granted < 1000, "no limit");
    };
    assert!(granted >= 5, "a second of calls may come at once: {granted}");
    assert_eq!(refused.error(), (400, "ClientLimitExceededException"));
    assert!(refused.json()["Message"].as_str().unwrap().starts_with("Rate exceeded"));
    server.call("/describeStream", json!({ "StreamName": "quiet" })).await.ok();
    server.call("/listStreams", json!({})).await.ok();
    assert_eq!(metric(&server, "limited_calls_total").await, 1);
    server.stop().await;
}

#[tokio::test]
async fn rate_limits_are_off_unless_they_are_asked_for() {
    let server = TestServer::start().await;
    server.create_stream("busy", 1).await;
    for _ in 0..40 {
        server.call("/describeStream", json!({ "StreamName": "busy" })).await.ok();
    }
    server.stop().await;
}

#[tokio::test]
async fn an_address_with_too_many_connections_is_cut_off_until_it_has_less() {
    let server =
        TestServer::start_configured(|config| config.connections_per_address_max = 2).await;
    let probe = async || -> Option<(TcpStream, [u8; 12])> {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.ok()?;
        let mut answer = [0; 12];
        soon(stream.read_exact(&mut answer)).await.ok()?;
        Some((stream, answer))
    };
    let (first, answer) = probe().await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let _second = probe().await.unwrap();
    assert!(probe().await.is_none());
    drop(first);
    // The server learns of the end a moment later.
    soon(async { while probe().await.is_none() {} }).await;
    server.stop().await;
}

#[tokio::test]
async fn a_refused_put_media_that_comes_again_and_again_is_answered_ever_more_slowly() {
    let server = TestServer::start().await;
    let started = Instant::now();
    for _ in 0..9 {
        assert_eq!(refused_put_media(&server, "gate").await, 404);
    }
    // 50, 100, 200, 400 and 800 ms after the four free ones.
    assert!(started.elapsed() >= Duration::from_millis(1550), "{:?}", started.elapsed());
    assert_eq!(metric(&server, "held_back_answers_total").await, 5);
    assert_eq!(refused_put_media(&server, "another").await, 404);
    assert_eq!(metric(&server, "held_back_answers_total").await, 5, "another stream is not slowed");

    // A success is a new beginning.
    let arn = server.create_stream("gate", 1).await;
    let mut put_media = server.put_media("gate").await;
    put_media.finish();
    put_media.rest().await;
    server.call("/deleteStream", json!({ "StreamARN": arn })).await;
    assert_eq!(refused_put_media(&server, "gate").await, 404);
    assert_eq!(metric(&server, "held_back_answers_total").await, 5);
    server.stop().await;
}

#[tokio::test]
async fn an_answer_that_is_held_back_does_not_hold_back_the_stop() {
    let server = TestServer::start().await;
    for _ in 0..9 {
        refused_put_media(&server, "gate").await;
    }
    let request = server.put_media_request("gate", &[]).map(|()| Full::<Bytes>::default());
    let held = tokio::spawn({
        let address = server.address;
        async move { common::send_to(address, request).await.status() }
    });
    soon(async { while metric(&server, "held_back_answers_total").await < 6 {} }).await;
    soon(server.stop()).await;
    assert_eq!(held.await.unwrap(), 404);
}

/// Sends a byte a second until the server ends the connection; returns what it said and how long it took, in seconds
/// of a clock that runs as fast as nothing else happens.
async fn dribble(server: &TestServer, start: &str) -> (String, u64) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(start.as_bytes()).await.unwrap();
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    let mut answer = Vec::new();
    for _ in 0..600 {
        let mut piece = [0; 1024];
        let read = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut piece)).await;
        match read {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(size_bytes)) => answer.extend_from_slice(&piece[..size_bytes]),
            // Where the server has closed, the next read says so.
            Err(_) => {
                stream.write_all(b"a").await.ok();
            }
        }
    }
    let seconds = started.elapsed().as_secs();
    tokio::time::resume();
    (String::from_utf8(answer).unwrap(), seconds)
}

#[tokio::test]
async fn a_caller_that_dribbles_its_head_or_its_body_is_cut_off() {
    let server = TestServer::start().await;
    let (answer, seconds) = dribble(&server, "POST /describeStream HTTP/1.1\r\nx-header: ").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!((25..=60).contains(&seconds), "{seconds} s");
    let head = "POST /describeStream HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{";
    let (answer, seconds) = dribble(&server, head).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("in time"), "{answer}");
    assert!((25..=60).contains(&seconds), "{seconds} s");
    server.create_stream("unharmed", 1).await;
    server.stop().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = TestServer::start().await;
    for head in [format!("x: {}\r\n", "a".repeat(300_000)), "x: a\r\n".repeat(100)] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = format!("POST /describeStream HTTP/1.1\r\n{head}\r\n");
        stream.write_all(request.as_bytes()).await.ok();
        let mut answer = [0; 12];
        // A reset, because not all of it was read, is an answer as well.
        if soon(stream.read_exact(&mut answer)).await.is_ok() {
            assert_eq!(&answer, b"HTTP/1.1 431");
        }
    }
    server.create_stream("unharmed", 1).await;
    server.stop().await;
}
