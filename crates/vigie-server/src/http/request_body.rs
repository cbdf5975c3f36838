//! Reads the body of a JSON operation, within bounds of size, time and the memory of all bodies together.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use vigie_kvs::{ErrorKind, KvsError, Operation};

use crate::body_budget::BodyShare;
use crate::failure::Answer;

/// A caller that does not send its JSON body within this time is cut off.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Of a body that is refused, so much more is read and dropped: a caller that is cut off while it still sends does
/// not get to read why.
const DROPPED_BYTES_MAX: usize = 4 << 20;

/// The whole body, or the operation's refusal of it.
pub(super) async fn read(
    operation: &Operation,
    share: &mut BodyShare,
    body: Incoming,
) -> Answer<Bytes> {
    let size_bytes_max = operation.body_bytes_max();
    let too_large = (size_bytes_max, operation.body_too_large());
    read_or(operation.unreadable(), too_large, share, body).await
}

/// The whole body, or a refusal of this kind, or that of one with more than so many bytes.
pub(crate) async fn read_or(
    unreadable: ErrorKind,
    (size_bytes_max, too_large): (usize, KvsError),
    share: &mut BodyShare,
    mut body: Incoming,
) -> Answer<Bytes> {
    let refused = |message: &str| KvsError::new(unreadable, message);
    let reading = async {
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| refused("the request body could not be read"))?;
            let Some(piece) = frame.data_ref() else { continue };
            let size_bytes = whole.len() + piece.len();
            let refusal = if size_bytes > size_bytes_max {
                too_large
            } else if !share.grow_to(size_bytes) {
                // The server's trouble, not the caller's: with this status every SDK tries again by itself.
                let message = "too many large requests are being read at once; try again";
                KvsError::new(ErrorKind::ServiceUnavailable, message)
            } else {
                whole.extend_from_slice(piece);
                continue;
            };
            drop(whole);
            drop_rest(&mut body).await;
            return Err(refusal);
        }
        Ok(whole.freeze())
    };
    match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(read) => Ok(read?),
        Err(_) => Err(refused("the request body did not come in time").into()),
    }
}

async fn drop_rest(body: &mut Incoming) {
    let mut dropped_bytes = 0;
    while dropped_bytes < DROPPED_BYTES_MAX {
        match body.frame().await {
            Some(Ok(frame)) => dropped_bytes += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => return,
        }
    }
}
