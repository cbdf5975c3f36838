//! MP4 files that were broken off, at every kind of byte: every frame that is whole before the cut comes, and nothing else.

use bytes::Bytes;
use vigie_media::mp4::{Limits, Mp4Error, Mp4Reader, Sample};
use vigie_media::{TrackKind, codec_id};

/// With the index in front: [`faststart`] of it, for these have it behind.
const PROGRESSIVE: [&[u8]; 3] = [
    include_bytes!("../fixtures/h264_aac.mp4"),
    include_bytes!("../fixtures/h264_bframes_aac.mp4"),
    include_bytes!("../fixtures/h264_alaw.mov"),
];
const FRAGMENTED: [&[u8]; 2] = [
    include_bytes!("../fixtures/h264_aac_fragmented.mp4"),
    include_bytes!("../fixtures/h264_bframes_fragmented.mp4"),
];

fn over(file: &[u8]) -> impl FnMut(u64, usize) -> Result<Bytes, String> {
    move |offset, len| {
        let start = usize::try_from(offset).map_err(|_| "offset".to_owned())?;
        let data = file.get(start..).and_then(|rest| rest.get(..len));
        data.map(Bytes::copy_from_slice).ok_or_else(|| format!("read past the end at {offset}"))
    }
}

/// The samples, and whether the file says to be broken off.
fn samples(file: &[u8], zeros_from: usize) -> Result<(Vec<Sample>, bool), Mp4Error<String>> {
    let mut read_at = over(file);
    let mut reader = Mp4Reader::open(file.len() as u64, &mut read_at, Limits::default())?
        .with_zeros_from(zeros_from as u64);
    let mut samples = Vec::new();
    while let Some(sample) = reader.next_sample(&mut read_at)? {
        samples.push(sample);
    }
    Ok((samples, reader.is_broken_off()))
}

/// Where to cut: around every end of a frame and of a box, in every byte of the heads there, and a stride through the rest.
fn cuts(file: &[u8], from: usize, whole: &[Sample]) -> std::collections::BTreeSet<usize> {
    let ends = whole.iter().map(end).chain(boxes(file).into_iter().map(|(_, end, _)| end));
    let around = ends.flat_map(|end| end.saturating_sub(2)..end + 10);
    around
        .chain((from..file.len()).step_by(211))
        .filter(|cut| (from..=file.len()).contains(cut))
        .collect()
}

fn boxes(file: &[u8]) -> Vec<(usize, usize, &[u8])> {
    let mut at = 0;
    let mut found = Vec::new();
    while at + 8 <= file.len() {
        let size = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
        let end = if size == 0 { file.len() } else { at + size };
        found.push((at, end, &file[at + 4..at + 8]));
        at = end;
    }
    found
}

/// The index moved in front of the media, as `-movflags +faststart` does.
fn faststart(file: &[u8]) -> Vec<u8> {
    let all = boxes(file);
    let &(moov_at, moov_end, _) = all.iter().find(|(.., kind)| *kind == b"moov").unwrap();
    let &(mdat_at, ..) = all.iter().find(|(.., kind)| *kind == b"mdat").unwrap();
    if moov_at < mdat_at {
        return file.to_vec();
    }
    let mut moov = file[moov_at..moov_end].to_vec();
    let moved = moov.len() as u32;
    for at in 0..moov.len() - 4 {
        if &moov[at..at + 4] == b"stco" {
            let number = |at: usize| u32::from_be_bytes(moov[at..at + 4].try_into().unwrap());
            for index in 0..number(at + 8) as usize {
                let place = at + 12 + 4 * index;
                let offset = u32::from_be_bytes(moov[place..place + 4].try_into().unwrap());
                moov[place..place + 4].copy_from_slice(&(offset + moved).to_be_bytes());
            }
        }
    }
    [&file[..mdat_at], &moov, &file[mdat_at..moov_at], &file[moov_end..]].concat()
}

fn end(sample: &Sample) -> usize {
    sample.offset as usize + sample.size_bytes as usize
}

