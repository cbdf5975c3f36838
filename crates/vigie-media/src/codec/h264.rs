//! H.264: avcC (ISO/IEC 14496-15 §5.3.3), what the SPS says of the picture, key frames.

use bytes::Bytes;
use h264_reader::nal::sps::{ChromaFormat, SeqParameterSet};
use h264_reader::rbsp::{BitReader, ByteReader};

use super::{CodecError, nal, put_units, take_units};
use crate::{Track, TrackKind, VideoSettings, codec_id};

/// NAL unit type of an instantaneous decoding refresh slice.
const NAL_IDR_SLICE: u8 = 5;

/// Parameter sets of an H.264 track: the content of an avcC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvcConfig {
    /// Sequence parameter sets, NAL units without start code; at least one of at least four bytes.
    pub sps: Vec<Bytes>,
    /// Picture parameter sets, NAL units without start code.
    pub pps: Vec<Bytes>,
    /// Bytes of the length before each NAL unit of a frame, 1 to 4.
    pub nal_length_size: usize,
}

impl AvcConfig {
    /// From parameter sets as SDP or the stream give them; lengths of four bytes.
    pub fn new(sps: Vec<Bytes>, pps: Vec<Bytes>) -> Result<Self, CodecError> {
        if sps.first().is_none_or(|sps| sps.len() < 4) {
            return Err(CodecError::Truncated("the H.264 sequence parameter set"));
        }
        let too_long = |unit: &Bytes| unit.len() > usize::from(u16::MAX);
        if sps.len() > 31 || pps.len() > 255 || sps.iter().chain(&pps).any(too_long) {
            return Err(CodecError::Invalid("more H.264 parameter sets than an avcC holds"));
        }
        Ok(Self { sps, pps, nal_length_size: 4 })
    }

    /// Parses an avcC (CodecPrivate of V_MPEG4/ISO/AVC, `avcC` of MP4).
    pub fn parse(avcc: &[u8]) -> Result<Self, CodecError> {
        const TRUNCATED: CodecError = CodecError::Truncated("the avcC");
        let (fixed, mut rest) = avcc.split_first_chunk::<6>().ok_or(TRUNCATED)?;
        if fixed[0] != 1 {
            return Err(CodecError::Invalid("the avcC has a version other than 1"));
        }
        let sps = take_units(&mut rest, usize::from(fixed[5] & 0x1F)).ok_or(TRUNCATED)?;
        let (&pps_count, after) = rest.split_first().ok_or(TRUNCATED)?;
        rest = after;
        let pps = take_units(&mut rest, usize::from(pps_count)).ok_or(TRUNCATED)?;
        Ok(Self { nal_length_size: usize::from(fixed[4] & 3) + 1, ..Self::new(sps, pps)? })
    }

    /// The avcC.
    pub fn to_avcc(&self) -> Result<Vec<u8>, CodecError> {
        let [profile, compatibility, level] = self.profile_compatibility_level();
        let length_size = (self.nal_length_size.clamp(1, 4) - 1) as u8;
        let sps_count = 0xE0 | self.sps.len() as u8;
        let mut out = vec![1, profile, compatibility, level, 0xFC | length_size, sps_count];
        put_units(&mut out, &self.sps);
        out.push(self.pps.len() as u8);
        put_units(&mut out, &self.pps);
        // The profiles before High end here (ISO/IEC 14496-15 §5.3.3.1.2).
        if !matches!(profile, 66 | 77 | 88) {
            let chroma = self.parsed_sps()?.chroma_info;
            let format = match chroma.chroma_format {
                ChromaFormat::Monochrome => 0,
                ChromaFormat::YUV420 => 1,
                ChromaFormat::YUV422 => 2,
                ChromaFormat::YUV444 => 3,
                ChromaFormat::Invalid(_) => {
                    return Err(CodecError::Invalid("the H.264 chroma format is unknown"));
                }
            };
            out.push(0xFC | format);
            out.push(0xF8 | chroma.bit_depth_luma_minus8);
            out.push(0xF8 | chroma.bit_depth_chroma_minus8);
            out.push(0);
        }
        Ok(out)
    }

    /// Picture size after cropping, in pixels.
    pub fn dimensions(&self) -> Result<VideoSettings, CodecError> {
        let invalid = CodecError::Invalid("the H.264 sequence parameter set gives no picture size");
        let (width_pixels, height_pixels) =
            self.parsed_sps()?.pixel_dimensions().map_err(|_| invalid)?;
        Ok(VideoSettings { width_pixels, height_pixels })
    }

    /// RFC 6381 codec string.
    pub fn codec_string(&self) -> String {
        format!("avc1.{}", self.profile_level_id())
    }

    /// `profile-level-id` of SDP (RFC 6184 §8.1): six hexadecimal digits.
    pub fn profile_level_id(&self) -> String {
        let [profile, compatibility, level] = self.profile_compatibility_level();
        format!("{profile:02X}{compatibility:02X}{level:02X}")
    }

    fn profile_compatibility_level(&self) -> [u8; 3] {
        match self.sps.first().map(|sps| &sps[..]) {
            Some(&[_, profile, compatibility, level, ..]) => [profile, compatibility, level],
            _ => [0; 3],
        }
    }

    fn parsed_sps(&self) -> Result<SeqParameterSet, CodecError> {
        let sps = self.sps.first().ok_or(CodecError::Truncated("the avcC"))?;
        let bits = BitReader::new(ByteReader::skipping_h264_header(&sps[..]));
        SeqParameterSet::from_bits(bits)
            .map_err(|_| CodecError::Invalid("the H.264 sequence parameter set cannot be read"))
    }
}

/// A Matroska track of this configuration.
pub fn track(number: u64, name: &str, config: &AvcConfig) -> Result<Track, CodecError> {
    Ok(Track {
        number,
        kind: TrackKind::Video,
        name: name.to_owned(),
        codec_id: codec_id::H264.to_owned(),
        codec_private: Bytes::from(config.to_avcc()?),
        video: Some(config.dimensions()?),
        audio: None,
    })
}

/// Whether a length-prefixed frame holds an IDR slice. What cannot be followed is no key frame.
pub fn is_key(frame: &[u8], nal_length_size: usize) -> bool {
    let units = nal::length_prefixed(frame, nal_length_size);
    units.map_while(Result::ok).any(|unit| unit[0] & 0x1F == NAL_IDR_SLICE)
}
