//! One PutMedia connection from memory: the same fragment again and again, each with its own time, in HTTP chunks of the
//! size that Amazon's producers send.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use vigie_kvs::acknowledgement::{Acknowledgement, AcknowledgementEvent, AcknowledgementReader};
use vigie_kvs::sigv4::{Credentials, RequestHead, sign};
use vigie_media::matroska::writer;
use vigie_media::{Timestamp, Track, TrackKind, VideoSettings, codec_id};

use crate::Outcome;

/// What a fragment of a camera holds: two seconds of 4 Mbit/s at 25 pictures a second.
const FRAMES: usize = 50;
const KEY_FRAME_BYTES: usize = 120 << 10;
const FRAME_BYTES: usize = 18 << 10;
const FRAME_MS: i16 = 40;
/// As long as the HTTP chunks of Amazon's C producer are.
pub(crate) const CHUNK_BYTES: usize = 65_524;

/// The `avcC` of x264 for 1920x1080.
const AVCC: [u8; 48] = [
    0x1, 0x64, 0x0, 0x28, 0xff, 0xe1, 0x0, 0x1b, 0x67, 0x64, 0x0, 0x28, 0xac, 0xd9, 0x40, 0x78,
    0x2, 0x27, 0xe5, 0xc0, 0x44, 0x0, 0x0, 0x3, 0x0, 0x4, 0x0, 0x0, 0x3, 0x0, 0xc8, 0x3c, 0x60,
    0xc6, 0x58, 0x1, 0x0, 0x6, 0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0, 0xfd, 0xf8, 0xf8, 0x0,
];

/// The document header that fragments belong to.
pub(crate) fn document_header() -> Vec<u8> {
    writer::document_header(&[Track {
        number: 1,
        kind: TrackKind::Video,
        name: "bench".into(),
        codec_id: codec_id::H264.into(),
        codec_private: bytes::Bytes::from_static(&AVCC),
        video: Some(VideoSettings { width_pixels: 1920, height_pixels: 1080 }),
        audio: None,
    }])
}

/// A fragment that begins at `timecode_ms`.
pub(crate) fn fragment(timecode_ms: i64) -> Vec<u8> {
    let mut bytes = writer::cluster_start(Timestamp::from_millis(timecode_ms)).to_vec();
    let mut noise = 0x9E37_79B9_7F4A_7C15u64;
    for frame in 0..FRAMES {
        let size = if frame == 0 { KEY_FRAME_BYTES } else { FRAME_BYTES };
        let at_ms = FRAME_MS * i16::try_from(frame).unwrap_or(i16::MAX);
        bytes.extend(&*writer::simple_block_header(1, at_ms, frame == 0, size));
        // One NAL unit behind its length: a slice of noise.
        bytes.extend((size as u32 - 4).to_be_bytes());
        bytes.extend((4..size).map(|_| {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (noise >> 56) as u8
        }));
    }
    bytes
}

/// The fragment as it goes over the wire, and where its eight bytes of time are in that.
fn framed(fragment: &[u8], chunk_bytes: usize) -> (Vec<u8>, usize) {
    let mut framed = Vec::with_capacity(fragment.len() + 1024);
    let mut first = 0;
    for chunk in fragment.chunks(chunk_bytes) {
        framed.extend(format!("{:X}\r\n", chunk.len()).bytes());
        if first == 0 {
            first = framed.len();
        }
        framed.extend(chunk);
        framed.extend(b"\r\n");
    }
    (framed, first + writer::CLUSTER_START_BYTES - 8)
}

pub(crate) struct Producer {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
    chunk_bytes: usize,
}

