//! The server: instances of the product's own, over engines that simulate. Calls are signed and go in where a listener would
//! hand them in; what is decided is decided by the product's own handlers and background tasks.
//!
//! The metadata counts as durable. Media lies in the product's own store on a simulated disk, or in an archive that all
//! instances share.

mod client;
mod hub_calls;
mod outside;
mod uploads;

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use vigie_agent::core::{CallFailure, Event, Session, UploadEvent};
use vigie_archive::Archive;
use vigie_engine::chance::Chance;
use vigie_engine::clock::{Clock, Now};
use vigie_kvs::Sensitive;
use vigie_kvs::acknowledgement::{AcknowledgementEvent, ErrorId};
use vigie_kvs::error::ErrorKind;
use vigie_kvs::operation::{self, Operation};
use vigie_kvs::shapes::edge::EdgeConfig;
use vigie_kvs::shapes::hub_request::TestCameraOutput;
use vigie_kvs::shapes::stream::{CreateStreamOutput, DescribeStreamOutput};
use vigie_kvs::shapes::sync_edge_agent::ErasedMedia;
use vigie_kvs::sigv4::Credentials;
use vigie_metadata::{
    InProcessLeases, InProcessNotices, Leases, MemoryMetadataDb, MetadataDb, Notices,
};
use vigie_server::archive::EmbeddedArchive;
use vigie_server::auth::{MasterKey, NewAccessKey};
use vigie_server::{Engines, Instance, MemoryAuditLog, Seams, ServerConfig};
use vigie_store::thread::{StoreStepper, ThreadSettings};
use vigie_store::{Store, StoreReader, StoreSettings};

use crate::archive_log::{ArchiveLog, LoggedArchive};
use crate::chance::SimChance;
use crate::clock::SimClock;
use crate::disk::SimDisk;
use crate::executor::{Executor, Inline, Owner, TaskId, at_once};
use crate::hub::{Crash, HUB_DEVICE_ARN};
use crate::index::SimIndex;
use uploads::Upload;

pub use client::Client;

/// The stream that there is from the beginning.
pub const STREAM_NAME: &str = "gate";
/// The secret of every camera, as configurations name it.
pub const SECRET_ARN: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:gate";
const SECRET: &str = r#"{"MediaURI":"rtsp://user:password@camera/cam0"}"#;
/// Who configures and who is the hub.
const ROOT: &str = "root";
/// Ten years, the most there is.
const RETENTION_HOURS: i32 = 87_600;
const MEDIA: &str = "/server/media";

/// Who makes calls: a hub, and people who wait for an answer of one.
const CALLERS: Owner = 0;
/// A store takes its turn so often, in a thousand, while tasks could go on as well.
const STORE_FIRST: u64 = 250;

/// Where media is.
pub enum Media {
    /// In a store on a simulated disk: of one instance.
    OnDisk {
        /// Its disk.
        disk: SimDisk,
        /// The index of its store.
        index: SimIndex,
    },
    /// In an archive of all instances; by the number of an instance.
    Shared(Vec<Arc<dyn Archive>>),
}

/// An instance that runs.
struct Process {
    owner: Owner,
    instance: Arc<Instance>,
    store: Option<(StoreStepper, StoreReader)>,
    /// Looks at its media from outside.
    view: Arc<dyn Archive>,
}

/// The instances that run, for who calls on his own: each with a client.
pub type Directory = Arc<Mutex<Vec<Option<Client>>>>;

/// What came of a question to the hub.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The hub's answer.
    Answered(Box<TestCameraOutput>),
    /// The server's refusal.
    Refused(Option<ErrorKind>),
}

/// Says for a fragment's timecode, in milliseconds, with which error it is refused, if it is.
pub type Refuse = Box<dyn FnMut(i64) -> Option<ErrorId>>;

/// What callers have heard and the world has not taken yet.
type Heard = Arc<Mutex<VecDeque<Event>>>;

