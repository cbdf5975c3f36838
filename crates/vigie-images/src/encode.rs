//! Pictures as files: scaled, as JPEG or PNG.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::picture::{Picture, Rgb};

/// No side of a written picture is longer.
pub const SIDE_PIXELS_MAX: u32 = 16_384;

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// As what.
    pub format: Format,
    /// Pixels in a row; the picture's own when absent.
    pub width: Option<u16>,
    /// Rows; the picture's own when absent. One of the two alone keeps the picture's proportions, both stretch it.
    pub height: Option<u16>,
}

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JPEG of a quality from 1 to 100.
    Jpeg {
        /// More is better and larger.
        quality: u8,
    },
    Png,
}

/// The file of a picture; `None` when it is no whole picture or too large for the format.
pub fn encode(picture: Picture, form: Form) -> Option<Vec<u8>> {
    let rgb = scaled(picture.into_rgb()?, form)?;
    match form.format {
        Format::Jpeg { quality } => jpeg(&rgb, quality),
        Format::Png => png(&rgb),
    }
}

fn scaled(rgb: Rgb, form: Form) -> Option<Rgb> {
    let (width, height) = size(&rgb, form);
    if width > SIDE_PIXELS_MAX || height > SIDE_PIXELS_MAX {
        return None;
    }
    if (width, height) == (rgb.width, rgb.height) {
        return Some(rgb);
    }
    let source = ImageRef::new(rgb.width, rgb.height, &rgb.data, PixelType::U8x3).ok()?;
    let mut target = Image::new(width, height, PixelType::U8x3);
    let algorithm = ResizeAlg::Convolution(FilterType::CatmullRom);
    let options = ResizeOptions::new().resize_alg(algorithm);
    Resizer::new().resize(&source, &mut target, &options).ok()?;
    Some(Rgb { width, height, data: target.into_vec() })
}

/// Width and height of what is written.
fn size(rgb: &Rgb, form: Form) -> (u32, u32) {
    // Rounded to the nearest, at least one.
    let in_proportion = |given: u16, of: u32, to: u32| {
        let scaled = (u64::from(given) * u64::from(to) + u64::from(of) / 2) / u64::from(of.max(1));
        u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
    };
    match (form.width, form.height) {
        (None, None) => (rgb.width, rgb.height),
        (Some(width), Some(height)) => (width.into(), height.into()),
        (Some(width), None) => (width.into(), in_proportion(width, rgb.width, rgb.height)),
        (None, Some(height)) => (in_proportion(height, rgb.height, rgb.width), height.into()),
    }
}

fn jpeg(rgb: &Rgb, quality: u8) -> Option<Vec<u8>> {
    let (width, height) = (u16::try_from(rgb.width).ok()?, u16::try_from(rgb.height).ok()?);
    let mut file = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, quality);
    // As cameras and ffmpeg write it, at every quality.
    encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
    encoder.encode(&rgb.data, width, height, jpeg_encoder::ColorType::Rgb).ok()?;
    Some(file)
}

fn png(rgb: &Rgb) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, rgb.width, rgb.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&rgb.data).ok()?;
    writer.finish().ok()?;
    Some(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, height: u32) -> Rgb {
        Rgb { width, height, data: vec![77; (3 * width * height) as usize] }
    }

    #[test]
    fn one_side_keeps_the_proportions_and_two_stretch() {
        let check = |width: Option<u16>, height: Option<u16>, expect: (u32, u32)| {
            let form = Form { format: Format::Png, width, height };
            assert_eq!(size(&grey(640, 360), form), expect);
            let scaled = scaled(grey(640, 360), form).unwrap();
            assert_eq!((scaled.width, scaled.height), expect);
            assert_eq!(scaled, grey(expect.0, expect.1), "one colour stays one colour");
        };
        check(None, None, (640, 360));
        check(Some(320), None, (320, 180));
        check(None, Some(90), (160, 90));
        check(Some(100), Some(100), (100, 100));
        check(Some(1), None, (1, 1));
        check(Some(1280), None, (1280, 720));
    }

    #[test]
    fn a_png_holds_the_pixels() {
        let data: Vec<u8> = (0..60).collect();
        let rgb = Rgb { width: 5, height: 4, data: data.clone() };
        let form = Form { format: Format::Png, width: None, height: None };
        let file = encode(Picture::Rgb(rgb), form).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
        let mut read = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut read).unwrap();
        assert_eq!((info.width, info.height, read), (5, 4, data));
    }

    #[test]
    fn a_jpeg_of_higher_quality_is_larger() {
        let data: Vec<u8> = (0..3 * 64 * 64).map(|n: u32| (n * n / 7 % 251) as u8).collect();
        let sizes = [1, 50, 100].map(|quality| {
            let rgb = Rgb { width: 64, height: 64, data: data.clone() };
            let form = Form { format: Format::Jpeg { quality }, width: None, height: None };
            let file = encode(Picture::Rgb(rgb), form).unwrap();
            assert!(file.starts_with(&[0xFF, 0xD8]) && file.ends_with(&[0xFF, 0xD9]));
            file.len()
        });
        assert!(sizes[0] < sizes[1] && sizes[1] < sizes[2], "{sizes:?}");
    }

    #[test]
    fn what_is_too_large_to_write_is_not_written() {
        let form = Form { format: Format::Png, width: Some(3840), height: None };
        assert_eq!(encode(Picture::Rgb(grey(1, 100)), form), None);
    }
}
