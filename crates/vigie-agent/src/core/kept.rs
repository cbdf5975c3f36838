//! What the recording of a stream keeps over restarts: the camera's secret, and what of a file is recorded.
//!
//! It has one owner at a time: the stream's job while there is one, its saved configuration otherwise. It is handed over,
//! never copied.

use serde::{Deserialize, Serialize};
use vigie_kvs::Sensitive;

use super::imports::Imports;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// The `SecretString` behind `MediaUriSecretArn` when it was last resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) secret_string: Option<Sensitive>,
    /// A FILE_URI of this revision has been recorded to its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) file_recorded: bool,
    /// What of a FILE_URI has been recorded.
    #[serde(default, skip_serializing_if = "Imports::is_empty")]
    pub(super) imports: Imports,
}

impl Kept {
    /// A new revision of the configuration has not recorded its file yet, whatever the one before did.
    pub(super) fn begin_revision(&mut self) {
        self.file_recorded = false;
        self.imports.forget_single_file();
    }
}
