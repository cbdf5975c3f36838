//! The RTSP dialogue of one connection (RFC 2326): what each request is answered, and what it makes the camera do.
//!
//! A session lives on the connection that set it up and ends with it. Decides only; sockets and positions are behind
//! [`Delivery`].

use std::io;
use std::sync::Arc;

use rtsp_types::{Method, Request, StatusCode, Url, Version, headers};

use crate::auth::{self, Verdict};
use crate::config::{AuthScheme, Credentials};
use crate::response::Response;
use crate::transport::{self, TransportOffer};

/// How long a session lives without a word from its client, as its `Session` header tells.
pub(crate) const SESSION_TIMEOUT_SECONDS: u64 = 60;

const METHODS: &str =
    "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// What the camera serves, as far as the dialogue must know it.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) mounts: usize,
    pub(crate) track_count: usize,
    pub(crate) sdp: String,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) auth: AuthScheme,
    pub(crate) udp_only: bool,
    pub(crate) lose_every: u32,
    pub(crate) delay_every: u32,
    pub(crate) rtp_time_start: Option<u32>,
}

/// What a request makes the camera do.
pub(crate) trait Delivery {
    /// Readies a track; the value of the response's `Transport` header.
    fn set_up(&mut self, track: usize, offer: TransportOffer) -> io::Result<String>;
    /// Begins at the next key frame; for each track that is set up where it begins. Goes on when already playing.
    fn play(&mut self, mount: usize) -> Vec<Start>;
    /// Stops sending; the tracks stay set up.
    fn pause(&mut self);
    /// Forgets all tracks.
    fn tear_down(&mut self);
}

/// Where a track begins: the `seq` and `rtptime` of RTP-Info (RFC 2326 §12.33).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) track: usize,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
}

/// The tracks of one mount that a client has set up.
#[derive(Debug)]
struct SetUp {
    mount: usize,
    /// Each track with the URI its SETUP named, which RTP-Info repeats.
    tracks: Vec<(usize, Url)>,
    /// All tracks of a session take the same kind of transport.
    over_udp: bool,
    playing: bool,
}

/// What a request URI names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Resource {
    mount: usize,
    /// A track of it; the whole presentation when absent.
    track: Option<usize>,
}

/// The state of one connection's dialogue.
#[derive(Debug)]
pub(crate) struct RtspSession {
    offer: Arc<Offer>,
    nonce: String,
    id: u64,
    set_up: Option<SetUp>,
}

impl RtspSession {
    /// `nonce` and `id` come from chance; a new session on the same connection takes the next id.
    pub(crate) fn new(offer: Arc<Offer>, nonce: String, id: u64) -> Self {
        Self { offer, nonce, id, set_up: None }
    }

    /// Answers one request; the bytes of the response.
    pub(crate) fn answer(
        &mut self,
        request: &Request<Vec<u8>>,
        delivery: &mut dyn Delivery,
    ) -> Vec<u8> {
        let cseq = header(request, &headers::CSEQ).and_then(|value| value.trim().parse().ok());
        let response = match cseq {
            None => Response::new(StatusCode::BadRequest),
            Some(_) => self.respond(request, delivery).unwrap_or_else(|refusal| refusal),
        };
        response.to_bytes(cseq)
    }

    fn respond(
        &mut self,
        request: &Request<Vec<u8>>,
        delivery: &mut dyn Delivery,
    ) -> Result<Response, Response> {
        if request.version() != Version::V1_0 {
            return Err(Response::new(StatusCode::RTSPVersionNotSupported));
        }
        if let Some(option) = header(request, &headers::REQUIRE) {
            // No option tag is known here; ONVIF's backchannel is asked for this way.
            return Err(Response::new(StatusCode::OptionNotSupported).header("Unsupported", option));
        }
        if matches!(request.method(), Method::Options) {
            return Ok(Response::ok().header("Public", METHODS));
        }
        self.authorize(request)?;
        match request.method() {
            Method::Describe => self.describe(request),
            Method::Setup => self.set_up(request, delivery),
            Method::Play => self.play(request, delivery),
            Method::Pause => self.pause(request, delivery),
            Method::Teardown => self.tear_down(request, delivery),
            Method::GetParameter | Method::SetParameter => self.parameter(request),
            Method::Extension(_) => {
                Err(Response::new(StatusCode::NotImplemented).header("Public", METHODS))
            }
            _ => Err(Response::new(StatusCode::MethodNotAllowed).header("Allow", METHODS)),
        }
    }

