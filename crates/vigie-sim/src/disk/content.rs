//! The bytes of one simulated file: as programs see them, and as they are sure to be after the power was lost.

use std::io;

use bytes::Bytes;
use vigie_engine::chance::Chance;

use crate::chance::SimChance;

/// Writes are lost or kept in pieces of this size.
const SECTOR_BYTES: usize = 512;

/// What becomes of the writes since the last sync.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// They are safe.
    Durable,
    /// A sync failed: no later one covers them.
    Limbo,
}

#[derive(Clone)]
enum Change {
    Write { offset: u64, data: Vec<u8> },
    Truncate { length_bytes: u64 },
}

#[derive(Default)]
pub(super) struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Changes that are not durable, oldest first, and whether a later sync makes them so.
    unsure: Vec<(Change, bool)>,
}

impl Content {
    pub(super) fn length_bytes(&self) -> u64 {
        self.now.len() as u64
    }

    pub(super) fn write(&mut self, offset: u64, data: &[u8]) {
        let change = Change::Write { offset, data: data.to_vec() };
        change.apply(&mut self.now);
        self.unsure.push((change, true));
    }

    pub(super) fn truncate(&mut self, length_bytes: u64) {
        let change = Change::Truncate { length_bytes };
        change.apply(&mut self.now);
        self.unsure.push((change, true));
    }

    pub(super) fn read(&self, offset: u64, length_bytes: usize) -> io::Result<Bytes> {
        let range = usize::try_from(offset)
            .ok()
            .and_then(|start| self.now.get(start..start.checked_add(length_bytes)?));
        range.map_or_else(
            || Err(io::ErrorKind::UnexpectedEof.into()),
            |range| Ok(Bytes::copy_from_slice(range)),
        )
    }

    pub(super) fn settle(&mut self, fate: Fate) {
        if fate == Fate::Limbo {
            self.unsure.iter_mut().for_each(|(_, syncable)| *syncable = false);
            return;
        }
        for (change, _) in self.unsure.extract_if(.., |(_, syncable)| *syncable) {
            change.apply(&mut self.durable);
        }
    }

    /// Each unsure change is kept, lost or, if it is a write, kept in part.
    pub(super) fn lose_power(&mut self, chance: &mut SimChance) {
        for (change, _) in std::mem::take(&mut self.unsure) {
            match (chance.below(4), change) {
                (0 | 1, change) => change.apply(&mut self.durable),
                (2, Change::Write { offset, data }) => {
                    // Any sectors of it may have reached the disk.
                    for (number, sector) in data.chunks(SECTOR_BYTES).enumerate() {
                        if chance.happens(500) {
                            let keep = chance.below(sector.len() as u64) as usize + 1;
                            let offset = offset + (number * SECTOR_BYTES) as u64;
                            let data = sector[..keep].to_vec();
                            Change::Write { offset, data }.apply(&mut self.durable);
                        }
                    }
                }
                _ => {}
            }
        }
        self.now.clone_from(&self.durable);
    }

    pub(super) fn rot(&mut self, offset: u64) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        for bytes in [&mut self.now, &mut self.durable] {
            *bytes.get_mut(offset).ok_or(io::ErrorKind::UnexpectedEof)? ^= 0x55;
        }
        Ok(())
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { offset, data } => {
                // Simulated files fit in memory.
                let start = *offset as usize;
                let end = start + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[start..end].copy_from_slice(data);
            }
            Self::Truncate { length_bytes } => bytes.resize(*length_bytes as usize, 0),
        }
    }
}
