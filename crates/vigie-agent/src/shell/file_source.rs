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
mod folder;
mod mkv;
mod mp4;
mod zeros;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use url::Url;
use vigie_engine::clock::Clock;
use vigie_engine::folder_watch::FileVersion;
use vigie_engine::recorder::{Failure, UriFault};
use vigie_media::Timestamp;
use vigie_store::disk::Disk;
use vigie_store::source::{FileStat, Source, SourceBounds, SourceError, SourceFile};

use self::chosen::Chosen;
use self::delivery::{Delivered, Delivery, Place};
use crate::core::{Imports, NewestFragment, Refused, Session, SourceEvent};
use crate::shell::core_thread::CoreHandle;
use crate::shell::frame_batch::{CoreGone, FrameBatch};

/// A file or folder to record and where its media goes in time.
pub(crate) struct FileSource {
    pub(crate) session: Session,
    /// The secret's `MediaURI`: `file:///path`, or the path alone.
    pub(crate) uri: String,
    pub(crate) bounds: Arc<SourceBounds>,
    pub(crate) ends_at: Timestamp,
    pub(crate) not_before: Timestamp,
    pub(crate) imports: Imports,
    pub(crate) newest: Option<NewestFragment>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Set when the session is closed.
    pub(crate) stopped: Arc<AtomicBool>,
}

/// Why delivering ended before the end of the file.
enum End {
    Failed(Failure),
    /// The file is what it is: reading it again would end the same way.
    Refused(Box<Refused>),
    Stopped,
    /// What the stream holds of the file is not in it: it cannot be gone on with.
    NotThere,
}

/// Whether all that a file was to hold is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wholeness {
    Whole,
    BrokenOff,
}

impl From<SourceError> for End {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::OutsideRoots => Self::Failed(Failure::FileOutsideRoots),
            SourceError::NotRegular => Self::Failed(Failure::FileNotRegular),
            SourceError::Io(error) => error.into(),
        }
    }
}

impl From<CoreGone> for End {
    fn from(_: CoreGone) -> Self {
        Self::Stopped
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        tracing::debug!(%error, "a source file cannot be read");
        Self::Failed(match error.kind() {
            // The container's own lengths lead past the end of the file.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Failure::FileNotMedia,
            _ => Failure::FileNotReadable,
        })
    }
}

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

    /// Delivers one file; where its media ends.
    fn deliver_file(
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

    /// Fails when the source is told to stop.
    fn go_on(&self) -> Result<(), End> {
        if self.is_stopped() { Err(End::Stopped) } else { Ok(()) }
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

fn version(path: &Path, stat: FileStat) -> FileVersion {
    let path = path.to_string_lossy().into_owned();
    FileVersion { modified_ms: stat.modified.as_millis(), path, size_bytes: stat.length_bytes }
}

/// `file:///path` with percent-encoding, or an absolute path as it is.
fn file_path(uri: &str) -> Option<PathBuf> {
    if uri.starts_with('/') {
        return Some(PathBuf::from(uri));
    }
    Url::parse(uri).ok().filter(|url| url.scheme() == "file")?.to_file_path().ok()
}

fn is_matroska(file: &dyn SourceFile) -> io::Result<bool> {
    Ok(file.read_exact_at(0, 4)?.as_ref() == [0x1A, 0x45, 0xDF, 0xA3])
}
