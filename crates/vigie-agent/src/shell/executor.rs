//! Does what the core asks for: opens and closes sources and uploads, makes calls, and reports what came of it.
//!
//! Decides nothing; every choice came with the effect.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use vigie_engine::clock::Clock;
use vigie_engine::recorder::Failure;
use vigie_kvs::media_uri::MediaUri;
use vigie_store::StoreReader;
use vigie_store::disk::Disk;
use vigie_store::source::SourceBounds;

use crate::core::{Effect, Event, MediaSource, Session, SourceEvent, UploadEvent};
use crate::shell::api_client::ApiClient;
use crate::shell::camera_test::test_camera;
use crate::shell::core_thread::{CoreHandle, CoreTasks};
use crate::shell::drain_pace::DrainPace;
use crate::shell::file_source::FileSource;
use crate::shell::put_media::{Order, PutMedia};
use crate::shell::rtsp_source::{Cameras, RtspSource};
use crate::shell::upload_pace::UploadPace;

/// A source that runs.
enum RunningSource {
    /// Ends in order when this is dropped.
    Rtsp { _running: oneshot::Sender<()> },
    /// Asked to stop between two batches.
    File(Arc<AtomicBool>),
}

/// What runs on behalf of the core.
pub(crate) struct Executor {
    pub(crate) api: ApiClient,
    pub(crate) core: CoreHandle,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pace: UploadPace,
    pub(crate) reader: StoreReader,
    pub(crate) disk: Arc<dyn Disk>,
    /// Where files may lie.
    pub(crate) file_bounds: Arc<SourceBounds>,
    /// Where cameras are read.
    pub(crate) core_tasks: CoreTasks,
    pub(crate) drain_pace: DrainPace,
    pub(crate) cameras: Cameras,
}

impl Executor {
    /// Runs until the core has ended; what still runs then is dropped.
    pub(crate) async fn run(self, mut effects: mpsc::UnboundedReceiver<Effect>) {
        let mut running = Running::default();
        while let Some(effect) = effects.recv().await {
            self.execute(effect, &mut running);
            self.drain_pace.set_live(!running.uploads.is_empty());
        }
    }

    fn execute(&self, effect: Effect, running: &mut Running) {
        match effect {
            Effect::Sync { request, input } => {
                let (api, core) = (self.api.clone(), self.core.clone());
                let task = tokio::spawn(async move {
                    let event = match api.sync_edge_agent(&input).await {
                        Ok(output) => Event::SyncAnswered { request, output },
                        Err(failure) => Event::SyncFailed { request, failure },
                    };
                    core.send(event).await;
                });
                running.replace_sync(task.abort_handle());
            }
            Effect::ListConfigurations { request, hub_device_arn } => {
                let (api, core) = (self.api.clone(), self.core.clone());
                let task = tokio::spawn(async move {
                    let event = match api.list_edge_agent_configurations(&hub_device_arn).await {
                        Ok(configurations) => {
                            Event::ConfigurationsListed { request, configurations }
                        }
                        Err(failure) => Event::SyncFailed { request, failure },
                    };
                    core.send(event).await;
                });
                running.replace_sync(task.abort_handle());
            }
            Effect::ResolveSecret { session, secret_arn } => {
                let (api, core) = (self.api.clone(), self.core.clone());
                tokio::spawn(async move {
                    let event = match api.get_secret_string(&secret_arn).await {
                        Ok(secret_string) => Event::SecretResolved { session, secret_string },
                        Err(failure) => Event::SecretFailed { session, failure },
                    };
                    core.send(event).await;
                });
            }
            Effect::ReadTestSecret { request, secret_arn } => {
                let (api, core) = (self.api.clone(), self.core.clone());
                let id = request.clone();
                let task = tokio::spawn(async move {
                    let secret_string = api.get_secret_string(&secret_arn).await;
                    core.send(Event::TestSecretRead { request, secret_string }).await;
                });
                running.note_test(id, task.abort_handle());
            }
            Effect::TestCamera { request, uri, seed } => {
                let id = request.clone();
                let task = self.core_tasks.spawn(self.test_camera(request, uri, seed));
                running.note_test(id, task);
            }
            Effect::CancelCameraTest { request } => {
                if let Some(task) = running.tests.remove(&request) {
                    task.abort();
                }
            }
            Effect::OpenSource { session, source } => {
                running.sources.insert(session.number, self.open_source(session, source));
            }
            Effect::CloseSource { session } => match running.sources.remove(&session.number) {
                Some(RunningSource::File(stop)) => stop.store(true, Ordering::Relaxed),
                Some(RunningSource::Rtsp { .. }) | None => {}
            },
            Effect::OpenUpload { session, start, document_header } => {
                let (sender, orders) = mpsc::unbounded_channel();
                let number = session.number;
                let upload = PutMedia { session, start, document_header, orders };
                let (api, reader, core) =
                    (self.api.clone(), self.reader.clone(), self.core.clone());
                let task = tokio::spawn(upload.run(api, reader, core, self.pace.clone()));
                running.uploads.insert(number, (sender, task.abort_handle()));
            }
            Effect::SendFragment { session, fragment, complete } => {
                if let Some((orders, _)) = running.uploads.get(&session.number) {
                    // The connection may have ended on its own; its end is reported by itself.
                    drop(orders.send(Order { fragment, complete }));
                }
            }
            Effect::FinishUpload { session } => {
                if let Some((_, task)) = running.uploads.remove(&session.number) {
                    running.finishing.insert(session.number, task);
                }
            }
            Effect::CloseUpload { session } => {
                let upload = running.uploads.remove(&session.number).map(|(_, task)| task);
                if let Some(task) = upload.or_else(|| running.finishing.remove(&session.number)) {
                    task.abort();
                }
            }
            Effect::ListFragments { session, from, until } => {
                let (api, core) = (self.api.clone(), self.core.clone());
                tokio::spawn(async move {
                    let event = match api.list_fragments(&session.stream, from, until).await {
                        Ok(fragments) => UploadEvent::Listed(fragments),
                        Err(failure) => UploadEvent::ListFailed(failure),
                    };
                    core.send(Event::Upload { session, event }).await;
                });
            }
        }
    }

