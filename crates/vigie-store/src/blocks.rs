//! A fragment in blocks: for those who send it on and hold no more of it than a block.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::disk::DiskFile;
use crate::error::StoreError;
use crate::fragment::Fragment;
use crate::read::StoreReader;

/// Reads one fragment from its beginning to its end. The media file stays open meanwhile, so that its deletion does
/// not tear what is being read.
pub struct FragmentBlocks {
    reader: StoreReader,
    file: Arc<dyn DiskFile>,
    fragment: Fragment,
    rest: Range<u64>,
    crc32c: u32,
}

impl StoreReader {
    /// The bytes of a fragment, verbatim, a block at a time.
    pub fn blocks(&self, fragment: &Fragment) -> Result<FragmentBlocks, StoreError> {
        Ok(FragmentBlocks {
            reader: self.clone(),
            file: self.open_media_file(&fragment.media_file)?,
            fragment: fragment.clone(),
            rest: fragment.entry.offset..fragment.entry.end(),
            crc32c: 0,
        })
    }
}

impl FragmentBlocks {
    /// The next bytes, at most `block_bytes_max`; `None` at the end. The checksum is that of the whole fragment, so
    /// [`StoreError::Damaged`] comes in place of the last block: what came before may be what is damaged.
    pub fn next_block(&mut self, block_bytes_max: usize) -> Result<Option<Bytes>, StoreError> {
        let left = self.rest.end.saturating_sub(self.rest.start);
        let length_bytes = usize::try_from(left).unwrap_or(usize::MAX).min(block_bytes_max);
        if length_bytes == 0 {
            return Ok(None);
        }
        let block = self.file.read_exact_at(self.rest.start, length_bytes);
        let block = block.map_err(|error| self.failed(error))?;
        self.rest.start += length_bytes as u64;
        self.crc32c = crc32c::crc32c_append(self.crc32c, &block);
        let entry = &self.fragment.entry;
        if self.rest.is_empty() && self.crc32c != entry.crc32c {
            return Err(StoreError::Damaged {
                path: self.reader.root().join(&self.fragment.media_file.path),
                sequence: entry.sequence,
                expected: entry.crc32c,
                found: self.crc32c,
            });
        }
        Ok(Some(block))
    }

    /// Whether all has been read.
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn failed(&self, error: io::Error) -> StoreError {
        StoreError::io("read", self.reader.root().join(&self.fragment.media_file.path), error)
    }
}