/// G.711 comes in frames that are cut anew: a frame's bytes count there, not the frame.
fn is_same(found: &[Sample], expect: &[Sample], is_pcm: bool) -> bool {
    let of = |samples: &[Sample], number| -> Vec<Sample> {
        samples.iter().filter(|sample| sample.track_number == number).copied().collect()
    };
    let sound = |samples: &[Sample]| -> u64 {
        of(samples, 2).iter().map(|sample| u64::from(sample.size_bytes)).sum()
    };
    if is_pcm {
        of(found, 1) == of(expect, 1) && sound(found).abs_diff(sound(expect)) < 320
    } else {
        found == expect
    }
}

#[test]
fn a_file_with_its_index_in_front_gives_every_frame_before_the_cut() {
    for file in PROGRESSIVE {
        let file = faststart(file);
        let (whole, broken_off) = samples(&file, file.len()).unwrap();
        assert!(!broken_off && whole.len() > 50);
        let is_pcm = file.windows(4).any(|kind| kind == b"alaw");
        let media_at = boxes(&file).into_iter().find(|(.., kind)| *kind == b"mdat").unwrap().0;
        for cut in cuts(&file, media_at, &whole) {
            let expect: Vec<Sample> =
                whole.iter().filter(|sample| end(sample) <= cut).copied().collect();
            let (found, broken_off) = samples(&file[..cut], cut).unwrap();
            assert!(is_same(&found, &expect, is_pcm), "cut at {cut}: {} frames", found.len());
            assert_eq!(broken_off, found.len() < whole.len(), "cut at {cut}");
        }
        // Within the index there is nothing to go by.
        for cut in (0..media_at).step_by(97) {
            let said = samples(&file[..cut], cut).unwrap_err();
            assert!(matches!(said, Mp4Error::NoIndex | Mp4Error::NotMp4), "{said:?}");
        }
    }
}

#[test]
fn a_fragmented_file_gives_every_frame_before_the_cut() {
    for file in FRAGMENTED {
        let (whole, broken_off) = samples(file, file.len()).unwrap();
        assert!(!broken_off && whole.len() > 40);
        let all = boxes(file);
        // A frame is found once the moof that describes it is whole: the last one before its data.
        let moof_end = |sample: &Sample| {
            let before =
                all.iter().filter(|(at, _, kind)| *kind == b"moof" && (*at as u64) < sample.offset);
            before.map(|(_, end, _)| *end).max().unwrap_or(0)
        };
        let moov_end = all.iter().find(|(.., kind)| *kind == b"moov").unwrap().1;
        for cut in cuts(file, moov_end, &whole) {
            let is_whole = |sample: &&Sample| end(sample) <= cut && moof_end(sample) <= cut;
            let expect: Vec<Sample> = whole.iter().filter(is_whole).copied().collect();
            let (found, broken_off) = samples(&file[..cut], cut).unwrap();
            assert_eq!(found, expect, "cut at {cut}");
            let at_a_box = cut == file.len() || all.iter().any(|(_, end, _)| *end == cut);
            // Between a box that names frames and the one that holds them, they are missing.
            let names_more = all.iter().any(|(at, _, kind)| *at == cut && *kind == b"mdat");
            assert_eq!(broken_off, !at_a_box || names_more, "cut at {cut}");
        }
    }
}

#[test]
fn zeros_in_place_of_what_was_to_be_written_are_a_cut() {
    let progressive = PROGRESSIVE[..2].iter().map(|file| faststart(file));
    for file in progressive.chain(FRAGMENTED.map(<[u8]>::to_vec)) {
        let (whole, _) = samples(&file, file.len()).unwrap();
        let media_at = boxes(&file).into_iter().find(|(.., kind)| *kind == b"mdat").unwrap().0;
        for cut in (media_at + 8..file.len() - 64).step_by(499) {
            let mut zeroed = file.clone();
            zeroed[cut..].fill(0);
            let zeros_from = zeroed.iter().rposition(|&byte| byte != 0).unwrap() + 1;
            let (found, broken_off) = samples(&zeroed, zeros_from).unwrap();
            // Sound may end in zeros of its own: a frame of it that had begun is kept.
            assert!(broken_off || found.len() == whole.len(), "zeros from {cut}");
            let (expect, _) = samples(&file[..cut], cut).unwrap();
            let pictures = |samples: &[Sample]| -> Vec<Sample> {
                samples.iter().filter(|sample| sample.track_number == 1).copied().collect()
            };
            assert_eq!(pictures(&found), pictures(&expect), "zeros from {cut}");
            assert!(found.len() - expect.len() <= 1, "zeros from {cut}");
        }
    }
}

