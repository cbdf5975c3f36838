//! Writes stored fragments as a progressive MP4 whose index comes first, so that a player can begin while it loads.
//!
//! In two passes, so that no media is held in memory: every fragment is shown once for the index
//! ([`Mp4Writer::add_fragment`]), and once more for its data ([`fragment_data`]), which follows the head in the same
//! order. The size of the file is known before its first byte is sent.
//!
//! Times are the fragments' own: a gap stays a gap, in which the last picture stands. A fragment that would begin
//! before the one ahead of it has ended, in any track, is moved to its end as a whole; pictures and sound stay together.

use bytes::Bytes;

use super::write::{Edit, MOVIE_TIMESCALE, MovieTrack, full_box, movie, plain_box};
use crate::fmp4::Segment;
use crate::matroska::DocumentHeader;
use crate::sample::timing::{DecodeTimes, TimedSample};
use crate::sample::{SampleError, SampleTrack, TrackSamples, Unreadable, fragment_samples};
use crate::{Timestamp, TrackKind};

/// A longer gap becomes this long: the duration of one sample has 32 bits, of 90,000 units a second.
const GAP_HOURS_MAX: i64 = 12;
/// Seconds from 1904, where MP4 counts from, to 1970.
const EPOCH_OF_MP4_S: u64 = 2_082_844_800;

/// What comes before the media data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mp4Head {
    /// `ftyp`, `moov` and the head of `mdat`.
    pub bytes: Bytes,
    /// Length of the media data.
    pub data_size_bytes: u64,
}

impl Mp4Head {
    /// Length of the whole file.
    pub fn file_size_bytes(&self) -> u64 {
        self.bytes.len() as u64 + self.data_size_bytes
    }
}

#[derive(Debug)]
pub struct Mp4Writer<'a> {
    tables: Vec<SampleTable<'a>>,
    data_size_bytes: u64,
    /// Where the fragment before this one ended, if there was one.
    end_ms: Option<i64>,
    begins_at: Option<Timestamp>,
}

/// The samples of one track. Times are those of the fragments, in units of the track's timescale.
#[derive(Debug)]
struct SampleTable<'a> {
    track: &'a SampleTrack,
    first_dts: Option<u64>,
    last_dts: u64,
    /// Of the last sample, which lasts until the next one after all if there is one.
    last_duration: u32,
    sizes: Vec<u32>,
    /// Runs of samples of one duration, without the last sample.
    durations: Vec<(u32, u32)>,
    /// Runs of samples of one composition offset.
    offsets: Vec<(u32, i32)>,
    /// Numbers of the sync samples, from 1.
    sync: Vec<u32>,
    /// Where the samples of each fragment begin in the data, and how many they are.
    chunks: Vec<(u64, u32)>,
}

impl<'a> Mp4Writer<'a> {
    /// A file of these tracks, in this order.
    pub fn new(tracks: &'a [SampleTrack]) -> Self {
        let tables = tracks.iter().map(SampleTable::new).collect();
        Self { tables, data_size_bytes: 0, end_ms: None, begins_at: None }
    }

    /// Adds the frames of the next fragment (its Cluster and the Tags after it). `start` is when its Cluster's
    /// timestamp is, `duration_ms` how long its media lasts. Returns the length of its data in the file. One that is refused
    /// leaves the file as it was, unless it is refused for being too large.
    pub fn add_fragment(
        &mut self,
        header: &DocumentHeader,
        fragment: Bytes,
        start: Timestamp,
        duration_ms: i64,
    ) -> Result<u64, SampleError> {
        let samples = fragment_samples(
            self.tables.iter().map(|table| table.track),
            header,
            fragment,
            Unreadable::Refused,
        )?;
        let longest_gap = Timestamp::from_millis(self.end_ms.unwrap_or(i64::MAX))
            .plus_millis(GAP_HOURS_MAX * 60 * 60 * 1000);
        let mut start_ms = start.min(longest_gap).as_millis();
        let late_ms = self.overlap_ms(&samples, start_ms);
        start_ms = start_ms.saturating_add(late_ms);
        let end_ms = start_ms.saturating_add(duration_ms);
        let begins_bytes = self.data_size_bytes;
        for (table, samples) in self.tables.iter_mut().zip(&samples) {
            let timed = samples.timed(DecodeTimes::Sorted, start_ms, Some(end_ms));
            let offset = self.data_size_bytes;
            self.data_size_bytes += table.add(&timed, offset)?;
        }
        self.end_ms = Some(end_ms);
        self.begins_at.get_or_insert(start);
        Ok(self.data_size_bytes - begins_bytes)
    }

