//! One media file while it is written: where the next byte goes, what is whole, what the index already knows.
//!
//! It writes and measures. It never syncs and never talks to the index: when that happens is `store`'s to decide.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use vigie_media::Timestamp;

use crate::disk::{Disk, DiskFile};
use crate::error::StoreError;
use crate::fragment::{Extent, FragmentEntry, FragmentMeta, MediaFilePlace, WholeFragment};
use crate::mark::{FRAGMENT_MARK_BYTES, begin_mark, end_mark};
use crate::out_file::OutFile;

/// A fragment that is written as it grows.
#[derive(Debug)]
pub(crate) struct OpenFragment {
    pub(crate) meta: FragmentMeta,
    /// So far; its offset counts once the first frame is written.
    pub(crate) extent: Extent,
}

impl OpenFragment {
    pub(crate) fn entry(&self) -> FragmentEntry {
        FragmentEntry::new(&self.meta, self.extent)
    }
}

/// What a commit will tell the index of one file: what was appended when it began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planned {
    /// So many of the file's uncommitted fragments.
    pub(crate) entries: usize,
    /// Its open fragment, so far.
    pub(crate) open: Option<FragmentEntry>,
    /// No more will come.
    pub(crate) closing: bool,
}

/// A media file that takes fragments.
pub(crate) struct MediaFileWriter {
    pub(crate) place: Arc<MediaFilePlace>,
    pub(crate) path: PathBuf,
    pub(crate) directory: PathBuf,
    pub(crate) file: Arc<dyn DiskFile>,
    out: Arc<OutFile>,
    /// Frames were appended that the store does not know of as unwritten.
    has_unwritten: bool,
    pub(crate) header: Bytes,
    /// What is written in front of the first fragment: nothing once that is done.
    preamble: Vec<u8>,
    /// Server timestamp of its first fragment.
    pub(crate) opened_at: Timestamp,
    /// Length, which is where the next byte goes: what waits to be written included.
    pub(crate) length_bytes: u64,
    /// The index has its row, so its name is durable.
    pub(crate) in_index: bool,
    /// Appended to since the last sync.
    pub(crate) dirty: bool,
    /// A failed write could not be cut off: nothing more is written.
    pub(crate) broken: bool,
    /// Appended to since idle files were last looked for.
    pub(crate) is_in_use: bool,
    /// It was told that nothing more comes.
    pub(crate) has_ended: bool,
    /// Why a sync failed: the file is abandoned by the commit that met it.
    pub(crate) sync_error: Option<Arc<io::Error>>,
    /// No space was left for what waited: the file ends with what is whole in it, by the commit that met it …
    pub(crate) no_space: Option<Arc<io::Error>>,
    pub(crate) lost: Vec<u64>,
    /// Whole fragments that no commit has made durable.
    pub(crate) uncommitted: Vec<FragmentEntry>,
    /// The end of the last committed fragment with its mark; what lies behind may be cut off.
    pub(crate) committed_end: u64,
    /// The open fragment as far as a commit made it durable, until a later one has it whole.
    pub(crate) committed_open: Option<FragmentEntry>,
    pub(crate) open: Option<OpenFragment>,
    /// What the commit that was begun takes of it.
    pub(crate) planned: Option<Planned>,
}

impl MediaFileWriter {
    /// A new file on `disk`. Its header is written with the first fragment.
    pub(crate) fn create(
        disk: &dyn Disk,
        directory: PathBuf,
        path: PathBuf,
        place: MediaFilePlace,
        header: Bytes,
        file_mark: &[u8],
        opened_at: Timestamp,
    ) -> Result<Self, StoreError> {
        disk.create_dir_all(&directory)
            .map_err(|error| StoreError::io("create", directory.clone(), error))?;
        let file = disk
            .create_new(&path)
            .map_err(|error| StoreError::io("create", path.clone(), error))?;
        let out = OutFile::new(Arc::clone(&file));
        let mut preamble = Vec::with_capacity(header.len() + file_mark.len());
        preamble.extend_from_slice(&header);
        preamble.extend_from_slice(file_mark);
        Ok(Self {
            place: Arc::new(place),
            path,
            directory,
            file,
            header,
            preamble,
            opened_at,
            length_bytes: 0,
            in_index: false,
            dirty: false,
            broken: false,
            is_in_use: true,
            has_ended: false,
            out,
            has_unwritten: false,
            sync_error: None,
            no_space: None,
            lost: Vec::new(),
            uncommitted: Vec::new(),
            committed_end: 0,
            committed_open: None,
            open: None,
            planned: None,
        })
    }

    /// Whether an index entry refers to it, or will with the next commit.
    pub(crate) fn has_fragments(&self) -> bool {
        let open = self.open.as_ref().is_some_and(|open| open.extent.size_bytes > 0);
        self.in_index || open || !self.uncommitted.is_empty()
    }

    /// Up to where commits made it durable.
    pub(crate) fn durable_end(&self) -> u64 {
        self.committed_open.map_or(self.committed_end, |entry| entry.end())
    }

    /// Bytes that the next write puts in front of what it is given.
    pub(crate) fn preamble_bytes(&self) -> u64 {
        self.preamble.len() as u64
    }

