//! Media files and their index, the same code on the hub and on the server.
//!
//! Decides where bytes lie and when they count as persisted. Never interprets a schedule, a policy or a request,
//! never reads a clock, and touches the file system only through [`disk::Disk`] (SQLite opens its own file).
//!
//! The five invariants, kept by the numbered steps of `docs/design/store.md`:
//! 1. *Persisted* means that bytes and index entry survive the loss of power.
//! 2. No index entry refers to bytes that are not there and whole.
//! 3. Bytes that no index entry refers to are taken in again after a start, or set aside.
//! 4. Deletion removes the index entry durably first, then the file.
//! 5. A failed sync is never tried again: the file is abandoned and said so.

mod blocks;
mod boot;
mod check;
mod claim;
mod commit;
mod contents;
mod cut;
mod damaged_index;
mod delete;
mod discarded;
pub mod disk;
mod erased;
mod error;
mod examine;
mod findings;
mod fragment;
mod idle;
pub mod index;
mod journal;
mod layout;
mod mark;
mod names;
mod orphan_search;
mod orphans;
mod os_disk;
mod out_file;
mod private_sqlite;
mod read;
mod recovery;
mod repair;
mod report;
mod settings;
mod side_by_side;
pub mod source;
mod space_reserve;
mod store;
mod stream_state;
pub mod thread;
mod trust;
mod unclaimed;
mod write_out;
mod writer;

pub use blocks::FragmentBlocks;
pub use check::{Disagreement, check, check_watched};
pub use commit::{SyncHandle, SyncJob, SyncOutcome};
pub use discarded::DiscardedMedia;
pub use error::{IndexError, StoreError, describe};
pub use findings::Findings;
pub use fragment::{
    Fragment, FragmentEntry, FragmentMeta, MediaFile, MediaFileId, MediaFilePlace, MediaFileSpan,
    MediaFileState, StreamTotals, WholeFragment,
};
pub use index::{
    ClosedPosition, ClosedQuery, FragmentOrder, FragmentPosition, FragmentQuery, IndexLock,
    SqliteIndex,
};
pub use os_disk::OsDisk;
pub use private_sqlite::{create_private, make_private, sqlite_files};
pub use read::StoreReader;
pub use repair::{RepairReport, rebuild, repair, repair_watched};
pub use report::{CommitReport, Deleted, FailedFragment, PersistedFragment, RecoveryReport};
pub use settings::{StoreSettings, Uncommitted};
pub use space_reserve::SpaceReserve;
pub use store::{IndexRefusal, Store};
pub use unclaimed::{Discarded, UnclaimedFile, discard_unclaimed, unclaimed};
