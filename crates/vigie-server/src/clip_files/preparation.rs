//! The clip files that are under way or ready to be sent, each with its index, which is remembered while somebody wants it.
//!
//! Decides how many are remembered and when one is given up. Memory is counted before it is taken: a file that would not fit is
//! refused, and says so. Reads nothing itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::Timestamp;
use vigie_media::sample::SampleTrack;

use super::session::Fingerprint;
use crate::archive::StoredFragment;
use crate::failure::Answer;
use crate::process::Process;

/// Memory of all indexes together, by an estimate that is above what they take.
const MEMORY_BYTES_MAX: u64 = 256 << 20;
const FRAGMENT_MEMORY_BYTES: u64 = 300;
const FRAME_MEMORY_BYTES: u64 = 24;
/// What nobody has asked for so long is not read on …
const GIVEN_UP_AFTER: Duration = Duration::from_secs(60);
/// … and, once it is read, forgotten after so long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(15 * 60);
/// Who waits says so as often.
const WAITING_SAYS_SO: Duration = Duration::from_secs(10);

/// A file that can be sent.
pub(super) struct Prepared {
    /// `ftyp`, `moov` and the head of `mdat`.
    pub head: Bytes,
    pub size_bytes: u64,
    /// A strong validator, with its quotes: of the fragments and of the index.
    pub etag: String,
    pub tracks: Vec<SampleTrack>,
    pub fragments: Vec<PlacedFragment>,
    /// Fragments that cannot be in the file, for their bytes are not what they should be.
    pub left_out_count: u64,
    /// When the first of them was received: what has expired is not shown any more.
    pub oldest_received: Timestamp,
}

/// A fragment, and where its data begins in the file.
pub(super) struct PlacedFragment {
    pub fragment: StoredFragment,
    pub at_bytes: u64,
}

/// How far a file is.
#[derive(Clone)]
pub(super) enum Phase {
    Reading,
    Ready(Arc<Prepared>),
    Failed(KvsError),
}

/// The work on one file, which all who want it share.
pub(super) struct Preparation {
    pub fingerprint: Fingerprint,
    media_size_bytes: u64,
    pub read_bytes: AtomicU64,
    /// When somebody last wanted it, in milliseconds of the monotonic clock.
    asked_ms: AtomicU64,
    pub phase: watch::Sender<Phase>,
    pub checksum: Checksum,
    memory_bytes: u64,
}

/// A file's checksum, as far as it is computed.
#[derive(Default)]
pub(super) struct Checksum {
    pub is_running: AtomicBool,
    pub hashed_bytes: AtomicU64,
    pub sha256: OnceLock<[u8; 32]>,
    /// Told to the next who asks, who has it tried again.
    pub failed: Mutex<Option<KvsError>>,
}

#[derive(Default)]
pub(super) struct Preparations(Mutex<HashMap<Fingerprint, Arc<Preparation>>>);

impl Preparations {
    fn lock(&self) -> MutexGuard<'_, HashMap<Fingerprint, Arc<Preparation>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that is there, which is now wanted.
    pub(super) fn find(&self, file: Fingerprint, now: Duration) -> Option<Arc<Preparation>> {
        let found = self.lock().get(&file).cloned();
        found.inspect(|preparation| preparation.ask(now))
    }

    /// Forgets one.
    pub(super) fn forget(&self, file: Fingerprint) {
        self.lock().remove(&file);
    }

    /// The one of these fragments, and whether it is new.
    pub(super) fn find_or_begin(
        &self,
        file: Fingerprint,
        fragments: &[StoredFragment],
        now: Duration,
    ) -> Result<(Arc<Preparation>, bool), KvsError> {
        let mut all = self.lock();
        if let Some(found) = all.get(&file) {
            found.ask(now);
            return Ok((Arc::clone(found), false));
        }
        let frames: u64 = fragments.iter().map(|fragment| u64::from(fragment.frame_count)).sum();
        let memory_bytes =
            FRAGMENT_MEMORY_BYTES * fragments.len() as u64 + FRAME_MEMORY_BYTES * frames;
        make_room(&mut all, memory_bytes, now)?;
        let new = Arc::new(Preparation {
            fingerprint: file,
            media_size_bytes: fragments.iter().map(|fragment| fragment.size_bytes).sum(),
            read_bytes: AtomicU64::new(0),
            asked_ms: AtomicU64::new(millis(now)),
            phase: watch::Sender::new(Phase::Reading),
            checksum: Checksum::default(),
            memory_bytes,
        });
        all.insert(file, Arc::clone(&new));
        Ok((new, true))
    }
}

