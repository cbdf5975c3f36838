//! The audit log: one line for each call that changes something, by whom it was, what it was about and what came of it.
//!
//! Only calls whose signature holds are in it: the others have no caller and change nothing; `/metrics` counts them.
//! A line goes to tracing's target `vigie_audit` and, where the operator asks for it, to a file as JSON, by a thread of
//! its own. A line that cannot be written is said and counted; it never stops or fails a call.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use prometheus_client::metrics::counter::Counter;
use serde::Serialize;

/// Lines that wait for the disk; beyond, lines are lost, counted and said.
const LINES_WAITING_MAX: usize = 8192;
const OWNER_ONLY: u32 = 0o600;

/// One call. What of a call may be in the log is decided by what is here: no input but the resource's ARN.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct AuditLine<'a> {
    /// When the call was answered, RFC 3339, UTC.
    pub time: &'a str,
    /// The `x-amzn-RequestId` of the answer.
    pub request_id: &'a str,
    pub access_key_id: &'a str,
    pub principal_arn: &'a str,
    /// Such as `kinesisvideo:CreateStream`.
    pub action: &'a str,
    /// The ARN that the call named, or stood for by a name; null where it named none that could be read.
    pub resource: Option<&'a str>,
    /// The HTTP status.
    pub status: u16,
    /// The exception; null when the call was carried out.
    pub error: Option<&'a str>,
    /// Address and port of the caller.
    pub remote_address: &'a str,
}

/// See the module's documentation.
pub(crate) struct AuditLog {
    /// `None` without a file.
    lines: Option<SyncSender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
    failures: Counter,
}

impl AuditLog {
    /// Opens the file for appending, if there is to be one; a new one is its owner's alone.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let failures = Counter::default();
        let Some(path) = path else {
            return Ok(Self { lines: None, writer: None, failures });
        };
        // Not through the store's disk seam, which knows neither file modes nor appending.
        let file = OpenOptions::new().append(true).create(true).mode(OWNER_ONLY).open(path)?;
        let (lines, waiting) = sync_channel(LINES_WAITING_MAX);
        let (path, counter) = (path.to_owned(), failures.clone());
        let writer = std::thread::Builder::new()
            .name("audit-log".to_owned())
            .spawn(move || write_lines(file, &path, &waiting, &counter))?;
        Ok(Self { lines: Some(lines), writer: Some(writer), failures })
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
            "call"
        );
        let Some(lines) = &self.lines else { return };
        let sent =
            serde_json::to_vec(line).map_err(|error| error.to_string()).and_then(|mut json| {
                json.push(b'\n');
                lines.try_send(json).map_err(|_| "the disk does not keep up".to_owned())
            });
        if let Err(error) = sent {
            self.failures.inc();
            tracing::error!(error, request_id = line.request_id, "a line of the audit log is lost");
        }
    }
}

impl Drop for AuditLog {
    /// Waits for the lines that are under way.
    fn drop(&mut self) {
        drop(self.lines.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the audit log's thread ended before its time");
        }
    }
}

fn write_lines(mut file: File, path: &Path, waiting: &Receiver<Vec<u8>>, failures: &Counter) {
    let mut torn = false;
    for line in waiting {
        // What a failed write left behind is ended first, so that this line stands by itself.
        let start = if torn { file.write_all(b"\n") } else { Ok(()) };
        match start.and_then(|()| file.write_all(&line)) {
            Ok(()) => torn = false,
            Err(error) => {
                torn = true;
                failures.inc();
                tracing::error!(%error, path = %path.display(), "a line of the audit log is lost");
            }
        }
    }
}
