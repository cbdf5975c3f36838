//! The camera's secret: when it is asked for, when what is known will do, and what URI is in it.
//!
//! Nothing here prints a secret or the URI in it.

use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::job_status::JobOutcome;
use vigie_engine::media_clock::MediaClock;
use vigie_engine::recorder::{Event, Failure, SourceKind};
use vigie_kvs::Sensitive;
use vigie_kvs::error::ErrorKind;
use vigie_kvs::media_uri::{MediaUri, MediaUriError};

use super::OpenSource;
use crate::core::effect::Effect;
use crate::core::event::{CallFailure, Session};
use crate::core::job::Job;
use crate::core::world::World;

/// A known secret is asked for again at most so often while the recorder goes on with it.
const REFRESH_INTERVAL: Duration = Duration::from_secs(60);

impl Job {
    pub(super) fn resolve_secret(&mut self, attempt: u64, world: &mut World, now: Now) {
        let session = world.new_session(&self.arn);
        let record = &mut self.record;
        let failed_by_user = record.recorder.status().outcome == JobOutcome::UserError;
        let uses_known = record.file_recorded
            || (record.secret.is_some() && !record.ask_first && !failed_by_user);
        record.source = Some(OpenSource {
            session: session.clone(),
            attempt,
            is_asked: false,
            secret: record.secret.clone(),
            clock: MediaClock::new(record.latest),
        });
        let is_fresh =
            record.asked_at.is_some_and(|at| now.mono.saturating_sub(at) < REFRESH_INTERVAL);
        if !(record.file_recorded || uses_known && is_fresh) {
            record.asked_at = Some(now.mono);
            let secret_arn = self.plan.media_uri_secret_arn.clone();
            world.effects.push(Effect::ResolveSecret { session, secret_arn });
        }
        if uses_known {
            // The camera is as near as ever, whatever the way to the service: no wait for what is known.
            self.recorder_event(Event::SecretResolved { attempt }, world, now);
        }
    }

    /// Secrets Manager has answered.
    pub(in crate::core) fn secret_resolved(
        &mut self,
        session: &Session,
        secret: Option<Sensitive>,
        world: &mut World,
        now: Now,
    ) {
        let record = &mut self.record;
        if record.secret != secret {
            record.secret.clone_from(&secret);
            world.unsaved = true;
        }
        record.ask_first = false;
        let Some(source) = &mut record.source else { return };
        if source.session == *session && !source.is_asked {
            source.secret = secret;
            let attempt = source.attempt;
            self.recorder_event(Event::SecretResolved { attempt }, world, now);
        } else if source.secret != secret {
            // It was replaced while an older one was in use: the camera may be another.
            let event = Event::ConfigChanged {
                schedule: self.plan.recorder_schedule.clone(),
                source: self.plan.source,
                same_source: false,
            };
            self.recorder_event(event, world, now);
        }
    }

    /// Secrets Manager has not answered, or said no.
    pub(in crate::core) fn secret_failed(
        &mut self,
        session: &Session,
        failure: CallFailure,
        world: &mut World,
        now: Now,
    ) {
        let record = &mut self.record;
        let Some(source) = record.source.as_ref().filter(|source| source.session == *session)
        else {
            return;
        };
        if source.is_asked {
            // What is known is in use already.
            return;
        }
        let attempt = source.attempt;
        let failure = secret_failure(failure);
        if failure == Failure::SecretUnreachable && record.secret.is_some() {
            record.ask_first = false;
            self.recorder_event(Event::SecretResolved { attempt }, world, now);
        } else {
            self.recorder_event(Event::Failed { attempt, failure }, world, now);
        }
    }
}

/// The URI in a secret, if it is of the kind that the configuration says.
pub(super) fn media_uri_of(secret: &Sensitive, kind: SourceKind) -> Result<MediaUri, Failure> {
    let uri = MediaUri::from_secret_string(secret).map_err(|error| match error {
        MediaUriError::Binary | MediaUriError::NotJson => Failure::SecretUnreadable,
        MediaUriError::NotExactlyMediaUri => Failure::SecretWithoutMediaUri,
        MediaUriError::NotText | MediaUriError::Empty => Failure::BadUri,
    })?;
    let text = uri.expose();
    let fits = match kind {
        SourceKind::Rtsp => {
            ["rtsp://", "rtsps://", "rtspu://"].iter().any(|scheme| text.starts_with(scheme))
        }
        SourceKind::File => text.starts_with("file://") || text.starts_with('/'),
    };
    if fits { Ok(uri) } else { Err(Failure::BadUri) }
}

/// What a call that gave no secret means for the recorder.
fn secret_failure(failure: CallFailure) -> Failure {
    match failure {
        CallFailure::Refused {
            kind: Some(ErrorKind::ResourceNotFound | ErrorKind::InvalidRequest),
            ..
        } => Failure::SecretNotFound,
        CallFailure::Refused { status: 401 | 403, .. } | CallFailure::NoCredentials => {
            Failure::SecretAccessDenied
        }
        CallFailure::Refused {
            kind: Some(ErrorKind::AccessDenied | ErrorKind::NotAuthorized),
            ..
        } => Failure::SecretAccessDenied,
        CallFailure::Refused { .. }
        | CallFailure::Unreachable
        | CallFailure::CertificateUntrusted
        | CallFailure::TimedOut
        | CallFailure::Disconnected
        | CallFailure::UnreadableAnswer => Failure::SecretUnreachable,
    }
}