/// Forgets what nobody wants, the longest unwanted first as far as there has to be room.
fn make_room(
    all: &mut HashMap<Fingerprint, Arc<Preparation>>,
    wanted_bytes: u64,
    now: Duration,
) -> Result<(), KvsError> {
    all.retain(|_, one| one.is_in_use() || one.unasked(now) < FORGOTTEN_AFTER);
    loop {
        let used_bytes: u64 = all.values().map(|one| one.memory_bytes).sum();
        if used_bytes + wanted_bytes <= MEMORY_BYTES_MAX {
            return Ok(());
        }
        let idle = all.values().filter(|one| !one.is_in_use());
        let Some(oldest) = idle.max_by_key(|one| one.unasked(now)).map(|one| one.fingerprint)
        else {
            let message = "too many clips are being saved at once; try again when some are done";
            return Err(KvsError::new(ErrorKind::ServiceUnavailable, message));
        };
        all.remove(&oldest);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Preparation {
    pub(super) fn ask(&self, now: Duration) {
        self.asked_ms.store(millis(now), Ordering::Relaxed);
    }

    fn unasked(&self, now: Duration) -> Duration {
        let asked_ms = self.asked_ms.load(Ordering::Relaxed);
        Duration::from_millis(millis(now).saturating_sub(asked_ms))
    }

    /// Whether its work is to stop, for nobody waits for it.
    pub(super) fn is_given_up(&self, now: Duration) -> bool {
        self.unasked(now) > GIVEN_UP_AFTER
    }

    /// Being read, or being sent.
    fn is_in_use(&self) -> bool {
        match &*self.phase.borrow() {
            Phase::Reading => true,
            Phase::Ready(prepared) => Arc::strong_count(prepared) > 1,
            Phase::Failed(_) => false,
        }
    }

    /// The file, if it is there or cannot be made.
    pub(super) fn now(&self) -> Option<Answer<Arc<Prepared>>> {
        match &*self.phase.borrow() {
            Phase::Reading => None,
            Phase::Ready(prepared) => Some(Ok(Arc::clone(prepared))),
            Phase::Failed(error) => Some(Err(error.clone().into())),
        }
    }

    /// How much of its media has been read, 0 to 1.
    pub(super) fn progress(&self) -> f64 {
        let read_bytes = self.read_bytes.load(Ordering::Relaxed);
        read_bytes as f64 / self.media_size_bytes.max(1) as f64
    }

    /// Waits for it.
    pub(super) async fn prepared(&self, process: &Process) -> Answer<Arc<Prepared>> {
        let mut phase = self.phase.subscribe();
        loop {
            self.ask(process.now().mono);
            if let Some(prepared) = self.now() {
                return prepared;
            }
            // Whether it changed or time passed, it is looked at again.
            drop(process.timeout(WAITING_SAYS_SO, phase.changed()).await);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{DocumentId, Location};

    /// Of so many frames.
    fn fragment(frame_count: u32) -> StoredFragment {
        StoredFragment {
            sequence: 1,
            producer_timestamp: Timestamp::EPOCH,
            server_timestamp: Timestamp::EPOCH,
            timecode_ms: 0,
            duration_ms: 2000,
            size_bytes: 100,
            frame_count,
            crc32c: 0,
            number_tail: 0,
            begins_with_key_frame: true,
            document: DocumentId(1),
            at: Location::new(1, Arc::new(())),
        }
    }

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn indexes_take_so_much_memory_together_and_what_nobody_sends_makes_room() {
        let preparations = Preparations::default();
        // Two of them are all the memory there is.
        let half = ((MEMORY_BYTES_MAX / 2 - FRAGMENT_MEMORY_BYTES) / FRAME_MEMORY_BYTES) as u32;
        let begin = |name: u8, frames: u32, now| {
            let begun =
                preparations.find_or_begin(Fingerprint([name; 16]), &[fragment(frames)], now);
            begun.map(|(one, is_new)| (is_new, one)).map_err(|error| error.kind)
        };
        let (is_new, first) = begin(1, half, at(0)).unwrap();
        assert!(is_new);
        assert!(begin(2, half, at(1)).unwrap().0);
        assert!(!begin(1, half, at(2)).unwrap().0, "it is shared");
        assert_eq!(begin(3, 100, at(3)).err(), Some(ErrorKind::ServiceUnavailable));
        // What has failed is in nobody's hands.
        let error = KvsError::not_found("gone");
        first.phase.send_replace(Phase::Failed(error));
        assert!(begin(3, half, at(4)).unwrap().0);
        assert!(preparations.find(Fingerprint([1; 16]), at(4)).is_none());
        assert!(preparations.find(Fingerprint([2; 16]), at(4)).is_some());
    }

    #[test]
    fn work_that_nobody_asks_for_during_a_minute_is_given_up() {
        let preparations = Preparations::default();
        let name = Fingerprint([1; 16]);
        let (one, _) = preparations.find_or_begin(name, &[fragment(1)], at(100)).unwrap();
        assert!(!one.is_given_up(at(160)));
        assert!(one.is_given_up(at(161)));
        preparations.find(name, at(161)).unwrap();
        assert!(!one.is_given_up(at(221)));
    }
}