    /// Tries a camera and reports what comes of it.
    fn test_camera(
        &self,
        request: String,
        uri: MediaUri,
        seed: [u8; 16],
    ) -> impl Future<Output = ()> + use<> {
        let (core, cameras) = (self.core.clone(), self.cameras.clone());
        async move {
            let (steps, mut begun) = mpsc::unbounded_channel();
            let testing = test_camera(cameras, uri, seed, move |step| {
                // Whoever does not listen any more needs no answer.
                steps.send(step).ok();
            });
            let mut testing = std::pin::pin!(testing);
            let outcome = loop {
                tokio::select! {
                    outcome = &mut testing => break Box::new(outcome),
                    Some(step) = begun.recv() => {
                        let request = request.clone();
                        core.send(Event::CameraTestStep { request, step }).await;
                    }
                }
            };
            core.send(Event::CameraTested { request, outcome }).await;
        }
    }

    fn open_source(&self, session: Session, source: MediaSource) -> RunningSource {
        let (core, clock) = (self.core.clone(), self.clock.clone());
        match source {
            MediaSource::Rtsp { uri, seed } => {
                let source = RtspSource { session, uri, seed, cameras: self.cameras.clone() };
                let (running, stop) = oneshot::channel();
                self.core_tasks.spawn(source.run(stop));
                RunningSource::Rtsp { _running: running }
            }
            MediaSource::File { uri, ends_at, not_before, imports, newest } => {
                let stopped = Arc::new(AtomicBool::new(false));
                let uri = uri.expose().to_owned();
                let file = FileSource {
                    session: session.clone(),
                    uri,
                    bounds: self.file_bounds.clone(),
                    ends_at,
                    not_before,
                    imports,
                    newest,
                    clock,
                    stopped: stopped.clone(),
                };
                let (disk, delivered_to) = (self.disk.clone(), core.clone());
                // A thread of its own, which nothing waits for: a file system that does not answer must not keep the
                // process from ending, as a task of the runtime would.
                let started = std::thread::Builder::new()
                    .name("file".to_owned())
                    .spawn(move || file.run(&delivered_to, disk.as_ref()));
                if let Err(error) = started {
                    tracing::error!(%error, "start a thread that reads files");
                    let event = SourceEvent::Failed(Failure::FileNotReadable);
                    tokio::spawn(async move { core.send(Event::Source { session, event }).await });
                }
                RunningSource::File(stopped)
            }
        }
    }
}

#[derive(Default)]
struct Running {
    sync: Option<AbortHandle>,
    sources: BTreeMap<u64, RunningSource>,
    /// Tests of cameras, by request; those that have ended as well, until the next one begins.
    tests: BTreeMap<String, AbortHandle>,
    uploads: BTreeMap<u64, (mpsc::UnboundedSender<Order>, AbortHandle)>,
    /// Uploads whose body has ended and whose last acknowledgements are still to come.
    finishing: BTreeMap<u64, AbortHandle>,
}

impl Running {
    /// Every report holds all there is to say: an older one under way has become pointless.
    fn replace_sync(&mut self, task: AbortHandle) {
        if let Some(older) = self.sync.replace(task) {
            older.abort();
        }
    }

    fn note_test(&mut self, request: String, task: AbortHandle) {
        self.tests.retain(|_, test| !test.is_finished());
        self.tests.insert(request, task);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in self.sync.iter().chain(self.tests.values()) {
            task.abort();
        }
        for source in self.sources.values() {
            if let RunningSource::File(stop) = source {
                stop.store(true, Ordering::Relaxed);
            }
        }
        for task in self.uploads.values().map(|(_, task)| task).chain(self.finishing.values()) {
            task.abort();
        }
    }
}
