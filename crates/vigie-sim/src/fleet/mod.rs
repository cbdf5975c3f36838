//! Three instances over the same engines in memory, a hub that calls any of them, and producers, readers and a deleter of
//! their own: who writes where is drawn from a seed, and nothing that one instance knows reaches another but by the engines.
//!
//! What must hold is in [`crate::checkers::fleet`]; engines that break it on purpose are in [`mutants`].

pub mod mutants;
mod producer;
mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vigie_agent::core::CallFailure;
use vigie_archive::{Archive, FragmentOrder, FragmentQuery, MemoryArchive, StoredFragment};
use vigie_engine::chance::Chance;
use vigie_engine::hub_sync::WAIT_MAX;
use vigie_kvs::operation;
use vigie_kvs::shapes::Empty;
use vigie_kvs::shapes::edge::{EdgeConfig, ScheduleConfig, SyncStatus, UploaderConfig};
use vigie_metadata::{InProcessNotices, MemoryMetadataDb, MetadataDb, Notices, SilentNotices};

use crate::chance::SimChance;
use crate::executor::at_once;
use crate::fleet::mutants::{Disturbed, Fault};
use crate::hub::Crash;
use crate::server::{Client, Directory, media_key};
use crate::world::{STREAM_ARN, World};

/// So many instances.
pub const INSTANCES: usize = 3;
/// Streams beside the hub's.
const STREAMS: usize = 2;
/// Two that fight for their stream.
const PRODUCERS_OF_STREAM: usize = 2;
const STEPS: u64 = 12;
const SECOND: Duration = Duration::from_secs(1);
/// Longer than anybody waits for time.
const COME_TO_REST: Duration = Duration::from_secs(120);
/// What a hub is to hear it hears within a held call and the way.
const HEARD_WITHIN: Duration = Duration::from_secs(WAIT_MAX.as_secs() + 20);

/// What is wrong with a fleet.
#[derive(Clone, Copy)]
pub struct Disturbance {
    /// What is wrong with the media as each instance sees it.
    pub media: Option<Fault>,
    /// All notices are lost, which is allowed: everybody has to look again.
    pub loses_notices: bool,
    /// Who waits for time waits for ever.
    pub forgets_to_wake: bool,
    /// Nobody who writes is waited for.
    pub everybody_holds: bool,
}

impl Disturbance {
    /// Nothing is.
    pub const NONE: Self =
        Self { media: None, loses_notices: false, forgets_to_wake: false, everybody_holds: false };
}

/// What happened, as those saw it who call.
#[derive(Debug, Default)]
pub struct Seen {
    /// By stream's key: the sequences that were acknowledged as persisted.
    pub acknowledged: BTreeMap<String, BTreeSet<u64>>,
    /// What was acknowledged, and was not there at that moment.
    pub without_row: Vec<(String, u64)>,
    /// Keys of streams that DeleteStream was called for: of those anything may be gone.
    pub deletion_asked: BTreeSet<String>,
    /// By key: a stream that DeleteStream was answered for, with the fragments that it had before.
    pub deleted: BTreeMap<String, Vec<StoredFragment>>,
    /// By key: the sequences that were read, in order.
    pub read: BTreeMap<String, Vec<u64>>,
    /// Changes of the hub's configuration that it did not hear of in time.
    pub unheard: Vec<String>,
    /// Nobody begins anything any more.
    pub is_over: bool,
}

