//! The embedded engine holds to the contract of the seam.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use vigie_store::thread::{StoreThread, ThreadSettings};
use vigie_store::{OsDisk, Store, StoreSettings};

use super::{Archive, EmbeddedArchive};
use crate::runtime::TokioRuntime;

#[tokio::test]
async fn it_holds_to_the_contract() {
    vigie_archive::contract::hold(|| {
        let folder = tempfile::tempdir().unwrap();
        let disk: Arc<dyn vigie_store::disk::Disk> = Arc::new(OsDisk);
        let (media, index) = (folder.path().join("media"), folder.path().join("index.sqlite"));
        let opened = Store::open_or_begin_anew(&disk, &media, &index, StoreSettings::SERVER);
        let mut store = opened.unwrap().0;
        store.search_at_start().unwrap();
        // Commits are some milliseconds apart: time passes as it is asked for.
        let passed_ms = AtomicU64::new(0);
        let monotonic =
            Box::new(move || Duration::from_millis(passed_ms.fetch_add(10, Ordering::Relaxed)));
        let thread = StoreThread::spawn(store, ThreadSettings::default(), monotonic).unwrap();
        let archive =
            EmbeddedArchive::new(thread.handle(), StoreSettings::SERVER, Arc::new(TokioRuntime));
        ((thread, folder), Arc::new(archive) as Arc<dyn Archive>)
    })
    .await;
}
