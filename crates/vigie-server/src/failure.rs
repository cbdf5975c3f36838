//! Why a call is not answered as asked: a refusal that the caller reads, or a failure that goes to the log.

use vigie_kvs::{ErrorKind, KvsError};

use crate::archive::ArchiveError;
use crate::auth::SealError;
use crate::db::DbError;

/// The result of a handler.
pub(crate) type Answer<T> = Result<T, Failure>;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The caller's to solve.
    Refused(KvsError),
    /// The operator's to solve; the text never reaches a caller.
    Internal(String),
}

impl Failure {
    /// The exception that the caller gets. Logs what it must not get.
    pub(crate) fn into_error(self, operation: &str, request_id: &str) -> KvsError {
        match self {
            Self::Refused(error) => error,
            Self::Internal(error) => {
                tracing::error!(operation, request_id, %error, "a call failed");
                let message =
                    format!("the server failed; its log says why at request {request_id}");
                KvsError::new(ErrorKind::InternalFailure, message)
            }
        }
    }
}

impl From<KvsError> for Failure {
    fn from(error: KvsError) -> Self {
        Self::Refused(error)
    }
}

impl From<DbError> for Failure {
    fn from(error: DbError) -> Self {
        match error {
            DbError::TooBusy => not_now("too many changes are being written at once; try again"),
            DbError::Locked => {
                not_now("the metadata of the server is locked by another program; try again")
            }
            DbError::Full => not_now(
                "the server has no space left for its metadata; try again when there is some",
            ),
            // Its text names hosts, for the log alone.
            error @ DbError::Away(_) => {
                tracing::warn!(%error, "a call was refused");
                not_now("the metadata of the server cannot be used now; try again")
            }
            error => Self::Internal(error.to_string()),
        }
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        match &error {
            error if error.is_full() => {
                not_now("the server has no space left; try again when there is some")
            }
            error if error.is_passing() => {
                not_now("the media of the server cannot be changed now; try again")
            }
            error => Self::Internal(error.to_string()),
        }
    }
}

impl From<SealError> for Failure {
    fn from(error: SealError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// What passes: a caller may try again.
fn not_now(message: &str) -> Failure {
    Failure::Refused(KvsError::new(ErrorKind::ServiceUnavailable, message))
}

/// Two callers kept changing the same thing; after a few tries one of them is sent away.
pub(crate) fn too_busy() -> Failure {
    Failure::Refused(KvsError::new(
        ErrorKind::ResourceInUse,
        "other calls are changing this resource; try again",
    ))
}

/// How often a decision is made anew when the row it was made on has changed meanwhile.
pub(crate) const TRIES_MAX: usize = 8;
