//! Tries a camera: connects as a recording would, until the first key frame.
//!
//! It is a session of its own beside those that record; nothing of it is kept. Never prints the address.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use vigie_engine::recorder::{CONNECT_TIMEOUT, Failure};
use vigie_kvs::media_uri::MediaUri;
use vigie_kvs::shapes::hub_request::{CameraTestStep, TimedStep};
use vigie_media::TrackKind;
use vigie_media::codec::h264::AvcConfig;
use vigie_rtsp::Deviation;

use crate::core::{Event, Session, SourceEvent, SourceFrame, TestOutcome};
use crate::shell::core_message::Message;
use crate::shell::core_thread::CoreHandle;
use crate::shell::frame_batch::FrameBatch;
use crate::shell::rtsp_source::{Cameras, RtspSource};

/// How long all of it may take: as long as the recorder waits for a camera.
const TEST_TIME_MAX: Duration = CONNECT_TIMEOUT;

/// Connects to the camera, asks what it has, plays it, waits for a key frame, and says each step as it begins.
pub(crate) async fn test_camera(
    cameras: Cameras,
    uri: MediaUri,
    seed: [u8; 16],
    mut on_step: impl FnMut(CameraTestStep),
) -> TestOutcome {
    let (core, mut said) = CoreHandle::apart();
    let (step_sender, mut steps) = mpsc::unbounded_channel();
    let session = Session { stream: Arc::from("test"), number: 0 };
    let batch = FrameBatch::new(session.clone(), core.clone()).with_steps(step_sender);
    let clock = cameras.clock.clone();
    let source = RtspSource { session, uri, seed, cameras: Cameras { core, ..cameras } };
    let mut test = Test::new(clock.now().mono);
    on_step(CameraTestStep::Connect);
    // Closed in order when this is dropped.
    let (_running, stop) = oneshot::channel();
    let playing = source.run_into(batch, stop);
    let mut playing = std::pin::pin!(playing);
    let mut has_ended = false;
    let testing = async {
        loop {
            tokio::select! {
                biased;
                Some(step) = steps.recv() => {
                    test.begin(step, clock.now().mono);
                    on_step(step);
                }
                message = said.recv() => {
                    let Some(Message::Event(Event::Source { event, .. })) = message else {
                        return;
                    };
                    if test.take(event) {
                        return;
                    }
                }
                () = &mut playing, if !has_ended => has_ended = true,
            }
        }
    };
    let is_late = tokio::time::timeout(TEST_TIME_MAX, testing).await.is_err();
    test.end(is_late, clock.now().mono)
}

/// A test that is under way.
struct Test {
    step: CameraTestStep,
    since: Duration,
    /// Pictures came that nothing says how to decode.
    lacks_parameter_sets: bool,
    outcome: TestOutcome,
}

impl Test {
    fn new(now: Duration) -> Self {
        Self {
            step: CameraTestStep::Connect,
            since: now,
            lacks_parameter_sets: false,
            outcome: TestOutcome::default(),
        }
    }

    fn begin(&mut self, step: CameraTestStep, now: Duration) {
        // Each track is set up by itself; together they are one step.
        if step != self.step {
            self.note_step(now);
            (self.step, self.since) = (step, now);
        }
    }

    fn note_step(&mut self, now: Duration) {
        let lasted = now.saturating_sub(self.since);
        self.outcome.steps.push(TimedStep {
            step: self.step,
            duration_in_milliseconds: i64::try_from(lasted.as_millis()).unwrap_or(i64::MAX),
        });
    }

    /// Takes what the camera's session says; whether the test is over.
    fn take(&mut self, event: SourceEvent) -> bool {
        match event {
            SourceEvent::Opened { tracks } => {
                let config =
                    tracks.first().and_then(|track| AvcConfig::parse(&track.codec_private).ok());
                self.outcome.frame_rate_hz = config.and_then(|config| config.frame_rate_hz());
                self.outcome.tracks = tracks;
            }
            SourceEvent::Frames(frames) => {
                let video = self.outcome.tracks.iter().find(|track| track.kind == TrackKind::Video);
                let number = video.map(|track| track.number);
                let is_wanted =
                    |frame: &SourceFrame| frame.key_frame && Some(frame.track_number) == number;
                let key_frame = frames.into_iter().find(is_wanted);
                self.outcome.key_frame = key_frame.map(|frame| frame.data.to_bytes());
                return self.outcome.key_frame.is_some();
            }
            SourceEvent::Failed(failure) => {
                self.outcome.failure = Some(failure);
                return true;
            }
            SourceEvent::Ended => {
                self.outcome.failure = Some(Failure::Ended);
                return true;
            }
            SourceEvent::Deviations(deviations) => {
                self.lacks_parameter_sets |=
                    deviations.contains_key(Deviation::NoParameterSets.as_str());
            }
            SourceEvent::FileBrokenOff { .. }
            | SourceEvent::FileRefused { .. }
            | SourceEvent::LeftOut(_)
            | SourceEvent::PacketsLost { .. }
            | SourceEvent::FileBegun { .. }
            | SourceEvent::FileEnded { .. }
            | SourceEvent::FolderIdle { .. } => {}
        }
        false
    }

    fn end(mut self, is_late: bool, now: Duration) -> TestOutcome {
        self.note_step(now);
        if is_late && self.outcome.tracks.is_empty() {
            // As the recorder says of a camera that does not come so far in its time.
            self.outcome.failure = Some(match self.lacks_parameter_sets {
                true => Failure::NoParameterSets,
                false => Failure::NotOpened,
            });
        }
        self.outcome
    }
}
