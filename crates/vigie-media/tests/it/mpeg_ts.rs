//! Transport stream segments, read again by another program (mpeg2ts).

use std::collections::BTreeMap;

use mpeg2ts::es::{StreamId, StreamType};
use mpeg2ts::pes::{PesPacket, PesPacketReader, ReadPesPacket};
use mpeg2ts::ts::{ReadTsPacket, TsPacket, TsPacketReader, TsPayload};
use vigie_media::codec::nal;
use vigie_media::fmp4::SegmentPlace;
use vigie_media::sample::{CodecConfig, SampleError, SampleTrack, sample_tracks};
use vigie_media::{TrackKind, mpeg_ts};

use crate::common::stored::{self, Stored};

fn segment(stored: &Stored, tracks: &[SampleTrack], index: usize, shift_ms: i64) -> Vec<u8> {
    let fragment = &stored.fragments[index];
    let place = SegmentPlace {
        sequence_number: 0,
        start_ms: fragment.timecode_ms + shift_ms,
        end_ms: Some(stored.end_ms(index) + shift_ms),
    };
    mpeg_ts::segment(tracks, &stored.header, fragment.bytes.clone(), &place).unwrap().to_vec()
}

/// Everything stored that a transport stream can carry.
fn carried() -> Vec<(Stored, Vec<SampleTrack>)> {
    let tracks_of = |stored: Stored| {
        let mut tracks = sample_tracks(&stored.header.tracks).unwrap();
        tracks.retain(|track| !matches!(track.config(), CodecConfig::G711(_)));
        (stored, tracks)
    };
    stored::all().into_iter().map(tracks_of).collect()
}

fn pes_packets(segment: &[u8]) -> Vec<PesPacket<Vec<u8>>> {
    let mut reader = PesPacketReader::new(TsPacketReader::new(segment));
    std::iter::from_fn(|| reader.read_pes_packet().unwrap()).collect()
}

fn ts_packets(segment: &[u8]) -> Vec<TsPacket> {
    let mut reader = TsPacketReader::new(segment);
    std::iter::from_fn(|| reader.read_ts_packet().unwrap()).collect()
}

/// The slices of a picture, without delimiters and parameter sets; they begin with these NAL unit types.
fn slices(units: impl Iterator<Item = Vec<u8>>, config: &CodecConfig) -> Vec<Vec<u8>> {
    let is_slice = |unit: &Vec<u8>| match config {
        CodecConfig::H264(_) => (1..=5).contains(&(unit[0] & 0x1F)),
        _ => unit[0] >> 1 & 0x3F < 32,
    };
    units.filter(is_slice).collect()
}

#[test]
fn every_picture_comes_out_as_it_was_stored() {
    for (stored, tracks) in carried() {
        for track in tracks.iter().filter(|track| track.kind() == TrackKind::Video) {
            for (index, fragment) in stored.fragments.iter().enumerate() {
                let packets = pes_packets(&segment(&stored, &tracks, index, 1_000_000));
                let video = packets.iter().filter(|packet| packet.header.stream_id.is_video());
                let video: Vec<_> = video.collect();
                let frames = stored.frames(fragment, track.number());
                assert_eq!(video.len(), frames.len(), "{}", stored.name);
                let mut last_dts = 0;
                for (packet, frame) in video.iter().zip(&frames) {
                    let found = nal::annex_b(&packet.data).map(<[u8]>::to_vec);
                    let expect =
                        nal::length_prefixed(&frame.data, 4).map(|unit| unit.unwrap().to_vec());
                    let config = track.config();
                    assert_eq!(slices(found, config), slices(expect, config), "{}", stored.name);
                    let pts = packet.header.pts.unwrap().as_u64();
                    let dts = packet.header.dts.map_or(pts, |dts| dts.as_u64());
                    let expect = (frame.timecode_ms as u64 + 1_000_000) * 90 % (1 << 33);
                    assert_eq!(pts, expect, "{}", stored.name);
                    assert!(dts <= pts && dts > last_dts, "{} {dts} {pts}", stored.name);
                    last_dts = dts;
                }
            }
        }
    }
}

#[test]
fn a_picture_begins_with_a_delimiter_and_a_key_frame_brings_its_parameter_sets() {
    for (stored, tracks) in carried() {
        let packets = pes_packets(&segment(&stored, &tracks, 0, 0));
        let video: Vec<_> =
            packets.iter().filter(|packet| packet.header.stream_id.is_video()).collect();
        let types = |packet: &PesPacket<Vec<u8>>| -> Vec<u8> {
            let units = nal::annex_b(&packet.data);
            match tracks[0].config() {
                CodecConfig::H264(_) => units.map(|unit| unit[0] & 0x1F).collect(),
                _ => units.map(|unit| unit[0] >> 1 & 0x3F).collect(),
            }
        };
        let first = types(video[0]);
        match tracks[0].config() {
            CodecConfig::H264(_) => assert_eq!(first[..3], [9, 7, 8], "{}", stored.name),
            _ => assert_eq!(first[..4], [35, 32, 33, 34], "{}", stored.name),
        }
        let second = types(video[1]);
        assert!(second[0] == first[0] && second[1..].iter().all(|kind| !first[..3].contains(kind)));
    }
}