    /// Appends a whole fragment and its end mark, to be written by the next commit's sync: what no commit has is dropped
    /// by a crash anyway, and its bytes need not go through the page cache.
    pub(crate) fn append_fragment(
        &mut self,
        fragment: &WholeFragment,
    ) -> Result<FragmentEntry, StoreError> {
        let entry = FragmentEntry::new(
            &fragment.meta,
            Extent {
                offset: self.length_bytes + self.preamble_bytes(),
                size_bytes: fragment.bytes.len() as u64,
                duration_ms: fragment.duration_ms,
                frame_count: fragment.frame_count,
                crc32c: fragment.crc32c,
            },
        );
        let mark = Bytes::copy_from_slice(&end_mark(&entry));
        self.append(&[], &[fragment.bytes.clone(), mark], None)?;
        self.uncommitted.push(entry);
        Ok(entry)
    }

    /// The file, when frames were appended since this was last asked.
    pub(crate) fn unwritten(&mut self) -> Option<Arc<OutFile>> {
        std::mem::take(&mut self.has_unwritten).then(|| Arc::clone(&self.out))
    }

    /// Begins a fragment; its mark is written with its first frames.
    pub(crate) fn begin_fragment(&mut self, meta: FragmentMeta) {
        self.open = Some(OpenFragment { meta, extent: Extent::default() });
    }

    /// Appends whole frames to the open fragment. `false` when there is none.
    pub(crate) fn append_frames(
        &mut self,
        parts: &[Bytes],
        frame_count: u32,
        duration_ms: u32,
    ) -> Result<bool, StoreError> {
        let Some(open) = &self.open else { return Ok(false) };
        let (meta, mut extent) = (open.meta, open.extent);
        let head = match extent.size_bytes {
            0 => {
                let before_bytes = self.preamble_bytes() + FRAGMENT_MARK_BYTES as u64;
                extent.offset = self.length_bytes + before_bytes;
                begin_mark(&meta).to_vec()
            }
            _ => Vec::new(),
        };
        let length_bytes = self.length_bytes + self.preamble_bytes() + head.len() as u64;
        extent.crc32c = self.append(&head, parts, Some(extent.crc32c))?;
        self.has_unwritten = true;
        extent.size_bytes += self.length_bytes - length_bytes;
        extent.frame_count = extent.frame_count.saturating_add(frame_count);
        extent.duration_ms = extent.duration_ms.max(duration_ms);
        if let Some(open) = &mut self.open {
            open.extent = extent;
        }
        Ok(true)
    }

    /// Ends the open fragment with its mark. `None` when there is none, or nothing was written to it.
    pub(crate) fn end_fragment(
        &mut self,
        duration_ms: u32,
    ) -> Result<Option<FragmentEntry>, StoreError> {
        let Some(open) = &mut self.open else { return Ok(None) };
        if open.extent.size_bytes == 0 {
            self.open = None;
            return Ok(None);
        }
        open.extent.duration_ms = open.extent.duration_ms.max(duration_ms);
        let entry = open.entry();
        self.append(&end_mark(&entry), &[], None)?;
        self.has_unwritten = true;
        self.open = None;
        self.uncommitted.push(entry);
        Ok(Some(entry))
    }

    /// Appends `head` and `parts`, to be written behind; the checksum `crc32c` gone on with `parts`, where there is one.
    /// After a failure the file is as long as before, or broken.
    fn append(
        &mut self,
        head: &[u8],
        parts: &[Bytes],
        crc32c: Option<u32>,
    ) -> Result<u32, StoreError> {
        let preamble_bytes = self.preamble.len();
        self.preamble.extend_from_slice(head);
        let head = Bytes::from(std::mem::take(&mut self.preamble));
        self.dirty = true;
        self.is_in_use = true;
        match self.append_behind(&head, parts, crc32c) {
            Ok(crc32c) => {
                self.length_bytes +=
                    [&head].into_iter().chain(parts).map(|it| it.len() as u64).sum::<u64>();
                Ok(crc32c)
            }
            Err(error) => {
                self.preamble = head.into();
                self.preamble.truncate(preamble_bytes);
                Err(self.cut_failed_write(error))
            }
        }
    }

    /// By themselves, so that the parts, which may be very many, need not be put in a list with the head.
    fn append_behind(&self, head: &Bytes, parts: &[Bytes], crc32c: Option<u32>) -> io::Result<u32> {
        if !head.is_empty() {
            self.file.write_behind(std::slice::from_ref(head), self.length_bytes)?;
        }
        let offset = self.length_bytes + head.len() as u64;
        match crc32c {
            Some(crc32c) => self.file.write_behind_summed(parts, offset, crc32c),
            None if parts.is_empty() => Ok(0),
            None => self.file.write_behind(parts, offset).map(|()| 0),
        }
    }

    fn cut_failed_write(&mut self, error: io::Error) -> StoreError {
        if let Err(error) = self.file.truncate(self.length_bytes) {
            tracing::error!(path = %self.path.display(), %error, "cut off a failed write");
            self.broken = true;
            // What cannot be cut takes space: nothing is written any more, so it may count as length.
            self.length_bytes = self.file.length_bytes().unwrap_or(self.length_bytes);
        }
        StoreError::io("write", self.path.clone(), error)
    }
}
