//! The test of a camera: what came of it, and how that is said to the service.
//!
//! A test says of a camera what the recorder would, in the same words. It never writes anything and never disturbs a
//! recording, but for what a camera itself does when it is connected to once more.

use bytes::Bytes;
use vigie_engine::job_status::JobOutcome;
use vigie_engine::recorder::Failure;
use vigie_kvs::shapes::edge::JobStatus;
use vigie_kvs::shapes::hub_request::{
    CODEC_PRIVATE_BYTES_MAX, HubAnswer, KEY_FRAME_BYTES_MAX, TRACKS_MAX, TestedCamera, TestedTrack,
    TestedTrackType, TimedStep,
};
use vigie_media::{Track, TrackKind};

/// What a camera did when it was tried.
#[derive(Clone, Debug, Default)]
pub struct TestOutcome {
    /// How long each step took, in order; the last one is where it failed.
    pub steps: Vec<TimedStep>,
    /// What it sends, video first; empty when that is not known.
    pub tracks: Vec<Track>,
    /// Pictures a second, when the camera says so.
    pub frame_rate_hz: Option<f64>,
    /// The first key frame, in the form that Matroska stores.
    pub key_frame: Option<Bytes>,
    /// Why it cannot be recorded.
    pub failure: Option<Failure>,
}

impl TestOutcome {
    /// One that failed before the camera was asked anything.
    pub(super) fn failed(failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::default() }
    }

    /// As the service is told; `before`: the steps that came before.
    pub(super) fn to_answer(&self, before: &[TimedStep]) -> HubAnswer {
        let key_frame = self.key_frame.as_ref().filter(|frame| frame.len() <= KEY_FRAME_BYTES_MAX);
        let (job_status, job_status_details) = match &self.failure {
            Some(failure) => (status_of(failure.outcome()), failure.explanation()),
            None => self.success(),
        };
        let tested = TestedCamera {
            job_status,
            job_status_details,
            steps: before.iter().chain(&self.steps).copied().collect(),
            tracks: self.tracks.iter().take(TRACKS_MAX).map(|track| self.told(track)).collect(),
            key_frame: key_frame.map(|frame| frame.to_vec()),
        };
        HubAnswer { failure: None, test_camera: Some(tested) }
    }

    fn success(&self) -> (JobStatus, String) {
        let (status, details) = match &self.key_frame {
            Some(frame) if frame.len() > KEY_FRAME_BYTES_MAX => (
                JobStatus::Success,
                "the camera can be recorded; its first picture is too large to be shown",
            ),
            Some(_) => (JobStatus::Success, "the camera can be recorded"),
            None => (
                JobStatus::UserError,
                "the camera sends pictures, but no key frame came while it was tried, and before one no picture can be \
                 decoded; set its key frame (I-frame) interval to 2 s",
            ),
        };
        (status, details.to_owned())
    }

    fn told(&self, track: &Track) -> TestedTrack {
        let is_video = track.kind == TrackKind::Video;
        let side = |pixels: u32| i32::try_from(pixels.min(65_536)).ok();
        let private = Some(&track.codec_private);
        let private = private.filter(|data| (1..=CODEC_PRIVATE_BYTES_MAX).contains(&data.len()));
        let rate = self.frame_rate_hz.filter(|_| is_video);
        TestedTrack {
            track_type: if is_video { TestedTrackType::Video } else { TestedTrackType::Audio },
            codec_id: track.codec_id.clone(),
            codec_private_data: private.map(|data| data.to_vec()),
            width_pixels: track.video.and_then(|video| side(video.width_pixels)),
            height_pixels: track.video.and_then(|video| side(video.height_pixels)),
            // Saturates, and what is no number is 0.
            frame_rate_millihertz: rate.map(|rate| (rate * 1000.0).round().max(0.0) as i32),
            sampling_frequency_hertz: track
                .audio
                .map(|audio| audio.sampling_frequency_hz.round().max(0.0) as i32),
            channels: track.audio.and_then(|audio| i32::try_from(audio.channels.min(256)).ok()),
        }
    }
}

fn status_of(outcome: JobOutcome) -> JobStatus {
    match outcome {
        JobOutcome::Success => JobStatus::Success,
        JobOutcome::UserError => JobStatus::UserError,
        JobOutcome::SystemError => JobStatus::SystemError,
    }
}
