//! Reads a body whole, within bounds of size, time and the memory of all bodies together.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use vigie_kvs::sts;
use vigie_kvs::{ErrorKind, KvsError, Operation};

use super::body::RequestBody;
use crate::failure::Answer;
use crate::guard::BodyShare;
use crate::process::Process;

/// A caller that does not send its body within this time is cut off.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Of a body that is refused, so much more is read and dropped: a caller that is cut off while it still sends does
/// not get to read why.
const DROPPED_BYTES_MAX: usize = 4 << 20;

/// How much a body may hold, and with what it is refused.
pub(crate) struct Bounds {
    pub size_bytes_max: usize,
    /// The refusal of a larger one.
    pub too_large: KvsError,
    /// The exception for one that does not come as it should.
    pub unreadable: ErrorKind,
}

impl Bounds {
    pub(crate) fn of_operation(operation: &Operation) -> Self {
        Self {
            size_bytes_max: operation.body_bytes_max(),
            too_large: operation.body_too_large(),
            unreadable: operation.unreadable(),
        }
    }

    /// Of a form, of which nobody knows yet for which operation it is.
    pub(crate) fn of_form() -> Self {
        Self {
            size_bytes_max: sts::FORM_BYTES_MAX,
            too_large: sts::form_too_large(),
            unreadable: ErrorKind::Serialization,
        }
    }
}

/// The whole body, or a refusal.
pub(crate) async fn read(
    process: &Process,
    bounds: Bounds,
    share: &mut BodyShare,
    mut body: RequestBody,
) -> Answer<Bytes> {
    let Bounds { size_bytes_max, too_large, unreadable } = bounds;
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
    match process.timeout(BODY_TIMEOUT, reading).await {
        Ok(read) => Ok(read?),
        Err(_) => Err(refused("the request body did not come in time").into()),
    }
}

async fn drop_rest(body: &mut RequestBody) {
    let mut dropped_bytes = 0;
    while dropped_bytes < DROPPED_BYTES_MAX {
        match body.frame().await {
            Some(Ok(frame)) => dropped_bytes += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => return,
        }
    }
}
