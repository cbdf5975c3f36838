//! One client's RTSP connection: reads requests, answers them, and ends when the client or the camera wants it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rtsp_types::StatusCode;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::chance;
use crate::client::Client;
use crate::framing::{Framer, Malformed};
use crate::outgoing::{Outgoing, Route, Sender};
use crate::response::Response;
use crate::session::{Delivery, RtspSession, SESSION_TIMEOUT_SECONDS, Start};
use crate::shared::{Orders, Shared, lock};
use crate::transport::TransportOffer;

/// A silent client is let go this long after the timeout it was told.
const TIMEOUT_GRACE: Duration = Duration::from_secs(5);
/// How long a client may leave its replies unread.
const REPLY_UNREAD_MAX: Duration = Duration::from_secs(10);
/// Tries to find two neighbouring free UDP ports.
const PORT_PAIR_ATTEMPTS: usize = 64;

/// Serves one connection to its end.
///
/// `orders` has not seen the camera's end: that is how it is told.
pub(crate) async fn run(
    shared: Arc<Shared>,
    socket: TcpStream,
    mut orders: watch::Receiver<Orders>,
) {
    let client = Arc::new(Client::new(socket, shared.presentation.tracks.len()));
    // Ends the client's part in the pacing task in whatever way this one ends.
    let _gone = Gone { shared: &shared, client: &client };
    tokio::select! {
        ended = converse(&shared, &client) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "camera connection ended");
            }
        }
        () = client.ended() => {}
        // Also when the camera itself is gone.
        _ = orders.changed() => {}
    }
}

struct Gone<'a> {
    shared: &'a Shared,
    client: &'a Client,
}

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        lock(&self.client.out).stop();
        self.shared.wake_pacer.notify_one();
    }
}

async fn converse(shared: &Arc<Shared>, client: &Arc<Client>) -> io::Result<()> {
    let nonce = format!("{:016x}{:016x}", chance::random_u64()?, chance::random_u64()?);
    let mut session = RtspSession::new(shared.offer.clone(), nonce, chance::random_u64()?);
    let mut framer = Framer::default();
    let mut input = BytesMut::new();
    let silence_max = Duration::from_secs(SESSION_TIMEOUT_SECONDS) + TIMEOUT_GRACE;
    loop {
        loop {
            match framer.next(&mut input) {
                Ok(Some(request)) => {
                    let mut out = lock(&client.out);
                    let mut delivery = ClientDelivery { shared, client, out: &mut out };
                    let reply = session.answer(&request, &mut delivery);
                    // Under the same lock as PLAY itself: no media leaves before the reply.
                    out.reply(&reply)?;
                }
                Ok(None) => break,
                Err(Malformed) => {
                    let reply = Response::new(StatusCode::BadRequest).to_bytes(None);
                    lock(&client.out).reply(&reply)?;
                    return flush(client).await;
                }
            }
        }
        flush(client).await?;
        let Ok(read) = timeout(silence_max, read(&client.socket, &mut input)).await else {
            return Err(io::ErrorKind::TimedOut.into());
        };
        if read? == 0 {
            return Ok(());
        }
    }
}

async fn read(socket: &TcpStream, input: &mut BytesMut) -> io::Result<usize> {
    loop {
        socket.readable().await?;
        input.reserve(1024);
        match socket.try_read_buf(input) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

/// Sees the replies off before more requests are read.
async fn flush(client: &Client) -> io::Result<()> {
    let flushed = async {
        while !lock(&client.out).flush(&client.socket)? {
            client.socket.writable().await?;
        }
        Ok(())
    };
    timeout(REPLY_UNREAD_MAX, flushed).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
}

/// The camera's side of one client's session, while its sending state is locked.
struct ClientDelivery<'a> {
    shared: &'a Arc<Shared>,
    client: &'a Arc<Client>,
    out: &'a mut Outgoing,
}

impl ClientDelivery<'_> {
    /// The channels the client wishes, or the next free ones.
    fn channels(&self, track: usize, wish: Option<(u8, u8)>) -> io::Result<(u8, u8)> {
        let others = || self.out.senders.iter().enumerate().filter(|(other, _)| *other != track);
        let used = |channel: u8| {
            others().any(|(_, sender)| match sender.as_ref().map(|sender| &sender.route) {
                Some(&Route::Interleaved { rtp, rtcp }) => rtp == channel || rtcp == channel,
                _ => false,
            })
        };
        let free = |&(rtp, rtcp): &(u8, u8)| !used(rtp) && !used(rtcp);
        let pairs = (0..u8::MAX).step_by(2).map(|channel| (channel, channel + 1));
        wish.into_iter()
            .chain(pairs)
            .find(free)
            .ok_or_else(|| io::Error::other("no interleaved channel is free"))
    }
}