#[test]
fn what_lies_behind_a_whole_file_does_no_harm() {
    for file in PROGRESSIVE {
        let file = faststart(file);
        let (whole, _) = samples(&file, file.len()).unwrap();
        for tail in [&[0u8; 5000][..], &[0xA5; 5000], b"\0\0\0\x10junk", b"\0\0\x10\0moof", b"x"] {
            let longer = [&file, tail].concat();
            let (found, broken_off) = samples(&longer, longer.len()).unwrap();
            assert!(found == whole && !broken_off, "{:?}", &tail[..tail.len().min(8)]);
        }
    }
}

fn full(kind: &[u8; 4], body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, &body].concat()
}

fn number(value: u32) -> [u8; 4] {
    value.to_be_bytes()
}

fn find<'a>(body: &'a [u8], path: &[&[u8; 4]]) -> &'a [u8] {
    let mut body = body;
    for kind in path {
        let &(at, end, _) = boxes(body).iter().find(|(.., found)| found == kind).unwrap();
        body = &body[at + 8..end];
    }
    body
}

/// One video track, first with the frames and the parameters of one file, then with those of the other.
fn two_descriptions(first: &[u8], second: &[u8], broken_second: bool) -> (Vec<u8>, usize) {
    let frames = |file: &[u8]| -> Vec<Vec<u8>> {
        let (samples, _) = samples(file, file.len()).unwrap();
        let video = samples.iter().filter(|sample| sample.track_number == 1);
        video.map(|sample| file[sample.offset as usize..end(sample)].to_vec()).collect()
    };
    let entry = |file: &[u8]| {
        let stbl = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];
        find(find(file, &stbl), &[b"stsd"])[8..].to_vec()
    };
    let (one, other) = (frames(first), frames(second));
    let mut entries = [entry(first), entry(second)];
    if broken_second {
        entries[1][4..8].copy_from_slice(b"mp4v");
    }
    let all: Vec<&Vec<u8>> = one.iter().chain(&other).collect();
    let count = all.len() as u32;
    let movie = |at: u32| {
        let sizes: Vec<u8> = all.iter().flat_map(|frame| number(frame.len() as u32)).collect();
        let first_bytes: u32 = one.iter().map(|frame| frame.len() as u32).sum();
        let stbl = full(
            b"stbl",
            &[
                &full(b"stsd", &[&number(0), &number(2), &entries.concat()]),
                &full(b"stts", &[&number(0), &number(1), &number(count), &number(512)]),
                &full(
                    b"stsc",
                    &[
                        &number(0),
                        &number(2),
                        &number(1),
                        &number(one.len() as u32),
                        &number(1),
                        &number(2),
                        &number(other.len() as u32),
                        &number(2),
                    ],
                ),
                &full(b"stsz", &[&number(0), &number(0), &number(count), &sizes]),
                &full(b"stco", &[&number(0), &number(2), &number(at), &number(at + first_bytes)]),
            ],
        );
        let mdhd = full(b"mdhd", &[&number(0), &[0; 8], &number(12_800), &number(0), &number(0)]);
        let hdlr = full(b"hdlr", &[&number(0), &number(0), b"vide", &[0; 13]]);
        let mdia = full(b"mdia", &[&mdhd, &hdlr, &full(b"minf", &[&stbl])]);
        let tkhd = full(b"tkhd", &[&number(3), &[0; 8], &number(1), &[0; 68]]);
        full(b"moov", &[&full(b"trak", &[&tkhd, &mdia])])
    };
    let ftyp = full(b"ftyp", &[b"isom", &number(512)]);
    let at = ftyp.len() + movie(0).len() + 8;
    let media: Vec<u8> = all.iter().flat_map(|frame| frame.iter().copied()).collect();
    let file = [ftyp, movie(at as u32), full(b"mdat", &[&media])].concat();
    (file, one.len())
}

