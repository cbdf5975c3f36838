//! Whether two H.264 slices are of one picture (ITU-T H.264 7.4.1.2.4), from the first bytes of their headers.
//!
//! Asked where the timestamps say one picture and the slices say two: a camera gave two pictures the same timestamp, or
//! the second slice is of the other field, redundant or repeated.

use h264_reader::nal::sps::{FrameMbsFlags, PicOrderCntType, SeqParameterSet};

use super::bits::BitReader;
use super::h264::AvcConfig;
use super::{CodecError, nal, picture_sets};

/// So many bytes of a slice are enough to compare it.
pub const HEADER_BYTES: usize = 32;

const SLICE: &str = "the H.264 slice header";

/// The fields by which slices are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SliceHeader {
    is_idr: bool,
    is_reference: bool,
    frame_num: u32,
    /// `None` of a frame, else whether it is the bottom field.
    bottom_field: Option<bool>,
    idr_pic_id: Option<u32>,
    /// `pic_order_cnt_lsb`, or the code of `delta_pic_order_cnt[0]`.
    order: Option<u32>,
}

/// Whether `first` and `second`, the beginnings of two slices, are of the same frame: of the same picture or of its two
/// fields. `false` when they cannot be read.
pub fn is_same_frame(config: &AvcConfig, first: &[u8], second: &[u8]) -> bool {
    let header = |slice: &[u8]| {
        let set = config.sps_of_slice(slice)?;
        SliceHeader::read(slice, &set).ok()
    };
    let Some((first, second)) = header(first).zip(header(second)) else { return false };
    if first.frame_num != second.frame_num {
        return false;
    }
    match (first.bottom_field, second.bottom_field) {
        // Fields of one frame: opposite parity. The second of an IDR picture may be predicted from the first.
        (Some(one), Some(other)) if one != other => true,
        _ => first == second,
    }
}

/// `pic_parameter_set_id` of a slice.
pub fn picture_set_id(slice: &[u8]) -> Option<u32> {
    let payload = nal::without_emulation_prevention(slice.get(1..slice.len().min(HEADER_BYTES))?);
    let mut bits = BitReader::new(&payload, SLICE);
    // first_mb_in_slice, slice_type
    for _ in 0..2 {
        bits.ue().ok()?;
    }
    bits.ue().ok()
}

impl SliceHeader {
    fn read(slice: &[u8], set: &SeqParameterSet) -> Result<Self, CodecError> {
        let (&header, payload) = slice.split_first().ok_or(CodecError::Truncated(SLICE))?;
        let payload = &payload[..payload.len().min(HEADER_BYTES)];
        let payload = nal::without_emulation_prevention(payload);
        let mut bits = BitReader::new(&payload, SLICE);
        // first_mb_in_slice, slice_type, pic_parameter_set_id
        for _ in 0..3 {
            bits.ue()?;
        }
        if set.chroma_info.separate_colour_plane_flag {
            bits.skip(2)?;
        }
        let frame_num = bits.bits(usize::from(set.log2_max_frame_num_minus4) + 4)?;
        let bottom_field = match set.frame_mbs_flags {
            FrameMbsFlags::Frames => None,
            FrameMbsFlags::Fields { .. } => match bits.flag()? {
                true => Some(bits.flag()?),
                false => None,
            },
        };
        let is_idr = header & 0x1F == 5;
        let idr_pic_id = if is_idr { Some(bits.ue()?) } else { None };
        let order = match &set.pic_order_cnt {
            PicOrderCntType::TypeZero { log2_max_pic_order_cnt_lsb_minus4 } => {
                Some(bits.bits(usize::from(*log2_max_pic_order_cnt_lsb_minus4) + 4)?)
            }
            PicOrderCntType::TypeOne { delta_pic_order_always_zero_flag: false, .. } => {
                Some(bits.ue()?)
            }
            _ => None,
        };
        let is_reference = header & 0x60 != 0;
        Ok(Self { is_idr, is_reference, frame_num, bottom_field, idr_pic_id, order })
    }
}

