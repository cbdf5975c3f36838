//! `/healthz`, `/readyz` and `/metrics` on the hub itself. Reads only; changes nothing.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::core::HubSnapshot;
use crate::shell::core_thread::CoreHandle;

/// A core that does not answer for this long is stuck: its disk, most likely.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Clients that connect and say nothing are let go after this.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, core: CoreHandle) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: wait rather than spin.
                tracing::warn!(%error, "cannot accept a connection for /metrics");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let core = core.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| answer(request, core.clone()));
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "a connection for /metrics ended early");
            }
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    core: CoreHandle,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::GET {
        return Ok(text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n"));
    }
    Ok(match request.uri().path() {
        // Whether it would help to start it anew: what passes by itself is only said.
        "/healthz" => match snapshot(&core).await {
            Ok(snapshot) if snapshot.troubles.is_empty() => text(StatusCode::OK, "ok\n"),
            Ok(snapshot) => {
                text(StatusCode::OK, format!("ok, but {}\n", snapshot.troubles.join("; ")))
            }
            Err(error) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        },
        "/readyz" => match snapshot(&core).await {
            Ok(snapshot) if !snapshot.troubles.is_empty() => {
                let troubles = snapshot.troubles.join("; ");
                text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {troubles}\n"))
            }
            // A hub without a service still records by its last configuration: it is ready, and says so.
            Ok(snapshot) if snapshot.in_contact => text(StatusCode::OK, "ready\n"),
            Ok(_) => text(StatusCode::OK, "ready, out of contact with the service\n"),
            Err(error) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        },
        "/metrics" => match snapshot(&core).await.map(super::metrics::render) {
            Ok(Ok(metrics)) => {
                let mut response = text(StatusCode::OK, metrics);
                response.headers_mut().insert(
                    header::CONTENT_TYPE,
                    header::HeaderValue::from_static(
                        "application/openmetrics-text; version=1.0.0; charset=utf-8",
                    ),
                );
                response
            }
            Ok(Err(error)) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
            Err(error) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        },
        _ => text(StatusCode::NOT_FOUND, "there are /healthz, /readyz and /metrics\n"),
    })
}

async fn snapshot(core: &CoreHandle) -> io::Result<HubSnapshot> {
    match tokio::time::timeout(ANSWER_TIMEOUT, core.snapshot()).await {
        Ok(Some(snapshot)) => Ok(snapshot),
        Ok(None) => Err(io::Error::other("the agent is stopping")),
        Err(_) => Err(io::Error::other("the agent does not answer; look at its disk")),
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}
