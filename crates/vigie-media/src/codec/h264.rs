//! H.264: avcC (ISO/IEC 14496-15 §5.3.3), what the SPS says of the picture, key frames.

use bytes::Bytes;
use h264_reader::nal::sps::{ChromaFormat, SeqParameterSet};
use h264_reader::rbsp::{BitRead, BitReader, BitReaderError, ByteReader, Integer, Primitive};

use super::{CodecError, nal, picture_sets, put_units, take_units};
use crate::{Track, TrackKind, VideoSettings, codec_id};

/// NAL unit type of an instantaneous decoding refresh slice.
const NAL_IDR_SLICE: u8 = 5;

/// No level of H.264 allows a longer side: 1055 macroblocks (ITU-T H.264 §A.3.1, level 6.2).
const SIDE_PIXELS_MAX: u32 = 1055 * 16;

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

    /// What is in force when this came behind `former`: an encoder that uses several picture parameter sets may send
    /// them one at a time. Another sequence parameter set begins anew.
    pub fn behind(self, former: &Self) -> Self {
        if self.sps != former.sps || self.nal_length_size != former.nal_length_size {
            return self;
        }
        Self { pps: picture_sets::in_force(&former.pps, &self.pps, 1), ..self }
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
        const INVALID: CodecError =
            CodecError::Invalid("the H.264 sequence parameter set gives no picture size");
        let (width_pixels, height_pixels) =
            self.parsed_sps()?.pixel_dimensions().map_err(|_| INVALID)?;
        // The parser lets a cropping through that leaves nothing.
        let is_side = |pixels: u32| (1..=SIDE_PIXELS_MAX).contains(&pixels);
        match is_side(width_pixels) && is_side(height_pixels) {
            true => Ok(VideoSettings { width_pixels, height_pixels }),
            false => Err(INVALID),
        }
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

    /// Pictures a second, as the sequence parameter set says (ITU-T H.264 §E.2.1: two ticks a picture); `None` when it
    /// does not.
    pub fn frame_rate_hz(&self) -> Option<f64> {
        let timing = self.parsed_sps().ok()?.vui_parameters?.timing_info?;
        let ticks = f64::from(timing.num_units_in_tick) * 2.0;
        (ticks > 0.0).then(|| f64::from(timing.time_scale) / ticks)
    }

    fn parsed_sps(&self) -> Result<SeqParameterSet, CodecError> {
        let sps = self.sps.first().ok_or(CodecError::Truncated("the avcC"))?;
        parse_sps(sps)
    }
}

/// Reads a sequence parameter set, whatever stands behind it: cameras were seen to send bytes after its end.
pub(super) fn parse_sps(sps: &[u8]) -> Result<SeqParameterSet, CodecError> {
    let bits = BitReader::new(ByteReader::skipping_h264_header(sps));
    SeqParameterSet::from_bits(UpToTheEnd(bits))
        .map_err(|_| CodecError::Invalid("the H.264 sequence parameter set cannot be read"))
}

/// What an H.264 sequence parameter set is told apart by, its id; an error when it gives no picture.
pub fn sps_id(sps: &Bytes) -> Result<u32, CodecError> {
    let config = AvcConfig::new(vec![sps.clone()], Vec::new())?;
    config.dimensions()?;
    config.to_avcc()?;
    Ok(config.parsed_sps()?.seq_parameter_set_id.id().into())
}

/// Reads bits and does not mind what is left.
struct UpToTheEnd<R>(R);

impl<R: BitRead> BitRead for UpToTheEnd<R> {
    fn read_ue(&mut self, name: &'static str) -> Result<u32, BitReaderError> {
        self.0.read_ue(name)
    }

    fn read_se(&mut self, name: &'static str) -> Result<i32, BitReaderError> {
        self.0.read_se(name)
    }

    fn read_bit(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        self.0.read_bit(name)
    }

    fn read<const BITS: u32, I: Integer>(
        &mut self,
        name: &'static str,
    ) -> Result<I, BitReaderError> {
        self.0.read::<BITS, I>(name)
    }

    fn read_var<I: Integer>(
        &mut self,
        bit_count: u32,
        name: &'static str,
    ) -> Result<I, BitReaderError> {
        self.0.read_var(bit_count, name)
    }

    fn read_to<V: Primitive>(&mut self, name: &'static str) -> Result<V, BitReaderError> {
        self.0.read_to(name)
    }

    fn skip(&mut self, bit_count: u32, name: &'static str) -> Result<(), BitReaderError> {
        self.0.skip(bit_count, name)
    }

