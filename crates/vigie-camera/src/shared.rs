//! What all connections and the pacing task of one camera share, and where its mounts stand in time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use vigie_media::Timestamp;

use crate::client::Client;
use crate::media::Presentation;
use crate::session::Offer;
use crate::stats::{GroupLog, MountStats, TrackStats};
use crate::timeline::SEND_CLOCK_HZ;

/// The golden ratio's fraction in parts per million: multiples of it spread evenly over a loop.
const PHASE_STEP_PPM: u128 = 618_034;
const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Told to all connections at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Orders {
    /// Grows by one with each `disconnect_all`.
    pub(crate) disconnects: u64,
    /// The camera ends.
    pub(crate) closing: bool,
}

/// One running camera.
pub(crate) struct Shared {
    pub(crate) presentation: Arc<Presentation>,
    pub(crate) offer: Arc<Offer>,
    pub(crate) wall: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// When mount 0 began its first loop.
    epoch: Instant,
    /// Clients that play since the pacing task last looked, with their mount.
    joining: Mutex<Vec<(usize, Arc<Client>)>>,
    stats: Mutex<Vec<MountStats>>,
    groups: Mutex<Vec<GroupLog>>,
    stalled: AtomicBool,
    pub(crate) refusing: AtomicBool,
    /// Wakes the pacing task out of its turn.
    pub(crate) wake_pacer: Notify,
    pub(crate) orders: watch::Sender<Orders>,
}

impl Shared {
    pub(crate) fn new(
        presentation: Arc<Presentation>,
        offer: Arc<Offer>,
        wall: Box<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Self {
        let tracks = vec![TrackStats::default(); presentation.tracks.len()];
        let stats = vec![MountStats { tracks, ..MountStats::default() }; offer.mounts];
        let groups = vec![GroupLog::default(); offer.mounts];
        Self {
            presentation,
            offer,
            wall,
            epoch: Instant::now(),
            joining: Mutex::new(Vec::new()),
            stats: Mutex::new(stats),
            groups: Mutex::new(groups),
            stalled: AtomicBool::new(false),
            refusing: AtomicBool::new(false),
            wake_pacer: Notify::new(),
            orders: watch::Sender::new(Orders::default()),
        }
    }

    /// How far ahead of mount 0 a mount is, so that the key frames of many mounts do not all leave at once.
    fn phase_90k(&self, mount: usize) -> u64 {
        let duration = u128::from(self.presentation.timeline.duration_90k());
        (mount as u128 * PHASE_STEP_PPM * duration / 1_000_000 % duration) as u64
    }

    /// How long a mount has looped at `now`.
    pub(crate) fn mount_now_90k(&self, mount: usize, now: Instant) -> u64 {
        let elapsed = now.saturating_duration_since(self.epoch).as_nanos();
        let elapsed_90k = elapsed * u128::from(SEND_CLOCK_HZ) / NANOS_PER_SECOND;
        self.phase_90k(mount) + elapsed_90k as u64
    }

    /// When a mount has looped so long: the first moment at which [`Self::mount_now_90k`] shows it.
    pub(crate) fn instant_of(&self, mount: usize, mount_90k: u64) -> Instant {
        let since_epoch_90k = mount_90k.saturating_sub(self.phase_90k(mount));
        let nanos = (u128::from(since_epoch_90k) * NANOS_PER_SECOND).div_ceil(SEND_CLOCK_HZ.into());
        self.epoch + Duration::from_nanos(nanos as u64)
    }

    /// The number of the frame at which a client that plays now begins.
    pub(crate) fn next_join(&self, mount: usize, now: Instant) -> u64 {
        let timeline = &self.presentation.timeline;
        timeline.next_join(timeline.live_at(self.mount_now_90k(mount, now)))
    }

    /// Hands a client to the pacing task.
    pub(crate) fn join(&self, mount: usize, client: Arc<Client>) {
        lock(&self.joining).push((mount, client));
        self.wake_pacer.notify_one();
    }

    /// The clients handed over since the last call.
    pub(crate) fn take_joining(&self) -> Vec<(usize, Arc<Client>)> {
        std::mem::take(&mut *lock(&self.joining))
    }

    pub(crate) fn stats(&self) -> MutexGuard<'_, Vec<MountStats>> {
        lock(&self.stats)
    }

    pub(crate) fn groups(&self) -> MutexGuard<'_, Vec<GroupLog>> {
        lock(&self.groups)
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled.load(Ordering::Acquire)
    }

    pub(crate) fn set_stalled(&self, stalled: bool) {
        self.stalled.store(stalled, Ordering::Release);
        self.wake_pacer.notify_one();
    }
}

/// What a panic left behind is whole here: every critical section leaves its data valid at each step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
