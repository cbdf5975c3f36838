//! The audit log in a file, by a thread of its own.
//!
//! Decides what waits for the disk and what is lost. A line that cannot be written never stops or fails a call.

use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use async_trait::async_trait;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::oneshot;

use super::AuditLine;
use super::file::{AuditFile, size_bytes_max};
use super::log::{AuditCursor, AuditLog, AuditPage, PageError};
use super::page::read_page;
use crate::config::ServerConfig;

/// Lines that wait for the disk; beyond, lines are lost, counted and said.
const LINES_WAITING_MAX: usize = 8192;

/// What the file's thread is told.
enum Order {
    Write(Vec<u8>),
    /// Answer, once all lines from before have been written.
    Answer(oneshot::Sender<()>),
}

pub(crate) struct FileAuditLog {
    path: PathBuf,
    /// Taken at the end, which ends the thread.
    orders: Option<SyncSender<Order>>,
    writer: Option<JoinHandle<()>>,
    failures: Counter,
}

impl FileAuditLog {
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
        Ok(Self { path, orders: Some(orders), writer: Some(writer), failures })
    }
}

#[async_trait]
impl AuditLog for FileAuditLog {
    fn write(&self, line: &AuditLine<'_>) {
        let Some(orders) = &self.orders else { return };
        let sent = line.to_json().and_then(|line| {
            let order = Order::Write(line);
            orders.try_send(order).map_err(|_| io::Error::other("the disk does not keep up"))
        });
        if let Err(error) = sent {
            self.failures.inc();
            tracing::error!(%error, request_id = line.request_id, "a line of the audit log is lost");
        }
    }

    /// With a disk that does not keep up nobody waits: what is there is read.
    async fn written(&self) {
        let Some(orders) = &self.orders else { return };
        let (answer, answered) = oneshot::channel();
        if orders.try_send(Order::Answer(answer)).is_ok() {
            // An error says that the thread has ended, and then nothing is under way.
            drop(answered.await);
        }
    }

    async fn page(
        &self,
        from: Option<&AuditCursor>,
        events_max: usize,
    ) -> Result<AuditPage, PageError> {
        let (path, from) = (self.path.clone(), from.cloned());
        let reading =
            tokio::task::spawn_blocking(move || read_page(&path, from.as_ref(), events_max));
        reading.await.map_err(io::Error::other)?
    }

    fn failures(&self) -> Counter {
        self.failures.clone()
    }
}

impl Drop for FileAuditLog {
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
