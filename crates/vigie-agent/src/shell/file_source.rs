//! `FILE_URI`: an MP4 or Matroska file on the hub, recorded once, or a folder of them that is watched for new ones.
//!
//! The frames go to the core as fast as disk and store take them; nothing waits for their pace. Their times are the
//! file's own distances, laid so that the file ends when its recording began, and one of a folder when it was last
//! written: media that exists is of the past, and a consumer that reads the newest media finds it. Only where the stream
//! already holds media of that time, the file begins behind it instead. Whether the file's own clock ever was right
//! cannot be known, so it is not used.
//!
//! A file that was broken off goes on behind the last frame that was stored of it.
//!
//! Decides nothing about schedules or space: it delivers until it has delivered everything, or is told to stop.

mod delivery;
mod folder;
mod mkv;
mod mp4;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use url::Url;
use vigie_engine::clock::Clock;
use vigie_engine::folder_watch::FileVersion;
use vigie_engine::recorder::Failure;
use vigie_media::{Timestamp, Track, TrackKind, codec_id};
use vigie_store::disk::{Disk, DiskFile};

use self::delivery::{Delivery, Place};
use crate::core::{Imports, NewestFragment, Session, SourceEvent};
use crate::shell::core_thread::CoreHandle;
use crate::shell::frame_batch::{CoreGone, FrameBatch};

/// A file or folder to record and where its media goes in time.
pub(crate) struct FileSource {
    pub(crate) session: Session,
    /// The secret's `MediaURI`: `file:///path`, or the path alone.
    pub(crate) uri: String,
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
    Stopped,
    /// What the stream holds of the file is not in it: it cannot be gone on with.
    NotThere,
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
            Err(End::NotThere) => SourceEvent::Failed(Failure::FileNotMedia),
            Err(End::Stopped) => return,
        };
        // When the core has ended there is nobody left to tell.
        drop(batch.blocking_send(last));
    }

    fn deliver(&self, disk: &dyn Disk, batch: &mut FrameBatch) -> Result<(), End> {
        let path = file_path(&self.uri).ok_or(End::Failed(Failure::BadUri))?;
        let stat = disk.stat(&path)?;
        if stat.is_directory {
            return self.watch(&path, disk, batch);
        }
        let file = version(&path, stat.modified, stat.length_bytes);
        let place = Place { ends_at: self.ends_at, not_before: self.not_before, in_folder: false };
        self.deliver_file(&file, place, disk, batch).map(drop)
    }

    /// Delivers one file; where its media ends.
    fn deliver_file(
        &self,
        version: &FileVersion,
        place: Place,
        disk: &dyn Disk,
        batch: &mut FrameBatch,
    ) -> Result<Timestamp, End> {
        let file = disk.open_read_only(Path::new(&version.path))?;
        let is_matroska = is_matroska(file.as_ref())?;
        let deliver = |delivery: &mut Delivery<'_>| {
            if is_matroska {
                mkv::deliver(file.as_ref(), delivery)
            } else {
                mp4::deliver(file.as_ref(), delivery)
            }
        };
        let broken_off = self.imports.current.as_ref();
        let broken_off = broken_off.filter(|import| import.file == *version).zip(self.newest);
        if let Some((import, newest)) = broken_off {
            let mut delivery = Delivery::going_on(self, batch, import.clone(), newest);
            match deliver(&mut delivery).and_then(|()| delivery.end()) {
                Err(End::NotThere) => {}
                ended => return ended,
            }
        }
        let mut delivery = Delivery::from_the_start(self, batch, version.clone(), place);
        deliver(&mut delivery)?;
        delivery.end()
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

fn version(path: &Path, modified: Timestamp, size_bytes: u64) -> FileVersion {
    let path = path.to_string_lossy().into_owned();
    FileVersion { modified_ms: modified.as_millis(), path, size_bytes }
}

/// `file:///path` with percent-encoding, or an absolute path as it is.
fn file_path(uri: &str) -> Option<PathBuf> {
    if uri.starts_with('/') {
        return Some(PathBuf::from(uri));
    }
    Url::parse(uri).ok().filter(|url| url.scheme() == "file")?.to_file_path().ok()
}

fn is_matroska(file: &dyn DiskFile) -> io::Result<bool> {
    Ok(file.read_exact_at(0, 4)?.as_ref() == [0x1A, 0x45, 0xDF, 0xA3])
}

/// The tracks that are recorded, the first video and the first audio that KVS can carry, and their numbers in the
/// file. They become tracks 1 and 2, as a camera's.
struct Chosen {
    tracks: Vec<Track>,
    numbers: Vec<u64>,
}

impl Chosen {
    fn from(tracks: &[Track]) -> Result<Self, End> {
        let find = |codecs: &[&str]| {
            tracks.iter().find(|track| codecs.contains(&track.codec_id.as_str())).cloned()
        };
        let Some(video) = find(&[codec_id::H264, codec_id::H265]) else {
            let other = tracks.iter().find(|track| track.kind == TrackKind::Video);
            return Err(End::Failed(other.map_or(Failure::NoVideoTrack, |track| {
                Failure::UnsupportedCodec { codec: track.codec_id.clone() }
            })));
        };
        let mut chosen = Self { tracks: Vec::new(), numbers: Vec::new() };
        for mut track in
            [Some(video), find(&[codec_id::AAC, codec_id::MS_ACM])].into_iter().flatten()
        {
            chosen.numbers.push(track.number);
            track.number = chosen.numbers.len() as u64;
            chosen.tracks.push(track);
        }
        Ok(chosen)
    }

    /// The recorded number of a track of the file; `None` when it is left out.
    fn number(&self, in_file: u64) -> Option<u64> {
        self.numbers.iter().position(|&number| number == in_file).map(|index| index as u64 + 1)
    }
}
