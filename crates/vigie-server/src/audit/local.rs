//! The audit log of a server from outside its process, for commands that work on its folder.
//!
//! Decides which file that is: the one that the server last said it writes.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use vigie_media::Timestamp;

use super::AuditLine;
use super::file::{AuditFile, size_bytes_max};
use crate::config::ServerConfig;
use crate::db::{DbError, MetadataDb};
use crate::time_text::rfc3339;

pub(crate) struct LocalAuditLog {
    file: AuditFile,
    principal: String,
}

/// The name of the setting that tells such commands where the server writes; empty for the folder's own file.
pub(super) const PATH_SETTING: &str = "audit-log-path";

impl LocalAuditLog {
    /// Opens the file that the server last said it writes. `principal` is who gives the command.
    pub(crate) async fn open(
        db: &dyn MetadataDb,
        config: &ServerConfig,
        principal: &str,
    ) -> Result<Self, LocalAuditError> {
        let setting = db.setting(PATH_SETTING).await?.unwrap_or_default();
        let chosen = (!setting.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(&setting)));
        let config = ServerConfig { audit_log: chosen, ..config.clone() };
        let opened = Self::at(&config, principal);
        opened.map_err(|source| LocalAuditError::Open { path: config.audit_log_path(), source })
    }

    /// Opens the file that the config names.
    pub(super) fn at(config: &ServerConfig, principal: &str) -> io::Result<Self> {
        let file = AuditFile::open(config.audit_log_path(), size_bytes_max(config))?;
        Ok(Self { file, principal: principal.to_owned() })
    }

    /// Appends the line of a command that stands for a call.
    pub(crate) fn write(
        &mut self,
        now: Timestamp,
        action: &str,
        resource: Option<&str>,
        (status, error): (u16, Option<&str>),
    ) {
        let principal = self.principal.clone();
        self.write_line(&AuditLine {
            time: &rfc3339(now),
            principal_arn: &principal,
            action,
            resource,
            status,
            error,
            ..AuditLine::default()
        });
    }

    /// One that cannot be written is said; the command has been carried out.
    pub(super) fn write_line(&mut self, line: &AuditLine<'_>) {
        if let Err(error) = line.to_json().and_then(|line| self.file.write(&line)) {
            let path = self.file.path().display();
            tracing::error!(%error, %path, "the line of this command is lost from the audit log");
        }
    }
}

/// Why a command cannot be noted in the audit log, and is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum LocalAuditError {
    /// The setting cannot be read.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The file cannot be opened.
    #[error("open the audit log {}; nothing has been changed", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Leaves word for commands where this server writes its audit log.
pub(crate) async fn note_path(db: &dyn MetadataDb, config: &ServerConfig) -> Result<(), DbError> {
    let path = config.audit_log.as_deref().map(std::path::absolute).transpose();
    let path = path.map_err(|error| DbError::Engine(error.to_string()))?.unwrap_or_default();
    let path = path.as_os_str().as_bytes();
    if db.setting(PATH_SETTING).await?.unwrap_or_default() != path {
        db.save_setting(PATH_SETTING, path).await?;
    }
    Ok(())
}
