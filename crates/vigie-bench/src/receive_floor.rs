//! The floor under PutMedia's processor time: a plain program that receives the same bytes from as many connections,
//! writes each fragment to the file of its connection, syncs it and answers with one byte. No HTTP, no Matroska, no
//! checksum, no index; a thread for each connection, which waits for nobody. What it costs is what the kernel costs.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::fs::OFlags;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::process::Server;
use crate::{Outcome, Usage};

/// What a write past the page cache has to be a multiple of.
const BLOCK_BYTES: usize = 4096;
/// Before counting begins.
const WARM_UP: Duration = Duration::from_secs(2);

/// The program.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where its files go
    folder: PathBuf,
    /// Bytes of a fragment
    fragment_bytes: usize,
    /// Write past the page cache
    #[arg(long)]
    direct: bool,
}

/// Serves on a free port, which it prints, until it is killed.
pub(crate) fn serve(options: &Options) -> Outcome<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", listener.local_addr()?)?;
    out.flush()?;
    for number in 0.. {
        let (socket, _) = listener.accept()?;
        socket.set_nodelay(true)?;
        let mut open = OpenOptions::new();
        if options.direct {
            open.custom_flags(OFlags::DIRECT.bits().cast_signed());
        }
        let path = options.folder.join(format!("{number}.bytes"));
        let file = open.write(true).create_new(true).open(path)?;
        let fragment_bytes = options.fragment_bytes;
        // Ends with an error when the load goes away, as it does.
        std::thread::spawn(move || receive(socket, &file, fragment_bytes).ok());
    }
    Ok(())
}

fn receive(mut socket: TcpStream, file: &File, fragment_bytes: usize) -> std::io::Result<()> {
    // Whole blocks in either case, so that both write as much.
    let size_bytes = fragment_bytes.next_multiple_of(BLOCK_BYTES);
    let mut memory = vec![0; size_bytes + BLOCK_BYTES];
    let start = memory.as_ptr().align_offset(BLOCK_BYTES).min(BLOCK_BYTES);
    let fragment = &mut memory[start..start + size_bytes];
    let mut at = 0;
    loop {
        socket.read_exact(&mut fragment[..fragment_bytes])?;
        file.write_all_at(fragment, at)?;
        file.sync_data()?;
        at += size_bytes as u64;
        socket.write_all(b"+")?;
    }
}

/// What the program uses under a load of `connections` that send `fragment` as fast as it is taken.
pub(crate) async fn measure(
    cores: &str,
    folder: &Path,
    connections: usize,
    fragment: &Arc<Vec<u8>>,
    direct: bool,
    time: Duration,
) -> Outcome<Usage> {
    let folder = tempfile::tempdir_in(folder)?;
    let server = Server::receiver(cores, folder.path(), fragment.len(), direct)?;
    let persisted = Arc::new(AtomicU64::new(0));
    let mut producers = JoinSet::new();
    for _ in 0..connections {
        producers.spawn(send(server.address, Arc::clone(fragment), Arc::clone(&persisted)));
    }
    tokio::time::sleep(WARM_UP).await;
    Usage::over(time, server.pid(), &persisted, fragment.len(), &mut producers).await
}

async fn send(
    address: SocketAddr,
    fragment: Arc<Vec<u8>>,
    persisted: Arc<AtomicU64>,
) -> Outcome<()> {
    let (mut read, mut write) = tokio::net::TcpStream::connect(address).await?.into_split();
    let sending = async {
        loop {
            write.write_all(&fragment).await?;
        }
    };
    let counting = async {
        loop {
            read.read_u8().await?;
            persisted.fetch_add(1, Ordering::Relaxed);
        }
    };
    tokio::select! {
        ended = sending => ended,
        ended = counting => ended,
    }
}
