//! What a camera's session gives, in the core's words: one place for the agent's shell and for the simulator's.
//!
//! Decides how a camera's address becomes a session, and what of the session's outputs the core hears. It moves no bytes,
//! reads no clock, and keeps nothing but the deviations that are not told yet.

use std::collections::BTreeMap;
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::recorder::{Failure, LeftOut, LeftOutReason, Medium, UriFault};
use vigie_kvs::media_uri::MediaUri;
use vigie_kvs::shapes::hub_request::CameraTestStep;
use vigie_rtsp::client::{LeftOut as CameraLeftOut, VIDEO_TRACK};
use vigie_rtsp::media::{LeftOut as MediaLeftOut, Limits};
use vigie_rtsp::session::{
    Action, LeftOut as SessionLeftOut, Login, MediumName, Password, RtspSessionSettings,
    TransportChoice, Wanted,
};
use vigie_rtsp::{AccessUnit, Client, ClientOutput, MediaKind};

use crate::core::{FrameTime, SourceEvent, SourceFrame};
use crate::shell::camera_uri::{CameraUri, Wire};

/// Packets and frames wait for each other no longer than this before they are handed over: what a kill costs at most, with
/// the time in which all cameras are read and their frames written. Together below 0.2 s.
pub const BATCH_INTERVAL: Duration = Duration::from_millis(160);
/// Deviations are told at most so often.
const DEVIATIONS_INTERVAL: Duration = Duration::from_secs(1);

/// Packets of the sound that were lost, as it stands in metrics.
const SOUND_LOST: &str = "sound_packets_lost";

/// A session that records the camera with this address. `seed`: see [`RtspSessionSettings::seed`].
///
/// # Errors
///
/// Why it is no camera's address.
pub fn client(uri: &MediaUri, seed: [u8; 16], now: Duration) -> Result<Client, UriFault> {
    CameraUri::parse(uri.expose()).map(|camera| client_of(camera, seed, now))
}

pub(crate) fn client_of(camera: CameraUri, seed: [u8; 16], now: Duration) -> Client {
    let settings = RtspSessionSettings {
        transport: match camera.wire {
            Wire::Tcp => TransportChoice::TcpThenUdp,
            Wire::Tls => TransportChoice::Tcp,
            Wire::Udp => TransportChoice::Udp,
        },
        login: camera.login.map(|login| Login {
            user: login.user,
            password: Password::new(login.password.expose()),
        }),
        uri: camera.url,
        user_agent: concat!("vigie/", env!("CARGO_PKG_VERSION")).to_owned(),
        seed,
        wanted: Wanted::Record { sound: true, metadata: false },
    };
    Client::new(settings, Limits::default(), now)
}

/// What becomes of an output.
#[derive(Debug)]
pub enum Taken {
    /// The core hears it, behind the frames so far.
    Event(SourceEvent),
    /// The core hears of what was lost, where anything was, and then gets the frame.
    Frame {
        /// See [`SourceEvent::PacketsLost`].
        lost: Option<SourceEvent>,
        frame: SourceFrame,
    },
    /// The session is over; nothing comes behind it.
    Ended(Failure),
    /// For whoever moves the bytes.
    Act(Action),
    /// The session begins this step, for whoever tests the camera.
    Step(CameraTestStep),
    /// Nothing, for now.
    Nothing,
}

#[derive(Debug)]
pub struct CameraOutputs {
    /// Not told yet.
    deviations: BTreeMap<&'static str, u64>,
    deviations_told: Duration,
    over_udp: bool,
}

impl CameraOutputs {
    /// Of a session that begins.
    pub fn new(now: Duration) -> Self {
        Self { deviations: BTreeMap::new(), deviations_told: now, over_udp: false }
    }

    /// Takes an output of the session.
    pub fn take(&mut self, output: ClientOutput, now: Now) -> Taken {
        match output {
            ClientOutput::AccessUnit(unit) => self.frame(unit, now),
            ClientOutput::Tracks(tracks) => Taken::Event(SourceEvent::Opened { tracks }),
            ClientOutput::LeftOut { medium, codec, why } => match left_out(medium, codec, &why) {
                Some(left_out) => Taken::Event(SourceEvent::LeftOut(vec![left_out])),
                None => Taken::Nothing,
            },
            ClientOutput::Deviation { kind, count } => {
                *self.deviations.entry(kind.as_str()).or_default() += u64::from(count);
                Taken::Nothing
            }
            // Nothing records it yet.
            ClientOutput::Metadata(_) => Taken::Nothing,
            ClientOutput::Ended(end) => Taken::Ended(end.into()),
            ClientOutput::Playing { video_over_udp } => {
                self.over_udp = video_over_udp;
                Taken::Step(CameraTestStep::KeyFrame)
            }
            ClientOutput::Described => Taken::Step(CameraTestStep::Setup),
            ClientOutput::Act(action) => Taken::Act(action),
        }
    }

    fn frame(&mut self, unit: AccessUnit, now: Now) -> Taken {
        let count = u64::from(unit.packets_lost);
        let is_picture = unit.track_number == VIDEO_TRACK;
        if count > 0 && !is_picture {
            // No picture is harmed by it, so it marks no fragment.
            *self.deviations.entry(SOUND_LOST).or_default() += count;
        }
        let lost = SourceEvent::PacketsLost { count, over_udp: self.over_udp };
        // By both clocks of the moment at which it arrived.
        let arrival = now.before(now.mono.saturating_sub(unit.arrival));
        let frame = SourceFrame {
            track_number: unit.track_number,
            time: FrameTime::Camera { media_us: unit.media_us, arrival },
            key_frame: unit.key_frame,
            data: unit.data,
        };
        Taken::Frame { lost: (count > 0 && is_picture).then_some(lost), frame }
    }

    /// The deviations so far, when it is time to tell them.
    pub fn deviations(&mut self, now: Now) -> Option<SourceEvent> {
        if self.deviations.is_empty() || now.mono < self.deviations_told + DEVIATIONS_INTERVAL {
            return None;
        }
        self.deviations_told = now.mono;
        Some(SourceEvent::Deviations(std::mem::take(&mut self.deviations)))
    }
}

/// What of a camera is not recorded, in the recorder's words; `None` where nothing is missing: a loudspeaker, or what was
/// not asked for.
fn left_out(medium: MediumName, codec: String, why: &CameraLeftOut) -> Option<LeftOut> {
    let medium = match medium.kind {
        MediaKind::Video => Medium::Video,
        MediaKind::Audio => Medium::Sound,
        MediaKind::Application => Medium::Other,
    };
    let reason = match why {
        CameraLeftOut::Session(
            SessionLeftOut::ToTheCamera | SessionLeftOut::Inactive | SessionLeftOut::NotWanted,
        ) => return None,
        CameraLeftOut::Session(SessionLeftOut::NotTheFirst)
        | CameraLeftOut::Media(MediaLeftOut::TooMany) => LeftOutReason::Second,
        CameraLeftOut::Session(SessionLeftOut::UnsupportedCodec { .. })
        | CameraLeftOut::Media(MediaLeftOut::Codec { .. }) => LeftOutReason::Codec,
        CameraLeftOut::Session(SessionLeftOut::Refused { status, .. }) => {
            LeftOutReason::Refused { status: *status }
        }
        CameraLeftOut::Session(_) => LeftOutReason::NotSetUp,
        CameraLeftOut::Media(_) => LeftOutReason::Parameters,
    };
    Some(LeftOut { medium, codec, reason })
}