/// See the module's documentation.
pub struct SimServer {
    /// Where media is.
    pub media: Media,
    /// The settings of instances that start from now on.
    pub config: ServerConfig,
    /// What was done with the media.
    pub log: ArchiveLog,
    /// The leases of instances that share their engines and start from now on. One that is alone has its own, which go with
    /// it.
    pub leases: Arc<dyn Leases>,
    clock: SimClock,
    chance: SimChance,
    executor: Executor,
    /// By instance.
    metadata: Vec<Arc<dyn MetadataDb>>,
    notices: Arc<dyn Notices>,
    audit: Arc<MemoryAuditLog>,
    master_key: MasterKey,
    callers: BTreeMap<String, Credentials>,
    processes: Vec<Option<Process>>,
    next_owner: Owner,
    calls: Vec<TaskId>,
    directory: Directory,
    uploads: BTreeMap<Session, Upload>,
    heard: Heard,
    outcomes: Arc<Mutex<Vec<(String, Outcome)>>>,
    tests: Vec<TaskId>,
    /// Instances that start from now on wait for ever where they wait for time: for tests of checkers.
    pub forgets_to_wake: bool,
    /// Whole fragments that are not taken, by whatever stands before the server; each ends its connection.
    pub refuse: Refuse,
    /// Every ERROR acknowledgement that the hub was sent, when, and about which timecode.
    pub errors_said: Vec<(Now, ErrorId, Option<i64>)>,
    /// What the hub said that it erases or has erased: each different word once, in order.
    pub erased: Vec<ErasedMedia>,
}

impl SimServer {
    /// One instance, whose store is on an empty disk, with a stream and a camera's secret.
    pub fn on_disk(disk: SimDisk, index: SimIndex, clock: SimClock, chance: SimChance) -> Self {
        let metadata: Arc<dyn MetadataDb> = Arc::new(MemoryMetadataDb::default());
        let notices = Arc::new(InProcessNotices::default());
        Self::new(Media::OnDisk { disk, index }, vec![metadata], notices, clock, chance)
    }

    /// Instances that share their engines, an engine as each of them sees it.
    pub fn fleet(
        archives: Vec<Arc<dyn Archive>>,
        metadata: Vec<Arc<dyn MetadataDb>>,
        notices: Arc<dyn Notices>,
        clock: SimClock,
        chance: SimChance,
    ) -> Self {
        assert_eq!(archives.len(), metadata.len());
        Self::new(Media::Shared(archives), metadata, notices, clock, chance)
    }

    fn new(
        media: Media,
        metadata: Vec<Arc<dyn MetadataDb>>,
        notices: Arc<dyn Notices>,
        clock: SimClock,
        mut chance: SimChance,
    ) -> Self {
        let executor = Executor::new(clock.clone(), SimChance::new(chance.next_u64()));
        let processes = metadata.iter().map(|_| None).collect();
        let mut server = Self {
            media,
            config: ServerConfig::new("/server"),
            log: ArchiveLog::default(),
            leases: Arc::new(InProcessLeases::new(Arc::new(clock.clone()))),
            clock,
            chance,
            executor,
            metadata,
            notices,
            audit: Arc::default(),
            master_key: MasterKey::from_bytes([7; 32]),
            callers: BTreeMap::new(),
            processes,
            next_owner: CALLERS + 1,
            calls: Vec::new(),
            directory: Directory::default(),
            uploads: BTreeMap::new(),
            heard: Heard::default(),
            outcomes: Arc::default(),
            tests: Vec::new(),
            forgets_to_wake: false,
            refuse: Box::new(|_| None),
            errors_said: Vec::new(),
            erased: Vec::new(),
        };
        server.start();
        server.create_stream(STREAM_NAME);
        let secret =
            json!({ "Name": "gate", "SecretString": SECRET, "ClientRequestToken": token(0) });
        let made: Result<Value, _> = server.ask(&operation::CREATE_SECRET, &secret);
        made.unwrap_or_else(|failure| panic!("a secret: {failure}"));
        server
    }

    /// Starts every instance that does not run.
    pub fn start(&mut self) {
        for number in 0..self.processes.len() {
            if self.processes[number].is_none() {
                self.start_instance(number);
            }
        }
        self.update_directory();
        self.run();
    }

    /// Whoever calls on his own finds here whom.
    pub fn directory(&self) -> Directory {
        Arc::clone(&self.directory)
    }

