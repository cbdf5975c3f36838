//! Whatever `ffmpeg` decodes, by a process of it: for the forms of a codec that the decoders in Rust do not know.
//!
//! Frames go in by a pipe and pictures come out by one, each with its size; ffmpeg is named no file, may open no other
//! protocol, and inherits the bounds of the process that starts it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::{Codec, CodedFrame, CodedVideo, DecodeError, FrameDecoder, units};
use crate::encode::SIDE_PIXELS_MAX;
use crate::picture::{Picture, Rgb};

/// Before each NAL unit of a byte stream (ITU-T H.264 and H.265, Annex B).
const START_CODE: [u8; 4] = [0, 0, 0, 1];
/// The longest line of a picture's head.
const LINE_BYTES_MAX: u64 = 32;

#[derive(Clone, Debug)]
pub struct Ffmpeg {
    pub program: PathBuf,
}

impl FrameDecoder for Ffmpeg {
    fn decode(
        &mut self,
        video: &CodedVideo,
        take: &mut dyn FnMut(Picture),
    ) -> Result<(), DecodeError> {
        let failed = |error: io::Error| DecodeError::Broken(format!("ffmpeg: {error}"));
        let frames = decodable(&video.frames);
        let stream = byte_stream(video, &frames)?;
        // ffmpeg gives pictures in the order in which they are shown.
        let mut wanted: Vec<(usize, usize)> =
            shown_places(&frames).into_iter().enumerate().collect();
        wanted.retain(|&(frame, _)| frames[frame].wanted);
        wanted.sort_unstable_by_key(|&(_, place)| place);
        let mut pictures = Vec::new();
        self.pictures(video.codec, &stream, &wanted, &mut pictures).map_err(failed)?;
        if pictures.len() < wanted.len() {
            return Err(DecodeError::Broken("ffmpeg gave fewer pictures than frames".to_owned()));
        }
        let mut found: Vec<(usize, Rgb)> =
            wanted.iter().map(|&(frame, _)| frame).zip(pictures).collect();
        found.sort_unstable_by_key(|&(frame, _)| frame);
        found.into_iter().for_each(|(_, picture)| take(Picture::Rgb(picture)));
        Ok(())
    }
}

/// The frames without those that are shown before the first: they may refer to what came before it, no other refers to
/// them, and decoders leave them out or do not.
fn decodable(frames: &[CodedFrame]) -> Vec<&CodedFrame> {
    let first_ms = frames.first().map_or(0, |first| first.shown_ms);
    frames.iter().filter(|frame| frame.shown_ms >= first_ms || frame.wanted).collect()
}

/// By frame, how many are shown before it.
fn shown_places(frames: &[&CodedFrame]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..frames.len()).collect();
    order.sort_by_key(|&frame| frames[frame].shown_ms);
    let mut places = vec![0; frames.len()];
    for (place, frame) in order.into_iter().enumerate() {
        places[frame] = place;
    }
    places
}

fn byte_stream(video: &CodedVideo, frames: &[&CodedFrame]) -> Result<Vec<u8>, DecodeError> {
    let mut stream = Vec::new();
    let mut put = |unit: &[u8]| {
        stream.extend_from_slice(&START_CODE);
        stream.extend_from_slice(unit);
    };
    video.parameter_sets.iter().for_each(|set| put(set));
    for frame in frames {
        units(video, frame)?.into_iter().for_each(&mut put);
    }
    Ok(stream)
}

