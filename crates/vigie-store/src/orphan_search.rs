//! How far the search for what index and disk do not agree about has come. Its steps are [`crate::orphans`]'.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{IndexError, StoreError};
use crate::examine::{Examined, WholeMedia};
use crate::fragment::MediaFileId;
use crate::index::{Change, IndexRead, UnsealedMediaFile};
use crate::report::RecoveryReport;
use crate::trust::Trust;
use crate::unclaimed::UnclaimedFile;

/// Where the search stands.
pub(crate) struct OrphanSearch {
    pub(crate) reader: Arc<dyn IndexRead>,
    /// The index was examined, or is.
    pub(crate) is_examined: bool,
    pub(crate) trust: Trust,
    /// Files with more behind their last commit than a start reads; `None` before the first step.
    pub(crate) unsealed: Option<VecDeque<UnsealedMediaFile>>,
    /// Still to be listed; `None` before that step.
    pub(crate) directories: Option<VecDeque<PathBuf>>,
    /// Listed and not compared yet.
    pub(crate) files: VecDeque<PathBuf>,
    /// Numbers that are on the disk and in the index, 64 of them in each word.
    pub(crate) seen: HashMap<u64, u64>,
    /// Rows up to this number were looked for on the disk; `None` behind the last.
    pub(crate) compared: Option<MediaFileId>,
    /// What lies aside and is not counted yet; `None` before it is listed.
    pub(crate) aside: Option<VecDeque<PathBuf>>,
    /// What a worker is at.
    pub(crate) work: Option<Slot>,
}

/// Where a worker puts what it found.
pub(crate) type Slot = Arc<Mutex<Option<Found>>>;

pub(crate) enum Found {
    Index(Result<(), IndexError>),
    Examined(PathBuf, Result<Examined<WholeMedia>, StoreError>),
    Sealed(Box<UnsealedMediaFile>, RecoveryReport, Result<Vec<Change>, StoreError>),
    Aside(PathBuf, io::Result<UnclaimedFile>),
}

impl OrphanSearch {
    pub(crate) fn new(reader: Arc<dyn IndexRead>, is_examined: bool, trust: Trust) -> Self {
        Self {
            reader,
            is_examined,
            trust,
            unsealed: None,
            directories: None,
            files: VecDeque::new(),
            seen: HashMap::new(),
            compared: Some(MediaFileId(0)),
            aside: None,
            work: None,
        }
    }

    pub(crate) fn see(&mut self, id: MediaFileId) {
        *self.seen.entry(id.0 / 64).or_default() |= 1 << (id.0 % 64);
    }

    pub(crate) fn has_seen(&self, id: MediaFileId) -> bool {
        self.seen.get(&(id.0 / 64)).is_some_and(|word| word & (1 << (id.0 % 64)) != 0)
    }

    pub(crate) fn is_waiting(&self) -> bool {
        let is_empty = |slot: &Slot| slot.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        self.work.as_ref().is_some_and(is_empty)
    }
}
