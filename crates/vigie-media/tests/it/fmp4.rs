//! Init and media segments, read again by another program's boxes (mp4-atom) and by our own MP4 reader.

use bytes::Bytes;
use mp4_atom::{Any, Codec, DecodeMaybe, Moof, Moov};
use vigie_media::fmp4::{self, Segment, SegmentPlace};
use vigie_media::mp4::{Limits, Mp4Reader, Sample, fragment_data};
use vigie_media::sample::{SampleError, SampleTrack, sample_tracks};

use crate::common::stored::{self, Stored};

const START_MS: i64 = 1_795_363_060_007;

fn segment(stored: &Stored, tracks: &[SampleTrack], index: usize, shift_ms: i64) -> Segment {
    let fragment = &stored.fragments[index];
    let place = SegmentPlace {
        sequence_number: index as u32 + 1,
        start_ms: fragment.timecode_ms + shift_ms,
        end_ms: Some(stored.end_ms(index) + shift_ms),
    };
    fmp4::media_segment(tracks, &stored.header, fragment.bytes.clone(), &place).unwrap()
}

/// The init segment and all media segments of these tracks.
fn presentation(stored: &Stored, tracks: &[SampleTrack], shift_ms: i64) -> Vec<u8> {
    let mut file = fmp4::init_segment(tracks);
    for index in 0..stored.fragments.len() {
        file.extend(segment(stored, tracks, index, shift_ms).to_vec());
    }
    file
}

fn samples(file: &[u8]) -> (Mp4Reader, Vec<Sample>) {
    let mut read_at = |offset: u64, len: usize| {
        let start = offset as usize;
        file.get(start..start + len).map(Bytes::copy_from_slice).ok_or("past the end")
    };
    let mut reader = Mp4Reader::open(file.len() as u64, &mut read_at, Limits::default()).unwrap();
    let mut samples = Vec::new();
    while let Some(sample) = reader.next_sample(&mut read_at).unwrap() {
        samples.push(sample);
    }
    (reader, samples)
}

#[test]
fn every_frame_comes_out_as_it_was_stored() {
    for stored in stored::all() {
        let tracks = sample_tracks(&stored.header.tracks).unwrap();
        for track in &tracks {
            // A presentation of one track at a time: the reader numbers tracks its own way.
            let alone = std::slice::from_ref(track);
            let file = presentation(&stored, alone, START_MS);
            let (reader, samples) = samples(&file);
            assert_eq!(reader.tracks().len(), 1);
            let expect: Vec<_> = stored
                .fragments
                .iter()
                .flat_map(|fragment| stored.frames(fragment, track.number()))
                .collect();
            assert_eq!(samples.len(), expect.len(), "{} {}", stored.name, track.number());
            for (sample, frame) in samples.iter().zip(&expect) {
                let data = &file[sample.offset as usize..][..sample.size_bytes as usize];
                assert_eq!(data, &frame.data[..], "{}", stored.name);
                assert_eq!(sample.key_frame, frame.key_frame, "{}", stored.name);
                let millis =
                    (sample.pts as f64 * 1000.0 / f64::from(sample.timescale)).round() as i64;
                let off_ms = millis - (frame.timecode_ms + START_MS);
                // Audio follows its samples, not the milliseconds that count them.
                assert!(off_ms.abs() <= if frame.key_frame { 2 } else { 0 }, "{off_ms}");
            }
        }
    }
}

#[test]
fn decode_times_never_fall_and_never_pass_the_presentation() {
    for stored in stored::all() {
        let tracks = sample_tracks(&stored.header.tracks).unwrap();
        for track in &tracks {
            let file = presentation(&stored, std::slice::from_ref(track), START_MS);
            let (_, samples) = samples(&file);
            for pair in samples.windows(2) {
                assert!(pair[0].dts < pair[1].dts, "{} {pair:?}", stored.name);
            }
            assert!(samples.iter().all(|sample| sample.dts <= sample.pts), "{}", stored.name);
        }
    }
}

/// The boxes of a file by another program's reader, which is strict about what it knows.
fn boxes(file: &[u8]) -> Vec<Any> {
    let mut rest = file;
    let mut boxes = Vec::new();
    while let Some(found) = Any::decode_maybe(&mut rest).unwrap() {
        boxes.push(found);
    }
    assert!(rest.is_empty());
    boxes
}

