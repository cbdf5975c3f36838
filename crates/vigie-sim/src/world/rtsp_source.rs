//! A hub's shell for cameras, over the simulated link: drives the product's own RTSP client as the agent's shell does.
//!
//! What of the client's outputs the core hears is the agent's own code; here are the connection, the datagrams and the
//! batches. Beside it the camera's machine: on, off, and its pictures.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use vigie_agent::camera_outputs::{self, BATCH_INTERVAL, CameraOutputs, Taken};
use vigie_agent::core::{Event, Session, SourceEvent, SourceFrame};
use vigie_engine::recorder::{CameraHost, ConnectCause, Failure};
use vigie_kvs::media_uri::MediaUri;
use vigie_rtsp::session::{Action, PacketKind};
use vigie_rtsp::{Client, ClientOutput};

use super::camera_link::{CameraDelivery, SentPicture};
use super::{Delivery, World};
use crate::camera::FRAME_INTERVAL;
use crate::hub::Crash;
use crate::rtsp_camera::{PEER, PEER_RTP, interleaved};

/// How long each attempt to connect waits, as the agent's shell has it.
const ATTEMPTS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(3),
];
const FIRST_PORT: u16 = 7000;

/// One opening of the camera.
pub(super) struct Source {
    client: Client,
    outputs: CameraOutputs,
    connection: Option<u64>,
    frames: Vec<SourceFrame>,
    flush_at: Option<Duration>,
    /// When it is looked at next.
    due: Option<Duration>,
}

/// By the life of the hub and the session.
pub(super) type Sources = BTreeMap<(u64, Session), Source>;

impl World {
    /// The camera's power comes: after `boots_for` it takes connections.
    pub fn switch_camera_on(&mut self, boots_for: Duration) {
        self.rtsp.is_on = true;
        self.rtsp.is_booting = true;
        self.rtsp.boot += 1;
        let boot = self.rtsp.boot;
        self.deliver_after(boots_for, Delivery::Camera(CameraDelivery::Picture { boot }));
    }

    /// The camera's power goes, or it restarts by itself and closes its connections first.
    pub fn switch_camera_off(&mut self, in_order: bool) {
        if in_order {
            for (connection, _) in self.rtsp.camera.playing() {
                self.close_to_hub(connection);
            }
        }
        self.rtsp.is_on = false;
        self.rtsp.boot += 1;
        self.rtsp.camera.forget_all();
        self.rtsp.break_all();
    }

    /// The hub's moments of stopping, and how.
    pub fn hub_crashes(&self) -> &[(vigie_media::Timestamp, Crash)] {
        &self.hub_crashes
    }

    pub(super) fn open_rtsp(&mut self, session: Session, uri: &MediaUri, seed: [u8; 16]) {
        let now = self.now().mono;
        let client = match camera_outputs::client(uri, seed, now) {
            Ok(client) => client,
            Err(fault) => {
                let event = SourceEvent::Failed(Failure::BadUri(fault));
                return self.tell_hub(Duration::ZERO, Event::Source { session, event });
            }
        };
        let source = Source {
            client,
            outputs: CameraOutputs::new(now),
            connection: None,
            frames: Vec::new(),
            flush_at: None,
            due: Some(now),
        };
        let life = self.hub.life;
        self.rtsp_sources.insert((life, session.clone()), source);
        self.deliver_at(now, Delivery::Camera(CameraDelivery::Due { life, session }));
    }

    /// Takes leave.
    pub(super) fn close_rtsp(&mut self, session: &Session) {
        let Some(mut source) = self.rtsp_sources.remove(&(self.hub.life, session.clone())) else {
            return;
        };
        source.client.close();
        while let Some(output) = source.client.poll() {
            if let (ClientOutput::Act(Action::Send(bytes)), Some(connection)) =
                (output, source.connection)
            {
                self.stream_to_camera(connection, bytes);
            }
        }
        self.drop_connection(source.connection);
    }

    /// The hub's end of a connection is gone.
    fn drop_connection(&mut self, connection: Option<u64>) {
        if let Some(connection) = connection {
            self.rtsp.connections.remove(&connection);
        }
    }

