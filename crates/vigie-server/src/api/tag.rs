//! Tags of streams. Producers set them before they begin (KVS API_TagStream).

use vigie_kvs::shapes::Empty;
use vigie_kvs::shapes::stream::TagStreamInput;
use vigie_kvs::{ErrorKind, KvsError};

use super::Call;
use crate::failure::Answer;

/// Tags of one stream (KVS API_TagStream).
pub(super) const TAGS_MAX: usize = 50;

pub(crate) async fn tag_stream(call: &Call, input: TagStreamInput) -> Answer<Empty> {
    let stream = call.stream(&input.stream()?).await?;
    if !call.app.db.put_tags(&stream.arn, &input.tags, TAGS_MAX).await? {
        return Err(too_many_tags().into());
    }
    Ok(Empty {})
}

pub(super) fn too_many_tags() -> KvsError {
    let message = format!("a stream has at most {TAGS_MAX} tags");
    KvsError::new(ErrorKind::TagsPerResourceExceededLimit, message)
}
