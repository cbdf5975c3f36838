//! The sign of life comes from the loop that works: it ends when that is stuck.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use jiff::tz::TimeZone;
use vigie_engine::chance::Chance;
use vigie_engine::pulse::Pulse;
use vigie_kvs::shapes::sync_edge_agent::SyncEdgeAgentOutput;
use vigie_store::disk::{Disk, DiskFile};
use vigie_store::{OsDisk, SqliteIndex, Store, StoreSettings};

use super::clock;
use crate::core::{Effect, Event, Hub, HubSettings};
use crate::ledger::SqliteLedger;
use crate::shell::core_thread;

/// A disk that does not answer while it is stuck.
#[derive(Default)]
struct StuckDisk {
    is_stuck: Mutex<bool>,
    freed: Condvar,
}

impl StuckDisk {
    fn wait(&self) {
        let stuck = self.is_stuck.lock().unwrap();
        drop(self.freed.wait_while(stuck, |is_stuck| *is_stuck).unwrap());
    }

    fn set_stuck(&self, is_stuck: bool) {
        *self.is_stuck.lock().unwrap() = is_stuck;
        self.freed.notify_all();
    }
}

impl Disk for StuckDisk {
    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.wait();
        OsDisk.create_new(path)
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        OsDisk.open(path)
    }
    fn open_read_only(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        OsDisk.open_read_only(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        OsDisk.rename(from, to)
    }
    fn unlink(&self, path: &Path) -> io::Result<()> {
        self.wait();
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
        OsDisk.free_bytes(path)
    }
    fn boot_id(&self) -> Option<String> {
        OsDisk.boot_id()
    }
}

struct NoChance;

impl Chance for NoChance {
    fn next_u64(&mut self) -> u64 {
        0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_is_stuck_gives_no_sign_of_life() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(StuckDisk::default());
    let index = SqliteIndex::open(folder.path().join("index.sqlite")).unwrap();
    let media = folder.path().join("media");
    let (store, _) = Store::open(disk.clone(), media, Box::new(index), StoreSettings::HUB).unwrap();
    let ledger = Box::new(SqliteLedger::open(folder.path()).unwrap());
    let settings = HubSettings {
        hub_device_arn: "arn:aws:iot:us-east-1:000000000000:thing/hub".to_owned(),
        time_zone: TimeZone::UTC,
        commit_interval: Duration::from_secs(1),
    };
    let clock = clock();
    let chance = Box::new(NoChance);
    let hub = Hub::open(settings, store, ledger, disk.clone(), folder.path(), chance, clock.now());

    let beats = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&beats);
    let beat = Box::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let pulse = Pulse::new(Duration::from_millis(20), beat);
    let (core, mut effects, thread) = core_thread::start(hub.unwrap(), clock, Some(pulse)).unwrap();
    let Some(Effect::Sync { request, .. }) = effects.recv().await else {
        panic!("a hub asks first")
    };
    let beaten = |count| {
        let beats = Arc::clone(&beats);
        async move {
            while beats.load(Ordering::SeqCst) < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), beaten(5)).await.unwrap();

    // It has to write its configurations and cannot.
    disk.set_stuck(true);
    let output: SyncEdgeAgentOutput = serde_json::from_value(serde_json::json!({
        "Cursor": "1",
        "Configurations": [{
            "StreamName": "gate",
            "StreamARN": "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/1700000000000",
            "Revision": 1,
            "Action": "DELETE",
            "EdgeConfig": {
                "HubDeviceArn": "arn:aws:iot:us-east-1:000000000000:thing/hub",
                "RecorderConfig": {"MediaSourceConfig": {
                    "MediaUriSecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:a-AbCdEf",
                    "MediaUriType": "RTSP_URI",
                }},
            },
        }],
    }))
    .unwrap();
    core.send(Event::SyncAnswered { request, output }).await;
    // Sooner or later it stands still, and stays so.
    let still = async {
        loop {
            let before = beats.load(Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(200)).await;
            if beats.load(Ordering::SeqCst) == before {
                return before;
            }
        }
    };
    let count = tokio::time::timeout(Duration::from_secs(20), still).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(beats.load(Ordering::SeqCst), count);

    disk.set_stuck(false);
    tokio::time::timeout(Duration::from_secs(20), beaten(count + 5)).await.unwrap();
    core.send(Event::Shutdown).await;
    assert!(!thread.join().unwrap());
}
