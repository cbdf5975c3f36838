//! What runs in a decoder's process: reads requests, answers them, ends with its input.
//!
//! Confines itself first. Never opens a file and never speaks but over its two pipes.

use std::io::{self, ErrorKind, Read, Write};

use bytes::Bytes;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::confinement::Confinement;
use crate::decode::{DecodeError, FrameDecoder};
use crate::encode::encode;
use crate::picture::Picture;
use crate::protocol::{ImageError, REQUEST_BYTES_MAX, Reply, Request, reply_to_wire};

/// Confines this process and answers requests from `input` on `output` until `input` ends. The process is not good for
/// anything else afterwards.
pub fn run(
    confinement: &Confinement,
    decoder: &mut dyn FrameDecoder,
    input: &mut dyn Read,
    output: &mut dyn Write,
) -> io::Result<()> {
    let bounds = confinement.apply()?;
    serve(decoder, input, output, &mut || allow_time(bounds.request_seconds))
}

/// So many more seconds of processor time; the kernel ends the process after them.
fn allow_time(seconds: u64) -> io::Result<()> {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime).tv_sec;
    let limit = u64::try_from(used).unwrap_or(0).saturating_add(seconds);
    Ok(setrlimit(Resource::Cpu, Rlimit { current: Some(limit), maximum: None })?)
}

/// Answers requests until there are no more.
pub fn serve(
    decoder: &mut dyn FrameDecoder,
    input: &mut dyn Read,
    output: &mut dyn Write,
    before_each: &mut dyn FnMut() -> io::Result<()>,
) -> io::Result<()> {
    while let Some(request) = read_message(input)? {
        before_each()?;
        let invalid = |error| io::Error::new(ErrorKind::InvalidData, error);
        answer(decoder, &Request::read(request).map_err(invalid)?, output)?;
    }
    Ok(())
}

fn read_message(input: &mut dyn Read) -> io::Result<Option<Bytes>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > REQUEST_BYTES_MAX {
        return Err(io::Error::new(ErrorKind::InvalidData, "the request is too long"));
    }
    let mut message = Vec::new();
    input.take(length as u64).read_to_end(&mut message)?;
    if message.len() < length {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(message.into()))
}

fn answer(
    decoder: &mut dyn FrameDecoder,
    request: &Request,
    output: &mut dyn Write,
) -> io::Result<()> {
    let mut left = request.wanted();
    let mut sent = Ok(());
    let mut send = |reply: &Reply| -> io::Result<()> {
        output.write_all(&reply_to_wire(reply))?;
        output.flush()
    };
    let decoded = decoder.decode(&request.video, &mut |picture: Picture| {
        if left > 0 && sent.is_ok() {
            left -= 1;
            // Only the size can stand in the way of writing a whole picture.
            let file = encode(picture, request.form).ok_or(ImageError::TooLarge);
            sent = send(&file.map(Bytes::from));
        }
    });
    sent?;
    let missing = match decoded {
        Ok(()) => ImageError::Broken("the decoder gave fewer pictures than frames".to_owned()),
        Err(DecodeError::Unsupported(what)) => ImageError::Unsupported(what),
        Err(DecodeError::Broken(what)) => ImageError::Broken(what),
    };
    for _ in 0..left {
        send(&Err(missing.clone()))?;
    }
    Ok(())
}