impl AvcConfig {
    /// The sequence parameter set that a slice refers to.
    fn sps_of_slice(&self, slice: &[u8]) -> Option<SeqParameterSet> {
        let id = picture_set_id(slice)?;
        let ids = self.pps.iter().filter_map(|set| picture_sets::ids(set, 1));
        let (_, sps_id) = ids.into_iter().find(|(pps_id, _)| *pps_id == id)?;
        let mut sets = self.sps.iter().filter_map(|set| super::h264::parse_sps(set).ok());
        sets.find(|set| u32::from(set.seq_parameter_set_id.id()) == sps_id)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// Writes bits, most significant first.
    #[derive(Default)]
    struct Bits(Vec<bool>);

    impl Bits {
        fn u(mut self, count: u32, value: u32) -> Self {
            self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
            self
        }

        fn ue(self, value: u32) -> Self {
            let bits = (value + 1).ilog2();
            self.u(bits, 0).u(bits + 1, value + 1)
        }

        fn bytes(self, header: u8) -> Vec<u8> {
            let mut bits = self.u(1, 1).0;
            bits.resize(bits.len().next_multiple_of(8), false);
            let byte = |bits: &[bool]| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
            [vec![header], bits.chunks(8).map(byte).collect()].concat()
        }
    }

    /// Main profile, 4 bits of frame number, order type 0 with 4 bits, fields allowed.
    fn config() -> AvcConfig {
        let sps = Bits::default().u(8, 77).u(8, 0).u(8, 30).ue(0).ue(0).ue(0).ue(0).ue(2).u(1, 0);
        let sps = sps.ue(19).ue(8).u(1, 0).u(1, 0).u(1, 1).u(1, 0).u(1, 0).bytes(0x67);
        let pps = Bits::default().ue(3).ue(0).u(2, 0).bytes(0x68);
        AvcConfig::new(vec![Bytes::from(sps)], vec![Bytes::from(pps)]).unwrap()
    }

    fn slice(header: u8, frame_num: u32, bottom_field: Option<u32>, order: u32) -> Vec<u8> {
        let bits = Bits::default().ue(0).ue(7).ue(3).u(4, frame_num);
        let bits = match bottom_field {
            Some(bottom) => bits.u(1, 1).u(1, bottom),
            None => bits.u(1, 0),
        };
        let bits = if header & 0x1F == 5 { bits.ue(0) } else { bits };
        bits.u(4, order).u(16, 0xABCD).bytes(header)
    }

    #[test]
    fn slices_of_one_frame_are_told_from_those_of_two() {
        let check = |first: &[u8], second: &[u8], expect| {
            assert_eq!(is_same_frame(&config(), first, second), expect, "{first:x?} {second:x?}");
        };
        let one = slice(0x41, 1, None, 2);
        check(&one, &one, true);
        check(&one, &slice(0x61, 1, None, 2), true);
        check(&one, &slice(0x41, 2, None, 2), false);
        check(&one, &slice(0x41, 1, None, 4), false);
        check(&one, &slice(0x01, 1, None, 2), false);
        // The two fields of a frame, then the same field again.
        check(&slice(0x65, 0, Some(0), 0), &slice(0x41, 0, Some(1), 1), true);
        check(&slice(0x41, 1, Some(0), 2), &slice(0x41, 1, Some(0), 4), false);
        check(&one, &[0x41], false);
        check(&one, &[0x41, 0, 0, 0], false);
        check(&[], &one, false);
    }

    #[test]
    fn the_picture_parameter_set_of_a_slice_reads() {
        assert_eq!(picture_set_id(&slice(0x41, 1, None, 2)), Some(3));
        assert_eq!(picture_set_id(&[0x41]), None);
        assert_eq!(picture_set_id(&[]), None);
    }
}
