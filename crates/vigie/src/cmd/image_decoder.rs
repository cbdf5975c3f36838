//! `vigie image-decoder`: a decoder that a server starts for itself; no command for people.

use std::io;

use vigie_images::child;
use vigie_images::confinement::Confinement;
use vigie_images::decode::{Ffmpeg, RustDecoders};

use crate::cli::ImageDecoderOptions;
use crate::failure::{Doing, Failure};

/// As it stands on the command line.
pub const COMMAND: &str = "image-decoder";

/// Answers requests until the server closes the pipe.
pub fn run(options: ImageDecoderOptions) -> Result<(), Failure> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let ended = match options.ffmpeg {
        None => child::run(&Confinement::Alone, &mut RustDecoders, &mut input, &mut output),
        Some(program) => {
            let confinement = Confinement::Starting(program.clone());
            child::run(&confinement, &mut Ffmpeg { program }, &mut input, &mut output)
        }
    };
    ended.doing("decode pictures")
}