    pub(super) fn camera_delivery(&mut self, delivery: CameraDelivery) {
        match delivery {
            CameraDelivery::Connect { life, session, attempt } => {
                self.connect(life, session, attempt)
            }
            CameraDelivery::Connected { life, session, connection } => {
                let now = self.now().mono;
                let peer = PEER.parse().unwrap_or_else(|error| panic!("{PEER}: {error}"));
                if let Some(source) = self.rtsp_sources.get_mut(&(life, session.clone())) {
                    source.connection = Some(connection);
                    source.client.connected(peer, now);
                    self.drive(life, session);
                } else {
                    self.drop_connection(Some(connection));
                }
            }
            CameraDelivery::ToCamera { connection, bytes } => self.requests(connection, &bytes),
            CameraDelivery::Answer { boot, connection, request } => {
                if boot == self.rtsp.boot {
                    let answer = self.rtsp.camera.answer(connection, &request);
                    self.answer_to_hub(connection, answer);
                }
            }
            CameraDelivery::Stream { connection, bytes, piece } => {
                self.reach_source(
                    connection,
                    |source, now| source.client.received(bytes, now),
                    piece,
                );
            }
            CameraDelivery::Datagram { connection, bytes, piece } => {
                let from = PEER_RTP.parse().unwrap_or_else(|error| panic!("{PEER_RTP}: {error}"));
                let take = |source: &mut Source, now| {
                    source.client.datagram(0, PacketKind::Rtp, from, bytes, now);
                };
                self.reach_source(connection, take, piece);
            }
            CameraDelivery::Closed { connection } => {
                let take = |source: &mut Source, now| {
                    source.connection = None;
                    source.client.disconnected(now);
                };
                self.reach_source(connection, take, None);
                self.drop_connection(Some(connection));
            }
            CameraDelivery::Due { life, session } => self.drive(life, session),
            CameraDelivery::Picture { boot } => self.picture(boot),
        }
    }

    fn connect(&mut self, life: u64, session: Session, attempt: usize) {
        if !self.rtsp_sources.contains_key(&(life, session.clone())) {
            return;
        }
        let rtsp = &self.rtsp;
        let answers = rtsp.is_on && !rtsp.link.is_cut && !rtsp.link.is_silent;
        let round_trip = rtsp.link.delay * 2;
        if answers && !rtsp.is_booting {
            let connection = self.rtsp.open(life, session.clone());
            self.rtsp.camera.connected(connection);
            let connected = CameraDelivery::Connected { life, session, connection };
            return self.deliver_after(round_trip, Delivery::Camera(connected));
        }
        if let (false, Some(&wait)) = (answers, ATTEMPTS.get(attempt)) {
            let again = CameraDelivery::Connect { life, session, attempt: attempt + 1 };
            return self.deliver_after(wait, Delivery::Camera(again));
        }
        let cause = if answers { ConnectCause::Refused } else { ConnectCause::NoAnswer };
        let host = CameraHost { name: "camera".to_owned(), looks_split: false };
        let event = SourceEvent::Failed(Failure::Unreachable { host, cause });
        self.rtsp_sources.remove(&(life, session.clone()));
        self.tell_hub(round_trip, Event::Source { session, event });
    }

    fn requests(&mut self, connection: u64, bytes: &[u8]) {
        for request in self.rtsp.camera.received(connection, bytes) {
            let boot = self.rtsp.boot;
            let after = self.rtsp.answers_after;
            let answer = CameraDelivery::Answer { boot, connection, request };
            self.deliver_after(after, Delivery::Camera(answer));
        }
    }

    /// Something arrives at the hub's end of a connection.
    fn reach_source(
        &mut self,
        connection: u64,
        take: impl FnOnce(&mut Source, Duration),
        piece: super::camera_link::Piece,
    ) {
        let now = self.now();
        let Some(state) = self.rtsp.connections.get(&connection) else { return };
        let (life, session) = (state.life, state.session.clone());
        let Some(source) = self.rtsp_sources.get_mut(&(life, session.clone())) else { return };
        if source.connection != Some(connection) {
            return;
        }
        take(source, now.mono);
        self.rtsp.piece_arrived(piece, now.wall);
        self.drive(life, session);
    }