/// What is shared by all who call.
#[derive(Clone)]
pub(crate) struct Shared {
    seen: Arc<Mutex<Seen>>,
    directory: Directory,
    /// As no instance sees it.
    archive: Arc<dyn Archive>,
    chance: Arc<Mutex<SimChance>>,
    runtime: Arc<dyn vigie_server::Runtime>,
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn below(&self, bound: u64) -> u64 {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).below(bound)
    }

    /// An instance, whichever answers.
    fn client(&self) -> Option<Client> {
        let up: Vec<Client> = {
            let directory = self.directory.lock().unwrap_or_else(PoisonError::into_inner);
            directory.iter().flatten().cloned().collect()
        };
        let drawn = self.below(up.len().max(1) as u64) as usize;
        up.into_iter().nth(drawn)
    }

    async fn pause(&self, most: Duration) {
        let time = Duration::from_millis(1 + self.below(most.as_millis() as u64));
        self.runtime.sleep(time).await;
    }

    fn stored(&self, key: &str) -> Vec<StoredFragment> {
        stored(self.archive.as_ref(), key)
    }
}

fn stored(archive: &dyn Archive, key: &str) -> Vec<StoredFragment> {
    let query = FragmentQuery::all(FragmentOrder::Sequence, usize::MAX);
    at_once(archive.list(key, query)).unwrap_or_else(|error| panic!("list: {error}"))
}

/// See the module's documentation.
pub struct Fleet {
    /// Hub, link and instances.
    pub world: World,
    shared: Shared,
    streams: Vec<String>,
    chance: SimChance,
    uploads_by: u64,
}

impl Fleet {
    /// One that begins, with engines that hold to everything.
    pub fn new(seed: u64) -> Self {
        Self::disturbed(seed, Disturbance::NONE)
    }

    /// The same, with something wrong.
    pub fn disturbed(seed: u64, disturbance: Disturbance) -> Self {
        let Disturbance { media, loses_notices, forgets_to_wake, everybody_holds } = disturbance;
        let archive: Arc<dyn Archive> = Arc::new(MemoryArchive::default());
        let metadata: Arc<dyn MetadataDb> = Arc::new(MemoryMetadataDb::default());
        let seen = || -> Arc<dyn Archive> {
            match media {
                None => Arc::clone(&archive),
                Some(fault) => Arc::new(Disturbed::of(fault, Arc::clone(&archive))),
            }
        };
        let archives = (0..INSTANCES).map(|_| seen()).collect();
        let metadata = (0..INSTANCES).map(|_| Arc::clone(&metadata)).collect();
        let notices: Arc<dyn Notices> = match loses_notices {
            false => Arc::new(InProcessNotices::default()),
            true => Arc::new(SilentNotices),
        };
        let mut world = World::of_instances(seed, archives, metadata, notices);
        if everybody_holds {
            world.server.leases = mutants::everybody_holds(Arc::clone(&world.server.leases));
        }
        world.server.forgets_to_wake = forgets_to_wake;
        if forgets_to_wake || everybody_holds {
            world.crash_server(Crash::Kill, Duration::ZERO);
        }
        let shared = Shared {
            seen: Arc::default(),
            directory: world.server.directory(),
            archive,
            chance: Arc::new(Mutex::new(SimChance::new(seed ^ 0xF1EE7))),
            runtime: world.server.runtime(),
        };
        let names = (0..STREAMS).map(|number| format!("yard-{number}"));
        let streams: Vec<String> = names.map(|name| world.server.create_stream(&name)).collect();
        for (number, stream) in streams.iter().enumerate() {
            for producer in 0..PRODUCERS_OF_STREAM {
                let phase_ms = producer as i64 * 500 + number as i64;
                world.server.spawn(producer::run(shared.clone(), stream.clone(), phase_ms));
            }
            world.server.spawn(reader::run(shared.clone(), stream.clone()));
        }
        world.server.spawn(reader::run(shared.clone(), STREAM_ARN.to_owned()));
        let chance = SimChance::new(seed ^ 0x5EED);
        Self { world, shared, streams, chance, uploads_by: 0 }
    }

