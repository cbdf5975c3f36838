//! What lies in the metadata as JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::{Answer, Failure};

/// Reads what this server stored; the text of an error is left out, for it may quote what is stored.
pub(super) fn from_json<T: DeserializeOwned>(json: Option<&str>) -> Answer<Option<T>> {
    json.map(serde_json::from_str)
        .transpose()
        .map_err(|_| Failure::Internal("a stored configuration is unreadable".to_owned()))
}

/// Writes what this server stores.
pub(super) fn to_json<T: Serialize>(value: &T) -> Answer<String> {
    serde_json::to_string(value)
        .map_err(|_| Failure::Internal("a configuration is unwritable".to_owned()))
}
