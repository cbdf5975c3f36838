//! The bytes of one simulated file: as programs see them, and as they are sure to be after the power was lost.

use std::io;

use bytes::Bytes;
use vigie_engine::chance::Chance;

use crate::chance::SimChance;

/// Writes are lost or kept in pieces of this size.
const SECTOR_BYTES: usize = 512;

enum Change {
    Write { offset: u64, data: Vec<u8> },
    Truncate { length_bytes: u64 },
}

#[derive(Default)]
pub(super) struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    /// Changes that the next sync makes durable, oldest first.
    unsure: Vec<Change>,
}

impl Content {
    pub(super) fn length_bytes(&self) -> u64 {
        self.now.len() as u64
    }

    pub(super) fn write(&mut self, offset: u64, data: &[u8]) {
        let change = Change::Write { offset, data: data.to_vec() };
        change.apply(&mut self.now);
        self.unsure.push(change);
    }

    pub(super) fn truncate(&mut self, length_bytes: u64) {
        let change = Change::Truncate { length_bytes };
        change.apply(&mut self.now);
        self.unsure.push(change);
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

    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsure) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync failed: some changes reached the disk, the others never will. Programs still see them all.
    pub(super) fn fail_sync(&mut self, chance: &mut SimChance) {
        for change in std::mem::take(&mut self.unsure) {
            change.apply_by_chance(&mut self.durable, chance);
        }
    }

    /// Each unsure change is kept, lost or, if it is a write, kept in part.
    pub(super) fn lose_power(&mut self, chance: &mut SimChance) {
        self.fail_sync(chance);
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
    fn apply_by_chance(self, durable: &mut Vec<u8>, chance: &mut SimChance) {
        match (chance.below(4), self) {
            (0 | 1, change) => change.apply(durable),
            (2, Self::Write { offset, data }) => {
                // Any sectors of it may have reached the disk.
                for (number, sector) in data.chunks(SECTOR_BYTES).enumerate() {
                    if chance.happens(500) {
                        let keep = chance.below(sector.len() as u64) as usize + 1;
                        let offset = offset + (number * SECTOR_BYTES) as u64;
                        Self::Write { offset, data: sector[..keep].to_vec() }.apply(durable);
                    }
                }
            }
            _ => {}
        }
    }

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
