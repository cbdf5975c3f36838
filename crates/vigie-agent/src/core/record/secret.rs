//! The camera's secret: when it is asked for, when what is known will do, and what URI is in it.
//!
//! It is asked for as soon as a configuration is applied, whether a window is open or not: a hub that loses its link
//! before the first window must be able to record. Where the service says what its revision is, another revision is read
//! at once, and the same one never again; where it says nothing of it (Amazon's), each hour is taken for another revision. A camera's session that is open ends when the camera is another one now;
//! what is wrong with a new secret ends none.
//!
//! Nothing here prints a secret or the URI in it.

use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::job_status::JobOutcome;
use vigie_engine::media_clock::MediaClock;
use vigie_engine::recorder::{Event, Failure, SourceKind, State, UriFault};
use vigie_kvs::Sensitive;
use vigie_kvs::error::ErrorKind;
use vigie_kvs::media_uri::{MediaUri, MediaUriError};

use super::OpenSource;
use crate::core::effect::Effect;
use crate::core::event::{CallFailure, Session};
use crate::core::job::Job;
use crate::core::world::World;

/// A secret is asked for again at most so often while the recorder goes on with a known one, or waits for its window.
const ASK_INTERVAL: Duration = Duration::from_secs(60);
/// Another revision that could not be read is asked for again after so long.
const REVISION_INTERVAL: Duration = Duration::from_secs(5);
/// Where nothing is said of revisions, what was read counts as another one after so long: Secrets Manager is paid by the call.
const REFRESH_INTERVAL: Duration = Duration::from_secs(3600);

/// The secret behind `MediaUriSecretArn`, and how fresh it is.
#[derive(Default)]
pub(in crate::core) struct KnownSecret {
    /// `SecretString`, when it was last resolved.
    pub(in crate::core) value: Option<Sensitive>,
    /// The next attempt asks before it uses a known one.
    ask_first: bool,
    asked_at: Option<Duration>,
    /// The number of the first session that asked under the present configuration: answers to older ones may be about
    /// another secret.
    asked_from: Option<u64>,
    answered_at: Option<Duration>,
    /// The number of the newest session that was answered: what older ones still hear is older.
    answered: Option<u64>,
    /// What the service last said that the secret is.
    revision: Option<String>,
    /// That has not been read yet.
    is_behind: bool,
    /// The number of the first session that asked since.
    behind_from: Option<u64>,
    /// The question that no source waits for.
    refresh: Option<Session>,
}

impl KnownSecret {
    /// As it was saved.
    pub(in crate::core) fn new(value: Option<Sensitive>) -> Self {
        Self { value, ..Self::default() }
    }

    /// A configuration was applied: what is known may be old. `is_another`: what is known is of another secret.
    pub(super) fn configured(&mut self, is_another: bool) {
        *self = Self { value: self.value.take().filter(|_| !is_another), ..Self::default() };
        self.ask_first = true;
    }

    /// It is being asked for.
    fn ask(&mut self, session: &Session, now: Now) {
        self.asked_at = Some(now.mono);
        self.asked_from.get_or_insert(session.number);
        if self.is_behind {
            self.behind_from.get_or_insert(session.number);
        }
    }

    /// What it was asked by `session` is known now, one way or the other.
    fn caught_up(&mut self, session: &Session) {
        if self.behind_from.is_some_and(|from| session.number >= from) {
            self.is_behind = false;
            self.behind_from = None;
        }
    }

    /// Whether it was asked for just now.
    fn is_asked(&self, now: Now) -> bool {
        let interval = if self.is_behind { REVISION_INTERVAL } else { ASK_INTERVAL };
        self.asked_at.is_some_and(|at| now.mono.saturating_sub(at) < interval)
    }

    fn is_fresh(&self, now: Now) -> bool {
        let is_of_this_hour = |at| now.mono.saturating_sub(at) < REFRESH_INTERVAL;
        self.value.is_some()
            && !self.is_behind
            && self.answered_at.is_some_and(|at| self.revision.is_some() || is_of_this_hour(at))
    }
}

impl Job {
    /// Asks for the secret ahead of the window that will need it.
    pub(in crate::core) fn refresh_secret(&mut self, world: &mut World, now: Now) {
        let secret = &mut self.record.secret;
        if !world.in_contact
            || self.record.file_recorded
            || secret.is_fresh(now)
            || secret.is_asked(now)
        {
            return;
        }
        let session = world.new_session(&self.arn);
        secret.ask(&session, now);
        secret.refresh = Some(session.clone());
        let secret_arn = self.plan.media_uri_secret_arn.clone();
        world.effects.push(Effect::ResolveSecret { session, secret_arn });
    }

    /// The service says which revision the secret is now.
    pub(in crate::core) fn secret_told(&mut self, revision: String, world: &mut World, now: Now) {
        let secret = &mut self.record.secret;
        if secret.revision.as_ref() == Some(&revision) {
            return;
        }
        secret.revision = Some(revision);
        // What is asked for from here on is asked for after it changed, and so is what was asked for in this moment.
        if secret.asked_from.is_none() || secret.asked_at == Some(now.mono) {
            return;
        }
        secret.asked_at = None;
        secret.is_behind = true;
        secret.behind_from = None;
        self.refresh_secret(world, now);
    }

