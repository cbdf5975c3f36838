//! The shell against loopback: a camera, files, a service.

mod agent;
mod broken_off;
mod camera_tests;
mod core_thread;
mod files;
mod sources;
mod transports;
mod upload;
mod watchdog;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use tokio::time::Instant;
use vigie_engine::chance::NoChance;
use vigie_engine::clock::{Clock, Now};
use vigie_fakes::clock::TestClock;
use vigie_media::Timestamp;
use vigie_store::disk::Disk;
use vigie_store::{SqliteIndex, Store, StoreSettings};

use super::core_message::Message;
use crate::core::{Event, Hub, HubSettings, Session};
use crate::ledger::SqliteLedger;

const ARN: &str = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/1700000000000";
const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// Longer than anything here takes, so that a test that hangs ends.
const DEADLINE: Duration = Duration::from_secs(60);

fn clock() -> Arc<dyn Clock> {
    TestClock::starting_at(START)
}

/// A hub that is new, with its media in `folder`.
fn hub(disk: &Arc<impl Disk + 'static>, folder: &Path, now: Now) -> Hub {
    let index = SqliteIndex::open(folder.join("index.sqlite")).unwrap();
    let media = folder.join("media");
    let (store, _) = Store::open(disk.clone(), media, Box::new(index), StoreSettings::HUB).unwrap();
    let ledger = Box::new(SqliteLedger::open(folder).unwrap());
    let settings = HubSettings {
        hub_device_arn: "arn:aws:iot:us-east-1:000000000000:thing/hub".to_owned(),
        time_zone: TimeZone::UTC,
        commit_interval: Duration::from_secs(1),
    };
    Hub::open(settings, store, ledger, disk.clone(), folder, Box::new(NoChance), now).unwrap()
}

fn session(number: u64) -> Session {
    Session { stream: ARN.into(), number }
}

fn fixture(name: &str) -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    crates.join("vigie-media/tests/fixtures").join(name)
}

/// The next event that the shell reports.
async fn next(messages: &mut mpsc::Receiver<Message>) -> Event {
    match tokio::time::timeout(DEADLINE, messages.recv()).await.expect("no event").unwrap() {
        Message::Event(event) => event,
        Message::Snapshot(_) => panic!("a snapshot is asked for"),
    }
}