    /// Does what a session asks for, and hands the core what has come of it.
    fn drive(&mut self, life: u64, session: Session) {
        let now = self.now();
        let key = (life, session.clone());
        let Some(mut source) = self.rtsp_sources.remove(&key) else { return };
        source.due = source.due.filter(|due| *due > now.mono);
        source.client.timeout(now.mono);
        let mut events = Vec::new();
        let mut has_ended = false;
        while let Some(output) = source.client.poll() {
            match source.outputs.take(output, now) {
                Taken::Frame { lost, frame } => {
                    if let Some(lost) = lost {
                        flush(&mut source.frames, &mut events);
                        events.push(lost);
                    }
                    let is_key = frame.key_frame;
                    source.frames.push(frame);
                    if is_key {
                        flush(&mut source.frames, &mut events);
                    }
                }
                Taken::Event(event) => {
                    flush(&mut source.frames, &mut events);
                    events.push(event);
                }
                Taken::Ended(failure) => {
                    flush(&mut source.frames, &mut events);
                    events.push(SourceEvent::Failed(failure));
                    has_ended = true;
                }
                Taken::Act(action) => self.execute_rtsp(&mut source, life, &session, action),
                Taken::Step(_) | Taken::Nothing => {}
            }
        }
        if source.frames.is_empty() {
            source.flush_at = None;
        } else if *source.flush_at.get_or_insert(now.mono + BATCH_INTERVAL) <= now.mono {
            flush(&mut source.frames, &mut events);
            source.flush_at = None;
        }
        if let Some(deviations) = source.outputs.deviations(now) {
            flush(&mut source.frames, &mut events);
            events.push(deviations);
        }
        if has_ended {
            self.drop_connection(source.connection);
        } else {
            let deadline =
                [source.flush_at, source.client.next_deadline()].into_iter().flatten().min();
            if let Some(deadline) = deadline
                && source.due.is_none_or(|due| deadline < due)
            {
                // What is due at once comes a moment later, so that time goes on.
                let at = deadline.max(now.mono + Duration::from_millis(1));
                source.due = Some(at);
                let due = CameraDelivery::Due { life, session: session.clone() };
                self.deliver_at(at, Delivery::Camera(due));
            }
            self.rtsp_sources.insert(key, source);
        }
        for event in events {
            self.hub_event(Event::Source { session: session.clone(), event });
        }
    }

    fn execute_rtsp(&mut self, source: &mut Source, life: u64, session: &Session, action: Action) {
        let now = self.now().mono;
        match action {
            Action::Connect { .. } => {
                self.drop_connection(source.connection.take());
                let connect =
                    CameraDelivery::Connect { life, session: session.clone(), attempt: 0 };
                self.deliver_after(Duration::ZERO, Delivery::Camera(connect));
            }
            Action::Send(bytes) => {
                if let Some(connection) = source.connection {
                    self.stream_to_camera(connection, bytes);
                }
            }
            Action::OpenUdp { medium } => {
                let port = FIRST_PORT + 2 * medium as u16;
                source.client.udp_opened(medium, port, port + 1, now);
            }
            // What goes to the camera by datagrams (reports, and one that opens the way) moves nothing there.
            Action::CloseUdp { .. } | Action::SendDatagram { .. } => {}
        }
    }

    /// The camera takes a picture and sends it to all who watch.
    fn picture(&mut self, boot: u64) {
        if boot != self.rtsp.boot {
            return;
        }
        self.rtsp.is_booting = false;
        self.deliver_after(FRAME_INTERVAL, Delivery::Camera(CameraDelivery::Picture { boot }));
        let number = self.rtsp.next_number;
        self.rtsp.next_number += 1;
        let at = self.now().wall;
        for (connection, is_over_udp) in self.rtsp.camera.playing() {
            let packets = self.rtsp.camera.packets(connection, number);
            let missing = if is_over_udp { packets.len() } else { 1 };
            let piece = Some(self.rtsp.sent.len());
            self.rtsp.sent.push(SentPicture { number, connection, at, missing, arrived: None });
            if is_over_udp {
                for packet in packets {
                    self.datagram_to_hub(connection, packet.into(), piece);
                }
                if !self.rtsp.connections.contains_key(&connection) {
                    // Its ports are closed, and the connection with them.
                    self.rtsp.camera.forget(connection);
                }
                continue;
            }
            let bytes: Vec<u8> = packets.iter().flat_map(|packet| interleaved(packet)).collect();
            let mut bytes = Bytes::from(bytes);
            // Cut anywhere; the last piece completes the picture.
            let first = bytes.split_to(self.rtsp.cut(bytes.len()));
            self.stream_to_hub(connection, first, None);
            self.stream_to_hub(connection, bytes, piece);
        }
    }
}

fn flush(frames: &mut Vec<SourceFrame>, events: &mut Vec<SourceEvent>) {
    if !frames.is_empty() {
        events.push(SourceEvent::Frames(std::mem::take(frames)));
    }
}
