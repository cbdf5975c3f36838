//! The audit log in memory, for tests and the simulator: a table of lines, as a database would hold it.
//!
//! Decides nothing that [`AuditLog`] leaves open but its cursors, which are numbers of lines.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use prometheus_client::metrics::counter::Counter;
use vigie_kvs::shapes::administration::AuditEvent;

use super::line::read_line;
use super::{AuditCursor, AuditLine, AuditLog, AuditPage, PageError};

#[derive(Default)]
pub struct MemoryAuditLog {
    events: Mutex<Vec<AuditEvent>>,
    failures: Counter,
}

impl MemoryAuditLog {
    fn events(&self) -> MutexGuard<'_, Vec<AuditEvent>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AuditLog for MemoryAuditLog {
    fn write(&self, line: &AuditLine<'_>) {
        match line.to_json().ok().and_then(|json| read_line(&json)) {
            Some(event) => self.events().push(event),
            None => {
                self.failures.inc();
            }
        }
    }

    async fn written(&self) {}

    async fn page(
        &self,
        from: Option<&AuditCursor>,
        events_max: usize,
    ) -> Result<AuditPage, PageError> {
        let events = self.events();
        let before = match from {
            None => events.len(),
            Some(cursor) => cursor.0.parse().map_err(|_| PageError::NotACursor)?,
        };
        let before = events.get(..before).ok_or(PageError::Gone)?;
        let rest = before.len().saturating_sub(events_max);
        Ok(AuditPage {
            events: before[rest..].iter().rev().cloned().collect(),
            next: (rest > 0).then(|| AuditCursor(rest.to_string())),
        })
    }

    fn failures(&self) -> Counter {
        self.failures.clone()
    }
}