impl Delivery for ClientDelivery<'_> {
    fn set_up(&mut self, track: usize, offer: TransportOffer) -> io::Result<String> {
        let (route, transport) = match offer {
            TransportOffer::Interleaved { channels } => {
                let (rtp, rtcp) = self.channels(track, channels)?;
                let transport = format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}");
                (Route::Interleaved { rtp, rtcp }, transport)
            }
            TransportOffer::Udp { rtp_port, rtcp_port } => {
                let peer = self.client.socket.peer_addr()?.ip();
                let (rtp, rtcp) = udp_pair(self.client.socket.local_addr()?.ip())?;
                let transport = format!(
                    "RTP/AVP;unicast;client_port={rtp_port}-{rtcp_port};server_port={}-{}",
                    rtp.local_addr()?.port(),
                    rtcp.local_addr()?.port()
                );
                let rtp = connected(rtp, SocketAddr::new(peer, rtp_port))?;
                let rtcp = connected(rtcp, SocketAddr::new(peer, rtcp_port))?;
                (Route::Udp { rtp, rtcp }, transport)
            }
        };
        let [ssrc, timestamp_base, sequence] = chance::random_u32s()?;
        if let Some(sender) = self.out.senders.get_mut(track) {
            let timestamp_base = self.shared.offer.rtp_time_start.unwrap_or(timestamp_base);
            let mut new = Sender::new(route, ssrc, sequence as u16, timestamp_base);
            new.lose_every = self.shared.offer.lose_every;
            new.delay_every = self.shared.offer.delay_every;
            *sender = Some(new);
        }
        Ok(format!("{transport};ssrc={ssrc:08X}"))
    }

    fn play(&mut self, mount: usize) -> Vec<Start> {
        let join = match self.out.next_frame() {
            Some(playing) => playing,
            None => self.shared.next_join(mount, Instant::now()),
        };
        if !self.out.is_playing() {
            self.out.play_from(join);
            if self.out.paced != Some(mount) {
                self.out.paced = Some(mount);
                self.shared.join(mount, self.client.clone());
            }
        }
        // All tracks' `rtptime` mean the same moment, so that a receiver can lay them side by side.
        let timeline = &self.shared.presentation.timeline;
        let at_90k = timeline.presentation_90k(join);
        let senders = self.out.senders.iter().enumerate();
        senders
            .filter_map(|(track, sender)| {
                let sender = sender.as_ref()?;
                let elapsed = timeline.rtp_time_at(track, at_90k);
                let timestamp = sender.timestamp_base.wrapping_add(elapsed);
                Some(Start { track, sequence: sender.sequence, timestamp })
            })
            .collect()
    }

    fn pause(&mut self) {
        self.out.stop();
        self.shared.wake_pacer.notify_one();
    }

    fn tear_down(&mut self) {
        self.pause();
        self.out.senders.fill_with(|| None);
    }
}

/// Two sockets on neighbouring ports, the first even (RFC 3550 §11).
fn udp_pair(address: IpAddr) -> io::Result<(std::net::UdpSocket, std::net::UdpSocket)> {
    let bind = |port| std::net::UdpSocket::bind(SocketAddr::new(address, port));
    for _ in 0..PORT_PAIR_ATTEMPTS {
        let first = bind(0)?;
        let port = first.local_addr()?.port();
        // The neighbour: one above an even port, one below an odd one.
        match bind(port ^ 1) {
            Ok(second) if port % 2 == 0 => return Ok((first, second)),
            Ok(second) => return Ok((second, first)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no two neighbouring UDP ports are free"))
}

fn connected(socket: std::net::UdpSocket, peer: SocketAddr) -> io::Result<UdpSocket> {
    socket.set_nonblocking(true)?;
    socket.connect(peer)?;
    UdpSocket::from_std(socket)
}
