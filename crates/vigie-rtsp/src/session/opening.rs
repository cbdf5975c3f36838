//! From the session description to media: what is set up in which way, and what is left out.
//!
//! Any answer that leaves the video usable is usable. Trouble with another medium leaves that one out.

use std::time::Duration;

use super::choice::{Choice, choose};
use super::end::{End, LeftOut, MediumName};
use super::fault::Fault;
use super::limits::{MEDIA_MAX, SESSION_ID_BYTES_MAX};
use super::media_plan::MediumPlan;
use super::message::{Head, Method};
use super::sdp::Description;
use super::settings::{TransportChoice, Wanted};
use super::transport::{Route, Unusable, route};
use super::{Action, Output, PacketKind, PlayingMedium, RtspSession, Stage, rtp_info, uri};
use crate::Deviation;
use crate::format::MediaKind;

impl RtspSession {
    pub(super) fn described(&mut self, request_uri: &str, head: &Head, body: &[u8], now: Duration) {
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
            Err(End::NoVideo) if description.has_more => {
                return self.end(End::NoVideoAmongFirst { looked_at: MEDIA_MAX });
            }
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

    pub(super) fn set_up(&mut self, medium: usize, head: &Head, now: Duration) {
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
                self.act(Action::CloseUdp { medium });
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
            self.leave_out(name, fault.left_out(Method::Setup));
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

    pub(super) fn play_failed(&mut self, medium: Option<usize>, fault: Fault, now: Duration) {
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
            self.leave_out(name, fault.left_out(Method::Play));
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

    pub(super) fn read_rtp_info(&mut self, head: &Head) {
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

    fn leave_out(&mut self, name: MediumName, why: LeftOut) {
        if let Some(at) = self.media.iter().position(|plan| plan.name == name) {
            let plan = self.media.remove(at);
            if plan.has_sockets {
                self.act(Action::CloseUdp { medium: name.index });
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

    pub(super) fn say_left_out(&mut self, medium: MediumName, why: LeftOut) {
        self.outputs.push_back(Output::LeftOut { medium, why });
    }

    pub(super) fn plan_mut(&mut self, medium: usize) -> Option<&mut MediumPlan> {
        self.media.iter_mut().find(|plan| plan.name.index == medium)
    }

    pub(super) fn name_of(&self, medium: usize) -> Option<MediumName> {
        self.media.iter().find(|plan| plan.name.index == medium).map(|plan| plan.name)
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