impl Producer {
    /// Connects and is answered 200.
    pub(crate) async fn connect(
        address: SocketAddr,
        credentials: &Credentials,
        stream: &str,
    ) -> Outcome<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let (read, mut write) = socket.into_split();
        write.write_all(signed_head(address, credentials, stream)?.as_bytes()).await?;
        let mut read = BufReader::new(read);
        let mut line = String::new();
        read.read_line(&mut line).await?;
        if !line.starts_with("HTTP/1.1 200") {
            return Err(format!("PutMedia: {line}").into());
        }
        while line != "\r\n" {
            line.clear();
            read.read_line(&mut line).await?;
        }
        Ok(Self { read, write, chunk_bytes: CHUNK_BYTES })
    }

    /// The same in HTTP chunks of another size.
    pub(crate) fn in_chunks_of(self, chunk_bytes: usize) -> Self {
        Self { chunk_bytes, ..self }
    }

    /// Sends fragments as fast as they are taken, until `count` have been sent, if there is a count, or the connection
    /// ends. `persisted` counts what is acknowledged.
    pub(crate) async fn send(
        self,
        fragment: Arc<Vec<u8>>,
        count: Option<u64>,
        persisted: Arc<AtomicU64>,
    ) -> Outcome<()> {
        self.send_at(fragment, count, None, persisted).await
    }

    /// Sends a whole document; returns how many fragments of it were persisted.
    pub(crate) async fn send_document(self, document: &[u8]) -> Outcome<u64> {
        let Self { read, mut write, .. } = self;
        let persisted = Arc::new(AtomicU64::new(0));
        let acknowledged = tokio::spawn(read_acknowledgements(read, Arc::clone(&persisted)));
        for chunk in document.chunks(CHUNK_BYTES) {
            write.write_all(format!("{:X}\r\n", chunk.len()).as_bytes()).await?;
            write.write_all(chunk).await?;
            write.write_all(b"\r\n").await?;
        }
        write.write_all(b"0\r\n\r\n").await?;
        acknowledged.await??;
        Ok(persisted.load(Ordering::Relaxed))
    }

    /// Sends a fragment each `interval`, for ever.
    pub(crate) async fn send_paced(
        self,
        fragment: Arc<Vec<u8>>,
        interval: Duration,
        persisted: Arc<AtomicU64>,
    ) -> Outcome<()> {
        self.send_at(fragment, None, Some(interval), persisted).await
    }

    async fn send_at(
        self,
        fragment: Arc<Vec<u8>>,
        count: Option<u64>,
        interval: Option<Duration>,
        persisted: Arc<AtomicU64>,
    ) -> Outcome<()> {
        let Self { read, mut write, chunk_bytes } = self;
        let acknowledged = tokio::spawn(read_acknowledgements(read, persisted));
        let sending = async {
            let header = document_header();
            write.write_all(format!("{:X}\r\n", header.len()).as_bytes()).await?;
            write.write_all(&header).await?;
            write.write_all(b"\r\n").await?;
            let (mut framed, time_at) = framed(&fragment, chunk_bytes);
            let mut at_ms = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
            let mut sent = 0;
            while count.is_none_or(|count| sent < count) {
                framed[time_at..time_at + 8].copy_from_slice(&at_ms.to_be_bytes());
                write.write_all(&framed).await?;
                at_ms += FRAMES as u64 * FRAME_MS as u64;
                sent += 1;
                if let Some(interval) = interval {
                    tokio::time::sleep(interval).await;
                }
            }
            write.write_all(b"0\r\n\r\n").await?;
            Outcome::Ok(())
        };
        sending.await?;
        acknowledged.await?
    }
}

async fn read_acknowledgements(
    mut read: BufReader<OwnedReadHalf>,
    persisted: Arc<AtomicU64>,
) -> Outcome<()> {
    let mut reader = AcknowledgementReader::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if read.read_until(b'\n', &mut line).await? == 0 {
            return Err("the answer of PutMedia broke off".into());
        }
        // Between the lines of acknowledgements stand those of HTTP's chunks.
        match line.first() {
            Some(b'{') => {}
            Some(b'0') => return Ok(()),
            _ => continue,
        }
        for acknowledgement in reader.push(&line)? {
            count(&acknowledgement, &persisted)?;
        }
    }
}

fn count(acknowledgement: &Acknowledgement, persisted: &AtomicU64) -> Outcome<()> {
    match acknowledgement.event {
        AcknowledgementEvent::Persisted => {
            persisted.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        AcknowledgementEvent::Error(error) => Err(format!("PutMedia: {}", error.code()).into()),
        _ => Ok(()),
    }
}

/// As Amazon's C producers sign: with the hash of an empty body.
fn signed_head(address: SocketAddr, credentials: &Credentials, stream: &str) -> Outcome<String> {
    let now = Timestamp::EPOCH + SystemTime::now().duration_since(UNIX_EPOCH)?;
    let host = address.to_string();
    let start = format!("{}.000", now.as_millis() / 1000);
    let headers = [
        ("host", host.as_str()),
        ("transfer-encoding", "chunked"),
        ("x-amzn-fragment-timecode-type", "ABSOLUTE"),
        ("x-amzn-producer-start-timestamp", &start),
        ("x-amzn-stream-name", stream),
    ];
    let signed: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let head = RequestHead { method: "POST", path: "/putMedia", query: "", headers: &signed };
    let signature =
        sign(&head, None, credentials, crate::client::REGION, crate::client::SERVICE, now);
    let mut text = "POST /putMedia HTTP/1.1\r\n".to_owned();
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let authorization = signature.authorization.expose();
    text.push_str(&format!("x-amz-date: {}\r\n", signature.date));
    text.push_str(&format!("authorization: {authorization}\r\n\r\n"));
    Ok(text)
}
