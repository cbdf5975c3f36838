//! What the service's acknowledgements mean for the fragments in flight and for the connection.
//!
//! Marks and sets aside; when the next attempt comes is the job's to say.

use vigie_kvs::acknowledgement::{Acknowledgement, AcknowledgementEvent, ErrorId};

use super::connection::Blame;
use super::{Action, Failure, OLD_AFTER, State, UNEXPLAINED_ERRORS_MAX, Uploader};
use crate::chance::Chance;
use crate::clock::Now;

impl<I: Copy + Ord> Uploader<I> {
    pub(super) fn acknowledged(
        &mut self,
        acknowledgement: Acknowledgement,
        now: Now,
        chance: &mut dyn Chance,
        actions: &mut Vec<Action<I>>,
    ) {
        self.progressed(now);
        let Some(connection) = &mut self.connection else { return };
        let timecode_ms = acknowledgement.fragment_timecode_ms;
        match acknowledgement.event {
            AcknowledgementEvent::Buffering | AcknowledgementEvent::Idle => {}
            AcknowledgementEvent::Received => connection.received_unconfirmed = true,
            AcknowledgementEvent::Persisted => {
                connection.received_unconfirmed = false;
                let Some(sent) =
                    connection.remove(|sent| Some(sent.timecode.as_millis()) == timecode_ms)
                else {
                    return;
                };
                actions.push(Action::MarkUploaded { id: sent.id });
                self.backoff.reset();
                self.last_failure = None;
                self.unexplained_errors = 0;
                self.status.collected(now.wall);
                self.say("uploading", now);
            }
            AcknowledgementEvent::Error(error) => {
                self.error_acknowledged(error, timecode_ms, now, chance, actions)
            }
        }
    }

    pub(super) fn error_acknowledged(
        &mut self,
        error: ErrorId,
        timecode_ms: Option<i64>,
        now: Now,
        chance: &mut dyn Chance,
        actions: &mut Vec<Action<I>>,
    ) {
        let Some(connection) = &mut self.connection else { return };
        let index = connection
            .in_flight
            .iter()
            .position(|sent| Some(sent.timecode.as_millis()) == timecode_ms);
        let refuse = match (Blame::of(error), index) {
            (Blame::Connection, _) if now.mono >= connection.opened_at + OLD_AFTER => {
                // As announced after about 45 minutes: go on at once, nothing is wrong.
                self.close(actions);
                self.state = State::WaitingForMedia;
                return;
            }
            (Blame::Service | Blame::Connection, _) => None,
            (Blame::Fragment, Some(index)) => Some(index),
            // It may have been what came before it: tried once more as the first of a connection.
            (Blame::FragmentOrPredecessor, Some(index)) => {
                connection.is_first_sent(index).then_some(index)
            }
            (Blame::Fragment | Blame::FragmentOrPredecessor, None) => {
                self.unexplained_errors += 1;
                (self.unexplained_errors >= UNEXPLAINED_ERRORS_MAX
                    && !connection.in_flight.is_empty())
                .then_some(0)
            }
        };
        if let Some(sent) = refuse.and_then(|index| connection.in_flight.remove(index)) {
            actions.push(Action::MarkRefused { id: sent.id, error });
            self.unexplained_errors = 0;
            self.refused += 1;
            self.last_refusal = Some(error);
        }
        self.fail(Failure::Acknowledged { error }, now, chance, actions);
    }

    /// The service ended its answer: as asked while draining, else out of turn.
    pub(super) fn ended(
        &mut self,
        now: Now,
        chance: &mut dyn Chance,
        actions: &mut Vec<Action<I>>,
    ) {
        let all_confirmed =
            self.connection.as_ref().is_some_and(|connection| connection.in_flight.is_empty());
        if all_confirmed && matches!(self.state, State::Draining | State::Sending) {
            self.close(actions);
            self.state = State::WaitingForMedia;
        } else {
            self.fail(Failure::Closed, now, chance, actions);
        }
    }
}
