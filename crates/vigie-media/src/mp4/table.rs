//! The sample table of a progressive file, walked without being unfolded: a day of video stays a few megabytes.

use mp4_atom::{
    Atom, Co64, Ctts, CttsEntry, Stco, Stsc, StscEntry, Stss, Stsz, StszSamples, Stts, SttsEntry,
};

use super::boxes;

/// One sample in its track's own time, edit list not yet applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawSample {
    pub(super) offset: u64,
    pub(super) size_bytes: u32,
    /// Which of the track's sample entries, from 0.
    pub(super) description: u32,
    pub(super) dts: i64,
    pub(super) composition_offset: i64,
    pub(super) duration: u32,
    pub(super) key_frame: bool,
}

/// The tables of `stbl` and how far they have been walked.
#[derive(Clone, Debug)]
pub(super) struct SampleTable {
    sizes: StszSamples,
    chunk_offsets: Vec<u64>,
    samples_per_chunk: Vec<StscEntry>,
    durations: Vec<SttsEntry>,
    composition_offsets: Vec<CttsEntry>,
    /// Numbers of key frames, from 1; `None` when every sample is one.
    key_frames: Option<Vec<u32>>,
    at: Position,
}

/// Zero is the start.
#[derive(Clone, Debug, Default)]
struct Position {
    sample: usize,
    next_chunk: usize,
    left_in_chunk: u32,
    offset: u64,
    chunk_entry: usize,
    description: u32,
    dts: i64,
    duration: RunPosition,
    composition_offset: RunPosition,
    key_frame: usize,
}

/// Where in a run-length table.
#[derive(Clone, Debug, Default)]
struct RunPosition {
    entry: usize,
    used: u32,
}

impl SampleTable {
    /// From the body of an `stbl`; the error says what is wrong with it.
    pub(super) fn read(stbl: &[u8]) -> Result<Self, &'static str> {
        let sizes = match boxes::child(stbl, *b"stsz") {
            Some(stsz) => decode::<Stsz>(stsz)?.samples,
            None => return Err("it has no sample sizes (stsz)"),
        };
        let chunk_offsets = match (boxes::child(stbl, *b"stco"), boxes::child(stbl, *b"co64")) {
            (Some(stco), _) => decode::<Stco>(stco)?.entries.into_iter().map(u64::from).collect(),
            (None, Some(co64)) => decode::<Co64>(co64)?.entries,
            (None, None) => return Err("it has no chunk offsets (stco, co64)"),
        };
        let required = |kind, missing| boxes::child(stbl, kind).ok_or(missing);
        let stsc = required(*b"stsc", "it has no samples per chunk (stsc)")?;
        let stts = required(*b"stts", "it has no sample times (stts)")?;
        Ok(Self {
            sizes,
            chunk_offsets,
            samples_per_chunk: decode::<Stsc>(stsc)?.entries,
            durations: decode::<Stts>(stts)?.entries,
            composition_offsets: match boxes::child(stbl, *b"ctts") {
                Some(ctts) => decode::<Ctts>(ctts)?.entries,
                None => Vec::new(),
            },
            key_frames: match boxes::child(stbl, *b"stss") {
                Some(stss) => Some(decode::<Stss>(stss)?.entries),
                None => None,
            },
            at: Position::default(),
        })
    }

    pub(super) fn rewind(&mut self) {
        self.at = Position::default();
    }

    /// The next sample in decode order; the error says what is wrong with the table.
    pub(super) fn next_sample(&mut self) -> Result<Option<RawSample>, &'static str> {
        let at = &mut self.at;
        let size_bytes = match &self.sizes {
            StszSamples::Identical { count, size } => {
                (at.sample < *count as usize).then_some(*size)
            }
            StszSamples::Different { sizes } => sizes.get(at.sample).copied(),
        };
        let Some(size_bytes) = size_bytes else { return Ok(None) };
        while at.left_in_chunk == 0 {
            let Some(&offset) = self.chunk_offsets.get(at.next_chunk) else { return Ok(None) };
            let number = at.next_chunk as u64 + 1;
            let applies = |entry: &StscEntry| u64::from(entry.first_chunk) <= number;
            while self.samples_per_chunk.get(at.chunk_entry + 1).is_some_and(applies) {
                at.chunk_entry += 1;
            }
            let entry = self.samples_per_chunk.get(at.chunk_entry).ok_or("its stsc is empty")?;
            at.description = entry.sample_description_index.saturating_sub(1);
            at.left_in_chunk = entry.samples_per_chunk;
            at.offset = offset;
            at.next_chunk += 1;
        }
        let counted = |entry: &SttsEntry| (entry.sample_count, i64::from(entry.sample_delta));
        let duration = at.duration.step(&self.durations, counted).unwrap_or(0);
        // Version 0 is unsigned by the standard, signed as QuickTime writes it; no real offset needs bit 31.
        let counted =
            |entry: &CttsEntry| (entry.sample_count, i64::from(entry.sample_offset as i32));
        let composition_offset =
            at.composition_offset.step(&self.composition_offsets, counted).unwrap_or(0);
        let sample = RawSample {
            offset: at.offset,
            size_bytes,
            description: at.description,
            dts: at.dts,
            composition_offset,
            duration: duration as u32,
            key_frame: at.take_key_frame(self.key_frames.as_deref()),
        };
        at.sample += 1;
        at.left_in_chunk -= 1;
        at.offset = at.offset.saturating_add(u64::from(size_bytes));
        at.dts = at.dts.saturating_add(duration);
        Ok(Some(sample))
    }
}

impl Position {
    fn take_key_frame(&mut self, key_frames: Option<&[u32]>) -> bool {
        let Some(key_frames) = key_frames else { return true };
        let number = self.sample as u64 + 1;
        while key_frames.get(self.key_frame).is_some_and(|&key| u64::from(key) < number) {
            self.key_frame += 1;
        }
        key_frames.get(self.key_frame).is_some_and(|&key| u64::from(key) == number)
    }
}

impl RunPosition {
    /// The value for the next sample, or `None` after the table's end.
    fn step<T>(&mut self, entries: &[T], counted: impl Fn(&T) -> (u32, i64)) -> Option<i64> {
        loop {
            let (count, value) = counted(entries.get(self.entry)?);
            if self.used < count {
                self.used += 1;
                return Some(value);
            }
            self.entry += 1;
            self.used = 0;
        }
    }
}

/// Decodes a box body; what follows the table is padding.
fn decode<T: Atom>(body: &[u8]) -> Result<T, &'static str> {
    T::decode_body(&mut &body[..]).map_err(|_| "its sample table cannot be read")
}
