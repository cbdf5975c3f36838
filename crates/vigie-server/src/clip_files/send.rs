//! Sends the bytes of a clip file, or a part of them, as long as what its URL was made with holds.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

use vigie_kvs::ErrorKind;

use super::ClipFiles;
use super::holds::check_holds;
use super::places::Place;
use super::preparation::Prepared;
use super::session::ClipFileSession;
use crate::clip::{Documents, End, PIECES_WAITING_MAX, Sender};
use crate::failure::Failure;

/// A download of hours ends within this time after its link or its key was revoked.
const CHECKED_EACH: Duration = Duration::from_secs(5);

/// Begins to send a part of a file.
pub(super) fn begin(
    files: Arc<ClipFiles>,
    session: ClipFileSession,
    prepared: Arc<Prepared>,
    range: Range<u64>,
    place: Place,
) -> mpsc::Receiver<Bytes> {
    let (pieces, answer) = mpsc::channel(PIECES_WAITING_MAX);
    files.media.process.clone().spawn(async move {
        let stream = session.stream_name.clone();
        let documents = Documents::new(&files.media);
        let sender = Sender::new(documents, prepared.tracks.clone(), pieces);
        // Beside the sending, which may wait for its reader as long as that likes.
        let sent = tokio::select! {
            biased;
            sent = send(&prepared, range, sender) => sent,
            error = until_it_ends(&files, &session, &prepared) => Err(End::Failed(error)),
        };
        if let Err(End::Failed(error)) = sent {
            tracing::warn!(stream, error, "a clip file was not sent to its end");
        }
        drop(place);
    });
    answer
}

/// Waits until what the URL was made with does not hold any more, or its media has expired; says which.
async fn until_it_ends(
    files: &ClipFiles,
    session: &ClipFileSession,
    prepared: &Prepared,
) -> String {
    loop {
        files.media.process.sleep(CHECKED_EACH).await;
        match check_holds(files, session).await {
            Ok(stream) if prepared.oldest_received >= files.media.expired_before(&stream) => {}
            Ok(_) => return "its media has expired".to_owned(),
            Err(Failure::Refused(error)) if error.kind != ErrorKind::ServiceUnavailable => {
                return error.to_string();
            }
            // That this cannot be looked up now says nothing.
            Err(failure) => {
                tracing::warn!(?failure, "whether a clip file may still be sent is not known")
            }
        }
    }
}

async fn send(prepared: &Prepared, range: Range<u64>, sender: Sender) -> Result<(), End> {
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
    for placed in fragments.iter().skip(ahead.saturating_sub(1)) {
        if sender.is_done() {
            break;
        }
        sender.send_fragment(&placed.fragment).await?;
    }
    Ok(())
}
