//! What can happen to a hub.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use vigie_engine::clock::Now;
use vigie_engine::folder_watch::FileVersion;
use vigie_engine::recorder;
use vigie_kvs::Sensitive;
use vigie_kvs::acknowledgement::Acknowledgement;
use vigie_kvs::error::{ErrorKind, RemoteError};
use vigie_kvs::shapes::archived_media;
use vigie_kvs::shapes::edge::EdgeConfigurationOutput;
use vigie_kvs::shapes::hub_request::CameraTestStep;
use vigie_kvs::shapes::sync_edge_agent::SyncEdgeAgentOutput;
use vigie_media::{FrameData, Timestamp, Track};

use super::camera_test::TestOutcome;
use super::imports::Import;

/// One opening of a source or one upload connection. Numbers are never used twice while a hub runs, so that what a
/// closed session still reports moves nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Session {
    /// The stream's ARN.
    pub stream: Arc<str>,
    /// Which opening.
    pub number: u64,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// Time has passed.
    Tick,
    /// The service has answered [`super::Effect::Sync`].
    SyncAnswered {
        request: u64,
        /// The answer.
        output: SyncEdgeAgentOutput,
    },
    /// The service has answered [`super::Effect::ListConfigurations`].
    ConfigurationsListed {
        request: u64,
        /// All that it has for the hub.
        configurations: Vec<EdgeConfigurationOutput>,
    },
    /// Either has not been answered.
    SyncFailed { request: u64, failure: CallFailure },
    /// Secrets Manager has answered [`super::Effect::ResolveSecret`].
    SecretResolved {
        /// For which opening of a source.
        session: Session,
        /// `SecretString`; `None` when the secret is binary.
        secret_string: Option<Sensitive>,
    },
    /// It has not.
    SecretFailed {
        /// For which opening of a source.
        session: Session,
        failure: CallFailure,
    },
    /// Secrets Manager has answered [`super::Effect::ReadTestSecret`], or not.
    TestSecretRead {
        request: String,
        /// `SecretString`; `None` when the secret is binary.
        secret_string: Result<Option<Sensitive>, CallFailure>,
    },
    /// A step of [`super::Effect::TestCamera`] begins.
    CameraTestStep { request: String, step: CameraTestStep },
    /// [`super::Effect::TestCamera`] has come to its end.
    CameraTested {
        request: String,
        /// What came of it.
        outcome: Box<TestOutcome>,
    },
    /// A source has something to say.
    Source {
        /// Which opening.
        session: Session,
        event: SourceEvent,
    },
    /// An upload connection has something to say.
    Upload {
        /// Which connection.
        session: Session,
        event: UploadEvent,
    },
    /// The hub itself stood still: nothing could be heard meanwhile.
    Paused {
        /// For so long, until now.
        lasted: Duration,
    },
    /// The operator has set another zone for the schedules.
    ZoneChanged(TimeZone),
    /// The program ends: seal what is open, commit, stop.
    Shutdown,
}

/// What a source says.
#[derive(Clone, Debug)]
pub enum SourceEvent {
    /// The tracks of the frames that follow. Said again when the source changes them.
    Opened {
        /// Video first.
        tracks: Vec<Track>,
    },
    /// Tracks of the source, or parts of one, that are not recorded. May be said at any time while the source is open;
    /// adds to what was said before. Status and log name them.
    LeftOut(Vec<recorder::LeftOut>),
    /// How often something of the camera was not as it should be and was lived with, by its kind, since this was last
    /// said.
    Deviations(BTreeMap<&'static str, u64>),
    /// Frames in the order in which they came.
    Frames(Vec<SourceFrame>),
    /// So many packets were lost before the next frame.
    PacketsLost {
        /// How many.
        count: u64,
        /// See [`recorder::Event::PacketsLost`].
        over_udp: bool,
    },
    /// `FILE_URI`: the frames that follow are this file's.
    FileBegun {
        /// Which, and where its media goes.
        import: Import,
        /// They go on behind the stream's newest fragment, where the same file was broken off.
        resumes: bool,
    },
    /// `FILE_URI`: the file is not whole; what can be read of it has been delivered.
    FileBrokenOff {
        /// Media of it in all, from its beginning.
        after: Duration,
    },
    /// The single file cannot be recorded, or no further: it is what it is, and reading it again would end the same way.
    FileRefused { file: FileVersion, failure: recorder::Failure },
    /// A file of a watched folder is over.
    FileEnded {
        file: FileVersion,
        /// Why it could not be recorded, or not to its end.
        failure: Option<recorder::Failure>,
        /// Files that were done and that the folder does not hold any more.
        gone: Vec<FileVersion>,
    },
    /// A watched folder holds nothing more to record.
    FolderIdle {
        /// Files that could not be recorded.
        skipped: u64,
        /// Files that were recorded only to where they break off.
        broken_off: u64,
    },
    /// The source ended by failing.
    Failed(recorder::Failure),
    /// The source ended at its end.
    Ended,
}

/// One frame as a source gives it.
#[derive(Clone, Debug)]
pub struct SourceFrame {
    /// [`Track::number`].
    pub track_number: u64,
    /// When it belongs.
    pub time: FrameTime,
    /// Whether decoding can start here.
    pub key_frame: bool,
    /// The coded bytes, in the form that Matroska stores, where they were received.
    pub data: FrameData,
}

/// When a frame belongs, in the source's own terms.
#[derive(Clone, Copy, Debug)]
pub enum FrameTime {
    /// By the camera's clock, and when it arrived by the hub's.
    Camera {
        /// Microseconds on the track's own clock, from anywhere.
        media_us: i64,
        /// When the frame was read.
        arrival: Now,
    },
    /// Already in the hub's time.
    Wall(Timestamp),
}

/// What an upload connection says.
#[derive(Clone, Debug)]
pub enum UploadEvent {
    /// The service has taken the request; fragments may come.
    Connected,
    /// What the service already has of the range that [`super::Effect::ListFragments`] asked for.
    Listed(Vec<archived_media::Fragment>),
    /// The service could not say.
    ListFailed(CallFailure),
    Acknowledged(Acknowledgement),
    /// Bytes went out since this was last said.
    Progress,
    /// A fragment could not be read from the hub's disk, or was deleted by policy, and was not sent.
    FragmentGone {
        sequence: u64,
    },
    /// The connection has ended; `None` when it ended in order.
    Closed {
        failure: Option<CallFailure>,
    },
}

/// Why a call got no answer that says yes. Kinds, not texts: what the other side wrote goes to the log alone.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CallFailure {
    /// There are no access keys.
    #[error("there are no access keys")]
    NoCredentials,
    /// No connection could be made.
    #[error("the service cannot be reached")]
    Unreachable,
    /// The other side's certificate is not trusted.
    #[error("the service's certificate is not trusted")]
    CertificateUntrusted,
    /// The data endpoint is plain http on another host, which the agent may not use.
    #[error("the service's data endpoint is plain http on another host")]
    PlainDataEndpoint,
    /// No answer in time.
    #[error("the service did not answer in time")]
    TimedOut,
    /// The connection ended early.
    #[error("the connection to the service ended early")]
    Disconnected,
    /// The answer is not what the operation answers.
    #[error("the service's answer cannot be read")]
    UnreadableAnswer,
    /// The service said no.
    #[error("the service refused with status {status}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The exception, when it is known.
        kind: Option<ErrorKind>,
    },
}

impl From<&RemoteError> for CallFailure {
    fn from(error: &RemoteError) -> Self {
        Self::Refused { status: error.status, kind: error.kind }
    }
}
