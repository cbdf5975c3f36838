//! Finds the index of a file and walks its samples in time order, up to where a file that was broken off ends.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt::Display;

use bytes::Bytes;

use super::boxes::{self, BoxHead, HEAD_BYTES_MAX};
use super::fragment::FragmentState;
use super::movie::{Movie, MovieTrack, SkippedTrack};
use super::table::RawSample;
use crate::{Track, TrackKind};

/// Bounds on what is held in memory of an untrusted file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One `moov` or `moof`, in bytes.
    pub index_bytes_max: usize,
    /// Boxes at the top level of the file.
    pub boxes_max: usize,
    /// Tracks looked at.
    pub tracks_max: usize,
    /// Samples read ahead of the one that is taken (of fragmented files, at least one fragment's).
    pub samples_ahead_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            index_bytes_max: 64 << 20,
            boxes_max: 2_000_000,
            tracks_max: 64,
            samples_ahead_max: 500_000,
        }
    }
}

/// Why a file cannot be read. `E` is the error of the caller's read function.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mp4Error<E: Display> {
    /// The read function failed.
    #[error("cannot read the file: {0}")]
    Read(E),
    /// The file does not begin like MP4 or MOV.
    #[error("the file is neither MP4 nor MOV")]
    NotMp4,
    /// There is no complete `moov` box.
    #[error("the file has no index (moov box); its recording was probably never finished")]
    NoIndex,
    /// No track has a codec that Vigie carries; says why of each.
    #[error("the file has no H.264, H.265, AAC or G.711 track: {}", describe(.0))]
    NoTracks(Vec<SkippedTrack>),
    /// A limit is exceeded.
    #[error("the file's index is too large: {0}")]
    TooLarge(&'static str),
    /// The index contradicts itself or the file.
    #[error("the file's index is broken: {0}")]
    Broken(&'static str),
}

/// One sample: a frame of a track, in the form that Matroska stores too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// [`Track::number`].
    pub track_number: u64,
    /// Where its data begins in the file.
    pub offset: u64,
    /// Length of its data in bytes.
    pub size_bytes: u32,
    /// Which of the track's descriptions it is decoded by: see [`Mp4Reader::description`].
    pub description: u32,
    /// Decode time in units of `timescale`; may be negative where an edit list cuts the start.
    pub dts: i64,
    /// Presentation time in units of `timescale`; may be negative likewise.
    pub pts: i64,
    /// Duration in units of `timescale`.
    pub duration: u32,
    /// Units per second.
    pub timescale: u32,
    /// Whether decoding can start here; always of audio.
    pub key_frame: bool,
}

impl Sample {
    /// Presentation time in milliseconds, rounded down.
    pub fn pts_ms(&self) -> i64 {
        to_ms(self.pts, self.timescale)
    }

    /// Decode time in milliseconds, rounded down.
    pub fn dts_ms(&self) -> i64 {
        to_ms(self.dts, self.timescale)
    }
}

fn to_ms(time: i64, timescale: u32) -> i64 {
    let millis = (i128::from(time) * 1000).div_euclid(i128::from(timescale.max(1)));
    i64::try_from(millis).unwrap_or(if millis < 0 { i64::MIN } else { i64::MAX })
}

/// The samples of a file. Give every call the same `read_at`: it returns exactly the bytes asked for.
///
/// ```no_run
/// # use std::os::unix::fs::FileExt;
/// use vigie_media::mp4::{Limits, Mp4Reader};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (file, size_bytes) = (std::fs::File::open("gate.mp4")?, 0);
/// let mut read_at = |offset: u64, len: usize| {
///     let mut data = vec![0; len];
///     file.read_exact_at(&mut data, offset).map(|()| data.into())
/// };
/// let mut reader = Mp4Reader::open(size_bytes, &mut read_at, Limits::default())?;
/// while let Some(sample) = reader.next_sample(&mut read_at)? {
///     let data = read_at(sample.offset, sample.size_bytes as usize)?;
/// #   drop(data);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Mp4Reader {
    size_bytes: u64,
    /// Nothing but zeros from here to the end.
    zeros_from: u64,
    /// The last box of the file is not whole, or a fragment cannot be read.
    is_torn: bool,
    is_fragmented: bool,
    limits: Limits,
    tracks: Vec<Track>,
    sources: Vec<TrackSource>,
    skipped: Vec<SkippedTrack>,
    /// Offset and size of every `moof`, in file order.
    moofs: Vec<(u64, u64)>,
    next_moof: usize,
    fragments: FragmentState,
}

