//! Progressive files, read again by our own MP4 reader and by another program's boxes (mp4-atom).

use bytes::Bytes;
use mp4_atom::{Any, DecodeMaybe};
use vigie_media::Timestamp;
use vigie_media::mp4::{Limits, Mp4Reader, Mp4Writer, Sample, fragment_data};
use vigie_media::sample::{SampleTrack, sample_tracks};

use crate::common::stored::{self, Stored};

const START_MS: i64 = 1_795_363_060_007;

/// A file of these fragments, each moved by so many milliseconds.
fn file(stored: &Stored, tracks: &[SampleTrack], fragments: &[(usize, i64)]) -> Vec<u8> {
    let mut writer = Mp4Writer::new(tracks);
    let mut data = Vec::new();
    for &(index, shift_ms) in fragments {
        let fragment = &stored.fragments[index];
        let start = Timestamp::from_millis(START_MS + fragment.timecode_ms + shift_ms);
        let bytes = fragment.bytes.clone();
        writer.add_fragment(&stored.header, bytes.clone(), start, fragment.duration_ms).unwrap();
        data.extend(fragment_data(tracks, &stored.header, bytes).unwrap().to_vec());
    }
    let head = writer.finish();
    assert_eq!(head.data_size_bytes, data.len() as u64);
    assert_eq!(head.file_size_bytes(), (head.bytes.len() + data.len()) as u64);
    [&head.bytes[..], &data].concat()
}

fn whole(stored: &Stored, tracks: &[SampleTrack]) -> Vec<u8> {
    let all: Vec<_> = (0..stored.fragments.len()).map(|index| (index, 0)).collect();
    file(stored, tracks, &all)
}

fn samples(file: &[u8]) -> Vec<Sample> {
    let mut read_at = |offset: u64, len: usize| {
        let start = offset as usize;
        file.get(start..start + len).map(Bytes::copy_from_slice).ok_or("past the end")
    };
    let mut reader = Mp4Reader::open(file.len() as u64, &mut read_at, Limits::default()).unwrap();
    assert_eq!(reader.skipped_tracks(), []);
    let mut samples = Vec::new();
    while let Some(sample) = reader.next_sample(&mut read_at).unwrap() {
        samples.push(sample);
    }
    samples
}

/// The samples of the only track, with their presentation time in milliseconds, rounded to the nearest.
fn alone(stored: &Stored, track: &SampleTrack, fragments: &[(usize, i64)]) -> Vec<(i64, Sample)> {
    let millis =
        |sample: &Sample| (sample.pts as f64 * 1000.0 / f64::from(sample.timescale)).round() as i64;
    let file = file(stored, std::slice::from_ref(track), fragments);
    samples(&file).into_iter().map(|sample| (millis(&sample), sample)).collect()
}

#[test]
fn every_frame_comes_out_as_it_was_stored() {
    for stored in stored::all() {
        let tracks = sample_tracks(&stored.header.tracks).unwrap();
        let file = whole(&stored, &tracks);
        let samples = samples(&file);
        for (number, track) in (1..).zip(&tracks) {
            let samples: Vec<_> =
                samples.iter().filter(|sample| sample.track_number == number).collect();
            let expect: Vec<_> = stored
                .fragments
                .iter()
                .flat_map(|fragment| stored.frames(fragment, track.number()))
                .collect();
            assert_eq!(samples.len(), expect.len(), "{} {number}", stored.name);
            for (sample, frame) in samples.iter().zip(&expect) {
                let data = &file[sample.offset as usize..][..sample.size_bytes as usize];
                assert_eq!(data, &frame.data[..], "{}", stored.name);
                assert_eq!(sample.key_frame, frame.key_frame, "{}", stored.name);
            }
        }
    }
}

#[test]
fn times_count_from_the_first_frame_of_all_tracks() {
    for stored in stored::all() {
        let tracks = sample_tracks(&stored.header.tracks).unwrap();
        let samples = samples(&whole(&stored, &tracks));
        let frames = |track: &SampleTrack| {
            let of = |fragment| stored.frames(fragment, track.number());
            stored.fragments.iter().flat_map(of).collect::<Vec<_>>()
        };
        let first_ms = tracks.iter().flat_map(frames).map(|frame| frame.timecode_ms).min().unwrap();
        for (number, track) in (1..).zip(&tracks) {
            let samples = samples.iter().filter(|sample| sample.track_number == number);
            for (sample, frame) in samples.zip(frames(track)) {
                let at_ms = sample.pts as f64 * 1000.0 / f64::from(sample.timescale);
                let off_ms = at_ms - (frame.timecode_ms - first_ms) as f64;
                let allowed_ms = if track.size().is_some() { 0.5 } else { 2.0 };
                assert!(off_ms.abs() <= allowed_ms, "{} {number}: {off_ms}", stored.name);
                assert!(sample.dts <= sample.pts + 18_000, "{}", stored.name);
            }
        }
    }
}

