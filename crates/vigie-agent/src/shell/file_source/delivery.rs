//! Where a reader of a container puts what it finds: frames on the hub's time line, those that are stored already left
//! out.

use bytes::Bytes;
use vigie_engine::folder_watch::FileVersion;
use vigie_media::{Timestamp, Track};

use super::{End, FileSource};
use crate::core::{FrameTime, Import, NewestFragment, SourceEvent, SourceFrame};
use crate::shell::frame_batch::FrameBatch;

/// Of [`super::Chosen`].
const VIDEO_TRACK: u64 = 1;

/// Where a file's media goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Its media ends here …
    pub(super) ends_at: Timestamp,
    /// … or begins here, if that is later.
    pub(super) not_before: Timestamp,
    pub(super) in_folder: bool,
}

/// How far the frames that are stored already go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Skip {
    /// No more of them.
    Nothing,
    /// Up to the frame that the newest fragment begins with …
    UntilNewest(NewestFragment),
    /// … and so many from there on.
    Frames(u32),
}

/// One file on its way.
pub(super) struct Delivery<'a> {
    source: &'a FileSource,
    batch: &'a mut FrameBatch,
    import: Import,
    /// Where it is to go; `None` when that is settled.
    place: Option<Place>,
    skip: Skip,
    tracks: Vec<Track>,
    until_ms: i64,
}

impl<'a> Delivery<'a> {
    /// All of the file.
    pub(super) fn from_the_start(
        source: &'a FileSource,
        batch: &'a mut FrameBatch,
        file: FileVersion,
        place: Place,
    ) -> Self {
        let import = Import { file, base_ms: 0, in_folder: place.in_folder, newest: None };
        let (skip, tracks) = (Skip::Nothing, Vec::new());
        Self { source, batch, import, place: Some(place), skip, tracks, until_ms: 0 }
    }

    /// What is not stored of it yet.
    pub(super) fn going_on(
        source: &'a FileSource,
        batch: &'a mut FrameBatch,
        import: Import,
        newest: NewestFragment,
    ) -> Self {
        let (skip, tracks) = (Skip::UntilNewest(newest), Vec::new());
        Self { source, batch, import, place: None, skip, tracks, until_ms: 0 }
    }

    /// Announces the tracks; the file's media goes from `first_ms` to `last_ms` in its own time.
    pub(super) fn open(
        &mut self,
        tracks: Vec<Track>,
        first_ms: i64,
        last_ms: i64,
    ) -> Result<(), End> {
        if let Some(place) = self.place {
            let length_ms = last_ms.saturating_sub(first_ms);
            let begins_at = place.ends_at.plus_millis(-length_ms).max(place.not_before);
            self.import.base_ms = begins_at.as_millis().saturating_sub(first_ms);
        }
        self.until_ms = last_ms;
        self.tracks = tracks;
        if self.skip == Skip::Nothing { self.begin(false) } else { Ok(()) }
    }

    /// Delivers one frame, in the order in which it is stored.
    pub(super) fn frame(
        &mut self,
        number: u64,
        at_ms: i64,
        key_frame: bool,
        data: Bytes,
    ) -> Result<(), End> {
        if self.source.is_stopped() {
            return Err(End::Stopped);
        }
        let timestamp = self.timestamp(at_ms);
        if let Skip::UntilNewest(newest) = self.skip {
            if number != VIDEO_TRACK || timestamp.as_millis() != newest.start_ms {
                return Ok(());
            }
            self.skip = Skip::Frames(newest.frame_count);
        }
        match self.skip {
            Skip::Frames(left @ 1..) => {
                self.skip = Skip::Frames(left - 1);
                return Ok(());
            }
            Skip::Frames(0) => {
                self.skip = Skip::Nothing;
                self.begin(true)?;
            }
            _ => {}
        }
        let time = FrameTime::Wall(timestamp);
        let data = data.into();
        let frame = SourceFrame { track_number: number, time, key_frame, data };
        if self.batch.push(frame) {
            self.batch.blocking_flush()?;
        }
        // So that a file of few frames hears of it as well.
        if self.source.is_stopped() { Err(End::Stopped) } else { Ok(()) }
    }

    /// Nothing more comes; where the file's media ends.
    pub(super) fn end(self) -> Result<Timestamp, End> {
        match self.skip {
            Skip::UntilNewest(_) => Err(End::NotThere),
            // It was stored to its end, and only that was not said yet.
            Skip::Frames(_) | Skip::Nothing => {
                self.batch.blocking_flush()?;
                Ok(self.timestamp(self.until_ms))
            }
        }
    }

    fn begin(&mut self, resumes: bool) -> Result<(), End> {
        let import = self.import.clone();
        self.batch.blocking_send(SourceEvent::FileBegun { import, resumes })?;
        let tracks = std::mem::take(&mut self.tracks);
        Ok(self.batch.blocking_send(SourceEvent::Opened { tracks })?)
    }

    fn timestamp(&self, at_ms: i64) -> Timestamp {
        Timestamp::from_millis(self.import.base_ms.saturating_add(at_ms))
    }
}
