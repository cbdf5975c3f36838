//! H.265 by `rust_h265`: pairs its pictures with the frames they were coded in.

use rust_h265::{DecodeError as Error, Decoder, Frame, NalUnitType, PixelData, parse_nal};
use vigie_media::codec::{Colour, h265};

use super::{CodedVideo, DecodeError, Wanted, units};
use crate::picture::{Picture, Planes, Yuv};

/// Ends the picture before it (ITU-T H.265 7.4.2.4.4), so that it is given at once and it is clear which one it is.
const ACCESS_UNIT_DELIMITER: [u8; 3] = [35 << 1, 1, 0x50];

pub(super) fn decode(video: &CodedVideo, take: &mut dyn FnMut(Picture)) -> Result<(), DecodeError> {
    let mut decoder = Decoder::new();
    let mut colour = Colour::UNSPECIFIED;
    let mut wanted = Wanted::new(video);
    for set in &video.parameter_sets {
        feed(&mut decoder, set, &mut colour)?;
    }
    let highest_layer = highest_temporal_layer(video);
    for (index, frame) in video.frames.iter().enumerate() {
        let units = units(video, frame)?;
        if !frame.wanted && units.iter().all(|unit| is_needed_by_none(unit, highest_layer)) {
            continue;
        }
        let delimiter = [&ACCESS_UNIT_DELIMITER[..]];
        for unit in units.into_iter().chain(delimiter) {
            if let Some(done) = feed(&mut decoder, unit, &mut colour)? {
                wanted.came(index, || picture(done, colour), take)?;
            }
        }
    }
    wanted.finish()
}

fn feed(
    decoder: &mut Decoder,
    unit: &[u8],
    colour: &mut Colour,
) -> Result<Option<Frame>, DecodeError> {
    let parsed = parse_nal(unit);
    let parsed =
        parsed.ok_or_else(|| DecodeError::Broken("a NAL unit has no header".to_owned()))?;
    if parsed.nal_unit_type == NalUnitType::Sps
        && let Ok(said) = h265::colour(unit)
    {
        *colour = said;
    }
    decoder.decode_nal(&parsed).map_err(|error| match error {
        Error::Unsupported(what) | Error::ResourceLimit(what) => {
            DecodeError::Unsupported(what.to_owned())
        }
        other => DecodeError::Broken(other.to_string()),
    })
}

fn temporal_layer(unit: &[u8]) -> u8 {
    unit.get(1).map_or(0, |byte| byte & 7)
}

fn highest_temporal_layer(video: &CodedVideo) -> u8 {
    // A frame that cannot be followed is refused when its turn comes.
    let units = video.frames.iter().filter_map(|frame| units(video, frame).ok()).flatten();
    units.map(temporal_layer).max().unwrap_or(0)
}

/// Whether no picture is made of this part of one: a slice of a picture that its own temporal layer does not refer to
/// (ITU-T H.265 table 7-1, even types below 16), where there is no higher layer.
fn is_needed_by_none(unit: &[u8], highest_layer: u8) -> bool {
    let kind = unit.first().map_or(63, |byte| byte >> 1 & 0x3F);
    match kind {
        0..=15 => kind.is_multiple_of(2) && temporal_layer(unit) == highest_layer,
        // Delimiters and supplemental information say nothing that another picture needs.
        35 | 39 | 40 => true,
        _ => false,
    }
}

fn picture(frame: Frame, colour: Colour) -> Option<Picture> {
    let planes = match (frame.y, frame.u, frame.v) {
        (PixelData::U8(y), PixelData::U8(u), PixelData::U8(v)) => Planes::Eight([y, u, v]),
        (PixelData::U16(y), PixelData::U16(u), PixelData::U16(v)) => {
            Planes::Deep { samples: [y, u, v], bits: frame.bit_depth.into() }
        }
        _ => return None,
    };
    let shift = match frame.chroma_format_idc {
        1 => 1,
        3 => 0,
        _ => return None,
    };
    let (width, height) = (frame.width, frame.height);
    let (chroma_shift_x, chroma_shift_y) = (shift, shift);
    Some(Picture::Yuv(Yuv { width, height, planes, chroma_shift_x, chroma_shift_y, colour }))
}
