//! What the service asks of the hub: begun, answered, called off.
//!
//! What was taken and what is said of it is [`vigie_engine::hub_request`]'s to decide; here is what each kind does.

use vigie_engine::clock::Now;
use vigie_engine::recorder::{Failure, SourceKind, UriFault};
use vigie_kvs::Sensitive;
use vigie_kvs::media_uri::MediaUri;
use vigie_kvs::shapes::hub_request::{CameraTestStep, HubRequest, TimedStep};

use super::Hub;
use crate::core::camera_test::TestOutcome;
use crate::core::effect::Effect;
use crate::core::event::CallFailure;
use crate::core::record::{camera_uri, media_uri_of, secret_failure};

impl Hub {
    /// Takes all that the service asks. Whether there is something to say or to hear at once.
    pub(super) fn take_requests(&mut self, asked: Option<&[HubRequest]>, now: Now) -> bool {
        let changes = self.requests.taken.take(asked, now.mono);
        for request in changes.called_off {
            self.break_off(request);
        }
        for request in changes.begun {
            self.begin(request, now);
        }
        self.has_news |= changes.is_news;
        changes.is_news
    }

    /// Breaks off what took too long.
    pub(super) fn tick_requests(&mut self, now: Now) {
        for request in self.requests.taken.tick(now.mono) {
            self.break_off(request);
            self.has_news = true;
        }
    }

    fn break_off(&mut self, request: String) {
        self.requests.forget(&request);
        self.out.effect(Effect::CancelCameraTest { request });
    }

    fn begin(&mut self, request: HubRequest, now: Now) {
        let HubRequest { request_id, test_camera, .. } = request;
        let Some(address) = test_camera else { return };
        tracing::info!(request = request_id, "the service has a camera tested");
        match (address.media_uri_secret_arn, address.media_uri) {
            (Some(secret_arn), _) => {
                self.requests.secrets_asked.insert(request_id.clone(), now.mono);
                self.requests.taken.progress(&request_id, CameraTestStep::ReadSecret.as_str());
                let request = request_id;
                self.out.effect(Effect::ReadTestSecret { request, secret_arn });
            }
            (None, Some(uri)) => self.test(request_id, camera_uri(&uri)),
            (None, None) => self.test(request_id, Err(Failure::BadUri(UriFault::Kind))),
        }
    }

    /// Secrets Manager has answered [`Effect::ReadTestSecret`], or not.
    pub(super) fn test_secret_read(
        &mut self,
        request: String,
        secret: Result<Option<Sensitive>, CallFailure>,
        now: Now,
    ) {
        let Some(since) = self.requests.secrets_asked.remove(&request) else { return };
        let lasted = now.mono.saturating_sub(since);
        let step = TimedStep {
            step: CameraTestStep::ReadSecret,
            duration_in_milliseconds: i64::try_from(lasted.as_millis()).unwrap_or(i64::MAX),
        };
        self.requests.steps.insert(request.clone(), vec![step]);
        let uri = secret.map_err(secret_failure).and_then(|secret| {
            let secret = secret.ok_or(Failure::SecretUnreadable)?;
            media_uri_of(&secret, SourceKind::Rtsp)
        });
        self.test(request, uri);
    }

    fn test(&mut self, request: String, uri: Result<MediaUri, Failure>) {
        match uri {
            Ok(uri) => {
                let seed = self.shared.seed();
                self.out.effect(Effect::TestCamera { request, uri, seed });
            }
            Err(failure) => self.camera_tested(&request, &TestOutcome::failed(failure)),
        }
    }

    /// How far a test is.
    pub(super) fn camera_test_step(&mut self, request: &str, step: CameraTestStep) {
        self.has_news |= self.requests.taken.progress(request, step.as_str());
    }

    /// A test has come to its end.
    pub(super) fn camera_tested(&mut self, request: &str, outcome: &TestOutcome) {
        let steps = self.requests.steps.remove(request).unwrap_or_default();
        let answer = outcome.to_answer(&steps);
        self.has_news |= self.requests.taken.answer(request, answer);
        self.requests.forget(request);
    }
}
