//! The parameter sets of a video track that are in force, and the track that they make.
//!
//! They come from the SDP (`sprop-parameter-sets`, `sprop-vps`, `-sps`, `-pps`) and between the pictures. What comes
//! between the pictures wins: cameras were seen to say old or broken ones in their SDP. What cannot be read never takes
//! the place of what can.
//!
//! - A set takes the place of the one with its id. Encoders that use several side by side may send them in any order,
//!   also one at a time.
//! - A sequence parameter set that changes takes the picture parameter sets with it that refer to it, when new ones came
//!   beside it.
//! - A track that changes begins a new media file. Sets that change and change again, and the picture keeps its size, would
//!   make one for each group of pictures: from then on they stay in the stream, before each key picture whose sets are not
//!   those that the track says.
//! - Of several sequence parameter sets the one that the pictures refer to stands first where they differ in size: by
//!   it the track says its size.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use vigie_media::Track;
use vigie_media::codec::h264::{self, AvcConfig};
use vigie_media::codec::h265::{self, HevcConfig};
use vigie_media::codec::nal_kind::{NalKind, ParameterSetKind};
use vigie_media::codec::{h264_slice, nal, picture_sets};

use super::video_codec::VideoCodec;
use crate::format::MediaFormat;

/// Real ones have some dozens of bytes; with scaling lists a thousand.
pub(super) const SET_BYTES_MAX: usize = 4 * 1024;
/// All together.
const SETS_BYTES_MAX: usize = 64 * 1024;
/// An avcC counts sequence parameter sets in 5 bits, picture parameter sets in 8.
const SEQUENCE_SETS_MAX: usize = 31;
const PICTURE_SETS_MAX: usize = 255;

/// So often in a session a track changes by its sets alone. Cameras do it when somebody changes their settings.
const SAID_CHANGES_MAX: u32 = 4;

/// Padding may be missing, bits behind the end may be set.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Set {
    id: u32,
    /// The sequence parameter set that a picture parameter set refers to.
    refers_to: u32,
    bytes: Bytes,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sets {
    video: Vec<Set>,
    sequence: Vec<Set>,
    picture: Vec<Set>,
}

#[derive(Debug)]
pub(super) struct ParameterSets {
    codec: VideoCodec,
    track_number: u64,
    sets: Sets,
    /// No sequence parameter set came between the pictures yet.
    is_from_sdp: bool,
    track: Option<Track>,
    /// The track as it was said last.
    said: Option<Track>,
    said_changes: u32,
}

/// What came of the sets that came with a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Applied {
    /// So many cannot be used.
    pub(super) bad: u32,
    /// The track is another now, and is to be said.
    pub(super) is_another: bool,
    /// From now on they stay in the stream.
    pub(super) stay_in_band: bool,
}

impl ParameterSets {
    /// With what the SDP says, as far as it can be used.
    pub(super) fn new(codec: VideoCodec, track_number: u64, format: &MediaFormat) -> Self {
        let keys: &[&str] = match codec {
            VideoCodec::H264 => &["sprop-parameter-sets"],
            VideoCodec::H265 => &["sprop-vps", "sprop-sps", "sprop-pps"],
        };
        let values = keys.iter().filter_map(|key| format.parameter(key));
        let units: Vec<Bytes> =
            values.flat_map(|value| value.split(',')).flat_map(decode).collect();
        let mut sets = Self {
            codec,
            track_number,
            sets: Sets::default(),
            is_from_sdp: false,
            track: None,
            said: None,
            said_changes: 0,
        };
        sets.apply(&units, &[]);
        sets.is_from_sdp = true;
        sets
    }

    /// The track, once a decoder could be set up.
    pub(super) const fn track(&self) -> Option<&Track> {
        self.track.as_ref()
    }

    /// The sets in force, each a NAL unit, where they are not those of the track that was said: a picture that decoding
    /// can start at has to bring them.
    pub(super) fn in_band(&self) -> impl Iterator<Item = &Bytes> {
        let is_needed = self.track != self.said;
        self.sets.all().filter(move |_| is_needed).map(|set| &set.bytes)
    }

