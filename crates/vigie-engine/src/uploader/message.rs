//! What goes in and out of the uploader job, and where it stands.
//!
//! Shapes only; the job decides.

use std::time::Duration;

use vigie_kvs::acknowledgement::{Acknowledgement, ErrorId};
use vigie_media::Timestamp;

use super::Failure;
use crate::schedule::Schedule;

/// A whole fragment that the store holds and the service has not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending<I> {
    /// The store's name for it; later fragments have greater ones.
    pub id: I,
    /// The fragment's timecode: its producer timestamp.
    pub timecode: Timestamp,
    pub size_bytes: u64,
    /// Which document header it needs: one connection carries fragments of one header.
    pub document: u64,
}

/// A fragment that the service holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// When its producer made it.
    pub producer_timestamp: Timestamp,
    /// Its bytes, as the service counts them.
    pub size_bytes: u64,
}

/// The not uploaded fragments of the stream, as the store has them at this moment. Marks count at once, durable or not.
pub trait Backlog<I> {
    /// At most `limit` whole fragments behind `after` (from the oldest, without it) that are neither uploaded nor
    /// refused, oldest first.
    fn not_uploaded_after(&self, after: Option<I>, limit: usize) -> Vec<Pending<I>>;

    /// The least and the greatest timecode of them, or a range that holds these: they need not grow from fragment to
    /// fragment, for the hub's clock may have been set back.
    fn timecodes_not_uploaded(&self) -> Option<(Timestamp, Timestamp)>;
}

/// What happens to the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<I> {
    /// Time has passed.
    Tick,
    /// The store has a new whole fragment.
    MediaAdded,
    /// The store has media again that it had forgotten, and nobody knows whether the service holds it: the service is asked
    /// before anything more is sent.
    MediaReturned,
    /// A configuration was applied. Ends every wait, so that sending a configuration again restarts a failing job.
    ConfigChanged {
        /// When to upload now.
        schedule: Schedule,
    },
    /// PutMedia answered 200.
    Connected {
        /// The attempt that asked.
        attempt: u64,
    },
    /// What the service holds of the range that was asked for, all pages.
    Listed {
        /// The attempt that asked.
        attempt: u64,
        /// The fragments.
        fragments: Vec<Listed>,
    },
    /// ListFragments is not allowed to this hub's key, as in AWS's own policy for edge agents.
    ListDenied {
        /// The attempt that asked.
        attempt: u64,
    },
    /// An acknowledgement came.
    Acknowledged {
        /// The attempt it belongs to.
        attempt: u64,
        /// What it says.
        acknowledgement: Acknowledgement,
    },
    /// Bytes went out. Meant to be said about once a second.
    Progress {
        /// The attempt it belongs to.
        attempt: u64,
    },
    /// The fragment was deleted by policy before its first byte was sent.
    FragmentGone {
        /// The attempt it was to be sent in.
        attempt: u64,
        /// The fragment.
        id: I,
    },
    /// The service ended its answer.
    Ended {
        /// The attempt it belongs to.
        attempt: u64,
    },
    /// The connection or a request failed.
    Failed {
        /// The attempt that failed.
        attempt: u64,
        failure: Failure,
    },
    /// The configuration is being deleted or the agent ends.
    Stop,
}

/// What the shell has to do, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<I> {
    /// GetDataEndpoint, PutMedia with ABSOLUTE timecodes, and the document's header; answer [`Event::Connected`].
    Connect {
        /// To be sent back.
        attempt: u64,
        /// Whose header begins the body.
        document: u64,
        /// `x-amzn-producer-start-timestamp`.
        start: Timestamp,
    },
    /// List the fragments with producer timestamps in this range, both ends included; answer [`Event::Listed`].
    ListFragments {
        /// To be sent back.
        attempt: u64,
        /// Oldest producer timestamp.
        from: Timestamp,
        /// Newest producer timestamp.
        until: Timestamp,
    },
    /// Send the fragment's bytes behind what is being sent.
    SendFragment {
        /// The connection.
        attempt: u64,
        /// The fragment.
        id: I,
        /// None follows at once: tell the service that the fragment is whole (`AWS_KINESISVIDEO_END_OF_FRAGMENT`),
        /// which otherwise learns it from the next one.
        complete: bool,
    },
    /// Record that the service holds the fragment.
    MarkUploaded {
        /// The fragment.
        id: I,
    },
    /// Record that the service will not take the fragment: it is not offered again.
    MarkRefused {
        /// The fragment.
        id: I,
        error: ErrorId,
    },
    /// End the body and go on reading acknowledgements; answer [`Event::Ended`].
    FinishUpload {
        /// The connection.
        attempt: u64,
    },
    /// Drop the connection. Its later events carry an old attempt and are ignored.
    CloseUpload {
        /// The connection.
        attempt: u64,
    },
}

/// Where the job stands. The `since` and `until` are monotonic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Outside every window.
    WaitingForWindow,
    /// Everything that is due is uploaded.
    WaitingForMedia,
    /// The shell connects.
    Connecting {
        /// When it was asked, or last said that it progresses.
        since: Duration,
    },
    /// The shell asks what the service holds.
    Reconciling {
        /// When it was asked, or last said that it progresses.
        since: Duration,
    },
    /// Fragments go out.
    Sending,
    /// Nothing new goes out; what is in flight is awaited.
    Draining,
    /// Waiting to try again.
    BackingOff {
        until: Duration,
        /// What failed.
        reason: Failure,
    },
    /// For ever.
    Stopped,
}