    fn update_directory(&mut self) {
        let all = 0..self.processes.len();
        let clients: Vec<_> = all.map(|number| self.client_of(number, ROOT)).collect();
        *self.directory.lock().unwrap_or_else(PoisonError::into_inner) = clients;
    }

    fn start_instance(&mut self, number: usize) {
        let owner = self.next_owner;
        self.next_owner += 1;
        let runtime = match self.forgets_to_wake {
            false => self.executor.runtime(owner),
            true => self.executor.runtime_that_forgets_to_wake(owner),
        };
        let (archive, view, store): (Arc<dyn Archive>, Arc<dyn Archive>, _) = match &self.media {
            Media::OnDisk { disk, index } => {
                let settings = StoreSettings { free_bytes_reserve: 0, ..StoreSettings::SERVER };
                let (disk, index) = (Arc::new(disk.clone()), Box::new(index.clone()));
                let opened = Store::open(disk, PathBuf::from(MEDIA), index, settings);
                let (mut store, _) = opened.unwrap_or_else(|error| panic!("the store: {error}"));
                // At once: the checkers look right after a start.
                while store.is_searching_orphans() {
                    let searched = store.search_orphans(100);
                    searched.unwrap_or_else(|error| panic!("the store's search: {error}"));
                }
                let clock = self.clock.clone();
                let monotonic = Box::new(move || clock.now().mono);
                let (store, handle) =
                    StoreStepper::new(store, ThreadSettings::default(), monotonic);
                let reader = handle.reader().clone();
                let archive = EmbeddedArchive::new(handle.clone(), settings, Arc::clone(&runtime));
                let view = EmbeddedArchive::new(handle, settings, Arc::new(Inline));
                (Arc::new(archive), Arc::new(view), Some((store, reader)))
            }
            Media::Shared(archives) => {
                let archive = Arc::clone(&archives[number]);
                (Arc::clone(&archive), archive, None)
            }
        };
        let leases = match &self.media {
            Media::OnDisk { .. } => Arc::new(InProcessLeases::new(Arc::new(self.clock.clone()))),
            Media::Shared(_) => Arc::clone(&self.leases),
        };
        let engines = Engines {
            db: Arc::clone(&self.metadata[number]),
            fragments: Arc::new(LoggedArchive::new(archive, self.log.clone())),
            audit: self.audit.clone(),
            leases,
            notices: Arc::clone(&self.notices),
        };
        let chance = Box::new(SimChance::new(self.chance.next_u64()));
        let seams = Seams { clock: Arc::new(self.clock.clone()), chance, runtime };
        let opening = Instance::open(self.config.clone(), engines, seams, self.master_key.clone());
        let instance = at_once(opening).unwrap_or_else(|error| panic!("an instance: {error}"));
        instance.start_background();
        let instance = Arc::new(instance);
        self.processes[number] = Some(Process { owner, instance, store, view });
    }

    /// All processes are gone, with everything that was only in memory, and whoever called them hears nothing.
    pub fn stop(&mut self) {
        for number in 0..self.processes.len() {
            self.stop_instance(number);
        }
        self.hang_up();
        for test in std::mem::take(&mut self.tests) {
            self.executor.cancel(test);
        }
    }

    /// A process is gone.
    pub fn stop_instance(&mut self, number: usize) {
        if let Some(process) = self.processes[number].take() {
            self.executor.kill(process.owner);
        }
        self.update_directory();
    }

    /// What a crash makes of the disk.
    pub fn crash_disk(&self, crash: Crash) {
        match (&self.media, crash) {
            (Media::OnDisk { disk, .. }, Crash::Kill) => disk.kill_process(),
            (Media::OnDisk { disk, .. }, Crash::PowerLoss) => disk.lose_power(),
            (Media::Shared(_), _) => {}
        }
    }

    /// The index of its store, where that is on a disk.
    pub fn index(&self) -> Option<&SimIndex> {
        match &self.media {
            Media::OnDisk { index, .. } => Some(index),
            Media::Shared(_) => None,
        }
    }

    /// Whether it answers.
    pub fn is_up(&self) -> bool {
        self.processes.iter().any(Option::is_some)
    }

