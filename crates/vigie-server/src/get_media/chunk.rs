//! The form of what is sent: for each fragment a whole Matroska document with the service's tags around it (seen in
//! captures of the service; KVS API_GetMedia and API_reader_GetMediaForFragmentList name the tags). Pure.

use std::fmt::Write;

use bytes::Bytes;
use vigie_kvs::FragmentNumber;
use vigie_media::Timestamp;
use vigie_media::matroska::writer;

/// What the tags before a fragment say.
#[derive(Clone, Copy, Debug)]
pub(super) struct FragmentTags {
    pub number: FragmentNumber,
    pub server_timestamp: Timestamp,
    pub producer_timestamp: Timestamp,
}

/// What is wrong, for the caller (KVS API_GetMedia lists the ids; the names are ours, for the reference gives none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadError {
    /// The fragment is not there, or not any more.
    FragmentNotFound,
    /// The fragment cannot be read.
    Internal,
}

impl ReadError {
    const fn id(self) -> &'static str {
        match self {
            Self::FragmentNotFound => "4000",
            Self::Internal => "5000",
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::FragmentNotFound => "FRAGMENT_NOT_FOUND",
            Self::Internal => "INTERNAL_ERROR",
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::FragmentNotFound => "Requested fragment is not found",
            Self::Internal => "Internal error",
        }
    }
}

/// What stands before a fragment in GetMedia.
pub(super) fn leading(document_header: &[u8], tags: &FragmentTags) -> Bytes {
    let (number, server, producer) = texts(tags);
    document(
        document_header,
        &[
            ("AWS_KINESISVIDEO_FRAGMENT_NUMBER", &number),
            ("AWS_KINESISVIDEO_SERVER_TIMESTAMP", &server),
            ("AWS_KINESISVIDEO_PRODUCER_TIMESTAMP", &producer),
        ],
    )
}

/// What stands behind a fragment in GetMedia. Without it a chunk is not whole.
pub(super) fn trailing(number: FragmentNumber, millis_behind_now: i64) -> Bytes {
    let tags = writer::tags(&[
        ("AWS_KINESISVIDEO_MILLIS_BEHIND_NOW", millis_behind_now.to_string().as_str()),
        ("AWS_KINESISVIDEO_CONTINUATION_TOKEN", number.to_string().as_str()),
    ]);
    tags.into()
}

/// What is sent by GetMedia when it cannot go on; then the answer ends. `number` is the fragment's, if it is about one.
pub(super) fn error(number: Option<FragmentNumber>, error: ReadError) -> Bytes {
    let number = number.map(|number| number.to_string());
    let mut tags = Vec::with_capacity(3);
    if let Some(number) = &number {
        tags.push(("AWS_KINESISVIDEO_FRAGMENT_NUMBER", number.as_str()));
    }
    tags.push(("AWS_KINESISVIDEO_ERROR_CODE", error.code()));
    tags.push(("AWS_KINESISVIDEO_ERROR_ID", error.id()));
    // A document of its own, so that it can stand first as well.
    document(&writer::document_header(&[]), &tags)
}

/// What stands before a fragment in GetMediaForFragmentList: the names that its reference gives, and those of GetMedia,
/// which parsers made for that look for.
pub(super) fn listed(document_header: &[u8], tags: &FragmentTags) -> Bytes {
    let (number, server, producer) = texts(tags);
    document(
        document_header,
        &[
            ("AWS_KINESISVIDEO_FRAGMENT_NUMBER", &number),
            ("AWS_KINESISVIDEO_SERVER_SIDE_TIMESTAMP", &server),
            ("AWS_KINESISVIDEO_PRODUCER_SIDE_TIMESTAMP", &producer),
            ("AWS_KINESISVIDEO_SERVER_TIMESTAMP", &server),
            ("AWS_KINESISVIDEO_PRODUCER_TIMESTAMP", &producer),
        ],
    )
}

/// What is sent by GetMediaForFragmentList in place of a fragment. `number` is what the caller asked for.
pub(super) fn listed_error(number: &str, error: ReadError) -> Bytes {
    document(
        &writer::document_header(&[]),
        &[
            ("AWS_KINESISVIDEO_FRAGMENT_NUMBER", number),
            ("AWS_KINESISVIDEO_EXCEPTION_ERROR_CODE", error.id()),
            ("AWS_KINESISVIDEO_EXCEPTION_MESSAGE", error.message()),
        ],
    )
}

fn texts(tags: &FragmentTags) -> (String, String, String) {
    let FragmentTags { number, server_timestamp, producer_timestamp } = *tags;
    (number.to_string(), seconds(server_timestamp), seconds(producer_timestamp))
}

fn document(header: &[u8], tags: &[(&str, &str)]) -> Bytes {
    [header, &writer::tags(tags)].concat().into()
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

    fn holds(bytes: &[u8], text: &str) -> bool {
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    }

    fn tags() -> FragmentTags {
        FragmentTags {
            number: FragmentNumber::new(1, Timestamp::from_millis(5), 7),
            server_timestamp: Timestamp::from_millis(5),
            producer_timestamp: Timestamp::from_millis(4),
        }
    }

    #[test]
    fn seconds_have_three_decimals() {
        assert_eq!(seconds(Timestamp::from_millis(1_795_363_060_007)), "1795363060.007");
        assert_eq!(seconds(Timestamp::EPOCH), "0.000");
    }

    #[test]
    fn the_producers_header_comes_first_and_the_services_tags_follow() {
        let number = tags().number.to_string();
        for bytes in [leading(b"header", &tags()), listed(b"header", &tags())] {
            assert!(bytes.starts_with(b"header"));
            for text in
                ["FRAGMENT_NUMBER", "SERVER_TIMESTAMP", "0.005", "PRODUCER_TIMESTAMP", "0.004"]
            {
                assert!(holds(&bytes, text), "{text}");
            }
        }
        let bytes = trailing(tags().number, 12);
        for text in ["MILLIS_BEHIND_NOW", "12", "CONTINUATION_TOKEN", &number] {
            assert!(holds(&bytes, text), "{text}");
        }
    }

    #[test]
    fn errors_are_documents_of_their_own() {
        let bytes = error(None, ReadError::Internal);
        assert!(bytes.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]));
        assert!(holds(&bytes, "INTERNAL_ERROR") && holds(&bytes, "5000"));
        assert!(!holds(&bytes, "FRAGMENT_NUMBER"));
        let bytes = listed_error("17", ReadError::FragmentNotFound);
        assert!(bytes.starts_with(&[0x1A, 0x45, 0xDF, 0xA3]));
        assert!(holds(&bytes, "EXCEPTION_ERROR_CODE") && holds(&bytes, "4000"));
    }
}