    /// Whether a track that changed is said; otherwise its sets stay in the stream.
    fn is_to_be_said(&mut self, track: &Track) -> Applied {
        let is_same_picture =
            |said: &Track| said.codec_id == track.codec_id && said.video == track.video;
        if self.said.as_ref().is_some_and(is_same_picture) {
            if self.said.as_ref() == Some(track) || self.said_changes > SAID_CHANGES_MAX {
                return Applied::default();
            }
            self.said_changes += 1;
            if self.said_changes > SAID_CHANGES_MAX {
                return Applied { stay_in_band: true, ..Applied::default() };
            }
        }
        self.said = Some(track.clone());
        Applied { is_another: true, ..Applied::default() }
    }

    /// Takes in what came with a picture whose first slice begins with `slice`.
    pub(super) fn apply(&mut self, units: &[Bytes], slice: &[u8]) -> Applied {
        let (mut newer, mut bad) = (Sets::default(), 0);
        for unit in units {
            if !self.sets.holds(unit) || self.is_from_sdp {
                match self.read(unit) {
                    Some((kind, set)) => newer.of_kind(kind).push(set),
                    None => bad += 1,
                }
            }
        }
        if !newer.is_within_bounds() {
            return Applied { bad: bad + 1, ..Applied::default() };
        }
        let mut sets = self.sets.clone_if(!newer.is_empty() || self.sets.sequence.len() > 1);
        if self.is_from_sdp && !newer.sequence.is_empty() {
            sets.forget_those_that_come_anew(&newer);
            self.is_from_sdp = false;
        }
        if !newer.is_empty() {
            sets.merge(&newer);
            if !sets.is_within_bounds() {
                sets = newer;
            }
        }
        if sets.sequence.len() > 1 {
            self.put_first_what_is_used(&mut sets, slice);
        }
        if sets == self.sets || sets.is_empty() {
            return Applied { bad, ..Applied::default() };
        }
        match self.build(&sets) {
            Some(track) => {
                let said = match self.track.as_ref() == Some(&track) {
                    true => Applied::default(),
                    false => self.is_to_be_said(&track),
                };
                self.track = Some(track);
                self.sets = sets;
                Applied { bad, ..said }
            }
            // The others may still come.
            None if self.track.is_none() => {
                self.sets = sets;
                Applied { bad, ..Applied::default() }
            }
            None => Applied { bad: bad + 1, ..Applied::default() },
        }
    }

    /// The H.264 configuration, to compare slices by.
    pub(super) fn avc_config(&self) -> Option<AvcConfig> {
        AvcConfig::new(bytes_of(&self.sets.sequence), bytes_of(&self.sets.picture)).ok()
    }

    fn read(&self, unit: &Bytes) -> Option<(ParameterSetKind, Set)> {
        // Zeros at the end are no part of a NAL unit.
        let len = unit.iter().rposition(|&byte| byte != 0)? + 1;
        if len > SET_BYTES_MAX {
            return None;
        }
        let bytes = Bytes::copy_from_slice(&unit[..len]);
        let NalKind::ParameterSet(kind) = self.codec.kind(&bytes)? else { return None };
        let (id, refers_to) = match (self.codec, kind) {
            (VideoCodec::H264, ParameterSetKind::Sequence) => (h264::sps_id(&bytes).ok()?, 0),
            (VideoCodec::H265, ParameterSetKind::Sequence) => (h265::sps_id(&bytes).ok()?, 0),
            (_, ParameterSetKind::Video) => (h265::vps_id(&bytes)?, 0),
            (_, ParameterSetKind::Picture) => picture_sets::ids(&bytes, self.codec.header_bytes())?,
        };
        Some((kind, Set { id, refers_to, bytes }))
    }

    fn build(&self, sets: &Sets) -> Option<Track> {
        if sets.picture.is_empty() {
            return None;
        }
        let (sequence, picture) = (bytes_of(&sets.sequence), bytes_of(&sets.picture));
        match self.codec {
            VideoCodec::H264 => {
                let config = AvcConfig::new(sequence, picture).ok()?;
                h264::track(self.track_number, "video", &config).ok()
            }
            VideoCodec::H265 => {
                let config = HevcConfig::new(bytes_of(&sets.video), sequence, picture).ok()?;
                Some(h265::track(self.track_number, "video", &config))
            }
        }
    }

