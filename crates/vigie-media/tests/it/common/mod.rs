//! What the tests share: the captures of real producers, and a reader driven over a body in pieces.

pub(crate) mod stored;

use std::sync::Arc;

use vigie_media::matroska::{
    DocumentHeader, Event, Fragment, FragmentReader, FrameEntry, Limits, ReadError, Tag,
};

/// Bodies that real producers sent by PutMedia, see fixtures/README.md.
pub(crate) const CAPTURES: [(&str, &[u8]); 4] = [
    ("kvssink_http", include_bytes!("../../fixtures/kvssink_http.mkv")),
    ("sdkc_audio", include_bytes!("../../fixtures/sdkc_audio.mkv")),
    ("sdkc_h265", include_bytes!("../../fixtures/sdkc_h265.mkv")),
    ("embc", include_bytes!("../../fixtures/embc.mkv")),
];

/// One of [`CAPTURES`].
pub(crate) fn capture(name: &str) -> &'static [u8] {
    CAPTURES.iter().find(|(found, _)| *found == name).unwrap().1
}

/// Everything that the reader says of a body.
#[derive(Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) events: Vec<Event>,
    pub(crate) error: Option<ReadError>,
}

impl Read {
    pub(crate) fn header(&self) -> Arc<DocumentHeader> {
        match &self.events[0] {
            Event::Header(header) => Arc::clone(header),
            other => panic!("the first event is {other:?}"),
        }
    }

    pub(crate) fn fragments(&self) -> Vec<&Fragment> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::FragmentEnd(fragment) => Some(fragment),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn frames(&self) -> Vec<&FrameEntry> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Frame(frame) => Some(frame),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn tags(&self) -> Vec<&Tag> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Tag(tag) => Some(tag),
                _ => None,
            })
            .collect()
    }
}

/// Reads a whole body given in pieces, to its end.
pub(crate) fn read_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: Limits) -> Read {
    let mut reader = FragmentReader::new(limits);
    let mut read = Read { events: Vec::new(), error: None };
    for piece in pieces {
        reader.push(piece);
        drain(&mut reader, &mut read);
    }
    reader.finish();
    drain(&mut reader, &mut read);
    read
}

/// Reads a whole body at once.
pub(crate) fn read_whole(body: &[u8]) -> Read {
    read_pieces([body], Limits::KVS)
}

/// Takes the events that are due.
pub(crate) fn drain(reader: &mut FragmentReader, read: &mut Read) {
    while read.error.is_none() {
        match reader.next_event() {
            Ok(Some(event)) => {
                if let Event::FragmentEnd(fragment) = &event {
                    assert_eq!(fragment.crc32c, crc32c::crc32c(&fragment.bytes));
                }
                read.events.push(event);
            }
            Ok(None) => break,
            Err(error) => read.error = Some(error),
        }
    }
}
