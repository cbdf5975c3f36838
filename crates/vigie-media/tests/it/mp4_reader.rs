//! The MP4 reader against ffprobe's own list of packets (fixtures/*.packets.csv), and against hostile files.

use bytes::Bytes;
use proptest::prelude::*;
use vigie_media::codec::{self, nal};
use vigie_media::mp4::{Limits, Mp4Error, Mp4Reader, Sample};
use vigie_media::{TrackKind, codec_id};

macro_rules! fixture {
    ($name:literal, $extension:literal) => {
        (
            $name,
            include_bytes!(concat!("../fixtures/", $name, ".", $extension)).as_slice(),
            include_str!(concat!("../fixtures/", $name, ".packets.csv")),
        )
    };
}

const FILES: [(&str, &[u8], &str); 7] = [
    fixture!("h264_aac", "mp4"),
    fixture!("h264_bframes_aac", "mp4"),
    fixture!("h264_aac_fragmented", "mp4"),
    fixture!("h264_bframes_fragmented", "mp4"),
    fixture!("h265", "mp4"),
    fixture!("h264_alaw", "mov"),
    fixture!("h264_aac_delayed", "mov"),
];

/// A read function over bytes in memory, which fails past their end.
fn over(file: &[u8]) -> impl FnMut(u64, usize) -> Result<Bytes, String> {
    move |offset, len| {
        let start = usize::try_from(offset).map_err(|_| "offset".to_owned())?;
        let data = file.get(start..).and_then(|rest| rest.get(..len));
        data.map(Bytes::copy_from_slice).ok_or_else(|| format!("read past the end at {offset}"))
    }
}

fn open(file: &[u8]) -> Result<Mp4Reader, Mp4Error<String>> {
    Mp4Reader::open(file.len() as u64, &mut over(file), Limits::default())
}

fn samples(reader: &mut Mp4Reader, file: &[u8]) -> Result<Vec<Sample>, Mp4Error<String>> {
    let mut read_at = over(file);
    let mut samples = Vec::new();
    while let Some(sample) = reader.next_sample(&mut read_at)? {
        samples.push(sample);
    }
    Ok(samples)
}

/// One line of ffprobe: stream, pts, dts, size, position, key frame.
type Packet = (usize, i64, i64, u32, u64, bool);

fn packets(csv: &str) -> Vec<Packet> {
    csv.lines()
        .map(|line| {
            let fields: Vec<_> = line.split(',').collect();
            let number = |index: usize| fields[index].parse::<i64>().unwrap();
            let key = fields[5].starts_with('K');
            (number(0) as usize, number(1), number(2), number(3) as u32, number(4) as u64, key)
        })
        .collect()
}

#[test]
fn samples_are_those_that_ffprobe_lists() {
    for (name, file, csv) in FILES {
        let mut reader = open(file).unwrap();
        let found = samples(&mut reader, file).unwrap();
        for (stream, track) in reader.tracks().to_vec().iter().enumerate() {
            let ours: Vec<Packet> = found
                .iter()
                .filter(|sample| sample.track_number == track.number)
                .map(|s| (stream, s.pts, s.dts, s.size_bytes, s.offset, s.key_frame))
                .collect();
            let theirs: Vec<Packet> =
                packets(csv).into_iter().filter(|packet| packet.0 == stream).collect();
            if track.codec_id == codec_id::MS_ACM {
                // Cut differently, but the same bytes from the same time on.
                let bytes = |all: &[Packet]| all.iter().map(|packet| packet.3).sum::<u32>();
                assert_eq!(bytes(&ours), bytes(&theirs), "{name}");
                assert_eq!(ours[0].1, theirs[0].1, "{name}");
            } else {
                assert_eq!(ours, theirs, "{name}");
            }
        }
        assert!(found.len() >= packets(csv).len(), "{name}");
    }
}

#[test]
fn samples_come_in_the_order_of_their_decode_times() {
    for (name, file, _) in FILES {
        let mut reader = open(file).unwrap();
        let found = samples(&mut reader, file).unwrap();
        assert!(found.is_sorted_by_key(Sample::dts_ms), "{name}");
    }
}

