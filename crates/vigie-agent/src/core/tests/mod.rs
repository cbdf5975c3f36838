//! The core, driven by hand: events in, effects out, on a real disk and a clock that moves when the test says so.

mod configurations;
mod deletion;
mod erasing;
mod files;
mod followups;
mod full_hub;
mod instance;
mod ledgers;
mod locks;
mod polling;
mod recording;
mod requests;
mod secrets;
mod uploading;

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::tz::TimeZone;
use vigie_engine::clock::Now;
use vigie_fakes::chance::WatchedChance;
use vigie_fakes::disk::FaultyDisk;
use vigie_kvs::FragmentNumber;
use vigie_kvs::Sensitive;
use vigie_kvs::acknowledgement::{Acknowledgement, AcknowledgementEvent};
use vigie_kvs::shapes::edge::{
    EdgeConfig, MediaSourceConfig, MediaUriType, RecorderConfig, ScheduleConfig, UploaderConfig,
};
use vigie_kvs::shapes::sync_edge_agent::{
    Action, Configuration, StreamReport, SyncEdgeAgentInput, SyncEdgeAgentOutput,
};
use vigie_media::{Timestamp, Track, TrackKind, VideoSettings, codec_id};
use vigie_store::disk::Disk;
use vigie_store::{
    Fragment, FragmentOrder, FragmentQuery, OsDisk, SqliteIndex, Store, StoreSettings,
};

use super::*;
use crate::ledger::SqliteLedger;

const ARN: &str = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/1700000000000";
const KEY: &str = "gate.1700000000000";
const HUB: &str = "arn:aws:iot:us-east-1:000000000000:thing/hub";
const SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:gate-AbCdEf";
/// 2023-11-20T11:50:00Z.
const START: Timestamp = Timestamp::from_millis(1_700_481_000_000);

thread_local! {
    /// Where on the stack chance was last asked.
    static ASKED_AT: Cell<usize> = const { Cell::new(0) };
}

fn note_where_chance_is_asked() {
    let here = 0_u8;
    ASKED_AT.set((&raw const here).addr());
}

/// One hub on a folder of its own.
struct Bench {
    disk: Arc<FaultyDisk>,
    directory: PathBuf,
    _folder: tempfile::TempDir,
    hub: Option<Hub>,
    now: Now,
    /// Effects that no test has looked at yet, in order.
    effects: Vec<Effect>,
    /// The newest request of the hub sync.
    request: u64,
    /// The camera's own time, for the next frame.
    media_ms: i64,
    /// Of the camera's session.
    last_session: u64,
}

fn schedule(expression: &str, duration_in_seconds: i32) -> Option<ScheduleConfig> {
    Some(ScheduleConfig { schedule_expression: expression.to_owned(), duration_in_seconds })
}

/// Records and uploads all the time.
fn edge_config() -> EdgeConfig {
    EdgeConfig {
        hub_device_arn: HUB.to_owned(),
        recorder_config: RecorderConfig {
            media_source_config: MediaSourceConfig {
                media_uri_secret_arn: SECRET.into(),
                media_uri_type: MediaUriType::RtspUri,
            },
            schedule_config: None,
        },
        uploader_config: Some(UploaderConfig { schedule_config: schedule("0 * * * * ?", 60) }),
        deletion_config: None,
    }
}

fn never() -> Option<UploaderConfig> {
    Some(UploaderConfig { schedule_config: schedule("0 0 0 1 1 ? 2099", 60) })
}

fn configuration(revision: u64, edge_config: EdgeConfig) -> Configuration {
    Configuration {
        stream_name: "gate".to_owned(),
        stream_arn: ARN.to_owned(),
        revision,
        action: Action::Apply,
        edge_config,
        media_uri_secret_revision: None,
    }
}

fn tracks() -> Vec<Track> {
    vec![Track {
        number: 1,
        kind: TrackKind::Video,
        name: "video".to_owned(),
        codec_id: codec_id::H264.to_owned(),
        codec_private: Bytes::from_static(&[1, 0x42, 0, 0x1E, 0xFF, 0xE0, 0]),
        video: Some(VideoSettings { width_pixels: 640, height_pixels: 480 }),
        audio: None,
    }]
}

