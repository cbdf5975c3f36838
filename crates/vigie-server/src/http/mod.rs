//! The HTTP/1.1 listener: accepts, bounds what a caller may hold, hands requests to [`dispatch`], and stops gracefully.
//!
//! Decides nothing about operations. Bare hyper, because PutMedia answers while its request is still coming.

pub(crate) mod body;
mod call;
mod carry_out;
pub(crate) mod content;
mod cors;
mod crowd;
mod dispatch;
mod probes;
pub(crate) mod request_body;
pub(crate) mod response;
mod stall;
mod target;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::app::App;
use crate::guard::{Stranger, Strangers};
use body::{RequestBody, ResponseBody};
use crowd::Crowd;

/// A caller that does not send the head of its next request within this time is cut off; also how long a connection
/// is kept without one.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(30);
/// A caller that does not end its TLS handshake within this time is cut off.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest head of a request: its line and its headers, as HTTP/1.1 writes them.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Read buffer of a connection, which grows only while each read fills it. Twice a head, because media comes cheaper in
/// larger reads: each is answered by a TCP acknowledgement. A head that does not fit is refused by hyper; what gets past
/// it is counted by [`dispatch`].
const READ_BUFFER_BYTES_MAX: usize = 2 * HEAD_BYTES_MAX;
const HEADERS_MAX: usize = 64;
/// After an accept failed for want of something (file descriptors), the pause before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Connections that are still busy this long after the stop are cut.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// Serves until the app stops and its connections have ended, or the grace is over.
pub(crate) async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
) -> io::Result<()> {
    let connections_max = app.config.connections_max.min(Semaphore::MAX_PERMITS);
    let slots = Arc::new(Semaphore::new(connections_max));
    let strangers = Strangers::new(connections_max);
    let mut crowd = Crowd::new(connections_max);
    let mut connections = JoinSet::new();
    let mut stopped = app.process.stopping();
    loop {
        if slots.available_permits() == 0 && strangers.give_up_one() {
            app.metrics.given_up_connections.inc();
        }
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot.map_err(io::Error::other)?,
            () = stopped.wait() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopped.wait() => break,
        };
        match accepted {
            Ok((stream, remote)) => {
                let Some(place) = app.guards.limits.addresses.enter(remote.ip()) else {
                    app.metrics.refused_connections.inc();
                    tracing::debug!(%remote, "an address has as many connections as it may have");
                    continue;
                };
                let (stranger, gave_up) = strangers.enter(remote.ip());
                if gave_up {
                    app.metrics.given_up_connections.inc();
                }
                let open = connections_max - slots.available_permits();
                app.metrics.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
                app.metrics.strangers.set(i64::try_from(strangers.count()).unwrap_or(i64::MAX));
                crowd.tell(open, gave_up, app.process.now().mono);
                let (app, tls) = (Arc::clone(&app), tls.clone());
                connections.spawn(async move {
                    let stranger = Arc::new(stranger);
                    tokio::select! {
                        () = serve_stream(app, stream, remote, tls, Arc::clone(&stranger)) => {}
                        () = stranger.given_up() => {}
                    }
                    drop((slot, place));
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(STOP_GRACE, all_ended).await.is_err() {
        tracing::warn!("connections are still busy; cutting them");
    }
    Ok(())
}

/// Answers a request, whatever brought it.
pub(crate) async fn answer(
    app: Arc<App>,
    remote: SocketAddr,
    request: Request<RequestBody>,
) -> Response<ResponseBody> {
    match target::is_target(request.method(), request.uri()) {
        true => dispatch::dispatch(app, remote, request).await,
        false => response::bad_target(),
    }
}

async fn serve_stream(
    app: Arc<App>,
    stream: TcpStream,
    remote: SocketAddr,
    tls: Option<TlsAcceptor>,
    stranger: Arc<Stranger>,
) {
    // Acknowledgements are small and wanted at once.
    if let Err(error) = stream.set_nodelay(true) {
        return tracing::debug!(%error, "a connection went before it was served");
    }
    let Some(tls) = tls else {
        return serve_connection(app, stream, remote, stranger).await;
    };
    let mut stopped = app.process.stopping();
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream));
    let accepted = tokio::select! {
        accepted = handshake => accepted.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        () = stopped.wait() => return,
    };
    match accepted {
        Ok(stream) => serve_connection(app, stream, remote, stranger).await,
        Err(error) => {
            app.metrics.tls_handshake_failures.inc();
            tracing::debug!(%error, "a TLS handshake failed");
        }
    }
}

async fn serve_connection<S>(app: Arc<App>, stream: S, remote: SocketAddr, stranger: Arc<Stranger>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut stopped = app.process.stopping();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&stranger));
        let request = request.map(body::of_connection);
        let answered = answer(Arc::clone(&app), remote, request);
        async { Ok::<_, Infallible>(answered.await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(READ_BUFFER_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let stream = TokioIo::new(stall::bounded(stream));
    let mut connection = pin!(builder.serve_connection(stream, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopped.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Callers that vanish, time out or speak something else: their affair, and not worth a louder line.
        tracing::debug!(%error, "a connection ended with an error");
    }
}
