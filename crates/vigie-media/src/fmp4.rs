//! Fragmented MP4 for HLS and DASH: an init segment for tracks, a media segment for each stored fragment.
//!
//! A media segment is made from one fragment alone and from nothing that changes later, so that the same arguments
//! give the same bytes. Frame data is not copied: a segment is a list of pieces, most of them slices of the fragment.
//!
//! ```
//! use vigie_media::fmp4::{self, SegmentPlace};
//! use vigie_media::matroska::{DocumentHeader, Limits, writer};
//! use vigie_media::sample::sample_tracks;
//! # let track = vigie_media::codec::g711::track(1, "audio", vigie_media::codec::g711::Law::A, 8000, 1);
//! # let raw = writer::document_header(&[track]);
//! # let mut fragment = writer::cluster_start(vigie_media::Timestamp::from_millis(1_000)).to_vec();
//! # fragment.extend_from_slice(&writer::simple_block_header(1, 0, true, 2));
//! # fragment.extend([7, 7]);
//! let header = DocumentHeader::parse(&raw, Limits::KVS)?;
//! let tracks = sample_tracks(&header.tracks)?;
//! let init = fmp4::init_segment(&tracks);
//! let place = SegmentPlace { sequence_number: 1, start_ms: 1_795_363_060_007, end_ms: None };
//! let segment = fmp4::media_segment(&tracks, &header, fragment.into(), &place)?;
//! assert_eq!(&init[4..8], b"ftyp");
//! assert_eq!(segment.pieces.last().map(|data| &data[..]), Some(&[7, 7][..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use bytes::Bytes;

use crate::TrackKind;
use crate::codec::flac;
use crate::codec::g711::WaveFormat;
use crate::matroska::DocumentHeader;
use crate::mp4::write::{MovieTrack, NON_SYNC_SAMPLE, SYNC_SAMPLE, full_box, movie, plain_box};
use crate::sample::timing::{DecodeTimes, TimedSample, ticks};
use crate::sample::{CodecConfig, SampleError, SampleTrack, Unreadable, fragment_samples};

/// MIME type of both kinds of segment when they hold video.
pub const VIDEO_MP4: &str = "video/mp4";
/// MIME type of both kinds of segment when they hold audio only.
pub const AUDIO_MP4: &str = "audio/mp4";

/// Where a media segment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentPlace {
    /// `mfhd`: counts up from one segment to the next.
    pub sequence_number: u32,
    /// Where the Cluster's timestamp lies on the timeline of the presentation, in milliseconds; `tfdt` is the first
    /// decode time on this timeline. What would lie before 0 lies at 0.
    pub start_ms: i64,
    /// Where the fragment's media ends on the same timeline: where the next fragment begins when that follows without
    /// a gap, or the start plus the duration that was stored; decides only how long the last picture is shown. `None`
    /// repeats the duration of the picture before it.
    pub end_ms: Option<i64>,
}

/// Bytes to be sent in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Headers, and slices of the fragment.
    pub pieces: Vec<Bytes>,
}

impl Segment {
    /// Length of all pieces.
    pub fn size_bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }

    /// All pieces in one; copies.
    pub fn to_vec(&self) -> Vec<u8> {
        self.pieces.concat()
    }
}

/// `ftyp` and `moov` of these tracks, in this order. A presentation with a playlist for each track makes one of each
/// track alone. `track_ID` is the Matroska track number.
pub fn init_segment(tracks: &[SampleTrack]) -> Vec<u8> {
    let mut out = Vec::new();
    plain_box(&mut out, *b"ftyp", |out| {
        // iso6: offsets from the moof, tfdt.
        out.extend_from_slice(b"iso6\0\0\0\0iso6mp41");
    });
    let movie_tracks: Vec<MovieTrack<'_>> = tracks
        .iter()
        .map(|track| MovieTrack {
            track,
            duration: 0,
            media_duration: 0,
            edit: None,
            sample_table: Box::new(no_samples),
        })
        .collect();
    movie(&mut out, &movie_tracks, 0, |out| {
        plain_box(out, *b"mvex", |out| {
            for track in tracks {
                full_box(out, *b"trex", 0, 0, |out| {
                    out.extend_from_slice(&track.number().to_be_bytes());
                    out.extend_from_slice(&1u32.to_be_bytes());
                    out.extend_from_slice(&[0; 8]);
                    out.extend_from_slice(&SYNC_SAMPLE.to_be_bytes());
                });
            }
        });
    });
    out
}

/// The tables of a track whose samples are in fragments.
fn no_samples(out: &mut Vec<u8>) {
    for kind in [b"stts", b"stsc", b"stco"] {
        full_box(out, *kind, 0, 0, |out| out.extend_from_slice(&[0; 4]));
    }
    full_box(out, *b"stsz", 0, 0, |out| out.extend_from_slice(&[0; 8]));
}

