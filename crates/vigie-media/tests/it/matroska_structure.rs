//! The reader against documents built for each rule: what is kept, what is skipped, what is refused.

use vigie_media::matroska::{Event, Limits, ReadError, ebml, ids, writer};
use vigie_media::{Timestamp, Track, codec::g711};

use crate::common::{Read, read_pieces, read_whole};

fn tracks() -> Vec<Track> {
    vec![
        g711::track(1, "left", g711::Law::A, 8000, 1),
        g711::track(2, "right", g711::Law::Mu, 8000, 1),
    ]
}

fn header() -> Vec<u8> {
    writer::document_header(&tracks())
}

fn cluster(timecode_ms: i64) -> Vec<u8> {
    writer::cluster_start(Timestamp::from_millis(timecode_ms)).to_vec()
}

fn block(track_number: u64, relative_ms: i16, data: &[u8]) -> Vec<u8> {
    let head = writer::simple_block_header(track_number, relative_ms, true, data.len());
    [&head[..], data].concat()
}

fn element(id: u32, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    ebml::put_element(&mut out, id, data);
    out
}

fn uint(id: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    ebml::put_uint(&mut out, id, value);
    out
}

fn end_of_fragment() -> Vec<u8> {
    writer::tags(&[("AWS_KINESISVIDEO_END_OF_FRAGMENT", "")])
}

/// Reads the pieces joined, and checks that one byte at a time says the same.
fn read(parts: &[Vec<u8>]) -> Read {
    let body = parts.concat();
    let read = read_whole(&body);
    assert_eq!(read_pieces(body.chunks(1), Limits::KVS), read);
    read
}

fn refuse(parts: &[Vec<u8>], expect: ReadError) {
    assert_eq!(read(parts).error, Some(expect));
}

fn structure(offset: usize, reason: &'static str) -> ReadError {
    ReadError::Structure { offset: offset as u64, reason }
}

#[test]
fn what_is_written_reads_back() {
    let body = [header(), cluster(5000), block(1, 0, b"ab"), block(2, -3, b"c")];
    let read = read(&body);
    assert_eq!(read.error, None);
    assert_eq!(read.header().tracks, tracks());
    assert_eq!(read.header().raw, header());
    let frames: Vec<_> = read.frames().iter().map(|f| (f.track_number, f.timecode_ms)).collect();
    assert_eq!(frames, [(1, 5000), (2, 4997)]);
    assert_eq!(read.fragments()[0].bytes, body[1..].concat());
}

#[test]
fn tags_after_a_marked_end_are_the_next_fragments() {
    let body = [
        header(),
        cluster(0),
        block(1, 0, b"a"),
        end_of_fragment(),
        end_of_fragment(),
        writer::tags(&[("door", "open")]),
        cluster(1000),
        block(1, 0, b"b"),
        writer::tags(&[("door", "shut")]),
        end_of_fragment(),
    ];
    let read = read(&body);
    let fragments = read.fragments();
    assert_eq!(fragments[0].bytes, body[1..4].concat());
    assert_eq!(fragments[0].tags, []);
    let values: Vec<_> = fragments[1].tags.iter().map(|tag| tag.value.as_str()).collect();
    assert_eq!(values, ["open", "shut"]);
    let expect = [&body[6], &body[7], &body[5], &body[8], &body[9]].map(|part| part.as_slice());
    assert_eq!(fragments[1].bytes, expect.concat());
    // What is kept gives the same fragments when it is read again.
    let kept = [&body[0], &fragments[0].bytes[..], &fragments[1].bytes[..]].concat();
    let again = read_whole(&kept);
    assert_eq!(again.fragments()[1].bytes, fragments[1].bytes);
    assert_eq!(again.fragments()[1].tags, fragments[1].tags);
    let order: Vec<_> = read
        .events
        .iter()
        .map(|event| match event {
            Event::Header(_) => "header",
            Event::FragmentStart { .. } => "start",
            Event::Frame(_) => "frame",
            Event::Tag(_) => "tag",
            Event::FragmentEnd(_) => "end",
        })
        .collect();
    assert_eq!(order, ["header", "start", "frame", "end", "start", "tag", "frame", "tag", "end"]);
}

#[test]
fn tags_before_the_first_cluster_are_the_headers() {
    let tags = writer::tags(&[("place", "gate")]);
    let body = [header(), tags.clone(), cluster(0), block(1, 0, b"a")];
    let read = read(&body);
    assert_eq!(read.header().raw, body[..2].concat());
    assert_eq!(read.header().tags[0].value, "gate");
    assert_eq!(read.fragments()[0].tags, []);
}

