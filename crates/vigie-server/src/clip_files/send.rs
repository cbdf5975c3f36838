//! Sends the bytes of a clip file, or a part of them, as long as what its URL was made with holds.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::ClipFiles;
use super::holds::check_holds;
use super::preparation::Prepared;
use super::session::ClipFileSession;
use crate::clip::{Documents, End, PIECES_WAITING_MAX, Sender};

/// A download of hours ends within this time after its link or its key was revoked.
const CHECKED_EACH: Duration = Duration::from_secs(5);

/// Begins to send a part of a file.
pub(super) fn begin(
    files: Arc<ClipFiles>,
    session: ClipFileSession,
    prepared: Arc<Prepared>,
    range: Range<u64>,
    place: OwnedSemaphorePermit,
) -> mpsc::Receiver<Bytes> {
    let (pieces, answer) = mpsc::channel(PIECES_WAITING_MAX);
    files.media.process.clone().spawn(async move {
        let stream = session.stream_name.clone();
        let documents = Documents::new(&files.media);
        let sender = Sender::new(documents, prepared.tracks.clone(), pieces);
        if let Err(End::Failed(error)) = send(&files, &session, &prepared, range, sender).await {
            tracing::warn!(stream, error, "a clip file was not sent to its end");
        }
        drop(place);
    });
    answer
}

async fn send(
    files: &ClipFiles,
    session: &ClipFileSession,
    prepared: &Prepared,
    range: Range<u64>,
    sender: Sender,
) -> Result<(), End> {
    let left_bytes = range.end - range.start;
    let fragments = &prepared.fragments;
    // Of those that begin at or before the first byte, the last: those before have no byte of the part.
    let ahead = fragments.partition_point(|placed| placed.at_bytes <= range.start);
    let mut sender = match ahead.checked_sub(1).and_then(|index| fragments.get(index)) {
        None => {
            let mut sender = sender.part(range.start, left_bytes);
            sender.send_head(prepared.head.clone()).await?;
            sender
        }
        Some(first) => sender.part(range.start - first.at_bytes, left_bytes),
    };
    let process = &files.media.process;
    let mut checked = process.now().mono;
    for placed in fragments.iter().skip(ahead.saturating_sub(1)) {
        if sender.is_done() {
            break;
        }
        let now = process.now().mono;
        if now.saturating_sub(checked) >= CHECKED_EACH {
            let holds = check_holds(files, session).await;
            holds.map_err(|_| End::Failed("it holds no more".to_owned()))?;
            checked = now;
        }
        sender.send_fragment(&placed.fragment).await?;
    }
    Ok(())
}
