//! What has been recorded of a `FILE_URI`, kept with the configurations so that a restart records nothing twice and
//! nothing anew.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vigie_engine::folder_watch::FileVersion;
use vigie_engine::recorder::{Failure, LeftOut};

/// The files of one stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imports {
    /// Of a watched folder: recorded to their end, or found to be nothing that can be recorded.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub done: BTreeSet<FileVersion>,
    /// The one that is being recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<Import>,
    /// What is to be said of the single file, also after it is recorded.
    #[serde(default, skip_serializing_if = "Remarks::is_empty")]
    pub remarks: Remarks,
    /// The single file was read as far as it can be, and this came of it: it is not read again until it is another.
    #[serde(skip)]
    pub refused: Option<Box<Refused>>,
}

/// A file that cannot be recorded, whatever is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which, as it was.
    pub file: FileVersion,
    pub failure: Failure,
}

/// What the status says of a file besides that it is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remarks {
    /// It is not whole: its media ends after so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_off_after_ms: Option<u64>,
    /// What of it is not recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

impl Remarks {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A file that is being recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    pub file: FileVersion,
    /// What its own times become producer timestamps by: in milliseconds, added.
    pub base_ms: i64,
    /// It is one of a watched folder.
    pub in_folder: bool,
    /// What was the stream's newest fragment when media of it was last deleted; the store may know none any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<NewestFragment>,
}

/// The stream's newest fragment: where a file that was broken off goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NewestFragment {
    /// Where it begins, and so the frame that it begins with: its producer timestamp.
    pub start_ms: i64,
    /// Frames in it.
    pub frame_count: u32,
}

impl Imports {
    /// Nothing to keep.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A new revision of the configuration records its file anew; a folder's files are recorded once for all of them.
    pub(super) fn forget_single_file(&mut self) {
        self.current.take_if(|import| !import.in_folder);
        self.remarks = Remarks::default();
        self.refused = None;
    }
}
