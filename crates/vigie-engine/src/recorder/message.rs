//! What goes in and out of the recorder job, and where it stands.
//!
//! Shapes only; the job decides.

use std::time::Duration;

use super::{Failure, LeftOut, SpaceDenial};
use crate::media_clock::StampDeviation;
use crate::schedule::Schedule;

/// KVS `MediaUriType`, as far as the job differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// `RTSP_URI`: live; silence means failure.
    Rtsp,
    /// `FILE_URI`: ends by itself, and a watched folder may be silent for ever.
    File,
}

/// What happens to the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Time has passed.
    Tick,
    /// A configuration was applied. Ends every wait, so that sending a configuration again restarts a failing job.
    ConfigChanged {
        /// When to record now.
        schedule: Schedule,
        /// What kind of source is recorded now.
        source: SourceKind,
        /// Whether secret and type are those of before, so that a running session can go on.
        same_source: bool,
    },
    /// The shell holds the URI of this attempt.
    SecretResolved {
        /// The attempt that asked.
        attempt: u64,
    },
    /// The secret was read, or could not be, before anything needs it.
    SecretForeseen {
        /// What an attempt would fail with.
        failure: Option<Failure>,
    },
    /// The source is open and its tracks are known.
    SourceOpened {
        /// The attempt that asked.
        attempt: u64,
    },
    /// The source has these besides what is recorded of it. Adds to what was said before in the same attempt.
    LeftOut {
        /// The attempt it was seen in.
        attempt: u64,
        left_out: Vec<LeftOut>,
    },
    /// The file is not whole: what can be read of it ends before it was to end.
    BrokenOff {
        /// The attempt it was seen in.
        attempt: u64,
        /// Media of it that was recorded.
        after: Duration,
    },
    /// Frames of this session were written. Cheap: meant to be said per batch of frames.
    FramesStored {
        /// The attempt they came from.
        attempt: u64,
    },
    /// The camera's key frames are further apart than a fragment may be long; the fragmenter had to cut elsewhere.
    LongGroupOfPictures {
        /// The attempt it was seen in.
        attempt: u64,
    },
    /// Packets of this session were lost on their way from the camera.
    PacketsLost {
        /// The attempt it was seen in.
        attempt: u64,
        /// They came as datagrams, which a network loses; otherwise it was the camera that left them out.
        over_udp: bool,
    },
    /// Frames came that cannot be stored yet: no picture can be decoded before the first key frame.
    WaitsForKeyFrame {
        /// The attempt it was seen in.
        attempt: u64,
    },
    /// Pictures came before anything says how to decode them.
    NoParameterSets {
        /// The attempt it was seen in.
        attempt: u64,
    },
    /// The stamps of this session's frames are not as they should be, and are lived with.
    StampsDeviate {
        /// The attempt it was seen in.
        attempt: u64,
        deviation: StampDeviation,
    },
    /// The hub's clock was set right after it was far ahead: what is recorded lies before what was recorded then.
    SteppedBack {
        /// The attempt it was seen in.
        attempt: u64,
        /// By so much, in milliseconds.
        by_ms: i64,
    },
    /// The hub itself stood still: it was stopped, suspended, or stuck behind its disk. A camera that could not be heard
    /// meanwhile was not silent.
    Paused {
        /// For so long, until now.
        lasted: Duration,
    },
    /// The secret, the source or writing its media failed.
    Failed {
        /// The attempt that failed.
        attempt: u64,
        failure: Failure,
    },
    /// Every file of the watched folder is recorded, as far as it could be.
    FolderIdle {
        /// The attempt it was seen in.
        attempt: u64,
        /// Files that could not be recorded.
        skipped: u64,
        /// Files that were recorded only to where they break off.
        broken_off: u64,
    },
    /// The source is played to its end.
    SourceEnded {
        /// The attempt that ended.
        attempt: u64,
    },
    /// No new media may be written for now.
    SpaceDenied(SpaceDenial),
    /// New media may be written (again).
    SpaceFree,
    /// The configuration is being deleted or the agent ends.
    Stop,
}

/// What the shell has to do, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read the secret anew, keep its URI, answer [`Event::SecretResolved`] or [`Event::Failed`].
    ResolveSecret {
        /// To be sent back.
        attempt: u64,
    },
    /// Open the source, answer [`Event::SourceOpened`] or [`Event::Failed`], then deliver frames.
    OpenSource {
        /// To be sent back.
        attempt: u64,
    },
    /// End the session or the attempt to open one. Its later events carry an old attempt and are ignored.
    CloseSource,
    /// End the open fragment where it is: what was written of it stays.
    SealFragment,
}

/// Where the job stands. The `since` and `until` are monotonic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Outside every window.
    WaitingForWindow,
    /// The shell reads the secret.
    Resolving {
        /// When it was asked.
        since: Duration,
    },
    /// The shell opens the source.
    Connecting {
        /// When it was asked.
        since: Duration,
    },
    /// The source is open.
    Recording {
        /// When it opened.
        since: Duration,
        /// When the last frame was stored, or `since`.
        last_frame: Duration,
    },
    /// Waiting to try again.
    BackingOff {
        until: Duration,
        /// What failed.
        reason: Failure,
    },
    /// No new media may be written.
    PausedForSpace,
    /// The file is recorded to its end.
    Finished,
    /// For ever.
    Stopped,
}
