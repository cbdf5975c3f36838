//! The HTTP client under every call: one connector for `http://` and `https://`, bodies that are whole or fed while
//! they are sent.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::mpsc;

use crate::shell::certificates::{self, Named, client_config};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept: longer than the pauses between two polls.
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// The client that every call shares.
pub(crate) type HttpClient = Client<HttpsConnector<HttpConnector>, RequestBody>;

/// Makes the client. Certificates are the system's (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others); a machine
/// without any still speaks plain `http://`.
pub(crate) fn client() -> io::Result<HttpClient> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT_TIMEOUT));
    http.set_keepalive(Some(Duration::from_secs(60)));
    let trusted = certificates::of_the_system();
    if trusted.is_empty() {
        tracing::warn!("no system certificates; https endpoints will be refused");
    }
    let mut authorities = rustls::RootCertStore::empty();
    authorities.add_parsable_certificates(trusted.iter().cloned());
    let tls =
        client_config(authorities, Named::ForTheirHosts(trusted)).map_err(io::Error::other)?;
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build(https.wrap_connector(http)))
}

/// A request body: all of it at once, or piece by piece while the response already runs.
pub(crate) enum RequestBody {
    /// The whole body; taken when sent.
    Whole(Option<Bytes>),
    /// Pieces as they come; the end of the channel is the end of the body.
    Fed(mpsc::Receiver<io::Result<Bytes>>),
}

impl RequestBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()))
    }

    /// A body and the end to feed it by. Sending an error cuts the connection, so that the other side never takes a
    /// torn body for a whole one.
    pub(crate) fn fed(pieces_max: usize) -> (mpsc::Sender<io::Result<Bytes>>, Self) {
        let (sender, receiver) = mpsc::channel(pieces_max);
        (sender, Self::Fed(receiver))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(bytes) => {
                let bytes = bytes.take().filter(|bytes| !bytes.is_empty());
                Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Fed(receiver) => {
                receiver.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Fed(_) => SizeHint::default(),
        }
    }
}
