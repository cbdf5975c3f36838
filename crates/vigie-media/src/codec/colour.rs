//! What the samples of a video mean as colours, and where an H.265 sequence parameter set says so.

use super::CodecError;
use super::bits::BitReader;

/// How luma and chroma become red, green and blue (ITU-T H.273).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// `MatrixCoefficients`: 1 is BT.709, 5 and 6 are BT.601, 2 is not said.
    pub matrix_coefficients: u8,
    /// Samples use all their values, not 16 to 235 of 255.
    pub full_range: bool,
}

impl Colour {
    /// Of a video that says nothing.
    pub const UNSPECIFIED: Self = Self { matrix_coefficients: 2, full_range: false };
}

const INVALID: CodecError =
    CodecError::Invalid("the H.265 sequence parameter set has more of something than allowed");

/// From `log2_max_pic_order_cnt_lsb_minus4` to the colours in the VUI (ITU-T H.265 7.3.2.2, E.2.1). `sub_layers` is
/// `sps_max_sub_layers_minus1`.
pub(super) fn read_h265(bits: &mut BitReader<'_>, sub_layers: u32) -> Result<Colour, CodecError> {
    let order_bits = at_most(bits.ue()?, 12)? + 4;
    let first = if bits.flag()? { 0 } else { sub_layers };
    for _ in first..=sub_layers {
        skip_golomb(bits, 3)?;
    }
    // Sizes of blocks.
    skip_golomb(bits, 6)?;
    if bits.flag()? && bits.flag()? {
        skip_scaling_lists(bits)?;
    }
    bits.skip(2)?;
    if bits.flag()? {
        bits.skip(8)?;
        skip_golomb(bits, 2)?;
        bits.skip(1)?;
    }
    let mut pictures = 0;
    for index in 0..at_most(bits.ue()?, 64)? {
        pictures = skip_reference_pictures(bits, index, pictures)?;
    }
    if bits.flag()? {
        for _ in 0..at_most(bits.ue()?, 32)? {
            bits.skip(order_bits as usize + 1)?;
        }
    }
    bits.skip(2)?;
    if !bits.flag()? {
        return Ok(Colour::UNSPECIFIED);
    }
    const EXTENDED_ASPECT_RATIO: u32 = 255;
    if bits.flag()? && bits.bits(8)? == EXTENDED_ASPECT_RATIO {
        bits.skip(32)?;
    }
    if bits.flag()? {
        bits.skip(1)?;
    }
    if !bits.flag()? {
        return Ok(Colour::UNSPECIFIED);
    }
    bits.skip(3)?;
    let full_range = bits.flag()?;
    let mut matrix_coefficients = Colour::UNSPECIFIED.matrix_coefficients;
    if bits.flag()? {
        bits.skip(16)?;
        matrix_coefficients = bits.bits(8)? as u8;
    }
    Ok(Colour { matrix_coefficients, full_range })
}

fn at_most(value: u32, max: u32) -> Result<u32, CodecError> {
    if value <= max { Ok(value) } else { Err(INVALID) }
}

/// Signed codes are as long as unsigned ones.
fn skip_golomb(bits: &mut BitReader<'_>, count: usize) -> Result<(), CodecError> {
    (0..count).try_for_each(|_| bits.ue().map(drop))
}

/// `scaling_list_data` (7.3.4).
fn skip_scaling_lists(bits: &mut BitReader<'_>) -> Result<(), CodecError> {
    for size in 0..4 {
        for _ in 0..(if size == 3 { 2 } else { 6 }) {
            let coded = bits.flag()?;
            let coefficients = 64.min(1 << (4 + 2 * size)) + usize::from(size > 1);
            skip_golomb(bits, if coded { coefficients } else { 1 })?;
        }
    }
    Ok(())
}

/// `st_ref_pic_set` (7.3.7) number `index`; `before` is how many pictures the one before it names. Returns how many
/// this one names.
fn skip_reference_pictures(
    bits: &mut BitReader<'_>,
    index: u32,
    before: u32,
) -> Result<u32, CodecError> {
    const PICTURES_MAX: u32 = 16;
    if index > 0 && bits.flag()? {
        bits.skip(1)?;
        bits.ue()?;
        let mut pictures = 0;
        for _ in 0..=before {
            let is_used = bits.flag()? || bits.flag()?;
            pictures += u32::from(is_used);
        }
        return at_most(pictures, PICTURES_MAX);
    }
    let pictures = at_most(bits.ue()?, PICTURES_MAX)? + at_most(bits.ue()?, PICTURES_MAX)?;
    for _ in 0..at_most(pictures, PICTURES_MAX)? {
        bits.ue()?;
        bits.skip(1)?;
    }
    Ok(pictures)
}
