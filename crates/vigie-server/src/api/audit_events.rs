//! The audit log for those who may read it (extension ListAuditEvents).

use vigie_kvs::KvsError;
use vigie_kvs::shapes::administration::{ListAuditEventsInput, ListAuditEventsOutput};

use super::{Call, page_token};
use crate::audit::{PageError, Position, read_page};
use crate::failure::{Answer, Failure};

const PAGE_DEFAULT: u32 = 100;

/// Shows every call that was answered before this one.
pub(crate) async fn list_audit_events(
    call: &Call,
    input: ListAuditEventsInput,
) -> Answer<ListAuditEventsOutput> {
    let from: Option<Position> = input.next_token.as_deref().map(page_token::read).transpose()?;
    let max = input.max_results.unwrap_or(PAGE_DEFAULT) as usize;
    call.app.audit.written().await;
    let path = call.app.audit.path();
    let reading = tokio::task::spawn_blocking(move || read_page(&path, from, max));
    let page = reading.await.map_err(|error| Failure::Internal(error.to_string()))?;
    let (events, next) = page.map_err(|error| match error {
        PageError::Io(source) => Failure::Internal(format!("read the audit log: {source}")),
        PageError::NotAFile | PageError::Gone => {
            KvsError::invalid_argument(error.to_string()).into()
        }
    })?;
    let next_token = next.map(|position| page_token::write(&position)).transpose()?;
    Ok(ListAuditEventsOutput { events, next_token })
}
