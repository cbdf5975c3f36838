//! The form of what GetMedia sends: for each fragment a whole Matroska document with the service's tags around it
//! (seen in captures of the service; KVS API_GetMedia names the tags). Pure.

use std::fmt::Write;

use bytes::Bytes;
use vigie_kvs::FragmentNumber;
use vigie_kvs::acknowledgement::ErrorId;
use vigie_media::Timestamp;
use vigie_media::matroska::writer;

/// What the tags of a chunk say.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkTags {
    pub number: FragmentNumber,
    pub server_timestamp: Timestamp,
    pub producer_timestamp: Timestamp,
    pub millis_behind_now: i64,
}

/// The pieces of a chunk in order. `document_header` and `fragment` are the producer's bytes, verbatim.
pub(super) fn chunk(document_header: Bytes, fragment: Bytes, tags: &ChunkTags) -> [Bytes; 4] {
    let number = tags.number.to_string();
    let leading = writer::tags(&[
        ("AWS_KINESISVIDEO_FRAGMENT_NUMBER", number.as_str()),
        ("AWS_KINESISVIDEO_SERVER_TIMESTAMP", &seconds(tags.server_timestamp)),
        ("AWS_KINESISVIDEO_PRODUCER_TIMESTAMP", &seconds(tags.producer_timestamp)),
    ]);
    let trailing = writer::tags(&[
        ("AWS_KINESISVIDEO_MILLIS_BEHIND_NOW", tags.millis_behind_now.to_string().as_str()),
        ("AWS_KINESISVIDEO_CONTINUATION_TOKEN", number.as_str()),
    ]);
    [document_header, leading.into(), fragment, trailing.into()]
}

/// What is sent in place of a fragment that cannot be read; then the answer ends.
pub(super) fn error(number: FragmentNumber, error: ErrorId) -> Bytes {
    // A document of its own, so that it can stand first as well.
    let mut document = writer::document_header(&[]);
    document.extend(writer::tags(&[
        ("AWS_KINESISVIDEO_FRAGMENT_NUMBER", number.to_string().as_str()),
        ("AWS_KINESISVIDEO_ERROR_CODE", error.code()),
        ("AWS_KINESISVIDEO_ERROR_ID", error.id().to_string().as_str()),
    ]));
    document.into()
}

/// Seconds since 1970 with three decimals.
fn seconds(timestamp: Timestamp) -> String {
    let millis = timestamp.as_millis().max(0);
    let mut text = String::with_capacity(16);
    // Writing to a String cannot fail.
    let _infallible = write!(text, "{}.{:03}", millis / 1000, millis % 1000);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_three_decimals() {
        assert_eq!(seconds(Timestamp::from_millis(1_795_363_060_007)), "1795363060.007");
        assert_eq!(seconds(Timestamp::EPOCH), "0.000");
    }

    #[test]
    fn a_chunk_keeps_the_producers_bytes_between_the_services_tags() {
        let tags = ChunkTags {
            number: FragmentNumber::new(1, Timestamp::from_millis(5), 7),
            server_timestamp: Timestamp::from_millis(5),
            producer_timestamp: Timestamp::from_millis(4),
            millis_behind_now: 12,
        };
        let [header, leading, fragment, trailing] =
            chunk(Bytes::from_static(b"header"), Bytes::from_static(b"fragment"), &tags);
        assert_eq!((&header[..], &fragment[..]), (&b"header"[..], &b"fragment"[..]));
        let holds = |bytes: &Bytes, text: &str| {
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        };
        for text in ["FRAGMENT_NUMBER", "SERVER_TIMESTAMP", "0.005", "PRODUCER_TIMESTAMP", "0.004"]
        {
            assert!(holds(&leading, text), "{text}");
        }
        for text in ["MILLIS_BEHIND_NOW", "12", "CONTINUATION_TOKEN", &tags.number.to_string()] {
            assert!(holds(&trailing, text), "{text}");
        }
    }
}