/// A track and the samples read ahead of it.
#[derive(Clone, Debug)]
struct TrackSource {
    movie: MovieTrack,
    ahead: VecDeque<RawSample>,
    table_ended: bool,
    /// A sample was not whole: the track ends before it.
    is_cut: bool,
}

impl Mp4Reader {
    /// Reads the index of a file of `size_bytes`.
    pub fn open<E: Display>(
        size_bytes: u64,
        read_at: &mut impl FnMut(u64, usize) -> Result<Bytes, E>,
        limits: Limits,
    ) -> Result<Self, Mp4Error<E>> {
        let mut moov = None;
        let mut moofs = Vec::new();
        let mut offset = 0;
        let mut boxes = 0;
        // Of a file that ends in zeros, nothing or a box without a name is left at its end.
        while let Some(head) =
            head_at(offset, size_bytes, read_at)?.filter(|head| head.kind != [0; 4])
        {
            if boxes == 0 && !FIRST_BOXES.contains(&head.kind) {
                return Err(Mp4Error::NotMp4);
            }
            boxes += 1;
            if boxes > limits.boxes_max {
                return Err(Mp4Error::TooLarge("it has too many boxes"));
            }
            let left = size_bytes - offset;
            let box_bytes = head.size_bytes.unwrap_or(left);
            if box_bytes <= left {
                match &head.kind {
                    b"moov" if moov.is_none() => moov = Some((offset, box_bytes)),
                    b"moof" => moofs.push((offset, box_bytes)),
                    _ => {}
                }
            }
            // A last box that is cut (a recording that was broken off) ends the walk.
            offset = offset.saturating_add(box_bytes);
        }
        let is_torn = offset != size_bytes;
        if boxes == 0 {
            return Err(Mp4Error::NotMp4);
        }
        let (moov_offset, moov_bytes) = moov.ok_or(Mp4Error::NoIndex)?;
        let moov = box_body(moov_offset, moov_bytes, read_at, &limits)?;
        let Movie { tracks: movie_tracks, skipped, fragments } =
            Movie::read(&moov, limits.tracks_max);
        if movie_tracks.is_empty() {
            return Err(Mp4Error::NoTracks(skipped));
        }
        Ok(Self {
            size_bytes,
            zeros_from: size_bytes,
            is_torn,
            is_fragmented: !(moofs.is_empty() && fragments.defaults.is_empty()),
            limits,
            tracks: movie_tracks.iter().map(|movie| movie.track.clone()).collect(),
            sources: movie_tracks.into_iter().map(TrackSource::new).collect(),
            skipped,
            moofs,
            next_moof: 0,
            fragments,
        })
    }

    /// The file holds nothing but zeros from `offset` to its end, as one may after a loss of power: what reaches into
    /// them was never written.
    #[must_use]
    pub fn with_zeros_from(mut self, offset: u64) -> Self {
        self.zeros_from = offset.min(self.size_bytes);
        let whole = self.moofs.len();
        self.moofs.retain(|(moof, size)| moof.saturating_add(*size) <= offset);
        self.is_torn |= self.moofs.len() < whole;
        self
    }

    /// The tracks whose samples come, video first, numbered from 1: as the first of their descriptions says that can be
    /// taken.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The track that a sample belongs to, as it is from this sample on: the codec's parameters may change in the
    /// middle of a file.
    pub fn description(&self, sample: &Sample) -> Option<&Track> {
        let of = |source: &&TrackSource| source.movie.track.number == sample.track_number;
        self.sources.iter().find(of)?.movie.description(sample.description)
    }

    /// The tracks that are left out, or parts of one, with the reason.
    pub fn skipped_tracks(&self) -> &[SkippedTrack] {
        &self.skipped
    }

    /// Whether the samples that came, after the last of them, are not all that the file was to hold: it was broken off.
    pub fn is_broken_off(&self) -> bool {
        // The index of a file without fragments names all that there is: what follows in the file does not matter.
        self.is_torn && self.is_fragmented || self.sources.iter().any(|source| source.is_cut)
    }

