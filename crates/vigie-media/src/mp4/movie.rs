//! The `moov` box: the tracks that can be taken, each with its sample table.

use mp4_atom::{Atom, Elst, Mdhd, Mvhd, Tkhd, Trex};

use super::boxes;
use super::fragment::FragmentState;
use super::sample_entry::{self, Unsupported};
use super::table::SampleTable;
use crate::{Track, TrackKind, codec_id};

/// A track that cannot be taken, for a message to whoever chose the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedTrack {
    /// `track_ID`; 0 when that cannot be read.
    pub track_id: u32,
    /// Name of its sample entry, such as `mp4v` or `tmcd`.
    pub sample_entry: String,
    /// What its media is.
    pub kind: TrackKind,
    /// What people call its codec, such as `ac-3` or `MJPEG`; the file's own word where there is no common one.
    pub codec: String,
    /// Whether the codec is none that is carried; else it is this track that cannot be read.
    pub is_other_codec: bool,
    /// Why, a phrase that begins with "its" or "it".
    pub reason: &'static str,
}

/// A track that can be taken.
#[derive(Clone, Debug)]
pub(super) struct MovieTrack {
    pub(super) track_id: u32,
    /// Of the first sample entry that can be taken.
    pub(super) track: Track,
    /// Of each sample entry; `None` where it cannot be taken.
    pub(super) descriptions: Vec<Option<Track>>,
    pub(super) timescale: u32,
    /// Added to every time of the track: the start of its edit list.
    pub(super) shift: i64,
    pub(super) table: SampleTable,
}

/// What a `moov` says.
#[derive(Debug, Default)]
pub(super) struct Movie {
    /// Video before audio, numbered from 1, as KVS numbers them.
    pub(super) tracks: Vec<MovieTrack>,
    pub(super) skipped: Vec<SkippedTrack>,
    pub(super) fragments: FragmentState,
}

const UNREADABLE: &str = "its track boxes cannot be read";

impl Movie {
    /// From the body of a `moov`, of which at most `tracks_max` tracks are looked at.
    pub(super) fn read(moov: &[u8], tracks_max: usize) -> Self {
        let mut movie = Self::default();
        let mvhd = boxes::child(moov, *b"mvhd").and_then(decode::<Mvhd>);
        let movie_timescale = mvhd.map_or(1000, |mvhd| mvhd.timescale.max(1));
        let traks = boxes::children(moov).filter(|(kind, _)| kind == b"trak");
        for (_, trak) in traks.take(tracks_max) {
            let tkhd = boxes::child(trak, *b"tkhd").and_then(decode::<Tkhd>);
            let track_id = tkhd.map_or(0, |tkhd| tkhd.track_id);
            let (track, unsupported) = read_trak(trak, track_id, movie_timescale);
            movie.tracks.extend(track);
            let kind = handler_kind(trak);
            movie.skipped.extend(unsupported.into_iter().map(|unsupported| SkippedTrack {
                track_id,
                sample_entry: String::from_utf8_lossy(&unsupported.kind).into_owned(),
                kind,
                codec: unsupported.codec,
                is_other_codec: unsupported.is_other_codec,
                reason: unsupported.reason,
            }));
        }
        movie.tracks.sort_by_key(|track| track.track.kind != TrackKind::Video);
        for (number, track) in (1..).zip(&mut movie.tracks) {
            track.track.number = number;
            for description in track.descriptions.iter_mut().flatten() {
                description.number = number;
            }
        }
        let mvex = boxes::child(moov, *b"mvex").unwrap_or_default();
        for (_, trex) in boxes::children(mvex).filter(|(kind, _)| kind == b"trex") {
            if let Some(trex) = decode::<Trex>(trex) {
                movie.fragments.defaults.insert(trex.track_id, trex);
            }
        }
        movie
    }
}

