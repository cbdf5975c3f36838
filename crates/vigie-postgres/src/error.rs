//! What PostgreSQL's errors mean. Decides whether something is done again, and what the seam's caller is told; does neither.
//!
//! Texts are the engine's main messages, which name tables and columns; its details, which hold values, are left out.

use std::error::Error;

use deadpool_postgres::{PoolError, TimeoutType};
use tokio_postgres::types::{WasNull, WrongType};
use vigie_metadata::DbError;

/// Why something was not done, or may not have been.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Given up for another transaction's sake, or for a lock: nothing was changed, and it may be done again at once.
    Conflict,
    /// The engine is away, or the connection is. What was sent may have been done.
    Away(String),
    /// It is so, and stays so.
    Refused(DbError),
}

impl From<DbError> for Fault {
    fn from(error: DbError) -> Self {
        Self::Refused(error)
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(refused) => of_sqlstate(refused.code().code(), refused.message()),
            None if is_of_values(&error) => DbError::Engine(with_sources(&error)).into(),
            None => Self::Away(with_sources(&error)),
        }
    }
}

impl From<PoolError> for Fault {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Timeout(TimeoutType::Wait) => DbError::TooBusy.into(),
            PoolError::Closed => DbError::Stopped.into(),
            other => Self::Away(other.to_string()),
        }
    }
}

impl Fault {
    /// What the caller is told when it is not done again.
    pub(crate) fn into_db_error(self) -> DbError {
        match self {
            Self::Conflict => DbError::Locked,
            Self::Away(text) => DbError::Away(text),
            Self::Refused(error) => error,
        }
    }
}

/// A column whose value this version does not know.
pub(crate) fn unknown_value(column: &str, value: &str) -> Fault {
    let text = format!("unknown {column} {value}; was it written by a newer version?");
    DbError::Engine(text).into()
}

/// A value that does not go to or from JSON.
pub(crate) fn not_json(error: serde_json::Error) -> Fault {
    DbError::Engine(error.to_string()).into()
}

/// By PostgreSQL's appendix A.
fn of_sqlstate(code: &str, message: &str) -> Fault {
    match code {
        // serialization_failure, deadlock_detected.
        "40001" | "40P01" => Fault::Conflict,
        // lock_not_available: by our own limit.
        "55P03" => DbError::Locked.into(),
        // disk_full.
        "53100" => DbError::Full.into(),
        // too_many_connections and other lack of resources; query_canceled, by our own limit.
        "57014" => DbError::TooBusy.into(),
        _ if code.starts_with("53") => DbError::TooBusy.into(),
        // The session was ended, or the engine goes, comes, or has become a standby.
        "25006" | "25P03" | "57P01" | "57P02" | "57P03" | "57P05" => {
            Fault::Away(message.to_owned())
        }
        _ if code.starts_with("08") => Fault::Away(message.to_owned()),
        // untranslatable_character and its kin.
        "22021" | "22P05" => {
            DbError::Engine(format!("{message}: a text holds a NUL character")).into()
        }
        _ => DbError::Engine(format!("{message} (sqlstate {code})")).into(),
    }
}

/// A column that is not as this program knows it.
fn is_of_values(error: &tokio_postgres::Error) -> bool {
    error.source().is_some_and(|source| source.is::<WrongType>() || source.is::<WasNull>())
}

fn with_sources(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_apart_from_what_stays() {
        let is_away =
            |code| matches!(of_sqlstate(code, "gone"), Fault::Away(text) if text == "gone");
        for code in ["57P01", "57P02", "57P03", "08006", "25006"] {
            assert!(is_away(code), "{code}");
        }
        assert!(matches!(of_sqlstate("40001", ""), Fault::Conflict));
        assert!(matches!(of_sqlstate("40P01", ""), Fault::Conflict));
        for (code, expect) in [
            ("55P03", "locked"),
            ("53100", "no space"),
            ("53300", "too many changes"),
            ("57014", "too many changes"),
            ("23505", "duplicate (sqlstate 23505)"),
        ] {
            let error = of_sqlstate(code, "duplicate").into_db_error();
            assert!(error.to_string().contains(expect), "{error}");
        }
    }
}
