//! The requests of a session: what is sent, and which answer is the answer to it.

use std::time::Duration;

use super::auth;
use super::keep_alive::KeepAlive;
use super::limits::{ANSWER_WITHIN, DOUBTFUL_FOR, SPARE_ANSWER_WITHIN};
use super::message::{self, Head, Method};
use super::rtcp;
use super::transport::Asked;
use super::{Action, Output, PacketKind, RtspSession, Stage};
use crate::Deviation;

/// A request that was sent and is not answered.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) method: Method,
    /// The place in the session description of the medium it is about.
    pub(super) medium: Option<usize>,
    pub(super) uri: String,
    headers: Vec<(&'static str, String)>,
    cseq: u32,
    pub(super) deadline: Duration,
    /// It carried credentials.
    pub(super) has_credentials: bool,
    /// How often it was sent with them.
    pub(super) credentials_sent: u8,
    pub(super) provisional_answers: u8,
}

/// How PLAY is sent; it changes when a camera refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlayWay {
    pub(super) has_range: bool,
    /// Each medium by itself, and the status by which the camera refused all at once.
    pub(super) each: Option<u16>,
}

impl Default for PlayWay {
    fn default() -> Self {
        Self { has_range: true, each: None }
    }
}

impl RtspSession {
    fn send(
        &mut self,
        method: Method,
        medium: Option<usize>,
        uri: String,
        headers: Vec<(&'static str, String)>,
        now: Duration,
    ) {
        self.send_pending(
            Pending {
                method,
                medium,
                uri,
                headers,
                cseq: 0,
                deadline: now,
                has_credentials: false,
                credentials_sent: 0,
                provisional_answers: 0,
            },
            now,
        );
    }

    /// Sends a request, with credentials when a challenge is known.
    pub(super) fn send_pending(&mut self, mut pending: Pending, now: Duration) {
        pending.cseq = self.next_cseq;
        self.next_cseq = self.next_cseq.wrapping_add(1).max(1);
        let is_spare = self.stage == Stage::Opening
            && match pending.medium {
                Some(medium) => self.media.first().is_some_and(|video| video.name.index != medium),
                None => pending.method == Method::Options,
            };
        pending.deadline = now + if is_spare { SPARE_ANSWER_WITHIN } else { ANSWER_WITHIN };
        let authorization = self.authorization(pending.method, &pending.uri);
        pending.has_credentials = authorization.is_some();
        pending.credentials_sent += u8::from(authorization.is_some());
        let bytes = self.write(&pending, authorization.as_deref());
        self.act(Action::Send(bytes));
        self.pending = Some(pending);
        self.doubtful = None;
    }

    fn authorization(&mut self, method: Method, uri: &str) -> Option<String> {
        let login = self.settings.login.as_ref().filter(|_| self.may_log_in)?;
        Some(self.authenticator.as_mut()?.authorization(login, method, uri))
    }

    fn write(&self, pending: &Pending, authorization: Option<&str>) -> bytes::Bytes {
        let session = self.session_id.as_deref().map(|id| ("Session", id));
        let authorization = authorization.map(|value| ("Authorization", value));
        let own = pending.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<_> = session.into_iter().chain(authorization).chain(own).collect();
        let Pending { method, uri, cseq, .. } = pending;
        message::request(*method, uri, *cseq, &self.settings.user_agent, &headers)
    }

    pub(super) fn send_options(&mut self, now: Duration) {
        self.send(Method::Options, None, self.uri.as_str().to_owned(), Vec::new(), now);
    }

    pub(super) fn send_describe(&mut self, now: Duration) {
        let headers = vec![("Accept", "application/sdp".to_owned())];
        self.send(Method::Describe, None, self.uri.as_str().to_owned(), headers, now);
    }

    /// Goes on with the medium that is next to be set up, or with PLAY.
    pub(super) fn set_up_next(&mut self, now: Duration) {
        let Some(at) = self.media.iter().position(|plan| plan.route.is_none()) else {
            self.give_asked_channels();
            return self.send_play(now);
        };
        // The camera may have given these to another medium.
        let pairs = (0..u8::MAX).step_by(2).map(|rtp| (rtp, rtp + 1));
        let free: Option<(u8, u8)> = pairs.into_iter().find(|pair| self.is_free(*pair));
        let Some(plan) = self.media.get(at) else { return };
        let (medium, own) = (plan.name.index, plan.channels);
        let pair = if self.is_free(own) { own } else { free.unwrap_or(own) };
        if let Some(plan) = self.media.get_mut(at) {
            plan.channels = pair;
        }
        if self.over_udp {
            self.opening_udp = Some(medium);
            self.act(Action::OpenUdp { medium });
        } else {
            self.send_setup(medium, Asked::Interleaved(pair.0, pair.1), now);
        }
    }

    pub(super) fn send_setup(&mut self, medium: usize, asked: Asked, now: Duration) {
        let Some(plan) = self.media.iter_mut().find(|plan| plan.name.index == medium) else {
            return;
        };
        plan.asked = Some(asked);
        plan.has_sockets = matches!(asked, Asked::Udp(..));
        let uri = plan.uri.clone();
        let headers = vec![("Transport", asked.header())];
        self.send(Method::Setup, Some(medium), uri, headers, now);
    }

    /// Plays all media at once, or the first one that does not play yet.
    pub(super) fn send_play(&mut self, now: Duration) {
        let (medium, uri) = match self.play_way.each {
            None => (None, self.aggregate.clone()),
            Some(_) => match self.media.iter().find(|plan| !plan.is_played) {
                Some(plan) => (Some(plan.name.index), plan.uri.clone()),
                None => return self.play(now),
            },
        };
        let range = self.play_way.has_range.then(|| ("Range", "npt=0.000-".to_owned()));
        self.send(Method::Play, medium, uri, range.into_iter().collect(), now);
    }

    /// Whether nothing but the answer to a PLAY is missing to play.
    pub(super) fn last_play_is_pending(&self) -> bool {
        let is_play = self.pending.as_ref().is_some_and(|p| p.method == Method::Play);
        let left = self.media.iter().filter(|plan| !plan.is_played).count();
        is_play && (self.play_way.each.is_none() || left <= 1)
    }

    /// A keep-alive, unless an answer is still waited for, and reports over UDP.
    pub(super) fn send_keep_alive(&mut self, now: Duration) {
        self.keep_alive.wait(now);
        self.camera_requests = 0;
        let method = self.keep_alive.method();
        if let Some(method) = method
            && self.pending.is_none()
        {
            self.send(method, None, self.aggregate.clone(), Vec::new(), now);
        }
        let report = rtcp::receiver_report(self.ssrc());
        for plan in &self.media {
            let medium = plan.name.index;
            if let Some(to) = plan.udp_address(PacketKind::Rtcp, self.peer) {
                let (kind, bytes) = (PacketKind::Rtcp, report.clone());
                self.outputs.push_back(Output::Act(Action::SendDatagram {
                    medium,
                    kind,
                    to,
                    bytes,
                }));
            } else if let Some(channel) = plan.rtcp_channel()
                && method.is_none()
            {
                // The last sign of life that a camera without keep-alives may take.
                self.outputs
                    .push_back(Output::Act(Action::Send(rtcp::interleaved(channel, &report))));
            }
        }
    }

    /// Opens the way for the camera's datagrams.
    pub(super) fn send_opening_datagrams(&mut self, medium: usize) {
        let ssrc = self.ssrc();
        let Some(plan) = self.media.iter().find(|plan| plan.name.index == medium) else { return };
        for (kind, bytes) in [
            (PacketKind::Rtp, rtcp::opening_packet(ssrc)),
            (PacketKind::Rtcp, rtcp::receiver_report(ssrc)),
        ] {
            if let Some(to) = plan.udp_address(kind, self.peer) {
                self.outputs.push_back(Output::Act(Action::SendDatagram {
                    medium,
                    kind,
                    to,
                    bytes,
                }));
            }
        }
    }

    /// Nobody waits for its answer.
    pub(super) fn send_teardown(&mut self) {
        let uri = match self.aggregate.is_empty() {
            true => self.uri.as_str().to_owned(),
            false => self.aggregate.clone(),
        };
        self.send(Method::Teardown, None, uri, Vec::new(), Duration::ZERO);
    }

    /// Takes the request that an answer is for. Where a camera repeats no CSeq, or a wrong one, it is the one that
    /// waits; but not where the answer to another request may be meant.
    pub(super) fn take_pending(&mut self, head: &Head) -> Option<Pending> {
        let pending = self.pending.as_ref();
        let is_for = pending.is_some_and(|pending| match head.cseq() {
            Some(cseq) if cseq == pending.cseq => {
                self.cseqs_echoed = self.cseqs_echoed.saturating_add(1);
                true
            }
            Some(cseq) if cseq > 0 && cseq < pending.cseq => {
                let is_meant = self.cseqs_echoed < 2 && is_plausible(pending.method, head);
                if is_meant {
                    self.tally.add(Deviation::Cseq);
                }
                is_meant
            }
            _ => {
                self.tally.add(Deviation::Cseq);
                true
            }
        });
        if !is_for {
            self.tally.add(Deviation::UnexpectedAnswer);
            return None;
        }
        self.doubtful = None;
        self.pending.take()
    }

    /// Keeps a successful answer that may be another request's: it is taken when no better one comes.
    pub(super) fn keep_doubtful(&mut self, head: &Head, body: &[u8], now: Duration) {
        let Some(pending) = self.pending.as_mut().filter(|_| self.stage == Stage::Opening) else {
            return;
        };
        if head.is_success() && is_plausible(pending.method, head) {
            pending.deadline = pending.deadline.min(now + DOUBTFUL_FOR);
            self.doubtful = Some((head.clone(), body.to_vec()));
        }
    }

    /// Keep-alives begin.
    pub(super) fn begin_keep_alive(&mut self, now: Duration) {
        self.stage = Stage::Playing;
        self.keep_alive.wait(now);
    }

    fn ssrc(&self) -> u32 {
        let [a, b, c, d, ..] = self.settings.seed;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Of the challenge that is about to be answered.
    pub(super) fn next_cnonce(&mut self) -> String {
        self.challenges_seen = self.challenges_seen.wrapping_add(1);
        auth::cnonce(&self.settings.seed, self.challenges_seen)
    }

    /// What was learned of keep-alives holds for one camera.
    pub(super) fn forget_keep_alive(&mut self) {
        self.keep_alive = KeepAlive::default();
    }
}

/// Whether a successful answer has what an answer to this request has.
fn is_plausible(method: Method, head: &Head) -> bool {
    if !head.is_success() {
        return true;
    }
    match method {
        Method::Describe => head.content_length().is_some_and(|length| length > 0),
        Method::Setup => head.header("transport").or_else(|| head.header("session")).is_some(),
        _ => true,
    }
}
