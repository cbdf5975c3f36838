//! The second pass over the fragments of a file: sends its bytes, or a part of them, as they are read.
//!
//! Decides nothing about what is in the file.

use bytes::{Buf, Bytes, BytesMut};
use tokio::sync::mpsc;
use vigie_media::mp4;
use vigie_media::sample::SampleTrack;

use super::documents::Documents;
use crate::archive::StoredFragment;

/// Pieces that may wait for the socket.
pub(crate) const PIECES_WAITING_MAX: usize = 32;
/// Shorter frames are copied together, up to about so many bytes; longer ones are sent as they lie in memory.
const TOGETHER_BYTES: usize = 32 << 10;

pub(crate) struct Sender {
    documents: Documents,
    tracks: Vec<SampleTrack>,
    pieces: mpsc::Sender<Bytes>,
    /// Short pieces that wait to be sent together.
    together: BytesMut,
    /// Bytes that are not wanted before the first that is.
    skipped_bytes: u64,
    /// Bytes that are still wanted.
    left_bytes: u64,
}

/// Why a file is not sent to its end.
pub(crate) enum End {
    CallerGone,
    Failed(String),
}

impl Sender {
    /// Of a file with these tracks.
    pub(crate) fn new(
        documents: Documents,
        tracks: Vec<SampleTrack>,
        pieces: mpsc::Sender<Bytes>,
    ) -> Self {
        let together = BytesMut::new();
        Self { documents, tracks, pieces, together, skipped_bytes: 0, left_bytes: u64::MAX }
    }

    /// Sends only `left_bytes` behind the first `skipped_bytes` of what it is given from now on.
    pub(crate) fn part(self, skipped_bytes: u64, left_bytes: u64) -> Self {
        Self { skipped_bytes, left_bytes, ..self }
    }

    /// Whether nothing more is wanted.
    pub(crate) fn is_done(&self) -> bool {
        self.left_bytes == 0
    }

    pub(crate) async fn send_head(&mut self, head: Bytes) -> Result<(), End> {
        self.put(head).await?;
        self.flush().await
    }

    /// Its memory is given back before the next one is read.
    pub(crate) async fn send_fragment(&mut self, fragment: &StoredFragment) -> Result<(), End> {
        let failed = |error: &dyn std::error::Error| End::Failed(error.to_string());
        let read = self.documents.read(fragment).await;
        let (header, bytes) = read.map_err(|error| failed(&error))?;
        let data = mp4::fragment_data(&self.tracks, &header, bytes);
        for piece in data.map_err(|error| failed(&error))?.pieces {
            self.put(piece).await?;
        }
        self.flush().await
    }

    async fn put(&mut self, piece: Bytes) -> Result<(), End> {
        let Some(piece) = self.wanted(piece) else { return Ok(()) };
        if piece.len() >= TOGETHER_BYTES {
            self.flush().await?;
            return self.send(piece).await;
        }
        self.together.extend_from_slice(&piece);
        if self.together.len() >= TOGETHER_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    /// What of a piece is wanted.
    fn wanted(&mut self, mut piece: Bytes) -> Option<Bytes> {
        let skipped = usize::try_from(self.skipped_bytes).unwrap_or(usize::MAX).min(piece.len());
        piece.advance(skipped);
        self.skipped_bytes -= skipped as u64;
        piece.truncate(usize::try_from(self.left_bytes).unwrap_or(usize::MAX));
        self.left_bytes -= piece.len() as u64;
        (!piece.is_empty()).then_some(piece)
    }

    async fn flush(&mut self) -> Result<(), End> {
        if self.together.is_empty() {
            return Ok(());
        }
        let piece = self.together.split().freeze();
        self.send(piece).await
    }

    async fn send(&self, piece: Bytes) -> Result<(), End> {
        let size_bytes = piece.len() as u64;
        self.pieces.send(piece).await.map_err(|_| End::CallerGone)?;
        self.documents.media.metrics.get_clip_bytes.inc_by(size_bytes);
        Ok(())
    }
}
