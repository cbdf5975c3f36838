//! Pictures as JPEG files have them: luma and chroma of BT.601 in the full range (JFIF), chroma halved either way.
//!
//! What a camera's picture nearly is already: it is brought here without red, green and blue in between, where it can be. The
//! colours are those of `picture`, to the rounding, but for those that RGB cannot have.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use vigie_media::codec::Colour;

use crate::picture::{Picture, Planes, Rgb, Yuv};

/// Of a side of a block.
const SIDE: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ycc {
    /// Luma samples in a row.
    pub width: u32,
    /// Rows of luma samples.
    pub height: u32,
    /// Luma, blue difference, red difference, without padding.
    pub planes: [Vec<u8>; 3],
}

impl Ycc {
    /// `None` when the planes are not of the size that they should have.
    pub(crate) fn new(picture: Picture) -> Option<Self> {
        match picture {
            Picture::Yuv(yuv) if is_halved(&yuv) => {
                if !yuv.is_whole() {
                    return None;
                }
                Some(from_yuv(yuv))
            }
            other => Some(from_rgb(&other.into_rgb()?)),
        }
    }

    /// In this size; `None` when it has none.
    pub(crate) fn scaled(self, width: u32, height: u32) -> Option<Self> {
        if (width, height) == (self.width, self.height) {
            return Some(self);
        }
        let algorithm = ResizeAlg::Convolution(FilterType::CatmullRom);
        let options = ResizeOptions::new().resize_alg(algorithm);
        let mut resizer = Resizer::new();
        let mut scale = |plane: &[u8], from: (u32, u32), to: (u32, u32)| {
            let source = ImageRef::new(from.0, from.1, plane, PixelType::U8).ok()?;
            let mut target = Image::new(to.0, to.1, PixelType::U8);
            resizer.resize(&source, &mut target, &options).ok()?;
            Some(target.into_vec())
        };
        let (from, to) = ((self.width, self.height), (width, height));
        let [luma, blue, red] = &self.planes;
        let planes = [
            scale(luma, from, to)?,
            scale(blue, half(from), half(to))?,
            scale(red, half(from), half(to))?,
        ];
        Some(Self { width, height, planes })
    }

    /// Eight by eight samples of a plane, counted in blocks; beyond the end its last column and row go on.
    #[inline]
    pub(crate) fn block(&self, plane: usize, column: u32, row: u32) -> [[u8; SIDE]; SIDE] {
        let (width, height) = match plane {
            0 => (self.width, self.height),
            _ => half((self.width, self.height)),
        };
        let (width, height) = (width as usize, height as usize);
        let (left, top) = (column as usize * SIDE, row as usize * SIDE);
        let samples = &self.planes[plane];
        let mut block = [[0; SIDE]; SIDE];
        for (line, to) in block.iter_mut().enumerate() {
            let of_row = (top + line).min(height - 1) * width;
            if left + SIDE <= width {
                to.copy_from_slice(&samples[of_row + left..of_row + left + SIDE]);
            } else {
                for (at, to) in to.iter_mut().enumerate() {
                    *to = samples[of_row + (left + at).min(width - 1)];
                }
            }
        }
        block
    }
}

/// Chroma has a sample for the last column and row of an odd side as well.
fn half((width, height): (u32, u32)) -> (u32, u32) {
    (width.div_ceil(2), height.div_ceil(2))
}

/// Whether only the meaning of the samples has to change.
fn is_halved(yuv: &Yuv) -> bool {
    // Matrix 0 has green, blue and red in the planes themselves.
    (yuv.chroma_shift_x, yuv.chroma_shift_y) == (1, 1) && yuv.colour.matrix_coefficients != 0
}

fn from_yuv(yuv: Yuv) -> Ycc {
    let Yuv { width, height, planes, colour, .. } = yuv;
    let row = width as usize;
    let planes = match planes {
        Planes::Eight(planes) if is_jfif(colour) => planes,
        Planes::Eight(planes) => converted(&planes, row, &Conversion::new(colour, 8)),
        Planes::Deep { samples, bits } => converted(&samples, row, &Conversion::new(colour, bits)),
    };
    Ycc { width, height, planes }
}

fn is_jfif(colour: Colour) -> bool {
    colour.full_range && is_601(colour)
}

/// BT.601, and what is not said.
fn is_601(colour: Colour) -> bool {
    !matches!(colour.matrix_coefficients, 1 | 4 | 7 | 9 | 10)
}

/// Fractional bits of a conversion's factors.
const FRACTION_BITS: u32 = 14;

/// From the luma and chroma of a video to those of JFIF. Grey stays grey: luma does not come into chroma.
struct Conversion {
    y_offset: i32,
    chroma_offset: i32,
    luma_of_y: i32,
    luma_of_chroma: [i32; 2],
    blue_of_chroma: [i32; 2],
    red_of_chroma: [i32; 2],
}

