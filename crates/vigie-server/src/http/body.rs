//! The forms of an answer's body: whole, or in pieces while it is made. Without a length, each piece leaves as one HTTP
//! chunk.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// A response body.
#[derive(Debug)]
pub(crate) enum ResponseBody {
    /// Known in full.
    Whole(Option<Bytes>),
    /// Comes as it is made; the bound of the channel is the back-pressure.
    Pieces(mpsc::Receiver<Bytes>),
    /// The same, of a length that is known before. When the pieces end early the connection is cut, so that the caller
    /// knows.
    Sized {
        /// Bytes still to come.
        left_bytes: u64,
        /// They.
        pieces: mpsc::Receiver<Bytes>,
    },
}

impl ResponseBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => {
                pieces.poll_recv(context).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Sized { left_bytes, pieces } => pieces.poll_recv(context).map(|piece| {
                let bytes = piece?;
                *left_bytes = left_bytes.saturating_sub(bytes.len() as u64);
                Some(Ok(Frame::data(bytes)))
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Pieces(_) => SizeHint::default(),
            Self::Sized { left_bytes, .. } => SizeHint::with_exact(*left_bytes),
        }
    }
}