    /// Lets everything go on that can, until all wait for time to pass.
    pub fn run(&mut self) {
        loop {
            let has_ready = self.executor.is_ready();
            if has_ready && !self.chance.happens(STORE_FIRST) {
                self.executor.step();
                continue;
            }
            let mut has_stepped = false;
            for process in self.processes.iter_mut().flatten() {
                if let Some((store, _)) = &mut process.store {
                    let stepped = store.step();
                    has_stepped |= stepped.unwrap_or_else(|error| panic!("the store: {error}"));
                }
            }
            if !has_stepped && !has_ready {
                return;
            }
        }
    }

    /// When something can go on without anything else happening.
    pub fn wake_at(&self) -> Option<Duration> {
        let stores = self.processes.iter().flatten().filter_map(|one| one.store.as_ref());
        stores.filter_map(|(store, _)| store.wake_at()).chain(self.executor.wake_at()).min()
    }

    /// What callers have heard, for the world to bring it to the hub.
    pub fn take_heard(&mut self) -> Vec<Event> {
        let heard: Vec<Event> = {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.drain(..).collect()
        };
        for event in &heard {
            match event {
                Event::Upload { event: UploadEvent::Acknowledged(acknowledgement), .. } => {
                    if let AcknowledgementEvent::Error(error) = acknowledgement.event {
                        let about = acknowledgement.fragment_timecode_ms;
                        self.errors_said.push((self.clock.now(), error, about));
                    }
                }
                Event::Upload { session, event: UploadEvent::Closed { .. } } => {
                    self.uploads.remove(session);
                }
                _ => {}
            }
        }
        heard
    }

    // Callers.

    /// Somebody with all rights who calls an instance.
    pub fn client_of(&mut self, number: usize, caller: &str) -> Option<Client> {
        let credentials = self.credentials(caller);
        let process = self.processes[number].as_ref()?;
        let (instance, runtime) =
            (Arc::clone(&process.instance), self.executor.runtime(process.owner));
        Some(Client { instance, runtime, clock: self.clock.clone(), credentials })
    }

    /// The same, of an instance that chance names.
    pub fn client(&mut self, caller: &str) -> Option<Client> {
        let up = |(number, one): (usize, &Option<Process>)| one.as_ref().map(|_| number);
        let up: Vec<usize> = self.processes.iter().enumerate().filter_map(up).collect();
        if up.is_empty() {
            return None;
        }
        let drawn = up[self.chance.below(up.len() as u64) as usize];
        self.client_of(drawn, caller)
    }

    fn credentials(&mut self, caller: &str) -> Credentials {
        if let Some(known) = self.callers.get(caller) {
            return known.clone();
        }
        let number = self.callers.len();
        let key = NewAccessKey {
            access_key_id: format!("AKIA{number:016}"),
            secret_access_key: SecretString::from(format!("{number:040}")),
        };
        let principal = format!("arn:aws:iam::000000000000:user/{caller}");
        let row = key.row(&self.master_key, principal, None, self.clock.now().wall);
        let row = row.unwrap_or_else(|error| panic!("a key: {error}"));
        let created = at_once(self.metadata[0].create_access_key(&row));
        created.unwrap_or_else(|error| panic!("a key: {error}"));
        let credentials = Credentials {
            access_key_id: key.access_key_id,
            secret_access_key: Sensitive::new(format!("{number:040}")),
            session_token: None,
        };
        self.callers.insert(caller.to_owned(), credentials.clone());
        credentials
    }

