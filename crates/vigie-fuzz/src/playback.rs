//! What stored fragments are played back as: every frame is in it, and its times are in order.

use bytes::Bytes;
use vigie_media::fmp4::{self, SegmentPlace};
use vigie_media::matroska::{
    DocumentHeader, Event, Fragment, FragmentReader, Limits, fragment_frames,
};
use vigie_media::mp4::{self, Mp4Reader, Mp4Writer};
use vigie_media::sample::SampleTrack;
use vigie_media::{Timestamp, mpeg_ts};

/// The first byte says where the timeline begins; the rest is a document.
pub fn playback(data: &[u8]) {
    let Some((&start, document)) = data.split_first() else { return };
    let mut reader = FragmentReader::new(Limits::FILE);
    reader.push(document);
    reader.finish();
    let (mut header, mut fragments) = (None, Vec::new());
    while let Ok(Some(event)) = reader.next_event() {
        match event {
            Event::Header(found) => header = Some(found),
            Event::FragmentEnd(fragment) => fragments.push(fragment),
            _ => {}
        }
    }
    let Some(header) = header else { return };
    let tracks: Vec<SampleTrack> =
        header.tracks.iter().filter_map(|track| SampleTrack::new(track).ok()).collect();
    for track in &tracks {
        assert!(track.timescale() > 0 && !track.codec_string().is_empty());
        check_file(&header, &fragments, track, i64::from(start) << 34);
    }
    for fragment in &fragments {
        let place = SegmentPlace {
            sequence_number: 1,
            start_ms: i64::from(start) << 34,
            end_ms: (start % 2 == 0).then(|| (i64::from(start) << 34) + fragment.duration_ms),
        };
        for track in &tracks {
            check_segment(&header, fragment, track, &place);
        }
        // Together they may hold what they hold alone, and no less.
        let bytes = fragment.bytes.clone();
        let Ok(segment) = mpeg_ts::segment(&tracks, &header, bytes, &place) else { continue };
        let packets = segment.to_vec();
        assert_eq!(packets.len() % 188, 0);
        assert!(packets.chunks(188).all(|packet| packet[0] == 0x47));
        assert!(fmp4::media_segment(&tracks, &header, fragment.bytes.clone(), &place).is_ok());
    }
}

/// The data of a track's frames, if all can be read.
fn stored(header: &DocumentHeader, fragment: &Fragment, track: &SampleTrack) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    for frame in fragment_frames(header, fragment.bytes.clone()) {
        let frame = frame.ok()?;
        if frame.track_number == u64::from(track.number()) {
            data.extend_from_slice(&frame.data);
        }
    }
    Some(data)
}

fn check_segment(
    header: &DocumentHeader,
    fragment: &Fragment,
    track: &SampleTrack,
    place: &SegmentPlace,
) {
    let alone = std::slice::from_ref(track);
    let Ok(segment) = fmp4::media_segment(alone, header, fragment.bytes.clone(), place) else {
        return;
    };
    let file = [fmp4::init_segment(alone), segment.to_vec()].concat();
    assert_eq!(Some(read_again(&file)), stored(header, fragment, track));
}

fn check_file(header: &DocumentHeader, fragments: &[Fragment], track: &SampleTrack, start_ms: i64) {
    let alone = std::slice::from_ref(track);
    let mut writer = Mp4Writer::new(alone);
    let (mut data, mut expect) = (Vec::new(), Vec::new());
    for fragment in fragments {
        let start = Timestamp::from_millis(start_ms.saturating_add(fragment.timecode_ms));
        let bytes = fragment.bytes.clone();
        if writer.add_fragment(header, bytes.clone(), start, fragment.duration_ms).is_err() {
            continue;
        }
        let Ok(pieces) = mp4::fragment_data(alone, header, bytes) else {
            panic!("what was indexed cannot be read");
        };
        data.extend(pieces.to_vec());
        expect.extend(stored(header, fragment, track).unwrap_or_default());
    }
    let head = writer.finish();
    assert_eq!(head.data_size_bytes, data.len() as u64);
    if !data.is_empty() {
        assert_eq!(read_again(&[&head.bytes[..], &data].concat()), expect);
    }
}

/// The samples of a file with one track, one after another. Their times are in order.
fn read_again(file: &[u8]) -> Vec<u8> {
    let mut read_at = |offset: u64, len: usize| {
        let start = usize::try_from(offset).map_err(|_| "offset")?;
        let data = file.get(start..).and_then(|rest| rest.get(..len));
        data.map(Bytes::copy_from_slice).ok_or("past the end")
    };
    let limits = mp4::Limits::default();
    let mut reader = match Mp4Reader::open(file.len() as u64, &mut read_at, limits) {
        Ok(reader) => reader,
        Err(error) => panic!("our own file cannot be read: {error}"),
    };
    let mut data = Vec::new();
    let mut last_dts = i64::MIN;
    loop {
        match reader.next_sample(&mut read_at) {
            Ok(Some(sample)) => {
                assert!(sample.dts >= last_dts, "times go back: {sample:?}");
                last_dts = sample.dts;
                let start = sample.offset as usize;
                data.extend_from_slice(&file[start..start + sample.size_bytes as usize]);
            }
            Ok(None) => return data,
            Err(error) => panic!("our own file cannot be read: {error}"),
        }
    }
}
