//! The audit log: one line for each call that changes something, by whom it was, what it was about and what came of it.
//! Besides: who signs in, what the server erases for good, and a sample of the calls whose signature does not hold.
//!
//! A line goes to tracing's target `vigie_audit` and to a file as JSON, by a thread of its own. A line that cannot be
//! written is said and counted; it never stops or fails a call. Who reads the log waits for that thread, so that the
//! calls that were answered before are in what is read.

mod action;
mod command;
mod file;
mod page;
mod refusals;

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use prometheus_client::metrics::counter::Counter;
use serde::Serialize;
use tokio::sync::oneshot;
use vigie_media::Timestamp;

use crate::config::ServerConfig;
use crate::db::{DbError, MetadataDb};
use file::AuditFile;

pub(crate) use action::ServerAction;
pub use command::{CommandNote, FolderCommand, note_command};
pub(crate) use page::{PageError, Position, read_page};
use refusals::RefusalSampler;
pub(crate) use refusals::note_refused;

/// Lines that wait for the disk; beyond, lines are lost, counted and said.
const LINES_WAITING_MAX: usize = 8192;

/// One call. What of a call may be in the log is decided by what is here: no input but the resource's ARN.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct AuditLine<'a> {
    /// When the call was answered, RFC 3339, UTC.
    pub time: &'a str,
    /// The `x-amzn-RequestId` of the answer; null for a command at the machine, which makes no request.
    pub request_id: Option<&'a str>,
    /// Null for a command at the machine.
    pub access_key_id: Option<&'a str>,
    pub principal_arn: &'a str,
    /// Such as `kinesisvideo:CreateStream`; where it is no call, see [`ServerAction`] and [`FolderCommand`].
    pub action: &'a str,
    /// The ARN that the call named, or stood for by a name; null where it named none that could be read.
    pub resource: Option<&'a str>,
    /// The HTTP status; of a command, the one that its API call would have had.
    pub status: u16,
    /// The exception; null when the call was carried out.
    pub error: Option<&'a str>,
    /// Address and port of the caller; null for a command at the machine.
    pub remote_address: Option<&'a str>,
    /// Of a deletion: bytes of video that its hub held and that were never uploaded, so that they are gone for good; as
    /// the hub last said, or as it said when it had erased them. Left out where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_uploaded_bytes: Option<u64>,
    /// How many calls of the same address the line stands for; where signatures are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Fragments that were erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fragment_count: Option<u64>,
    /// Their bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// The folder or file that a command at the machine was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'a str>,
}

/// What the file's thread is told.
enum Order {
    Write(Vec<u8>),
    /// Answer, once all lines from before have been written.
    Answer(oneshot::Sender<()>),
}

/// See the module's documentation.
pub(crate) struct AuditLog {
    path: PathBuf,
    /// Taken at the end, which ends the thread.
    orders: Option<SyncSender<Order>>,
    writer: Option<JoinHandle<()>>,
    failures: Counter,
    refusals: RefusalSampler,
}

impl AuditLog {
    /// Opens the file for appending; a new one is its owner's alone.
    pub(crate) fn open(config: &ServerConfig) -> io::Result<Self> {
        let path = config.audit_log_path();
        let file = AuditFile::open(path.clone(), size_bytes_max(config))?;
        let failures = Counter::default();
        let (orders, waiting) = sync_channel(LINES_WAITING_MAX);
        let counter = failures.clone();
        let writer = std::thread::Builder::new()
            .name("audit-log".to_owned())
            .spawn(move || write_lines(file, &waiting, &counter))?;
        let refusals = RefusalSampler::default();
        Ok(Self { path, orders: Some(orders), writer: Some(writer), failures, refusals })
    }

    /// The file that lines are appended to.
    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Counts the lines that are lost.
    pub(crate) fn failures(&self) -> Counter {
        self.failures.clone()
    }

    /// Says the line and hands it to the file's thread. Never waits.
    pub(crate) fn write(&self, line: &AuditLine<'_>) {
        tracing::info!(
            target: "vigie_audit",
            request_id = line.request_id,
            access_key_id = line.access_key_id,
            principal_arn = line.principal_arn,
            action = line.action,
            resource = line.resource,
            status = line.status,
            error = line.error,
            remote_address = line.remote_address,
            not_uploaded_bytes = line.not_uploaded_bytes,
            count = line.count,
            fragment_count = line.fragment_count,
            size_bytes = line.size_bytes,
            path = line.path,
            "call"
        );
        let Some(orders) = &self.orders else { return };
        let sent = json_line(line).and_then(|line| {
            let order = Order::Write(line);
            orders.try_send(order).map_err(|_| io::Error::other("the disk does not keep up"))
        });
        if let Err(error) = sent {
            self.failures.inc();
            tracing::error!(%error, request_id = line.request_id, "a line of the audit log is lost");
        }
    }

    /// Waits until the lines of all calls that were answered before are in the file, as far as they could be written.
    /// With a disk that does not keep up nobody waits: what is there is read.
    pub(crate) async fn written(&self) {
        let Some(orders) = &self.orders else { return };
        let (answer, answered) = oneshot::channel();
        if orders.try_send(Order::Answer(answer)).is_ok() {
            // An error says that the thread has ended, and then nothing is under way.
            drop(answered.await);
        }
    }
}

impl Drop for AuditLog {
    /// Waits for the lines that are under way.
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the audit log's thread ended before its time");
        }
    }
}

fn write_lines(mut file: AuditFile, waiting: &Receiver<Order>, failures: &Counter) {
    for order in waiting {
        match order {
            Order::Write(line) => {
                if let Err(error) = file.write(&line) {
                    failures.inc();
                    let path = file.path().display();
                    tracing::error!(%error, %path, "a line of the audit log is lost");
                }
            }
            // Whoever asked may have gone.
            Order::Answer(asked) => drop(asked.send(())),
        }
    }
}

/// The audit log of a server from outside its process, for commands that work on its folder.
pub(crate) struct LocalAuditLog {
    file: AuditFile,
    principal: String,
}

/// The name of the setting that tells such commands where the server writes; empty for the folder's own file.
const PATH_SETTING: &str = "audit-log-path";

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
    fn at(config: &ServerConfig, principal: &str) -> io::Result<Self> {
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
    fn write_line(&mut self, line: &AuditLine<'_>) {
        if let Err(error) = json_line(line).and_then(|line| self.file.write(&line)) {
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
        /// The file.
        path: PathBuf,
        /// Why.
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

/// The folder's own file is kept small, for nobody may be looking after it. One that the operator named is his.
fn size_bytes_max(config: &ServerConfig) -> Option<u64> {
    const OWN_FILE_SIZE_BYTES_MAX: u64 = 64 << 20;
    config.audit_log.is_none().then_some(OWN_FILE_SIZE_BYTES_MAX)
}

fn json_line(line: &AuditLine<'_>) -> io::Result<Vec<u8>> {
    let mut json = serde_json::to_vec(line)?;
    json.push(b'\n');
    Ok(json)
}

/// As it stands in a line.
pub(crate) fn rfc3339(time: Timestamp) -> String {
    jiff::Timestamp::from_millisecond(time.as_millis())
        .map_or_else(|_| time.to_string(), |time| format!("{time:.3}"))
}
