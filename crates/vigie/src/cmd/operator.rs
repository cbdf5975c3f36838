//! Who gives a command at the machine, and that it stands in the server's audit log.

use std::path::Path;

use vigie_engine::clock::Clock;
use vigie_server::{CommandNote, FolderCommand, ServerConfig, note_command};

use crate::system::SystemClock;

/// Who gives the command, for the audit log: the user id, which cannot be made up as a name in the environment can.
pub fn operator() -> String {
    format!("local:uid/{}", rustix::process::getuid().as_raw())
}

/// Notes commands in the audit log of a server's folder.
pub fn note(config: &ServerConfig, notes: &[CommandNote<'_>]) {
    note_command(config, &operator(), SystemClock::new().now().wall, notes);
}

/// Notes one that was about a folder, and what came of it.
pub fn note_one<T, E>(
    config: &ServerConfig,
    command: FolderCommand,
    path: Option<&Path>,
    done: &Result<T, E>,
) {
    let has_failed = done.is_err();
    let (fragment_count, size_bytes) = (None, None);
    note(config, &[CommandNote { command, path, fragment_count, size_bytes, has_failed }]);
}
