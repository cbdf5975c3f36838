//! One PutMedia connection: fragments go out verbatim from their media files while acknowledgements come back.
//!
//! Decides nothing: which fragment goes when, and what an acknowledgement means, is the core's to say.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use vigie_kvs::acknowledgement::AcknowledgementReader;
use vigie_media::Timestamp;
use vigie_media::matroska::reader::END_OF_FRAGMENT;
use vigie_media::matroska::writer;
use vigie_store::{Fragment, StoreError, StoreReader};

use crate::core::{CallFailure, Event, Session, UploadEvent};
use crate::shell::api_client::ApiClient;
use crate::shell::core_thread::CoreHandle;
use crate::shell::http::RequestBody;
use crate::shell::upload_pace::UploadPace;

/// Pieces that may wait between disk and socket.
const PIECES_MAX: usize = 4;
/// How often the core hears that bytes go out.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// A fragment to send, and whether to say that it is whole.
pub(crate) struct Order {
    pub(crate) fragment: Fragment,
    pub(crate) complete: bool,
}

/// One upload session.
pub(crate) struct PutMedia {
    pub(crate) session: Session,
    pub(crate) start: Timestamp,
    pub(crate) document_header: Bytes,
    /// Fragments to send, in order; the end of the channel ends the body.
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
}

impl PutMedia {
    /// Runs the session to its end and reports how it ended.
    pub(crate) async fn run(
        self,
        api: ApiClient,
        reader: StoreReader,
        core: CoreHandle,
        pace: UploadPace,
    ) {
        let Self { session, start, document_header, orders } = self;
        let report = |event| Event::Upload { session: session.clone(), event };
        let (feed, body) = RequestBody::fed(PIECES_MAX);
        let opened = async {
            // The document header is the first piece, so that the answer's head and it may cross.
            let fed = feed.send(Ok(document_header)).await;
            let answer = api.put_media(&session.stream, start, body).await;
            fed.map_err(|_| CallFailure::Disconnected).and(answer)
        };
        let answer = match opened.await {
            Ok(answer) => answer,
            Err(failure) => {
                core.send(report(UploadEvent::Closed { failure: Some(failure) })).await;
                return;
            }
        };
        if !core.send(report(UploadEvent::Connected)).await {
            return;
        }
        let sending = send(orders, reader, feed, session.clone(), core.clone(), pace);
        let receiving = receive(answer, &session, &core);
        // Both on one task, so that dropping it drops the whole connection. The end of the answer ends the sending.
        tokio::pin!(sending, receiving);
        let mut sent = false;
        let failure = loop {
            tokio::select! {
                failure = &mut receiving => break failure,
                () = &mut sending, if !sent => sent = true,
            }
        };
        core.send(report(UploadEvent::Closed { failure })).await;
    }
}

/// Feeds fragments into the body, and ends the body cleanly when the core has no more.
///
/// A fragment that cannot be read is left out before its first byte is sent, so that nothing torn leaves the hub.
async fn send(
    mut orders: mpsc::UnboundedReceiver<Order>,
    reader: StoreReader,
    feed: mpsc::Sender<io::Result<Bytes>>,
    session: Session,
    core: CoreHandle,
    pace: UploadPace,
) {
    let report = |event| core.send(Event::Upload { session: session.clone(), event });
    let end_of_fragment = Bytes::from(writer::tags(&[(END_OF_FRAGMENT, "")]));
    let mut said_at = pace.now();
    while let Some(Order { fragment, complete }) = orders.recv().await {
        let sequence = fragment.entry.sequence;
        let mut bytes = match read(reader.clone(), fragment).await {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::warn!(stream = %session.stream, sequence, %error, "a fragment cannot be read and is not uploaded");
                report(UploadEvent::FragmentGone { sequence }).await;
                continue;
            }
        };
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(pace.piece_bytes()));
            pace.admitted(piece.len()).await;
            if feed.send(Ok(piece)).await.is_err() {
                return;
            }
            let now = pace.now();
            if now.saturating_sub(said_at) >= PROGRESS_INTERVAL {
                said_at = now;
                report(UploadEvent::Progress).await;
            }
        }
        if complete && feed.send(Ok(end_of_fragment.clone())).await.is_err() {
            return;
        }
    }
}

/// Reads one fragment, checked, off the runtime's threads.
async fn read(reader: StoreReader, fragment: Fragment) -> Result<Bytes, StoreError> {
    let read = tokio::task::spawn_blocking(move || reader.read(&fragment)).await;
    read.unwrap_or(Err(StoreError::Closed))
}

/// Passes acknowledgements on until the answer ends; the core drops a connection that falls silent.
async fn receive(
    mut answer: Incoming,
    session: &Session,
    core: &CoreHandle,
) -> Option<CallFailure> {
    let mut lines = AcknowledgementReader::default();
    loop {
        let read = match answer.frame().await {
            Some(Ok(frame)) => frame.data_ref().map_or(Ok(Vec::new()), |bytes| lines.push(bytes)),
            Some(Err(_)) => return Some(CallFailure::Disconnected),
            None => match lines.finish() {
                Ok(None) => return None,
                last => last.map(|acknowledgement| acknowledgement.into_iter().collect()),
            },
        };
        let acknowledgements = match read {
            Ok(acknowledgements) => acknowledgements,
            Err(error) => {
                tracing::warn!(%error, "the upload starts again");
                return Some(CallFailure::UnreadableAnswer);
            }
        };
        for acknowledgement in acknowledgements {
            let event = UploadEvent::Acknowledged(acknowledgement);
            if !core.send(Event::Upload { session: session.clone(), event }).await {
                return None;
            }
        }
    }
}
