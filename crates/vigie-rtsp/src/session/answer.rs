//! What a camera's answers and requests lead to.
//!
//! Credentials are sent once for each challenge, and never again once they were judged.

use std::time::Duration;

use url::Url;

use super::auth::Authenticator;
use super::end::{End, MediumName};
use super::fault::Fault;
use super::limits::{
    CAMERA_REQUESTS_MAX, CREDENTIALS_PER_REQUEST_MAX, PROVISIONAL_ANSWERS_MAX, REDIRECTS_MAX,
};
use super::message::{self, Head, Method, StartLine};
use super::request::Pending;
use super::{Action, ConnectReason, RtspSession, Stage, uri};
use crate::Deviation;
use crate::format::MediaKind;

/// What requests from here on the camera may send.
const PUBLIC: &str = "OPTIONS, GET_PARAMETER, SET_PARAMETER, ANNOUNCE, REDIRECT, TEARDOWN";

impl RtspSession {
    pub(super) fn message(&mut self, head: &Head, body: &[u8], now: Duration) {
        match &head.start {
            StartLine::Request { method } => self.camera_asks(method, head, now),
            StartLine::Response { status } => {
                let status = *status;
                match self.take_pending(head) {
                    Some(pending) => self.answered(pending, status, head, body, now),
                    None => self.keep_doubtful(head, body, now),
                }
            }
        }
    }

    fn answered(
        &mut self,
        mut pending: Pending,
        status: Option<u16>,
        head: &Head,
        body: &[u8],
        now: Duration,
    ) {
        self.keep_alive.read_public(head);
        match status {
            Some(100..=199) => {
                pending.provisional_answers += 1;
                match pending.provisional_answers > PROVISIONAL_ANSWERS_MAX {
                    true => self.failed(&pending, Fault::Unreadable, now),
                    false => self.pending = Some(pending),
                }
            }
            Some(200..=299) => {
                self.may_reconnect = false;
                if pending.has_credentials
                    && let Some(authenticator) = &mut self.authenticator
                {
                    authenticator.may_be_outworn = true;
                }
                self.succeeded(&pending, head, body, now);
            }
            Some(401) => self.challenged(pending, head, now),
            Some(status @ (300..=303 | 305..=399)) if self.stage == Stage::Opening => {
                self.redirected(&pending, status, head, now);
            }
            Some(status) => self.failed(&pending, Fault::Status(status), now),
            None => self.failed(&pending, Fault::Unreadable, now),
        }
    }

    fn succeeded(&mut self, pending: &Pending, head: &Head, body: &[u8], now: Duration) {
        match (pending.method, pending.medium) {
            (Method::Options, _) if self.stage == Stage::Opening => self.send_describe(now),
            (Method::Describe, _) => self.described(&pending.uri, head, body, now),
            (Method::Setup, Some(medium)) => self.set_up(medium, head, now),
            (Method::Play, medium) if self.stage == Stage::Opening => {
                self.read_rtp_info(head);
                match medium {
                    None => self.play(now),
                    Some(medium) => {
                        self.plan_mut(medium).into_iter().for_each(|plan| plan.is_played = true);
                        self.send_play(now);
                    }
                }
            }
            // Keep-alives, and a late answer to PLAY.
            _ => {}
        }
    }

    /// A request that is refused, not answered, or answered in no usable way.
    fn failed(&mut self, pending: &Pending, fault: Fault, now: Duration) {
        let Pending { method, medium, .. } = *pending;
        if self.stage == Stage::Playing && method != Method::Play {
            if fault == Fault::NoAnswer {
                self.tally.add(Deviation::KeepAliveUnanswered);
                self.keep_alive.pass(method);
            } else {
                self.tally.add(Deviation::KeepAliveRefused);
                self.keep_alive.refuse(method);
            }
            return;
        }
        match (method, medium) {
            (Method::Options, _) if self.reader.has_read_only_junk() => {
                self.end(self.not_rtsp());
            }
            (Method::Options, _) => {
                self.tally.add(Deviation::OptionsRefused);
                self.send_describe(now);
            }
            (Method::Setup, Some(medium)) => self.setup_failed(medium, fault, now),
            (Method::Play, medium) => self.play_failed(medium, fault, now),
            _ => self.end(self.end_of(method, None, fault)),
        }
    }

