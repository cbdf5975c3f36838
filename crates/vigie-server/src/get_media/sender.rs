//! Sends fragments: document header and tags, then the fragment's bytes as they are read.
//!
//! Holds a few blocks of a fragment and never the whole of it. From the page cache a byte is copied once into such a
//! block and once into the socket; nothing in between touches it but the checksum.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::chunk::FragmentTags;
use crate::api::fragments::fragment_number;
use crate::archive::{ArchiveError, DocumentId, StoredFragment};
use crate::auth::HeldGrant;
use crate::failure::Failure;
use crate::media::Media;

/// Pieces that may wait for the socket. The longest are blocks of a fragment.
pub(super) const PIECES_WAITING_MAX: usize = 4;

/// Why a fragment was not sent, or not to its end.
pub(super) enum NotSent {
    /// The consumer has gone.
    ConsumerGone,
    /// The fragment has gone.
    FragmentGone,
    /// Who reads may not do so any more.
    NotAllowed,
    /// It cannot be read.
    Failed(ArchiveError),
}

impl From<ArchiveError> for NotSent {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::FragmentGone => Self::FragmentGone,
            error => Self::Failed(error),
        }
    }
}

/// Ends an answer whose caller may not read any more.
pub(super) async fn may_read(grant: &mut HeldGrant, media: &Media) -> Result<(), NotSent> {
    match grant.check(media.process.now()).await {
        Ok(()) => Ok(()),
        Err(Failure::Refused(error)) if error.kind.is_of_authentication() => {
            tracing::info!(stream_arn = grant.stream_arn, %error, "who reads media may not any more");
            Err(NotSent::NotAllowed)
        }
        // That this cannot be looked up now says nothing of the caller.
        Err(failure) => {
            tracing::warn!(?failure, "whether a consumer may still read is not known");
            Ok(())
        }
    }
}

pub(super) struct ChunkSender {
    media: Arc<Media>,
    pieces: mpsc::Sender<Bytes>,
    /// The document header of the media file that is being read.
    header: Option<(DocumentId, Bytes)>,
}

impl ChunkSender {
    /// And the body of the answer.
    pub(super) fn new(media: &Arc<Media>) -> (Self, mpsc::Receiver<Bytes>) {
        let (pieces, answer) = mpsc::channel(PIECES_WAITING_MAX);
        (Self { media: Arc::clone(media), pieces, header: None }, answer)
    }

    /// Sends a fragment behind what `leading` makes of its document's header and tags. Nothing of it has been sent when
    /// the fragment turns out to be gone.
    pub(super) async fn send_fragment(
        &mut self,
        fragment: &StoredFragment,
        leading: impl Fn(&[u8], &FragmentTags) -> Bytes,
    ) -> Result<(), NotSent> {
        let header = self.header(fragment).await?;
        let mut blocks = self.media.fragments.blocks(fragment);
        let mut block = blocks.next_block().await?;
        let tags = FragmentTags {
            number: fragment_number(fragment),
            server_timestamp: fragment.server_timestamp,
            producer_timestamp: fragment.producer_timestamp,
        };
        self.send(leading(&header, &tags)).await?;
        while let Some(bytes) = block {
            self.send(bytes).await?;
            block = blocks.next_block().await?;
        }
        self.media.metrics.get_media_fragments.inc();
        Ok(())
    }

    pub(super) async fn send(&self, piece: Bytes) -> Result<(), NotSent> {
        let size_bytes = piece.len() as u64;
        self.pieces.send(piece).await.map_err(|_| NotSent::ConsumerGone)?;
        self.media.metrics.get_media_bytes.inc_by(size_bytes);
        Ok(())
    }

    /// Resolves when the consumer has gone.
    pub(super) async fn consumer_gone(&self) {
        self.pieces.closed().await;
    }

    async fn header(&mut self, fragment: &StoredFragment) -> Result<Bytes, NotSent> {
        let file = fragment.document;
        if let Some((of, header)) = &self.header
            && *of == file
        {
            return Ok(header.clone());
        }
        let header = self.media.fragments.read_header(fragment).await?;
        self.header = Some((file, header.clone()));
        Ok(header)
    }
}
