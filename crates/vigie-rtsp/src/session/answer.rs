//! What a camera's answers and requests lead to.
//!
//! Trouble with anything but the video never ends a session: that medium is left out. Credentials are sent once for each
//! challenge, and never again once they were judged.

use std::time::Duration;

use url::Url;

use super::auth::Authenticator;
use super::choice::{Choice, choose};
use super::end::{End, LeftOut, MediumName};
use super::limits::{
    CAMERA_REQUESTS_MAX, CREDENTIALS_PER_REQUEST_MAX, PROVISIONAL_ANSWERS_MAX, REDIRECTS_MAX,
    SESSION_ID_BYTES_MAX,
};
use super::media_plan::MediumPlan;
use super::message::{self, Head, Method, StartLine};
use super::request::Pending;
use super::sdp::Description;
use super::settings::{TransportChoice, Wanted};
use super::transport::{Route, Unusable, route};
use super::{ConnectReason, Output, PacketKind, PlayingMedium, Session, Stage, rtp_info, uri};
use crate::Deviation;
use crate::format::MediaKind;

/// What went wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Status(u16),
    /// An answer without a status.
    Unreadable,
    NoAnswer,
    Closed,
    Unusable(Unusable),
    NoUdpPorts,
}

/// What requests from here on the camera may send.
const PUBLIC: &str = "OPTIONS, GET_PARAMETER, SET_PARAMETER, ANNOUNCE, REDIRECT, TEARDOWN";

