//! A camera: moves bytes between its sockets and `vigie_rtsp`, and hands what comes of them to the core in batches.
//!
//! Decides nothing: how a camera is talked to and what of its packets is usable is `vigie_rtsp`'s, and the core closes a
//! session that does not open or falls silent, and opens the next. A mistake in reading one camera ends that camera's
//! session alone.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use vigie_engine::clock::{Clock, Now};
use vigie_engine::recorder::Failure;
use vigie_kvs::media_uri::MediaUri;
use vigie_kvs::shapes::hub_request::CameraTestStep;
use vigie_rtsp::session::Action;
use vigie_rtsp::{Client, ClientOutput};

use crate::camera_outputs::{self, CameraOutputs, Taken};
use crate::core::{Session, SourceEvent};
use crate::shell::camera_connection::CameraConnection;
use crate::shell::camera_datagrams::{CameraDatagrams, Datagram};
use crate::shell::camera_tls::CameraTls;
use crate::shell::camera_uri::CameraUri;
use crate::shell::core_thread::CoreHandle;
use crate::shell::drain_pace::{DrainPace, Hurry};
use crate::shell::frame_batch::{CoreGone, FrameBatch};
use crate::shell::read_pool::ReadPool;

/// A request is a few hundred bytes: a camera that takes none for so long takes no more.
const WRITE_WITHIN: Duration = Duration::from_secs(5);
/// From a session's first frame until it is read no more often than others: until then it is the least delay of a frame
/// that tells how the camera's clock stands.
const SETTLES_WITHIN: Duration = Duration::from_secs(3);
/// For the words of farewell.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);

/// Why a run ended.
enum End {
    Failed(Failure),
    CoreGone,
    /// As the core asked.
    Closed,
}

impl From<CoreGone> for End {
    fn from(_: CoreGone) -> Self {
        Self::CoreGone
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What all cameras of a hub share.
#[derive(Clone)]
pub(crate) struct Cameras {
    pub(crate) core: CoreHandle,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tls: CameraTls,
    pub(crate) pool: Arc<ReadPool>,
    /// How often they are read.
    pub(crate) pace: DrainPace,
    /// Where sockets for datagrams are read, see [`CameraDatagrams`].
    pub(crate) datagram_runtime: Handle,
}

/// A camera to record.
pub(crate) struct RtspSource {
    pub(crate) session: Session,
    pub(crate) uri: MediaUri,
    /// See [`vigie_rtsp::RtspSessionSettings::seed`].
    pub(crate) seed: [u8; 16],
    pub(crate) cameras: Cameras,
}

impl RtspSource {
    /// Plays the camera until it fails or `stop` is sent or dropped, which ends the session in order; dropping the future
    /// closes the connection.
    pub(crate) async fn run(self, stop: oneshot::Receiver<()>) {
        let batch = FrameBatch::new(self.session.clone(), self.cameras.core.clone());
        self.run_into(batch, stop).await;
    }

    /// The same, with a batch of the caller's.
    pub(crate) async fn run_into(self, mut batch: FrameBatch, stop: oneshot::Receiver<()>) {
        let mut playing = JoinSet::new();
        let mut own_batch = batch.another();
        playing.spawn(async move {
            let ended = self.play(&mut own_batch, stop).await;
            own_batch.flush().await?;
            ended
        });
        let failure = match playing.join_next().await {
            Some(Ok(Err(End::Failed(failure)))) => failure,
            Some(Err(error)) if error.is_panic() => {
                tracing::error!(%error, "reading a camera failed");
                Failure::Internal
            }
            _ => return,
        };
        // When the core has ended there is nobody left to tell.
        drop(batch.send(SourceEvent::Failed(failure)).await);
    }

    async fn play(&self, batch: &mut FrameBatch, stop: oneshot::Receiver<()>) -> Result<(), End> {
        let camera = CameraUri::parse(self.uri.expose()).map_err(Failure::BadUri)?;
        let looks_split = camera.looks_split();
        let now = self.cameras.clock.now();
        let datagrams =
            CameraDatagrams::new(self.cameras.datagram_runtime.clone(), self.cameras.clock.clone());
        let mut playing = Playing {
            client: camera_outputs::client_of(camera, self.seed, now.mono),
            outputs: CameraOutputs::new(now.mono),
            cameras: &self.cameras,
            looks_split,
            connection: None,
            datagrams,
            batch,
            kept: None,
            opening: None,
            settles_at: None,
        };
        tokio::select! {
            biased;
            // Sent or dropped, it is all the same.
            _ = stop => {}
            ended = playing.run() => return ended,
        }
        playing.close().await;
        Err(End::Closed)
    }
}

/// A session and its sockets.
struct Playing<'a> {
    client: Client,
    outputs: CameraOutputs,
    cameras: &'a Cameras,
    looks_split: bool,
    connection: Option<CameraConnection>,
    datagrams: CameraDatagrams,
    batch: &'a mut FrameBatch,
    /// Until when the frames of the batch may wait for more.
    kept: Option<(Duration, Hurry)>,
    /// Until the session has settled.
    opening: Option<Hurry>,
    settles_at: Option<Duration>,
}

/// What a session waited for.
enum Happened {
    Read(std::io::Result<Bytes>),
    Datagram(Datagram),
    Late,
}

impl Playing<'_> {
    async fn run(&mut self) -> Result<(), End> {
        loop {
            let now = self.cameras.clock.now();
            self.drain(now).await?;
            // The memory that was read into is for the next camera.
            self.client.detach();
            if self.settles_at.is_some_and(|at| at <= now.mono) {
                self.opening = None;
            }
            if self.batch.is_empty() {
                self.kept = None;
            } else {
                let pace = &self.cameras.pace;
                let until = match &self.kept {
                    Some((until, _)) => *until,
                    None => now.mono + pace.may_keep_for(),
                };
                if until <= now.mono {
                    self.kept = None;
                    self.batch.flush().await?;
                } else {
                    self.kept.get_or_insert_with(|| (until, pace.keep()));
                }
            }
            if let Some(deviations) = self.outputs.deviations(now) {
                self.batch.send(deviations).await?;
            }
            let flush_at = self.kept.as_ref().map(|(until, _)| *until);
            let deadline = [flush_at, self.client.next_deadline()].into_iter().flatten().min();
            match self.wait(deadline, now).await {
                Happened::Read(Ok(bytes)) if bytes.is_empty() => self.disconnected(),
                Happened::Read(Ok(bytes)) => {
                    self.cameras.pace.note_read(bytes.len());
                    self.client.received(bytes, self.cameras.clock.now().mono);
                }
                Happened::Read(Err(error)) => {
                    tracing::debug!(%error, "a camera's connection broke");
                    self.disconnected();
                }
                Happened::Datagram(datagram) => {
                    self.datagram(datagram);
                    while let Some(datagram) = self.datagrams.try_next() {
                        self.datagram(datagram);
                    }
                }
                Happened::Late => {}
            }
            // Whatever came first, what is due is due.
            self.client.timeout(self.cameras.clock.now().mono);
        }
    }

