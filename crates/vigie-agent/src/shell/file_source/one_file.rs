//! One file: by which reader it is read, and whether it goes on where it was broken off.

use std::io;
use std::path::Path;

use vigie_engine::folder_watch::FileVersion;
use vigie_store::source::{FileStat, SourceFile};

use super::delivery::{Delivered, Delivery, Place};
use super::end::End;
use super::settings::FileSource;
use super::{mkv, mp4};
use crate::shell::frame_batch::FrameBatch;

impl FileSource {
    /// Delivers one file; where its media ends.
    pub(super) fn deliver_file(
        &self,
        version: &FileVersion,
        file: &dyn SourceFile,
        place: Place,
        batch: &mut FrameBatch,
    ) -> Result<Delivered, End> {
        let is_matroska = is_matroska(file)?;
        let deliver = |delivery: &mut Delivery<'_>| {
            if is_matroska { mkv::deliver(file, delivery) } else { mp4::deliver(file, delivery) }
        };
        let broken_off = self.imports.current.as_ref();
        let broken_off = broken_off.filter(|import| import.file == *version).zip(self.newest);
        if let Some((import, newest)) = broken_off {
            let mut delivery = Delivery::going_on(self, batch, import.clone(), newest);
            match deliver(&mut delivery).and_then(|wholeness| delivery.end(wholeness)) {
                Err(End::NotThere) => {}
                ended => return ended,
            }
        }
        let mut delivery = Delivery::from_the_start(self, batch, version.clone(), place);
        let wholeness = deliver(&mut delivery)?;
        delivery.end(wholeness)
    }
}

/// A file as it stands now, by what tells it from a later one.
pub(super) fn version(path: &Path, stat: FileStat) -> FileVersion {
    let path = path.to_string_lossy().into_owned();
    FileVersion { modified_ms: stat.modified.as_millis(), path, size_bytes: stat.length_bytes }
}

fn is_matroska(file: &dyn SourceFile) -> io::Result<bool> {
    Ok(file.read_exact_at(0, 4)?.as_ref() == [0x1A, 0x45, 0xDF, 0xA3])
}
