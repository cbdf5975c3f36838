//! H.265: hvcC (ISO/IEC 14496-15 §8.3.3), what the SPS says of the picture, key frames.

use bytes::Bytes;

use super::bits::BitReader;
use super::{CodecError, Colour, colour, nal, picture_sets, put_units, take_units};
use crate::{Track, TrackKind, VideoSettings, codec_id};

const NAL_VPS: u8 = 32;
const NAL_SPS: u8 = 33;
const NAL_PPS: u8 = 34;

/// Parameter sets of an H.265 track: the content of an hvcC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HevcConfig {
    /// Video parameter sets, NAL units without start code.
    pub vps: Vec<Bytes>,
    /// Sequence parameter sets; the first one has been parsed.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets.
    pub pps: Vec<Bytes>,
    /// Bytes of the length before each NAL unit of a frame, 1 to 4.
    pub nal_length_size: usize,
    parsed: ParsedSps,
}

/// What is read of a sequence parameter set (ITU-T H.265 §7.3.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ParsedSps {
    id: u32,
    profile: ProfileTierLevel,
    temporal_layers: u8,
    temporal_id_nested: bool,
    chroma_format_idc: u8,
    bit_depth_luma_minus8: u8,
    bit_depth_chroma_minus8: u8,
    width_pixels: u32,
    height_pixels: u32,
}

/// The general part of `profile_tier_level` (ITU-T H.265 §7.3.3), in the 12 bytes that hvcC repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ProfileTierLevel([u8; 12]);

impl HevcConfig {
    /// From parameter sets as SDP or the stream give them; lengths of four bytes.
    pub fn new(vps: Vec<Bytes>, sps: Vec<Bytes>, pps: Vec<Bytes>) -> Result<Self, CodecError> {
        let too_long = |unit: &Bytes| unit.len() > usize::from(u16::MAX);
        if vps.iter().chain(&sps).chain(&pps).any(too_long) {
            return Err(CodecError::Invalid("an H.265 parameter set is too long for an hvcC"));
        }
        let first = sps.first().ok_or(CodecError::Invalid(
            "the H.265 configuration holds no sequence parameter set",
        ))?;
        let parsed = ParsedSps::parse(first)?;
        Ok(Self { vps, sps, pps, nal_length_size: 4, parsed })
    }

    /// What is in force when this came behind `former`: an encoder that uses several picture parameter sets may send
    /// them one at a time. Other parameter sets of another kind begin anew.
    pub fn behind(self, former: &Self) -> Self {
        let goes_on = self.vps == former.vps
            && self.sps == former.sps
            && self.nal_length_size == former.nal_length_size;
        match goes_on {
            true => Self { pps: picture_sets::in_force(&former.pps, &self.pps, 2), ..self },
            false => self,
        }
    }

    /// Parses an hvcC (CodecPrivate of V_MPEGH/ISO/HEVC, `hvcC` of MP4).
    pub fn parse(hvcc: &[u8]) -> Result<Self, CodecError> {
        const TRUNCATED: CodecError = CodecError::Truncated("the hvcC");
        let (fixed, mut rest) = hvcc.split_first_chunk::<23>().ok_or(TRUNCATED)?;
        // Encoders of drafts wrote 0; the layout is the same.
        if fixed[0] > 1 {
            return Err(CodecError::Invalid("the hvcC has a version other than 1"));
        }
        let (mut vps, mut sps, mut pps) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..fixed[22] {
            let (&[kind, high, low], after) = rest.split_first_chunk::<3>().ok_or(TRUNCATED)?;
            rest = after;
            let count = usize::from(u16::from_be_bytes([high, low]));
            let units = take_units(&mut rest, count).ok_or(TRUNCATED)?;
            match kind & 0x3F {
                NAL_VPS => vps.extend(units),
                NAL_SPS => sps.extend(units),
                NAL_PPS => pps.extend(units),
                _ => {} // Supplemental information: no decoder needs it out of band.
            }
        }
        Ok(Self { nal_length_size: usize::from(fixed[21] & 3) + 1, ..Self::new(vps, sps, pps)? })
    }

