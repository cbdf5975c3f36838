//! Request targets that RFC 9112 does not allow are refused, on a new connection and on one that has served others.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{TestServer, soon};

/// Sends requests of these lines one after the other on one connection; returns the statuses until it is closed.
async fn statuses(server: &TestServer, lines: &[&[u8]]) -> Vec<u16> {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut found = Vec::new();
    for line in lines {
        let request = [line, &b" HTTP/1.1\r\nhost: test\r\nx-tag: #7\r\n\r\n"[..]].concat();
        if stream.write_all(&request).await.is_err() {
            break;
        }
        let Some(status) = soon(status(&mut stream)).await else { break };
        found.push(status);
    }
    found
}

/// The status of the next answer, which is read whole; `None` at the end of the connection.
async fn status(stream: &mut TcpStream) -> Option<u16> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let (_, length) = head.split_once("content-length: ").unwrap();
    let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
    stream.read_exact(&mut vec![0; length]).await.unwrap();
    Some(head.split(' ').nth(1).unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_target_that_is_none_is_refused_wherever_it_comes() {
    let server = TestServer::start().await;
    let good: &[u8] = b"GET /healthz";
    let allowed = [
        &b"GET /healthz?a=b&c=%23"[..],
        b"GET http://test/healthz",
        b"GET http://elsewhere:80/healthz",
        // A fragment is the caller's own; it is left out (RFC 3986, section 3.5).
        b"GET /healthz#x",
    ];
    for target in allowed {
        assert_eq!(statuses(&server, &[target, good, target]).await, [200, 200, 200]);
    }
    let wrong = [
        &b"GET /healthz x"[..],
        b"GET /healthz\tx",
        b"GET /health\x00z",
        b"GET /healthz\x7f",
        b"GET /healthz?a\x01b",
        b"GET /health\xc3\xa9",
        b"GET /healthz?a=\xc3\xa9",
        b"GET /healthz\xff",
        b"GET healthz",
        b"GET *",
        b"GET test:80",
        b"CONNECT test:80",
        b"GET ",
    ];
    for target in wrong {
        let text = String::from_utf8_lossy(target);
        assert_eq!(statuses(&server, &[target, good]).await, [400], "{text:?}");
        let later = statuses(&server, &[good, good, target, good]).await;
        assert_eq!(later, [200, 200, 400], "{text:?} on a connection that is in use");
    }
}