    pub(super) fn resolve_secret(&mut self, attempt: u64, world: &mut World, now: Now) {
        let session = world.new_session(&self.arn);
        let record = &mut self.record;
        let failed_by_user = record.recorder.status().outcome == JobOutcome::UserError;
        let uses_known = record.file_recorded
            || (record.secret.value.is_some()
                && !record.secret.ask_first
                && (!failed_by_user || record.secret.answered_at == Some(now.mono)));
        record.source = Some(OpenSource {
            session: session.clone(),
            attempt,
            is_asked: false,
            secret: record.secret.value.clone(),
            clock: MediaClock::new(record.latest),
        });
        if !(record.file_recorded || uses_known && record.secret.is_asked(now)) {
            record.secret.ask(&session, now);
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
        if record.secret.asked_from.is_none_or(|from| session.number < from) {
            return;
        }
        if record.secret.answered.is_some_and(|newest| session.number < newest) {
            return;
        }
        record.secret.answered = Some(session.number);
        record.secret.caught_up(session);
        let former = record.secret.value.clone();
        if former != secret {
            record.secret.value.clone_from(&secret);
            world.unsaved = true;
        }
        record.secret.answered_at = Some(now.mono);
        record.secret.ask_first = false;
        let is_refresh = record.secret.refresh.take_if(|refresh| refresh == session).is_some();
        if let Some(source) = record.source.as_mut().filter(|source| !source.is_asked) {
            // Whichever question was answered first.
            source.secret = secret;
            let attempt = source.attempt;
            return self.recorder_event(Event::SecretResolved { attempt }, world, now);
        }
        let read = self.uri_of(secret.as_ref());
        let is_another = self.is_another_source(&read, former.as_ref(), is_refresh);
        if is_refresh {
            let event = Event::SecretForeseen { failure: read.err() };
            self.recorder_event(event, world, now);
        }
        if is_another {
            tracing::info!(
                stream = self.stream_name,
                "the secret leads elsewhere now; connecting anew"
            );
            let event = Event::ConfigChanged {
                schedule: self.plan.recorder_schedule.clone(),
                source: self.plan.source,
                same_source: false,
            };
            self.recorder_event(event, world, now);
        }
    }

    fn uri_of(&self, secret: Option<&Sensitive>) -> Result<MediaUri, Failure> {
        media_uri_of(secret.ok_or(Failure::SecretUnreadable)?, self.plan.source)
    }

    /// Whether what was read is to be used at once: it leads to another place than what the open source was opened with,
    /// or, where one waits, may mend what it waits for.
    fn is_another_source(
        &self,
        read: &Result<MediaUri, Failure>,
        former: Option<&Sensitive>,
        is_refresh: bool,
    ) -> bool {
        let Ok(uri) = read else { return false };
        let differs = |from: Option<&Sensitive>| self.uri_of(from).as_ref() != Ok(uri);
        match (&self.record.source, self.record.recorder.state()) {
            // A file that is being recorded is recorded to its end.
            (Some(_), State::Recording { .. })
                if is_refresh && self.plan.source == SourceKind::File =>
            {
                false
            }
            (Some(source), _) => differs(source.secret.as_ref()),
            (None, State::BackingOff { reason, .. }) => reason.is_of_secret() || differs(former),
            (None, _) => false,
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
        let failure = secret_failure(failure);
        if failure != Failure::SecretUnreachable {
            record.secret.caught_up(session);
        }
        if record.secret.refresh.take_if(|refresh| refresh == session).is_some() {
            // What is known stays in use, and silence says nothing about the secret.
            match &record.secret.value {
                _ if failure == Failure::SecretUnreachable => {}
                Some(_) => record.secret.answered_at = Some(now.mono),
                None => {
                    let failure = Some(failure);
                    self.recorder_event(Event::SecretForeseen { failure }, world, now);
                }
            }
            return;
        }
        let Some(source) = record.source.as_ref().filter(|source| source.session == *session)
        else {
            return;
        };
        if source.is_asked {
            // What is known is in use already.
            return;
        }
        let attempt = source.attempt;
        if failure == Failure::SecretUnreachable && record.secret.value.is_some() {
            record.secret.ask_first = false;
            self.recorder_event(Event::SecretResolved { attempt }, world, now);
        } else {
            self.recorder_event(Event::Failed { attempt, failure }, world, now);
        }
    }
}

/// The URI in a secret, if it is of the kind that the configuration says.
pub(in crate::core) fn media_uri_of(
    secret: &Sensitive,
    kind: SourceKind,
) -> Result<MediaUri, Failure> {
    let uri = MediaUri::from_secret_string(secret).map_err(|error| match error {
        MediaUriError::Binary | MediaUriError::NotJson => Failure::SecretUnreadable,
        MediaUriError::NotExactlyMediaUri => Failure::SecretWithoutMediaUri,
        MediaUriError::NotText | MediaUriError::Empty => Failure::BadUri(UriFault::Kind),
    })?;
    if is_of_kind(&uri, kind) { Ok(uri) } else { Err(Failure::BadUri(UriFault::Kind)) }
}

/// A camera's URI that was given as it is.
pub(in crate::core) fn camera_uri(text: &Sensitive) -> Result<MediaUri, Failure> {
    let uri = MediaUri::from_text(text).map_err(|_| Failure::BadUri(UriFault::Kind))?;
    if is_of_kind(&uri, SourceKind::Rtsp) { Ok(uri) } else { Err(Failure::BadUri(UriFault::Kind)) }
}

fn is_of_kind(uri: &MediaUri, kind: SourceKind) -> bool {
    let text = uri.expose();
    match kind {
        SourceKind::Rtsp => {
            ["rtsp://", "rtsps://", "rtspu://"].iter().any(|scheme| text.starts_with(scheme))
        }
        SourceKind::File => text.starts_with("file://") || text.starts_with('/'),
    }
}

/// What a call that gave no secret means for the recorder.
pub(in crate::core) fn secret_failure(failure: CallFailure) -> Failure {
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
        | CallFailure::PlainDataEndpoint
        | CallFailure::TimedOut
        | CallFailure::Disconnected
        | CallFailure::UnreadableAnswer => Failure::SecretUnreachable,
    }
}
