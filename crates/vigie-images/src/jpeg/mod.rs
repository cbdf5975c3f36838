//! JPEG files: baseline, interleaved, 4:2:0, with the Huffman tables of the recommendation (ITU-T T.81, JFIF 1.02).
//!
//! Written here because a picture's planes come from the decoder as such a file has them, and because the encoders that could
//! be had take longer over a picture than its decoding may (docs/benchmarks/images.md).
//!
//! ```text
//! tables     zigzag, quantization, Huffman codes      transform  samples -> quantized coefficients
//! bits       what is written of them
//! ```

mod bits;
mod tables;
mod transform;

use crate::ycc::Ycc;
use bits::BitWriter;
use tables::{CHROMA_AC, CHROMA_DC, Code, HuffmanTable, LUMA_AC, LUMA_DC, ZIGZAG, quantization};
use transform::{Quantizer, SIDE};

/// The file of a picture; `None` when a side is longer than the format can say.
pub(crate) fn encode(picture: &Ycc, quality: u8) -> Option<Vec<u8>> {
    let (width, height) = (u16::try_from(picture.width).ok()?, u16::try_from(picture.height).ok()?);
    let steps = quantization(quality);
    // Grown when it is not enough: at the default quality pictures of cameras have far fewer.
    let mut file = Vec::with_capacity(picture.planes[0].len() / 4 + 1024);
    write_head(&mut file, width, height, &steps);
    let mut scan = Scan { bits: BitWriter::new(file), zigzag: by_columns(&ZIGZAG) };
    let [mut luma, mut blue, mut red] = [0, 1, 1].map(|kind| Component::new(kind, &steps));
    let (columns, rows) = (picture.width.div_ceil(16), picture.height.div_ceil(16));
    for row in 0..rows {
        for column in 0..columns {
            for (x, y) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                scan.put(&mut luma, &picture.block(0, 2 * column + x, 2 * row + y));
            }
            scan.put(&mut blue, &picture.block(1, column, row));
            scan.put(&mut red, &picture.block(2, column, row));
        }
    }
    let mut file = scan.bits.finish();
    file.extend([0xFF, 0xD9]);
    Some(file)
}

/// What one colour component is coded by.
struct Component {
    quantizer: Quantizer,
    dc: [Code; 256],
    ac: [Code; 256],
    /// The first coefficient of its last block.
    last_dc: i16,
}

impl Component {
    /// 0 is luma, 1 chroma.
    fn new(kind: usize, steps: &[[u8; 64]; 2]) -> Self {
        let (dc, ac) = if kind == 0 { (LUMA_DC, LUMA_AC) } else { (CHROMA_DC, CHROMA_AC) };
        let quantizer = Quantizer::new(&steps[kind]);
        Self { quantizer, dc: dc.codes(), ac: ac.codes(), last_dc: 0 }
    }
}

/// The places of the zigzag as coefficients stand by columns, and the other way.
struct Zigzag {
    coefficients: [u8; 64],
    places: [u8; 64],
}

fn by_columns(rows: &[u8; 64]) -> Zigzag {
    let coefficients = rows.map(|place| place % 8 * 8 + place / 8);
    let mut places = [0; 64];
    for (place, &coefficient) in (0..).zip(&coefficients) {
        places[usize::from(coefficient)] = place;
    }
    Zigzag { coefficients, places }
}

struct Scan {
    bits: BitWriter,
    zigzag: Zigzag,
}

impl Scan {
    /// A block (F.1.2).
    #[inline]
    fn put(&mut self, component: &mut Component, samples: &[[u8; SIDE]; SIDE]) {
        let coefficients = component.quantizer.coefficients(samples);
        let difference = coefficients[0] - component.last_dc;
        component.last_dc = coefficients[0];
        self.put_value(&component.dc, 0, difference);
        let mut left = self.places_of(not_zero(&coefficients) & !1);
        let mut behind = 1;
        while left != 0 {
            let place = left.trailing_zeros();
            left &= left - 1;
            let mut zeros = place - behind;
            while zeros > 15 {
                let Code { bits, length } = component.ac[0xF0];
                self.bits.put(bits.into(), length.into());
                zeros -= 16;
            }
            let coefficient = self.zigzag.coefficients[place as usize & 63];
            let value = coefficients[usize::from(coefficient) & 63];
            self.put_value(&component.ac, zeros << 4, value);
            behind = place + 1;
        }
        if behind < 64 {
            let Code { bits, length } = component.ac[0];
            self.bits.put(bits.into(), length.into());
        }
    }

    /// The code for the number of bits of a value, and these. No coefficient of samples of 8 bits has more than 10 but the
    /// first, whose difference has 11.
    #[inline(always)]
    fn put_value(&mut self, codes: &[Code; 256], zeros: u32, value: i16) {
        let value = i32::from(value);
        let length = 32 - value.unsigned_abs().leading_zeros();
        let code = codes[(zeros | length) as usize & 255];
        // One less where it is negative: its first bit is zero then.
        let rest = (value + (value >> 31)) as u32 & ((1 << length) - 1);
        self.bits.put(u32::from(code.bits) << length | rest, u32::from(code.length) + length);
    }

    /// The places in the zigzag of some coefficients, a bit for each.
    #[inline(always)]
    fn places_of(&self, mut coefficients: u64) -> u64 {
        let mut places = 0;
        while coefficients != 0 {
            let coefficient = coefficients.trailing_zeros() as usize & 63;
            coefficients &= coefficients - 1;
            places |= 1 << (self.zigzag.places[coefficient] & 63);
        }
        places
    }
}

