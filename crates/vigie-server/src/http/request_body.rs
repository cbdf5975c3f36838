//! Reads the body of a JSON operation, within bounds of size and time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use vigie_kvs::operation::BODY_BYTES_MAX;
use vigie_kvs::{ErrorKind, KvsError, Operation};

use crate::failure::Answer;

/// A caller that does not send its JSON body within this time is cut off.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Of a body that is too large, so much more is read and dropped: a caller that is cut off while it still sends does
/// not get to read why.
const DROPPED_BYTES_MAX: usize = 4 << 20;

/// The whole body, or the operation's refusal of it.
pub(super) async fn read(operation: &Operation, body: Incoming) -> Answer<Bytes> {
    read_or(operation.unreadable(), operation.body_too_large(), body).await
}

/// The whole body, or a refusal of this kind, or that of one that is too large.
pub(super) async fn read_or(
    unreadable: ErrorKind,
    too_large: KvsError,
    mut body: Incoming,
) -> Answer<Bytes> {
    let refused = |message: &str| KvsError::new(unreadable, message);
    let reading = async {
        match Limited::new(&mut body, BODY_BYTES_MAX).collect().await {
            Ok(whole) => Ok(whole.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                drop_rest(&mut body).await;
                Err(too_large)
            }
            Err(_) => Err(refused("the request body could not be read")),
        }
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