#[test]
fn sizes_may_be_known() {
    let cluster = |data: Vec<u8>| element(ids::CLUSTER, &data);
    let first = cluster([uint(ids::TIMESTAMP, 100), block(1, 0, b"a")].concat());
    let second = cluster([uint(ids::TIMESTAMP, 200), block(1, 0, b"b")].concat());
    // The header's Segment has an unknown size in 8 bytes; give it the true one.
    let mut head = header();
    let segment_at = head.windows(4).position(|id| id == [0x18, 0x53, 0x80, 0x67]).unwrap();
    let inside = head.len() - segment_at - 12 + first.len() + second.len();
    let sized = (inside as u64 | 1 << 56).to_be_bytes();
    head[segment_at + 4..segment_at + 12].copy_from_slice(&sized);

    let read = read(&[head, first.clone(), second.clone()]);
    assert_eq!(read.error, None);
    let fragments = read.fragments();
    assert_eq!(fragments[0].bytes, first);
    assert_eq!(fragments[1].bytes, second);
    // Fragments are appended to the header, so its Segment must not end.
    assert_eq!(read.header().raw, header());
}

#[test]
fn what_players_need_and_fragments_do_not_is_skipped() {
    let cues = element(ids::CUES, &[0xEC; 300]);
    let body = [
        header(),
        cues.clone(),
        cluster(0),
        element(ids::VOID, &[0; 20]),
        block(1, 0, b"a"),
        cues.clone(),
        cluster(1000),
        block(1, 0, b"b"),
        element(0x4DBB, b"unlisted"),
        cues,
        writer::tags(&[("of", "the file")]),
    ];
    let read = read(&body);
    assert_eq!(read.error, None);
    assert_eq!(read.header().raw, header());
    let fragments = read.fragments();
    assert_eq!(fragments[0].bytes, body[2..5].concat());
    assert_eq!(fragments[1].bytes, body[6..9].concat());
    assert_eq!(read.tags().len(), 0);
}

#[test]
fn block_groups_and_lacing_give_frames() {
    let data = [&[0x81, 0, 10, 0, 42][..]].concat();
    let reference = [element(ids::BLOCK, &data), uint(ids::REFERENCE_BLOCK, 1)].concat();
    let lasting = [element(ids::BLOCK, &data), uint(ids::BLOCK_DURATION, 60)].concat();
    let laced = [0x81, 0, 0, 0x84, 2, 1, 2, 3];
    let body = [
        header(),
        cluster(1000),
        element(ids::SIMPLE_BLOCK, &laced),
        element(ids::BLOCK_GROUP, &reference),
        element(ids::BLOCK_GROUP, &lasting),
    ];
    let read = read(&body);
    let joined = body.concat();
    let frames: Vec<_> = read
        .frames()
        .iter()
        .map(|frame| {
            let data = &joined[frame.data_offset as usize..][..frame.size_bytes as usize];
            (frame.timecode_ms, data)
        })
        .collect();
    let data: [(i64, &[u8]); 5] =
        [(1000, &[1]), (1000, &[2]), (1000, &[3]), (1010, &[42]), (1010, &[42])];
    assert_eq!(frames, data);
    // 1000 to 1010, and the last block says that it lasts 60.
    assert_eq!(read.fragments()[0].duration_ms, 70);
}

#[test]
fn the_last_frame_lasts_one_interval_of_its_track() {
    let check = |parts: &[Vec<u8>], expect: &[i64]| {
        let read = read(parts);
        let durations: Vec<_> = read.fragments().iter().map(|f| f.duration_ms).collect();
        assert_eq!(durations, expect);
    };
    let frames = |times: &[i16]| times.iter().map(|&at| block(1, at, b"a")).collect::<Vec<_>>();
    let of = |times: &[i16]| frames(times).concat();
    check(&[header(), cluster(0), of(&[0, 40, 80])], &[120]);
    // The mean interval where they differ.
    check(&[header(), cluster(0), of(&[0, 33, 67])], &[101]);
    // Order of decoding is not order of presentation.
    check(&[header(), cluster(0), of(&[0, 120, 40, 80])], &[160]);
    // A single frame lasts as long as those of the former fragment, or is a point in time.
    check(&[header(), cluster(0), of(&[0, 50]), cluster(100), of(&[0])], &[100, 50]);
    check(&[header(), cluster(0), of(&[0])], &[0]);
    check(&[header(), cluster(0)], &[0]);
    // Another track counts where it reaches further.
    check(&[header(), cluster(0), of(&[0, 40]), block(2, 200, b"b")], &[200]);
}

#[test]
fn a_track_without_a_frame_is_reported() {
    let read = read(&[header(), cluster(0), block(2, 0, b"a")]);
    assert_eq!(read.fragments()[0].tracks_without_frames, [1]);
}

