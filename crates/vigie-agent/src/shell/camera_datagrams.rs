//! The UDP sockets of a camera's media, and the way from them to the camera's session.
//!
//! They are read as datagrams come, on a thread of their own and not in batches as connections are: the kernel keeps few
//! of them. What the session does not take in time is dropped here, as the kernel would, and shows as lost.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use vigie_engine::clock::{Clock, Now};
use vigie_rtsp::session::PacketKind;

/// Datagrams that wait for the session: a key picture of 4K.
const WAITING_MAX: usize = 1024;
/// The largest datagram there is.
const DATAGRAM_BYTES_MAX: usize = 65_536;
/// Bytes of a block that datagrams are read into.
const BLOCK_BYTES: usize = 256 * 1024;
/// Pairs of ports that are tried: others may have the second of a pair.
const PAIRS_TRIED_MAX: usize = 64;

/// A datagram as it came.
pub(crate) struct Datagram {
    pub(crate) medium: usize,
    pub(crate) kind: PacketKind,
    pub(crate) from: SocketAddr,
    pub(crate) bytes: Bytes,
    pub(crate) arrival: Now,
}

/// All sockets of one session; closed when dropped.
pub(crate) struct CameraDatagrams {
    runtime: Handle,
    clock: Arc<dyn Clock>,
    sender: mpsc::Sender<Datagram>,
    receiver: mpsc::Receiver<Datagram>,
    media: Vec<Medium>,
}

struct Medium {
    number: usize,
    rtp: Arc<UdpSocket>,
    rtcp: Arc<UdpSocket>,
    _reading: JoinSet<()>,
}

impl CameraDatagrams {
    /// Without sockets; they will be read on `runtime`.
    pub(crate) fn new(runtime: Handle, clock: Arc<dyn Clock>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        Self { runtime, clock, sender, receiver, media: Vec::new() }
    }

    /// The next datagram; waits for ever while there are no sockets.
    pub(crate) async fn next(&mut self) -> Datagram {
        match self.receiver.recv().await {
            Some(datagram) => datagram,
            // Its sender is here.
            None => std::future::pending().await,
        }
    }

    /// One that waits.
    pub(crate) fn try_next(&mut self) -> Option<Datagram> {
        self.receiver.try_recv().ok()
    }

    /// Opens a medium's sockets on `address`, an even port and the next (RFC 3550 section 11); which they are.
    pub(crate) fn open(&mut self, medium: usize, address: IpAddr) -> io::Result<(u16, u16)> {
        self.close(medium);
        // Sockets belong to the runtime that they are made on.
        let _entered = self.runtime.enter();
        let (rtp, rtcp) = pair(address)?;
        let ports = (rtp.local_addr()?.port(), rtcp.local_addr()?.port());
        let (rtp, rtcp) = (Arc::new(rtp), Arc::new(rtcp));
        let mut reading = JoinSet::new();
        for (socket, kind) in [(&rtp, PacketKind::Rtp), (&rtcp, PacketKind::Rtcp)] {
            let (socket, sender, clock) =
                (Arc::clone(socket), self.sender.clone(), Arc::clone(&self.clock));
            reading.spawn_on(read(socket, medium, kind, sender, clock), &self.runtime);
        }
        self.media.push(Medium { number: medium, rtp, rtcp, _reading: reading });
        Ok(ports)
    }

    /// Closes a medium's sockets.
    pub(crate) fn close(&mut self, medium: usize) {
        self.media.retain(|known| known.number != medium);
    }

    /// Sends what the session asks for. A datagram that cannot be sent is as good as lost on the way.
    pub(crate) fn send(&self, medium: usize, kind: PacketKind, to: SocketAddr, bytes: &[u8]) {
        let Some(medium) = self.media.iter().find(|known| known.number == medium) else { return };
        let socket = match kind {
            PacketKind::Rtp => &medium.rtp,
            PacketKind::Rtcp => &medium.rtcp,
        };
        if let Err(error) = socket.try_send_to(bytes, to) {
            tracing::debug!(%error, "a datagram to a camera was not sent");
        }
    }
}

fn pair(address: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    let bind = |port| {
        let socket = std::net::UdpSocket::bind((address, port))?;
        socket.set_nonblocking(true)?;
        UdpSocket::from_std(socket)
    };
    // Those of the wrong kind are kept until the end, so that the system gives others.
    let mut passed_over = Vec::new();
    for _ in 0..PAIRS_TRIED_MAX {
        let first = bind(0)?;
        let port = first.local_addr()?.port();
        if port % 2 == 0
            && let Ok(second) = bind(port + 1)
        {
            return Ok((first, second));
        }
        passed_over.push(first);
    }
    Err(io::ErrorKind::AddrInUse.into())
}

async fn read(
    socket: Arc<UdpSocket>,
    medium: usize,
    kind: PacketKind,
    sender: mpsc::Sender<Datagram>,
    clock: Arc<dyn Clock>,
) {
    let mut block = BytesMut::new();
    loop {
        if block.capacity() < DATAGRAM_BYTES_MAX && !block.try_reclaim(BLOCK_BYTES) {
            block = BytesMut::with_capacity(BLOCK_BYTES);
        }
        match socket.recv_buf_from(&mut block).await {
            Ok((count, from)) => {
                let bytes = block.split_to(count).freeze();
                let arrival = clock.now();
                let datagram = Datagram { medium, kind, from, bytes, arrival };
                match sender.try_send(datagram) {
                    Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => {}
                    Err(mpsc::error::TrySendError::Closed(_)) => return,
                }
            }
            // Such as "port unreachable" of something that was sent: nothing about what comes.
            Err(error) => {
                tracing::debug!(%error, "a camera's datagrams");
                tokio::task::yield_now().await;
            }
        }
    }
}