impl Conversion {
    fn new(colour: Colour, bits: u32) -> Self {
        // Red's and blue's part of luma (ITU-T H.273, table 4).
        let (red, blue) = match colour.matrix_coefficients {
            1 => (0.2126, 0.0722),
            4 => (0.30, 0.11),
            7 => (0.212, 0.087),
            9 | 10 => (0.2627, 0.0593),
            _ => JFIF,
        };
        const JFIF: (f64, f64) = (0.299, 0.114);
        let green = 1.0 - red - blue;
        let depth = f64::from(1u32 << (bits - 8));
        let (luma_range, chroma_range) = match colour.full_range {
            // All ones is white in any depth.
            true => (depth * 256.0 - 1.0, depth * 256.0 - 1.0),
            false => (219.0 * depth, 224.0 * depth),
        };
        // What one step of a chroma sample adds to red, green and blue, in steps of eight bits.
        let step = 255.0 / chroma_range;
        let of_blue = [0.0, -2.0 * blue * (1.0 - blue) / green, 2.0 * (1.0 - blue)];
        let of_red = [2.0 * (1.0 - red), -2.0 * red * (1.0 - red) / green, 0.0];
        let [luma, blue_difference, red_difference] = [0, 1, 2].map(|row| {
            [of_blue, of_red].map(|[r, g, b]| {
                let luma = JFIF.0 * r + (1.0 - JFIF.0 - JFIF.1) * g + JFIF.1 * b;
                let value = match row {
                    0 => luma,
                    1 => (b - luma) / (2.0 * (1.0 - JFIF.1)),
                    _ => (r - luma) / (2.0 * (1.0 - JFIF.0)),
                };
                fixed(value * step)
            })
        });
        Self {
            y_offset: if colour.full_range { 0 } else { 16 << (bits - 8) },
            chroma_offset: 128 << (bits - 8),
            luma_of_y: fixed(255.0 / luma_range),
            luma_of_chroma: luma,
            blue_of_chroma: blue_difference,
            red_of_chroma: red_difference,
        }
    }
}

fn fixed(factor: f64) -> i32 {
    (factor * f64::from(1u32 << FRACTION_BITS)).round() as i32
}

