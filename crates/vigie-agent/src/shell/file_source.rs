//! `FILE_URI`: an MP4 or Matroska file on the hub, recorded once.
//!
//! The frames go to the core as fast as disk and store take them; nothing waits for their pace. Their times are the
//! file's own distances, laid so that the file ends when its recording began: media that exists is of the past, and a
//! consumer that reads the newest media finds it. Only where the stream already holds media of that time, the file
//! begins behind it instead. Whether the file's own clock ever was right cannot be known, so it is not used.
//!
//! Decides nothing about schedules or space: it delivers until it has delivered everything, or is told to stop.

mod mkv;
mod mp4;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use url::Url;
use vigie_engine::recorder::Failure;
use vigie_media::{Timestamp, Track, TrackKind, codec_id};
use vigie_store::disk::{Disk, DiskFile};

use crate::core::{FrameTime, Session, SourceEvent, SourceFrame};
use crate::shell::core_thread::CoreHandle;
use crate::shell::frame_batch::{CoreGone, FrameBatch};

/// A file to record and where its media goes in time.
pub(crate) struct FileSource {
    pub(crate) session: Session,
    /// The secret's `MediaURI`: `file:///path`, or the path alone.
    pub(crate) uri: String,
    pub(crate) ends_at: Timestamp,
    pub(crate) not_before: Timestamp,
    /// Set when the session is closed.
    pub(crate) stopped: Arc<AtomicBool>,
}

/// Why delivering ended before the end of the file.
enum End {
    Failed(Failure),
    Stopped,
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
    /// Delivers the file; blocks while it does.
    pub(crate) fn run(self, core: &CoreHandle, disk: &dyn Disk) {
        let mut batch = FrameBatch::new(self.session.clone(), core.clone());
        let last = match self.deliver(disk, &mut batch) {
            Ok(()) => SourceEvent::Ended,
            Err(End::Failed(failure)) => SourceEvent::Failed(failure),
            Err(End::Stopped) => return,
        };
        // When the core has ended there is nobody left to tell.
        drop(batch.blocking_send(last));
    }

    fn deliver(&self, disk: &dyn Disk, batch: &mut FrameBatch) -> Result<(), End> {
        let path = file_path(&self.uri).ok_or(End::Failed(Failure::BadUri))?;
        let file = disk.open_read_only(&path)?;
        let mut delivery = Delivery { source: self, batch, base_ms: 0 };
        if is_matroska(file.as_ref())? {
            mkv::deliver(file.as_ref(), &mut delivery)
        } else {
            mp4::deliver(file.as_ref(), &mut delivery)
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

fn is_matroska(file: &dyn DiskFile) -> io::Result<bool> {
    Ok(file.read_exact_at(0, 4)?.as_ref() == [0x1A, 0x45, 0xDF, 0xA3])
}

/// Where a reader of a container puts what it finds.
struct Delivery<'a> {
    source: &'a FileSource,
    batch: &'a mut FrameBatch,
    /// What is added to the file's times, in milliseconds.
    base_ms: i64,
}

impl Delivery<'_> {
    /// Announces the tracks; the file's media goes from `first_ms` to `last_ms` in its own time.
    fn open(&mut self, tracks: Vec<Track>, first_ms: i64, last_ms: i64) -> Result<(), End> {
        let length_ms = last_ms.saturating_sub(first_ms);
        let begins_at = self.source.ends_at.plus_millis(-length_ms).max(self.source.not_before);
        self.base_ms = begins_at.as_millis().saturating_sub(first_ms);
        Ok(self.batch.blocking_send(SourceEvent::Opened { tracks })?)
    }

    /// Delivers one frame, in the order in which it is stored.
    fn frame(&mut self, number: u64, at_ms: i64, key_frame: bool, data: Bytes) -> Result<(), End> {
        let time = FrameTime::Wall(Timestamp::from_millis(self.base_ms.saturating_add(at_ms)));
        let frame = SourceFrame { track_number: number, time, key_frame, data };
        if self.batch.push(frame) {
            self.batch.blocking_flush()?;
        }
        if self.source.stopped.load(Ordering::Relaxed) { Err(End::Stopped) } else { Ok(()) }
    }
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