/// The track, if it can be taken, and what of it cannot.
fn read_trak(
    trak: &[u8],
    track_id: u32,
    movie_timescale: u32,
) -> (Option<MovieTrack>, Vec<Unsupported>) {
    let mut unsupported = Vec::new();
    match read_track(trak, track_id, movie_timescale, &mut unsupported) {
        Ok(track) => (track, unsupported),
        Err(reason) => (None, vec![reason]),
    }
}

/// What its `hdlr` says that the media is.
fn handler_kind(trak: &[u8]) -> TrackKind {
    match boxes::descendant(trak, &[*b"mdia", *b"hdlr"]).and_then(|hdlr| hdlr.get(8..12)) {
        Some(b"vide") => TrackKind::Video,
        Some(b"soun") => TrackKind::Audio,
        _ => TrackKind::Other(0),
    }
}

fn read_track(
    trak: &[u8],
    track_id: u32,
    movie_timescale: u32,
    left_out: &mut Vec<Unsupported>,
) -> Result<Option<MovieTrack>, Unsupported> {
    let unsupported = Unsupported::new;
    let mdia = boxes::child(trak, *b"mdia").ok_or(unsupported(*b"trak", UNREADABLE))?;
    let stbl = boxes::descendant(mdia, &[*b"minf", *b"stbl"]);
    let stbl = stbl.ok_or(unsupported(*b"mdia", UNREADABLE))?;
    let stsd = boxes::child(stbl, *b"stsd").ok_or(unsupported(*b"stbl", UNREADABLE))?;
    let entries = sample_entry::read(stsd);
    if entries.is_empty() {
        return Err(unsupported(*b"stsd", "it has no sample entry"));
    }
    let take = |entry: Result<Track, Unsupported>| match entry {
        Ok(track) => Some(track),
        Err(reason) => {
            left_out.push(reason);
            None
        }
    };
    let descriptions: Vec<Option<Track>> = entries.into_iter().map(take).collect();
    let Some(track) = descriptions.iter().flatten().next().cloned() else { return Ok(None) };
    let kind = *stsd.get(12..).and_then(|entry| entry.first_chunk()).unwrap_or(b"stsd");
    let mdhd = boxes::child(mdia, *b"mdhd").and_then(decode::<Mdhd>);
    let timescale = mdhd.map_or(0, |mdhd| mdhd.timescale);
    if timescale == 0 {
        return Err(unsupported(kind, "it has no timescale"));
    }
    let elst = boxes::descendant(trak, &[*b"edts", *b"elst"]).and_then(decode::<Elst>);
    Ok(Some(MovieTrack {
        track_id,
        track,
        descriptions,
        timescale,
        shift: elst.map_or(0, |elst| shift(&elst, timescale, movie_timescale)),
        table: SampleTable::read(stbl).map_err(|reason| unsupported(kind, reason))?,
    }))
}

/// How much an edit list moves a track: later by its leading empty edits, earlier by where its first edit begins.
fn shift(elst: &Elst, timescale: u32, movie_timescale: u32) -> i64 {
    let mut delay = 0u64;
    for entry in &elst.entries {
        match entry.media_time {
            None => delay = delay.saturating_add(entry.segment_duration),
            Some(start) => {
                let delay = u128::from(delay) * u128::from(timescale) / u128::from(movie_timescale);
                let delay = i64::try_from(delay).unwrap_or(0);
                return delay.saturating_sub(i64::try_from(start).unwrap_or(0));
            }
        }
    }
    0
}

impl MovieTrack {
    /// A G.711 sample is one byte a channel: such samples are taken together (see the reader).
    pub(super) fn is_pcm(&self) -> bool {
        self.track.codec_id == codec_id::MS_ACM
    }

    /// The track as a sample's entry describes it; `None` where that cannot be taken.
    pub(super) fn description(&self, index: u32) -> Option<&Track> {
        self.descriptions.get(usize::try_from(index).ok()?)?.as_ref()
    }
}

fn decode<T: Atom>(body: &[u8]) -> Option<T> {
    T::decode_body(&mut &body[..]).ok()
}
