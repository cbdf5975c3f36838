//! The body of a request, whatever brings it, and the forms of an answer's body: whole, in parts that are there already, or
//! in pieces while it is made. Without a length, each piece leaves as one HTTP chunk.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::mpsc;

/// Why a body did not come to its end.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

pub type RequestBody = BoxBody<Bytes, BodyError>;

/// The body that comes on a connection.
pub(super) fn of_connection(body: Incoming) -> RequestBody {
    RequestBody::new(body.map_err(Into::into))
}

#[derive(Debug)]
pub enum ResponseBody {
    /// Known in full.
    Whole(Option<Bytes>),
    /// Known in full, in parts that are sent one after the other without being put together.
    Parts(VecDeque<Bytes>),
    /// Comes as it is made; the bound of the channel is the back-pressure.
    Pieces(mpsc::Receiver<Bytes>),
    /// The same, of a length that is known before. When the pieces end early the connection is cut, so that the caller
    /// knows.
    Sized {
        /// Bytes still to come.
        left_bytes: u64,
        pieces: mpsc::Receiver<Bytes>,
    },
}

impl ResponseBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::Whole((!bytes.is_empty()).then_some(bytes))
    }

    /// None of `parts` may be empty.
    pub(crate) fn parts(parts: Vec<Bytes>) -> Self {
        Self::Parts(parts.into())
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
            Self::Parts(parts) => {
                Poll::Ready(parts.pop_front().map(|bytes| Ok(Frame::data(bytes))))
            }
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
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Parts(parts) => parts.is_empty(),
            Self::Pieces(_) | Self::Sized { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Parts(parts) => {
                SizeHint::with_exact(parts.iter().map(|bytes| bytes.len() as u64).sum())
            }
            Self::Pieces(_) => SizeHint::default(),
            Self::Sized { left_bytes, .. } => SizeHint::with_exact(*left_bytes),
        }
    }
}
