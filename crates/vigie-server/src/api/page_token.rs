//! Paging tokens: where the page before ended, in the alphabet that the service models allow. They grant nothing:
//! every page is authorized and checked like the first.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vigie_kvs::KvsError;

use crate::failure::{Answer, Failure};

/// The token that stands for `position`.
pub(crate) fn write<T: Serialize + ?Sized>(position: &T) -> Answer<String> {
    let json =
        serde_json::to_vec(position).map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(STANDARD.encode(json))
}

/// Cuts `rows`, which hold one more than `limit` when there is a next page, to this page; returns the token of the next.
pub(crate) fn cut<T, P: Serialize + ?Sized>(
    rows: &mut Vec<T>,
    limit: usize,
    position: impl Fn(&T) -> &P,
) -> Answer<Option<String>> {
    if rows.len() <= limit {
        return Ok(None);
    }
    rows.truncate(limit);
    rows.last().map(|row| write(position(row))).transpose()
}

/// What a token stands for.
pub(crate) fn read<T: DeserializeOwned>(token: &str) -> Result<T, KvsError> {
    let not_ours = || KvsError::invalid_argument("NextToken did not come from an earlier page");
    let json = STANDARD.decode(token).map_err(|_| not_ours())?;
    serde_json::from_slice(&json).map_err(|_| not_ours())
}

/// `MaxResults`, within what the schema has already checked.
pub(crate) fn page_size(max_results: Option<i32>, default: usize, max: usize) -> usize {
    max_results.and_then(|results| usize::try_from(results).ok()).unwrap_or(default).clamp(1, max)
}
