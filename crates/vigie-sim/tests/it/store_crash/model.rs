//! What the store was asked and what it answered: the truth that it is held against.

use std::collections::BTreeMap;

use vigie_store::{FragmentEntry, FragmentMeta};

/// What is known of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Begun or whole, in no commit yet.
    Pending,
    /// In a commit that succeeded.
    Persisted,
    /// Its file was abandoned, and whoever handed it over was told. Where the disk kept it nevertheless, a start may find
    /// it whole.
    GivenUp,
    /// It was lost in a crash: it must never be seen.
    Lost,
    /// Its deletion was under way when the power went.
    MaybeDeleted,
    /// Deleted: it must never be seen again.
    Deleted,
}

#[derive(Clone)]
pub(crate) struct FragmentModel {
    pub(crate) meta: FragmentMeta,
    pub(crate) state: State,
    /// What was handed over, the last call included whether or not it succeeded.
    pub(crate) bytes: Vec<u8>,
    /// Of these, in calls that succeeded.
    pub(crate) written: usize,
    /// Of these, as far as they were to be written out when that was last asked for …
    pub(crate) asked_out: usize,
    /// … and as far as that was surely done.
    pub(crate) written_out: usize,
    /// Ends of whole blocks.
    pub(crate) boundaries: Vec<usize>,
    /// `end_fragment` or `append_fragment` succeeded.
    pub(crate) whole: bool,
    /// Of an open fragment, as far as a commit that succeeded.
    pub(crate) committed: usize,
    /// A commit was under way when the power went.
    pub(crate) in_flight: bool,
    /// What the commit that was begun has of it: bytes, and whether it was whole.
    pub(crate) planned: Option<(usize, bool)>,
    pub(crate) uploaded: Uploaded,
    /// It was in some index: an older copy may say so again.
    pub(crate) was_uploaded: bool,
}

impl std::fmt::Debug for FragmentModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FragmentModel")
            .field("sequence", &self.meta.sequence)
            .field("state", &self.state)
            .field("written", &self.written)
            .field("boundaries", &self.boundaries)
            .field("whole", &self.whole)
            .field("committed", &self.committed)
            .finish()
    }
}

/// What is known of an uploaded mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uploaded {
    No,
    /// Asked for, in no commit yet.
    Asked,
    /// In the commit that was begun.
    Planned,
    Yes,
}

impl FragmentModel {
    pub(crate) fn new(meta: FragmentMeta) -> Self {
        Self {
            meta,
            state: State::Pending,
            bytes: Vec::new(),
            written: 0,
            asked_out: 0,
            written_out: 0,
            boundaries: Vec::new(),
            whole: false,
            committed: 0,
            in_flight: false,
            planned: None,
            uploaded: Uploaded::No,
            was_uploaded: false,
        }
    }

    /// Adds what is about to be handed over; what failed before is forgotten.
    pub(crate) fn hand_over(&mut self, blocks: &[Vec<u8>]) {
        self.bytes.truncate(self.written);
        self.boundaries.retain(|&end| end <= self.written);
        for block in blocks {
            self.bytes.extend_from_slice(block);
            self.boundaries.push(self.bytes.len());
        }
    }

    /// Asserts that `entry` with `bytes` is this fragment, or its beginning up to a whole block.
    pub(crate) fn assert_is(&self, entry: &FragmentEntry, bytes: Option<&[u8]>) {
        let meta = FragmentMeta {
            sequence: entry.sequence,
            producer_timestamp: entry.producer_timestamp,
            server_timestamp: entry.server_timestamp,
            timecode_ms: entry.timecode_ms,
            number_tail: entry.number_tail,
            begins_with_key_frame: entry.begins_with_key_frame,
        };
        assert_eq!(meta, self.meta);
        let size = entry.size_bytes as usize;
        assert!(self.boundaries.contains(&size), "{size} bytes is no end of a block: {self:?}");
        assert!(size >= self.committed, "{size} of {} committed bytes are left", self.committed);
        assert_eq!(entry.crc32c, crc(&self.bytes[..size]), "bytes of {self:?}, {entry:?}");
        if let Some(bytes) = bytes {
            assert!(bytes == &self.bytes[..size], "bytes of fragment {} differ", entry.sequence);
        }
    }
}

/// CRC-32C by the book: an independent check of the checksums.
fn crc(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut at = 0;
        while at < table.len() {
            let mut crc = at as u32;
            let mut bit = 0;
            while bit < 8 {
                crc = (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
                bit += 1;
            }
            table[at] = crc;
            at += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| TABLE[(crc as u8 ^ byte) as usize] ^ (crc >> 8))
}

#[derive(Default)]
pub(crate) struct StreamModel {
    pub(crate) fragments: BTreeMap<u64, FragmentModel>,
    pub(crate) open: Option<u64>,
    /// The largest sequence handed out.
    pub(crate) handed_out: u64,
    /// Its deletion was under way when the power went.
    pub(crate) maybe_deleted: bool,
}

impl StreamModel {
    /// The sequences that a reader must see now.
    pub(crate) fn visible(&self) -> Vec<u64> {
        let persisted = self.fragments.iter().filter(|(_, f)| f.state == State::Persisted);
        persisted.map(|(sequence, _)| *sequence).collect()
    }
}
