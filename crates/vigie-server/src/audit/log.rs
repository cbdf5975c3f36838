//! The seam of the audit log: who keeps its lines.
//!
//! An engine takes lines without making a call wait, and gives them back a page at a time. It decides where they lie and
//! how long, and never what is in one.

use std::io;

use async_trait::async_trait;
use prometheus_client::metrics::counter::Counter;
use vigie_kvs::shapes::administration::AuditEvent;

use super::AuditLine;

#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Takes a line. Never waits: one that cannot be kept is said and counted.
    fn write(&self, line: &AuditLine<'_>);

    /// Waits until the lines that were taken before can be read, as far as they could be kept.
    async fn written(&self);

    /// Up to `events_max` lines before `from` (the end, unless given), newest first. A page that holds fewer says where to
    /// go on, unless nothing is left. Lines that come meanwhile are in no later page.
    async fn page(
        &self,
        from: Option<&AuditCursor>,
        events_max: usize,
    ) -> Result<AuditPage, PageError>;

    /// Counts the lines that are lost.
    fn failures(&self) -> Counter;
}

/// Where a page ended, in an engine's own words: nobody else reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditCursor(pub String);

/// A part of the log.
#[derive(Debug, Default, PartialEq)]
pub struct AuditPage {
    /// Newest first.
    pub events: Vec<AuditEvent>,
    /// Where the next one begins; `None` when nothing is left.
    pub next: Option<AuditCursor>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The disk said no.
    #[error("read the audit log: {0}")]
    Io(#[from] io::Error),
    /// A terminal, a pipe.
    #[error("the audit log is no file that can be read again")]
    NotAFile,
    /// Another one's words.
    #[error("NextToken did not come from an earlier page; begin without NextToken")]
    NotACursor,
    /// What it pointed to has gone.
    #[error("the page before has been removed from the audit log; begin without NextToken")]
    Gone,
}
