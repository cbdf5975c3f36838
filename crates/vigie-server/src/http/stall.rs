//! Ends a connection whose other side takes nothing: what it was to get would be kept for ever.
//!
//! Decides how long is too long. A slow reader is not a stalled one: every byte that is taken begins the time anew.

use std::pin::Pin;
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio_io_timeout::TimeoutWriter;

/// A consumer of GetMedia may think about a fragment for a while before it reads on.
const STALL_MAX: Duration = Duration::from_secs(120);

/// The stream, whose writes, flushes and shutdown fail when the other side takes nothing for that long.
pub(super) fn bounded<S: AsyncWrite>(stream: S) -> Pin<Box<TimeoutWriter<S>>> {
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(STALL_MAX));
    Box::pin(stream)
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_side_that_takes_nothing_is_given_up_and_one_that_is_slow_is_not() {
        let (near, mut far) = tokio::io::duplex(8);
        let mut near = bounded(near);
        let reading = tokio::spawn(async move {
            let mut byte = [0; 1];
            for _ in 0..8 {
                tokio::time::sleep(STALL_MAX * 9 / 10).await;
                far.read_exact(&mut byte).await.unwrap();
            }
            far
        });
        near.write_all(&[7; 16]).await.unwrap();
        let _far = reading.await.unwrap();
        let before = tokio::time::Instant::now();
        let error = near.write_all(&[7; 16]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(before.elapsed() >= STALL_MAX, "{:?}", before.elapsed());
    }

    #[tokio::test]
    async fn what_is_written_in_pieces_still_goes_in_one_call() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(stream.is_write_vectored() && bounded(stream).is_write_vectored());
    }
}
