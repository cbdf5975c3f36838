//! The floor under every call: a bare hyper server that reads a body and answers the same few bytes.

use std::convert::Infallible;
use std::io::Write;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Outcome;

/// As long as the answer of DescribeStream is.
const ANSWER: &[u8] = &[b' '; 420];

/// Serves on a free port, which it prints, until it is killed.
pub(crate) async fn serve() -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service = service_fn(answer);
            // Ends with an error when the load goes away, as it does.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let bytes = request.into_body().collect().await.map(|body| body.to_bytes().len());
    let answer = if bytes.is_ok() { ANSWER } else { b"" };
    Ok(Response::new(Full::new(Bytes::from_static(answer))))
}
