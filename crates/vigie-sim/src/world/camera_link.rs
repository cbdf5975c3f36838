//! The link between hub and camera: connections that keep their order, can fall silent and can break; datagrams that are
//! lost, doubled and overtaken.
//!
//! Decides what becomes of bytes on their way, and writes down of every picture whether all of it arrived. It never looks
//! into what it carries.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use vigie_agent::core::Session;
use vigie_engine::chance::Chance;
use vigie_media::Timestamp;

use super::{Delivery, World};
use crate::rtsp_camera::{Request, RtspCamera};

/// A camera keeps so much for a viewer who takes nothing, and closes the connection then.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Between two pieces of an answer that trickles.
const TRICKLE: Duration = Duration::from_millis(40);

/// What the link does to what it carries. Delays are those of one way.
#[derive(Clone, Copy, Debug)]
pub struct CameraLink {
    /// Nothing passes, and connections that are used meanwhile are broken for good.
    pub is_cut: bool,
    /// Nothing passes; what goes by connections waits.
    pub is_silent: bool,
    /// How long everything takes.
    pub delay: Duration,
    /// By connections up to so much more.
    pub jitter: Duration,
    /// Datagrams that are lost, in a thousand.
    pub lost_per_mille: u64,
    /// Datagrams that come twice.
    pub doubled_per_mille: u64,
    /// Datagrams that one to three others overtake.
    pub overtaken_per_mille: u64,
}

impl Default for CameraLink {
    fn default() -> Self {
        Self {
            is_cut: false,
            is_silent: false,
            delay: Duration::from_millis(4),
            jitter: Duration::from_millis(6),
            lost_per_mille: 0,
            doubled_per_mille: 0,
            overtaken_per_mille: 0,
        }
    }
}

/// A picture that the camera sent to a viewer.
#[derive(Clone, Debug)]
pub struct SentPicture {
    pub number: u64,
    pub connection: u64,
    /// When, by the hub's clock.
    pub at: Timestamp,
    /// Packets, or pieces of a stream, that did not arrive yet.
    pub missing: usize,
    /// When the last of them arrived.
    pub arrived: Option<Timestamp>,
}

impl SentPicture {
    /// Whether all of it has arrived.
    pub fn is_whole(&self) -> bool {
        self.missing == 0
    }
}

/// A piece of a picture: of which, where it counts.
pub(super) type Piece = Option<usize>;

/// Something on its way between hub and camera.
pub(super) enum CameraDelivery {
    /// The hub tries to connect.
    Connect { life: u64, session: Session, attempt: usize },
    /// It is connected.
    Connected { life: u64, session: Session, connection: u64 },
    /// The camera gets bytes.
    ToCamera { connection: u64, bytes: Bytes },
    /// It has thought about a request.
    Answer { boot: u64, connection: u64, request: Request },
    /// The hub gets bytes.
    Stream { connection: u64, bytes: Bytes, piece: Piece },
    /// The hub sees the connection closed.
    Closed { connection: u64 },
    /// The hub gets a datagram.
    Datagram { connection: u64, bytes: Bytes, piece: Piece },
    /// Something of a session is due.
    Due { life: u64, session: Session },
    /// The camera takes its next picture.
    Picture { boot: u64 },
}

/// A connection of a hub's session with the camera.
pub(super) struct Connection {
    pub(super) life: u64,
    pub(super) session: Session,
    /// Broken for good; who uses it learns so, once the link works.
    pub(super) is_broken: bool,
    last_to_hub: Duration,
    last_to_camera: Duration,
    /// What waits for a link that is silent.
    to_hub: Vec<(Bytes, Piece)>,
    to_camera: Vec<Bytes>,
    /// Datagrams that others are to overtake: how many still.
    overtaken: Vec<(u64, Bytes, Piece)>,
}