#[test]
fn another_program_reads_the_boxes() {
    for stored in stored::all() {
        let tracks = sample_tracks(&stored.header.tracks).unwrap();
        let [Any::Ftyp(_), Any::Moov(moov)] = &boxes(&fmp4::init_segment(&tracks))[..] else {
            panic!("an init segment of {} has other boxes", stored.name);
        };
        check_movie(moov, &tracks);
        let first = segment(&stored, &tracks, 0, START_MS);
        let [Any::Moof(moof), Any::Mdat(mdat)] = &boxes(&first.to_vec())[..] else {
            panic!("a media segment of {} has other boxes", stored.name);
        };
        assert_eq!(moof.mfhd.sequence_number, 1);
        let size: u64 = first.pieces[1..].iter().map(|piece| piece.len() as u64).sum();
        assert_eq!(mdat.data.len() as u64, size);
        check_fragment(moof, &stored, &tracks);
    }
}

fn check_movie(moov: &Moov, tracks: &[SampleTrack]) {
    assert_eq!(moov.trak.len(), tracks.len());
    assert_eq!(moov.mvex.as_ref().unwrap().trex.len(), tracks.len());
    for (trak, track) in moov.trak.iter().zip(tracks) {
        assert_eq!(trak.tkhd.track_id, track.number());
        assert_eq!(trak.mdia.mdhd.timescale, track.timescale());
        let codec = &trak.mdia.minf.stbl.stsd.codecs[0];
        let name = match codec {
            Codec::Avc1(_) => "avc1",
            Codec::Hvc1(_) => "hvc1",
            Codec::Mp4a(mp4a) => {
                assert_eq!(u32::from(mp4a.audio.sample_rate.integer()), track.timescale());
                "mp4a"
            }
            Codec::Unknown(kind, _) if kind.as_ref() == b"alaw" => "alaw",
            Codec::Unknown(kind, _) if kind.as_ref() == b"ulaw" => "ulaw",
            other => panic!("{other:?}"),
        };
        assert!(track.codec_string().starts_with(name), "{}", track.codec_string());
        let size = codec.visual().map(|visual| (visual.width.into(), visual.height.into()));
        assert_eq!(size, track.size().map(|size| (size.width_pixels, size.height_pixels)));
    }
}

fn check_fragment(moof: &Moof, stored: &Stored, tracks: &[SampleTrack]) {
    for (traf, track) in moof.traf.iter().zip(tracks) {
        assert_eq!(traf.tfhd.track_id, track.number());
        assert!(traf.tfhd.default_base_is_moof);
        let frames = stored.frames(&stored.fragments[0], track.number());
        assert_eq!(traf.trun[0].samples.len(), frames.len());
        let earliest_ms = frames.iter().map(|frame| frame.timecode_ms).min().unwrap();
        let at = traf.tfdt.as_ref().unwrap().base_media_decode_time as f64;
        let at_ms = (at * 1000.0 / f64::from(track.timescale())).round() as i64;
        assert_eq!(at_ms, earliest_ms + START_MS, "{}", stored.name);
    }
}

#[test]
fn durations_fill_the_time_until_the_next_fragment() {
    for stored in stored::all() {
        let tracks = sample_tracks(&stored.header.tracks).unwrap();
        let video = std::slice::from_ref(&tracks[0]);
        for index in 0..stored.fragments.len() {
            let [Any::Moof(moof), _] = &boxes(&segment(&stored, video, index, 0).to_vec())[..]
            else {
                panic!("other boxes");
            };
            let traf = &moof.traf[0];
            let lasts: u64 =
                traf.trun[0].samples.iter().map(|entry| u64::from(entry.duration.unwrap())).sum();
            let end = traf.tfdt.as_ref().unwrap().base_media_decode_time + lasts;
            assert_eq!(end, stored.end_ms(index) as u64 * 90, "{} {index}", stored.name);
        }
    }
}

#[test]
fn the_same_arguments_give_the_same_bytes_and_frame_data_is_not_copied() {
    let stored = &stored::all()[0];
    let tracks = sample_tracks(&stored.header.tracks).unwrap();
    let (once, twice) = (segment(stored, &tracks, 0, 0), segment(stored, &tracks, 0, 0));
    assert_eq!(once, twice);
    assert_eq!(once.size_bytes(), once.to_vec().len() as u64);
    let fragment = stored.fragments[0].bytes.as_ptr_range();
    assert!(once.pieces[1..].iter().all(|piece| fragment.contains(&piece.as_ptr())));
}