impl Ffmpeg {
    fn pictures(
        &self,
        codec: Codec,
        stream: &[u8],
        wanted: &[(usize, usize)],
        pictures: &mut Vec<Rgb>,
    ) -> io::Result<()> {
        let terms: Vec<String> =
            wanted.iter().map(|(_, place)| format!("eq(n\\,{place})")).collect();
        let mut child = Command::new(&self.program)
            .args(["-nostdin", "-v", "quiet", "-threads", "1", "-protocol_whitelist", "pipe"])
            .args(["-f", if codec == Codec::H264 { "h264" } else { "hevc" }, "-i", "pipe:0"])
            .args(["-vf", &format!("select={}", terms.join("+")), "-vsync", "passthrough"])
            .args(["-sws_flags", "neighbor+accurate_rnd+full_chroma_int", "-pix_fmt", "rgb24"])
            .args(["-threads", "1", "-c:v", "ppm", "-f", "image2pipe", "pipe:1"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        let read = std::thread::scope(|scope| {
            // It ends early when ffmpeg does; what ffmpeg gave is what counts.
            let writer = scope.spawn(move || input.write_all(stream));
            let read = read_pictures(&mut BufReader::new(output), wanted.len(), pictures);
            if read.is_err() {
                child.kill()?;
            }
            drop(writer.join());
            read
        });
        child.wait()?;
        read
    }
}

fn read_pictures(
    output: &mut dyn BufRead,
    count: usize,
    pictures: &mut Vec<Rgb>,
) -> io::Result<()> {
    while let Some(picture) = read_picture(output)? {
        if pictures.len() == count {
            return Err(io::Error::other("more pictures than were asked for"));
        }
        pictures.push(picture);
    }
    Ok(())
}

/// A portable pixmap (`P6`); `None` at the end.
fn read_picture(output: &mut dyn BufRead) -> io::Result<Option<Rgb>> {
    let nonsense = || io::Error::other("what came is no picture");
    let mut line = || {
        let mut line = String::new();
        output.take(LINE_BYTES_MAX).read_line(&mut line)?;
        io::Result::Ok(line)
    };
    match line()?.as_str() {
        "" => return Ok(None),
        "P6\n" => {}
        _ => return Err(nonsense()),
    }
    let size = line()?;
    let (width, height) = size.trim_end().split_once(' ').ok_or_else(nonsense)?;
    let side = |text: &str| {
        let pixels = text.parse().ok().filter(|pixels| (1..=SIDE_PIXELS_MAX).contains(pixels));
        pixels.ok_or_else(nonsense)
    };
    let (width, height) = (side(width)?, side(height)?);
    if line()? != "255\n" {
        return Err(nonsense());
    }
    let size_bytes = 3 * u64::from(width) * u64::from(height);
    let mut data = Vec::new();
    output.take(size_bytes).read_to_end(&mut data)?;
    match data.len() as u64 == size_bytes {
        true => Ok(Some(Rgb { width, height, data })),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn pictures_are_counted_in_the_order_in_which_they_are_shown() {
        let check = |shown: &[i32], expect: &[usize]| {
            let frame = |&shown_ms| CodedFrame { data: Bytes::new(), wanted: false, shown_ms };
            let frames: Vec<CodedFrame> = shown.iter().map(frame).collect();
            assert_eq!(shown_places(&decodable(&frames)), expect);
        };
        check(&[0, 40, 80], &[0, 1, 2]);
        check(&[0, 160, 80, 40, 120], &[0, 4, 2, 1, 3]);
        check(&[80, 0, 40, 120], &[0, 1]);
        check(&[], &[]);
    }

    #[test]
    fn a_pixmap_is_read_and_nothing_else() {
        let check = |bytes: &[u8], expect: Option<usize>| {
            let mut pictures = Vec::new();
            let read = read_pictures(&mut &bytes[..], 2, &mut pictures);
            assert_eq!(read.ok().map(|()| pictures.len()), expect, "{bytes:?}");
        };
        check(b"", Some(0));
        check(b"P6\n2 1\n255\nabcdef", Some(1));
        check(b"P6\n2 1\n255\nabcdefP6\n1 1\n255\nabc", Some(2));
        check(b"P6\n1 1\n255\nabcP6\n1 1\n255\nabcP6\n1 1\n255\nabc", None);
        check(b"P6\n2 1\n255\nabc", None);
        check(b"P6\n0 1\n255\n", None);
        check(b"P6\n99999 99999\n255\nabc", None);
        check(b"P6\n1 1\n65535\nabcdef", None);
        check(b"P5\n1 1\n255\na", None);
        check(&[b'P'; 1000], None);
    }
}
