//! ffmpeg, which makes media and is what is measured beside.

use std::process::{Command, Stdio};

use crate::Outcome;

/// ffmpeg as it is called here.
pub(crate) fn ffmpeg(mut command: Command) -> Command {
    command.args(["-nostdin", "-v", "error", "-y"]).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn finish(command: &mut Command) -> Outcome<()> {
    let done = command.status().map_err(|error| format!("ffmpeg: {error}"))?;
    if done.success() { Ok(()) } else { Err(format!("ffmpeg: {done}").into()) }
}
