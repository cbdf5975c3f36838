//! Bytes that nobody meant well: the reader may refuse them, never panic, never depend on how they were cut.

use bytes::Bytes;
use proptest::prelude::*;
use vigie_media::matroska::{FragmentReader, Limits, fragment_frames};

use crate::common::{self, capture, drain, read_pieces, read_whole};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn arbitrary_bytes_are_refused_alike_however_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        piece_bytes in 1usize..50,
    ) {
        let whole = read_whole(&bytes);
        prop_assert_eq!(whole, read_pieces(bytes.chunks(piece_bytes), Limits::KVS));
    }

    #[test]
    fn arbitrary_bytes_after_a_good_header_do_no_harm(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        piece_bytes in 1usize..50,
    ) {
        let good = capture("sdkc_audio");
        let body = [&good[..600], &bytes[..]].concat();
        let whole = read_whole(&body);
        let pieces = read_pieces(body.chunks(piece_bytes), Limits::KVS);
        prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn mutated_captures_are_read_alike_however_cut(
        (name, span) in prop::sample::select(vec![
            ("kvssink_http", 0..10_000usize), ("sdkc_audio", 0..2_000), ("sdkc_audio", 85_000..86_097),
            ("sdkc_h265", 0..2_000), ("sdkc_h265", 110_000..112_000), ("embc", 0..2_000),
            ("embc", 101_000..103_000),
        ]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        pieces_at in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut body = capture(name).to_vec();
        for (index, byte) in changes {
            let at = span.start + index.index(span.len());
            body[at] = byte;
        }
        let whole = read_whole(&body);
        let mut cuts: Vec<usize> = pieces_at.iter().map(|index| index.index(body.len())).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &body[pair[0]..pair[1]]);
        prop_assert!(read_pieces(pieces, Limits::KVS) == whole);

        if let Some(fragment) = whole.fragments().first() {
            let header = whole.header();
            let frames = fragment_frames(&header, fragment.bytes.clone());
            let read = frames.filter_map(Result::ok).map(|frame| frame.data.len()).sum::<usize>();
            prop_assert!(read <= fragment.bytes.len());
        }
        let mut reader = FragmentReader::new(Limits::KVS);
        let mut read = common::Read { events: Vec::new(), error: None };
        reader.push(&body);
        drain(&mut reader, &mut read);
        prop_assert!(reader.recover().end_offset <= body.len() as u64);
    }

    #[test]
    fn frames_of_arbitrary_bytes_stay_inside_them(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let header = read_whole(capture("sdkc_audio")).header();
        let len = bytes.len();
        let frames = fragment_frames(&header, Bytes::from(bytes));
        let read = frames.filter_map(Result::ok).map(|frame| frame.data.len()).sum::<usize>();
        prop_assert!(read <= len);
    }
}
