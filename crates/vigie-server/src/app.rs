//! What every handler shares: the seams, the settings and the state of this process.

use std::convert::Infallible;
use std::future::Future;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, Notify, mpsc, watch};
use tokio::task::JoinHandle;
use vigie_engine::chance::Chance;
use vigie_engine::clock::Clock;
use vigie_kvs::version::version_token;

use crate::age_hold::ServerAgeHold;
use crate::audit::Audit;
use crate::auth::{MasterKey, PolicyCache};
use crate::body_budget::BodyBudget;
use crate::clock_skews::ClockSkews;
use crate::config::ServerConfig;
use crate::console::sign_in::OneTimeCode;
use crate::db::MetadataDb;
use crate::fragment_store::FragmentStore;
use crate::hub_age_holds::HubAgeHolds;
use crate::hub_holders::HubHolders;
use crate::hub_requests::HubRequests;
use crate::hub_wakers::HubWakers;
use crate::images::Images;
use crate::ingest::{Buffers, Connections, OpenFragments};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::playback::Library;
use crate::reading::Readers;

/// See the module's documentation.
pub(crate) struct App {
    pub config: ServerConfig,
    pub clock: Arc<dyn Clock>,
    chance: Mutex<Box<dyn Chance>>,
    pub db: Arc<dyn MetadataDb>,
    pub fragments: Arc<dyn FragmentStore>,
    pub master_key: MasterKey,
    pub metrics: Metrics,
    pub audit: Audit,
    pub limits: Limits,
    /// Signs in to the console without a key, once; see [`crate::Server::offer_console_sign_in`].
    pub one_time_code: OneTimeCode,
    pub policies: PolicyCache,
    pub body_budget: Arc<BodyBudget>,
    pub hub_wakers: Arc<HubWakers>,
    pub hub_requests: HubRequests,
    pub hub_holders: HubHolders,
    pub clock_skews: ClockSkews,
    pub hub_age_holds: HubAgeHolds,
    pub connections: Arc<Connections>,
    pub open_fragments: Arc<OpenFragments>,
    pub buffers: Arc<Buffers>,
    pub readers: Readers,
    pub library: Library,
    /// Absent when images are switched off.
    pub images: Option<Images>,
    /// Whether the clock is believed when it says that something is old.
    pub age_hold: ServerAgeHold,
    /// Wakes the reconciler when a deadline was set.
    pub reconcile: Notify,
    stopping: watch::Sender<bool>,
    /// Held by every background task; taken when the server stops, see [`App::tasks_ended`].
    alive: Mutex<Option<mpsc::Sender<Infallible>>>,
    ended: AsyncMutex<mpsc::Receiver<Infallible>>,
    listen_port: AtomicU16,
}

impl App {
    pub(crate) fn new(
        config: ServerConfig,
        clock: Arc<dyn Clock>,
        chance: Box<dyn Chance>,
        db: Arc<dyn MetadataDb>,
        fragments: Arc<dyn FragmentStore>,
        master_key: MasterKey,
        audit: Audit,
    ) -> Self {
        let age_hold = ServerAgeHold::first(clock.now());
        let (alive, ended) = mpsc::channel(1);
        let body_budget: Arc<BodyBudget> = Arc::default();
        let limits = Limits::new(config.rate_limits, config.connections_per_address_max);
        let open_fragments = Arc::new(OpenFragments::new(config.open_fragments_bytes_max));
        let readers = Readers::new(config.reader_limits);
        let images = config.image_decoders.clone().map(Images::new);
        Self {
            config,
            clock,
            chance: Mutex::new(chance),
            db,
            fragments,
            master_key,
            metrics: Metrics::new(audit.failures(), body_budget.refusals()),
            audit,
            limits,
            one_time_code: OneTimeCode::default(),
            policies: PolicyCache::default(),
            body_budget,
            hub_wakers: Arc::default(),
            hub_requests: HubRequests::default(),
            hub_holders: HubHolders::default(),
            clock_skews: ClockSkews::default(),
            hub_age_holds: HubAgeHolds::default(),
            connections: Arc::default(),
            open_fragments,
            buffers: Arc::default(),
            readers,
            library: Library::default(),
            images,
            age_hold,
            reconcile: Notify::new(),
            stopping: watch::Sender::new(false),
            alive: Mutex::new(Some(alive)),
            ended: AsyncMutex::new(ended),
            listen_port: AtomicU16::new(0),
        }
    }

    /// Goes on with what an earlier process saw of the clock.
    pub(crate) fn with_age_hold(self, age_hold: ServerAgeHold) -> Self {
        Self { age_hold, ..self }
    }

    /// The source of chance; hold it only for a draw.
    pub(crate) fn chance(&self) -> MutexGuard<'_, Box<dyn Chance>> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream's new version.
    pub(crate) fn new_version(&self) -> String {
        let mut chance = self.chance();
        version_token([chance.next_u64(), chance.next_u64()])
    }

    /// A fresh id for a request, in the form of a UUID.
    pub(crate) fn new_request_id(&self) -> String {
        let (high, low) = {
            let mut chance = self.chance();
            (chance.next_u64(), chance.next_u64())
        };
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 48 & 0x3fff),
            low & 0xffff_ffff_ffff
        )
    }

    /// The stop of the server, to wait for.
    pub(crate) fn stopping(&self) -> Stopping {
        Stopping(self.stopping.subscribe())
    }

    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Runs a task that outlives the call it belongs to; the server's end waits for it.
    pub(crate) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tokio::spawn(async move {
            let output = task.await;
            drop(alive);
            output
        })
    }

    /// Resolves when all tasks of [`App::spawn`] have ended. Stop first.
    pub(crate) async fn tasks_ended(&self) {
        drop(self.alive.lock().unwrap_or_else(PoisonError::into_inner).take());
        // Nothing is ever sent: the channel closes with its last sender.
        let closed: Option<Infallible> = self.ended.lock().await.recv().await;
        debug_assert!(closed.is_none());
    }

    /// Whether metadata or media take nothing any more before the process starts again.
    pub(crate) fn has_failed(&self) -> bool {
        self.db.has_ended() || self.fragments.has_ended()
    }

    pub(crate) fn listen_port(&self) -> u16 {
        self.listen_port.load(Ordering::Relaxed)
    }

    pub(crate) fn set_listen_port(&self, port: u16) {
        self.listen_port.store(port, Ordering::Relaxed);
    }
}

/// The stop of the server, which comes once.
pub(crate) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Resolves when the server stops. Safe to drop and call again.
    pub(crate) async fn wait(&mut self) {
        // The other end is gone only when the server is.
        if self.0.wait_for(|stopping| *stopping).await.is_err() {
            tracing::debug!("the server has gone");
        }
    }

    pub(crate) fn is_now(&self) -> bool {
        *self.0.borrow()
    }
}
