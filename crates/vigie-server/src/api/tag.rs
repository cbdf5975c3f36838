//! Tags of streams. Producers set them before they begin (KVS API_TagStream and its kin).

use std::collections::BTreeMap;

use vigie_kvs::shapes::Empty;
use vigie_kvs::shapes::tag::{
    ListTagsForStreamInput, ListTagsForStreamOutput, TagStreamInput, UntagStreamInput,
};
use vigie_kvs::{ErrorKind, KvsError};

use super::{Call, Control, page_token};
use crate::failure::Answer;

/// Tags of one stream (KVS API_TagStream).
pub(super) const TAGS_MAX: usize = 50;
/// A page holds all the tags that a stream can have: the SDKs have no paginator for this operation, so that callers
/// do not look for a second page.
const PAGE_MAX: usize = TAGS_MAX;

pub(crate) async fn tag_stream(
    control: &Control,
    call: &Call,
    input: TagStreamInput,
) -> Answer<Empty> {
    let stream = control.streams.active(call, &input.stream()?).await?;
    if !control.db.put_tags(&stream.arn, &input.tags, TAGS_MAX).await? {
        return Err(too_many_tags().into());
    }
    Ok(Empty {})
}

pub(crate) async fn untag_stream(
    control: &Control,
    call: &Call,
    input: UntagStreamInput,
) -> Answer<Empty> {
    let stream = control.streams.active(call, &input.stream()?).await?;
    control.db.remove_tags(&stream.arn, &input.tag_key_list).await?;
    Ok(Empty {})
}

pub(crate) async fn list_tags_for_stream(
    control: &Control,
    call: &Call,
    input: ListTagsForStreamInput,
) -> Answer<ListTagsForStreamOutput> {
    let stream = control.streams.active(call, &input.stream()?).await?;
    page(control.db.tags(&stream.arn).await?, input.next_token.as_deref(), PAGE_MAX)
}

/// The tags after those of the page that gave `token`, at most `limit`.
fn page(
    tags: BTreeMap<String, String>,
    token: Option<&str>,
    limit: usize,
) -> Answer<ListTagsForStreamOutput> {
    let after: Option<String> = token.map(page_token::read).transpose()?;
    let is_later = |key: &String| after.as_ref().is_none_or(|after| key > after);
    let mut tags: Vec<_> = tags.into_iter().filter(|(key, _)| is_later(key)).collect();
    let next_token = page_token::cut(&mut tags, limit, |(key, _)| key)?;
    Ok(ListTagsForStreamOutput { next_token, tags: tags.into_iter().collect() })
}

pub(super) fn too_many_tags() -> KvsError {
    let message = format!("a stream has at most {TAGS_MAX} tags");
    KvsError::new(ErrorKind::TagsPerResourceExceededLimit, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let tags: BTreeMap<_, _> = (0..7).map(|n| (format!("key{n}"), n.to_string())).collect();
        let (mut seen, mut token, mut pages) = (BTreeMap::new(), None, 0);
        loop {
            let page = page(tags.clone(), token.as_deref(), 3).unwrap();
            assert!(page.tags.keys().all(|key| !seen.contains_key(key)));
            seen.extend(page.tags);
            pages += 1;
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        assert_eq!((seen, pages), (tags, 3));
    }
}
