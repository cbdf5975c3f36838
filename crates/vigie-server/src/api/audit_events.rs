//! The audit log for those who may read it (extension ListAuditEvents).

use vigie_kvs::KvsError;
use vigie_kvs::shapes::administration::{ListAuditEventsInput, ListAuditEventsOutput};

use super::{Call, page_token};
use crate::audit::{Audit, AuditCursor, AuditPage, PageError};
use crate::failure::{Answer, Failure};

const PAGE_DEFAULT: u32 = 100;

/// Shows every call that was answered before this one.
pub(crate) async fn list_audit_events(
    audit: &Audit,
    _call: &Call,
    input: ListAuditEventsInput,
) -> Answer<ListAuditEventsOutput> {
    let from: Option<String> = input.next_token.as_deref().map(page_token::read).transpose()?;
    let from = from.map(AuditCursor);
    let max = input.max_results.unwrap_or(PAGE_DEFAULT) as usize;
    let page = audit.page(from.as_ref(), max).await;
    let AuditPage { events, next } = page.map_err(|error| match error {
        PageError::Io(_) => Failure::Internal(error.to_string()),
        PageError::NotAFile | PageError::NotACursor | PageError::Gone => {
            KvsError::invalid_argument(error.to_string()).into()
        }
    })?;
    let next_token = next.map(|AuditCursor(text)| page_token::write(&text)).transpose()?;
    Ok(ListAuditEventsOutput { events, next_token })
}
