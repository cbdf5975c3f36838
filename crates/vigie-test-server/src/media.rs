//! Bodies of PutMedia, and one connection to send them on.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use hyper::{Request, Response};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use vigie_kvs::acknowledgement::{Acknowledgement, AcknowledgementReader};
use vigie_media::matroska::writer;
use vigie_media::{Timestamp, Track, TrackKind, VideoSettings, codec_id};

use crate::{TestServer, soon};

/// A track of video.
pub fn track(number: u64) -> Track {
    Track {
        number,
        kind: TrackKind::Video,
        name: "video".into(),
        codec_id: codec_id::H264.into(),
        codec_private: Bytes::from_static(&[1, 66, 0, 30, 255, 224, 0]),
        video: Some(VideoSettings { width_pixels: 640, height_pixels: 360 }),
        audio: None,
    }
}

/// The `avcC` of x264 for 1920x1080.
const AVCC: [u8; 48] = [
    0x1, 0x64, 0x0, 0x28, 0xff, 0xe1, 0x0, 0x1b, 0x67, 0x64, 0x0, 0x28, 0xac, 0xd9, 0x40, 0x78,
    0x2, 0x27, 0xe5, 0xc0, 0x44, 0x0, 0x0, 0x3, 0x0, 0x4, 0x0, 0x0, 0x3, 0x0, 0xc8, 0x3c, 0x60,
    0xc6, 0x58, 0x1, 0x0, 0x6, 0x68, 0xeb, 0xe3, 0xcb, 0x22, 0xc0, 0xfd, 0xf8, 0xf8, 0x0,
];

/// A document header of video that players can be told of.
pub fn playable_header() -> Vec<u8> {
    writer::document_header(&[Track { codec_private: Bytes::from_static(&AVCC), ..track(1) }])
}

/// A document header.
pub fn header() -> Vec<u8> {
    writer::document_header(&[track(1)])
}

/// A fragment of 4 frames 250 ms apart; `fill` makes its bytes its own.
pub fn fragment(timecode_ms: i64, fill: u8) -> Vec<u8> {
    fragment_that_begins(timecode_ms, fill, true)
}

/// The same, with a key frame at its beginning or without one at all.
pub fn fragment_that_begins(timecode_ms: i64, fill: u8, with_key_frame: bool) -> Vec<u8> {
    let mut bytes = writer::cluster_start(Timestamp::from_millis(timecode_ms)).to_vec();
    for frame in 0..4i16 {
        let data = vec![fill.wrapping_add(frame as u8); 1000];
        bytes.extend(&*writer::simple_block_header(
            1,
            frame * 250,
            frame == 0 && with_key_frame,
            data.len(),
        ));
        bytes.extend(data);
    }
    bytes
}

/// The tags that say that a fragment has ended.
pub fn end_of_fragment() -> Vec<u8> {
    writer::tags(&[("AWS_KINESISVIDEO_END_OF_FRAGMENT", "")])
}

/// One PutMedia connection.
pub struct PutMedia {
    body: Option<mpsc::Sender<Bytes>>,
    answer: Incoming,
    reader: AcknowledgementReader,
    /// Every HTTP chunk of the answer.
    pub chunks: Vec<Bytes>,
}

/// A body that comes from a channel.
pub struct ReceiverStream(mpsc::Receiver<Bytes>);

impl hyper::body::Body for ReceiverStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl TestServer {
    /// The head of a PutMedia; of the extra headers, an empty one is left out.
    pub fn put_media_request(&self, stream: &str, extra: &[(&str, &str)]) -> Request<()> {
        let mut headers = vec![
            ("x-amzn-stream-name", stream.to_owned()),
            ("x-amzn-fragment-timecode-type", "ABSOLUTE".to_owned()),
            ("x-amzn-producer-start-timestamp", "1795000000.000".to_owned()),
        ];
        for (name, value) in extra {
            headers.retain(|(known, _)| known != name);
            if !value.is_empty() {
                headers.push((name, (*value).to_owned()));
            }
        }
        let now = self.clock.wall();
        self.signed(&self.credentials, "/putMedia", "kinesisvideo", &headers, None, now)
    }