    fn authorize(&self, request: &Request<Vec<u8>>) -> Result<(), Response> {
        let Some(credentials) = &self.offer.credentials else { return Ok(()) };
        let verdict = auth::judge(
            self.offer.auth,
            credentials,
            &self.nonce,
            request.method().into(),
            request.request_uri(),
            header(request, &headers::AUTHORIZATION),
        );
        if verdict == Verdict::Granted {
            return Ok(());
        }
        let challenges = auth::challenges(self.offer.auth, &self.nonce, verdict == Verdict::Stale);
        let refusal = Response::new(StatusCode::Unauthorized);
        Err(challenges
            .into_iter()
            .fold(refusal, |refusal, challenge| refusal.header("WWW-Authenticate", challenge)))
    }

    fn describe(&self, request: &Request<Vec<u8>>) -> Result<Response, Response> {
        let (resource, uri) = self.resource(request)?;
        if resource.track.is_some() {
            return Err(Response::new(StatusCode::NotFound));
        }
        let accepted = header(request, &headers::ACCEPT).unwrap_or("*/*");
        if !["application/sdp", "application/*", "*/*"].iter().any(|kind| accepted.contains(kind)) {
            return Err(Response::new(StatusCode::NotAcceptable));
        }
        let mut base = uri.clone();
        base.set_query(None);
        base.set_path(&format!("/cam{}/", resource.mount));
        Ok(Response::ok()
            .header("Content-Base", base)
            .body("application/sdp", self.offer.sdp.clone()))
    }

    fn set_up(
        &mut self,
        request: &Request<Vec<u8>>,
        delivery: &mut dyn Delivery,
    ) -> Result<Response, Response> {
        let (resource, uri) = self.resource(request)?;
        self.check_session_header(request)?;
        let track = match (resource.track, self.offer.track_count) {
            (Some(track), _) => track,
            // With one track the presentation's URI is as good (RFC 2326 §C.3).
            (None, 1) => 0,
            (None, _) => return Err(Response::new(StatusCode::AggregateOperationNotAllowed)),
        };
        if let Some(set_up) = &self.set_up {
            if set_up.playing {
                return Err(Response::new(StatusCode::MethodNotValidInThisState));
            }
            if set_up.mount != resource.mount {
                return Err(Response::new(StatusCode::AggregateOperationNotAllowed));
            }
        }
        let offer = header(request, &headers::TRANSPORT).and_then(transport::choose);
        let offer = offer
            .filter(|offer| matches!(offer, TransportOffer::Udp { .. }) || !self.offer.udp_only);
        let offer = offer.ok_or_else(|| Response::new(StatusCode::UnsupportedTransport))?;
        let over_udp = matches!(offer, TransportOffer::Udp { .. });
        if self.set_up.as_ref().is_some_and(|set_up| {
            set_up.over_udp != over_udp && set_up.tracks.iter().any(|(other, _)| *other != track)
        }) {
            return Err(Response::new(StatusCode::UnsupportedTransport));
        }
        let transport = delivery.set_up(track, offer).map_err(|error| {
            tracing::warn!(%error, "no socket for a camera client");
            Response::new(StatusCode::ServiceUnavailable)
        })?;
        let uri = uri.clone();
        let set_up = self.set_up.get_or_insert_with(|| SetUp {
            mount: resource.mount,
            tracks: Vec::new(),
            over_udp,
            playing: false,
        });
        set_up.over_udp = over_udp;
        set_up.tracks.retain(|(set_up, _)| *set_up != track);
        set_up.tracks.push((track, uri));
        let session = format!("{:016x};timeout={SESSION_TIMEOUT_SECONDS}", self.id);
        Ok(Response::ok().header("Transport", transport).header("Session", session))
    }

    fn play(
        &mut self,
        request: &Request<Vec<u8>>,
        delivery: &mut dyn Delivery,
    ) -> Result<Response, Response> {
        let id = self.session_id();
        let set_up = self.current(request)?;
        set_up.playing = true;
        let info: Vec<_> = delivery
            .play(set_up.mount)
            .into_iter()
            .filter_map(|start| {
                let (_, uri) = set_up.tracks.iter().find(|(track, _)| *track == start.track)?;
                let Start { sequence, timestamp, .. } = start;
                Some(format!("url={uri};seq={sequence};rtptime={timestamp}"))
            })
            .collect();
        Ok(Response::ok()
            .header("Session", id)
            .header("Range", "npt=now-")
            .header("RTP-Info", info.join(",")))
    }

