//! A disk that is full, and a disk whose sync fails: producers are told, and nothing that was stored is harmed.

#![allow(clippy::unwrap_used, clippy::expect_used)] // What goes wrong fails the test loudly.

mod common;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use common::TestServer;
use common::media::fragment;
use vigie_store::OsDisk;
use vigie_store::disk::{Disk, DiskFile};

const T: i64 = 1_795_000_000_000;

#[derive(Default)]
struct Trouble {
    full: AtomicBool,
    next_sync_fails: AtomicBool,
}

struct TroubledDisk(Arc<Trouble>);

struct TroubledFile {
    file: Arc<dyn DiskFile>,
    trouble: Arc<Trouble>,
}

impl DiskFile for TroubledFile {
    fn write_all_at(&self, parts: &[&[u8]], offset: u64) -> io::Result<()> {
        self.file.write_all_at(parts, offset)
    }

    fn read_exact_at(&self, offset: u64, length_bytes: usize) -> io::Result<Bytes> {
        self.file.read_exact_at(offset, length_bytes)
    }

    fn sync(&self) -> io::Result<()> {
        match self.trouble.next_sync_fails.swap(false, Ordering::SeqCst) {
            true => Err(io::Error::other("the disk did not take it")),
            false => self.file.sync(),
        }
    }

    fn length_bytes(&self) -> io::Result<u64> {
        self.file.length_bytes()
    }

    fn truncate(&self, length_bytes: u64) -> io::Result<()> {
        self.file.truncate(length_bytes)
    }
}

impl TroubledDisk {
    fn wrap(&self, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(TroubledFile { file, trouble: Arc::clone(&self.0) })
    }
}

impl Disk for TroubledDisk {
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        OsDisk.create_new(path).map(|file| self.wrap(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        OsDisk.open(path).map(|file| self.wrap(file))
    }

    fn open_read_only(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        OsDisk.open_read_only(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsDisk.rename(from, to)
    }

    fn unlink(&self, path: &Path) -> io::Result<()> {
        OsDisk.unlink(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        OsDisk.create_dir_all(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        OsDisk.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        OsDisk.sync_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        OsDisk.list(path)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        match self.0.full.load(Ordering::SeqCst) {
            true => Ok(0),
            false => OsDisk.free_bytes(path),
        }
    }

    fn boot_id(&self) -> Option<String> {
        OsDisk.boot_id()
    }
}

async fn start() -> (TestServer, Arc<Trouble>) {
    let trouble = Arc::new(Trouble::default());
    let server = TestServer::start_on(Arc::new(TroubledDisk(Arc::clone(&trouble)))).await;
    server.create_stream("gate", 24).await;
    (server, trouble)
}

#[tokio::test]
async fn a_full_disk_is_told_to_the_producer_and_heals() {
    let (server, trouble) = start().await;
    server.upload("gate", &[fragment(T, 1)]).await;
    trouble.full.store(true, Ordering::SeqCst);
    // The store learns of it with its next commit, at the latest.
    server.upload("gate", &[fragment(T + 1000, 2)]).await;
    let told = server.upload("gate", &[fragment(T + 2000, 3)]).await;
    assert_eq!(told.last().unwrap(), &format!("ERROR {} 5001", T + 2000));
    let before = server.list_fragments("gate").await;
    assert!(!before.is_empty());
    trouble.full.store(false, Ordering::SeqCst);
    assert_eq!(server.list_fragments("gate").await, before);
    let told = server.upload("gate", &[fragment(T + 3000, 4)]).await;
    assert_eq!(told.last().unwrap(), &format!("PERSISTED {}", T + 3000));
}

#[tokio::test]
async fn a_failed_sync_is_told_and_the_next_try_succeeds() {
    let (server, trouble) = start().await;
    server.upload("gate", &[fragment(T, 1)]).await;
    trouble.next_sync_fails.store(true, Ordering::SeqCst);
    let told = server.upload("gate", &[fragment(T + 1000, 2)]).await;
    assert_eq!(told.last().unwrap(), &format!("ERROR {} 5001", T + 1000));
    assert_eq!(server.list_fragments("gate").await.len(), 1);
    let told = server.upload("gate", &[fragment(T + 1000, 2)]).await;
    assert_eq!(told.last().unwrap(), &format!("PERSISTED {}", T + 1000));
    assert_eq!(server.list_fragments("gate").await.len(), 2);
    assert_eq!(server.get("/readyz").await.status, 200);
}
