//! The floor under GetMedia: a plain hyper server that reads a file block by block and sends it, as often as it is asked.

use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::channel::Channel;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Outcome;

/// What is read and sent at a time.
const BLOCK_BYTES: usize = 256 << 10;

/// Serves `path` on a free port, which it prints, until it is killed.
pub(crate) async fn serve(path: PathBuf) -> Outcome<()> {
    let file = Arc::new(File::open(path)?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let file = Arc::clone(&file);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&file), request));
            // Ends with an error when the load goes away, as it does.
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

async fn answer<B>(
    file: Arc<File>,
    _request: Request<B>,
) -> Result<Response<Channel<Bytes, Infallible>>, Infallible> {
    let (mut sender, body) = Channel::new(4);
    tokio::spawn(async move {
        let mut offset = 0;
        loop {
            let file = Arc::clone(&file);
            let read = tokio::task::spawn_blocking(move || {
                let mut block = vec![0; BLOCK_BYTES];
                file.read_at(&mut block, offset).map(|length| {
                    block.truncate(length);
                    block
                })
            });
            let Ok(Ok(block)) = read.await else { return };
            offset += block.len() as u64;
            if block.is_empty() || sender.send_data(block.into()).await.is_err() {
                return;
            }
        }
    });
    Ok(Response::new(body))
}