    fn pause(
        &mut self,
        request: &Request<Vec<u8>>,
        delivery: &mut dyn Delivery,
    ) -> Result<Response, Response> {
        let id = self.session_id();
        let set_up = self.current(request)?;
        if !set_up.playing {
            return Err(Response::new(StatusCode::MethodNotValidInThisState));
        }
        set_up.playing = false;
        delivery.pause();
        Ok(Response::ok().header("Session", id))
    }

    fn tear_down(
        &mut self,
        request: &Request<Vec<u8>>,
        delivery: &mut dyn Delivery,
    ) -> Result<Response, Response> {
        self.current(request)?;
        self.set_up = None;
        self.id = self.id.wrapping_add(1);
        delivery.tear_down();
        Ok(Response::ok())
    }

    /// A keep-alive when it has no body; there are no parameters to get or set.
    fn parameter(&self, request: &Request<Vec<u8>>) -> Result<Response, Response> {
        self.check_session_header(request)?;
        if !request.body().is_empty() {
            return Err(Response::new(StatusCode::ParameterNotUnderstood));
        }
        Ok(match self.set_up {
            Some(_) => Response::ok().header("Session", self.session_id()),
            None => Response::ok(),
        })
    }

    fn session_id(&self) -> String {
        format!("{:016x}", self.id)
    }

    /// 454 when the request names a session that is not this connection's.
    fn check_session_header(&self, request: &Request<Vec<u8>>) -> Result<(), Response> {
        let named = header(request, &headers::SESSION)
            .map(|value| value.split(';').next().unwrap_or_default().trim());
        match named {
            None => Ok(()),
            Some(id) if self.set_up.is_some() && id == self.session_id() => Ok(()),
            Some(_) => Err(Response::new(StatusCode::SessionNotFound)),
        }
    }

    /// The session that PLAY, PAUSE and TEARDOWN are about: named by header, and the URI names all of it.
    fn current(&mut self, request: &Request<Vec<u8>>) -> Result<&mut SetUp, Response> {
        let (resource, _) = self.resource(request)?;
        if header(request, &headers::SESSION).is_none() {
            return Err(Response::new(StatusCode::SessionNotFound));
        }
        self.check_session_header(request)?;
        let not_found = || Response::new(StatusCode::SessionNotFound);
        let set_up = self.set_up.as_mut().ok_or_else(not_found)?;
        if set_up.mount != resource.mount {
            return Err(not_found());
        }
        if resource.track.is_some() && set_up.tracks.len() > 1 {
            return Err(Response::new(StatusCode::OnlyAggregateOperationAllowed));
        }
        Ok(set_up)
    }

    fn resource<'r>(&self, request: &'r Request<Vec<u8>>) -> Result<(Resource, &'r Url), Response> {
        let uri = request.request_uri().ok_or_else(|| Response::new(StatusCode::BadRequest))?;
        locate(uri.path(), self.offer.mounts, self.offer.track_count)
            .map(|resource| (resource, uri))
            .ok_or_else(|| Response::new(StatusCode::NotFound))
    }
}

fn header<'r>(request: &'r Request<Vec<u8>>, name: &headers::HeaderName) -> Option<&'r str> {
    request.header(name).map(|value| value.as_str())
}

/// `/cam3` or `/cam3/trackID=1`, with or without a slash at the end.
fn locate(path: &str, mounts: usize, track_count: usize) -> Option<Resource> {
    let mut parts = path.strip_prefix('/')?.trim_end_matches('/').split('/');
    let number = |text: &str, bound: usize| {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit())
            && (text == "0" || !text.starts_with('0'));
        text.parse::<usize>().ok().filter(|&number| plain && number < bound)
    };
    let mount = number(parts.next()?.strip_prefix("cam")?, mounts)?;
    let track = match parts.next() {
        None => None,
        Some(part) => Some(number(part.strip_prefix("trackID=")?, track_count)?),
    };
    parts.next().is_none().then_some(Resource { mount, track })
}

#[cfg(test)]
mod tests;