    /// Starts again with the first sample.
    pub fn rewind(&mut self) {
        self.next_moof = 0;
        self.fragments.rewind();
        for source in &mut self.sources {
            source.movie.table.rewind();
            source.ahead.clear();
            source.table_ended = false;
            source.is_cut = false;
        }
    }

    /// The next sample: of each track in decode order, among the tracks by decode time. G.711 comes in frames of
    /// about 20 ms, because its samples are single bytes. A track ends before its first sample that is not whole.
    pub fn next_sample<E: Display>(
        &mut self,
        read_at: &mut impl FnMut(u64, usize) -> Result<Bytes, E>,
    ) -> Result<Option<Sample>, Mp4Error<E>> {
        loop {
            self.read_ahead(read_at)?;
            let (size_bytes, zeros_from) = (self.size_bytes, self.zeros_from);
            let nonempty = self.sources.iter_mut().filter(|source| !source.ahead.is_empty());
            let Some(source) = nonempty.min_by(|a, b| a.compare_time(b)) else { return Ok(None) };
            let Some(raw) = source.ahead.pop_front() else { return Ok(None) };
            if !source.is_whole(&raw, size_bytes, zeros_from) {
                source.cut();
            } else if source.movie.description(raw.description).is_some() {
                return Ok(Some(source.sample(raw)));
            }
        }
    }

    /// Makes sure that every track that still has samples has one at hand, so that times can be compared.
    fn read_ahead<E: Display>(
        &mut self,
        read_at: &mut impl FnMut(u64, usize) -> Result<Bytes, E>,
    ) -> Result<(), Mp4Error<E>> {
        for source in &mut self.sources {
            source.read_table().map_err(Mp4Error::Broken)?;
        }
        while self.next_moof < self.moofs.len()
            && self.sources.iter().any(|source| source.ahead.is_empty() && !source.is_cut)
            && (self.ahead() == 0 || self.ahead() < self.limits.samples_ahead_max / 2)
        {
            let (offset, size) = self.moofs[self.next_moof];
            self.next_moof += 1;
            let moof = box_body(offset, size, read_at, &self.limits)?;
            let mut left = self.limits.samples_ahead_max;
            let sources = &mut self.sources;
            let taken = self.fragments.read(&moof, offset, |track_id, sample| {
                left = left.checked_sub(1).ok_or("a fragment has too many samples")?;
                let source = sources.iter_mut().find(|source| source.movie.track_id == track_id);
                if let Some(source) = source {
                    source.put(sample);
                }
                Ok(())
            });
            match taken {
                Ok(()) => {}
                Err(reason) if self.next_moof == 1 => return Err(Mp4Error::Broken(reason)),
                // What cannot be read behind good fragments is where the file breaks off.
                Err(_) => {
                    self.is_torn = true;
                    self.next_moof = self.moofs.len();
                }
            }
        }
        Ok(())
    }

    fn ahead(&self) -> usize {
        self.sources.iter().map(|source| source.ahead.len()).sum()
    }
}

impl TrackSource {
    fn new(movie: MovieTrack) -> Self {
        Self { movie, ahead: VecDeque::new(), table_ended: false, is_cut: false }
    }

    /// Whether all of a sample lies in the file. No NAL unit ends in a zero (H.264 and H.265 §7.4.1), so a picture that
    /// reaches into the zeros at the file's end was not written to its end; sound may end in zeros of its own.
    fn is_whole(&self, sample: &RawSample, size_bytes: u64, zeros_from: u64) -> bool {
        let end = sample.offset.saturating_add(u64::from(sample.size_bytes));
        let is_written = match self.movie.track.kind {
            TrackKind::Video => end <= zeros_from,
            _ => sample.offset < zeros_from || sample.size_bytes == 0 || zeros_from == size_bytes,
        };
        end <= size_bytes && is_written
    }

    /// Nothing more comes of the track.
    fn cut(&mut self) {
        self.is_cut = true;
        self.table_ended = true;
        self.ahead.clear();
    }

