//! Lists for callers who may see some streams only: the same operation is asked of each, and what it is not allowed on is
//! left out. AWS knows no such thing, and denies the list.
//!
//! Decides of which streams a caller hears. A caller who is allowed the operation on the whole account hears of all.

use vigie_kvs::iam::Tags;
use vigie_kvs::{KvsError, Operation, OperationId};

use super::{Call, page_token};
use crate::db::MetadataDb;
use crate::failure::Answer;

/// Rows that are looked at for a page of a list; a page can hold less than was asked for while another follows.
pub(crate) const LOOKED_AT_MAX: usize = 1000;

/// Of which streams a caller hears.
pub(crate) enum Visible {
    All,
    /// Those on which it is allowed the operation.
    Some,
}

impl Visible {
    /// Whether an operation on the account shows what is left where the account is denied.
    pub(crate) fn is_in_part(operation: &Operation) -> bool {
        matches!(
            operation.id,
            OperationId::ListStreams
                | OperationId::ListEdgeAgentConfigurations
                | OperationId::ListHubs
        )
    }

    /// What the caller may see of `resource`, the account or a hub; a refusal if there can be nothing.
    pub(crate) fn of(call: &Call, resource: &str) -> Result<Self, KvsError> {
        let (permissions, action) = (&call.identity.permissions, call.operation.action);
        match call.authorize(resource) {
            Ok(()) => Ok(Self::All),
            Err(_) if permissions.allow_somewhere(action) => Ok(Self::Some),
            Err(denied) => Err(denied),
        }
    }

    /// Whether the caller hears of a stream.
    pub(crate) async fn has(&self, call: &Call, db: &dyn MetadataDb, arn: &str) -> Answer<bool> {
        if matches!(self, Self::All) {
            return Ok(true);
        }
        let permissions = &call.identity.permissions;
        let tags = match permissions.ask_for_tags() {
            true => db.tags(arn).await?,
            false => Tags::new(),
        };
        Ok(permissions.allow(call.operation.action, arn, &tags))
    }

    /// How many rows to read for a page of so many.
    pub(crate) fn rows(&self, limit: usize) -> usize {
        match self {
            Self::All => limit,
            Self::Some => LOOKED_AT_MAX.max(limit),
        }
    }

    /// Cuts rows, one more than [`Visible::rows`] when others follow, to the page that the caller hears of; returns the token
    /// of the next page. `told` gives where a row stands in the list and the ARN of its stream.
    pub(crate) async fn cut<T>(
        &self,
        call: &Call,
        db: &dyn MetadataDb,
        rows: &mut Vec<T>,
        limit: usize,
        told: impl Fn(&T) -> (String, String),
    ) -> Answer<Option<String>> {
        let read = self.rows(limit);
        let mut next = match rows.len() > read {
            true => rows.get(read - 1).map(|row| told(row).0),
            false => None,
        };
        rows.truncate(read);
        let mut kept: Vec<T> = Vec::new();
        for row in rows.drain(..) {
            if !self.has(call, db, &told(&row).1).await? {
                continue;
            }
            // One more than the page: the next begins behind its last row.
            if kept.len() == limit {
                next = kept.last().map(|row| told(row).0);
                break;
            }
            kept.push(row);
        }
        *rows = kept;
        next.map(|position| page_token::write(&position)).transpose()
    }
}
