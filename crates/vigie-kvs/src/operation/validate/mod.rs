//! An operation's input held against its shape, and what is wrong with it as the operation's own exception.

use std::sync::LazyLock;

use serde_json::Value;

use super::{OPERATIONS, Operation};
use crate::error::{ErrorKind, KvsError};
use crate::schema::{Patterns, Violation};

static PATTERNS: LazyLock<Patterns> =
    LazyLock::new(|| Patterns::of(OPERATIONS.iter().map(|operation| operation.input)));

/// Holds `input` against the operation's input shape.
///
/// A value of the wrong type is `SerializationException` where awsJson services say so, else `InvalidArgumentException`;
/// broken constraints are named, the first of them each with its value unless it is sensitive.
pub fn validate(operation: &Operation, input: &Value) -> Result<(), KvsError> {
    let Err(violation) = crate::schema::validate(operation.input, &PATTERNS, input) else {
        return Ok(());
    };
    Err(match violation {
        Violation::WrongType { path, expected } => {
            let what = if path.is_empty() { "the request body" } else { &path };
            KvsError::new(operation.unreadable(), format!("{what} must be {expected}"))
        }
        Violation::Constraints { count, said, malformed_arns } => {
            let errors = if count == 1 { "error" } else { "errors" };
            let message = format!("{count} validation {errors} detected: {}", said.join("; "));
            // Tag operations have an exception of their own for an ARN that is none (KVS API_TagStream).
            let kind = match malformed_arns == count {
                true if operation.errors.contains(&ErrorKind::InvalidResourceFormat) => {
                    ErrorKind::InvalidResourceFormat
                }
                _ => operation.constraint_error(),
            };
            KvsError::new(kind, message)
        }
    })
}

#[cfg(test)]
mod tests;
