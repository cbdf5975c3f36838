//! H.264 by `rust_h264`: pairs its pictures with the frames they were coded in.

use std::borrow::Cow;

use rust_h264::decoder::{ChromaFormat, Decoder, Frame};
use rust_h264::error::DecodeError as Error;
use rust_h264::nal::{NalUnit, NalUnitType, parse_avcc, parse_sps_info};
use vigie_media::codec::Colour;

use super::{CodedFrame, CodedVideo, DecodeError, Wanted, units};
use crate::picture::{Picture, Planes, Yuv};

/// `nal_unit_type`s that slices have (ITU-T H.264 table 7-1).
const fn is_slice(kind: NalUnitType) -> bool {
    matches!(kind, NalUnitType::Slice | NalUnitType::SliceIdr)
}

pub(super) fn decode(video: &CodedVideo, take: &mut dyn FnMut(Picture)) -> Result<(), DecodeError> {
    let mut decoder = Decoder::new();
    let mut colour = Colour::UNSPECIFIED;
    let mut wanted = Wanted::new(video);
    // The frame whose picture the decoder is making; it comes out when the next one begins.
    let mut making = None;
    let mut failed = Ok(());
    for set in &video.parameter_sets {
        let unit = [&(set.len() as u32).to_be_bytes()[..], set].concat();
        for unit in parse_avcc(&unit, 4) {
            note_colour(&unit, &mut colour);
            decoder.decode_nal(&unit).map_err(error)?;
        }
    }
    'frames: for (index, frame) in video.frames.iter().enumerate() {
        let units = match units(video, frame) {
            Ok(units) => units,
            Err(reason) => {
                failed = Err(reason);
                break;
            }
        };
        let bytes = with_long_lengths(video, frame, &units);
        let units = parse_avcc(&bytes, 4);
        let mut slices = units.iter().filter(|unit| is_slice(unit.nal_unit_type));
        // No other picture is made of it.
        if !frame.wanted && slices.all(|unit| unit.nal_ref_idc == 0) {
            continue;
        }
        for unit in &units {
            note_colour(unit, &mut colour);
            match decoder.decode_nal(unit) {
                Ok(Some(done)) => {
                    if let Some(index) = making {
                        wanted.came(index, || picture(done, colour), take)?;
                    }
                }
                Ok(None) => {}
                Err(reason) => {
                    failed = Err(error(reason));
                    break 'frames;
                }
            }
            if is_slice(unit.nal_unit_type) {
                making = Some(index);
            }
        }
    }
    if let (Some(done), Some(index)) = (decoder.flush(), making) {
        wanted.came(index, || picture(done, colour), take)?;
    }
    failed?;
    wanted.finish()
}

/// The frame with lengths of four bytes, which the decoder's parser knows.
fn with_long_lengths<'a>(
    video: &CodedVideo,
    frame: &'a CodedFrame,
    units: &[&[u8]],
) -> Cow<'a, [u8]> {
    if video.nal_length_size == 4 {
        return Cow::Borrowed(&frame.data);
    }
    let mut bytes = Vec::with_capacity(frame.data.len() + 4 * units.len());
    for unit in units {
        bytes.extend_from_slice(&(unit.len() as u32).to_be_bytes());
        bytes.extend_from_slice(unit);
    }
    Cow::Owned(bytes)
}

fn note_colour(unit: &NalUnit<'_>, colour: &mut Colour) {
    if let Ok(info) = parse_sps_info(unit) {
        *colour = Colour { matrix_coefficients: info.matrix, full_range: info.full_range };
    }
}

fn error(error: Error) -> DecodeError {
    match error {
        Error::Unsupported(what) => DecodeError::Unsupported(what.to_owned()),
        other => DecodeError::Broken(other.to_string()),
    }
}

fn picture(frame: Frame, colour: Colour) -> Option<Picture> {
    let chroma_shift_y = match frame.chroma_format {
        ChromaFormat::Yuv420 => 1,
        ChromaFormat::Yuv422 => 0,
    };
    let planes = [frame.y, frame.u, frame.v];
    let planes = match frame.bit_depth {
        8 => Planes::Eight(planes),
        bits => {
            Planes::Deep { samples: planes.map(|plane| little_endian(&plane)), bits: bits.into() }
        }
    };
    let (width, height) = (frame.width, frame.height);
    Some(Picture::Yuv(Yuv { width, height, planes, chroma_shift_x: 1, chroma_shift_y, colour }))
}

fn little_endian(plane: &[u8]) -> Vec<u16> {
    plane.as_chunks().0.iter().map(|&sample| u16::from_le_bytes(sample)).collect()
}