    /// Has one frame of the sample table at hand, if there is one. A G.711 frame is whole once the next begins.
    fn read_table(&mut self) -> Result<(), &'static str> {
        let wanted = if self.movie.is_pcm() { 2 } else { 1 };
        while self.ahead.len() < wanted && !self.table_ended {
            match self.movie.table.next_sample()? {
                Some(sample) => self.put(sample),
                None => self.table_ended = true,
            }
        }
        Ok(())
    }

    /// Appends a sample, or joins a G.711 sample to the one it follows in the file.
    fn put(&mut self, sample: RawSample) {
        if self.is_cut {
            return;
        }
        let is_pcm = self.movie.is_pcm();
        let frame_duration = self.movie.timescale / 50;
        match self.ahead.back_mut() {
            Some(last)
                if is_pcm
                    && last.size_bytes < PCM_FRAME_BYTES_MAX
                    && last.description == sample.description
                    && last.offset.checked_add(u64::from(last.size_bytes))
                        == Some(sample.offset)
                    && last.duration.saturating_add(sample.duration) <= frame_duration =>
            {
                last.size_bytes = last.size_bytes.saturating_add(sample.size_bytes);
                last.duration += sample.duration;
            }
            _ => self.ahead.push_back(sample),
        }
    }

    fn compare_time(&self, other: &Self) -> Ordering {
        let time = |source: &Self| {
            let dts = source.ahead.front().map_or(i64::MAX, |sample| sample.dts);
            i128::from(dts) + i128::from(source.movie.shift)
        };
        let (mine, theirs) = (u64::from(self.movie.timescale), u64::from(other.movie.timescale));
        (time(self) * i128::from(theirs)).cmp(&(time(other) * i128::from(mine)))
    }

    fn sample(&self, raw: RawSample) -> Sample {
        let movie = &self.movie;
        let dts = raw.dts.saturating_add(movie.shift);
        Sample {
            track_number: movie.track.number,
            offset: raw.offset,
            size_bytes: raw.size_bytes,
            description: raw.description,
            dts,
            pts: dts.saturating_add(raw.composition_offset),
            duration: raw.duration,
            timescale: movie.timescale,
            key_frame: raw.key_frame || movie.track.kind == TrackKind::Audio,
        }
    }
}

/// Keeps a table of nonsense durations from joining samples without end.
const PCM_FRAME_BYTES_MAX: u32 = 1 << 16;

/// What a file of the family begins with.
const FIRST_BOXES: [[u8; 4]; 8] =
    [*b"ftyp", *b"styp", *b"moov", *b"mdat", *b"free", *b"skip", *b"wide", *b"pnot"];

fn describe(skipped: &[SkippedTrack]) -> String {
    match skipped.first() {
        None => "it has no tracks".to_owned(),
        Some(track) => format!("'{}' is left out because {}", track.sample_entry, track.reason),
    }
}

/// The head of the box at `offset`; `None` at the end of the file.
fn head_at<E: Display>(
    offset: u64,
    size_bytes: u64,
    read_at: &mut impl FnMut(u64, usize) -> Result<Bytes, E>,
) -> Result<Option<BoxHead>, Mp4Error<E>> {
    let left = size_bytes.saturating_sub(offset);
    if left < 8 {
        return Ok(None);
    }
    let head = read_exactly(offset, left.min(HEAD_BYTES_MAX as u64) as usize, read_at)?;
    // A head that makes no sense after good boxes is the torn end of the file.
    Ok(boxes::box_head(&head))
}

fn box_body<E: Display>(
    offset: u64,
    size: u64,
    read_at: &mut impl FnMut(u64, usize) -> Result<Bytes, E>,
    limits: &Limits,
) -> Result<Bytes, Mp4Error<E>> {
    let size = usize::try_from(size).ok().filter(|&size| size <= limits.index_bytes_max);
    let size = size.ok_or(Mp4Error::TooLarge("its moov or moof box is too large"))?;
    let whole = read_exactly(offset, size, read_at)?;
    let head =
        boxes::box_head(&whole).ok_or(Mp4Error::Broken("a box changed while it was read"))?;
    Ok(whole.slice(head.head_bytes.min(whole.len())..))
}

fn read_exactly<E: Display>(
    offset: u64,
    len: usize,
    read_at: &mut impl FnMut(u64, usize) -> Result<Bytes, E>,
) -> Result<Bytes, Mp4Error<E>> {
    let data = read_at(offset, len).map_err(Mp4Error::Read)?;
    if data.len() == len {
        Ok(data)
    } else {
        Err(Mp4Error::Broken("the file is shorter than said"))
    }
}
