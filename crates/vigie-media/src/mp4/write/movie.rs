//! The `moov` box around the sample tables that a caller writes.

use super::boxes::{full_box, plain_box};
use super::sample_entry;
use crate::TrackKind;
use crate::sample::SampleTrack;

/// Units per second of the movie's own durations.
pub(crate) const MOVIE_TIMESCALE: u32 = 1000;

/// Writes boxes behind what is there.
pub(crate) type WriteBoxes<'a> = Box<dyn Fn(&mut Vec<u8>) + 'a>;

pub(crate) struct MovieTrack<'a> {
    pub(crate) track: &'a SampleTrack,
    /// Presented duration in units of [`MOVIE_TIMESCALE`]; 0 when fragments say it.
    pub(crate) duration: u64,
    /// Duration of the media in units of the track's timescale.
    pub(crate) media_duration: u64,
    /// Its edit list, where it needs one.
    pub(crate) edit: Option<Edit>,
    /// Writes the boxes of `stbl` after `stsd`: there may be many MB of them, of which nobody needs a copy.
    pub(crate) sample_table: WriteBoxes<'a>,
}

/// How a track's media is placed in the presentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    /// In units of [`MOVIE_TIMESCALE`].
    pub(crate) delay: u64,
    /// In units of the track's timescale.
    pub(crate) media_start: u64,
}

/// Writes the `moov` box. `created_at` counts seconds from 1904, 0 when it is not said; `more` writes what follows the tracks.
pub(crate) fn movie(
    out: &mut Vec<u8>,
    tracks: &[MovieTrack<'_>],
    created_at: u64,
    more: impl FnOnce(&mut Vec<u8>),
) {
    plain_box(out, *b"moov", |out| {
        let duration = tracks.iter().map(|track| track.duration).max().unwrap_or(0);
        let next_track_id = tracks.iter().map(|of| of.track.number()).max().unwrap_or(0);
        full_box(out, *b"mvhd", 1, 0, |out| {
            out.extend_from_slice(&created_at.to_be_bytes());
            out.extend_from_slice(&created_at.to_be_bytes()); // of the last change
            out.extend_from_slice(&MOVIE_TIMESCALE.to_be_bytes());
            out.extend_from_slice(&duration.to_be_bytes());
            out.extend_from_slice(&0x0001_0000u32.to_be_bytes()); // normal speed
            out.extend_from_slice(&0x0100u16.to_be_bytes()); // full volume
            out.extend_from_slice(&[0; 10]);
            matrix(out);
            out.extend_from_slice(&[0; 24]);
            out.extend_from_slice(&next_track_id.saturating_add(1).to_be_bytes());
        });
        for track in tracks {
            plain_box(out, *b"trak", |out| trak(out, track));
        }
        more(out);
    });
}

fn matrix(out: &mut Vec<u8>) {
    for value in [0x0001_0000u32, 0, 0, 0, 0x0001_0000, 0, 0, 0, 0x4000_0000] {
        out.extend_from_slice(&value.to_be_bytes());
    }
}

fn trak(out: &mut Vec<u8>, of: &MovieTrack<'_>) {
    let is_video = of.track.kind() == TrackKind::Video;
    full_box(out, *b"tkhd", 1, 0x3, |out| {
        out.extend_from_slice(&[0; 16]); // no times of creation and change
        out.extend_from_slice(&of.track.number().to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&of.duration.to_be_bytes());
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&[0; 2]); // front layer
        out.extend_from_slice(&u16::from(!is_video).to_be_bytes()); // alternate group
        out.extend_from_slice(&if is_video { 0 } else { 0x0100u16 }.to_be_bytes()); // volume
        out.extend_from_slice(&[0; 2]);
        matrix(out);
        let (width, height) =
            of.track.size().map_or((0, 0), |size| (size.width_pixels, size.height_pixels));
        out.extend_from_slice(&(width << 16).to_be_bytes());
        out.extend_from_slice(&(height << 16).to_be_bytes());
    });
    if let Some(edit) = &of.edit {
        plain_box(out, *b"edts", |out| edit_list(out, edit, of.duration));
    }
    plain_box(out, *b"mdia", |out| mdia(out, of, is_video));
}

fn edit_list(out: &mut Vec<u8>, edit: &Edit, duration: u64) {
    full_box(out, *b"elst", 1, 0, |out| {
        let mut entries: Vec<(u64, i64)> = Vec::with_capacity(2);
        if edit.delay > 0 {
            entries.push((edit.delay, -1));
        }
        let media_start = i64::try_from(edit.media_start).unwrap_or(i64::MAX);
        entries.push((duration.saturating_sub(edit.delay), media_start));
        out.extend_from_slice(&(entries.len() as u32).to_be_bytes());
        for (duration, media_time) in entries {
            out.extend_from_slice(&duration.to_be_bytes());
            out.extend_from_slice(&media_time.to_be_bytes());
            out.extend_from_slice(&[0, 1, 0, 0]); // normal speed
        }
    });
}

fn mdia(out: &mut Vec<u8>, of: &MovieTrack<'_>, is_video: bool) {
    full_box(out, *b"mdhd", 1, 0, |out| {
        out.extend_from_slice(&[0; 16]); // no times of creation and change
        out.extend_from_slice(&of.track.timescale().to_be_bytes());
        out.extend_from_slice(&of.media_duration.to_be_bytes());
        out.extend_from_slice(&[0x55, 0xC4, 0, 0]); // language not determined
    });
    let (handler, name) = match is_video {
        true => (b"vide", &b"video\0"[..]),
        false => (b"soun", &b"audio\0"[..]),
    };
    full_box(out, *b"hdlr", 0, 0, |out| {
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(handler);
        out.extend_from_slice(&[0; 12]);
        out.extend_from_slice(name);
    });
    plain_box(out, *b"minf", |out| {
        match is_video {
            true => full_box(out, *b"vmhd", 0, 1, |out| out.extend_from_slice(&[0; 8])),
            false => full_box(out, *b"smhd", 0, 0, |out| out.extend_from_slice(&[0; 4])),
        }
        plain_box(out, *b"dinf", |out| {
            full_box(out, *b"dref", 0, 0, |out| {
                out.extend_from_slice(&1u32.to_be_bytes());
                full_box(out, *b"url ", 0, 1, |_| {}); // the media is in this file
            });
        });
        plain_box(out, *b"stbl", |out| {
            sample_entry::stsd(out, of.track);
            (of.sample_table)(out);
        });
    });
}