    fn challenged(&mut self, pending: Pending, head: &Head, now: Duration) {
        let refusal = Fault::Status(401);
        let medium = pending.medium.and_then(|medium| self.name_of(medium));
        // The session can do without an answer to this one.
        let is_spare = self.stage != Stage::Opening
            || medium.is_some_and(|name| name.kind != MediaKind::Video);
        if self.settings.login.is_none() || !self.may_log_in {
            return match is_spare || pending.method == Method::Options {
                true => self.failed(&pending, refusal, now),
                false => self.end(End::LoginWanted { host: self.host() }),
            };
        }
        let cnonce = self.next_cnonce();
        let newer = match Authenticator::choose(head.headers("www-authenticate"), cnonce) {
            Ok(newer) => newer,
            Err(_) if is_spare => return self.failed(&pending, refusal, now),
            Err(scheme) => return self.end(End::AuthenticationUnsupported { scheme }),
        };
        if pending.has_credentials
            && let Some(former) = &self.authenticator
        {
            // The next nonce tells whether it was the nonce or the password.
            let is_outworn = former.may_be_outworn
                && pending.credentials_sent == 1
                && !former.has_nonce_of(&newer);
            let may_repeat = pending.credentials_sent < CREDENTIALS_PER_REQUEST_MAX;
            if !(may_repeat && (newer.is_stale || is_outworn)) {
                return match is_spare || newer.is_stale {
                    true => self.failed(&pending, refusal, now),
                    false => self.end(End::WrongPassword),
                };
            }
        }
        self.authenticator = Some(newer);
        self.may_reconnect = self.stage == Stage::Opening;
        self.send_pending(pending, now);
    }

    fn redirected(&mut self, pending: &Pending, status: u16, head: &Head, now: Duration) {
        let medium = pending.medium.and_then(|medium| self.name_of(medium));
        if medium.is_some_and(|name| name.kind != MediaKind::Video) {
            return self.failed(pending, Fault::Status(status), now);
        }
        let location = head.header("location").and_then(|location| self.uri.join(location).ok());
        let Some(location) = location.and_then(address) else {
            return match pending.method {
                Method::Options => self.failed(pending, Fault::Status(status), now),
                request => self.end(End::UnreadableRedirect { request, status }),
            };
        };
        self.go_to(location, now);
    }

    /// Begins again at another address; on the same connection when that leads there.
    fn go_to(&mut self, location: Url, now: Duration) {
        self.redirects += 1;
        if self.redirects > REDIRECTS_MAX {
            return self.end(End::TooManyRedirects);
        }
        let former = (self.host().to_ascii_lowercase(), self.port(), self.is_tls());
        let had_session = self.session_id.is_some();
        self.uri = location;
        let next = (self.host().to_ascii_lowercase(), self.port(), self.is_tls());
        // Credentials are for the host they were given for, and do not leave TLS.
        self.may_log_in &= former.0 == next.0 && (next.2 || !former.2);
        if former == next && !had_session {
            self.forget_media();
            self.may_reconnect = true;
            self.send_describe(now);
        } else {
            self.authenticator = None;
            self.forget_keep_alive();
            self.reconnect(ConnectReason::Redirected, End::TooManyRedirects);
        }
    }

