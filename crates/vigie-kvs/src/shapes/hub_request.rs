//! Requests from the server to a hub, as they travel in `SyncEdgeAgent`, and `TestCamera`, which asks for one.
//!
//! A request says in one member what is asked for; which kinds a hub knows, it says in each of its calls.

use serde::{Deserialize, Serialize};

use super::edge::JobStatus;
use super::wire_enum;
use crate::error::KvsError;
use crate::sensitive::Sensitive;
use crate::wire::blob_option;

/// Largest key frame in an answer. That of a 4K camera at its best quality is about half of it.
pub const KEY_FRAME_BYTES_MAX: usize = 1 << 20;
/// Largest CodecPrivate in an answer.
pub const CODEC_PRIVATE_BYTES_MAX: usize = 16 << 10;
/// Longest sentence in an answer, in characters.
pub const DETAILS_CHARS_MAX: usize = 1024;
/// Most tracks of a camera in an answer.
pub const TRACKS_MAX: usize = 16;

wire_enum! {
    /// What a hub can be asked for.
    HubRequestKind {
        /// Connect to a camera once and say what comes of it.
        TestCamera = "TEST_CAMERA",
    }
}

wire_enum! {
    /// A step of the test of a camera.
    CameraTestStep {
        /// Read the secret that holds the address.
        ReadSecret = "READ_SECRET",
        /// Make the connection.
        Connect = "CONNECT",
        /// RTSP DESCRIBE.
        Describe = "DESCRIBE",
        /// RTSP SETUP of each track, and PLAY.
        Setup = "SETUP",
        /// Wait for a key frame.
        KeyFrame = "KEY_FRAME",
    }
}

wire_enum! {
    /// What a track carries.
    TestedTrackType {
        /// Pictures.
        Video = "VIDEO",
        /// Sound.
        Audio = "AUDIO",
    }
}

/// What a hub is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HubRequest {
    /// Given back with everything that the hub says of it.
    pub request_id: String,
    /// After so long nobody waits for the answer any more.
    pub timeout_seconds: u32,
    /// [`HubRequestKind::TestCamera`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_camera: Option<CameraAddress>,
}

impl HubRequest {
    /// What is asked for; `None` when it is something that this program does not know.
    pub fn kind(&self) -> Option<HubRequestKind> {
        self.test_camera.as_ref().map(|_| HubRequestKind::TestCamera)
    }
}

/// Where a camera is: one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CameraAddress {
    /// The secret that holds the URI, which the hub reads with its own key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_uri_secret_arn: Option<Sensitive>,
    /// The URI, with user and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_uri: Option<Sensitive>,
}

/// What a hub says of a request that it has taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HubRequestReport {
    /// Which.
    pub request_id: String,
    /// What it is doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// What came of it; absent while it is being worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<HubAnswer>,
}

/// What came of a request: one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HubAnswer {
    /// Why the hub did not carry it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// [`HubRequestKind::TestCamera`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_camera: Option<TestedCamera>,
}

impl HubAnswer {
    /// About how many bytes it has on the wire.
    pub fn size_bytes(&self) -> usize {
        const REST: usize = 2048;
        let of_track = |track: &TestedTrack| {
            REST + track.codec_private_data.as_ref().map_or(0, |data| data.len() * 4 / 3)
        };
        let of_test = |test: &TestedCamera| {
            test.job_status_details.len()
                + test.key_frame.as_ref().map_or(0, |frame| frame.len() * 4 / 3)
                + test.tracks.iter().map(of_track).sum::<usize>()
        };
        REST + self.failure.as_ref().map_or(0, String::len)
            + self.test_camera.as_ref().map_or(0, of_test)
    }
}

/// What came of the test of a camera.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TestedCamera {
    /// As the recorder's status would be.
    pub job_status: JobStatus,
    /// As the recorder would say it.
    pub job_status_details: String,
    /// How long each step took, in order; the last one is where it failed.
    pub steps: Vec<TimedStep>,
    /// What the camera sends; empty when that is not known.
    pub tracks: Vec<TestedTrack>,
    /// The first key frame, in the form that Matroska stores.
    #[serde(default, with = "blob_option", skip_serializing_if = "Option::is_none")]
    pub key_frame: Option<Vec<u8>>,
}

/// A step and how long it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimedStep {
    /// Which.
    pub step: CameraTestStep,
    /// How long it took.
    pub duration_in_milliseconds: i64,
}

/// A track that a camera sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TestedTrack {
    /// What it carries.
    pub track_type: TestedTrackType,
    /// Matroska's CodecID.
    pub codec_id: String,
    /// Matroska's CodecPrivate; not told to whoever asked for the test.
    #[serde(default, with = "blob_option", skip_serializing_if = "Option::is_none")]
    pub codec_private_data: Option<Vec<u8>>,
    /// Of pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width_pixels: Option<i32>,
    /// Of pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height_pixels: Option<i32>,
    /// Pictures in a thousand seconds, when the camera says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_rate_millihertz: Option<i32>,
    /// Of sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_frequency_hertz: Option<i32>,
    /// Of sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<i32>,
}

/// Asks a hub to try a camera's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TestCameraInput {
    /// Which hub.
    pub hub_device_arn: String,
    /// Either this or the URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_uri_secret_arn: Option<Sensitive>,
    /// Either this or the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_uri: Option<Sensitive>,
}

impl TestCameraInput {
    /// The address, said in one way.
    ///
    /// # Errors
    ///
    /// `InvalidArgumentException` when it is said in both ways or in none.
    pub fn address(&self) -> Result<CameraAddress, KvsError> {
        if self.media_uri_secret_arn.is_some() == self.media_uri.is_some() {
            let message = "give either MediaUriSecretArn or MediaUri";
            return Err(KvsError::invalid_argument(message));
        }
        Ok(CameraAddress {
            media_uri_secret_arn: self.media_uri_secret_arn.clone(),
            media_uri: self.media_uri.clone(),
        })
    }
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TestCameraOutput {
    /// Whether the camera sends what can be recorded.
    pub connected: bool,
    /// As `RecorderStatus` would be.
    pub job_status: JobStatus,
    /// As the recorder's `JobStatusDetails` would be.
    pub job_status_details: String,
    /// How long each step took, in order; the last one is where it failed.
    pub steps: Vec<TimedStep>,
    /// What the camera sends.
    pub tracks: Vec<TestedTrack>,
    /// The first picture as JPEG, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_content: Option<String>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_said_in_one_way_and_never_printed() {
        let input = |secret: Option<&str>, uri: Option<&str>| TestCameraInput {
            hub_device_arn: String::new(),
            media_uri_secret_arn: secret.map(Sensitive::from),
            media_uri: uri.map(Sensitive::from),
        };
        assert!(input(None, None).address().is_err());
        assert!(input(Some("arn"), Some("rtsp://u:pw@c")).address().is_err());
        let address = input(None, Some("rtsp://u:pw@c")).address().unwrap();
        let request = HubRequest { test_camera: Some(address), ..HubRequest::default() };
        assert_eq!(request.kind(), Some(HubRequestKind::TestCamera));
        assert!(!format!("{request:?}").contains("pw"));
    }

    #[test]
    fn what_a_newer_server_asks_for_has_no_kind_here() {
        let json = r#"{"RequestId":"1","TimeoutSeconds":9,"Reboot":{"Now":true}}"#;
        let request: HubRequest = serde_json::from_str(json).unwrap();
        assert_eq!(request.kind(), None);
    }
}