/// Which coefficients are not zero, a bit for each.
#[inline(always)]
fn not_zero(coefficients: &[i16; 64]) -> u64 {
    /// Brings the lowest bits of eight bytes together in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut flags = [0u8; 64];
    for (flag, &coefficient) in flags.iter_mut().zip(coefficients) {
        *flag = u8::from(coefficient != 0);
    }
    let mut mask = 0;
    for (at, eight) in flags.as_chunks().0.iter().enumerate() {
        mask |= (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) << (8 * at);
    }
    mask
}

/// All before the scan's bits (annex B).
fn write_head(file: &mut Vec<u8>, width: u16, height: u16, steps: &[[u8; 64]; 2]) {
    let mut segment = |marker: u8, body: &[u8]| {
        file.extend([0xFF, marker]);
        file.extend((body.len() as u16 + 2).to_be_bytes());
        file.extend_from_slice(body);
    };
    // SOI stands in front of the first segment: JFIF's, of version 1.2, of square pixels, without a thumbnail.
    segment(0xE0, b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0");
    for (id, steps) in (0..).zip(steps) {
        let by_place = ZIGZAG.map(|coefficient| steps[usize::from(coefficient)]);
        segment(0xDB, &[&[id][..], &by_place].concat());
    }
    let [height_high, height_low] = height.to_be_bytes();
    let [width_high, width_low] = width.to_be_bytes();
    // Eight bits; luma has twice the samples of chroma either way.
    let frame =
        [8, height_high, height_low, width_high, width_low, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1];
    segment(0xC0, &frame);
    for (id, table) in [(0x00, LUMA_DC), (0x10, LUMA_AC), (0x01, CHROMA_DC), (0x11, CHROMA_AC)] {
        let HuffmanTable { counts, symbols } = table;
        segment(0xC4, &[&[id][..], &counts, symbols].concat());
    }
    segment(0xDA, &[3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0]);
    file.splice(0..0, [0xFF, 0xD8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an independent decoder makes of the file.
    fn decoded(file: &[u8]) -> (u16, u16, Vec<u8>) {
        let mut decoder = jpeg_decoder::Decoder::new(file);
        let pixels = decoder.decode().unwrap();
        let info = decoder.info().unwrap();
        (info.width, info.height, pixels)
    }

    fn noise(width: u32, height: u32, spread: u32) -> Ycc {
        let mut seed = 7u32;
        let mut plane = |samples: u32| {
            (0..samples)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (128 + (seed >> 16) % spread - spread / 2) as u8
                })
                .collect::<Vec<u8>>()
        };
        let chroma = width.div_ceil(2) * height.div_ceil(2);
        let planes = [plane(width * height), plane(chroma), plane(chroma)];
        Ycc { width, height, planes }
    }

    #[test]
    fn each_size_reads_as_what_was_written() {
        for (width, height) in [(1, 1), (8, 8), (16, 16), (17, 16), (16, 17), (33, 47), (320, 180)]
        {
            let mut picture = noise(width, height, 40);
            picture.planes[1].fill(128);
            picture.planes[2].fill(128);
            let file = encode(&picture, 100).unwrap();
            let (found_width, found_height, pixels) = decoded(&file);
            assert_eq!((u32::from(found_width), u32::from(found_height)), (width, height));
            // Grey: each of the three is luma.
            for (pixel, &luma) in pixels.as_chunks::<3>().0.iter().zip(&picture.planes[0]) {
                assert!(pixel.iter().all(|&value| value.abs_diff(luma) <= 2), "{pixel:?} {luma}");
            }
        }
    }

    #[test]
    fn every_quality_of_the_largest_coefficients_can_be_read() {
        let mut picture = noise(64, 64, 255);
        for (at, sample) in picture.planes[0].iter_mut().enumerate() {
            *sample = if (at / 64 + at) % 2 == 0 { 0 } else { 255 };
        }
        let sizes: Vec<usize> = [1, 10, 50, 80, 95, 100]
            .map(|quality| {
                let file = encode(&picture, quality).unwrap();
                assert_eq!(decoded(&file).2.len(), 3 * 64 * 64);
                file.len()
            })
            .into();
        assert!(sizes.is_sorted(), "{sizes:?}");
    }

    #[test]
    fn colours_are_those_of_jfif() {
        let check = |ycc: [u8; 3], expect: [u8; 3]| {
            let picture =
                Ycc { width: 2, height: 2, planes: [vec![ycc[0]; 4], vec![ycc[1]], vec![ycc[2]]] };
            let (.., pixels) = decoded(&encode(&picture, 100).unwrap());
            let close = pixels[..3].iter().zip(expect).all(|(&a, b)| a.abs_diff(b) <= 2);
            assert!(close, "{:?} {expect:?}", &pixels[..3]);
        };
        check([0, 128, 128], [0, 0, 0]);
        check([255, 128, 128], [255, 255, 255]);
        check([76, 85, 255], [254, 0, 0]);
        check([29, 255, 107], [0, 0, 254]);
    }

    #[test]
    fn coefficients_that_are_not_zero_are_found() {
        for at in 0..64 {
            let mut coefficients = [0; 64];
            coefficients[at] = i16::MIN;
            coefficients[63] = 1;
            assert_eq!(not_zero(&coefficients), 1 << at | 1 << 63);
        }
    }
}
