//! One camera, one hub, one server, and the link between hub and server; time moves from delivery to delivery.
//!
//! Everything that passes between the parts is a delivery with a time. The link can be cut: what is under way on it is
//! lost, and both ends learn of it only later, as with TCP.

pub mod camera_link;
mod link;
mod rtsp_source;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use vigie_agent::core::{
    Effect, Event, MediaSource, Session, SourceEvent, TestOutcome, UploadEvent,
};
use vigie_archive::Archive;
use vigie_engine::chance::Chance;
use vigie_engine::clock::{Clock, Now};
use vigie_engine::recorder;
use vigie_kvs::shapes::edge::{
    DeletionConfig, EdgeConfig, MediaSourceConfig, MediaUriType, RecorderConfig, ScheduleConfig,
    SyncStatus, UploaderConfig,
};
use vigie_media::Timestamp;
use vigie_media::matroska::{reader::END_OF_FRAGMENT, writer};
use vigie_metadata::{MetadataDb, Notices};
use vigie_store::{Fragment, IndexError};

use crate::camera::{FRAME_INTERVAL, FRAMES_PER_BATCH, SimCamera};
use crate::chance::SimChance;
use crate::clock::SimClock;
use crate::disk::SimDisk;
use crate::hub::{Crash, HUB_DEVICE_ARN, SimHub};
use crate::index::SimIndex;
use crate::server::{SECRET_ARN, SimServer};
use camera_link::{CameraDelivery, CameraSide};
use link::{Message, Outstanding, uploads};
use rtsp_source::Sources;

/// The stream of every world.
pub const STREAM_ARN: &str =
    "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/1772442000000";

/// 2026-03-02T09:00:00Z, a Monday.
const START: Timestamp = Timestamp::from_millis(1_772_442_000_000);
const DISK_BYTES: u64 = 1 << 30;
/// The camera's chance is its own.
const CAMERA_SEED: u64 = 0xCA3E_4A00;
/// How long a camera takes to answer.
const CAMERA_ANSWERS_AFTER: Duration = Duration::from_millis(50);

/// Something that arrives.
enum Delivery {
    /// An event of this life of the hub.
    Hub {
        life: u64,
        event: Box<Event>,
        crosses_link: bool,
    },
    /// A message for the server, from this life of the hub.
    Server {
        life: u64,
        message: Message,
    },
    /// The camera's next batch for this session.
    CameraBatch {
        life: u64,
        session: Session,
    },
    /// Something between hub and camera.
    Camera(CameraDelivery),
    HubTick,
}

pub struct World {
    /// The hub's and the server's time.
    pub clock: SimClock,
    chance: SimChance,
    pub camera: SimCamera,
    pub hub: SimHub,
    pub server: SimServer,
    link_is_up: bool,
    deliveries: BTreeMap<(Duration, u64), Delivery>,
    next_delivery: u64,
    outstanding: BTreeSet<Outstanding>,
    sources: BTreeSet<Session>,
    /// Whether the camera speaks RTSP, see [`World::over_rtsp`].
    is_over_rtsp: bool,
    /// The camera that speaks RTSP, and the link to it.
    pub rtsp: CameraSide,
    rtsp_sources: Sources,
    hub_crashes: Vec<(Timestamp, Crash)>,
    /// What the camera was last opened with.
    pub opened_with: Option<String>,
    /// Nothing on the link overtakes what was sent before it.
    last_to_server: Duration,
    last_to_hub: Duration,
}

impl World {
    /// A world at rest: the hub is on and has no configuration.
    pub fn new(seed: u64) -> Self {
        Self::with_indexes(seed, SimIndex::new)
    }

    /// The same, where older copies of both indexes can be put in their places: [`SimIndex::roll_back`].
    pub fn with_older_indexes(seed: u64) -> Self {
        Self::with_indexes(seed, SimIndex::with_history)
    }