/// `moof` and `mdat` of the frames of `tracks` in a stored fragment (its Cluster and the Tags after it); the data of
/// each track stands together, in the order of `tracks`. Frames of other tracks are left out, and so are those that are not
/// what their codec says. A track without a frame in the fragment gets a `traf` without a run, which says where it stands all the
/// same: without that, players take nothing of the segment.
pub fn media_segment(
    tracks: &[SampleTrack],
    header: &DocumentHeader,
    fragment: Bytes,
    place: &SegmentPlace,
) -> Result<Segment, SampleError> {
    const TOO_LARGE: SampleError =
        SampleError::TooLarge("the fragment is too large for one segment");
    let runs: Vec<Run<'_>> = fragment_samples(tracks, header, fragment, Unreadable::LeftOut)?
        .into_iter()
        .map(|of| {
            let timed = of.timed(DecodeTimes::BeforePresentation, place.start_ms, place.end_ms);
            let samples = match of.track.config() {
                CodecConfig::G711AsFlac(format) => in_flac(format, &timed),
                _ => timed,
            };
            let start = ticks(place.start_ms, of.track.timescale()).max(0).unsigned_abs();
            let dts = samples.first().map_or(start, |first| first.dts);
            Run { track: of.track, dts, samples }
        })
        .collect();
    let samples = || runs.iter().flat_map(|run| &run.samples);
    let data_bytes: usize = samples().map(|sample| sample.data.len()).sum();
    let mut head = moof(&runs, place.sequence_number, 0);
    // The offsets of the data are known once the length of the moof is.
    let data_start = i32::try_from(head.len() + 8).map_err(|_| TOO_LARGE)?;
    let data_size = i32::try_from(data_bytes).map_err(|_| TOO_LARGE)?;
    data_start.checked_add(data_size).ok_or(TOO_LARGE)?;
    head = moof(&runs, place.sequence_number, data_start);
    head.extend_from_slice(&(data_bytes as u32 + 8).to_be_bytes());
    head.extend_from_slice(b"mdat");
    let mut pieces = Vec::with_capacity(1 + samples().count());
    pieces.push(Bytes::from(head));
    pieces.extend(samples().map(|sample| sample.data.clone()));
    Ok(Segment { pieces })
}

/// G.711 as FLAC; what is longer than a block, as several samples.
fn in_flac(format: &WaveFormat, g711: &[TimedSample]) -> Vec<TimedSample> {
    let channels = usize::from(format.channels.max(1));
    let mut out = Vec::with_capacity(g711.len());
    for sample in g711 {
        let until = sample.dts + u64::from(sample.duration);
        let mut dts = sample.dts;
        let mut blocks = sample.data.chunks(flac::BLOCK_SAMPLES_MAX * channels).peekable();
        while let Some(block) = blocks.next() {
            let end = match blocks.peek() {
                Some(_) => until.min(dts + flac::BLOCK_SAMPLES_MAX as u64),
                None => until,
            };
            out.push(TimedSample {
                dts,
                composition_offset: 0,
                duration: end.saturating_sub(dts) as u32,
                key_frame: true,
                data: flac::frame(format, dts, block).into(),
            });
            dts = end;
        }
    }
    out
}

/// The samples of one track.
struct Run<'a> {
    track: &'a SampleTrack,
    /// Where it begins.
    dts: u64,
    samples: Vec<TimedSample>,
}

fn moof(runs: &[Run<'_>], sequence_number: u32, data_start: i32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut data_offset = data_start;
    plain_box(&mut out, *b"moof", |out| {
        full_box(out, *b"mfhd", 0, 0, |out| {
            out.extend_from_slice(&sequence_number.to_be_bytes());
        });
        for run in runs {
            plain_box(out, *b"traf", |out| traf(out, run, data_offset));
            let size: usize = run.samples.iter().map(|sample| sample.data.len()).sum();
            data_offset = data_offset.saturating_add_unsigned(size as u32);
        }
    });
    out
}

const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
const DATA_OFFSET: u32 = 0x1;
const SAMPLE_DURATION: u32 = 0x100;
const SAMPLE_SIZE: u32 = 0x200;
const SAMPLE_FLAGS: u32 = 0x400;
const SAMPLE_COMPOSITION_OFFSET: u32 = 0x800;

fn traf(out: &mut Vec<u8>, run: &Run<'_>, data_offset: i32) {
    full_box(out, *b"tfhd", 0, DEFAULT_BASE_IS_MOOF, |out| {
        out.extend_from_slice(&run.track.number().to_be_bytes());
    });
    full_box(out, *b"tfdt", 1, 0, |out| out.extend_from_slice(&run.dts.to_be_bytes()));
    if run.samples.is_empty() {
        return;
    }
    let mut flags = DATA_OFFSET | SAMPLE_DURATION | SAMPLE_SIZE;
    if run.track.kind() == TrackKind::Video {
        flags |= SAMPLE_FLAGS;
    }
    if run.samples.iter().any(|sample| sample.composition_offset != 0) {
        flags |= SAMPLE_COMPOSITION_OFFSET;
    }
    full_box(out, *b"trun", 0, flags, |out| {
        out.extend_from_slice(&(run.samples.len() as u32).to_be_bytes());
        out.extend_from_slice(&data_offset.to_be_bytes());
        for sample in &run.samples {
            out.extend_from_slice(&sample.duration.to_be_bytes());
            out.extend_from_slice(&(sample.data.len() as u32).to_be_bytes());
            if flags & SAMPLE_FLAGS != 0 {
                let flags = if sample.key_frame { SYNC_SAMPLE } else { NON_SYNC_SAMPLE };
                out.extend_from_slice(&flags.to_be_bytes());
            }
            if flags & SAMPLE_COMPOSITION_OFFSET != 0 {
                out.extend_from_slice(&sample.composition_offset.max(0).to_be_bytes());
            }
        }
    });
}
