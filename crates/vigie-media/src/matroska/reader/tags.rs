//! Fragment metadata: the Tags elements that producers send between Clusters.

use super::error::ElementError;
use super::limits::Limits;
use crate::matroska::ebml;
use crate::matroska::ids;

/// Reserved name: the fragment is complete at once (seen from Amazon's C producer 1.6.4, which waits for the
/// PERSISTED acknowledgement before it ends the body).
pub const END_OF_FRAGMENT: &str = "AWS_KINESISVIDEO_END_OF_FRAGMENT";

/// Names that begin like this are the service's; they do not count as the producer's metadata.
const RESERVED_PREFIX: &str = "AWS_KINESISVIDEO_";

/// Reserved tags that a fragment may carry besides the producer's own.
const RESERVED_TAGS_MAX: usize = 64;

/// One `SimpleTag`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// `TagName`.
    pub name: String,
    /// `TagString`; of a `TagBinary` the bytes read as UTF-8.
    pub value: String,
}

impl Tag {
    /// Whether the name belongs to the service.
    pub fn is_reserved(&self) -> bool {
        self.name.starts_with(RESERVED_PREFIX)
    }
}

/// The tags of one Tags element.
#[derive(Debug, Default)]
pub(super) struct TagsElement {
    pub(super) tags: Vec<Tag>,
    pub(super) end_of_fragment: bool,
}

/// Reads the data of a Tags element. Targets and nested SimpleTags say nothing that KVS keeps.
pub(super) fn read_tags(data: &[u8], limits: &Limits) -> Result<TagsElement, ElementError> {
    let mut element = TagsElement::default();
    for tag in ebml::children(data) {
        let (ids::TAG, tag) = tag? else { continue };
        for simple_tag in ebml::children(tag) {
            let (ids::SIMPLE_TAG, simple_tag) = simple_tag? else { continue };
            let tag = read_simple_tag(simple_tag, limits)?;
            if tag.name == END_OF_FRAGMENT {
                element.end_of_fragment = true;
            } else {
                element.tags.push(tag);
            }
        }
    }
    Ok(element)
}

fn read_simple_tag(data: &[u8], limits: &Limits) -> Result<Tag, ElementError> {
    let mut tag = Tag { name: String::new(), value: String::new() };
    for child in ebml::children(data) {
        match child? {
            (ids::TAG_NAME, name) if name.len() > limits.tag_name_bytes_max => {
                return Err(ElementError::TagLimit("a tag name is too long"));
            }
            (ids::TAG_STRING | ids::TAG_BINARY, value)
                if value.len() > limits.tag_value_bytes_max =>
            {
                return Err(ElementError::TagLimit("a tag value is too long"));
            }
            (ids::TAG_NAME, name) => tag.name = ebml::string(name),
            (ids::TAG_STRING | ids::TAG_BINARY, value) => tag.value = ebml::string(value),
            _ => {}
        }
    }
    Ok(tag)
}

/// Whether a fragment may have all these tags.
pub(super) fn check_count(tags: &[Tag], limits: &Limits) -> Result<(), ElementError> {
    let producer_count = tags.iter().filter(|tag| !tag.is_reserved()).count();
    if producer_count > limits.tags_per_fragment_max
        || tags.len() > limits.tags_per_fragment_max.saturating_add(RESERVED_TAGS_MAX)
    {
        return Err(ElementError::TagLimit("a fragment has too many tags"));
    }
    Ok(())
}
