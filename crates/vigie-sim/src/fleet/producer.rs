//! A producer that comes and goes: it connects to any instance, sends fragments, and now and then leaves its connection half
//! dead behind it, as one does whose network changed.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use vigie_kvs::acknowledgement::{AcknowledgementEvent, AcknowledgementReader};
use vigie_media::Timestamp;
use vigie_media::matroska::writer;
use vigie_server::BodyError;

use super::Shared;
use crate::camera::SimCamera;
use crate::fragment::fragment;
use crate::server::media_key;

/// 2026-03-02T09:00:00Z.
const START_MS: i64 = 1_772_442_000_000;
const FRAGMENTS_OF_CONNECTION_MAX: u64 = 8;

type Body = mpsc::UnboundedSender<Result<Bytes, BodyError>>;

/// Until it is over, or the stream is gone.
pub(super) async fn run(shared: Shared, stream: String, phase_ms: i64) {
    let mut number = 0;
    // Connections that were left behind: nobody ends them.
    let mut half_dead: Vec<Body> = Vec::new();
    while !shared.seen().is_over {
        shared.pause(Duration::from_millis(1_500)).await;
        let Some(client) = shared.client() else { continue };
        let (body, pieces) = mpsc::unbounded_channel();
        let Ok(answer) = client.put_media(&stream, pieces).await else { continue };
        shared.runtime.spawn(Box::pin(listen(shared.clone(), media_key(&stream), answer)));
        let header = Bytes::from(writer::document_header(&SimCamera::tracks()));
        let mut is_open = body.send(Ok(header)).is_ok();
        for _ in 0..1 + shared.below(FRAGMENTS_OF_CONNECTION_MAX) {
            if !is_open || shared.seen().is_over {
                break;
            }
            number += 1;
            let at_ms = START_MS + phase_ms + number * 1_000;
            let bytes = two_frames(at_ms, number.unsigned_abs());
            is_open = body.send(Ok(bytes)).is_ok();
            shared.pause(Duration::from_millis(700)).await;
        }
        match shared.below(3) {
            0 => half_dead.push(body),
            // The rest of it comes when another one has the stream already.
            1 => {
                let late_ms = START_MS + phase_ms + number * 1_000 + 100;
                let late = two_frames(late_ms, number.unsigned_abs());
                let shared = shared.clone();
                let runtime = shared.runtime.clone();
                runtime.spawn(Box::pin(async move {
                    shared.pause(Duration::from_millis(4_000)).await;
                    drop(body.send(Ok(late)));
                }));
            }
            _ => {}
        }
    }
}

/// A fragment of two frames.
fn two_frames(timecode_ms: i64, number: u64) -> Bytes {
    fragment(Timestamp::from_millis(timecode_ms), 2 * number..2 * number + 2)
}

/// What is acknowledged has to be there when that is read.
async fn listen(shared: Shared, key: String, mut answer: vigie_server::ResponseBody) {
    let mut lines = AcknowledgementReader::default();
    while let Some(Ok(frame)) = answer.frame().await {
        let Some(bytes) = frame.data_ref() else { continue };
        let read = lines.push(bytes);
        for line in read.unwrap_or_else(|error| panic!("an acknowledgement: {error}")) {
            let (AcknowledgementEvent::Persisted, Some(number)) =
                (line.event, line.fragment_number)
            else {
                continue;
            };
            let sequence = number.sequence();
            let is_there = shared.stored(&key).iter().any(|stored| stored.sequence == sequence);
            let mut seen = shared.seen();
            // With its stream it may have gone since.
            let is_deleted = !is_there && seen.deletion_asked.contains(&key);
            if !is_there && !is_deleted {
                seen.without_row.push((key.clone(), sequence));
            }
            seen.acknowledged.entry(key.clone()).or_default().insert(sequence);
        }
    }
}
