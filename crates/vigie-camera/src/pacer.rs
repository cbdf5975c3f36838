//! The one task that sends media: wakes when a frame of any mount is due and writes to all clients that wait for it.
//!
//! One timer for all mounts and no wake-up on writability: a full socket is tried again with the next frames. It
//! never waits for a client.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::Client;
use crate::outgoing::{Outgoing, Scratch};
use crate::shared::{Shared, lock};
use crate::stats::TrackStats;

/// Shortest time between two rounds: many mounts' frames share one wake-up, and none is later than this.
const TICK: Duration = Duration::from_millis(10);
/// A client that is further behind the live position does not read, and is dropped.
const BACKLOG_MAX: Duration = Duration::from_secs(10);

/// Playing clients by mount; mounts without any are absent.
type Playing = BTreeMap<usize, Vec<Arc<Client>>>;

/// What became of a client in one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Has all that is due.
    UpToDate,
    /// Its socket is full.
    Behind,
    /// Plays no more.
    Left,
    /// Did not read for too long.
    Dropped,
    /// Its socket failed: it has gone.
    Lost,
}

/// Runs until it is dropped.
pub(crate) async fn run(shared: Arc<Shared>) {
    let mut playing = Playing::new();
    let mut scratch = Scratch::default();
    let mut was_stalled = false;
    loop {
        for (mount, client) in shared.take_joining() {
            playing.entry(mount).or_default().push(client);
        }
        let now = Instant::now();
        let stalled = shared.is_stalled();
        let behind = match stalled {
            true => {
                leave_out_the_gone(&shared, &mut playing);
                false
            }
            false => send_round(&shared, &mut playing, &mut scratch, now, was_stalled),
        };
        was_stalled = stalled;
        let due = if behind { Some(now) } else { next_due(&shared, &playing, now) };
        let woken = shared.wake_pacer.notified();
        match due.filter(|_| !stalled) {
            Some(due) => tokio::select! {
                () = tokio::time::sleep_until(due.max(now + TICK)) => {}
                () = woken => {}
            },
            None => woken.await,
        }
    }
}

/// Sends to every client what is due for it; whether one of them is behind. `after_stall`: all of them begin anew at
/// the next key frame, as after a gap in a camera's own encoder.
fn send_round(
    shared: &Shared,
    playing: &mut Playing,
    scratch: &mut Scratch,
    now: Instant,
    after_stall: bool,
) -> bool {
    let mut any_behind = false;
    playing.retain(|&mount, clients| {
        let mount_now_90k = shared.mount_now_90k(mount, now);
        let live = shared.presentation.timeline.live_at(mount_now_90k);
        let round = Round { shared, mount, now, mount_now_90k, live };
        let join = after_stall.then(|| shared.next_join(mount, now));
        let mut stats = shared.stats();
        let Some(stats) = stats.get_mut(mount) else { return false };
        clients.retain(|client| {
            let mut out = lock(&client.out);
            if out.paced != Some(mount) {
                return false; // It plays another mount by now.
            }
            if let Some(join) = join.filter(|_| out.is_playing()) {
                out.play_from(join);
            }
            let outcome = round.send_to(client, &mut out, scratch, &mut stats.tracks);
            any_behind |= outcome == Outcome::Behind;
            if matches!(outcome, Outcome::UpToDate | Outcome::Behind) {
                return true;
            }
            stats.clients_dropped += u64::from(outcome == Outcome::Dropped);
            if outcome != Outcome::Left {
                out.stop();
                client.end();
            }
            out.paced = None;
            false
        });
        stats.clients = clients.len();
        !clients.is_empty()
    });
    any_behind
}

/// One mount in one round.
struct Round<'a> {
    shared: &'a Shared,
    mount: usize,
    now: Instant,
    mount_now_90k: u64,
    live: u64,
}

impl Round<'_> {
    /// These frames have left just now.
    fn note_pictures(&self, frames: Range<u64>) {
        let timeline = &self.shared.presentation.timeline;
        let mut groups = self.shared.groups();
        let Some(log) = groups.get_mut(self.mount) else { return };
        for frame in frames.map(|number| timeline.frame(number)).filter(|frame| frame.track == 0) {
            log.picture(frame.key_frame, Instant::now().into_std(), (self.shared.wall)());
        }
    }

    fn send_to(
        &self,
        client: &Client,
        out: &mut Outgoing,
        scratch: &mut Scratch,
        sent: &mut [TrackStats],
    ) -> Outcome {
        let Self { shared, mount, now, mount_now_90k, live } = *self;
        let timeline = &shared.presentation.timeline;
        match out.next_frame() {
            None => return Outcome::Left,
            Some(next) if next < live => {
                out.report_if_due(timeline, mount_now_90k, now, &shared.wall);
            }
            Some(_) => {}
        }
        let presentation = &shared.presentation;
        let first = out.next_frame();
        if let Err(error) = out.send_due(&client.socket, presentation, live, scratch, sent) {
            tracing::debug!(%error, mount, "camera client lost");
            return Outcome::Lost;
        }
        if let (Some(first), Some(next)) = (first, out.next_frame()) {
            self.note_pictures(first..next);
        }
        match out.next_frame() {
            Some(next) if next < live => {
                let due = shared.instant_of(mount, timeline.due_at_90k(next));
                if now.saturating_duration_since(due) > BACKLOG_MAX {
                    tracing::info!(mount, "camera client dropped: it does not read");
                    return Outcome::Dropped;
                }
                Outcome::Behind
            }
            _ => Outcome::UpToDate,
        }
    }
}

fn leave_out_the_gone(shared: &Shared, playing: &mut Playing) {
    playing.retain(|&mount, clients| {
        clients.retain(|client| {
            let mut out = lock(&client.out);
            if out.paced == Some(mount) && !out.is_playing() {
                out.paced = None;
            }
            out.paced == Some(mount)
        });
        if let Some(stats) = shared.stats().get_mut(mount) {
            stats.clients = clients.len();
        }
        !clients.is_empty()
    });
}

/// When the next frame of a mount with clients is due.
fn next_due(shared: &Shared, playing: &Playing, now: Instant) -> Option<Instant> {
    let timeline = &shared.presentation.timeline;
    let due_of = |&mount: &usize| {
        let live = timeline.live_at(shared.mount_now_90k(mount, now));
        shared.instant_of(mount, timeline.due_at_90k(live))
    };
    playing.keys().map(due_of).min()
}
