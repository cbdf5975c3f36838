//! Limits: calls by key, connections by address, and producers that repeat a refused PutMedia for ever.

#![allow(clippy::disallowed_methods, reason = "a delay is measured")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vigie_kvs::Sensitive;
use vigie_kvs::sigv4::Credentials;
use vigie_server::RateLimits;

use crate::common::{self, TestServer, collect, soon};

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
    server.clock.hold();
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
        assert!(granted <= 5, "no limit");
    };
    assert_eq!(granted, 5, "a second of calls may come at once");
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
async fn connections_that_say_nothing_keep_out_nobody_who_signs() {
    let server = TestServer::start_configured(|config| config.connections_max = 8).await;
    let mut idle = Vec::new();
    for _ in 0..20 {
        idle.push(soon(TcpStream::connect(server.address)).await.unwrap());
        soon(server.create_stream(&format!("gate{}", idle.len()), 1)).await;
    }
    let mut ended = 0;
    for stream in &mut idle {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut byte)).await;
        ended += usize::from(read.is_ok());
    }
    // Half of the places are for those who said nothing; the newest of them are still there.
    assert!((16..20).contains(&ended), "{ended}");
    assert!(metric(&server, "given_up_connections_total").await >= 16);
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
async fn a_caller_that_never_reads_its_answers_is_cut_off() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let requests = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    // Until both sides' buffers are full and nothing moves, and then until the server ends it.
    while started.elapsed() < Duration::from_secs(600) {
        let writing = stream.write_all(requests.as_bytes());
        match tokio::time::timeout(Duration::from_secs(1), writing).await {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(_)) => break,
        }
    }
    let seconds = started.elapsed().as_secs();
    tokio::time::resume();
    assert!((100..=300).contains(&seconds), "{seconds} s");
    server.create_stream("unharmed", 1).await;
    server.stop().await;
}

/// Sends a head of exactly so many bytes; returns the status, or `None` when the connection was reset.
async fn status_of_head(server: &TestServer, head_bytes: usize) -> Option<u16> {
    let start = "POST /describeStream HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nx: ";
    let filler = "a".repeat(head_bytes - start.len() - 4);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(format!("{start}{filler}\r\n\r\n").as_bytes()).await.ok()?;
    let mut answer = [0; 12];
    soon(stream.read_exact(&mut answer)).await.ok()?;
    std::str::from_utf8(&answer[9..]).unwrap().parse().ok()
}

#[tokio::test]
async fn a_head_is_taken_up_to_64_kibibytes_and_not_a_byte_beyond() {
    let server = TestServer::start().await;
    for (head_bytes, status) in
        [(1000, 403), (65_535, 403), (65_536, 403), (65_537, 431), (70_000, 431)]
    {
        assert_eq!(status_of_head(&server, head_bytes).await, Some(status), "{head_bytes}");
    }
    // A reset, because not all of it was read, is an answer as well.
    assert!(matches!(status_of_head(&server, 300_000).await, None | Some(431)));
    server.create_stream("unharmed", 1).await;
    server.stop().await;
}