/// The camera and all that lies between it and the hub.
pub struct CameraSide {
    pub(super) chance: super::SimChance,
    /// The camera itself.
    pub(super) camera: RtspCamera,
    /// What the link does.
    pub link: CameraLink,
    /// How long the camera takes to answer a request.
    pub answers_after: Duration,
    /// Answers come in pieces of so many bytes.
    pub answer_piece_bytes: Option<usize>,
    pub(super) is_on: bool,
    /// It is on, and takes no connections yet.
    pub(super) is_booting: bool,
    pub(super) boot: u64,
    pub(super) connections: BTreeMap<u64, Connection>,
    pub(super) next_connection: u64,
    pub(super) next_number: u64,
    /// Every picture that it sent to anybody.
    pub sent: Vec<SentPicture>,
}

impl CameraSide {
    pub(super) fn new(mut chance: super::SimChance) -> Self {
        let camera = RtspCamera::new(super::SimChance::new(chance.next_u64()));
        Self {
            chance,
            camera,
            link: CameraLink::default(),
            answers_after: Duration::from_millis(10),
            answer_piece_bytes: None,
            is_on: false,
            is_booting: false,
            boot: 0,
            connections: BTreeMap::new(),
            next_connection: 1,
            next_number: 0,
            sent: Vec::new(),
        }
    }

    pub(super) fn open(&mut self, life: u64, session: Session) -> u64 {
        let connection = self.next_connection;
        self.next_connection += 1;
        let state = Connection {
            life,
            session,
            is_broken: false,
            last_to_hub: Duration::ZERO,
            last_to_camera: Duration::ZERO,
            to_hub: Vec::new(),
            to_camera: Vec::new(),
            overtaken: Vec::new(),
        };
        self.connections.insert(connection, state);
        connection
    }

    /// Somewhere in so many bytes.
    pub(super) fn cut(&mut self, bytes: usize) -> usize {
        self.chance.below(bytes as u64) as usize
    }

    fn delay(&mut self) -> Duration {
        let jitter_us = self.link.jitter.as_micros() as u64;
        self.link.delay + Duration::from_micros(self.chance.below(jitter_us + 1))
    }

    /// Breaks every connection without a word.
    pub(super) fn break_all(&mut self) {
        self.connections.values_mut().for_each(|connection| connection.is_broken = true);
    }

    pub(super) fn piece_arrived(&mut self, piece: Piece, at: Timestamp) {
        let Some(picture) = piece.and_then(|piece| self.sent.get_mut(piece)) else { return };
        picture.missing = picture.missing.saturating_sub(1);
        picture.arrived = Some(at);
    }
}

impl World {
    /// Cuts the link to the camera, or mends it. Connections do not survive a cut that they notice.
    pub fn cut_camera_link(&mut self, is_cut: bool) {
        self.rtsp.link.is_cut = is_cut;
        if is_cut {
            // What is under way is gone, and with it the connection that it was on.
            self.rtsp.break_all();
        }
    }

    /// The link falls silent, or goes on with what waited.
    pub fn silence_camera_link(&mut self, is_silent: bool) {
        self.rtsp.link.is_silent = is_silent;
        if is_silent {
            return;
        }
        let connections: Vec<u64> = self.rtsp.connections.keys().copied().collect();
        for connection in connections {
            let Some(state) = self.rtsp.connections.get_mut(&connection) else { continue };
            let to_camera = std::mem::take(&mut state.to_camera);
            for (bytes, piece) in std::mem::take(&mut state.to_hub) {
                self.stream_to_hub(connection, bytes, piece);
            }
            for bytes in to_camera {
                self.stream_to_camera(connection, bytes);
            }
        }
    }

    /// Bytes of a connection, from the camera.
    pub(super) fn stream_to_hub(&mut self, connection: u64, bytes: Bytes, piece: Piece) {
        self.stream_to_hub_after(Duration::ZERO, connection, bytes, piece);
    }

