//! Stored fragments: of the captures, of a Matroska file, and of MP4 files brought into Matroska.

use std::sync::Arc;

use bytes::Bytes;
use vigie_media::matroska::{
    DocumentHeader, Fragment, FragmentFrame, Limits, fragment_frames, writer,
};
use vigie_media::mp4::{self, Mp4Reader, Sample};
use vigie_media::{Timestamp, TrackKind};

use super::{Read, read_pieces};

/// Fragments with the header that they share.
pub(crate) struct Stored {
    pub(crate) name: &'static str,
    pub(crate) header: Arc<DocumentHeader>,
    pub(crate) fragments: Vec<Fragment>,
}

/// Every combination of codecs, with B-frames and without.
pub(crate) fn all() -> Vec<Stored> {
    macro_rules! file {
        ($name:literal) => {
            ($name, include_bytes!(concat!("../../fixtures/", $name)).as_slice())
        };
    }
    let mut all: Vec<Stored> = [file!("kvssink_http.mkv"), file!("h264_bframes_mulaw.mkv")]
        .map(|(name, file)| stored(name, &read_pieces([file], Limits::FILE)))
        .into();
    let files = [
        file!("h264_aac.mp4"),
        file!("h264_bframes_aac.mp4"),
        file!("h264_bframes_fragmented.mp4"),
        file!("h265.mp4"),
        file!("h264_alaw.mov"),
    ];
    all.extend(files.map(|(name, file)| stored(name, &brought_into_matroska(file))));
    all
}

fn stored(name: &'static str, read: &Read) -> Stored {
    assert_eq!(read.error, None, "{name}");
    let fragments = read.fragments().into_iter().cloned().collect();
    Stored { name, header: read.header(), fragments }
}

impl Stored {
    /// The frames of a fragment that belong to a track.
    pub(crate) fn frames(&self, fragment: &Fragment, track_number: u32) -> Vec<FragmentFrame> {
        fragment_frames(&self.header, fragment.bytes.clone())
            .map(Result::unwrap)
            .filter(|frame| frame.track_number == u64::from(track_number))
            .collect()
    }

    /// Where a fragment ends: where the next one begins, or by its own duration.
    pub(crate) fn end_ms(&self, index: usize) -> i64 {
        let fragment = &self.fragments[index];
        let own = fragment.timecode_ms + fragment.duration_ms;
        self.fragments.get(index + 1).map_or(own, |next| next.timecode_ms)
    }
}

/// A fragment begins with each key frame of the video.
fn brought_into_matroska(file: &[u8]) -> Read {
    let mut read_at = |offset: u64, len: usize| {
        let start = offset as usize;
        file.get(start..start + len).map(Bytes::copy_from_slice).ok_or("past the end")
    };
    let mut reader =
        Mp4Reader::open(file.len() as u64, &mut read_at, mp4::Limits::default()).unwrap();
    let mut document = writer::document_header(reader.tracks());
    let mut samples: Vec<Sample> = Vec::new();
    while let Some(sample) = reader.next_sample(&mut read_at).unwrap() {
        samples.push(sample);
    }
    let is_video = |number: u64| {
        let track = reader.tracks().iter().find(|track| track.number == number).unwrap();
        track.kind == TrackKind::Video
    };
    let starts = |sample: &&Sample| is_video(sample.track_number) && sample.key_frame;
    let starts: Vec<i64> = samples.iter().filter(starts).map(Sample::pts_ms).collect();
    for (index, &start_ms) in starts.iter().enumerate() {
        let until_ms = starts.get(index + 1).copied().unwrap_or(i64::MAX);
        document.extend(writer::cluster_start(Timestamp::from_millis(start_ms)));
        let from_ms = if index == 0 { i64::MIN } else { start_ms };
        let within = |sample: &&Sample| (from_ms..until_ms).contains(&sample.pts_ms());
        for sample in samples.iter().filter(within) {
            let relative_ms = i16::try_from(sample.pts_ms() - start_ms).unwrap();
            let size = sample.size_bytes as usize;
            document.extend_from_slice(&writer::simple_block_header(
                sample.track_number,
                relative_ms,
                sample.key_frame,
                size,
            ));
            document.extend(read_at(sample.offset, size).unwrap());
        }
    }
    read_pieces([&document[..]], Limits::FILE)
}
