//! The audit log: one line for each call that changes something, by whom it was, what it was about and what came of it.
//! Besides: who watched and exported, who signs in, what the server erases for good, and a sample of the calls whose signature does not hold.
//!
//! A line goes to tracing's target `vigie_audit` and to an engine behind the seam [`AuditLog`], which keeps it: a file as
//! JSON. Who reads the log waits until the calls that were answered before are in what is read.

mod action;
mod command;
mod file;
mod file_log;
mod line;
mod local;
mod log;
#[cfg(any(test, feature = "testing"))]
mod memory_log;
mod page;
mod refusals;
mod repeated;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

pub(crate) use action::ServerAction;
pub use command::{CommandNote, FolderCommand, note_command};
pub(crate) use file_log::FileAuditLog;
pub use line::AuditLine;
pub use local::LocalAuditError;
pub(crate) use local::{LocalAuditLog, note_path};
pub use log::{AuditCursor, AuditLog, AuditPage, PageError};
#[cfg(any(test, feature = "testing"))]
pub use memory_log::MemoryAuditLog;
use refusals::RefusalSampler;
pub(crate) use refusals::{RefusedSignIn, UnprovenCall};
use repeated::CallSampler;
pub(crate) use repeated::SameCalls;

/// The audit log as those who write and read it have it; see the module's documentation.
pub(crate) struct Audit {
    log: Arc<dyn AuditLog>,
    refusals: RefusalSampler,
    repeated: CallSampler,
}

impl Audit {
    pub(crate) fn new(log: Arc<dyn AuditLog>) -> Self {
        Self { log, refusals: RefusalSampler::default(), repeated: CallSampler::default() }
    }

    /// Of how many calls that watch a line is to be written now, if of any.
    pub(crate) fn count(&self, calls: SameCalls, now: Duration) -> Option<u64> {
        self.repeated.note(calls, now)
    }

    /// Says the line and hands it on. Never waits.
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
        self.log.write(line);
    }

    /// A page that holds every call that was answered before; see [`AuditLog::page`].
    pub(crate) async fn page(
        &self,
        from: Option<&AuditCursor>,
        events_max: usize,
    ) -> Result<AuditPage, PageError> {
        self.log.written().await;
        self.log.page(from, events_max).await
    }

    /// Waits until the lines from before are kept, as far as they can be.
    pub(crate) async fn written(&self) {
        self.log.written().await;
    }

    /// Counts the lines that are lost.
    pub(crate) fn failures(&self) -> Counter {
        self.log.failures()
    }
}