#[tokio::test]
async fn a_head_with_too_many_headers_is_refused() {
    let server = TestServer::start().await;
    let head = "x: a\r\n".repeat(100);
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("POST /describeStream HTTP/1.1\r\n{head}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    soon(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
    server.stop().await;
}

#[tokio::test]
async fn credentials_that_do_not_hold_are_answered_ever_more_slowly_and_sound_ones_at_once() {
    let server = TestServer::start().await;
    let wrong =
        Credentials { secret_access_key: Sensitive::new("wrong"), ..server.credentials.clone() };
    let started = Instant::now();
    for _ in 0..9 {
        let refused = server.call_as(&wrong, "/listStreams", json!({})).await;
        assert_eq!(refused.error(), (403, "InvalidSignatureException"));
    }
    // 50, 100, 200, 400 and 800 ms after the four free ones.
    assert!(started.elapsed() >= Duration::from_millis(1550), "{:?}", started.elapsed());
    assert_eq!(metric(&server, "held_back_answers_total").await, 5);
    // Another key is not slowed, and a sound call is a new beginning.
    let other = Credentials { access_key_id: "AKIANOBODY".to_owned(), ..wrong.clone() };
    server.call_as(&other, "/listStreams", json!({})).await;
    server.call("/listStreams", json!({})).await.ok();
    server.call_as(&wrong, "/listStreams", json!({})).await;
    assert_eq!(metric(&server, "held_back_answers_total").await, 5);
    // What is refused for another reason is the caller's work, and answered at once.
    for _ in 0..9 {
        assert_eq!(server.call("/describeStream", json!({})).await.status, 400);
    }
    assert_eq!(metric(&server, "held_back_answers_total").await, 5);
    server.stop().await;
}

/// A call of STS that no server knows the key of.
fn unknown_caller(n: usize) -> String {
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    format!(
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
         x-amz-date: 20261122T000000Z\r\nauthorization: AWS4-HMAC-SHA256 \
         Credential=AKIA{n}/20261122/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, \
         Signature={}\r\ncontent-length: {}\r\n\r\n{body}",
        "0".repeat(64),
        body.len()
    )
}

/// Sends calls of STS by that many unknown keys on one connection; returns how many got which error.
async fn unknown_callers(server: &TestServer, callers: usize) -> (usize, usize) {
    let (mut reading, mut writing) = TcpStream::connect(server.address).await.unwrap().into_split();
    let requests: String = (0..callers).map(unknown_caller).collect();
    let sending = tokio::spawn(async move {
        writing.write_all(requests.as_bytes()).await.unwrap();
        writing // A half that is dropped would end the connection.
    });
    let mut text = String::new();
    let count = |text: &str, error: &str| text.matches(&format!("<Code>{error}</Code>")).count();
    soon(async {
        let mut piece = vec![0; 65_536];
        while text.matches("</ErrorResponse>").count() < callers {
            let size_bytes = reading.read(&mut piece).await.unwrap();
            assert_ne!(size_bytes, 0);
            text.push_str(std::str::from_utf8(&piece[..size_bytes]).unwrap());
        }
    })
    .await;
    sending.await.unwrap();
    (count(&text, "InvalidClientTokenId"), count(&text, "Throttling"))
}

#[tokio::test]
async fn calls_of_sts_have_the_quota_of_sts_before_anybody_looks_who_calls() {
    let server = TestServer::start_configured(|config| config.rate_limits = RateLimits::Aws).await;
    server.clock.hold();
    assert_eq!(unknown_callers(&server, 3000).await, (600, 2400));
    assert_eq!(metric(&server, "limited_calls_total").await, 2400);
    server.clock.advance(Duration::from_millis(100));
    assert_eq!(unknown_callers(&server, 100).await, (60, 40));
    server.stop().await;
    let server = TestServer::start().await;
    assert_eq!(unknown_callers(&server, 700).await, (700, 0), "off unless asked for");
    server.stop().await;
}

/// A body of a megabyte from nobody, all but its last byte.
async fn large_body(server: &TestServer) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /describeStream HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; 999_999]).await.unwrap();
    stream
}

async fn answer_to(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    soon(async {
        while !answer.ends_with(b"}") {
            assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0);
        }
    })
    .await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn bodies_of_unknown_callers_share_one_budget_and_ordinary_calls_go_on_beside_them() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    // A sixteenth of the address' share each; the last of them find none left.
    let mut held = Vec::new();
    for _ in 0..18 {
        held.push(large_body(&server).await);
    }
    soon(async { while metric(&server, "refused_bodies_total").await == 0 {} }).await;
    let refused = soon(async {
        let mut refused = 0;
        for stream in &mut held {
            // A body that was taken waits for its last byte, which is sent now to hear the answer.
            stream.write_all(b" ").await.unwrap();
        }
        for stream in &mut held {
            let answer = answer_to(stream).await;
            if answer.starts_with("HTTP/1.1 503") {
                assert!(answer.contains("retry-after: 1") && answer.contains("ServiceUnavailable"));
                refused += 1;
            } else {
                assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
            }
        }
        refused
    })
    .await;
    assert!((1..18).contains(&refused), "{refused}");
    // All is given back.
    let again = soon(async {
        let mut stream = large_body(&server).await;
        stream.write_all(b" ").await.unwrap();
        answer_to(&mut stream).await
    })
    .await;
    assert!(again.starts_with("HTTP/1.1 403"), "{again}");

    let before = metric(&server, "refused_bodies_total").await;
    let mut held = Vec::new();
    for _ in 0..18 {
        held.push(large_body(&server).await);
    }
    soon(async { while metric(&server, "refused_bodies_total").await == before {} }).await;
    server.call("/describeStream", json!({ "StreamName": "gate" })).await.ok();
    server.create_stream("another", 1).await;
    drop(held);
    server.stop().await;
}
