//! A running camera: its listener, and the handle that its owner and tests hold.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use vigie_media::Timestamp;

use crate::config::CameraConfig;
use crate::connection;
use crate::error::CameraError;
use crate::pacer;
use crate::session::Offer;
use crate::shared::{Orders, Shared};
use crate::stats::{GroupLog, MountStats, SentGroup};

/// What the kernel may hold for one client. A stalled client costs no more, and is noticed.
const SEND_BUFFER_BYTES: u32 = 256 * 1024;
const LISTEN_BACKLOG: u32 = 1024;
/// Connections at one time; more are closed at once.
const CONNECTIONS_MAX: usize = 4096;
/// After a failed accept (no file descriptors left, mostly) before the next.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// A camera that runs until [`Camera::shutdown`] or until it is dropped.
pub struct Camera {
    shared: Arc<Shared>,
    local_addr: SocketAddr,
    accepting: JoinHandle<()>,
    pacing: JoinHandle<()>,
}

impl Camera {
    /// Binds and serves. `wall_clock` is read for the sender reports, which tell clients what time it is here.
    ///
    /// # Errors
    /// [`CameraError::Config`] for no mounts, [`CameraError::Listen`] when the address cannot be bound.
    pub async fn start(
        config: CameraConfig,
        wall_clock: impl Fn() -> Timestamp + Send + Sync + 'static,
    ) -> Result<Self, CameraError> {
        let CameraConfig {
            listen,
            mounts,
            media,
            credentials,
            auth,
            udp_only,
            lose_every,
            delay_every,
            rtp_time_start,
        } = config;
        if mounts == 0 {
            return Err(CameraError::Config("a camera needs at least one mount"));
        }
        if credentials.as_ref().is_some_and(|credentials| credentials.user.contains(':')) {
            return Err(CameraError::Config("a user name cannot contain a colon"));
        }
        let listener =
            bind(listen).map_err(|source| CameraError::Listen { address: listen, source })?;
        let local_addr = listener
            .local_addr()
            .map_err(|source| CameraError::Listen { address: listen, source })?;
        let presentation = media.presentation();
        let sdp = presentation.sdp(local_addr.ip());
        let track_count = presentation.tracks.len();
        let offer = Arc::new(Offer {
            mounts,
            track_count,
            sdp,
            credentials,
            auth,
            udp_only,
            lose_every,
            delay_every,
            rtp_time_start,
        });
        let shared = Arc::new(Shared::new(presentation, offer, Box::new(wall_clock)));
        let pacing = tokio::spawn(pacer::run(shared.clone()));
        // Here, not in the task: an order that comes before the task runs counts as well.
        let orders = shared.orders.subscribe();
        let accepting = tokio::spawn(accept(shared.clone(), listener, orders));
        Ok(Self { shared, local_addr, accepting, pacing })
    }

    /// The bound address; tells the port when 0 was asked for.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The URI of a mount, without credentials.
    pub fn url(&self, mount: usize) -> String {
        format!("rtsp://{}/cam{mount}", self.local_addr)
    }

    /// Stops all media and reports but keeps the connections and answers requests, as a camera whose encoder hangs.
    pub fn stall(&self) {
        self.shared.set_stalled(true);
    }

    /// Ends a stall: every client goes on at the live position's next key frame. The stalled time is missing from
    /// the media and present in its RTP timestamps; sequence numbers go on without a gap.
    pub fn resume(&self) {
        self.shared.set_stalled(false);
    }

    /// Closes all connections.
    pub fn disconnect_all(&self) {
        self.shared.orders.send_modify(|orders| orders.disconnects += 1);
    }

    /// Whether new connections are closed as soon as they are made. Those that stand are not touched.
    pub fn refuse_connections(&self, refuse: bool) {
        self.shared.refusing.store(refuse, Ordering::Release);
    }

    /// What a mount has sent; `None` for a mount that there is not.
    pub fn stats(&self, mount: usize) -> Option<MountStats> {
        self.shared.stats().get(mount).cloned()
    }

    /// The groups of pictures that a mount has sent since this was last asked, oldest first; the newest of many. Of a
    /// mount with one client: those of several are mixed.
    pub fn take_sent_groups(&self, mount: usize) -> Vec<SentGroup> {
        self.shared.groups().get_mut(mount).map(GroupLog::take).unwrap_or_default()
    }

    /// Closes all connections and the listener, and waits until that is done.
    pub async fn shutdown(mut self) {
        self.shared.orders.send_modify(|orders| orders.closing = true);
        if let Err(error) = (&mut self.accepting).await {
            tracing::error!(%error, "the camera's listener failed");
        }
        self.pacing.abort();
        // Cancelled, as it was just told; it holds the last references to the clients' sockets.
        if let Err(error) = (&mut self.pacing).await
            && !error.is_cancelled()
        {
            tracing::error!(%error, "the camera's pacing failed");
        }
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.accepting.abort();
        self.pacing.abort();
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Accepted sockets inherit it.
    socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

async fn accept(shared: Arc<Shared>, listener: TcpListener, mut orders: watch::Receiver<Orders>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => take(&shared, socket, &orders, &mut connections),
                Err(error) => {
                    tracing::warn!(%error, "the camera cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a camera connection failed");
                }
            }
            changed = orders.changed() => {
                if changed.is_err() || orders.borrow_and_update().closing {
                    break;
                }
            }
        }
    }
    drop(listener);
    // Each ends by the same order.
    while connections.join_next().await.is_some() {}
}

fn take(
    shared: &Arc<Shared>,
    socket: TcpStream,
    orders: &watch::Receiver<Orders>,
    connections: &mut JoinSet<()>,
) {
    let refused = shared.refusing.load(Ordering::Acquire) || connections.len() >= CONNECTIONS_MAX;
    if refused {
        return;
    }
    // Frames are written whole; waiting for more would only delay them.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "camera client without TCP_NODELAY");
    }
    connections.spawn(connection::run(shared.clone(), socket, orders.clone()));
}
