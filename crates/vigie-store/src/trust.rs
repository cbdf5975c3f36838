//! What is believed of the media and of its index, by what is known of the last process.

use crate::boot::FilesOfThisBoot;

/// What is believed of the media and of its index.
#[derive(Clone, Copy)]
pub(crate) struct Trust {
    /// Media files whose bytes are as they were written.
    pub(crate) of_this_boot: FilesOfThisBoot,
    /// The index is older than its media: of what it says of deletions and of files that were given up nothing is sure.
    pub(crate) is_older: bool,
}
