//! Decoded pictures, and the one rule by which their colours become RGB.
//!
//! The rule is that of ffmpeg with `-sws_flags neighbor+accurate_rnd+full_chroma_int`, to the bit (but for blue beyond
//! its end, where libswscale's sums of 32 bits overflow to 0): the matrix and the
//! range are what the stream says (BT.601 and limited where it says nothing, whatever the size), a chroma sample stands
//! for all the luma samples it covers, and the sum of products with coefficients of 13 fractional bits is rounded once.
//! Pictures are as coded: a sample aspect ratio is not applied.

use vigie_media::codec::Colour;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picture {
    /// As decoders make it.
    Yuv(Yuv),
    /// As it is written.
    Rgb(Rgb),
}

/// Red, green and blue, 8 bits each, row by row from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rgb {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `3 * width * height` bytes.
    pub data: Vec<u8>,
}

/// Luma and chroma in planes without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Yuv {
    /// Luma samples in a row.
    pub width: u32,
    /// Rows of luma samples.
    pub height: u32,
    /// Luma, blue difference, red difference.
    pub planes: Planes,
    /// log2 of the luma samples in a row for each chroma sample.
    pub chroma_shift_x: u32,
    /// log2 of the rows of luma for each row of chroma.
    pub chroma_shift_y: u32,
    /// What the samples mean.
    pub colour: Colour,
}

/// The samples of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Planes {
    /// Of 8 bits.
    Eight([Vec<u8>; 3]),
    /// Of 9 to 16 bits.
    Deep {
        samples: [Vec<u16>; 3],
        /// Bits of each.
        bits: u32,
    },
}

impl Picture {
    /// In red, green and blue; `None` when the planes are not of the size that they should have.
    pub fn into_rgb(self) -> Option<Rgb> {
        match self {
            Self::Rgb(rgb) => {
                let size = 3 * u64::from(rgb.width) * u64::from(rgb.height);
                (rgb.data.len() as u64 == size).then_some(rgb)
            }
            Self::Yuv(yuv) => yuv.to_rgb(),
        }
    }
}

impl Yuv {
    fn to_rgb(&self) -> Option<Rgb> {
        let data = match &self.planes {
            Planes::Eight([y, u, v]) => self.convert(y, u, v, 8),
            Planes::Deep { samples: [y, u, v], bits } => self.convert(y, u, v, *bits),
        }?;
        Some(Rgb { width: self.width, height: self.height, data })
    }

    fn convert<S: Copy + Into<i32>>(
        &self,
        y: &[S],
        u: &[S],
        v: &[S],
        bits: u32,
    ) -> Option<Vec<u8>> {
        let (width, height) = (self.width as usize, self.height as usize);
        let chroma_width = width.div_ceil(1 << self.chroma_shift_x);
        let chroma_height = height.div_ceil(1 << self.chroma_shift_y);
        let is_whole = y.len() == width * height
            && u.len() == chroma_width * chroma_height
            && v.len() == u.len()
            && width > 0
            && height > 0
            && (8..=16).contains(&bits);
        if !is_whole {
            return None;
        }
        let mut out = vec![0; 3 * width * height];
        // Green, blue and red lie in the planes themselves (ITU-T H.273, matrix 0).
        let identity = self.colour.matrix_coefficients == 0;
        let factors = Factors::new(self.colour, bits);
        let rows = y.chunks_exact(width).zip(out.chunks_exact_mut(3 * width));
        for (row, (y, out)) in rows.enumerate() {
            let chroma = (row >> self.chroma_shift_y) * chroma_width;
            let chroma = chroma..chroma + chroma_width;
            let (u, v) = (&u[chroma.clone()], &v[chroma]);
            if identity {
                let scale = |sample: S| (sample.into() >> (bits - 8)).clamp(0, 255) as u8;
                for (x, (out, &y)) in out.chunks_exact_mut(3).zip(y).enumerate() {
                    let at = x >> self.chroma_shift_x;
                    out.copy_from_slice(&[scale(v[at]), scale(y), scale(u[at])]);
                }
                continue;
            }
            let step = 1 << self.chroma_shift_x;
            let pairs = y.chunks(step).zip(out.chunks_mut(3 * step));
            for ((y, out), (&u, &v)) in pairs.zip(u.iter().zip(v)) {
                let chroma = factors.chroma(u.into(), v.into());
                for (&y, out) in y.iter().zip(out.chunks_exact_mut(3)) {
                    out.copy_from_slice(&factors.rgb(y.into(), chroma));
                }
            }
        }
        Some(out)
    }
}

/// Fractional bits of the coefficients.
const FRACTION_BITS: u32 = 13;

/// The coefficients of one conversion, as libswscale rounds them.
struct Factors {
    y: i32,
    y_offset: i32,
    red_of_v: i32,
    green_of_u: i32,
    green_of_v: i32,
    blue_of_u: i32,
    chroma_offset: i32,
    shift: u32,
}

