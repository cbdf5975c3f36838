//! The table of operations, and the way from a request body to a typed input.
//!
//! Decides which operations exist, how they are addressed, what IAM and the audit log call them, and what may go wrong
//! with their input. Never decides what one of them does.

mod signaling;
mod table;
mod validate;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{ErrorKind, KvsError};
use crate::schema::Shape;

pub use crate::protocol::{Protocol, Service};
pub use signaling::{SIGNALING, signaling};
pub use table::*;
pub use validate::validate;

/// What a call may do, in IAM's words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLevel {
    /// It shows what is kept. A hub's report (SyncEdgeAgent) is one of these: it comes every minute and changes nothing
    /// that anybody has set.
    Read,
    /// It gives out recorded or live video: who watched and who exported belongs in an audit log. Pictures do not: the
    /// console's previews are too many.
    Watch,
    /// It changes what is kept, has a hub do something, or gives credentials, so that it belongs in an audit log.
    Write,
}

/// What IAM is asked about, by its ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    Stream,
    Secret,
    /// A hub, an IoT thing.
    Hub,
    AccessKey,
    /// A person who signs in with a password.
    User,
    /// Nothing that has an ARN: `*`.
    Account,
    /// Nothing but the caller itself: IAM is not asked.
    Caller,
}

/// How the body of an operation comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// It is read whole, and signed with its hash.
    Whole,
    /// It is media, signed without a hash, and worked on while it comes.
    Media,
}

/// One operation: a row of the table.
#[derive(Debug)]
pub struct Operation {
    pub id: OperationId,
    /// Whose it is.
    pub service: Service,
    /// Its name, such as `CreateStream`. Unique in the table.
    pub name: &'static str,
    /// rest-json: the path, such as `/createStream`. awsJson: the value of `X-Amz-Target`. Query: the form's `Action`. The
    /// method is POST.
    pub address: &'static str,
    /// Whether it reads or changes.
    pub access: AccessLevel,
    /// What it is done to.
    pub resource: ResourceKind,
    pub input: &'static Shape,
    /// The exceptions that it declares, beside those of authentication and of any service.
    pub errors: &'static [ErrorKind],
    /// What IAM has to allow, and the audit log's word for it.
    pub action: &'static str,
}

/// Longest body of a JSON operation, but for [`SYNC_BODY_BYTES_MAX`].
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Longest body of SyncEdgeAgent, which can hold the key frame of a camera.
pub const SYNC_BODY_BYTES_MAX: usize = 4 << 20;

impl Operation {
    /// How it is written.
    pub const fn protocol(&self) -> Protocol {
        self.service.protocol()
    }

    /// Whether it belongs in an audit log.
    pub fn is_audited(&self) -> bool {
        self.access != AccessLevel::Read
    }

    /// Whether it changes something.
    pub fn mutates(&self) -> bool {
        self.access == AccessLevel::Write
    }

    /// The exception for a broken constraint.
    pub const fn constraint_error(&self) -> ErrorKind {
        match self.protocol() {
            Protocol::RestJson => ErrorKind::InvalidArgument,
            Protocol::AwsJson11 => ErrorKind::InvalidParameter,
            Protocol::AwsQuery => ErrorKind::Validation,
        }
    }

    /// The exception with which IAM's refusal is said: operations declare one or the other.
    pub fn denied_error(&self) -> ErrorKind {
        if self.errors.contains(&ErrorKind::NotAuthorized) {
            ErrorKind::NotAuthorized
        } else {
            ErrorKind::AccessDenied
        }
    }

    /// Longest body.
    pub const fn body_bytes_max(&self) -> usize {
        match self.id {
            OperationId::SyncEdgeAgent => SYNC_BODY_BYTES_MAX,
            _ => BODY_BYTES_MAX,
        }
    }

    /// How its body comes.
    pub const fn body(&self) -> BodyKind {
        match self.id {
            OperationId::PutMedia => BodyKind::Media,
            _ => BodyKind::Whole,
        }
    }

    /// The refusal of a body over [`Operation::body_bytes_max`].
    pub fn body_too_large(&self) -> KvsError {
        let message = format!("the request body exceeds {} bytes", self.body_bytes_max());
        KvsError::new(self.unreadable(), message)
    }

    /// The exception for a body that cannot be read as the input.
    pub const fn unreadable(&self) -> ErrorKind {
        match self.protocol() {
            Protocol::RestJson => ErrorKind::InvalidArgument,
            Protocol::AwsJson11 | Protocol::AwsQuery => ErrorKind::Serialization,
        }
    }
}

/// The operation of a rest-json path. Case matters, as it does at the service.
pub fn by_path(path: &str) -> Option<&'static Operation> {
    OPERATIONS
        .iter()
        .copied()
        .find(|operation| operation.protocol() == Protocol::RestJson && operation.address == path)
}

/// The operation of an `X-Amz-Target`.
pub fn by_target(target: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().copied().find(|operation| {
        operation.protocol() == Protocol::AwsJson11 && operation.address == target
    })
}

/// The operation of an `Action` in a form.
pub fn by_action(action: &str) -> Option<&'static Operation> {
    OPERATIONS
        .iter()
        .copied()
        .find(|operation| operation.protocol() == Protocol::AwsQuery && operation.address == action)
}

/// Reads and checks the body of a JSON operation. An empty body counts as `{}`.
///
/// Bodies over [`Operation::body_bytes_max`], nesting over 128 levels (serde_json's limit), text that is not JSON, wrong types
/// and broken constraints are errors of the operation's protocol; nothing panics.
pub fn parse<T: DeserializeOwned>(operation: &Operation, body: &[u8]) -> Result<T, KvsError> {
    if body.len() > operation.body_bytes_max() {
        return Err(operation.body_too_large());
    }
    let body = if body.is_empty() { b"{}" } else { body };
    let input: Value = serde_json::from_slice(body).map_err(|error| {
        // The position only: the text of the error may quote the body.
        let (line, column) = (error.line(), error.column());
        let message = format!("the request body is not valid JSON (line {line}, column {column})");
        KvsError::new(operation.unreadable(), message)
    })?;
    validate(operation, &input)?;
    serde_json::from_value(input).map_err(|_| {
        let message = format!("the request body is not an input of {}", operation.name);
        KvsError::new(operation.unreadable(), message)
    })
}

#[cfg(test)]
mod tests;