#[test]
fn other_timestamp_scales_are_milliseconds_too() {
    let ebml = element(ids::EBML, &element(ids::DOC_TYPE, b"webm"));
    let segment = [0x18, 0x53, 0x80, 0x67, 0xFF].to_vec();
    let info = element(ids::INFO, &uint(ids::TIMESTAMP_SCALE, 100_000));
    let entry = [
        uint(ids::TRACK_NUMBER, 1),
        uint(ids::TRACK_TYPE, 1),
        uint(ids::DEFAULT_DURATION, 20_000_000),
    ];
    let tracks = element(ids::TRACKS, &element(ids::TRACK_ENTRY, &entry.concat()));
    let body = [ebml, segment, info, tracks, cluster(10_005), block(1, 25, b"a")];
    let read = read(&body);
    assert_eq!(read.fragments()[0].timecode_ms, 1000);
    assert_eq!(read.frames()[0].timecode_ms, 1003);
    assert_eq!(read.fragments()[0].duration_ms, 20);
}

#[test]
fn malformed_structure_is_refused_with_its_place() {
    let head = header().len();
    let ebml_only = element(ids::EBML, &element(ids::DOC_TYPE, b"matroska"));
    refuse(&[cluster(0)], structure(0, "the document has no EBML header"));
    refuse(
        &[element(ids::EBML, &element(ids::DOC_TYPE, b"mp4"))],
        structure(0, "DocType is neither matroska nor webm"),
    );
    refuse(
        &[ebml_only.clone(), cluster(0)],
        structure(ebml_only.len(), "something other than a Segment follows the EBML header"),
    );
    refuse(
        &[ebml_only.clone(), vec![0x18, 0x53, 0x80, 0x67, 0xFF], cluster(0)],
        structure(ebml_only.len() + 5, "no Tracks before the first Cluster"),
    );
    refuse(
        &[header(), vec![0x1F, 0x43, 0xB6, 0x75, 0xFF], block(1, 0, b"a")],
        structure(head + 5, "a block precedes the Timestamp"),
    );
    refuse(
        &[header(), cluster(0), uint(ids::TIMESTAMP, 1)],
        structure(head + 15, "Cluster has two Timestamps"),
    );
    refuse(
        &[header(), cluster(0), block(1, 0, b"a"), element(ids::TRACKS, &[])],
        structure(head + 22, "Info or Tracks appears after the first Cluster"),
    );
    refuse(&[header(), element(ids::TRACKS, &[])], structure(head, "Tracks appears twice"));
    refuse(
        &[header(), cluster(0), header()],
        ReadError::SecondDocument { offset: head as u64 + 15 },
    );
    refuse(
        &[header(), cluster(0), block(7, 0, b"a")],
        ReadError::UnknownTrack { offset: head as u64 + 15, track_number: 7 },
    );
}

#[test]
fn an_input_that_ends_inside_an_element_is_truncated() {
    let body = [header(), cluster(0), block(1, 0, b"abc")].concat();
    let whole_ends = [header().len(), body.len(), header().len() + 15];
    for end in 1..=body.len() {
        let read = read_whole(&body[..end]);
        assert_eq!(read.error.is_none(), whole_ends.contains(&end), "at {end}: {:?}", read.error);
    }
    assert_eq!(read_whole(&[]).error, None);
}

#[test]
fn limits_hold() {
    let limits = Limits {
        header_bytes_max: 1000,
        fragment_bytes_max: 100,
        content_encodings: false,
        tracks_max: 2,
        tags_bytes_max: 200,
        tags_per_fragment_max: 2,
        tag_name_bytes_max: 5,
        tag_value_bytes_max: 6,
    };
    let check = |parts: &[Vec<u8>], expect: Option<ReadError>| {
        assert_eq!(read_pieces([&parts.concat()[..]], limits).error, expect);
    };
    let offset = header().len() as u64;
    check(&[header(), cluster(0), block(1, 0, &[0; 70])], None);
    let too_large = ReadError::FragmentTooLarge { offset, max_bytes: 100 };
    check(&[header(), cluster(0), block(1, 0, &[0; 90])], Some(too_large.clone()));
    // Refused by the declared size, before the bytes are there.
    check(&[header(), cluster(0), vec![0xA3, 0x10, 0xFF, 0xFF, 0xFF]], Some(too_large));
    check(
        &[header(), element(ids::VOID, &[0; 1000])],
        Some(ReadError::HeaderTooLarge { max_bytes: 1000 }),
    );
    let mut many = tracks();
    many.push(g711::track(3, "", g711::Law::A, 8000, 1));
    check(&[writer::document_header(&many)], Some(ReadError::TooManyTracks { count: 3, max: 2 }));
    let tags = |pairs| vec![header(), cluster(0), block(1, 0, b"a"), writer::tags(pairs)];
    let refused = |reason| Some(ReadError::TagLimit { offset: offset + 22, reason });
    check(&tags(&[("a", "b"), ("c", "d")]), None);
    check(&tags(&[("a", ""), ("b", ""), ("c", "")]), refused("a fragment has too many tags"));
    check(&tags(&[("abcdef", "")]), refused("a tag name is too long"));
    check(&tags(&[("a", "abcdefg")]), refused("a tag value is too long"));
    check(&tags(&[("a", &"x".repeat(300))]), refused("the Tags element is too large"));
}