    /// The hvcC.
    pub fn to_hvcc(&self) -> Vec<u8> {
        let sps = &self.parsed;
        let mut out = vec![1];
        out.extend_from_slice(&sps.profile.0);
        // Unknown segmentation and parallelism; frame rate not said.
        out.extend_from_slice(&[0xF0, 0x00, 0xFC]);
        out.push(0xFC | sps.chroma_format_idc);
        out.push(0xF8 | sps.bit_depth_luma_minus8);
        out.push(0xF8 | sps.bit_depth_chroma_minus8);
        out.extend_from_slice(&[0, 0]);
        let length_size = (self.nal_length_size.clamp(1, 4) - 1) as u8;
        let nested = u8::from(sps.temporal_id_nested);
        out.push(sps.temporal_layers << 3 | nested << 2 | length_size);
        let arrays = [(NAL_VPS, &self.vps), (NAL_SPS, &self.sps), (NAL_PPS, &self.pps)];
        out.push(arrays.iter().filter(|(_, units)| !units.is_empty()).count() as u8);
        for (kind, units) in arrays {
            if !units.is_empty() {
                out.push(0x80 | kind); // Complete: all of this kind are here.
                out.extend_from_slice(&(units.len() as u16).to_be_bytes());
                put_units(&mut out, units);
            }
        }
        out
    }

    /// Picture size after the conformance window, in pixels.
    pub fn dimensions(&self) -> VideoSettings {
        VideoSettings {
            width_pixels: self.parsed.width_pixels,
            height_pixels: self.parsed.height_pixels,
        }
    }

    /// RFC 6381 codec string (ISO/IEC 14496-15 Annex E).
    pub fn codec_string(&self) -> String {
        let [first, c0, c1, c2, c3, constraints @ .., level] = self.parsed.profile.0;
        let space = ["", "A", "B", "C"][usize::from(first >> 6)];
        let tier = if first & 0x20 == 0 { 'L' } else { 'H' };
        let compatibility = u32::from_be_bytes([c0, c1, c2, c3]).reverse_bits();
        let mut out = format!("hvc1.{space}{}.{compatibility:X}.{tier}{level}", first & 0x1F);
        let used = constraints.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        for byte in &constraints[..used] {
            out.push_str(&format!(".{byte:X}"));
        }
        out
    }
}

impl ParsedSps {
    fn parse(unit: &[u8]) -> Result<Self, CodecError> {
        let payload = sps_payload(unit)?;
        Self::read(&mut BitReader::new(&payload, SPS))
    }

    /// Up to the bit depths.
    fn read(bits: &mut BitReader<'_>) -> Result<Self, CodecError> {
        bits.skip(4)?;
        let sub_layers = bits.bits(3)?;
        if sub_layers > 6 {
            return Err(CodecError::Invalid("the H.265 parameter set has more than 7 sub-layers"));
        }
        let temporal_id_nested = bits.flag()?;
        let profile = ProfileTierLevel::parse(bits, sub_layers)?;
        let id = bits.ue()?;
        let chroma_format_idc = bits.ue()?;
        if chroma_format_idc > 3 {
            return Err(CodecError::Invalid("the H.265 chroma format is unknown"));
        }
        if chroma_format_idc == 3 {
            bits.flag()?; // separate_colour_plane_flag
        }
        let (width, height) = (bits.ue()?, bits.ue()?);
        let window =
            if bits.flag()? { [bits.ue()?, bits.ue()?, bits.ue()?, bits.ue()?] } else { [0; 4] };
        let bit_depth = |depth: u32| match depth {
            0..=8 => Ok(depth as u8),
            _ => Err(CodecError::Invalid("the H.265 bit depth is above 16")),
        };
        let (luma, chroma) = (bits.ue()?, bits.ue()?);
        // Window offsets count in chroma samples (ITU-T H.265 table 6-1).
        let (sub_width, sub_height) = match chroma_format_idc {
            1 => (2, 2),
            2 => (2, 1),
            _ => (1, 1),
        };
        let [left, right, top, bottom] = window;
        Ok(Self {
            id,
            profile,
            temporal_layers: sub_layers as u8 + 1,
            temporal_id_nested,
            chroma_format_idc: chroma_format_idc as u8,
            bit_depth_luma_minus8: bit_depth(luma)?,
            bit_depth_chroma_minus8: bit_depth(chroma)?,
            width_pixels: cropped(width, sub_width, left, right)?,
            height_pixels: cropped(height, sub_height, top, bottom)?,
        })
    }
}

