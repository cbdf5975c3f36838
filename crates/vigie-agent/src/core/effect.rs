//! What a hub wants done in the world.

use bytes::Bytes;
use vigie_kvs::Sensitive;
use vigie_kvs::media_uri::MediaUri;
use vigie_kvs::shapes::sync_edge_agent::SyncEdgeAgentInput;
use vigie_media::Timestamp;
use vigie_store::Fragment;

use super::event::Session;
use super::imports::{Imports, NewestFragment};

/// What is to be done. Each is answered by an [`super::Event`], and every session that is opened is closed in the end,
/// also one that has failed by itself.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Call SyncEdgeAgent. Replaces one that is still under way: each holds all that there is to say.
    Sync {
        /// Comes back with the answer.
        request: u64,
        input: SyncEdgeAgentInput,
    },
    /// Call ListEdgeAgentConfigurations, all pages, of a service that knows no SyncEdgeAgent. Replaces what is under way as
    /// that does.
    ListConfigurations {
        /// Comes back with the answer.
        request: u64,
        hub_device_arn: String,
    },
    /// Call GetSecretValue.
    ResolveSecret {
        /// Comes back with the answer.
        session: Session,
        /// `MediaUriSecretArn`.
        secret_arn: Sensitive,
    },
    /// Call GetSecretValue for the test of a camera.
    ReadTestSecret {
        /// Comes back with the answer.
        request: String,
        secret_arn: Sensitive,
    },
    /// Try a camera.
    TestCamera {
        /// Comes back with everything that is said of it.
        request: String,
        uri: MediaUri,
        /// See [`MediaSource::Rtsp`].
        seed: [u8; 16],
    },
    /// Break the test off, if it is still under way.
    CancelCameraTest { request: String },
    /// Open a source and deliver its frames.
    OpenSource {
        /// Comes back with everything that it says.
        session: Session,
        source: MediaSource,
    },
    /// End it, or the attempt to open it.
    CloseSource { session: Session },
    /// Open a PutMedia connection for the stream and send the document header.
    OpenUpload {
        /// Comes back with everything that it says.
        session: Session,
        /// The producer timestamp of the first fragment that will follow.
        start: Timestamp,
        /// EBML header, Segment, Info and Tracks of the fragments that will follow.
        document_header: Bytes,
    },
    /// Ask which fragments of the stream the service has.
    ListFragments {
        /// Comes back with the answer.
        session: Session,
        /// First producer timestamp, itself included.
        from: Timestamp,
        /// Last producer timestamp, itself included.
        until: Timestamp,
    },
    /// Send this fragment on the connection, after those before.
    SendFragment {
        /// Which connection.
        session: Session,
        fragment: Fragment,
        /// None follows at once: say that it is whole, which otherwise the next one would.
        complete: bool,
    },
    /// Send nothing more; the connection ends when the last acknowledgements are in.
    FinishUpload {
        /// Which connection.
        session: Session,
    },
    /// Drop the connection.
    CloseUpload {
        /// Which connection.
        session: Session,
    },
}

#[derive(Clone, Debug)]
pub enum MediaSource {
    /// `RTSP_URI`: a camera.
    Rtsp {
        uri: MediaUri,
        /// Bytes by chance, for what the session must not repeat.
        seed: [u8; 16],
    },
    /// `FILE_URI`: a file on the hub, or a folder of files that is watched for new ones.
    File {
        uri: MediaUri,
        /// Its media ends at this moment, or begins at `not_before` if that is later: a recording has no times in the
        /// future unless the stream already holds the past.
        ends_at: Timestamp,
        /// The stream already holds media up to here.
        not_before: Timestamp,
        /// What of it has been recorded.
        imports: Imports,
        /// Where the stream's media ends.
        newest: Option<NewestFragment>,
    },
}
