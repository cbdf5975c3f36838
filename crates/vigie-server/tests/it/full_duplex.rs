//! PutMedia on the bare socket: what HTTP libraries hide.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::media::{fragment, header};
use crate::common::{TestServer, soon};

const T: i64 = 1_795_000_000_000;

struct Socket(TcpStream);

impl Socket {
    /// Sends a PutMedia head with further lines in it.
    async fn open(server: &TestServer, lines: &str) -> Self {
        let request = server.put_media_request("gate", &[]);
        let mut head = "POST /putMedia HTTP/1.1\r\ntransfer-encoding: chunked\r\n".to_owned();
        for (name, value) in request.headers() {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        head.push_str(lines);
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        Self(stream)
    }

    async fn send_chunk(&mut self, bytes: &[u8]) {
        let head = format!("{:x}\r\n", bytes.len());
        let chunk = [head.as_bytes(), bytes, b"\r\n"].concat();
        self.0.write_all(&chunk).await.unwrap();
    }

    /// Reads until the text so far ends with `end`.
    async fn read_until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        soon(async {
            while !read.ends_with(end.as_bytes()) {
                let byte = self.0.read_u8().await;
                read.push(byte.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&read))));
            }
        })
        .await;
        String::from_utf8(read).unwrap()
    }
}

#[tokio::test]
async fn the_answer_comes_before_the_body() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let mut socket = Socket::open(&server, "").await;
    let head = socket.read_until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    socket.send_chunk(&header()).await;
    socket.send_chunk(&fragment(T, 1)).await;
    let acknowledgement = socket.read_until("}\n\r\n").await;
    assert!(acknowledgement.contains(r#"{"EventType":"BUFFERING","FragmentTimecode":1795"#));
    socket.0.write_all(b"0\r\n\r\n").await.unwrap();
    let rest = socket.read_until("0\r\n\r\n").await;
    assert!(rest.contains("RECEIVED") && rest.contains("PERSISTED"), "{rest}");
}

#[tokio::test]
async fn a_producer_that_waits_for_100_continue_gets_it_before_the_answer() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let mut socket = Socket::open(&server, "expect: 100-continue\r\n").await;
    let interim = socket.read_until("\r\n\r\n").await;
    assert_eq!(interim, "HTTP/1.1 100 Continue\r\n\r\n");
    socket.send_chunk(&header()).await;
    let head = socket.read_until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
}

#[tokio::test]
async fn a_producer_that_waits_for_200_as_well_is_not_left_waiting() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let mut socket = Socket::open(&server, "expect: 100-continue\r\n").await;
    socket.read_until("\r\n\r\n").await;
    let head = socket.read_until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
}

#[tokio::test]
async fn a_producer_whose_body_breaks_off_is_told_so_if_it_still_reads() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let mut socket = Socket::open(&server, "").await;
    socket.read_until("\r\n\r\n").await;
    socket.send_chunk(&[header(), fragment(T, 1), fragment(T + 1000, 2)].concat()).await;
    // No chunk begins like this.
    socket.0.write_all(b"not a size\r\n").await.unwrap();
    let answer = socket.read_until("0\r\n\r\n").await;
    assert!(answer.contains(r#""ErrorCode":"STREAM_READ_ERROR","ErrorId":4000"#), "{answer}");
    let persisted = answer.matches("PERSISTED").count();
    assert_eq!(persisted, 1, "what was whole is kept: {answer}");
}

#[tokio::test]
async fn a_producer_that_goes_on_after_its_error_still_reads_why() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let mut socket = Socket::open(&server, "").await;
    socket.read_until("\r\n\r\n").await;
    let body = [header(), fragment(T, 1), fragment(T, 2)].concat();
    socket.send_chunk(&body).await;
    for _ in 0..100 {
        socket.send_chunk(&[0; 65_000]).await;
    }
    socket.0.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = socket.read_until("0\r\n\r\n").await;
    assert!(answer.contains(r#""ErrorId":4004"#), "{answer}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused_and_others_are_served() {
    let server = TestServer::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("POST / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(300_000));
    // The server may close before it has read all of this.
    stream.write_all(head.as_bytes()).await.ok();
    let mut answer = [0; 12];
    if stream.read_exact(&mut answer).await.is_ok() {
        assert_eq!(&answer, b"HTTP/1.1 431");
    }
    assert_eq!(server.get("/healthz").await.status, 200);
}
