//! What is sent on a connection and when its body ends.
//!
//! Which fragments there are is the backlog's to say; what becomes of them, the acknowledgements'.

use vigie_media::Timestamp;

use super::{Action, Backlog, END_TIMEOUT, IDLE_AFTER, State, Uploader};
use crate::chance::Chance;
use crate::clock::Now;
use crate::media_clock::AHEAD_MS_MAX;

impl<I: Copy + Ord> Uploader<I> {
    pub(super) fn start_sending(&mut self, now: Now) {
        self.state = State::Sending;
        self.progressed(now);
    }

    /// Sends what there is room for.
    pub(super) fn pump(
        &mut self,
        due_before: Timestamp,
        backlog: &dyn Backlog<I>,
        now: Now,
        chance: &mut dyn Chance,
        actions: &mut Vec<Action<I>>,
    ) {
        self.is_at_live_edge = false;
        let Some(connection) = &mut self.connection else { return };
        if connection.is_stalled(now.mono) {
            let failure = connection.stall_failure();
            self.fail(failure, now, chance, actions);
            return;
        }
        let mut room = connection.room();
        while room > 0 {
            let batch = backlog.not_uploaded_after(connection.position, room);
            let batch_is_last = batch.len() < room;
            for pending in &batch {
                if !is_due(pending.timecode, due_before, now.wall) {
                    return self.nothing_left(due_before, now, actions);
                }
                if self.held_by_service.take(pending) {
                    connection.position = Some(pending.id);
                    actions.push(Action::MarkUploaded { id: pending.id });
                    continue;
                }
                if !connection.takes(pending) {
                    return self.drain(now, actions);
                }
                if connection.in_flight.is_empty() {
                    connection.last_progress = now.mono;
                }
                connection.sent(pending);
                actions.push(Action::SendFragment {
                    attempt: self.attempt,
                    id: pending.id,
                    complete: false,
                });
            }
            if batch_is_last {
                self.held_by_service.clear();
                return self.nothing_left(due_before, now, actions);
            }
            room = connection.room();
        }
    }

    /// Everything that is due is sent. A run that ends (hourly) closes its connection; the live edge is waited for.
    pub(super) fn nothing_left(
        &mut self,
        due_before: Timestamp,
        now: Now,
        actions: &mut Vec<Action<I>>,
    ) {
        self.is_at_live_edge = true;
        let Some(connection) = &self.connection else { return };
        let run_ends = due_before != Timestamp::MAX;
        let is_idle =
            connection.in_flight.is_empty() && now.mono >= connection.last_progress + IDLE_AFTER;
        if run_ends || is_idle {
            self.drain(now, actions);
        }
    }

    /// Ends the body: the service then completes the last fragment and answers for all.
    pub(super) fn drain(&mut self, now: Now, actions: &mut Vec<Action<I>>) {
        self.state = State::Draining;
        self.progressed(now);
        actions.push(Action::FinishUpload { attempt: self.attempt });
    }

    pub(super) fn settle_draining(
        &mut self,
        backlog: &dyn Backlog<I>,
        now: Now,
        chance: &mut dyn Chance,
        actions: &mut Vec<Action<I>>,
    ) {
        let Some(connection) = &self.connection else { return };
        if connection.in_flight.is_empty() && now.mono >= connection.last_progress + END_TIMEOUT {
            self.close(actions);
            let due_before = self.windows.due_before(now.wall);
            self.wait_or_connect(due_before, backlog, now, actions);
        } else if connection.is_stalled(now.mono) {
            let failure = connection.stall_failure();
            self.fail(failure, now, chance, actions);
        }
    }
}

/// Whether a fragment is to be sent by now. One from the future is: it was recorded under a clock that has been set
/// right since, and whatever comes behind it would wait for it.
pub(super) fn is_due(timecode: Timestamp, due_before: Timestamp, now: Timestamp) -> bool {
    timecode < due_before || timecode.millis_since(now) > AHEAD_MS_MAX
}

/// Nothing may follow the last fragment for long, and the service must not wait for it.
pub(super) fn complete_last<I>(actions: &mut [Action<I>]) {
    let last = actions.iter_mut().rev().find_map(|action| match action {
        Action::SendFragment { complete, .. } => Some(complete),
        _ => None,
    });
    if let Some(complete) = last {
        *complete = true;
    }
}