#[test]
fn each_frame_has_the_parameters_that_it_was_made_with() {
    let (h264, h265) = (PROGRESSIVE[0], include_bytes!("../fixtures/h265.mp4").as_slice());
    let (file, first) = two_descriptions(h264, h265, false);
    let mut read_at = over(&file);
    let mut reader = Mp4Reader::open(file.len() as u64, &mut read_at, Limits::default()).unwrap();
    assert_eq!(reader.tracks().len(), 1);
    let mut codecs = Vec::new();
    while let Some(sample) = reader.next_sample(&mut read_at).unwrap() {
        let track = reader.description(&sample).unwrap();
        assert_eq!((track.number, track.kind), (1, TrackKind::Video));
        codecs.push(track.codec_id.clone());
    }
    let (one, other) = codecs.split_at(first);
    assert!(one.iter().all(|codec| codec == codec_id::H264) && one.len() > 20);
    assert!(other.iter().all(|codec| codec == codec_id::H265) && other.len() > 20);
}

#[test]
fn frames_of_a_description_that_cannot_be_taken_are_left_out_by_name() {
    let (file, first) = two_descriptions(PROGRESSIVE[0], PROGRESSIVE[1], true);
    let mut read_at = over(&file);
    let reader = Mp4Reader::open(file.len() as u64, &mut read_at, Limits::default()).unwrap();
    let skipped = reader.skipped_tracks();
    assert_eq!((skipped.len(), skipped[0].codec.as_str()), (1, "MPEG-4"));
    assert!(skipped[0].kind == TrackKind::Video && skipped[0].is_other_codec);
    let (found, broken_off) = samples(&file, file.len()).unwrap();
    assert!(found.len() == first && !broken_off);
}

#[test]
fn opus_in_mp4_gets_the_header_that_matroska_wants() {
    let dops = full(b"dOps", &[&[0, 2], &[0x01, 0x38], &number(44_100), &[0xFF, 0xFE], &[0]]);
    let entry = full(b"Opus", &[&[0; 28], &dops]);
    let tables = |kind: &[u8; 4]| full(kind, &[&number(0), &number(0), &number(0)]);
    let stbl = full(
        b"stbl",
        &[
            &full(b"stsd", &[&number(0), &number(1), &entry]),
            &tables(b"stts"),
            &tables(b"stsc"),
            &tables(b"stsz"),
            &tables(b"stco"),
        ],
    );
    let mdhd = full(b"mdhd", &[&number(0), &[0; 8], &number(48_000), &number(0), &number(0)]);
    let hdlr = full(b"hdlr", &[&number(0), &number(0), b"soun", &[0; 13]]);
    let mdia = full(b"mdia", &[&mdhd, &hdlr, &full(b"minf", &[&stbl])]);
    let tkhd = full(b"tkhd", &[&number(3), &[0; 8], &number(1), &[0; 68]]);
    let moov = full(b"moov", &[&full(b"trak", &[&tkhd, &mdia])]);
    let file = [full(b"ftyp", &[b"isom", &number(512)]), moov].concat();
    let reader = Mp4Reader::open(file.len() as u64, &mut over(&file), Limits::default()).unwrap();
    let track = &reader.tracks()[0];
    assert_eq!((track.codec_id.as_str(), track.kind), ("A_OPUS", TrackKind::Audio));
    let head = b"OpusHead\x01\x02\x38\x01\x44\xAC\0\0\xFE\xFF\0";
    assert_eq!(&track.codec_private[..], head);
    let audio = track.audio.unwrap();
    assert_eq!((audio.sampling_frequency_hz, audio.channels), (48_000.0, 2));
}