#[test]
fn pictures_lie_at_even_distances_and_decode_times_rise() {
    for stored in stored::all() {
        let tracks = sample_tracks(&stored.header.tracks).unwrap();
        let all: Vec<_> = (0..stored.fragments.len()).map(|index| (index, 0)).collect();
        let samples = alone(&stored, &tracks[0], &all);
        for pair in samples.windows(2) {
            let distance = pair[1].1.dts - pair[0].1.dts;
            // Cameras and captures are regular to a few milliseconds.
            assert!((3000..=7000).contains(&distance), "{} {distance}", stored.name);
        }
    }
}

#[test]
fn a_gap_stays_a_gap() {
    let stored = &stored::all()[1];
    let tracks = sample_tracks(&stored.header.tracks).unwrap();
    for track in &tracks {
        let samples = alone(stored, track, &[(0, 0), (2, 5_000)]);
        let first = stored.frames(&stored.fragments[0], track.number());
        let later = stored.frames(&stored.fragments[2], track.number());
        let expect = later[0].timecode_ms + 5_000 - first[0].timecode_ms;
        assert_eq!(samples[first.len()].0, expect);
    }
}

#[test]
fn a_gap_of_more_than_twelve_hours_is_cut_to_twelve() {
    let stored = &stored::all()[1];
    let tracks = sample_tracks(&stored.header.tracks).unwrap();
    let samples = alone(stored, &tracks[0], &[(0, 0), (1, 20 * 60 * 60 * 1000)]);
    let first = stored.frames(&stored.fragments[0], 1).len();
    assert_eq!(samples[first].0, 12 * 60 * 60 * 1000 + stored.fragments[0].duration_ms);
}

#[test]
fn a_fragment_that_begins_too_early_is_moved_as_a_whole() {
    let stored = &stored::all()[1];
    let tracks = sample_tracks(&stored.header.tracks).unwrap();
    let file = file(stored, &tracks, &[(0, 0), (1, -400)]);
    let samples = samples(&file);
    for number in [1, 2] {
        let of: Vec<_> = samples.iter().filter(|sample| sample.track_number == number).collect();
        assert!(of.windows(2).all(|pair| pair[0].dts < pair[1].dts), "{number}");
    }
    // Pictures and sound are as far apart as they were.
    let distance_ms = |track: usize| {
        let number = tracks[track].number();
        let [first, second] = [0, 1].map(|index| stored.frames(&stored.fragments[index], number));
        let at = |index: usize| {
            let of = samples.iter().filter(|sample| sample.track_number == u64::from(number));
            let sample = of.clone().nth(index).unwrap();
            (sample.pts as f64 * 1000.0 / f64::from(sample.timescale)).round() as i64
        };
        let moved = at(first.len()) - at(0);
        moved - (second[0].timecode_ms - first[0].timecode_ms)
    };
    assert!((distance_ms(0) - distance_ms(1)).abs() <= 1, "{} {}", distance_ms(0), distance_ms(1));
}

#[test]
fn another_program_reads_the_boxes_and_the_index_comes_first() {
    for stored in stored::all() {
        let tracks = sample_tracks(&stored.header.tracks).unwrap();
        let file = whole(&stored, &tracks);
        let mut rest = &file[..];
        let mut boxes = Vec::new();
        while let Some(found) = Any::decode_maybe(&mut rest).unwrap() {
            boxes.push(found);
        }
        let [Any::Ftyp(_), Any::Moov(moov), Any::Mdat(_)] = &boxes[..] else {
            panic!("{} has other boxes", stored.name);
        };
        let start_s = (START_MS + stored.fragments[0].timecode_ms) / 1000;
        assert_eq!(moov.mvhd.creation_time, start_s as u64 + 2_082_844_800);
        for (trak, track) in moov.trak.iter().zip(&tracks) {
            let table = &trak.mdia.minf.stbl;
            let frames: usize = stored
                .fragments
                .iter()
                .map(|fragment| stored.frames(fragment, track.number()).len())
                .sum();
            let timed: u32 = table.stts.entries.iter().map(|entry| entry.sample_count).sum();
            assert_eq!(timed as usize, frames, "{}", stored.name);
            let lasts: u64 = table
                .stts
                .entries
                .iter()
                .map(|entry| u64::from(entry.sample_count) * u64::from(entry.sample_delta))
                .sum();
            assert_eq!(trak.mdia.mdhd.duration, lasts, "{}", stored.name);
            let offsets = table.ctts.iter().flat_map(|ctts| &ctts.entries);
            assert!(offsets.into_iter().all(|entry| entry.sample_offset >= 0));
            assert_eq!(table.stco.as_ref().unwrap().entries.len(), stored.fragments.len());
        }
    }
}