    pub(super) fn disconnected_while_opening(&mut self, now: Duration) {
        self.finish_sdp(now);
        if self.stage == Stage::Ended {
            return;
        }
        let pending = self.pending.take();
        let method = pending.as_ref().map_or(Method::Setup, |pending| pending.method);
        let medium = pending.as_ref().and_then(|p| p.medium).and_then(|m| self.name_of(m));
        let closed = End::ClosedByCamera { request: method, medium };
        // Nothing can be sent any more.
        self.session_id = None;
        if self.may_reconnect {
            self.tally.add(Deviation::ConnectionClosed);
            return self.reconnect(ConnectReason::ClosedByCamera, closed);
        }
        if let Some(name) = medium.filter(|name| name.kind != MediaKind::Video) {
            self.shunned.push(name);
            self.say_left_out(name, Fault::Closed.left_out(method));
            return self.reconnect(ConnectReason::Without(name), closed);
        }
        self.end(match self.reader.has_read_only_junk() {
            true => self.not_rtsp(),
            false => closed,
        });
    }

    /// The deadline of a request has passed.
    pub(super) fn unanswered(&mut self, pending: Pending, now: Duration) {
        if let Some((head, body)) = self.doubtful.take() {
            // Nothing better came.
            self.tally.add(Deviation::Cseq);
            return self.answered(pending, Some(200), &head, &body, now);
        }
        if pending.method == Method::Describe && self.stage == Stage::Opening {
            let came = self.reader.finish_sdp(&mut self.tally);
            if let Some(super::Item::Message { head, body }) = came {
                return self.described(&pending.uri, &head, &body, now);
            }
        }
        self.failed(&pending, Fault::NoAnswer, now);
    }

    /// Answers a request of the camera (RFC 2326 section 10).
    fn camera_asks(&mut self, method: &str, head: &Head, now: Duration) {
        self.camera_requests = self.camera_requests.saturating_add(1);
        if self.camera_requests > CAMERA_REQUESTS_MAX {
            self.tally.add(Deviation::CameraRequest);
            return;
        }
        let has_body = head.content_length().is_some_and(|length| length > 0);
        let (status, headers): (_, &[(&str, &str)]) = match method {
            "OPTIONS" => ("200 OK", &[("Public", PUBLIC)]),
            "GET_PARAMETER" | "SET_PARAMETER" if has_body => ("451 Parameter Not Understood", &[]),
            "GET_PARAMETER" | "SET_PARAMETER" | "ANNOUNCE" | "REDIRECT" | "TEARDOWN" => {
                ("200 OK", &[])
            }
            _ => {
                self.tally.add(Deviation::CameraRequest);
                ("501 Not Implemented", &[("Public", PUBLIC)])
            }
        };
        self.act(Action::Send(message::response(status, head.cseq(), headers)));
        match method {
            "TEARDOWN" => self.end(End::EndedByCamera),
            "REDIRECT" if self.stage == Stage::Playing => self.end(End::SentAway),
            "REDIRECT" => {
                let location = head.header("location").and_then(|text| self.uri.join(text).ok());
                match location.and_then(address) {
                    Some(location) => self.go_to(location, now),
                    None => self.end(End::SentAway),
                }
            }
            _ => {}
        }
    }

    pub(super) fn end_of(&self, request: Method, medium: Option<MediumName>, fault: Fault) -> End {
        match fault {
            Fault::Status(403) => End::Forbidden { request, medium },
            Fault::Status(status) => End::Refused { request, medium, status },
            Fault::Unreadable => End::UnreadableAnswer { request, medium },
            Fault::NoAnswer if self.reader.has_read_only_junk() => self.not_rtsp(),
            Fault::NoAnswer => End::NoAnswer { request, medium },
            Fault::Closed => End::ClosedByCamera { request, medium },
            Fault::Unusable(_) => End::UnusableTransport { medium },
            Fault::NoUdpPorts => End::NoUdpPorts,
        }
    }
}

/// A redirection's address, without what does not belong there.
fn address(mut url: Url) -> Option<Url> {
    if !uri::is_absolute(url.as_str()) || url.host_str().is_none_or(str::is_empty) {
        return None;
    }
    if url.scheme().eq_ignore_ascii_case("rtspu") {
        url.set_scheme("rtsp").ok()?;
    }
    let url = uri::without_login(url);
    (url.as_str().len() <= super::limits::URI_BYTES_MAX).then_some(url)
}