    fn byte_aligned(&self) -> bool {
        self.0.byte_aligned()
    }

    fn has_more_rbsp_data(&mut self, name: &'static str) -> Result<bool, BitReaderError> {
        self.0.has_more_rbsp_data(name)
    }

    fn finish_rbsp(self) -> Result<(), BitReaderError> {
        match self.0.finish_rbsp() {
            Err(BitReaderError::RemainingData) => Ok(()),
            finished => finished,
        }
    }

    fn finish_sei_payload(self) -> Result<(), BitReaderError> {
        self.0.finish_sei_payload()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// CodecPrivate that kvssink sent: Main profile, 640x360.
    const KVSSINK: &str = "014d401effe1001c674d401ed900a02ff97016a0c0c0d4a0000003002000000651e2\
                           c5c901000468ebccb2";

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte =
            |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    #[test]
    fn a_picture_that_is_cropped_to_nothing_is_refused() {
        // Found by fuzzing.
        let sps = Bytes::from_static(&[0x68, 0x70, 0xE2, 0x5D, 0x2E, 0x2C, 0x85, 0x33, 0x8B, 0x4D]);
        let config = AvcConfig::new(vec![sps], Vec::new()).unwrap();
        assert!(config.dimensions().is_err());
        assert!(track(1, "video", &config).is_err());
    }

    #[test]
    fn a_real_avcc_reads_and_writes_back() {
        let config = AvcConfig::parse(&hex(KVSSINK)).unwrap();
        assert_eq!((config.sps.len(), config.pps.len(), config.nal_length_size), (1, 1, 4));
        let expect = VideoSettings { width_pixels: 640, height_pixels: 360 };
        assert_eq!(config.dimensions(), Ok(expect));
        assert_eq!(config.codec_string(), "avc1.4D401E");
        assert_eq!(config.to_avcc(), Ok(hex(KVSSINK)));
    }

    #[test]
    fn high_profile_says_its_chroma_format() {
        // x264, 320x240, as ffmpeg wrote it into an MP4.
        let x264 = "0164000cffe100186764000cacb30283f60220000003002000000303c1e2854d01000668e9703\
                    92c8bfdf8f800";
        let config = AvcConfig::parse(&hex(x264)).unwrap();
        let avcc = config.to_avcc().unwrap();
        assert_eq!(avcc, hex(x264));
        assert_eq!(config.profile_level_id(), "64000C");
    }

    #[test]
    fn a_track_carries_avcc_and_size() {
        let config = AvcConfig::parse(&hex(KVSSINK)).unwrap();
        let track = track(1, "video", &config).unwrap();
        assert_eq!(track.codec_private, hex(KVSSINK));
        assert_eq!(track.video.map(|video| video.width_pixels), Some(640));
    }

    #[test]
    fn a_parameter_set_with_bytes_behind_its_end_reads() {
        // A camera was seen to send one byte more than there is.
        let sps = [&hex(KVSSINK)[8..36], &[0x67]].concat();
        let sps = Bytes::from(sps);
        assert_eq!(sps_id(&sps), Ok(0));
        assert!(sps_id(&sps.slice(..8)).is_err());
    }

    #[test]
    fn only_an_idr_slice_is_a_key_frame() {
        assert!(is_key(&[0, 0, 0, 1, 0x09, 0, 0, 0, 2, 0x65, 0x88], 4));
        assert!(!is_key(&[0, 0, 0, 2, 0x41, 0x9A], 4));
        assert!(!is_key(&[0, 0, 0, 9, 0x65], 4));
        assert!(!is_key(&[], 4));
    }

    #[test]
    fn broken_configurations_are_refused() {
        let avcc = hex(KVSSINK);
        for end in 0..avcc.len() {
            assert!(AvcConfig::parse(&avcc[..end]).is_err(), "cut at {end}");
        }
        assert!(AvcConfig::new(vec![], vec![]).is_err());
        assert!(AvcConfig::new(vec![Bytes::from_static(&[0x67])], vec![]).is_err());
        let long = Bytes::from(vec![0x67; 70_000]);
        assert!(AvcConfig::new(vec![long], vec![]).is_err());
    }

    proptest! {
        #[test]
        fn mutated_configurations_do_no_harm(at in 0usize..47, byte: u8) {
            let mut avcc = hex(KVSSINK);
            let at = at % avcc.len();
            avcc[at] = byte;
            if let Ok(config) = AvcConfig::parse(&avcc) {
                let written = config.to_avcc();
                prop_assert!(written.is_err() || AvcConfig::parse(&written.unwrap()) == Ok(config));
            }
        }
    }
}