/// Rounded to the nearest.
#[inline(always)]
fn sample(sum: i32, offset: i32) -> u8 {
    (((sum + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS) + offset).clamp(0, 255) as u8
}

fn converted<S: Copy + Into<i32>>(
    planes: &[Vec<S>; 3],
    width: usize,
    by: &Conversion,
) -> [Vec<u8>; 3] {
    let [y, u, v] = planes;
    let luma = |y: S| (y.into() - by.y_offset) * by.luma_of_y;
    let chroma = |factors: [i32; 2], u: S, v: S| {
        (u.into() - by.chroma_offset) * factors[0] + (v.into() - by.chroma_offset) * factors[1]
    };
    let pairs = |factors: [i32; 2]| {
        u.iter().zip(v).map(|(&u, &v)| sample(chroma(factors, u, v), 128)).collect()
    };
    let (blue, red) = (pairs(by.blue_of_chroma), pairs(by.red_of_chroma));
    if by.luma_of_chroma == [0, 0] {
        let luma = y.iter().map(|&y| sample(luma(y), 0)).collect();
        return [luma, blue, red];
    }
    let mut out = vec![0; y.len()];
    let chroma_width = width.div_ceil(2);
    let rows = y.chunks_exact(width).zip(out.chunks_exact_mut(width));
    for (row, (y, out)) in rows.enumerate() {
        let at = row / 2 * chroma_width;
        let (u, v) = (&u[at..at + chroma_width], &v[at..at + chroma_width]);
        for ((y, out), (&u, &v)) in y.chunks(2).zip(out.chunks_mut(2)).zip(u.iter().zip(v)) {
            let chroma = chroma(by.luma_of_chroma, u, v);
            for (&y, out) in y.iter().zip(out) {
                *out = sample(luma(y) + chroma, 0);
            }
        }
    }
    [out, blue, red]
}

/// Luma of each pixel, chroma of the mean of four.
fn from_rgb(rgb: &Rgb) -> Ycc {
    /// 16 fractional bits: luma's, blue difference's and red difference's part of red, green and blue.
    const FACTORS: [[i32; 3]; 3] =
        [[19_595, 38_470, 7_471], [-11_058, -21_710, 32_768], [32_768, -27_439, -5_329]];
    let sum = |factors: [i32; 3], pixel: [i32; 3]| -> i32 {
        factors.iter().zip(pixel).map(|(factor, value)| factor * value).sum()
    };
    let (width, height) = (rgb.width as usize, rgb.height as usize);
    let pixel = |x: usize, y: usize| {
        let at = 3 * (y.min(height - 1) * width + x.min(width - 1));
        [rgb.data[at].into(), rgb.data[at + 1].into(), rgb.data[at + 2].into()]
    };
    let pixels = rgb.data.as_chunks::<3>().0;
    let luma = pixels
        .iter()
        .map(|pixel| ((sum(FACTORS[0], pixel.map(i32::from)) + (1 << 15)) >> 16) as u8)
        .collect();
    let mut blue = Vec::with_capacity(width.div_ceil(2) * height.div_ceil(2));
    let mut red = Vec::with_capacity(blue.capacity());
    for y in (0..height).step_by(2) {
        for x in (0..width).step_by(2) {
            let four: [[i32; 3]; 4] =
                [pixel(x, y), pixel(x + 1, y), pixel(x, y + 1), pixel(x + 1, y + 1)];
            let of_four = |channel: usize| four.iter().map(|pixel| pixel[channel]).sum();
            let of_four = [of_four(0), of_four(1), of_four(2)];
            let mean = |factors| ((sum(factors, of_four) + (1 << 17)) >> 18) + 128;
            blue.push(mean(FACTORS[1]).clamp(0, 255) as u8);
            red.push(mean(FACTORS[2]).clamp(0, 255) as u8);
        }
    }
    Ycc { width: rgb.width, height: rgb.height, planes: [luma, blue, red] }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn yuv(colour: Colour, [y, u, v]: [u8; 3]) -> Yuv {
        let planes = Planes::Eight([vec![y; 4], vec![u], vec![v]]);
        Yuv { width: 2, height: 2, planes, chroma_shift_x: 1, chroma_shift_y: 1, colour }
    }

    fn of_one_colour(picture: Picture) -> [u8; 3] {
        let ycc = Ycc::new(picture).unwrap();
        assert!(ycc.planes[0].iter().all(|&luma| luma == ycc.planes[0][0]));
        ycc.planes.map(|plane| plane[0])
    }

    proptest! {
        #[test]
        fn colours_are_those_of_the_way_over_rgb(
            matrix_coefficients in prop_oneof![Just(1u8), Just(2), Just(4), Just(5), Just(6), Just(7), Just(9)],
            full_range in any::<bool>(),
            deep in any::<bool>(),
            samples in (30u8..220, 90u8..166, 90u8..166),
        ) {
            let colour = Colour { matrix_coefficients, full_range };
            let mut yuv = yuv(colour, [samples.0, samples.1, samples.2]);
            let rgb = yuv.clone();
            if deep {
                let Planes::Eight(planes) = &yuv.planes else { unreachable!() };
                let samples = planes.clone().map(|plane| plane.into_iter().map(|it| u16::from(it) << 2).collect());
                yuv.planes = Planes::Deep { samples, bits: 10 };
            }
            let rgb = Picture::Yuv(rgb).into_rgb().unwrap();
            prop_assume!(rgb.data.iter().all(|value| (1..=254).contains(value)));
            let (found, expect) = (of_one_colour(Picture::Yuv(yuv)), of_one_colour(Picture::Rgb(rgb)));
            for (found, expect) in found.into_iter().zip(expect) {
                prop_assert!(found.abs_diff(expect) <= 2, "{found} {expect}");
            }
        }
    }

    #[test]
    fn what_jfif_has_already_stays_as_it_is() {
        let colour = Colour { matrix_coefficients: 6, full_range: true };
        assert_eq!(of_one_colour(Picture::Yuv(yuv(colour, [3, 250, 77]))), [3, 250, 77]);
        let limited = Colour { full_range: false, ..colour };
        assert_eq!(of_one_colour(Picture::Yuv(yuv(limited, [16, 128, 240]))), [0, 128, 255]);
        assert_eq!(of_one_colour(Picture::Yuv(yuv(limited, [235, 16, 0]))), [255, 1, 0]);
    }

    #[test]
    fn odd_sides_have_chroma_for_their_last_column_and_row() {
        let data = (0..3 * 5 * 3).collect::<Vec<u8>>();
        let ycc = Ycc::new(Picture::Rgb(Rgb { width: 5, height: 3, data })).unwrap();
        assert_eq!(ycc.planes.each_ref().map(Vec::len), [15, 6, 6]);
        let scaled = ycc.scaled(7, 9).unwrap();
        assert_eq!(scaled.planes.each_ref().map(Vec::len), [63, 20, 20]);
        assert_eq!(scaled.block(0, 0, 1)[7], scaled.block(0, 0, 1)[0], "the last row goes on");
    }

    #[test]
    fn planes_of_another_size_are_no_picture() {
        let mut short = yuv(Colour::UNSPECIFIED, [1, 2, 3]);
        short.width = 3;
        assert_eq!(Ycc::new(Picture::Yuv(short)), None);
        let none = Yuv { width: 0, height: 0, ..yuv(Colour::UNSPECIFIED, [1, 2, 3]) };
        assert_eq!(Ycc::new(Picture::Yuv(none)), None);
    }
}
