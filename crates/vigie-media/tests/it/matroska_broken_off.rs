//! Matroska files that were broken off, at every kind of byte: every frame that is whole before the cut can be read, whatever
//! the Cluster around it says of its size.

use vigie_media::matroska::{
    ContentEncoding, Event, FragmentReader, FrameEntry, Limits, fragment_frames, writer,
};
use vigie_media::{Timestamp, codec::g711};

use crate::common::read_whole;

/// What a reader of a file gets: the length of each frame in order, and whether the file says to be whole.
fn read(file: &[u8]) -> (Vec<u32>, bool) {
    let mut reader = FragmentReader::new(Limits::FILE);
    let (mut header, mut fragments) = (None, Vec::new());
    for piece in file.chunks(1000) {
        reader.push(piece);
        loop {
            match reader.next_event() {
                Ok(Some(Event::Header(found))) => header = Some(found),
                Ok(Some(Event::FragmentEnd(fragment))) => fragments.push(fragment),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
    }
    let is_whole = reader.is_whole();
    fragments.extend(reader.recover_frames());
    let Some(header) = header else { return (Vec::new(), is_whole) };
    let frames = fragments.into_iter().flat_map(|fragment| {
        fragment_frames(&header, fragment.bytes)
            .map(|frame| frame.unwrap().data.len() as u32)
            .collect::<Vec<_>>()
    });
    (frames.collect(), is_whole)
}

/// The frames of the uncut file.
fn frames(file: &[u8]) -> Vec<FrameEntry> {
    read_whole(file).frames().into_iter().copied().collect()
}

fn before(frames: &[FrameEntry], cut: usize) -> Vec<u32> {
    let whole = frames.iter().filter(|frame| frame.end_offset <= cut as u64);
    whole.map(|frame| frame.size_bytes).collect()
}

/// Where to cut: the header's bytes, around every end of a frame, and a stride through the rest.
fn cuts(length: usize, frames: &[FrameEntry]) -> std::collections::BTreeSet<usize> {
    let ends = frames.iter().map(|frame| frame.end_offset as usize);
    let around = ends.flat_map(|end| end.saturating_sub(2)..end + 20);
    let all = (0..1000).chain(around).chain((0..length).step_by(97)).chain([length]);
    all.filter(|cut| *cut <= length).collect()
}

/// Sized Clusters in a sized Segment, with Cues behind, as ffmpeg writes them.
const SIZED: &[u8] = include_bytes!("../fixtures/h264_bframes_mulaw.mkv");

/// The same document with Segment and Clusters of unknown size, as what is written live has them.
fn unsized_clusters() -> Vec<u8> {
    let mut reader = FragmentReader::new(Limits::FILE);
    reader.push(SIZED);
    reader.finish();
    let mut out = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::Header(header) => out.extend_from_slice(&header.raw),
            Event::FragmentEnd(fragment) => {
                out.extend_from_slice(&fragment.bytes[..4]);
                let size =
                    vigie_media::matroska::ebml::size(&fragment.bytes[4..]).unwrap().unwrap();
                out.extend([0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
                out.extend_from_slice(&fragment.bytes[4 + size.1..]);
            }
            _ => {}
        }
    }
    out
}

#[test]
fn sized_clusters_give_every_frame_before_the_cut() {
    let frames = frames(SIZED);
    assert!(frames.len() > 50);
    for cut in cuts(SIZED.len(), &frames) {
        let (found, is_whole) = read(&SIZED[..cut]);
        assert_eq!(found, before(&frames, cut), "cut at {cut}");
        // Of the Cues behind the last Cluster nothing is needed, once it shows that they are there.
        if is_whole {
            assert_eq!(found.len(), frames.len(), "cut at {cut}");
        }
    }
    assert!(read(SIZED).1);
}

#[test]
fn clusters_of_unknown_size_give_every_frame_before_the_cut() {
    let file = unsized_clusters();
    let frames = frames(&file);
    assert!(frames.len() > 50);
    let ends: Vec<u64> = frames.iter().map(|frame| frame.end_offset).collect();
    for cut in cuts(file.len(), &frames) {
        let (found, is_whole) = read(&file[..cut]);
        assert_eq!(found, before(&frames, cut), "cut at {cut}");
        // Between two elements nobody can tell that more was to come.
        assert!(is_whole || !ends.contains(&(cut as u64)), "cut at {cut}");
        if cut > 0 && is_whole && !found.is_empty() && !ends.contains(&(cut as u64)) {
            let next = file.get(cut..cut + 4);
            let begins = |id: [u8; 4]| next.is_none_or(|next| next == id);
            let in_cluster =
                file[..cut].windows(4).rposition(|four| four == [0x1F, 0x43, 0xB6, 0x75]);
            assert!(begins([0x1F, 0x43, 0xB6, 0x75]) || in_cluster.is_some(), "cut at {cut}");
        }
    }
}

#[test]
fn zeros_and_garbage_behind_the_cut_add_nothing() {
    for file in [SIZED.to_vec(), unsized_clusters()] {
        let frames = frames(&file);
        // Between two blocks, where what follows is taken for an element.
        for (index, frame) in frames.iter().enumerate().step_by(7) {
            let cut = frame.end_offset as usize;
            let torn = [&file[..cut], &[0; 3000]].concat();
            let (found, is_whole) = read(&torn);
            let expect = before(&frames, cut);
            assert!(found == expect && !is_whole, "zeros behind frame {index}");
        }
        let longer = [&file[..], &[0; 3000]].concat();
        assert_eq!(read(&longer).0, before(&frames, file.len()), "zeros behind the end");
    }
    // A Segment that says where it ends is whole whatever follows.
    for tail in [&[0u8; 3000][..], &[0xA5; 3000], b"\x1A\x45\xDF\xA3"] {
        assert!(read(&[SIZED, tail].concat()).1);
    }
}

/// A document of G.711 whose frames are stored as `encode` makes them, with these ContentEncodings.
fn encoded(encodings: &[u8], frames: &[&[u8]], encode: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let track = g711::track(1, "", g711::Law::A, 8000, 1);
    let header = writer::document_header(&[track]);
    // The TrackEntry is the last thing in Tracks, which is the last in the header: both grow by the new element.
    let element = [&[0x6D, 0x80, 0x80 | encodings.len() as u8], encodings].concat();
    let grown = grow(&header, &[0x16, 0x54, 0xAE, 0x6B], element.len());
    let grown = grow(&grown, &[0xAE], element.len());
    let mut out = [grown, element].concat();
    out.extend(writer::cluster_start(Timestamp::from_millis(1_000)));
    for (index, frame) in frames.iter().enumerate() {
        let stored = encode(frame);
        out.extend_from_slice(&writer::simple_block_header(
            1,
            20 * index as i16,
            true,
            stored.len(),
        ));
        out.extend(stored);
    }
    out
}

/// Adds `more` to the size of the last element with this id.
fn grow(document: &[u8], id: &[u8], more: usize) -> Vec<u8> {
    let mut out = document.to_vec();
    let at = document
        .windows(id.len())
        .enumerate()
        .filter(|(at, window)| {
            let size = vigie_media::matroska::ebml::size(&document[at + id.len()..]).ok().flatten();
            let end = size.and_then(|(value, len)| Some(at + id.len() + len + value? as usize));
            *window == id && end == Some(document.len())
        })
        .map(|(at, _)| at)
        .next()
        .unwrap()
        + id.len();
    let (value, len) = vigie_media::matroska::ebml::size(&document[at..]).unwrap().unwrap();
    let grown = value.unwrap() + more as u64;
    let bytes = (grown | 1 << (7 * len)).to_be_bytes();
    out[at..at + len].copy_from_slice(&bytes[8 - len..]);
    out
}

fn data(document: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut reader = FragmentReader::new(Limits::FILE);
    reader.push(document);
    reader.finish();
    let (mut header, mut frames) = (None, Vec::new());
    while let Some(event) = reader.next_event().map_err(|error| error.to_string())? {
        match event {
            Event::Header(found) => header = Some(found),
            Event::FragmentEnd(fragment) => {
                for frame in fragment_frames(header.as_ref().unwrap(), fragment.bytes) {
                    frames.push(frame.map_err(|error| error.to_string())?.data.to_vec());
                }
            }
            _ => {}
        }
    }
    Ok(frames)
}

const ZLIB: &[u8] = &[0x62, 0x40, 0x80];
const STRIPPED: &[u8] =
    &[0x62, 0x40, 0x8C, 0x50, 0x34, 0x89, 0x42, 0x54, 0x81, 3, 0x42, 0x55, 0x82, b'a', b'b'];
const BZLIB: &[u8] = &[0x62, 0x40, 0x87, 0x50, 0x34, 0x84, 0x42, 0x54, 0x81, 1];

#[test]
fn compressed_frames_come_as_the_codec_made_them() {
    let frames: [&[u8]; 3] = [b"abc", b"ab", b"abababababababababab"];
    let inflated =
        encoded(ZLIB, &frames, |frame| miniz_oxide::deflate::compress_to_vec_zlib(frame, 6));
    assert_eq!(data(&inflated).unwrap(), frames);
    let stripped = encoded(STRIPPED, &frames, |frame| frame[2..].to_vec());
    assert_eq!(data(&stripped).unwrap(), frames);
}

#[test]
fn a_frame_that_cannot_be_inflated_ends_the_walk_with_a_reason() {
    let frames: [&[u8]; 3] = [b"abc", b"xyz", b"abc"];
    let damaged = encoded(ZLIB, &frames, |frame| match frame {
        b"xyz" => b"no zlib".to_vec(),
        frame => miniz_oxide::deflate::compress_to_vec_zlib(frame, 6),
    });
    let said = data(&damaged).unwrap_err();
    assert!(said.contains("cannot be inflated"), "{said}");
    // A frame that would fill the memory.
    let bomb = encoded(ZLIB, &[b"bomb"], |_| {
        miniz_oxide::deflate::compress_to_vec_zlib(&vec![0; 60 << 20], 1)
    });
    let said = data(&bomb).unwrap_err();
    assert!(said.contains("too long"), "{said}");
}

#[test]
fn what_is_not_read_is_named_and_producers_may_not_send_any() {
    let document = encoded(BZLIB, &[b"abc"], <[u8]>::to_vec);
    let mut reader = FragmentReader::new(Limits::FILE);
    reader.push(&document);
    let Some(Event::Header(header)) = reader.next_event().unwrap() else { panic!("no header") };
    assert_eq!(header.encodings[&1], ContentEncoding::Unsupported("bzlib compression"));
    for encodings in [ZLIB, STRIPPED, BZLIB] {
        let mut reader = FragmentReader::new(Limits::KVS);
        reader.push(&encoded(encodings, &[b"abc"], <[u8]>::to_vec));
        let said = reader.next_event().unwrap_err().to_string();
        assert!(said.contains("ContentEncodings"), "{said}");
    }
}