    /// A call that is answered without time passing.
    pub fn ask<T: DeserializeOwned + Send + 'static>(
        &mut self,
        operation: &'static Operation,
        input: &impl Serialize,
    ) -> Result<T, CallFailure> {
        let client = self.client(ROOT).ok_or(CallFailure::Unreachable)?;
        let input = serde_json::to_value(input).map_err(|_| CallFailure::UnreadableAnswer)?;
        let answer = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&answer);
        self.executor.spawn(CALLERS, async move {
            let answered = client.call(operation, &input).await;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(answered);
        });
        self.run();
        let answered = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        answered.unwrap_or_else(|| panic!("{} is not answered at once", operation.name))
    }

    /// Something that goes on beside the rest, as a process of its own.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> TaskId {
        self.executor.spawn(CALLERS, task)
    }

    /// What lets such a task wait.
    pub fn runtime(&self) -> Arc<dyn vigie_server::Runtime> {
        self.executor.runtime(CALLERS)
    }

    /// CreateStream; gives its ARN.
    pub fn create_stream(&mut self, name: &str) -> String {
        let input = json!({ "StreamName": name, "DataRetentionInHours": RETENTION_HOURS });
        let made: Result<CreateStreamOutput, _> = self.ask(&operation::CREATE_STREAM, &input);
        made.unwrap_or_else(|failure| panic!("a stream: {failure}")).stream_arn
    }

    /// From now on media is kept for so long after it was received.
    pub fn keep_for(&mut self, kept: Duration, stream_arn: &str) {
        let named = json!({ "StreamARN": stream_arn });
        let described: Result<DescribeStreamOutput, _> =
            self.ask(&operation::DESCRIBE_STREAM, &named);
        let info = described.unwrap_or_else(|failure| panic!("{failure}")).stream_info;
        let hours = i32::try_from(kept.as_secs() / 3600).unwrap_or(RETENTION_HOURS);
        let input = json!({
            "StreamARN": stream_arn,
            "CurrentVersion": info.version,
            "Operation": "DECREASE_DATA_RETENTION",
            "DataRetentionChangeInHours": info.data_retention_in_hours.unwrap_or(0) - hours,
        });
        let changed: Result<Value, _> = self.ask(&operation::UPDATE_DATA_RETENTION, &input);
        changed.unwrap_or_else(|failure| panic!("retention: {failure}"));
    }

    /// PutSecretValue, of the camera's secret.
    pub fn put_secret(&mut self, secret_string: &str) {
        let token = token(self.chance.next_u64());
        let input = json!({
            "SecretId": SECRET_ARN, "SecretString": secret_string, "ClientRequestToken": token,
        });
        let put: Result<Value, _> = self.ask(&operation::PUT_SECRET_VALUE, &input);
        put.unwrap_or_else(|failure| panic!("a secret: {failure}"));
    }

    /// StartEdgeConfigurationUpdate.
    pub fn start_update(
        &mut self,
        stream_arn: &str,
        edge_config: &EdgeConfig,
    ) -> Result<(), CallFailure> {
        let input = json!({ "StreamARN": stream_arn, "EdgeConfig": edge_config });
        let started: Result<Value, _> =
            self.ask(&operation::START_EDGE_CONFIGURATION_UPDATE, &input);
        started.map(drop)
    }

    /// DeleteEdgeConfiguration.
    pub fn delete_configuration(&mut self, stream_arn: &str) -> Result<(), CallFailure> {
        let input = json!({ "StreamARN": stream_arn });
        let deleted: Result<Value, _> = self.ask(&operation::DELETE_EDGE_CONFIGURATION, &input);
        deleted.map(drop)
    }

    /// TestCamera, by the camera's secret. What comes of it is in [`SimServer::outcomes`] under this name, unless the server
    /// ends before.
    pub fn test_camera(&mut self, name: &str, caller: &str) {
        let Some(client) = self.client(caller) else { return };
        let (name, outcomes) = (name.to_owned(), Arc::clone(&self.outcomes));
        let input = json!({ "HubDeviceArn": HUB_DEVICE_ARN, "MediaUriSecretArn": SECRET_ARN });
        let test = self.executor.spawn(CALLERS, async move {
            let outcome = match client.call(&operation::TEST_CAMERA, &input).await {
                Ok(answer) => Outcome::Answered(Box::new(answer)),
                Err(CallFailure::Refused { kind, .. }) => Outcome::Refused(kind),
                Err(failure) => panic!("TestCamera: {failure}"),
            };
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((name, outcome));
        });
        self.tests.push(test);
        self.run();
    }

    /// What came of each [`SimServer::test_camera`], in order.
    pub fn outcomes(&self) -> Vec<(String, Outcome)> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A `ClientRequestToken`.
fn token(number: u64) -> String {
    format!("{number:032}")
}

/// The key of a stream's media: its name and its creation time, the end of its ARN.
pub fn media_key(stream_arn: &str) -> String {
    let end = stream_arn.rsplit(":stream/").next().unwrap_or(stream_arn);
    end.replace('/', ".")
}
