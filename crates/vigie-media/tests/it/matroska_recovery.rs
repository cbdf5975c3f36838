//! What a torn document still gives, at every place where it can be cut.

use std::io::Cursor;
use std::sync::Arc;

use matroska_demuxer::{Frame, MatroskaFile};
use proptest::prelude::*;
use vigie_media::matroska::{FragmentReader, Limits, Recovered};

use crate::common::{Read, capture, drain, read_whole};

fn recover(body: &[u8]) -> (Read, Recovered) {
    let mut reader = FragmentReader::new(Limits::KVS);
    let mut read = Read { events: Vec::new(), error: None };
    reader.push(body);
    drain(&mut reader, &mut read);
    (read, reader.recover())
}

/// The whole frames of `body` cut at `end`, told from the uncut body.
fn frames_before(whole: &Read, end: u64) -> usize {
    whole.frames().iter().filter(|frame| frame.end_offset <= end).count()
}

#[test]
fn a_cut_keeps_every_whole_frame_and_nothing_else() {
    let body = capture("kvssink_http");
    let whole = read_whole(body);
    let second = whole.fragments()[1].offset as usize;
    // Every byte around the start of a fragment, and a stride through the rest of two fragments.
    let places = (second - 40..second + 400).chain((339..90_000).step_by(611));
    for end in places {
        let (read, recovered) = recover(&body[..end]);
        assert_eq!(read.error, None);
        let kept = &body[..recovered.end_offset as usize];
        assert_eq!(frames_before(&whole, end as u64), read.frames().len(), "cut at {end}");
        let frames_kept = frames_before(&whole, kept.len() as u64);
        assert_eq!(frames_kept, read.frames().len(), "cut at {end}");

        let again = read_whole(kept);
        assert_eq!(again.error, None, "cut at {end}");
        let mut fragments: Vec<_> = read.fragments().into_iter().cloned().collect();
        fragments.extend(recovered.fragment);
        let again: Vec<_> = again.fragments().into_iter().cloned().collect();
        assert_eq!(fragments, again, "cut at {end}");
    }
}

#[test]
fn a_recovered_document_can_be_appended_to() {
    let body = capture("kvssink_http");
    let whole = read_whole(body);
    let second = whole.fragments()[1].offset as usize;
    let (_, recovered) = recover(&body[..second - 1000]);
    let kept = &body[..recovered.end_offset as usize];
    assert!(kept.len() > 30_000);
    let joined = [kept, &body[second..]].concat();

    let read = read_whole(&joined);
    assert_eq!(read.error, None);
    assert_eq!(read.fragments().len(), whole.fragments().len());
    let mut file = MatroskaFile::open(Cursor::new(&joined[..])).unwrap();
    let mut frame = Frame::default();
    let mut theirs = 0;
    while file.next_frame(&mut frame).unwrap() {
        theirs += 1;
    }
    assert_eq!(theirs, read.frames().len());
}

#[test]
fn reading_can_begin_at_a_fragment() {
    let body = capture("sdkc_h265");
    let whole = read_whole(body);
    let second = whole.fragments()[1];
    let header = Arc::clone(&whole.header());
    let mut reader = FragmentReader::resume(header, second.offset, Limits::KVS);
    let mut read = Read { events: Vec::new(), error: None };
    for piece in body[second.offset as usize..].chunks(100) {
        reader.push(piece);
        drain(&mut reader, &mut read);
    }
    reader.finish();
    drain(&mut reader, &mut read);
    assert_eq!(read.error, None);
    assert_eq!(read.fragments(), [second]);
    assert!(read.events[..] == whole.events[whole.events.len() - read.events.len()..]);
}

#[test]
fn zeros_after_a_crash_cost_only_themselves() {
    let body = capture("sdkc_audio");
    let whole = read_whole(body);
    let cut = whole.frames()[40].end_offset as usize;
    let mut torn = body[..cut].to_vec();
    torn.resize(cut + 5000, 0);
    let (read, recovered) = recover(&torn);
    assert!(read.error.is_some());
    assert_eq!(recovered.end_offset, cut as u64);
    assert_eq!(recovered.fragment.unwrap().frame_count, 41);
}

#[test]
fn a_document_without_a_whole_frame_keeps_its_header() {
    let body = capture("sdkc_audio");
    let header_bytes = read_whole(body).header().raw.len();
    let (_, recovered) = recover(&body[..header_bytes + 20]);
    assert_eq!(recovered, Recovered { fragment: None, end_offset: header_bytes as u64 });
    let (_, recovered) = recover(&[]);
    assert_eq!(recovered, Recovered { fragment: None, end_offset: 0 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn recovery_ends_where_a_frame_ends(end in 0usize..86_097) {
        let body = capture("sdkc_audio");
        let (read, recovered) = recover(&body[..end]);
        prop_assert!(recovered.end_offset <= end as u64);
        if let (Some(frame), Some(_)) = (read.frames().last(), &recovered.fragment) {
            prop_assert_eq!(frame.end_offset, recovered.end_offset);
        }
    }
}