    async fn wait(&mut self, deadline: Option<Duration>, now: Now) -> Happened {
        let wait = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_sub(now.mono));
        let until = Instant::now().checked_add(wait);
        let pool = &self.cameras.pool;
        let connection = &mut self.connection;
        let reading = poll_fn(|context| match connection {
            Some(connection) => pool.poll_read(connection.wire(), context),
            None => std::task::Poll::Pending,
        });
        tokio::select! {
            biased;
            read = reading => Happened::Read(read),
            datagram = self.datagrams.next() => Happened::Datagram(datagram),
            () = sleep_until(until) => Happened::Late,
        }
    }

    fn disconnected(&mut self) {
        self.connection = None;
        self.client.disconnected(self.cameras.clock.now().mono);
    }

    fn datagram(&mut self, datagram: Datagram) {
        let Datagram { medium, kind, from, bytes, arrival } = datagram;
        self.client.datagram(medium, kind, from, bytes, arrival.mono);
    }

    /// Does what the session asks for and passes on what has come of it.
    async fn drain(&mut self, now: Now) -> Result<(), End> {
        while let Some(output) = self.client.poll() {
            if let ClientOutput::Ended(end) = &output {
                tracing::debug!(stream = %self.batch.stream(), %end, "the camera's session ended");
            }
            match self.outputs.take(output, now) {
                Taken::Frame { lost, frame } => {
                    self.settles_at.get_or_insert(now.mono + SETTLES_WITHIN);
                    if let Some(lost) = lost {
                        self.batch.send(lost).await?;
                    }
                    if self.batch.push(frame) {
                        self.batch.flush().await?;
                    }
                }
                Taken::Event(event) => self.batch.send(event).await?,
                Taken::Ended(failure) => return Err(failure.into()),
                Taken::Act(action) => self.execute(action).await?,
                Taken::Step(step) => self.batch.step(step),
                Taken::Nothing => {}
            }
        }
        Ok(())
    }

    /// Moves bytes as the session asks.
    async fn execute(&mut self, action: Action) -> Result<(), End> {
        match action {
            Action::Connect { host, port, tls, reason } => {
                tracing::debug!(stream = %self.batch.stream(), ?reason, "connecting to the camera");
                self.connection = None;
                let tls = tls.then_some(&self.cameras.tls);
                let open = CameraConnection::open(&host, port, tls, self.looks_split);
                let connection = open.await?;
                if self.settles_at.is_none() {
                    self.opening.get_or_insert_with(|| self.cameras.pace.opening());
                }
                let peer = connection.peer;
                self.connection = Some(connection);
                self.batch.step(CameraTestStep::Describe);
                self.client.connected(peer, self.cameras.clock.now().mono);
            }
            Action::Send(bytes) => self.send(&bytes).await,
            Action::OpenUdp { medium } => self.open_udp(medium),
            Action::CloseUdp { medium } => self.datagrams.close(medium),
            Action::SendDatagram { medium, kind, to, bytes } => {
                self.datagrams.send(medium, kind, to, &bytes);
            }
        }
        Ok(())
    }

    /// A camera that takes nothing is as good as gone.
    async fn send(&mut self, bytes: &[u8]) {
        let Some(connection) = &mut self.connection else { return };
        match timeout(WRITE_WITHIN, connection.wire().write_all(bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(%error, "a camera's connection broke");
                self.disconnected();
            }
            Err(_) => self.disconnected(),
        }
    }

    fn open_udp(&mut self, medium: usize) {
        let now = self.cameras.clock.now().mono;
        let Some(local) = self.connection.as_ref().map(|connection| connection.local.ip()) else {
            return self.client.udp_failed(medium, now);
        };
        match self.datagrams.open(medium, local) {
            Ok((rtp_port, rtcp_port)) => self.client.udp_opened(medium, rtp_port, rtcp_port, now),
            Err(error) => {
                tracing::warn!(%error, "no UDP ports for a camera");
                self.client.udp_failed(medium, now);
            }
        }
    }

    /// Takes leave: a camera with few sessions keeps one for whoever went without a word.
    async fn close(&mut self) {
        self.client.close();
        let farewell = async {
            while let Some(output) = self.client.poll() {
                if let ClientOutput::Act(Action::Send(bytes)) = output {
                    self.send(&bytes).await;
                }
            }
        };
        // Too slow: then without it.
        drop(timeout(CLOSE_WITHIN, farewell).await);
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
