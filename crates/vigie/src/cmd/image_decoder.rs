//! `vigie image-decoder`: a decoder that a server starts for itself; no command for people.

use std::io;

use vigie_images::child::{self, Bounds};
use vigie_images::decode::{Ffmpeg, RustDecoders};

use crate::cli::ImageDecoderOptions;
use crate::failure::{Doing, Failure};

/// As it stands on the command line.
pub const COMMAND: &str = "image-decoder";

/// Answers requests until the server closes the pipe.
pub fn run(options: ImageDecoderOptions) -> Result<(), Failure> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let ended = match options.ffmpeg {
        None => child::run(Bounds::RUST, &mut RustDecoders, &mut input, &mut output),
        Some(program) => {
            child::run(Bounds::FFMPEG, &mut Ffmpeg { program }, &mut input, &mut output)
        }
    };
    ended.doing("decode pictures")
}
