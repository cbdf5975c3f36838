//! Where a reader of a container puts what it finds: frames on the hub's time line, those that are stored already left
//! out.
//!
//! A fragment begins with a picture, so sound that a file holds before its first picture is put behind that picture,
//! with the times it has, and is kept. Only what comes long before it is left out, and said: no player would know what
//! to show meanwhile.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use vigie_engine::folder_watch::FileVersion;
use vigie_engine::recorder::{Failure, LeftOut, LeftOutReason, Medium};
use vigie_media::codec::names;
use vigie_media::{Timestamp, Track};

use super::end::{End, Wholeness};
use super::settings::FileSource;
use crate::core::{FrameTime, Import, NewestFragment, SourceEvent, SourceFrame};
use crate::shell::frame_batch::FrameBatch;

/// Of [`super::chosen::Chosen`].
pub(super) const VIDEO_TRACK: u64 = 1;
/// Sound that comes longer before the first picture is left out. Encoders begin their sound some ten milliseconds early,
/// and files that were cut from longer ones up to most of a second.
const EARLY_MS_MAX: i64 = 1_000;
/// Sound that waits for the first picture; of more the oldest is left out. It is compressed: this is minutes.
const EARLY_BYTES_MAX: usize = 4 << 20;

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
    first_ms: i64,
    until_ms: i64,
    /// The latest frame that came.
    newest_ms: i64,
    /// No picture has come yet that decoding can start at.
    awaits_picture: bool,
    early: Early,
}

/// What comes of one file.
pub(super) struct Delivered {
    /// Where its media ends.
    pub(super) until: Timestamp,
    /// Whether that is all that it was to hold.
    pub(super) wholeness: Wholeness,
}

/// A frame in the file's own time.
struct FileFrame {
    number: u64,
    at_ms: i64,
    key_frame: bool,
    data: Bytes,
}

/// Sound from before the first picture.
#[derive(Default)]
struct Early {
    frames: VecDeque<FileFrame>,
    bytes: usize,
    left_out: u64,
}

impl Early {
    fn push(&mut self, frame: FileFrame) {
        self.bytes += frame.data.len();
        self.frames.push_back(frame);
        while self.bytes > EARLY_BYTES_MAX {
            let Some(oldest) = self.frames.pop_front() else { return };
            self.bytes -= oldest.data.len();
            self.left_out += 1;
        }
    }
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
        Self::new(source, batch, import, Some(place), Skip::Nothing)
    }

    /// What is not stored of it yet.
    pub(super) fn going_on(
        source: &'a FileSource,
        batch: &'a mut FrameBatch,
        import: Import,
        newest: NewestFragment,
    ) -> Self {
        Self::new(source, batch, import, None, Skip::UntilNewest(newest))
    }

    fn new(
        source: &'a FileSource,
        batch: &'a mut FrameBatch,
        import: Import,
        place: Option<Place>,
        skip: Skip,
    ) -> Self {
        Self {
            source,
            batch,
            import,
            place,
            skip,
            tracks: Vec::new(),
            first_ms: 0,
            until_ms: 0,
            newest_ms: 0,
            awaits_picture: true,
            early: Early::default(),
        }
    }

    /// What it delivers for.
    pub(super) fn source(&self) -> &'a FileSource {
        self.source
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
        (self.first_ms, self.until_ms, self.newest_ms) = (first_ms, last_ms, first_ms);
        self.tracks = tracks;
        if self.skip == Skip::Nothing { self.begin(false) } else { Ok(()) }
    }

    /// Says what of the file is not recorded.
    pub(super) fn leave_out(&mut self, left_out: Vec<LeftOut>) -> Result<(), End> {
        match left_out.is_empty() {
            true => Ok(()),
            false => Ok(self.batch.blocking_send(SourceEvent::LeftOut(left_out))?),
        }
    }

    /// The frames that follow are of these tracks; `begins`: the next one is a picture that decoding can start at.
    pub(super) fn change(&mut self, tracks: Vec<Track>, begins: bool) -> Result<(), End> {
        self.tracks = tracks;
        match self.skip {
            Skip::Nothing if begins => {
                let tracks = self.tracks.clone();
                Ok(self.batch.blocking_send(SourceEvent::Opened { tracks })?)
            }
            // Such as new parameters of the sound: the pictures go on where they are.
            Skip::Nothing => self.begin(true),
            Skip::UntilNewest(_) | Skip::Frames(_) => Ok(()),
        }
    }

    /// Delivers one frame, in the order in which the file has it.
    pub(super) fn frame(
        &mut self,
        number: u64,
        at_ms: i64,
        key_frame: bool,
        data: Bytes,
    ) -> Result<(), End> {
        self.source.go_on()?;
        self.newest_ms = self.newest_ms.max(at_ms);
        let frame = FileFrame { number, at_ms, key_frame, data };
        if self.awaits_picture && number != VIDEO_TRACK {
            self.early.push(frame);
            return Ok(());
        }
        let is_first = self.awaits_picture && key_frame;
        self.put(frame)?;
        if is_first { self.put_early(at_ms) } else { Ok(()) }
    }

    /// The first picture, at `picture_ms`, is delivered: the sound from before it follows.
    fn put_early(&mut self, picture_ms: i64) -> Result<(), End> {
        self.awaits_picture = false;
        let Early { frames, left_out: mut count, .. } = std::mem::take(&mut self.early);
        for frame in frames {
            if picture_ms.saturating_sub(frame.at_ms) > EARLY_MS_MAX {
                count += 1;
            } else {
                self.put(frame)?;
            }
        }
        self.say_early(count)
    }

    fn say_early(&mut self, frames: u64) -> Result<(), End> {
        let sound = self.tracks.iter().find(|track| track.number != VIDEO_TRACK);
        let (Some(sound), true) = (sound, frames > 0) else { return Ok(()) };
        let codec = names::of_codec_id(&sound.codec_id);
        let reason = LeftOutReason::BeforeFirstPicture { frames };
        self.leave_out(vec![LeftOut { medium: Medium::Sound, codec, reason }])
    }

    /// Delivers one frame, in the order in which it is stored.
    fn put(&mut self, frame: FileFrame) -> Result<(), End> {
        let FileFrame { number, at_ms, key_frame, data } = frame;
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
        self.source.go_on()
    }

    /// Nothing more comes; where the file's media ends.
    pub(super) fn end(self, wholeness: Wholeness) -> Result<Delivered, End> {
        match self.skip {
            Skip::UntilNewest(_) => return Err(End::NotThere),
            // Nothing of it can be decoded, and nothing was stored.
            _ if self.awaits_picture => return Err(End::Failed(Failure::FileNotMedia)),
            // It was stored to its end, and only that was not said yet.
            Skip::Frames(_) | Skip::Nothing => self.batch.blocking_flush()?,
        }
        if wholeness == Wholeness::BrokenOff {
            let after_ms = self.newest_ms.saturating_sub(self.first_ms);
            let after = Duration::from_millis(after_ms.unsigned_abs());
            self.batch.blocking_send(SourceEvent::FileBrokenOff { after })?;
        }
        Ok(Delivered { until: self.timestamp(self.until_ms), wholeness })
    }

    fn begin(&mut self, resumes: bool) -> Result<(), End> {
        let import = self.import.clone();
        self.batch.blocking_send(SourceEvent::FileBegun { import, resumes })?;
        let tracks = self.tracks.clone();
        Ok(self.batch.blocking_send(SourceEvent::Opened { tracks })?)
    }

    fn timestamp(&self, at_ms: i64) -> Timestamp {
        Timestamp::from_millis(self.import.base_ms.saturating_add(at_ms))
    }
}