/// What a sequence parameter set says of colours.
pub fn colour(sps: &[u8]) -> Result<Colour, CodecError> {
    let payload = sps_payload(sps)?;
    let mut bits = BitReader::new(&payload, SPS);
    let sub_layers = ParsedSps::read(&mut bits)?.temporal_layers - 1;
    colour::read_h265(&mut bits, sub_layers.into())
}

const SPS: &str = "the H.265 sequence parameter set";

/// The payload of a sequence parameter set.
fn sps_payload(unit: &[u8]) -> Result<Vec<u8>, CodecError> {
    let (header, payload) = unit.split_first_chunk::<2>().ok_or(CodecError::Truncated(SPS))?;
    if nal_type(header[0]) != NAL_SPS {
        return Err(CodecError::Invalid("the H.265 sequence parameter set has another NAL type"));
    }
    Ok(nal::without_emulation_prevention(payload))
}

/// No level of H.265 allows a longer side (8192 times the square root of 8, rounded up).
const SIDE_PIXELS_MAX: u32 = 32_768;

fn cropped(side: u32, unit: u32, before: u32, after: u32) -> Result<u32, CodecError> {
    let cut = before.checked_add(after).and_then(|cut| cut.checked_mul(unit));
    cut.and_then(|cut| side.checked_sub(cut))
        .filter(|pixels| (1..=SIDE_PIXELS_MAX).contains(pixels))
        .ok_or(CodecError::Invalid("the H.265 picture size is out of range"))
}

impl ProfileTierLevel {
    fn parse(bits: &mut BitReader<'_>, sub_layers: u32) -> Result<Self, CodecError> {
        let mut general = [0; 12];
        for byte in &mut general {
            *byte = bits.bits(8)? as u8;
        }
        let mut present = Vec::new();
        for _ in 0..sub_layers {
            present.push((bits.flag()?, bits.flag()?));
        }
        if sub_layers > 0 {
            bits.skip(2 * (8 - sub_layers as usize))?;
        }
        for (profile, level) in present {
            bits.skip(usize::from(profile) * 88 + usize::from(level) * 8)?;
        }
        Ok(Self(general))
    }
}

/// What an H.265 sequence parameter set is told apart by, its id; an error when it gives no picture.
pub fn sps_id(sps: &[u8]) -> Result<u32, CodecError> {
    const ID_MAX: u32 = 15;
    let id = ParsedSps::parse(sps)?.id;
    match id <= ID_MAX {
        true => Ok(id),
        false => {
            Err(CodecError::Invalid("the H.265 sequence parameter set has a greater id than 15"))
        }
    }
}

/// What an H.265 video parameter set is told apart by, its id.
pub fn vps_id(vps: &[u8]) -> Option<u32> {
    let &[header, _, id, ..] = vps else { return None };
    (nal_type(header) == NAL_VPS).then_some(u32::from(id >> 4))
}

/// `slice_pic_parameter_set_id` of the beginning of a slice.
pub fn picture_set_id(slice: &[u8]) -> Option<u32> {
    let header = nal_type(*slice.first()?);
    let mut bits = BitReader::new(slice.get(2..)?, "the H.265 slice header");
    bits.flag().ok()?;
    if (16..=23).contains(&header) {
        bits.flag().ok()?;
    }
    bits.ue().ok()
}

/// A Matroska track of this configuration.
pub fn track(number: u64, name: &str, config: &HevcConfig) -> Track {
    Track {
        number,
        kind: TrackKind::Video,
        name: name.to_owned(),
        codec_id: codec_id::H265.to_owned(),
        codec_private: Bytes::from(config.to_hvcc()),
        video: Some(config.dimensions()),
        audio: None,
    }
}

/// Whether a length-prefixed frame is an intra random access point (NAL types 16 to 23). What cannot be followed
/// is no key frame.
pub fn is_key(frame: &[u8], nal_length_size: usize) -> bool {
    let units = nal::length_prefixed(frame, nal_length_size);
    units.map_while(Result::ok).any(|unit| (16..=23).contains(&nal_type(unit[0])))
}

