//! `FILE_URI`: an MP4 or Matroska file on the hub, recorded once, or a folder of them that is watched for new ones.
//!
//! The frames go to the core as fast as disk and store take them; nothing waits for their pace. Their times are the
//! file's own distances, laid so that the file ends when its recording began, and one of a folder when it was last
//! written: media that exists is of the past, and a consumer that reads the newest media finds it. Only where the stream
//! already holds media of that time, the file begins behind it instead. Whether the file's own clock ever was right
//! cannot be known, so it is not used.
//!
//! A file whose recording was broken off goes on behind the last frame that was stored of it. A file that is itself
//! broken off is recorded as far as its frames are whole.
//!
//! Where files may lie is the operator's word ([`SourceBounds`]); the disk keeps to it.
//!
//! Decides nothing about schedules or space: it delivers until it has delivered everything, or is told to stop.

mod chosen;
mod delivery;
mod end;
mod folder;
mod mkv;
mod mp4;
mod one_file;
mod settings;
mod zeros;

use std::path::PathBuf;

use url::Url;
use vigie_engine::recorder::{Failure, UriFault};
use vigie_store::disk::Disk;
use vigie_store::source::Source;

use self::delivery::Place;
use self::end::End;
use self::one_file::version;
pub(crate) use self::settings::FileSource;
use crate::core::{Refused, SourceEvent};
use crate::shell::core_thread::CoreHandle;
use crate::shell::frame_batch::FrameBatch;

impl FileSource {
    /// Delivers the file, or the folder until it is told to stop; blocks while it does.
    pub(crate) fn run(self, core: &CoreHandle, disk: &dyn Disk) {
        let mut batch = FrameBatch::new(self.session.clone(), core.clone());
        let last = match self.deliver(disk, &mut batch) {
            Ok(()) => SourceEvent::Ended,
            Err(End::Failed(failure)) => SourceEvent::Failed(failure),
            Err(End::Refused(refused)) => {
                let Refused { file, failure } = *refused;
                SourceEvent::FileRefused { file, failure }
            }
            Err(End::NotThere) => SourceEvent::Failed(Failure::FileNotMedia),
            Err(End::Stopped) => return,
        };
        // When the core has ended there is nobody left to tell.
        drop(batch.blocking_send(last));
    }

    fn deliver(&self, disk: &dyn Disk, batch: &mut FrameBatch) -> Result<(), End> {
        let path = file_path(&self.uri).ok_or(End::Failed(Failure::BadUri(UriFault::Kind)))?;
        if self.bounds.roots.is_empty() {
            return Err(End::Failed(Failure::FileRootsNotSet));
        }
        match disk.open_source(&path, &self.bounds)? {
            Source::Folder(_) => self.watch(&path, disk, batch),
            Source::File { file, stat } => {
                let (ends_at, not_before) = (self.ends_at, self.not_before);
                let place = Place { ends_at, not_before, in_folder: false };
                let version = version(&path, stat);
                let refused = self.imports.refused.as_ref();
                if let Some(refused) = refused.filter(|refused| refused.file == version) {
                    return Err(End::Refused(refused.clone()));
                }
                let delivered = self.deliver_file(&version, file.as_ref(), place, batch);
                delivered.map(drop).map_err(|end| match end {
                    End::Failed(failure) if failure.is_of_file_content() => {
                        End::Refused(Box::new(Refused { file: version, failure }))
                    }
                    end => end,
                })
            }
        }
    }
}

/// `file:///path` with percent-encoding, or an absolute path as it is.
fn file_path(uri: &str) -> Option<PathBuf> {
    if uri.starts_with('/') {
        return Some(PathBuf::from(uri));
    }
    Url::parse(uri).ok().filter(|url| url.scheme() == "file")?.to_file_path().ok()
}
