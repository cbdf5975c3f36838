//! The one connection to a camera: TCP, or TLS over it.
//!
//! One is asked for at a time and the one that succeeds is used: cameras have few, some have one. Says why none could be
//! made; decides nothing about trying again beyond the seconds in which a camera that was just switched on is found.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use vigie_engine::recorder::{CameraHost, ConnectCause, Failure, UriFault};

use crate::shell::camera_tls::{CameraTls, handshake_failure};

/// How long each attempt waits. A host that is switched off answers nothing, and the system would ask again after 1, 3 and
/// 7 seconds only; asked anew each second, it is found within a second of its return. The last attempt is for hosts
/// behind a slow link.
const ATTEMPTS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_secs(3),
];
/// To find a name's addresses.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(5);
/// To agree on TLS, which a small camera's processor takes a second for.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(8);

/// Bytes both ways.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// An open connection; closed when dropped.
pub(crate) struct CameraConnection {
    wire: Box<dyn Wire>,
    /// The camera's end.
    pub(crate) peer: SocketAddr,
    /// This end.
    pub(crate) local: SocketAddr,
}

impl CameraConnection {
    /// Connects. `tls`: what certificates are checked by, for a connection over TLS. `looks_split`: see [`CameraHost`].
    pub(crate) async fn open(
        host: &str,
        port: u16,
        tls: Option<&CameraTls>,
        looks_split: bool,
    ) -> Result<Self, Failure> {
        let unreachable = |cause| Failure::Unreachable {
            host: CameraHost { name: host.to_owned(), looks_split },
            cause,
        };
        let stream = connect(host, port).await.map_err(unreachable)?;
        let addresses = (|| Ok((stream.peer_addr()?, stream.local_addr()?)))();
        let (peer, local) = addresses.map_err(|error| unreachable(cause_of(&error)))?;
        // Requests are small and answers waited for. A socket that refuses is slower, and works.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a camera's connection without TCP_NODELAY");
        }
        let wire: Box<dyn Wire> = match tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned())
                    .map_err(|_| Failure::BadUri(UriFault::Host))?;
                match timeout(HANDSHAKE_WITHIN, tls.connector().connect(name, stream)).await {
                    Ok(Ok(stream)) => Box::new(stream),
                    Ok(Err(error)) => return Err(handshake_failure(&error)),
                    Err(_) => return Err(Failure::TlsUnanswered),
                }
            }
        };
        Ok(Self { wire, peer, local })
    }

    /// What is read and written by.
    pub(crate) fn wire(&mut self) -> &mut (impl AsyncRead + AsyncWrite + Unpin + Send + use<>) {
        &mut self.wire
    }
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, ConnectCause> {
    let found = timeout(LOOK_UP_WITHIN, tokio::net::lookup_host((host, port))).await;
    let addresses: Vec<SocketAddr> = match found {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a camera's host has no address");
            return Err(ConnectCause::UnknownHost);
        }
        Err(_) => return Err(ConnectCause::UnknownHost),
    };
    let mut cause = ConnectCause::UnknownHost;
    for wait in ATTEMPTS {
        for address in &addresses {
            match timeout(wait, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => {
                    tracing::debug!(%error, "the camera cannot be connected to");
                    cause = cause_of(&error);
                }
                Err(_) => cause = ConnectCause::NoAnswer,
            }
        }
        // What was answered needs no second question: the recorder waits, and asks again.
        if cause != ConnectCause::NoAnswer {
            break;
        }
    }
    Err(cause)
}

fn cause_of(error: &io::Error) -> ConnectCause {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectCause::Refused,
        io::ErrorKind::TimedOut => ConnectCause::NoAnswer,
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => ConnectCause::NoRoute,
        _ => ConnectCause::Other,
    }
}
