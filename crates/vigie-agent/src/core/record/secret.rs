//! The camera's secret: when it is asked for, and when what is known will do.
//!
//! It is asked for as soon as a configuration is applied, whether a window is open or not: a hub that loses its link
//! before the first window must be able to record. Where the service says what its revision is, another revision is read
//! at once, and the same one never again; where it says nothing of it (Amazon's), each hour is taken for another revision.
//! A camera's session that is open ends when the camera is another one now; what is wrong with a new secret ends none.
//!
//! Nothing here prints a secret or the URI in it.

use vigie_engine::job_status::JobOutcome;
use vigie_engine::media_clock::MediaClock;
use vigie_engine::recorder::{Event, Failure, SourceKind, State};
use vigie_kvs::Sensitive;
use vigie_kvs::media_uri::MediaUri;

use super::media_uri::{secret_failure, uri_of};
use super::{OpenSource, RecordJob};
use crate::core::effect::Effect;
use crate::core::event::{CallFailure, Session};
use crate::core::hub_sync::Contact;
use crate::core::outcome::Notice;
use crate::core::shared::Turn;
use crate::core::stream::Stream;

impl RecordJob {
    /// Asks for the secret ahead of the window that will need it.
    pub(in crate::core) fn refresh_secret(&mut self, stream: &Stream, turn: &mut Turn<'_>) {
        let secret = &mut self.secret;
        if turn.contact != Contact::Answered
            || self.kept.file_recorded
            || (self.kept.secret_string.is_some() && secret.is_fresh(turn.now))
            || secret.is_asked(turn.now)
        {
            return;
        }
        let session = turn.shared.new_session(&stream.arn);
        secret.ask(&session, turn.now);
        secret.refresh = Some(session.clone());
        let secret_arn = stream.plan.media_uri_secret_arn.clone();
        turn.out.effect(Effect::ResolveSecret { session, secret_arn });
    }

    /// The service says which revision the secret is now.
    pub(in crate::core) fn secret_told(
        &mut self,
        revision: String,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        let secret = &mut self.secret;
        if secret.revision.as_ref() == Some(&revision) {
            return;
        }
        secret.revision = Some(revision);
        // What is asked for from here on is asked for after it changed, and so is what was asked for in this moment.
        if secret.asked_from.is_none() || secret.asked_at == Some(turn.now.mono) {
            return;
        }
        secret.asked_at = None;
        secret.is_behind = true;
        secret.behind_from = None;
        self.refresh_secret(stream, turn);
    }

    pub(super) fn resolve_secret(&mut self, attempt: u64, stream: &Stream, turn: &mut Turn<'_>) {
        let session = turn.shared.new_session(&stream.arn);
        let failed_by_user = self.recorder.status().outcome == JobOutcome::UserError;
        let uses_known = self.kept.file_recorded
            || (self.kept.secret_string.is_some()
                && !self.secret.ask_first
                && (!failed_by_user || self.secret.answered_at == Some(turn.now.mono)));
        self.source = Some(OpenSource {
            session: session.clone(),
            attempt,
            is_asked: false,
            secret: self.kept.secret_string.clone(),
            clock: MediaClock::new(self.latest),
        });
        if !(self.kept.file_recorded || uses_known && self.secret.is_asked(turn.now)) {
            self.secret.ask(&session, turn.now);
            let secret_arn = stream.plan.media_uri_secret_arn.clone();
            turn.out.effect(Effect::ResolveSecret { session, secret_arn });
        }
        if uses_known {
            // The camera is as near as ever, whatever the way to the service: no wait for what is known.
            turn.out.recorder(Event::SecretResolved { attempt });
        }
    }

    /// Secrets Manager has answered.
    pub(in crate::core) fn secret_resolved(
        &mut self,
        session: &Session,
        secret: Option<Sensitive>,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        if self.secret.asked_from.is_none_or(|from| session.number < from) {
            return;
        }
        if self.secret.answered.is_some_and(|newest| session.number < newest) {
            return;
        }
        self.secret.answered = Some(session.number);
        self.secret.caught_up(session);
        let former = self.kept.secret_string.clone();
        if former != secret {
            self.kept.secret_string.clone_from(&secret);
            turn.out.notice(Notice::Save);
        }
        self.secret.answered_at = Some(turn.now.mono);
        self.secret.ask_first = false;
        let is_refresh = self.secret.refresh.take_if(|refresh| refresh == session).is_some();
        if let Some(source) = self.source.as_mut().filter(|source| !source.is_asked) {
            // Whichever question was answered first.
            source.secret = secret;
            let attempt = source.attempt;
            return turn.out.recorder(Event::SecretResolved { attempt });
        }
        let kind = stream.plan.source;
        let read = uri_of(secret.as_ref(), kind);
        let is_another = self.is_another_source(&read, former.as_ref(), kind, is_refresh);
        if is_refresh {
            let event = Event::SecretForeseen { failure: read.err() };
            turn.out.recorder(event);
        }
        if is_another {
            tracing::info!(stream = stream.name, "the secret leads elsewhere now; connecting anew");
            let event = Event::ConfigChanged {
                schedule: stream.plan.recorder_schedule.clone(),
                source: stream.plan.source,
                same_source: false,
            };
            turn.out.recorder(event);
        }
    }

    /// Whether what was read is to be used at once: it leads to another place than what the open source was opened with,
    /// or, where one waits, may mend what it waits for.
    fn is_another_source(
        &self,
        read: &Result<MediaUri, Failure>,
        former: Option<&Sensitive>,
        kind: SourceKind,
        is_refresh: bool,
    ) -> bool {
        let Ok(uri) = read else { return false };
        let differs = |from: Option<&Sensitive>| uri_of(from, kind).as_ref() != Ok(uri);
        match (&self.source, self.recorder.state()) {
            // A file that is being recorded is recorded to its end.
            (Some(_), State::Recording { .. }) if is_refresh && kind == SourceKind::File => false,
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
        turn: &mut Turn<'_>,
    ) {
        let failure = secret_failure(failure);
        if failure != Failure::SecretUnreachable {
            self.secret.caught_up(session);
        }
        if self.secret.refresh.take_if(|refresh| refresh == session).is_some() {
            // What is known stays in use, and silence says nothing about the secret.
            match &self.kept.secret_string {
                _ if failure == Failure::SecretUnreachable => {}
                Some(_) => self.secret.answered_at = Some(turn.now.mono),
                None => {
                    let failure = Some(failure);
                    turn.out.recorder(Event::SecretForeseen { failure });
                }
            }
            return;
        }
        let Some(source) = self.source.as_ref().filter(|source| source.session == *session) else {
            return;
        };
        if source.is_asked {
            // What is known is in use already.
            return;
        }
        let attempt = source.attempt;
        if failure == Failure::SecretUnreachable && self.kept.secret_string.is_some() {
            self.secret.ask_first = false;
            turn.out.recorder(Event::SecretResolved { attempt });
        } else {
            turn.out.recorder(Event::Failed { attempt, failure });
        }
    }
}