#[test]
fn every_audio_frame_comes_out_as_it_was_stored() {
    for (stored, tracks) in carried() {
        for track in tracks.iter().filter(|track| track.kind() == TrackKind::Audio) {
            for (index, fragment) in stored.fragments.iter().enumerate() {
                let packets = pes_packets(&segment(&stored, &tracks, index, 1_000_000));
                let is_audio = |id: StreamId| id.is_audio();
                let audio = packets.iter().filter(|packet| is_audio(packet.header.stream_id));
                let mut found = Vec::new();
                for packet in audio {
                    let mut rest = &packet.data[..];
                    while !rest.is_empty() {
                        assert_eq!(rest[..2], [0xFF, 0xF1]);
                        let size = usize::from(rest[3] & 3) << 11
                            | usize::from(rest[4]) << 3
                            | usize::from(rest[5]) >> 5;
                        found.push(rest[7..size].to_vec());
                        rest = &rest[size..];
                    }
                }
                let frames = stored.frames(fragment, track.number());
                let expect: Vec<Vec<u8>> = frames.iter().map(|frame| frame.data.to_vec()).collect();
                assert_eq!(found, expect, "{}", stored.name);
            }
        }
    }
}

#[test]
fn a_segment_begins_with_its_tables_and_says_what_it_carries() {
    for (stored, tracks) in carried() {
        let packets = ts_packets(&segment(&stored, &tracks, 0, 0));
        let (Some(TsPayload::Pat(pat)), Some(TsPayload::Pmt(pmt))) =
            (&packets[0].payload, &packets[1].payload)
        else {
            panic!("{} begins otherwise", stored.name);
        };
        assert_eq!(pat.table[0].program_map_pid, packets[1].header.pid);
        let types: Vec<_> = pmt.es_info.iter().map(|stream| stream.stream_type).collect();
        let expect: Vec<_> = tracks
            .iter()
            .map(|track| match track.config() {
                CodecConfig::H264(_) => StreamType::H264,
                CodecConfig::H265(_) => StreamType::H265,
                _ => StreamType::AdtsAac,
            })
            .collect();
        assert_eq!(types, expect, "{}", stored.name);
        assert_eq!(pmt.pcr_pid, Some(pmt.es_info[0].elementary_pid));
        let first = packets[2].adaptation_field.as_ref().unwrap();
        assert!(first.random_access_indicator && first.pcr.is_some(), "{}", stored.name);
    }
}

#[test]
fn continuity_counters_go_on_from_one_segment_to_the_next() {
    for (stored, tracks) in carried() {
        let mut counters: BTreeMap<u16, u8> = BTreeMap::new();
        for index in 0..stored.fragments.len() {
            for packet in ts_packets(&segment(&stored, &tracks, index, 0)) {
                let pid = packet.header.pid.as_u16();
                if matches!(packet.payload, Some(TsPayload::Pat(_) | TsPayload::Pmt(_))) {
                    continue;
                }
                let counter = packet.header.continuity_counter.as_u8();
                let expect = counters.get(&pid).map_or(0, |last| (last + 1) % 16);
                assert_eq!(counter, expect, "{} {pid}", stored.name);
                counters.insert(pid, counter);
            }
        }
        assert_eq!(counters.len(), tracks.len());
    }
}

#[test]
fn the_clock_runs_half_a_second_ahead_of_decoding() {
    let (stored, tracks) = &carried()[0];
    let packets = ts_packets(&segment(stored, tracks, 0, 0));
    let clocks: Vec<u64> = packets
        .iter()
        .filter_map(|packet| packet.adaptation_field.as_ref()?.pcr)
        .map(|clock| clock.as_u64() / 300)
        .collect();
    let frames = stored.frames(&stored.fragments[0], tracks[0].number());
    let expect: Vec<u64> =
        frames.iter().map(|frame| (frame.timecode_ms as u64 * 90 - 45_000) % (1 << 33)).collect();
    assert_eq!(clocks, expect);
}

#[test]
fn g711_is_refused() {
    let stored = stored::all().pop().unwrap();
    let tracks = sample_tracks(&stored.header.tracks).unwrap();
    let error = mpeg_ts::check_tracks(&tracks).unwrap_err();
    assert_eq!(
        error,
        SampleError::UnsupportedCodec { track_number: 2, codec_id: "alaw".to_owned() }
    );
}
