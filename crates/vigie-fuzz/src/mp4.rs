//! The MP4 reader: samples lie inside the file, and a second reading gives the same ones.

use bytes::Bytes;
use vigie_media::mp4::{Limits, Mp4Reader, Sample};

/// A small file can claim a great many samples; this many are looked at.
const SAMPLES_MAX: usize = 2_000;
const LIMITS: Limits = Limits {
    index_bytes_max: 1 << 20,
    boxes_max: 10_000,
    tracks_max: 16,
    samples_ahead_max: 5_000,
};

/// The bytes are a file.
pub fn mp4(data: &[u8]) {
    let mut read_at = |offset: u64, len: usize| {
        let start = usize::try_from(offset).map_err(|_| "the offset is too large")?;
        let found = data.get(start..).and_then(|rest| rest.get(..len));
        found.map(Bytes::copy_from_slice).ok_or("read past the end")
    };
    let Ok(mut reader) = Mp4Reader::open(data.len() as u64, &mut read_at, LIMITS) else { return };
    assert!(!reader.tracks().is_empty() && reader.tracks().len() <= LIMITS.tracks_max);
    let mut samples = |reader: &mut Mp4Reader| -> Vec<Sample> {
        let mut samples = Vec::new();
        while let Ok(Some(sample)) = reader.next_sample(&mut read_at)
            && samples.len() < SAMPLES_MAX
        {
            samples.push(sample);
        }
        samples
    };
    let first = samples(&mut reader);
    for sample in &first {
        let end = sample.offset.checked_add(u64::from(sample.size_bytes));
        assert!(end.is_some_and(|end| end <= data.len() as u64), "{sample:?}");
        let known = reader.tracks().iter().any(|track| track.number == sample.track_number);
        assert!(known && sample.timescale > 0, "{sample:?}");
        assert!(reader.description(sample).is_some(), "{sample:?} without a description");
        assert!(sample.pts_ms() <= i64::MAX / 2 || sample.pts > 0, "{sample:?}");
    }
    reader.rewind();
    assert_eq!(samples(&mut reader), first);
}