/// The decode time, the duration and the sizes of each track's samples in a segment.
fn runs(segment: &Segment) -> Vec<(u64, u64, Vec<u32>)> {
    let [Any::Moof(moof), _] = &boxes(&segment.to_vec())[..] else { panic!("other boxes") };
    let of = |traf: &mp4_atom::Traf| {
        let samples: Vec<_> = traf.trun.iter().flat_map(|trun| &trun.samples).collect();
        let lasts = samples.iter().map(|entry| u64::from(entry.duration.unwrap())).sum();
        let sizes = samples.iter().map(|entry| entry.size.unwrap()).collect();
        (traf.tfdt.as_ref().unwrap().base_media_decode_time, lasts, sizes)
    };
    moof.traf.iter().map(of).collect()
}

#[test]
fn sound_that_does_not_come_is_silence() {
    let stored = &stored::all()[0];
    let mut tracks = stored.header.tracks.clone();
    tracks[1].number = 9;
    let tracks = sample_tracks(&tracks).unwrap();
    let frequency = u64::from(tracks[1].timescale());
    let found = runs(&segment(stored, &tracks, 0, START_MS));
    let (dts, lasts, sizes) = &found[1];
    let fragment_ms = stored.end_ms(0) - stored.fragments[0].timecode_ms;
    assert_eq!(
        *dts,
        ((stored.fragments[0].timecode_ms + START_MS) as u64 * frequency + 500) / 1000
    );
    // Whole frames, as many as fit.
    let frame = 1024 * 1000 / frequency;
    assert!(
        (fragment_ms as u64 - lasts * 1000 / frequency) <= frame,
        "{lasts} of {fragment_ms} ms"
    );
    assert!(sizes.len() > 10 && sizes.iter().all(|&size| size == sizes[0] && size < 10));
}

#[test]
fn a_track_without_frames_that_has_no_silence_says_where_it_stands() {
    let stored = &stored::all()[0];
    let mut tracks = stored.header.tracks.clone();
    tracks[0].number = 9;
    let tracks = sample_tracks(&tracks).unwrap();
    let found = runs(&segment(stored, &tracks, 0, START_MS));
    let start = (stored.fragments[0].timecode_ms + START_MS) as u64 * 90;
    assert_eq!(found[0], (start, 0, Vec::new()));
}

/// The first fragment, with the frame of its video that is `index`-th in it broken.
fn with_broken_frame(stored: &Stored, index: usize) -> Bytes {
    let fragment = &stored.fragments[0];
    let frame = stored.frames(fragment, 1)[index].data.as_ptr() as usize;
    let mut bytes = fragment.bytes.to_vec();
    bytes[frame - fragment.bytes.as_ptr() as usize] = 0x7F; // the first NAL unit's length
    bytes.into()
}

#[test]
fn a_frame_that_cannot_be_read_is_left_out_and_of_a_key_frame_what_needs_it() {
    let stored = &stored::all()[0];
    let tracks = sample_tracks(&stored.header.tracks).unwrap();
    let place = SegmentPlace { sequence_number: 1, start_ms: 0, end_ms: None };
    let count = |bytes| {
        let made = fmp4::media_segment(&tracks, &stored.header, bytes, &place).unwrap();
        runs(&made).iter().map(|(_, _, sizes)| sizes.len()).collect::<Vec<usize>>()
    };
    let whole = count(stored.fragments[0].bytes.clone());
    assert_eq!(count(with_broken_frame(stored, 3)), [whole[0] - 1, whole[1]]);
    assert_eq!(count(with_broken_frame(stored, 0)), [0, whole[1]]);
    let bytes = with_broken_frame(stored, 3);
    let error = fragment_data(&tracks, &stored.header, bytes).unwrap_err();
    assert!(matches!(error, SampleError::InvalidFrame { track_number: 1, .. }), "{error}");
}

#[test]
fn what_cannot_be_given_out_is_refused_by_its_reason() {
    let stored = &stored::all()[0];
    let refused = |change: fn(&mut vigie_media::Track)| {
        let mut track = stored.header.tracks[0].clone();
        change(&mut track);
        SampleTrack::new(&track).unwrap_err()
    };
    let error = refused(|track| track.codec_id = "V_VP9".to_owned());
    assert!(matches!(error, SampleError::UnsupportedCodec { track_number: 1, .. }));
    let error = refused(|track| track.codec_private = Bytes::new());
    assert_eq!(error, SampleError::MissingCodecPrivate { track_number: 1 });
    let error = refused(|track| track.codec_private = Bytes::from_static(&[1, 2, 3]));
    assert!(matches!(error, SampleError::InvalidCodecPrivate { track_number: 1, .. }));
}