    fn stream_to_hub_after(&mut self, wait: Duration, connection: u64, bytes: Bytes, piece: Piece) {
        let at = self.now().mono + wait + self.rtsp.delay();
        let link = self.rtsp.link;
        let Some(state) = self.rtsp.connections.get_mut(&connection) else {
            // Nobody is there: the camera hears so, once anything passes.
            if !link.is_cut && !link.is_silent {
                self.rtsp.camera.forget(connection);
            }
            return;
        };
        if link.is_cut || state.is_broken {
            state.is_broken = true;
            if !link.is_cut && !link.is_silent {
                self.rtsp.camera.forget(connection);
            }
            return;
        }
        if link.is_silent {
            state.to_hub.push((bytes, piece));
            if state.to_hub.iter().map(|(bytes, _)| bytes.len()).sum::<usize>() > SEND_BUFFER_BYTES
            {
                state.is_broken = true;
                self.rtsp.camera.forget(connection);
            }
            return;
        }
        let at = at.max(state.last_to_hub + wait);
        state.last_to_hub = at;
        self.deliver_at(at, Delivery::Camera(CameraDelivery::Stream { connection, bytes, piece }));
    }

    /// An answer, at once or as it trickles.
    pub(super) fn answer_to_hub(&mut self, connection: u64, answer: Vec<u8>) {
        let mut answer = Bytes::from(answer);
        let Some(piece_bytes) = self.rtsp.answer_piece_bytes else {
            return self.stream_to_hub(connection, answer, None);
        };
        let mut wait = Duration::ZERO;
        while !answer.is_empty() {
            let piece = answer.split_to(piece_bytes.min(answer.len()));
            self.stream_to_hub_after(wait, connection, piece, None);
            wait = TRICKLE;
        }
    }

    /// Bytes of a connection, from the hub.
    pub(super) fn stream_to_camera(&mut self, connection: u64, bytes: Bytes) {
        let at = self.now().mono + self.rtsp.delay();
        let link = self.rtsp.link;
        let is_on = self.rtsp.is_on;
        let Some(state) = self.rtsp.connections.get_mut(&connection) else { return };
        if link.is_cut || !is_on {
            state.is_broken = true;
        } else if link.is_silent {
            state.to_camera.push(bytes);
        } else if state.is_broken {
            // The camera knows of no such connection.
            self.deliver_at(at, Delivery::Camera(CameraDelivery::Closed { connection }));
        } else {
            let at = at.max(state.last_to_camera);
            state.last_to_camera = at;
            self.deliver_at(at, Delivery::Camera(CameraDelivery::ToCamera { connection, bytes }));
        }
    }

    /// The camera closes a connection in order.
    pub(super) fn close_to_hub(&mut self, connection: u64) {
        let at = self.now().mono + self.rtsp.delay();
        let link = self.rtsp.link;
        let Some(state) = self.rtsp.connections.get_mut(&connection) else { return };
        if !state.is_broken && !link.is_cut && !link.is_silent {
            let at = at.max(state.last_to_hub);
            self.deliver_at(at, Delivery::Camera(CameraDelivery::Closed { connection }));
        }
    }

    /// A datagram, from the camera.
    pub(super) fn datagram_to_hub(&mut self, connection: u64, bytes: Bytes, piece: Piece) {
        let link = self.rtsp.link;
        let at = self.now().mono + link.delay;
        let chance = &mut self.rtsp.chance;
        let (is_lost, is_doubled) =
            (chance.happens(link.lost_per_mille), chance.happens(link.doubled_per_mille));
        let is_overtaken = chance.happens(link.overtaken_per_mille);
        let by = 1 + chance.below(3);
        let Some(state) = self.rtsp.connections.get_mut(&connection) else { return };
        let mut arriving = Vec::new();
        if is_overtaken && !is_lost {
            // One more for itself.
            state.overtaken.push((by + 1, bytes, piece));
        } else if !is_lost {
            arriving.push((bytes.clone(), piece));
            if is_doubled {
                arriving.push((bytes, None));
            }
        }
        for (left, ..) in &mut state.overtaken {
            *left -= 1;
        }
        let (over, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.overtaken).into_iter().partition(|(left, ..)| *left == 0);
        state.overtaken = waiting;
        arriving.extend(over.into_iter().map(|(_, bytes, piece)| (bytes, piece)));
        if link.is_cut || link.is_silent || state.is_broken {
            return;
        }
        for (bytes, piece) in arriving {
            let datagram = CameraDelivery::Datagram { connection, bytes, piece };
            self.deliver_at(at, Delivery::Camera(datagram));
        }
    }
}
