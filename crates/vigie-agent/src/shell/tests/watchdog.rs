//! The sign of life comes from the loop that works: it ends when that is stuck.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use vigie_engine::pulse::Pulse;
use vigie_fakes::disk::FaultyDisk;
use vigie_kvs::shapes::sync_edge_agent::SyncEdgeAgentOutput;

use super::{clock, hub};
use crate::core::{Effect, Event};
use crate::shell::core_thread::{self, CoreThread};
use crate::shell::drain_pace::DrainPace;

#[tokio::test(flavor = "multi_thread")]
async fn a_core_that_is_stuck_gives_no_sign_of_life() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultyDisk::default());
    let clock = clock();
    let hub = hub(&disk, folder.path(), clock.now());

    let beats = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&beats);
    let beat = Box::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let pulse = Pulse::new(Duration::from_millis(20), beat);
    let started = core_thread::start(hub, clock, Some(pulse), DrainPace::default());
    let CoreThread { core, mut effects, thread, .. } = started.unwrap();
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