impl Session {
    pub(super) fn message(&mut self, head: &Head, body: &[u8], now: Duration) {
        match &head.start {
            StartLine::Request { method } => self.camera_asks(method, head, now),
            StartLine::Response { status } => {
                let status = *status;
                if let Some(pending) = self.take_pending(head) {
                    self.answered(pending, status, head, body, now);
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
                self.end(End::NotRtsp { host: self.host() });
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

    fn described(&mut self, request_uri: &str, head: &Head, body: &[u8], now: Duration) {
        let kind = head.header("content-type").unwrap_or_default().to_ascii_lowercase();
        if !kind.starts_with("application/sdp") {
            self.tally.add(Deviation::ContentType);
        }
        let description = Description::parse(body, &mut self.tally);
        self.outputs.push_back(Output::Described { media: description.media.clone() });
        let base = self.base(request_uri, head);
        // As other clients have it: a session's own absolute address is the base of its media as well.
        let base = match &description.control {
            Some(control) if uri::is_absolute(control) => {
                uri::control(&base, Some(control)).unwrap_or(base)
            }
            _ => base,
        };
        let aggregate = uri::control(&base, description.control.as_deref());
        self.aggregate = aggregate.unwrap_or_else(|| base.clone());
        let (wanted, shunned) = (self.settings.wanted, &self.shunned);
        let choice = choose(&description.media, wanted, shunned, self.supports, &mut self.tally);
        let Choice { chosen, left_out } = match choice {
            Ok(choice) => choice,
            Err(end) => return self.end(end),
        };
        for (medium, why) in left_out {
            self.outputs.push_back(Output::LeftOut { medium, why });
        }
        if wanted == Wanted::Describe {
            return self.end(End::Described);
        }
        for (order, chosen) in (0u8..).zip(chosen) {
            let name = chosen.name;
            let control = description.media.get(name.index).and_then(|m| m.control.as_deref());
            match uri::control(&base, control) {
                Some(uri) => self.media.push(MediumPlan::new(name, chosen.format, uri, order)),
                None if name.kind == MediaKind::Video => {
                    return self.end(End::UnusableControl { medium: name });
                }
                None => self.say_left_out(name, LeftOut::UnusableControl),
            }
        }
        self.set_up_next(now);
    }

    /// The base of relative addresses (RFC 2326 appendix C.1.1).
    fn base(&mut self, request_uri: &str, head: &Head) -> String {
        for name in ["content-base", "content-location"] {
            let Some(candidate) = head.header(name).filter(|value| !value.is_empty()) else {
                continue;
            };
            match uri::base(candidate, request_uri) {
                Some(base) => return base,
                None => self.tally.add(Deviation::ContentBase),
            }
        }
        request_uri.to_owned()
    }

    fn set_up(&mut self, medium: usize, head: &Head, now: Duration) {
        self.read_session(head);
        let Some(plan) = self.plan_mut(medium) else { return };
        let Some(asked) = plan.asked else { return };
        let spare = plan.channels;
        let found = route(asked, spare, head.header("transport"), &mut self.tally);
        let route = match found {
            Ok(route) => route,
            Err(unusable) => return self.setup_failed(medium, Fault::Unusable(unusable), now),
        };
        let route = match route {
            Route::Interleaved { rtp, rtcp } => match self.assign(medium, (rtp, rtcp), spare) {
                Some(route) => route,
                None => {
                    return self.setup_failed(medium, Fault::Unusable(Unusable::Other), now);
                }
            },
            route @ Route::Udp { .. } => route,
        };
        if let Some(plan) = self.plan_mut(medium) {
            plan.route = Some(route);
            let is_udp = matches!(route, Route::Udp { .. });
            if plan.has_sockets && !is_udp {
                plan.has_sockets = false;
                self.outputs.push_back(Output::CloseUdp { medium });
            }
        }
        self.send_opening_datagrams(medium);
        self.set_up_next(now);
    }

    /// Gives a medium its channels: those of the answer, unless another medium has them already.
    fn assign(&mut self, medium: usize, named: (u8, u8), asked: (u8, u8)) -> Option<Route> {
        let (rtp, rtcp) = match self.is_free(named) {
            true => named,
            false => {
                self.tally.add(Deviation::InterleavedChannels);
                Some(asked).filter(|pair| self.is_free(*pair))?
            }
        };
        self.give(medium, (rtp, rtcp));
        Some(Route::Interleaved { rtp, rtcp })
    }

    pub(super) fn is_free(&self, (rtp, rtcp): (u8, u8)) -> bool {
        let is_free = |channel: u8| self.channels[usize::from(channel)].is_none();
        is_free(rtp) && is_free(rtcp)
    }

    fn give(&mut self, medium: usize, (rtp, rtcp): (u8, u8)) {
        // At most 16 media are read.
        let index = u8::try_from(medium).unwrap_or(u8::MAX);
        self.channels[usize::from(rtp)] = Some((index, PacketKind::Rtp));
        self.channels[usize::from(rtcp)] = Some((index, PacketKind::Rtcp));
    }

    /// Channels that were asked for and are no other medium's stay their medium's: cameras name one pair and send on
    /// the other.
    pub(super) fn give_asked_channels(&mut self) {
        let asked: Vec<_> = self.media.iter().map(|p| (p.name.index, p.channels)).collect();
        for (medium, pair) in asked {
            if !self.over_udp && self.is_free(pair) {
                self.give(medium, pair);
            }
        }
    }

    /// Reads `Session` (RFC 2326 section 12.37). The first that is named counts.
    fn read_session(&mut self, head: &Head) {
        let value = head.header("session").unwrap_or_default();
        let (id, parameters) = value.split_once(';').unwrap_or((value, ""));
        let id = id.trim();
        let is_usable = !id.is_empty()
            && id.len() <= SESSION_ID_BYTES_MAX
            && id.bytes().all(|byte| byte.is_ascii_graphic());
        match &self.session_id {
            None if is_usable => self.session_id = Some(id.to_owned()),
            Some(first) if first == id => {}
            _ => self.tally.add(Deviation::SessionId),
        }
        let timeout = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("timeout").then_some(value)
        });
        if timeout.is_some_and(|timeout| !self.keep_alive.read_timeout(timeout)) {
            self.tally.add(Deviation::SessionTimeout);
        }
    }

    pub(super) fn setup_failed(&mut self, medium: usize, fault: Fault, now: Duration) {
        let Some(name) = self.name_of(medium) else { return };
        if name.kind != MediaKind::Video {
            self.leave_out(name, left_out(Method::Setup, fault));
            return self.set_up_next(now);
        }
        let may_change = self.settings.transport == TransportChoice::TcpThenUdp && !self.over_udp;
        let is_of_transport = match fault {
            Fault::Status(status) => refuses_tcp(status),
            Fault::Unusable(unusable) => unusable == Unusable::OverUdp,
            _ => false,
        };
        if may_change && is_of_transport {
            if let Fault::Status(status) = fault {
                self.tcp_refusal = Some(status).filter(|status| *status != UNSUPPORTED_TRANSPORT);
            }
            self.over_udp = true;
            return self.set_up_next(now);
        }
        let fault = match (fault, self.tcp_refusal) {
            (Fault::Status(_), Some(first)) => Fault::Status(first),
            _ => fault,
        };
        self.end(self.end_of(Method::Setup, Some(name), fault));
    }

    fn play_failed(&mut self, medium: Option<usize>, fault: Fault, now: Duration) {
        if self.stage == Stage::Playing {
            // Media came without an answer, and now there is one.
            return match fault {
                Fault::NoAnswer => {}
                fault => self.end(self.end_of(Method::Play, None, fault)),
            };
        }
        let name = medium.and_then(|medium| self.name_of(medium));
        if let Some(name) = name
            && name.kind != MediaKind::Video
        {
            self.leave_out(name, left_out(Method::Play, fault));
            return self.send_play(now);
        }
        match fault {
            Fault::NoAnswer if self.has_early_video() => {
                self.tally.add(Deviation::PlayUnanswered);
                self.play(now);
            }
            Fault::Status(INVALID_RANGE) if self.play_way.has_range => {
                self.tally.add(Deviation::PlayRange);
                self.play_way.has_range = false;
                self.send_play(now);
            }
            Fault::Status(status)
                if self.play_way.each.is_none() && may_be_of_aggregate(status) =>
            {
                self.tally.add(Deviation::AggregatePlay);
                self.play_way.each = Some(status);
                self.send_play(now);
            }
            fault => {
                let fault = match (fault, self.play_way.each) {
                    (Fault::Status(_), Some(first)) => Fault::Status(first),
                    _ => fault,
                };
                self.end(self.end_of(Method::Play, name, fault));
            }
        }
    }

    fn has_early_video(&self) -> bool {
        let video = self.media.first().map(|plan| plan.name.index);
        self.early.iter().any(|output| {
            matches!(output, Output::Packet { medium, kind: PacketKind::Rtp, .. } if Some(*medium) == video)
        })
    }

    fn read_rtp_info(&mut self, head: &Head) {
        let count = self.media.len();
        for (position, plan) in self.media.iter_mut().enumerate() {
            let info = rtp_info::find(head.headers("rtp-info"), &plan.uri, position, count);
            if !plan.is_played {
                plan.rtp_info = info;
            }
        }
    }

    /// Media is to come, or has come already.
    pub(super) fn play(&mut self, now: Duration) {
        let media = self.media.iter().map(|plan| PlayingMedium {
            name: plan.name,
            format: plan.format.clone(),
            is_over_udp: matches!(plan.route, Some(Route::Udp { .. })),
            rtp_info: plan.rtp_info,
        });
        self.outputs.push_back(Output::Playing { media: media.collect() });
        self.outputs.append(&mut self.early);
        self.early_bytes = 0;
        self.begin_keep_alive(now);
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
            self.say_left_out(name, left_out(method, Fault::Closed));
            return self.reconnect(ConnectReason::Without(name), closed);
        }
        self.end(match self.reader.has_read_only_junk() {
            true => End::NotRtsp { host: self.host() },
            false => closed,
        });
    }

    /// The deadline of a request has passed.
    pub(super) fn unanswered(&mut self, pending: Pending, now: Duration) {
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
        self.outputs.push_back(Output::Send(message::response(status, head.cseq(), headers)));
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

    fn leave_out(&mut self, name: MediumName, why: LeftOut) {
        if let Some(at) = self.media.iter().position(|plan| plan.name == name) {
            let plan = self.media.remove(at);
            if plan.has_sockets {
                self.outputs.push_back(Output::CloseUdp { medium: name.index });
            }
        }
        for channel in &mut self.channels {
            if channel.is_some_and(|(medium, _)| usize::from(medium) == name.index) {
                *channel = None;
            }
        }
        self.early.retain(|output| match output {
            Output::Packet { medium, bytes, .. } if *medium == name.index => {
                self.early_bytes -= bytes.len();
                false
            }
            _ => true,
        });
        self.say_left_out(name, why);
    }

    fn say_left_out(&mut self, medium: MediumName, why: LeftOut) {
        self.outputs.push_back(Output::LeftOut { medium, why });
    }

    fn plan_mut(&mut self, medium: usize) -> Option<&mut MediumPlan> {
        self.media.iter_mut().find(|plan| plan.name.index == medium)
    }

    fn name_of(&self, medium: usize) -> Option<MediumName> {
        self.media.iter().find(|plan| plan.name.index == medium).map(|plan| plan.name)
    }

    fn end_of(&self, request: Method, medium: Option<MediumName>, fault: Fault) -> End {
        match fault {
            Fault::Status(403) => End::Forbidden { request, medium },
            Fault::Status(status) => End::Refused { request, medium, status },
            Fault::Unreadable => End::UnreadableAnswer { request, medium },
            Fault::NoAnswer if self.reader.has_read_only_junk() => {
                End::NotRtsp { host: self.host() }
            }
            Fault::NoAnswer => End::NoAnswer { request, medium },
            Fault::Closed => End::ClosedByCamera { request, medium },
            Fault::Unusable(_) => End::UnusableTransport { medium },
            Fault::NoUdpPorts => End::NoUdpPorts,
        }
    }
}

fn left_out(request: Method, fault: Fault) -> LeftOut {
    match fault {
        Fault::Status(status) => LeftOut::Refused { request, status },
        Fault::Unreadable => LeftOut::Refused { request, status: 0 },
        Fault::NoAnswer => LeftOut::NoAnswer { request },
        Fault::Closed => LeftOut::ClosedByCamera { request },
        Fault::Unusable(_) => LeftOut::UnusableTransport,
        Fault::NoUdpPorts => LeftOut::NoUdpPorts,
    }
}

/// RFC 2326 section 11.3.
const UNSUPPORTED_TRANSPORT: u16 = 461;
const INVALID_RANGE: u16 = 457;

/// Whether a refusal of SETUP over TCP may be one of TCP: 461, and what cameras say instead. Not those that are about
/// the path, the viewer, or their number.
fn refuses_tcp(status: u16) -> bool {
    matches!(status, UNSUPPORTED_TRANSPORT | 400 | 406 | 415 | 451 | 456 | 462 | 500 | 501 | 551)
}

/// Whether PLAY of all media may be refused because it is of all media.
fn may_be_of_aggregate(status: u16) -> bool {
    !matches!(status, 401 | 403 | 453 | 503)
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