fn nal_type(first_byte: u8) -> u8 {
    first_byte >> 1 & 0x3F
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VPS: &str = "40010c01ffff01600000030000030000030000030096ac0c000003000400000300 65 40";
    /// Of AWS's H.265 sample: Main profile, 640x360.
    const SPS: &str = "42010101600000030000030000030000030096a005020169636b924c9ae59c02000003000200\
                       0003003210";
    const PPS: &str = "4401e076b02640";

    fn hex(text: &str) -> Bytes {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    fn config() -> HevcConfig {
        HevcConfig::new(vec![hex(VPS)], vec![hex(SPS)], vec![hex(PPS)]).unwrap()
    }

    #[test]
    fn the_parameter_set_gives_size_and_profile() {
        let expect = VideoSettings { width_pixels: 640, height_pixels: 360 };
        assert_eq!(config().dimensions(), expect);
        assert_eq!(config().codec_string(), "hvc1.1.6.L150");
    }

    #[test]
    fn parameter_sets_and_slices_tell_their_ids() {
        assert_eq!(sps_id(&hex(SPS)), Ok(0));
        assert_eq!(vps_id(&hex(VPS)), Some(0));
        assert_eq!(crate::codec::picture_sets::ids(&hex(PPS), 2), Some((0, 0)));
        assert!(sps_id(&hex(PPS)).is_err());
        assert_eq!(vps_id(&hex(PPS)), None);
        // first_slice_segment_in_pic_flag, of the key picture no_output_of_prior_pics_flag, then 1 as 010.
        assert_eq!(picture_set_id(&[1 << 1, 1, 0b1010_0000]), Some(1));
        assert_eq!(picture_set_id(&[19 << 1, 1, 0b1001_0000]), Some(1));
        assert_eq!(picture_set_id(&[19 << 1, 1]), None);
    }

    #[test]
    fn an_hvcc_reads_back() {
        let hvcc = config().to_hvcc();
        assert_eq!(HevcConfig::parse(&hvcc), Ok(config()));
        assert_eq!(hvcc[1], 1); // Main profile
        assert_eq!(hvcc[12], 150); // level 5.0
        assert_eq!(hvcc[22], 3); // arrays
    }

    #[test]
    fn the_hvcc_of_amazons_producer_reads() {
        // Its general part is wrong; the parameter sets are right, and they are what counts.
        let hvcc =
            hex("01010101600000000000000000f000fcfdf8f800000f03200001002340010c01ffff01600000\
             030000030000030000030096ac0c0000030004000003006540210001002b4201010160000003\
             0000030000030000030096a005020169636b924c9ae59c020000030002000003003210220001\
             00074401e076b02640");
        assert_eq!(HevcConfig::parse(&hvcc), Ok(config()));
    }

    #[test]
    fn an_intra_random_access_point_is_a_key_frame() {
        let check = |nal_type: u8, expect| {
            assert_eq!(is_key(&[0, 0, 0, 3, nal_type << 1, 1, 7], 4), expect, "type {nal_type}");
        };
        check(0, false);
        check(1, false);
        check(16, true);
        check(19, true);
        check(21, true);
        check(32, false);
    }

    #[test]
    fn broken_configurations_are_refused() {
        let hvcc = config().to_hvcc();
        for end in 0..hvcc.len() {
            assert!(HevcConfig::parse(&hvcc[..end]).is_err(), "cut at {end}");
        }
        let sps = hex(SPS);
        for end in 0..24 {
            assert!(HevcConfig::new(vec![], vec![sps.slice(..end)], vec![]).is_err());
        }
        assert!(HevcConfig::new(vec![], vec![], vec![]).is_err());
        assert!(HevcConfig::new(vec![], vec![hex(PPS)], vec![]).is_err());
    }

    proptest! {
        #[test]
        fn mutated_parameter_sets_do_no_harm(changes in prop::collection::vec((0usize..41, any::<u8>()), 1..6)) {
            let mut sps = hex(SPS).to_vec();
            for (at, byte) in changes {
                let at = at % sps.len();
                sps[at] = byte;
            }
            if let Ok(config) = HevcConfig::new(vec![], vec![sps.into()], vec![]) {
                let size = config.dimensions();
                prop_assert!(size.width_pixels <= SIDE_PIXELS_MAX && size.height_pixels <= SIDE_PIXELS_MAX);
                prop_assert_eq!(HevcConfig::parse(&config.to_hvcc()), Ok(config));
            }
        }

        #[test]
        fn arbitrary_configurations_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(config) = HevcConfig::parse(&bytes) {
                prop_assert!(config.codec_string().starts_with("hvc1."));
            }
        }
    }
}