    /// By how much a fragment at `start_ms` has to be moved so that no track goes back in time.
    fn overlap_ms(&self, samples: &[TrackSamples<'_>], start_ms: i64) -> i64 {
        let overlap = |(table, samples): (&SampleTable<'_>, &TrackSamples<'_>)| {
            table.first_dts?;
            let first = samples.timed(DecodeTimes::Sorted, start_ms, None).first()?.dts;
            let end = table.last_dts.saturating_add(table.last_duration.into());
            let late = end.saturating_sub(first).saturating_mul(1000);
            let millis = late.div_ceil(table.track.timescale().max(1).into());
            (first <= table.last_dts).then(|| i64::try_from(millis).unwrap_or(i64::MAX))
        };
        self.tables.iter().zip(samples).filter_map(overlap).max().unwrap_or(0)
    }

    /// The head of the file.
    pub fn finish(self) -> Mp4Head {
        let tables: Vec<_> =
            self.tables.into_iter().filter(|table| table.first_dts.is_some()).collect();
        let created_at = self.begins_at.and_then(|at| u64::try_from(at.as_millis() / 1000).ok());
        let created_at = created_at.map_or(0, |seconds| seconds.saturating_add(EPOCH_OF_MP4_S));
        let mut head = Vec::new();
        plain_box(&mut head, *b"ftyp", |out| {
            out.extend_from_slice(b"isom\0\0\x02\0isomiso2mp41");
        });
        // The offsets in the index count from the start of the file: they depend on its own length, which in turn
        // depends only on how many bytes an offset takes.
        let mdat_head = mdat_head(self.data_size_bytes);
        let index_begins = head.len();
        let mut try_with = |data_offset, is_large| {
            head.truncate(index_begins);
            index(&mut head, &tables, data_offset, is_large, created_at);
            (head.len() + mdat_head.len()) as u64
        };
        let largest_head = try_with(0, true);
        let is_large = self.data_size_bytes + largest_head > u64::from(u32::MAX);
        let data_offset = try_with(0, is_large);
        try_with(data_offset, is_large);
        head.extend(mdat_head);
        Mp4Head { bytes: head.into(), data_size_bytes: self.data_size_bytes }
    }
}

/// The data of a fragment that was given to [`Mp4Writer::add_fragment`], as it stands in the file.
pub fn fragment_data(
    tracks: &[SampleTrack],
    header: &DocumentHeader,
    fragment: Bytes,
) -> Result<Segment, SampleError> {
    let samples = fragment_samples(tracks, header, fragment, Unreadable::Refused)?;
    let data = |of: TrackSamples<'_>| of.samples.into_iter().map(|sample| sample.data);
    Ok(Segment { pieces: samples.into_iter().flat_map(data).collect() })
}

fn mdat_head(data_size_bytes: u64) -> Vec<u8> {
    let mut out = Vec::new();
    match u32::try_from(data_size_bytes + 8) {
        Ok(size) => {
            out.extend_from_slice(&size.to_be_bytes());
            out.extend_from_slice(b"mdat");
        }
        Err(_) => {
            out.extend_from_slice(&1u32.to_be_bytes());
            out.extend_from_slice(b"mdat");
            out.extend_from_slice(&(data_size_bytes + 16).to_be_bytes());
        }
    }
    out
}

/// Writes the `moov` box; `data_offset` is where the data begins in the file.
fn index(
    out: &mut Vec<u8>,
    tables: &[SampleTable<'_>],
    data_offset: u64,
    is_large: bool,
    created_at: u64,
) {
    let starts = || tables.iter().filter_map(SampleTable::start_ms);
    let origin_ms = starts().min().unwrap_or(0);
    let tracks: Vec<MovieTrack<'_>> = tables
        .iter()
        .map(|table| {
            let delay = table.start_ms().map_or(0, |start_ms| start_ms.saturating_sub(origin_ms));
            let media_start = table.composition_shift();
            let lasts = table.media_duration().saturating_mul(MOVIE_TIMESCALE.into());
            let lasts = lasts.div_ceil(table.track.timescale().max(1).into());
            MovieTrack {
                track: table.track,
                duration: delay.saturating_add(lasts),
                media_duration: table.media_duration(),
                edit: (delay > 0 || media_start > 0).then_some(Edit { delay, media_start }),
                sample_table: Box::new(move |out| table.boxes(out, data_offset, is_large)),
            }
        })
        .collect();
    movie(out, &tracks, created_at, |_| {});
}

impl<'a> SampleTable<'a> {
    fn new(track: &'a SampleTrack) -> Self {
        Self {
            track,
            first_dts: None,
            last_dts: 0,
            last_duration: 0,
            sizes: Vec::new(),
            durations: Vec::new(),
            offsets: Vec::new(),
            sync: Vec::new(),
            chunks: Vec::new(),
        }
    }

    /// Adds the samples of a fragment, whose data stands at `offset`; returns its length.
    fn add(&mut self, timed: &[TimedSample], offset: u64) -> Result<u64, SampleError> {
        const TOO_MANY: SampleError =
            SampleError::TooLarge("the range has too many frames for one file");
        let mut size_bytes = 0;
        for sample in timed {
            match self.first_dts {
                None => self.first_dts = Some(sample.dts),
                Some(_) => {
                    let lasts = sample.dts.saturating_sub(self.last_dts);
                    count(&mut self.durations, u32::try_from(lasts).unwrap_or(u32::MAX));
                }
            }
            self.last_dts = sample.dts;
            self.last_duration = sample.duration;
            let size = u32::try_from(sample.data.len());
            self.sizes.push(size.map_err(|_| TOO_MANY)?);
            size_bytes += sample.data.len() as u64;
            count(&mut self.offsets, sample.composition_offset);
            let number = u32::try_from(self.sizes.len()).map_err(|_| TOO_MANY)?;
            if sample.key_frame {
                self.sync.push(number);
            }
        }
        if !timed.is_empty() {
            self.chunks.push((offset, timed.len() as u32));
        }
        Ok(size_bytes)
    }

    /// When the first sample is, in milliseconds on the fragments' own timeline.
    fn start_ms(&self) -> Option<u64> {
        let millis = u128::from(self.first_dts?) * 1000 / u128::from(self.track.timescale().max(1));
        u64::try_from(millis).ok()
    }

    fn media_duration(&self) -> u64 {
        let first = self.first_dts.unwrap_or(self.last_dts);
        self.last_dts.saturating_sub(first).saturating_add(self.last_duration.into())
    }

    /// What is added to all composition offsets so that none is negative; the edit list takes it off again.
    fn composition_shift(&self) -> u64 {
        let least = self.offsets.iter().map(|(_, offset)| *offset).min().unwrap_or(0);
        u64::from(least.min(0).unsigned_abs())
    }

    /// Writes the boxes of `stbl` after `stsd`.
    fn boxes(&self, out: &mut Vec<u8>, data_offset: u64, is_large: bool) {
        let (last, before) = match self.durations.split_last() {
            Some((&(count, duration), before)) if duration == self.last_duration => {
                ((count.saturating_add(1), duration), before)
            }
            _ => ((1, self.last_duration), self.durations.as_slice()),
        };
        let runs = before.iter().copied().chain([last]);
        let runs = runs.map(|(count, duration)| [count, duration]);
        table(out, *b"stts", before.len() + 1, runs);
        let shift = i64::try_from(self.composition_shift()).unwrap_or(0);
        if self.offsets.iter().any(|(_, offset)| *offset != 0) {
            let shifted =
                |offset: i32| u32::try_from(i64::from(offset) + shift).unwrap_or(u32::MAX);
            let runs = self.offsets.iter().map(|(count, offset)| [*count, shifted(*offset)]);
            table(out, *b"ctts", self.offsets.len(), runs);
        }
        if self.track.kind() == TrackKind::Video && self.sync.len() != self.sizes.len() {
            table(out, *b"stss", self.sync.len(), self.sync.iter().map(|number| [*number]));
        }
        let chunk_runs = self.chunk_runs();
        table(out, *b"stsc", chunk_runs.len(), chunk_runs.into_iter());
        full_box(out, *b"stsz", 0, 0, |out| {
            out.extend_from_slice(&[0; 4]); // of different sizes
            out.extend_from_slice(&(self.sizes.len() as u32).to_be_bytes());
            self.sizes.iter().for_each(|size| out.extend_from_slice(&size.to_be_bytes()));
        });
        let offsets = self.chunks.iter().map(|(offset, _)| data_offset + offset);
        full_box(out, if is_large { *b"co64" } else { *b"stco" }, 0, 0, |out| {
            out.extend_from_slice(&(self.chunks.len() as u32).to_be_bytes());
            for offset in offsets {
                match is_large {
                    true => out.extend_from_slice(&offset.to_be_bytes()),
                    false => out.extend_from_slice(&(offset as u32).to_be_bytes()),
                }
            }
        });
    }

    /// First chunk, samples in each chunk, sample description, of each run of chunks alike.
    fn chunk_runs(&self) -> Vec<[u32; 3]> {
        let mut runs = Vec::new();
        let mut last = None;
        for (number, (_, count)) in (1u32..).zip(&self.chunks) {
            if last != Some(*count) {
                runs.push([number, *count, 1]);
                last = Some(*count);
            }
        }
        runs
    }
}

/// Adds one to the last run, or begins another.
fn count<T: PartialEq>(runs: &mut Vec<(u32, T)>, value: T) {
    match runs.last_mut() {
        Some((count, of)) if *of == value => *count = count.saturating_add(1),
        _ => runs.push((1, value)),
    }
}

/// A box of entries of so many numbers each.
fn table<const N: usize>(
    out: &mut Vec<u8>,
    kind: [u8; 4],
    entry_count: usize,
    entries: impl Iterator<Item = [u32; N]>,
) {
    full_box(out, kind, 0, 0, |out| {
        out.extend_from_slice(&(entry_count as u32).to_be_bytes());
        entries.flatten().for_each(|value| out.extend_from_slice(&value.to_be_bytes()));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::g711::{self, Law};
    use crate::matroska::{Limits, writer};
    use crate::mp4::boxes;

    #[test]
    fn beyond_four_gibibytes_offsets_and_sizes_have_64_bits() {
        let track = g711::track(1, "", Law::A, 8000, 1);
        let header = writer::document_header(std::slice::from_ref(&track));
        let header = DocumentHeader::parse(&header, Limits::KVS).unwrap();
        let tracks = [SampleTrack::new(&track).unwrap()];
        let mut fragment = writer::cluster_start(Timestamp::EPOCH).to_vec();
        fragment.extend_from_slice(&writer::simple_block_header(1, 0, true, 2));
        fragment.extend([7, 7]);
        let add = |writer: &mut Mp4Writer<'_>| {
            let bytes = Bytes::from(fragment.clone());
            writer.add_fragment(&header, bytes, Timestamp::EPOCH, 0).unwrap();
        };
        let chunks = |head: &Mp4Head, kind| {
            let ftyp_bytes = 28;
            let moov = boxes::child(&head.bytes[ftyp_bytes..], *b"moov").unwrap();
            let path = [*b"trak", *b"mdia", *b"minf", *b"stbl", kind];
            boxes::descendant(moov, &path).map(<[u8]>::to_vec)
        };

        let mut writer = Mp4Writer::new(&tracks);
        add(&mut writer);
        let head = writer.finish();
        let offset = (head.bytes.len() as u32).to_be_bytes();
        assert_eq!(chunks(&head, *b"stco").unwrap()[8..], offset);
        assert_eq!(head.bytes[head.bytes.len() - 8..], [0, 0, 0, 10, b'm', b'd', b'a', b't']);

        let mut writer = Mp4Writer::new(&tracks);
        add(&mut writer);
        writer.data_size_bytes = 5 << 30; // as if much had come between
        add(&mut writer);
        let head = writer.finish();
        assert_eq!(chunks(&head, *b"stco"), None);
        let start = head.bytes.len() as u64;
        let expect = [start.to_be_bytes(), (start + (5 << 30)).to_be_bytes()].concat();
        assert_eq!(chunks(&head, *b"co64").unwrap()[8..], expect);
        let size = (5u64 << 30) + 2 + 16;
        assert_eq!(head.bytes[head.bytes.len() - 16..][..8], *b"\0\0\0\x01mdat");
        assert_eq!(head.bytes[head.bytes.len() - 8..], size.to_be_bytes());
    }
}