#[test]
fn tracks_are_ready_to_be_written_to_matroska() {
    let check = |name: &str, expect: &[(u64, TrackKind, &str)]| {
        let (_, file, _) = FILES.iter().find(|(found, ..)| *found == name).unwrap();
        let reader = open(file).unwrap();
        let tracks: Vec<_> = reader
            .tracks()
            .iter()
            .map(|track| (track.number, track.kind, codec::codec_string(track).unwrap()))
            .collect();
        let expect: Vec<_> =
            expect.iter().map(|&(number, kind, codec)| (number, kind, codec.to_owned())).collect();
        assert_eq!(tracks, expect, "{name}");
        let video = reader.tracks()[0].video.unwrap();
        assert_eq!((video.width_pixels, video.height_pixels), (320, 240), "{name}");
        assert_eq!(reader.skipped_tracks(), []);
    };
    let (video, audio) = (TrackKind::Video, TrackKind::Audio);
    check("h264_aac", &[(1, video, "avc1.64000C"), (2, audio, "mp4a.40.2")]);
    check("h264_aac_delayed", &[(1, video, "avc1.64000C"), (2, audio, "mp4a.40.2")]);
    check("h264_alaw", &[(1, video, "avc1.64000C"), (2, audio, "alaw")]);
    check("h265", &[(1, video, "hvc1.1.6.L60.90")]);
}

#[test]
fn the_data_of_video_samples_are_nal_units_that_fill_them() {
    for (name, file, _) in FILES {
        let mut reader = open(file).unwrap();
        for sample in samples(&mut reader, file).unwrap() {
            if sample.track_number != 1 {
                continue;
            }
            let data = &file[sample.offset as usize..][..sample.size_bytes as usize];
            let units: Result<Vec<_>, _> = nal::length_prefixed(data, 4).collect();
            assert!(!units.unwrap().is_empty(), "{name}");
            let key = match reader.tracks()[0].codec_id.as_str() {
                codec_id::H264 => codec::h264::is_key(data, 4),
                _ => codec::h265::is_key(data, 4),
            };
            assert_eq!(key, sample.key_frame, "{name}");
        }
    }
}

#[test]
fn g711_comes_in_frames_of_twenty_milliseconds() {
    let (_, file, _) = FILES[5];
    let mut reader = open(file).unwrap();
    let found = samples(&mut reader, file).unwrap();
    let audio: Vec<_> = found.iter().filter(|sample| sample.track_number == 2).collect();
    assert!(audio.iter().all(|sample| sample.size_bytes <= 160));
    assert!(audio.windows(2).all(|pair| pair[1].pts == pair[0].pts + i64::from(pair[0].duration)));
    assert_eq!((audio[0].timescale, audio[0].size_bytes, audio[0].duration), (8000, 160, 160));
}

#[test]
fn an_edit_list_delays_a_track_or_cuts_its_start() {
    let first = |index: usize, track: u64| {
        let (_, file, _) = FILES[index];
        let found = samples(&mut open(file).unwrap(), file).unwrap();
        let sample = found.into_iter().find(|sample| sample.track_number == track).unwrap();
        (sample.pts_ms(), sample.dts_ms())
    };
    assert_eq!(first(6, 2), (436, 436)); // Half a second later, with 64 ms of encoder delay.
    assert_eq!(first(6, 1), (0, -134)); // Shown from 0 on, decoded two pictures earlier.
}

#[test]
fn a_file_can_be_walked_again() {
    for (name, file, _) in FILES {
        let mut reader = open(file).unwrap();
        let first = samples(&mut reader, file).unwrap();
        reader.rewind();
        assert_eq!(samples(&mut reader, file).unwrap(), first, "{name}");
    }
}

