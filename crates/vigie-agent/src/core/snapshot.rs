//! What the hub is doing, as numbers: the source of `/metrics` and `/readyz`.

use std::collections::BTreeMap;
use std::time::Duration;

use vigie_kvs::shapes::media_ledger::MediaGapReason;
use vigie_media::Timestamp;
use vigie_store::Findings;

/// One reading of everything the hub counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HubSnapshot {
    /// Whether the service has answered the last call of the hub sync.
    pub in_contact: bool,
    /// For how long nothing is deleted by age yet, because the hub's clock jumped.
    pub age_hold_left: Duration,
    /// How far the hub's clock is ahead of the service's; negative: behind. `None` while that is not known.
    pub clock_skew_ms: Option<i64>,
    /// What keeps the hub from recording durably or from deleting, and passes by itself; for people.
    pub troubles: Vec<&'static str>,
    /// What the store found at the start that its index did not know.
    pub findings: Findings,
    /// One entry a stream, in the order of their ARNs.
    pub streams: Vec<StreamSnapshot>,
}

/// One stream of a [`HubSnapshot`]. Counters start at zero with the process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamSnapshot {
    pub stream_name: String,
    /// Hours until the policy's size or the disk's reserve is reached, at the present bit rate; `None` while nothing is
    /// recorded.
    pub hours_until_full: Option<f64>,
    /// Frames are being written now.
    pub recording: bool,
    /// A PutMedia connection is open now.
    pub uploading: bool,
    /// Frames written.
    pub frames: u64,
    /// Bytes of frames written.
    pub frame_bytes: u64,
    /// Frames that could not be written, each with a reason in the log.
    pub frames_dropped: u64,
    /// RTP packets that were lost on their way from the camera.
    pub packets_lost: u64,
    /// What of the camera was not as it should be, and was lived with: how often, by its kind.
    pub deviations: BTreeMap<&'static str, u64>,
    /// The newest frame written.
    pub last_frame: Option<Timestamp>,
    /// How often the source was opened after the first time.
    pub reconnects: u64,
    /// Fragments that the service has said it persisted.
    pub fragments_uploaded: u64,
    /// Bytes of those fragments.
    pub bytes_uploaded: u64,
    /// Bytes that the service does not have yet.
    pub upload_lag_bytes: u64,
    /// From the oldest frame that the service does not have yet to now.
    pub upload_lag_seconds: f64,
    /// Media on the hub's disk.
    pub local_bytes: u64,
    /// Fragments on the hub's disk.
    pub local_fragments: u64,
    /// Why no media is recorded now; `None` while there is.
    pub gap: Option<MediaGapReason>,
    /// Fragments deleted by policy before they were uploaded.
    pub lost_fragments: u64,
    /// Bytes of those fragments.
    pub lost_bytes: u64,
}
