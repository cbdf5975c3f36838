//! The Matroska reader: what it says does not depend on the cuts, and everything it names lies inside the input.

use std::sync::Arc;

use bytes::BytesMut;
use vigie_media::matroska::{
    DocumentHeader, Event, Fragment, FragmentReader, Limits, ReadError, fragment_frames,
};

/// The first byte says how the rest, a document, is cut; an odd one asks for the limits of files.
pub fn matroska(data: &[u8]) {
    let Some((&cut, document)) = data.split_first() else { return };
    let limits = if cut % 2 == 0 { Limits::KVS } else { Limits::FILE };
    let whole = read([document], limits);
    // Single bytes of a long document would take longer than they are worth.
    let piece_bytes = (usize::from(cut) + 1).max(document.len() / 4096);
    let pieces = read(document.chunks(piece_bytes), limits);
    assert_eq!(whole, pieces);
    check_events(&whole.0, document, limits);

    let mut reader = FragmentReader::new(limits);
    reader.push(document);
    while let Ok(Some(_)) = reader.next_event() {}
    let recovered = reader.recover();
    assert!(recovered.end_offset <= document.len() as u64, "{recovered:?}");

    let mut reader = FragmentReader::new(limits);
    reader.push(document);
    let mut header = None;
    while let Ok(Some(event)) = reader.next_event() {
        if let Event::Header(found) = event {
            header = Some(found);
        }
    }
    // Asked of an input in any state: the answer is free of harm, and a torn Cluster's frames are those that were said.
    reader.is_whole();
    if let (Some(fragment), Some(header)) = (reader.recover_frames(), header) {
        let frames = fragment_frames(&header, fragment.bytes);
        let count = frames.map_while(Result::ok).count();
        assert!(count == fragment.frame_count as usize || !header.encodings.is_empty());
    }
}

fn read<'a>(
    pieces: impl IntoIterator<Item = &'a [u8]>,
    limits: Limits,
) -> (Vec<Event>, Option<ReadError>) {
    let mut reader = FragmentReader::new(limits);
    let mut events = Vec::new();
    let mut drain = |reader: &mut FragmentReader| loop {
        match reader.next_event() {
            Ok(Some(event)) => events.push(event),
            Ok(None) => return None,
            Err(error) => return Some(error),
        }
    };
    for piece in pieces {
        // As a server does that uses memory again.
        let wanted_bytes = reader.wanted_bytes();
        if wanted_bytes > 0 {
            reader.use_buffer(BytesMut::with_capacity(wanted_bytes));
        }
        reader.push(piece);
        if let Some(error) = drain(&mut reader) {
            return (events, Some(error));
        }
    }
    reader.finish();
    let error = drain(&mut reader);
    (events, error)
}

/// Media files hold the bytes of a fragment as they are: read again they give the same one.
fn check_read_again(header: &Arc<DocumentHeader>, fragment: &Fragment, limits: Limits) {
    let mut reader = FragmentReader::resume(Arc::clone(header), fragment.offset, limits);
    reader.push(&fragment.bytes);
    reader.finish();
    let mut again = None;
    loop {
        match reader.next_event() {
            Ok(Some(Event::FragmentEnd(end))) => {
                assert!(again.replace(end).is_none(), "two of one")
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => panic!("a fragment that was whole is not: {error}"),
        }
    }
    // How long the last frame lasts is known from the fragments before.
    let again = again.map(|again| Fragment { duration_ms: fragment.duration_ms, ..again });
    assert_eq!(again.as_ref(), Some(fragment));
}

fn check_events(events: &[Event], document: &[u8], limits: Limits) {
    let mut header = None;
    for (index, event) in events.iter().enumerate() {
        match event {
            Event::Header(found) => {
                assert_eq!(index, 0, "a header in the middle");
                header = Some(found);
            }
            Event::Frame(frame) => {
                assert!(frame.data_offset <= frame.end_offset, "{frame:?}");
            }
            Event::FragmentEnd(fragment) => {
                let Some(header) = header else { panic!("a fragment without a header") };
                assert!(fragment.offset < document.len() as u64, "a fragment beyond the document");
                assert!(fragment.bytes.len() <= document.len());
                check_read_again(header, fragment, limits);
                let frames = fragment_frames(header, fragment.bytes.clone());
                let (mut count, mut bytes) = (0, 0);
                for frame in frames.map_while(Result::ok) {
                    count += 1;
                    bytes += frame.data.len();
                }
                if header.encodings.is_empty() {
                    assert_eq!(count, fragment.frame_count, "frames read again differ in number");
                    assert!(bytes <= fragment.bytes.len(), "frames larger than their fragment");
                } else {
                    // A block whose frames cannot be inflated ends the walk; what one inflates to is bounded.
                    assert!(count <= fragment.frame_count, "more frames than there are");
                }
            }
            Event::FragmentStart { .. } | Event::Tag(_) => {}
        }
    }
}