#[test]
fn what_is_no_usable_file_is_said_plainly() {
    let check = |file: &[u8], expect: &str| {
        assert_eq!(open(file).unwrap_err().to_string(), expect);
    };
    check(b"", "the file is neither MP4 nor MOV");
    check(b"RIFF....AVI LIST", "the file is neither MP4 nor MOV");
    check(
        b"\0\0\0\x10ftypisom\0\0\0\0",
        "the file has no index (moov box); its recording was probably never finished",
    );
    check(
        b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08moov",
        "the file has no H.264, H.265, AAC or G.711 track: it has no tracks",
    );
    let (_, file, _) = FILES[4];
    let unknown: Vec<u8> = replace(file, b"hvc1", b"av01");
    check(
        &unknown,
        "the file has no H.264, H.265, AAC or G.711 track: 'av01' is left out because its codec \
         is not H.264, H.265, AAC or G.711",
    );
}

fn replace(file: &[u8], from: &[u8; 4], to: &[u8; 4]) -> Vec<u8> {
    let mut out = file.to_vec();
    for at in 0..file.len() - 4 {
        if &file[at..at + 4] == from {
            out[at..at + 4].copy_from_slice(to);
        }
    }
    out
}

#[test]
fn a_fragmented_file_that_was_broken_off_gives_what_it_has() {
    let (_, file, csv) = FILES[2];
    let whole = packets(csv).len();
    let cut = &file[..file.len() * 2 / 3];
    let mut reader = open(cut).unwrap();
    let mut read_at = over(cut);
    let mut count = 0;
    let end = loop {
        match reader.next_sample(&mut read_at) {
            Ok(Some(_)) => count += 1,
            other => break other,
        }
    };
    assert!(count > whole / 2 && count < whole, "{count} of {whole}");
    assert!(matches!(end, Ok(None) | Err(Mp4Error::Broken("a sample lies outside the file"))));
}

#[test]
fn errors_of_the_read_function_come_back() {
    let mut failing = |_, _| Err::<Bytes, _>("disk gone");
    let error = Mp4Reader::open(100, &mut failing, Limits::default()).unwrap_err();
    assert_eq!(error, Mp4Error::Read("disk gone"));
    let mut short = |_, _| Ok::<_, String>(Bytes::from_static(b"\0\0"));
    let error = Mp4Reader::open(100, &mut short, Limits::default()).unwrap_err();
    assert_eq!(error, Mp4Error::Broken("the file is shorter than said"));
}

#[test]
fn limits_hold() {
    let (_, file, _) = FILES[2];
    let open = |limits| Mp4Reader::open(file.len() as u64, &mut over(file), limits);
    let index = open(Limits { index_bytes_max: 500, ..Limits::default() });
    assert!(matches!(index, Err(Mp4Error::TooLarge(_))));
    let boxes = open(Limits { boxes_max: 3, ..Limits::default() });
    assert!(matches!(boxes, Err(Mp4Error::TooLarge(_))));
    let mut few = open(Limits { samples_ahead_max: 4, ..Limits::default() }).unwrap();
    let error = samples(&mut few, file).unwrap_err();
    assert_eq!(error, Mp4Error::Broken("a fragment has too many samples"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_files_do_no_harm(
        file in prop::sample::select(FILES.map(|(_, file, _)| file).to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        near_index in any::<bool>(),
    ) {
        let mut mutated = file.to_vec();
        let moov_at = file.windows(4).position(|kind| kind == b"moov").unwrap();
        for (index, byte) in changes {
            // Most of a file is media data, which is never read: hit the index half of the time.
            let span = if near_index { moov_at..file.len().min(moov_at + 3000) } else { 0..file.len() };
            let at = span.start + index.index(span.len());
            mutated[at] = byte;
        }
        if let Ok(mut reader) = open(&mutated) {
            let mut read_at = over(&mutated);
            // A mutated count can make a table of billions of one-byte samples; that is legal, so stop early.
            for _ in 0..10_000 {
                let Ok(Some(sample)) = reader.next_sample(&mut read_at) else { break };
                prop_assert!(sample.offset + u64::from(sample.size_bytes) <= mutated.len() as u64);
            }
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let file = [b"\0\0\0\x08ftyp\0\0\0\0moov".as_slice(), &bytes].concat();
        if let Ok(mut reader) = open(&file) {
            let mut read_at = over(&file);
            for _ in 0..1000 {
                let Ok(Some(_)) = reader.next_sample(&mut read_at) else { break };
            }
        }
    }
}
