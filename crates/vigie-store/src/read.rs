//! Reading: what is persisted, from any thread, while the store writes.

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use vigie_media::Timestamp;

use crate::disk::{Disk, DiskFile};
use crate::error::StoreError;
use crate::findings::{Findings, SharedFindings};
use crate::fragment::{
    Fragment, FragmentEntry, MediaFile, MediaFileId, MediaFilePlace, StreamTotals,
};
use crate::index::{
    ClosedQuery, FragmentOrder, FragmentQuery, IndexRead, SqliteIndex, StreamId, UnsealedMediaFile,
};

/// Reads a store. Cheap to clone; every clone can be used by another thread.
#[derive(Clone)]
pub struct StoreReader {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    index: Arc<dyn IndexRead>,
    findings: Arc<SharedFindings>,
}

impl StoreReader {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        root: PathBuf,
        index: Arc<dyn IndexRead>,
        findings: Arc<SharedFindings>,
    ) -> Self {
        Self { disk, root, index, findings }
    }

    /// What the start and the search behind it found so far; nothing for a reader of its own.
    pub fn findings(&self) -> Findings {
        self.findings.get()
    }

    /// Opens a store only to read it, also while another process writes it. `root` is its media directory,
    /// `index_path` its SQLite file.
    pub fn open(
        disk: Arc<dyn Disk>,
        root: impl Into<PathBuf>,
        index_path: impl Into<PathBuf>,
    ) -> Result<Self, StoreError> {
        let index = SqliteIndex::open_read_only(index_path)?;
        Ok(Self::new(disk, root.into(), index, Arc::default()))
    }

    /// Refuses where `reserve_bytes` are not free: then nothing is appended ([`crate::StoreSettings::free_bytes_reserve`]).
    pub fn check_space(&self, reserve_bytes: u64) -> Result<(), StoreError> {
        let free_bytes = self
            .disk
            .free_bytes(&self.root)
            .map_err(|error| StoreError::io("measure free space of", self.root.clone(), error))?;
        if free_bytes < reserve_bytes {
            return Err(StoreError::DiskFull { free_bytes, reserve_bytes });
        }
        Ok(())
    }

    /// The keys of all streams, in the order of their creation.
    pub fn stream_keys(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.index.streams()?.into_iter().map(|stream| stream.key).collect())
    }

    /// Fragments of a stream; none of a stream that is not there.
    pub fn fragments(&self, key: &str, query: &FragmentQuery) -> Result<Vec<Fragment>, StoreError> {
        self.of(key, |id| Ok(self.index.fragments(id, query)?))
    }

    /// The last fragment whose [`FragmentOrder::value`] is `value` or less.
    pub fn last_at_or_before(
        &self,
        key: &str,
        order: FragmentOrder,
        value: i64,
    ) -> Result<Option<Fragment>, StoreError> {
        self.of(key, |id| Ok(self.index.last_at_or_before(id, order, value)?))
    }

    /// The fragment that is last in `order`.
    pub fn newest(&self, key: &str, order: FragmentOrder) -> Result<Option<Fragment>, StoreError> {
        self.last_at_or_before(key, order, i64::MAX)
    }

    /// The fragment that is first in `order`.
    pub fn oldest(&self, key: &str, order: FragmentOrder) -> Result<Option<Fragment>, StoreError> {
        Ok(self.fragments(key, &FragmentQuery::all(order, 1))?.into_iter().next())
    }

    pub fn fragment(&self, key: &str, sequence: u64) -> Result<Option<Fragment>, StoreError> {
        let Ok(value) = i64::try_from(sequence) else { return Ok(None) };
        let query = FragmentQuery {
            from: value,
            until: value,
            ..FragmentQuery::all(FragmentOrder::Sequence, 1)
        };
        Ok(self.fragments(key, &query)?.into_iter().next())
    }

    /// The media files of a stream, oldest first.
    pub fn media_files(&self, key: &str) -> Result<Vec<MediaFile>, StoreError> {
        self.of(key, |id| Ok(self.index.media_files(id)?))
    }

    /// A page of a stream's closed media files, the one that ended first first.
    pub fn closed_media_files(
        &self,
        key: &str,
        query: ClosedQuery,
    ) -> Result<Vec<MediaFile>, StoreError> {
        self.of(key, |id| Ok(self.index.closed_media_files(id, query)?))
    }

    /// The media files of a stream that are still written to.
    pub fn open_media_files(&self, key: &str) -> Result<Vec<MediaFile>, StoreError> {
        self.of(key, |id| Ok(self.index.open_media_files(id)?))
    }

    /// Up to `limit` closed media files of a stream that hold nothing received at `before` or later.
    pub fn received_before(
        &self,
        key: &str,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<MediaFileId>, StoreError> {
        self.of(key, |id| Ok(self.index.received_before(id, before, limit)?))
    }

    /// The time that closed media files cover which are not wholly uploaded, in up to `limit` ranges in the order of
    /// their ends, begin and end; the last one spans the rest. A gap of less than half a second divides none.
    pub fn not_uploaded_ranges(
        &self,
        key: &str,
        limit: usize,
    ) -> Result<Vec<Range<Timestamp>>, StoreError> {
        self.of(key, |id| Ok(self.index.not_uploaded_ranges(id, limit)?))
    }

    /// Bytes of all media files up to their last persisted fragments.
    pub fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(self.index.sizes()?.into_values().sum())
    }

    /// The persisted fragments of a media file, by offset.
    pub fn fragments_of(&self, id: MediaFileId) -> Result<Vec<FragmentEntry>, StoreError> {
        Ok(self.index.fragments_of(id)?)
    }

    /// What a stream holds.
    pub fn totals(&self, key: &str) -> Result<StreamTotals, StoreError> {
        self.of(key, |id| Ok(self.index.totals(id)?))
    }

    /// The bytes of a fragment, verbatim; [`StoreError::Damaged`] when they are not those that were written.
    pub fn read(&self, fragment: &Fragment) -> Result<Bytes, StoreError> {
        let entry = &fragment.entry;
        let file = self.open_media_file(&fragment.media_file)?;
        self.read_checked(
            file.as_ref(),
            &fragment.media_file,
            entry.offset..entry.end(),
            entry.sequence,
            entry.crc32c,
        )
    }

    /// The document header that a media file's fragments belong to, verbatim.
    pub fn read_document_header(&self, place: &MediaFilePlace) -> Result<Bytes, StoreError> {
        let file = self.open_media_file(place)?;
        self.read_checked(file.as_ref(), place, 0..place.header_size_bytes, 0, place.header_crc32c)
    }

    /// In which ways the index is not sound in itself.
    pub(crate) fn unsound(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.index.unsound()?)
    }

    /// Media files that are open or abandoned.
    pub(crate) fn unsealed_media_files(&self) -> Result<Vec<UnsealedMediaFile>, StoreError> {
        Ok(self.index.unsealed_media_files()?)
    }

    pub(crate) fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    pub(crate) fn root(&self) -> &PathBuf {
        &self.root
    }

    pub(crate) fn open_media_file(
        &self,
        place: &MediaFilePlace,
    ) -> Result<Arc<dyn DiskFile>, StoreError> {
        let path = self.root.join(&place.path);
        self.disk.open_read_only(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::MediaFileGone { path },
            _ => StoreError::io("open", path, error),
        })
    }

    pub(crate) fn read_checked(
        &self,
        file: &dyn DiskFile,
        place: &MediaFilePlace,
        range: Range<u64>,
        sequence: u64,
        expected: u32,
    ) -> Result<Bytes, StoreError> {
        let path = || self.root.join(&place.path);
        let length_bytes = usize::try_from(range.end.saturating_sub(range.start))
            .map_err(|_| StoreError::io("read", path(), io::ErrorKind::UnexpectedEof.into()))?;
        let bytes = file
            .read_exact_at(range.start, length_bytes)
            .map_err(|error| StoreError::io("read", path(), error))?;
        let found = crc32c::crc32c(&bytes);
        if found != expected {
            return Err(StoreError::Damaged { path: path(), sequence, expected, found });
        }
        Ok(bytes)
    }

    fn of<T: Default>(
        &self,
        key: &str,
        read: impl FnOnce(StreamId) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.index.stream(key)?.map_or_else(|| Ok(T::default()), |stream| read(stream.id))
    }
}