impl Factors {
    fn new(colour: Colour, bits: u32) -> Self {
        // Red of Cr, blue of Cb, green of Cb, green of Cr; 16 fractional bits, for the limited range.
        let matrix: [i64; 4] = match colour.matrix_coefficients {
            1 => [117_489, 138_438, 13_975, 34_925],      // BT.709
            4 => [104_448, 132_798, 24_759, 53_109],      // FCC
            7 => [117_579, 136_230, 16_907, 35_559],      // SMPTE 240M
            9 | 10 => [110_013, 140_363, 12_277, 42_626], // BT.2020
            _ => [104_597, 132_201, 25_675, 53_279],      // BT.601, and what is not said
        };
        let rounded = |value: i64| ((value * (1 << FRACTION_BITS) + (1 << 15)) >> 16) as i32;
        let [rv, bu, gu, gv] = match colour.full_range {
            true => matrix.map(|value| value * 224 / 255),
            false => matrix,
        };
        let (y, y_offset) = match colour.full_range {
            true => (1 << 16, 0),
            false => ((1 << 16) * 255 / 219, 16 << (bits - 8)),
        };
        Self {
            y: rounded(y),
            y_offset,
            red_of_v: rounded(rv),
            green_of_u: rounded(-gu),
            green_of_v: rounded(-gv),
            blue_of_u: rounded(bu),
            chroma_offset: 128 << (bits - 8),
            shift: FRACTION_BITS + bits - 8,
        }
    }

    /// What a chroma sample adds to red, green and blue.
    fn chroma(&self, u: i32, v: i32) -> [i32; 3] {
        let (u, v) = (u - self.chroma_offset, v - self.chroma_offset);
        [v * self.red_of_v, v * self.green_of_v + u * self.green_of_u, u * self.blue_of_u]
    }

    fn rgb(&self, y: i32, chroma: [i32; 3]) -> [u8; 3] {
        let y = (y - self.y_offset) * self.y + (1 << (self.shift - 1));
        chroma.map(|chroma| ((y + chroma) >> self.shift).clamp(0, 255) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITED_601: Colour = Colour { matrix_coefficients: 2, full_range: false };

    #[track_caller]
    fn check(colour: Colour, yuv: [u8; 3], expect: [u8; 3]) {
        let planes = Planes::Eight(yuv.map(|sample| vec![sample]));
        let (chroma_shift_x, chroma_shift_y) = (1, 1);
        let yuv = Yuv { width: 1, height: 1, planes, chroma_shift_x, chroma_shift_y, colour };
        assert_eq!(Picture::Yuv(yuv).into_rgb().unwrap().data, expect);
    }

    #[test]
    fn black_white_and_the_primaries_are_what_the_recommendations_say() {
        let full_601 = Colour { full_range: true, ..LIMITED_601 };
        let limited_709 = Colour { matrix_coefficients: 1, ..LIMITED_601 };
        for colour in [LIMITED_601, limited_709] {
            check(colour, [16, 128, 128], [0, 0, 0]);
            check(colour, [235, 128, 128], [255, 255, 255]);
            check(colour, [0, 128, 128], [0, 0, 0]);
        }
        check(full_601, [0, 128, 128], [0, 0, 0]);
        check(full_601, [255, 128, 128], [255, 255, 255]);
        check(LIMITED_601, [81, 90, 240], [254, 0, 0]);
        check(limited_709, [63, 102, 240], [255, 1, 0]);
        check(full_601, [76, 85, 255], [254, 0, 0]);
        // Green, blue and red themselves.
        check(Colour { matrix_coefficients: 0, full_range: true }, [1, 2, 3], [3, 1, 2]);
    }

    #[test]
    fn ten_bits_are_the_same_colours() {
        let samples = [[64u16, 512, 512], [940, 512, 512], [324, 360, 960]];
        let expect = [[0, 0, 0], [255, 255, 255], [254, 0, 0]];
        for (sample, expect) in samples.into_iter().zip(expect) {
            let planes = Planes::Deep { samples: sample.map(|sample| vec![sample]), bits: 10 };
            let (chroma_shift_x, chroma_shift_y) = (1, 1);
            let colour = LIMITED_601;
            let yuv = Yuv { width: 1, height: 1, planes, chroma_shift_x, chroma_shift_y, colour };
            assert_eq!(Picture::Yuv(yuv).into_rgb().unwrap().data, expect);
        }
    }

    #[test]
    fn a_picture_of_odd_sides_has_a_chroma_sample_for_its_last_column_and_row() {
        let planes = Planes::Eight([vec![128; 15], vec![128; 6], vec![128; 6]]);
        let (chroma_shift_x, chroma_shift_y) = (1, 1);
        let colour = LIMITED_601;
        let yuv = Yuv { width: 5, height: 3, planes, chroma_shift_x, chroma_shift_y, colour };
        let rgb = Picture::Yuv(yuv).into_rgb().unwrap();
        assert_eq!(rgb.data, [130; 45]);
    }

    #[test]
    fn planes_of_another_size_are_no_picture() {
        let planes = Planes::Eight([vec![0; 16], vec![0; 3], vec![0; 4]]);
        let (chroma_shift_x, chroma_shift_y) = (1, 1);
        let colour = LIMITED_601;
        let yuv = Yuv { width: 4, height: 4, planes, chroma_shift_x, chroma_shift_y, colour };
        assert_eq!(Picture::Yuv(yuv).into_rgb(), None);
        let rgb = Rgb { width: 2, height: 2, data: vec![0; 11] };
        assert_eq!(Picture::Rgb(rgb).into_rgb(), None);
    }
}
