//! How delivering a file ends: whole, broken off, or before its end.

use std::io;

use vigie_engine::recorder::Failure;
use vigie_store::source::SourceError;

use crate::core::Refused;
use crate::shell::frame_batch::CoreGone;

/// Why delivering ended before the end of the file.
pub(super) enum End {
    Failed(Failure),
    /// The file is what it is: reading it again would end the same way.
    Refused(Box<Refused>),
    Stopped,
    /// What the stream holds of the file is not in it: it cannot be gone on with.
    NotThere,
}

/// Whether all that a file was to hold is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wholeness {
    Whole,
    BrokenOff,
}

impl From<SourceError> for End {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::OutsideRoots => Self::Failed(Failure::FileOutsideRoots),
            SourceError::NotRegular => Self::Failed(Failure::FileNotRegular),
            SourceError::Io(error) => error.into(),
        }
    }
}

impl From<CoreGone> for End {
    fn from(_: CoreGone) -> Self {
        Self::Stopped
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        tracing::debug!(%error, "a source file cannot be read");
        Self::Failed(match error.kind() {
            // The container's own lengths lead past the end of the file.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Failure::FileNotMedia,
            _ => Failure::FileNotReadable,
        })
    }
}