    fn with_indexes(seed: u64, index: fn(SimDisk) -> Result<SimIndex, IndexError>) -> Self {
        Self::beside(seed, index, |clock, mut chance| {
            let disk = SimDisk::new(chance.next_u64(), DISK_BYTES);
            let index = index(disk.clone()).unwrap_or_else(|error| panic!("an index: {error}"));
            SimServer::on_disk(disk, index, clock, chance)
        })
    }

    /// A world whose server is of several instances that share these engines, an engine as each of them sees it.
    pub fn of_instances(
        seed: u64,
        archives: Vec<Arc<dyn Archive>>,
        metadata: Vec<Arc<dyn MetadataDb>>,
        notices: Arc<dyn Notices>,
    ) -> Self {
        Self::beside(seed, SimIndex::new, |clock, chance| {
            SimServer::fleet(archives, metadata, notices, clock, chance)
        })
    }

    fn beside(
        seed: u64,
        index: fn(SimDisk) -> Result<SimIndex, IndexError>,
        server: impl FnOnce(SimClock, SimChance) -> SimServer,
    ) -> Self {
        let mut chance = SimChance::new(seed);
        let clock = SimClock::new(START);
        let hub_disk = SimDisk::new(chance.next_u64(), DISK_BYTES);
        let hub_index = index(hub_disk.clone()).unwrap_or_else(|error| panic!("an index: {error}"));
        let hub = SimHub::new(hub_disk, hub_index, SimChance::new(chance.next_u64()));
        let server = server(clock.clone(), SimChance::new(chance.next_u64()));
        let mut world = Self {
            clock,
            chance,
            camera: SimCamera::default(),
            hub,
            server,
            link_is_up: true,
            deliveries: BTreeMap::new(),
            next_delivery: 0,
            outstanding: BTreeSet::new(),
            sources: BTreeSet::new(),
            is_over_rtsp: false,
            rtsp: CameraSide::new(SimChance::new(seed ^ CAMERA_SEED)),
            rtsp_sources: Sources::new(),
            hub_crashes: Vec::new(),
            opened_with: None,
            last_to_server: Duration::ZERO,
            last_to_hub: Duration::ZERO,
        };
        world.start_hub();
        world
    }

    /// The present.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// A world whose hub records and uploads always.
    pub fn recording(seed: u64) -> Self {
        let mut world = Self::new(seed);
        world.configure(Self::edge_config());
        world.run_for(Duration::from_secs(10));
        let sync = world.server.sync(STREAM_ARN).map(|sync| sync.status());
        assert_eq!(sync, Some(SyncStatus::InSync));
        world
    }

