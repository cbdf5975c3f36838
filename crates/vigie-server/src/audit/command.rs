//! The lines of commands that an operator gives at the machine and that are no calls of the API: what they did to a
//! server's folder stands in its audit log like any call.
//!
//! Decides where such a line goes: to the file that the server last said it writes, or to the folder's own where that one
//! cannot be told or opened. A line that cannot be written is said; the command has been carried out.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use vigie_kvs::{ErrorKind, Protocol};
use vigie_media::Timestamp;

use super::local::PATH_SETTING;
use super::{AuditLine, LocalAuditLog};
use crate::config::ServerConfig;
use crate::db;
use crate::time_text::rfc3339;

/// A command that works on a server's folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FolderCommand {
    /// `vigie server backup`.
    Backup,
    /// `vigie server restore`.
    Restore,
    /// `vigie server accept-metadata --yes`.
    AcceptMetadata,
    /// `vigie store repair --yes`.
    RepairIndex,
    /// `vigie store unclaimed --discard` and `--discard-all`.
    DiscardMedia,
}

impl FolderCommand {
    /// In the audit log.
    pub(super) const fn action(self) -> &'static str {
        match self {
            Self::Backup => "vigie:Backup",
            Self::Restore => "vigie:Restore",
            Self::AcceptMetadata => "vigie:AcceptMetadata",
            Self::RepairIndex => "vigie:RepairIndex",
            Self::DiscardMedia => "vigie:DiscardMedia",
        }
    }
}

/// What a command did, or was to do.
#[derive(Clone, Copy, Debug)]
pub struct CommandNote<'a> {
    pub command: FolderCommand,
    /// The folder or file that it was about.
    pub path: Option<&'a Path>,
    /// Fragments that went for good.
    pub fragment_count: Option<u64>,
    /// Their bytes, or those of the file.
    pub size_bytes: Option<u64>,
    /// It was not carried out, or not to its end.
    pub has_failed: bool,
}

/// Appends the lines of a command, given by `operator`. A folder that is no server's has no audit log, and gets none.
pub fn note_command(
    config: &ServerConfig,
    operator: &str,
    now: Timestamp,
    notes: &[CommandNote<'_>],
) {
    let metadata = config.metadata_path();
    if notes.is_empty() || metadata.symlink_metadata().is_err() {
        return;
    }
    let setting = db::peek(&metadata, PATH_SETTING).map(|peek| peek.setting.unwrap_or_default());
    let setting = setting.unwrap_or_else(|error| {
        tracing::warn!(%error, "where the server writes its audit log cannot be read");
        Vec::new()
    });
    let chosen = (!setting.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(&setting)));
    let config = ServerConfig { audit_log: chosen, ..config.clone() };
    let log = LocalAuditLog::at(&config, operator).or_else(|error| {
        let path = config.audit_log_path();
        tracing::warn!(
            %error, path = %path.display(),
            "the audit log cannot be opened; the line goes to the folder's own"
        );
        LocalAuditLog::at(&ServerConfig { audit_log: None, ..config.clone() }, operator)
    });
    let mut log = match log {
        Ok(log) => log,
        Err(error) => {
            return tracing::error!(%error, "the line of this command is lost from the audit log");
        }
    };
    let time = rfc3339(now);
    for note in notes {
        let failure = ErrorKind::InternalFailure;
        let (status, error) = match note.has_failed {
            false => (200, None),
            true => (failure.status(Protocol::RestJson), Some(failure.name())),
        };
        let path = note.path.map(|path| path.display().to_string());
        log.write_line(&AuditLine {
            time: &time,
            principal_arn: operator,
            action: note.command.action(),
            status,
            error,
            path: path.as_deref(),
            fragment_count: note.fragment_count,
            size_bytes: note.size_bytes,
            ..AuditLine::default()
        });
    }
}