    /// Moves the sequence parameter set to the front that the picture refers to, where that changes the size.
    fn put_first_what_is_used(&self, sets: &mut Sets, slice: &[u8]) {
        let id = match self.codec {
            VideoCodec::H264 => h264_slice::picture_set_id(slice),
            VideoCodec::H265 => h265::picture_set_id(slice),
        };
        let picture = sets.picture.iter().find(|set| Some(set.id) == id);
        let Some(used) = picture.map(|picture| picture.refers_to) else { return };
        let Some(at) = sets.sequence.iter().position(|set| set.id == used) else { return };
        let mut reordered = sets.clone();
        if let Some(reordered) = reordered.sequence.get_mut(..=at) {
            reordered.rotate_right(1);
        }
        let size = |sets: &Sets| self.build(sets).and_then(|track| track.video);
        if size(&reordered) != size(sets) {
            *sets = reordered;
        }
    }
}

fn bytes_of(sets: &[Set]) -> Vec<Bytes> {
    sets.iter().map(|set| set.bytes.clone()).collect()
}

/// The NAL units of one value of an SDP: usually one, at times with start codes around.
fn decode(value: &str) -> Vec<Bytes> {
    let text: Vec<u8> = value.bytes().filter(|byte| !matches!(byte, b' ' | b'\t' | b'"')).collect();
    let Ok(decoded) = BASE64.decode(text) else { return Vec::new() };
    let before = nal::find_start_code(&decoded).unwrap_or(decoded.len());
    let (first, rest) = decoded.split_at(before);
    let units = std::iter::once(first).chain(nal::annex_b(rest));
    units.filter(|unit| unit.iter().any(|&byte| byte != 0)).map(Bytes::copy_from_slice).collect()
}

impl Sets {
    fn of_kind(&mut self, kind: ParameterSetKind) -> &mut Vec<Set> {
        match kind {
            ParameterSetKind::Video => &mut self.video,
            ParameterSetKind::Sequence => &mut self.sequence,
            ParameterSetKind::Picture => &mut self.picture,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Set> {
        self.video.iter().chain(&self.sequence).chain(&self.picture)
    }

    fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    fn holds(&self, unit: &Bytes) -> bool {
        self.all().any(|set| set.bytes == unit)
    }

    /// A copy, or as cheap as nothing when none is needed.
    fn clone_if(&self, is_needed: bool) -> Self {
        if is_needed { self.clone() } else { Self::default() }
    }

    fn is_within_bounds(&self) -> bool {
        self.sequence.len() <= SEQUENCE_SETS_MAX
            && self.picture.len() <= PICTURE_SETS_MAX
            && self.all().map(|set| set.bytes.len()).sum::<usize>() <= SETS_BYTES_MAX
    }

    /// Drops what the SDP said of each kind that now came between the pictures.
    fn forget_those_that_come_anew(&mut self, newer: &Self) {
        for (former, newer) in [
            (&mut self.video, &newer.video),
            (&mut self.sequence, &newer.sequence),
            (&mut self.picture, &newer.picture),
        ] {
            if !newer.is_empty() {
                former.clear();
            }
        }
    }

    fn merge(&mut self, newer: &Self) {
        let changed = |set: &&Set| !self.sequence.contains(set);
        let changed: Vec<u32> = newer.sequence.iter().filter(changed).map(|set| set.id).collect();
        if !newer.picture.is_empty() {
            self.picture.retain(|set| !changed.contains(&set.refers_to));
        }
        for (former, newer) in [
            (&mut self.video, &newer.video),
            (&mut self.sequence, &newer.sequence),
            (&mut self.picture, &newer.picture),
        ] {
            for set in newer {
                match former.iter_mut().find(|known| known.id == set.id) {
                    Some(known) => known.clone_from(set),
                    None => former.push(set.clone()),
                }
            }
        }
    }
}
