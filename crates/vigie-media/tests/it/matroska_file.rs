//! The reader over a Matroska file that ffmpeg wrote: sized Segment and Clusters, SeekHead, CRC-32, Tags, Cues.

use vigie_media::codec;
use vigie_media::matroska::{DocumentHeader, Limits, fragment_frames};

use crate::common::read_pieces;

const FILE: &[u8] = include_bytes!("../fixtures/h264_bframes_mulaw.mkv");
/// ffprobe's list: stream, pts, dts, size, position of the block's data, key frame.
const PACKETS: &str = include_str!("../fixtures/h264_bframes_mulaw.packets.csv");

/// Bytes of a block's data before the frame: track number, relative time, flags.
const BLOCK_HEAD_BYTES: u64 = 4;

#[test]
fn frames_are_those_that_ffprobe_lists() {
    let read = read_pieces(FILE.chunks(1000), Limits::FILE);
    assert_eq!(read.error, None);
    let ours: Vec<_> = read
        .frames()
        .iter()
        .map(|f| (f.track_number, f.timecode_ms, f.size_bytes, f.data_offset, f.key_frame))
        .collect();
    let theirs: Vec<_> = PACKETS
        .lines()
        .map(|line| {
            let fields: Vec<_> = line.split(',').collect();
            let number = |index: usize| fields[index].parse::<u64>().unwrap();
            let (at_ms, data_offset) = (number(1) as i64, number(4) + BLOCK_HEAD_BYTES);
            (number(0) + 1, at_ms, number(3) as u32, data_offset, fields[5].starts_with('K'))
        })
        .collect();
    assert_eq!(ours, theirs);
}

#[test]
fn clusters_are_fragments_and_the_rest_is_left_out() {
    let read = read_pieces([FILE], Limits::FILE);
    let fragments = read.fragments();
    let times: Vec<_> = fragments.iter().map(|f| (f.timecode_ms, f.duration_ms)).collect();
    assert_eq!(times, [(0, 1000), (1000, 1000), (2000, 1000)]);
    // ffmpeg's Tags are the file's: they stand before the first Cluster, with its header.
    assert_eq!(read.tags().len(), 0);
    assert!(read.header().tags.iter().any(|tag| tag.name == "ENCODER"));
    // Only the Cues at the end belong to neither header nor fragments.
    let kept: usize = fragments.iter().map(|fragment| fragment.bytes.len()).sum();
    assert_eq!(FILE.len() - read.header().raw.len() - kept, 64);
}

#[test]
fn the_fragments_appended_to_the_header_are_a_document_again() {
    let read = read_pieces([FILE], Limits::FILE);
    let fragments = read.fragments();
    // In another number than the Segment's size said.
    let mut again = read.header().raw.to_vec();
    for fragment in fragments.iter().chain(&fragments) {
        again.extend_from_slice(&fragment.bytes);
    }
    let again = read_pieces([&again[..]], Limits::FILE);
    assert_eq!(again.error, None);
    assert_eq!(again.fragments().len(), 6);
    assert_eq!(again.frames().len(), 2 * read.frames().len());
    assert_eq!(DocumentHeader::parse(&read.header().raw, Limits::FILE).unwrap(), *read.header());
}

#[test]
fn tracks_and_data_are_usable() {
    let read = read_pieces([FILE], Limits::FILE);
    let header = read.header();
    let codecs: Vec<_> = header.tracks.iter().filter_map(codec::codec_string).collect();
    assert_eq!(codecs, ["avc1.64000C", "ulaw"]);
    assert_eq!(header.default_durations_ns.get(&1), Some(&66_666_666));
    let frames = fragment_frames(&header, read.fragments()[1].bytes.clone());
    for frame in frames.map(Result::unwrap).filter(|frame| frame.track_number == 1) {
        assert_eq!(codec::h264::is_key(&frame.data, 4), frame.key_frame);
    }
}