fn secret() -> Option<Sensitive> {
    Some(Sensitive::new(r#"{"MediaURI":"rtsp://bob:hunter2@camera/live"}"#))
}

impl Bench {
    /// A hub that has never run.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Arc::new(FaultyDisk::default());
        disk.set_free_bytes(Some(u64::MAX));
        let mut bench = Self {
            disk,
            directory: folder.path().to_owned(),
            _folder: folder,
            hub: None,
            now: Now { wall: START, mono: Duration::from_secs(5) },
            effects: Vec::new(),
            request: 0,
            media_ms: 0,
            last_session: 0,
        };
        bench.open();
        bench
    }

    /// A hub that records and has said APPLIED; what it asked for so far is answered.
    fn recording(edge_config: EdgeConfig) -> Self {
        let mut bench = Self::new();
        bench.configure(vec![configuration(1, edge_config)]);
        bench.camera_opens();
        bench
    }

    fn open(&mut self) {
        let index = SqliteIndex::open(self.directory.join("index.sqlite")).unwrap();
        self.open_with(Box::new(index));
    }

    fn open_with(&mut self, index: Box<dyn vigie_store::index::Index>) {
        let media = self.directory.join("media");
        let disk = self.disk.clone();
        let (store, _) = Store::open(disk.clone(), media, index, StoreSettings::HUB).unwrap();
        let settings = HubSettings {
            hub_device_arn: HUB.to_owned(),
            time_zone: TimeZone::UTC,
            commit_interval: Duration::from_secs(1),
        };
        let ledgers = Box::new(SqliteLedger::open(&self.directory).unwrap());
        let chance = Box::new(WatchedChance(note_where_chance_is_asked));
        let hub = Hub::open(settings, store, ledgers, disk, &self.directory, chance, self.now);
        self.hub = Some(hub.unwrap());
        self.event(Event::Tick);
    }

    /// The process dies; what it had written stays, what it knew does not.
    fn kill_and_open(&mut self) {
        self.hub = None;
        self.effects.clear();
        self.open();
    }

    fn hub(&mut self) -> &mut Hub {
        self.hub.as_mut().unwrap()
    }

    fn snapshot(&mut self) -> HubSnapshot {
        let now = self.now;
        self.hub().snapshot(now)
    }

    fn event(&mut self, event: Event) {
        let now = self.now;
        let effects = self.hub().handle(event, now);
        self.effects.extend(effects);
        // As the loop that feeds the core does.
        for _ in 0..10 {
            if self.hub().has_stopped() || self.hub().next_deadline() > now.mono {
                return;
            }
            let effects = self.hub().handle(Event::Tick, now);
            self.effects.extend(effects);
        }
        panic!("the hub wants a tick without end at {:?}", self.now.mono);
    }

    /// Time passes, with every tick that the hub asks for.
    fn pass(&mut self, by: Duration) {
        let until = self.now.mono + by;
        loop {
            let next = self.hub().next_deadline().max(self.now.mono + Duration::from_millis(1));
            let step = next.min(until) - self.now.mono;
            self.now.mono += step;
            self.now.wall = self.now.wall + step;
            self.event(Event::Tick);
            if self.now.mono >= until {
                return;
            }
        }
    }

    /// Time passes while the hub is off.
    fn pass_off(&mut self, seconds: u64) {
        self.effects.clear();
        self.now.mono += Duration::from_secs(seconds);
        self.now.wall = self.now.wall + Duration::from_secs(seconds);
    }

    fn seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// Takes the first effect that `pick` wants out of the queue.
    #[track_caller]
    fn take<T>(&mut self, what: &str, pick: impl Fn(&Effect) -> Option<T>) -> T {
        let found = self.effects.iter().enumerate().find_map(|(at, e)| pick(e).map(|t| (at, t)));
        let Some((at, taken)) = found else {
            self.effects.retain(|effect| !matches!(effect, Effect::Sync { .. }));
            panic!("no {what} in {:#?}", self.effects)
        };
        self.effects.remove(at);
        taken
    }

    fn has(&self, pick: impl Fn(&Effect) -> bool) -> bool {
        self.effects.iter().any(pick)
    }

    /// The newest request of the hub sync; older ones are replaced by it.
    #[track_caller]
    fn sync(&mut self) -> (u64, SyncEdgeAgentInput) {
        let mut newest = None;
        self.effects.retain(|effect| match effect {
            Effect::Sync { request, input } => {
                newest = Some((*request, input.clone()));
                false
            }
            _ => true,
        });
        let (request, input) = newest.expect("no SyncEdgeAgent");
        self.request = request;
        (request, input)
    }

    /// What the hub says about its one stream, in the newest request.
    #[track_caller]
    fn report(&mut self) -> StreamReport {
        let (_, input) = self.sync();
        assert_eq!(input.streams.len(), 1, "{input:?}");
        input.streams.into_iter().next().unwrap()
    }

    /// The recorder's status and sentence, in a request that this waits for.
    #[track_caller]
    fn recorder_says(&mut self) -> (String, String) {
        self.seconds(1);
        let status = self.report().recorder_status.unwrap();
        (status.recorder_status.unwrap().to_string(), status.job_status_details.unwrap())
    }

    /// The service answers the newest request with this set.
    fn answer(&mut self, configurations: Option<Vec<Configuration>>) {
        if self.has(|effect| matches!(effect, Effect::Sync { .. })) {
            self.sync();
        }
        let request = self.request;
        let cursor = format!("after-{request}");
        self.event(Event::SyncAnswered {
            request,
            output: SyncEdgeAgentOutput {
                cursor,
                configurations,
                ledgers: Vec::new(),
                requests: None,
                clock: None,
            },
        });
    }

    /// The service hands out a set; the hub takes it and works by it.
    fn configure(&mut self, configurations: Vec<Configuration>) {
        self.answer(Some(configurations));
        self.pass(Duration::from_millis(300));
    }

    /// The secret is resolved and the camera answers.
    #[track_caller]
    fn camera_opens(&mut self) -> Session {
        let session = self.resolve(secret());
        let opened = self.take("OpenSource", |effect| match effect {
            Effect::OpenSource { session, .. } => Some(session.clone()),
            _ => None,
        });
        assert_eq!(opened, session);
        self.last_session = session.number;
        self.source(&session, SourceEvent::Opened { tracks: tracks() });
        session
    }

    /// The newest question for the secret is answered; older ones never are.
    #[track_caller]
    fn resolve(&mut self, secret_string: Option<Sensitive>) -> Session {
        let mut newest = None;
        self.effects.retain(|effect| match effect {
            Effect::ResolveSecret { session, secret_arn } => {
                assert_eq!(secret_arn.expose(), SECRET);
                newest = Some(session.clone());
                false
            }
            _ => true,
        });
        let session = newest.expect("no ResolveSecret");
        self.event(Event::SecretResolved { session: session.clone(), secret_string });
        session
    }

    fn source(&mut self, session: &Session, event: SourceEvent) {
        self.event(Event::Source { session: session.clone(), event });
    }

    /// The next frame of the camera, `ms` after the one before.
    fn frame(&mut self, ms: i64, key_frame: bool, size_bytes: usize) -> SourceFrame {
        self.media_ms += ms;
        let data = Bytes::from(vec![u8::from(key_frame) + 1; size_bytes]).into();
        let media_us = self.media_ms * 1000;
        let time = FrameTime::Camera { media_us, arrival: self.now };
        SourceFrame { track_number: 1, time, key_frame, data }
    }

    /// The camera plays for so many seconds: a key frame each second, four frames a second, in one batch a second.
    fn play(&mut self, session: &Session, seconds: u64) {
        self.play_frames(session, seconds, 1000);
    }

    fn play_frames(&mut self, session: &Session, seconds: u64, size_bytes: usize) {
        for _ in 0..seconds {
            for quarter in 0..4 {
                self.pass(Duration::from_millis(250));
                let frame = self.frame(250, quarter == 0, size_bytes);
                self.source(session, SourceEvent::Frames(vec![frame]));
            }
        }
    }

    /// The whole fragments in the store, oldest first.
    fn fragments(&mut self) -> Vec<Fragment> {
        let reader = self.hub().store().reader();
        reader.fragments(KEY, &FragmentQuery::all(FragmentOrder::Sequence, 10_000)).unwrap()
    }

    /// The media files on the disk.
    fn media_files(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.directory.join("media")) else {
            return Vec::new();
        };
        let folders = entries.map(|entry| entry.unwrap().path());
        folders
            .filter_map(|folder| std::fs::read_dir(folder).ok())
            .flatten()
            .map(|file| file.unwrap().path())
            .collect()
    }

    // The service's side of uploads.

    #[track_caller]
    fn upload_opens(&mut self) -> Session {
        let session = self.take("OpenUpload", |effect| match effect {
            Effect::OpenUpload { session, .. } => Some(session.clone()),
            _ => None,
        });
        self.upload(&session, UploadEvent::Connected);
        session
    }

    /// An upload that is connected, asked what is there and was told: `held` are producer timestamps and sizes.
    #[track_caller]
    fn upload_reconciles(&mut self, held: &[(Timestamp, u64)]) -> Session {
        let session = self.upload_opens();
        self.take("ListFragments", |effect| {
            matches!(effect, Effect::ListFragments { .. }).then_some(())
        });
        let listed = held.iter().copied().map(listed).collect();
        self.upload(&session, UploadEvent::Listed(listed));
        session
    }

    fn upload(&mut self, session: &Session, event: UploadEvent) {
        self.event(Event::Upload { session: session.clone(), event });
    }

    /// The fragments that the hub has sent since this was last asked.
    fn sent(&mut self) -> Vec<Fragment> {
        let mut sent = Vec::new();
        self.effects.retain(|effect| match effect {
            Effect::SendFragment { fragment, .. } => {
                sent.push(fragment.clone());
                false
            }
            _ => true,
        });
        sent
    }

    fn persisted(&mut self, session: &Session, fragment: &Fragment) {
        let number = FragmentNumber::new(1, self.now.wall, 0);
        let timecode_ms = fragment.entry.timecode_ms;
        let acknowledgement =
            Acknowledgement::of(AcknowledgementEvent::Persisted, timecode_ms, number);
        self.upload(session, UploadEvent::Acknowledged(acknowledgement));
    }
}

fn listed((at, size_bytes): (Timestamp, u64)) -> vigie_kvs::shapes::archived_media::Fragment {
    vigie_kvs::shapes::archived_media::Fragment {
        fragment_number: FragmentNumber::new(1, at, 0),
        fragment_size_in_bytes: size_bytes as i64,
        producer_timestamp: at,
        server_timestamp: at,
        fragment_length_in_milliseconds: 1000,
    }
}