    /// A whole life: configurations change, instances are killed, the link is cut, a stream goes.
    pub fn live(&mut self) {
        self.configure();
        let deletes_at = self.chance.below(STEPS);
        for step in 0..STEPS {
            self.world.run_for(Duration::from_millis(self.chance.below(15_000)));
            if step == deletes_at {
                self.delete_stream();
            }
            match self.chance.below(8) {
                0 => self.world.cut_link(),
                1..=3 => self.world.mend_link(),
                4 => self.restart_an_instance(),
                5 => self.configure(),
                _ => {}
            }
        }
        self.world.mend_link();
        self.world.run_for(30 * SECOND);
        self.configure();
        self.shared.seen().is_over = true;
        self.world.camera.is_up = false;
        self.world.run_for(COME_TO_REST);
    }

    /// What was seen so far.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen()
    }

    /// What lies in the archive under a stream's key.
    pub fn stored(&self, key: &str) -> Vec<StoredFragment> {
        self.shared.stored(key)
    }

    /// Whether a fragment's bytes can be read, by any instance.
    pub fn can_be_read(&self, fragment: &StoredFragment) -> bool {
        let views = self.world.server.views();
        views.iter().any(|view| at_once(view.read(fragment)).is_ok())
    }

    /// The keys of all streams.
    pub fn keys(&self) -> Vec<String> {
        let all = self.streams.iter().map(String::as_str).chain([STREAM_ARN]);
        all.map(media_key).collect()
    }

    fn restart_an_instance(&mut self) {
        let number = self.chance.below(INSTANCES as u64) as usize;
        self.world.server.stop_instance(number);
        self.world.run_for(Duration::from_millis(self.chance.below(5_000)));
        self.world.server.start();
    }

    /// Changes the hub's configuration at any instance, and sees whether the hub hears of it, over a link that works.
    fn configure(&mut self) {
        self.world.mend_link();
        // Cut before, the hub may not have noticed yet.
        self.world.run_for(30 * SECOND);
        self.uploads_by += 1;
        let config = World::edge_config();
        let schedule_config = Some(ScheduleConfig {
            schedule_expression: format!("0 0/{} * * * ?", self.uploads_by % 30 + 1),
            duration_in_seconds: 3600,
        });
        let uploader_config = Some(UploaderConfig { schedule_config });
        match self.world.server.start_update(STREAM_ARN, &EdgeConfig { uploader_config, ..config })
        {
            Ok(()) => {}
            Err(failure) => {
                let what = format!("change {} was refused: {failure}", self.uploads_by);
                return self.shared.seen().unheard.push(what);
            }
        }
        let deadline = self.world.now().mono + HEARD_WITHIN;
        let is_in_sync = |world: &World| {
            world.server.sync(STREAM_ARN).is_some_and(|sync| sync.status() == SyncStatus::InSync)
        };
        while !is_in_sync(&self.world) {
            if self.world.now().mono >= deadline {
                let what = format!("change {} was not heard of", self.uploads_by);
                return self.shared.seen().unheard.push(what);
            }
            self.world.run_for(SECOND);
        }
    }

    /// A stream goes while its producers write.
    fn delete_stream(&mut self) {
        let stream = self.streams[self.chance.below(STREAMS as u64) as usize].clone();
        let (shared, key) = (self.shared.clone(), media_key(&stream));
        self.world.server.spawn(async move {
            let before = shared.stored(&key);
            shared.seen().deletion_asked.insert(key.clone());
            let input = serde_json::json!({ "StreamARN": stream });
            // Where the call is cut off it is made again, as SDKs do. That the stream is gone is an answer by then.
            loop {
                let answer: Result<Empty, CallFailure> = match shared.client() {
                    Some(client) => client.call(&operation::DELETE_STREAM, &input).await,
                    None => Err(CallFailure::Unreachable),
                };
                if let Ok(_) | Err(CallFailure::Refused { .. }) = answer {
                    break;
                }
                shared.pause(SECOND).await;
            }
            shared.seen().deleted.insert(key, before);
        });
        self.world.run_for(Duration::from_millis(self.chance.below(3_000)));
    }
}