    /// A world whose camera speaks RTSP and RTP, at this address: the hub drives the product's own client.
    ///
    /// Others hand frames straight to the core. Their camera counts frames only while it is watched and answers in one
    /// step, which their expectations of single frames and their simulated weeks rest on.
    pub fn over_rtsp(seed: u64, uri: &str) -> Self {
        let mut world = Self::new(seed);
        world.is_over_rtsp = true;
        world.server.put_secret(&format!(r#"{{"MediaURI":"{uri}"}}"#));
        world.switch_camera_on(Duration::ZERO);
        world.configure(Self::edge_config());
        world
    }

    /// Records and uploads always, keeps what is uploaded.
    pub fn edge_config() -> EdgeConfig {
        EdgeConfig {
            hub_device_arn: HUB_DEVICE_ARN.to_owned(),
            recorder_config: RecorderConfig {
                media_source_config: MediaSourceConfig {
                    media_uri_secret_arn: SECRET_ARN.into(),
                    media_uri_type: MediaUriType::RtspUri,
                },
                schedule_config: None,
            },
            uploader_config: Some(UploaderConfig {
                schedule_config: Some(ScheduleConfig {
                    schedule_expression: "0 0 * * * ?".to_owned(),
                    duration_in_seconds: 3600,
                }),
            }),
            deletion_config: Some(DeletionConfig {
                delete_after_upload: Some(false),
                ..DeletionConfig::default()
            }),
        }
    }

    /// StartEdgeConfigurationUpdate at the server.
    pub fn configure(&mut self, edge_config: EdgeConfig) {
        let started = self.server.start_update(STREAM_ARN, &edge_config);
        started.unwrap_or_else(|failure| panic!("the update was refused: {failure}"));
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.now().mono + time;
        self.let_server_run();
        loop {
            let next = self.deliveries.first_key_value().map(|(&key, _)| key);
            let at = next.map(|(at, _)| at).into_iter().chain(self.server.wake_at()).min();
            let Some(at) = at.filter(|at| *at <= until) else { break };
            self.advance_to(at);
            if let Some(key) = next.filter(|(due, _)| *due == at)
                && let Some(delivery) = self.deliveries.remove(&key)
            {
                self.deliver(delivery);
            }
            self.let_server_run();
        }
        self.advance_to(until);
        self.let_server_run();
    }

    /// Cuts the link: what is under way on it is lost.
    pub fn cut_link(&mut self) {
        self.link_is_up = false;
        self.lose_what_is_under_way();
    }

    /// The link works again.
    pub fn mend_link(&mut self) {
        self.link_is_up = true;
    }

    /// The hub stops without a word, and starts again after a while.
    pub fn crash_hub(&mut self, crash: Crash, off: Duration) {
        self.crash_hub_and(crash, off, |_| ());
    }

    /// The same, and something happens to its index meanwhile.
    pub fn crash_hub_and(&mut self, crash: Crash, off: Duration, harm: impl FnOnce(&SimIndex)) {
        self.hub.crash(crash);
        harm(&self.hub.index);
        self.hub_crashes.push((self.now().wall, crash));
        // Its peers notice as they notice a cut.
        let outstanding = std::mem::take(&mut self.outstanding);
        for session in uploads(&outstanding) {
            self.server.cut(&session);
        }
        self.server.hang_up();
        self.sources.clear();
        self.rtsp_sources.clear();
        self.rtsp.connections.clear();
        self.run_for(off);
        self.start_hub();
    }

    /// The server stops without a word, and starts again after a while.
    pub fn crash_server(&mut self, crash: Crash, off: Duration) {
        self.crash_server_and(crash, off, |_| ());
    }

    /// The same, and something happens to its index meanwhile.
    pub fn crash_server_and(&mut self, crash: Crash, off: Duration, harm: impl FnOnce(&SimIndex)) {
        self.server.stop();
        self.server.crash_disk(crash);
        if let Some(index) = self.server.index() {
            harm(index);
        }
        self.lose_what_is_under_way();
        self.run_for(off);
        self.server.start();
    }

    /// Whether everything that the hub holds is marked uploaded.
    pub fn is_all_uploaded(&self) -> bool {
        let fragments = self.hub.fragments();
        fragments.is_ok_and(|fragments| fragments.iter().all(|fragment| fragment.entry.uploaded))
    }

    fn start_hub(&mut self) {
        let now = self.now();
        let started = self.hub.start(now);
        assert!(started.is_ok(), "the hub does not start: {started:?}");
        self.deliver_after(Duration::ZERO, Delivery::HubTick);
    }

    fn advance_to(&mut self, at: Duration) {
        self.clock.advance(at.saturating_sub(self.now().mono));
    }

    fn deliver_after(&mut self, delay: Duration, delivery: Delivery) {
        let at = self.now().mono + delay;
        self.deliver_at(at, delivery);
    }

    fn deliver_at(&mut self, at: Duration, delivery: Delivery) {
        self.deliveries.insert((at, self.next_delivery), delivery);
        self.next_delivery += 1;
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Hub { life, event, .. } if life == self.hub.life => self.hub_event(*event),
            Delivery::Hub { .. } => {}
            Delivery::Server { life, message } => self.server_message(life, message),
            Delivery::CameraBatch { life, session } => self.camera_batch(life, session),
            Delivery::Camera(delivery) => self.camera_delivery(delivery),
            Delivery::HubTick => self.hub_tick(),
        }
    }

    // The hub.

    fn hub_tick(&mut self) {
        if self.hub.next_deadline().is_some_and(|deadline| deadline <= self.now().mono) {
            self.hub_event(Event::Tick);
        } else {
            self.schedule_hub_tick();
        }
    }

    fn hub_event(&mut self, event: Event) {
        self.note_answered(&event);
        let now = self.now();
        for effect in self.hub.handle(event, now) {
            self.execute(effect);
        }
        self.schedule_hub_tick();
    }

    fn schedule_hub_tick(&mut self) {
        let Some(deadline) = self.hub.next_deadline() else { return };
        let pending = self.deliveries.iter().find(|(_, d)| matches!(d, Delivery::HubTick));
        let pending = pending.map(|(&key, _)| key);
        match pending {
            Some((at, _)) if at <= deadline => return,
            Some(key) => drop(self.deliveries.remove(&key)),
            None => {}
        }
        // A tick that is due at once comes a moment later, so that time goes on.
        let at = deadline.max(self.now().mono + Duration::from_millis(1));
        self.deliver_at(at, Delivery::HubTick);
    }

    fn note_answered(&mut self, event: &Event) {
        let answered = match event {
            Event::SyncAnswered { request, .. } | Event::SyncFailed { request, .. } => {
                Outstanding::Sync(*request)
            }
            Event::SecretResolved { session, .. } | Event::SecretFailed { session, .. } => {
                Outstanding::Secret(session.clone())
            }
            Event::TestSecretRead { request, .. } => Outstanding::TestSecret(request.clone()),
            Event::Upload { session, event: UploadEvent::Closed { .. } } => {
                Outstanding::Upload(session.clone())
            }
            Event::Upload {
                session,
                event: UploadEvent::Listed(_) | UploadEvent::ListFailed(_),
            } => Outstanding::List(session.clone()),
            _ => return,
        };
        self.outstanding.remove(&answered);
    }

    fn execute(&mut self, effect: Effect) {
        match effect {
            Effect::Sync { request, input } => {
                let input = Box::new(input);
                self.call(Outstanding::Sync(request), Message::Sync { request, input });
            }
            // The simulated server knows SyncEdgeAgent.
            Effect::ListConfigurations { .. } => {}
            Effect::ResolveSecret { session, .. } => {
                self.call(Outstanding::Secret(session.clone()), Message::GetSecret { session });
            }
            Effect::ReadTestSecret { request, .. } => {
                let message = Message::GetTestSecret { request: request.clone() };
                self.call(Outstanding::TestSecret(request), message);
            }
            Effect::TestCamera { request, uri, .. } => {
                let failure = self.camera.refuses(uri.expose());
                let key_frame = failure.is_none().then(SimCamera::a_key_frame);
                let tracks = if failure.is_none() { SimCamera::tracks() } else { Vec::new() };
                let outcome =
                    Box::new(TestOutcome { tracks, key_frame, failure, ..TestOutcome::default() });
                self.tell_hub(CAMERA_ANSWERS_AFTER, Event::CameraTested { request, outcome });
            }
            // What is told all the same is about nothing that the hub knows.
            Effect::CancelCameraTest { .. } => {}
            Effect::OpenSource { session, source } => self.open_source(session, &source),
            Effect::CloseSource { session } => {
                self.close_rtsp(&session);
                self.sources.remove(&session);
            }
            Effect::OpenUpload { session, document_header, .. } => {
                let message =
                    Message::OpenUpload { session: session.clone(), header: document_header };
                self.call(Outstanding::Upload(session), message);
            }
            Effect::ListFragments { session, from, until } => {
                let message = Message::List { session: session.clone(), from, until };
                self.call(Outstanding::List(session), message);
            }
            Effect::SendFragment { session, fragment, complete } => {
                self.send_fragment(session, &fragment, complete);
            }
            Effect::FinishUpload { session } => self.send_to_server(Message::EndOfBody { session }),
            Effect::CloseUpload { session } => {
                if self.outstanding.remove(&Outstanding::Upload(session.clone())) {
                    self.server.cut(&session);
                }
            }
        }
    }

    fn send_fragment(&mut self, session: Session, fragment: &Fragment, complete: bool) {
        let read = self.hub.reader().map(|reader| reader.read(fragment));
        let Some(Ok(mut bytes)) = read else {
            let sequence = fragment.entry.sequence;
            let event = Event::Upload { session, event: UploadEvent::FragmentGone { sequence } };
            return self.tell_hub(Duration::ZERO, event);
        };
        // Pieces of any size: the server must not care.
        while !bytes.is_empty() {
            let size = 1 + self.chance.below(bytes.len() as u64) as usize;
            let piece = bytes.split_to(size);
            self.send_to_server(Message::Body { session: session.clone(), bytes: piece });
        }
        if complete {
            let bytes = writer::tags(&[(END_OF_FRAGMENT, "")]).into();
            self.send_to_server(Message::Body { session: session.clone(), bytes });
        }
        let event = Event::Upload { session, event: UploadEvent::Progress };
        self.tell_hub(Duration::from_millis(1), event);
    }

    // The camera.

    fn open_source(&mut self, session: Session, source: &MediaSource) {
        let refusal = match source {
            MediaSource::Rtsp { uri, seed } if self.is_over_rtsp => {
                return self.open_rtsp(session, uri, *seed);
            }
            MediaSource::Rtsp { uri, .. } => {
                self.opened_with = Some(uri.expose().to_owned());
                self.camera.refuses(uri.expose())
            }
            MediaSource::File { .. } => Some(recorder::Failure::FileNotReadable),
        };
        let event = match refusal {
            None => {
                self.sources.insert(session.clone());
                let life = self.hub.life;
                let batch = Delivery::CameraBatch { life, session: session.clone() };
                self.deliver_after(batch_interval(), batch);
                SourceEvent::Opened { tracks: SimCamera::tracks() }
            }
            Some(failure) => SourceEvent::Failed(failure),
        };
        self.tell_hub(CAMERA_ANSWERS_AFTER, Event::Source { session, event });
    }

    fn camera_batch(&mut self, life: u64, session: Session) {
        if life != self.hub.life || !self.sources.contains(&session) {
            return;
        }
        let event = if self.camera.is_up {
            let now = self.now();
            let next = Delivery::CameraBatch { life, session: session.clone() };
            self.deliver_after(batch_interval(), next);
            SourceEvent::Frames(self.camera.next_batch(now))
        } else {
            self.sources.remove(&session);
            SourceEvent::Failed(recorder::Failure::Ended)
        };
        self.hub_event(Event::Source { session, event });
    }

    // The server.

    fn server_message(&mut self, life: u64, message: Message) {
        if !self.server.is_up() || life != self.hub.life {
            return;
        }
        match message {
            Message::Sync { request, input } => self.server.sync_edge_agent(request, *input),
            Message::GetSecret { session } => self.server.get_secret(session),
            Message::GetTestSecret { request } => self.server.get_test_secret(request),
            Message::OpenUpload { session, header } => {
                self.server.open_upload(session.clone());
                self.server.receive(&session, &header);
            }
            Message::Body { session, bytes } => self.server.receive(&session, &bytes),
            Message::EndOfBody { session } => self.server.end_of_body(&session),
            Message::List { session, from, until } => self.server.list(session, from, until),
        }
    }

    /// Until it waits for time to pass; what it says goes out.
    fn let_server_run(&mut self) {
        self.server.run();
        for event in self.server.take_heard() {
            self.send_to_hub(event);
        }
    }
}

fn batch_interval() -> Duration {
    FRAME_INTERVAL * FRAMES_PER_BATCH as u32
}