    /// Sends the head; the answer's head comes before any of the body.
    pub async fn put_media_answer(
        &self,
        request: Request<()>,
    ) -> (mpsc::Sender<Bytes>, Response<Incoming>) {
        let (sender, receiver) = mpsc::channel(1);
        let response = soon(self.send(request.map(|()| ReceiverStream(receiver)))).await;
        (sender, response)
    }

    /// PutMedia with other headers, whose answer has begun.
    pub async fn put_media_with(&self, stream: &str, extra: &[(&str, &str)]) -> PutMedia {
        let (body, response) = self.put_media_answer(self.put_media_request(stream, extra)).await;
        assert_eq!(response.status(), 200);
        PutMedia {
            body: Some(body),
            answer: response.into_body(),
            reader: AcknowledgementReader::default(),
            chunks: Vec::new(),
        }
    }

    /// PutMedia, whose answer has begun.
    pub async fn put_media(&self, stream: &str) -> PutMedia {
        self.put_media_with(stream, &[]).await
    }

    /// Uploads fragments in one connection and waits until it has ended.
    pub async fn upload(&self, stream: &str, fragments: &[Vec<u8>]) -> Vec<String> {
        let mut connection = self.put_media(stream).await;
        connection.send(header()).await;
        for fragment in fragments {
            connection.send(fragment.clone()).await;
        }
        connection.finish();
        connection.rest().await
    }

    /// ListFragments, all there are.
    pub async fn list_fragments(&self, stream: &str) -> Vec<Value> {
        let input = json!({
            "StreamName": stream, "MaxResults": 1000,
            "FragmentSelector": {
                "FragmentSelectorType": "PRODUCER_TIMESTAMP",
                "TimestampRange": { "StartTimestamp": 0, "EndTimestamp": 4_000_000_000u32 },
            },
        });
        let output = self.call("/listFragments", input).await.ok();
        output["Fragments"].as_array().unwrap().clone()
    }

    /// GetMedia.
    pub async fn get_media(&self, stream: &str, selector: Value) -> Response<Incoming> {
        let input = json!({ "StreamName": stream, "StartSelector": selector });
        let body = Bytes::from(input.to_string());
        let headers = [("content-type", "application/json".to_owned())];
        let now = self.clock.wall();
        let request =
            self.signed(&self.credentials, "/getMedia", "kinesisvideo", &headers, Some(&body), now);
        self.send(request.map(|()| http_body_util::Full::new(body))).await
    }
}

impl PutMedia {
    /// Sends a piece of the body.
    pub async fn send(&self, bytes: impl Into<Bytes>) {
        self.body.as_ref().unwrap().send(bytes.into()).await.unwrap();
    }

    /// Ends the body properly.
    pub fn finish(&mut self) {
        self.body = None;
    }

    /// The next acknowledgements; `None` when the answer has ended.
    async fn chunk(&mut self) -> Option<Vec<Acknowledgement>> {
        let frame = soon(self.answer.frame()).await?.ok()?;
        let bytes = frame.into_data().unwrap();
        self.chunks.push(bytes.clone());
        Some(self.reader.push(&bytes).unwrap())
    }

    /// Reads acknowledgements up to the first of a kind, in short form.
    pub async fn until(&mut self, event: &str) -> Vec<String> {
        let mut read = Vec::new();
        while read.last().is_none_or(|last: &String| !last.starts_with(event)) {
            let acknowledgements = self.chunk().await.expect("the answer ended");
            read.extend(acknowledgements.iter().map(short));
        }
        read
    }

    /// Reads acknowledgements to the end of the answer, in short form.
    pub async fn rest(&mut self) -> Vec<String> {
        let mut read = Vec::new();
        while let Some(acknowledgements) = self.chunk().await {
            read.extend(acknowledgements.iter().map(short));
        }
        read
    }
}

/// `BUFFERING 1000`, `ERROR 1000 4006`.
fn short(acknowledgement: &Acknowledgement) -> String {
    let line: Value = serde_json::from_str(&acknowledgement.to_line()).unwrap();
    let mut text = line["EventType"].as_str().unwrap().to_owned();
    for member in ["FragmentTimecode", "ErrorId"] {
        if let Some(number) = line[member].as_i64() {
            text.push_str(&format!(" {number}"));
        }
    }
    text
}
