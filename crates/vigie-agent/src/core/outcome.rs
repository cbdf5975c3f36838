//! What follows from the work of a stream's parts: for each other, for the hub, for the shell.
//!
//! A part never calls another, nor itself: what it has to say is put at the end of a queue, which its owner drains when the
//! call has returned. So nothing re-enters, however much follows from one event, and everything is heard in the order in
//! which it was said. The queues are kept from event to event: a batch of frames allocates nothing here.

use std::collections::VecDeque;
use std::sync::Arc;

use vigie_engine::{recorder, uploader};
use vigie_media::Timestamp;

use super::effect::Effect;
use super::event::SourceFrame;

/// For another part of the same stream, or for the one that says it.
pub(super) enum Followup {
    /// The recorder is to hear this.
    Recorder(recorder::Event),
    /// The uploader is to hear this.
    Uploader(uploader::Event<u64>),
    /// The ledger is to follow this.
    Fragment(FragmentStep),
    /// These are to be written, if there is room.
    Frames(FrameBatch),
    /// The source has ended, and the recorder has heard it.
    SourceOver,
}

/// Frames of one attempt to record.
pub(super) struct FrameBatch {
    pub(super) attempt: u64,
    pub(super) frames: Vec<SourceFrame>,
    /// Room was made for them.
    pub(super) has_room: bool,
}

/// What becomes of the media that is written.
#[derive(Clone, Copy)]
pub(super) enum FragmentStep {
    /// A fragment begins: whatever gap there was ends.
    Begun { sequence: u64, from: Timestamp },
    /// It lasts so long now.
    Grew { duration_ms: i64 },
    /// It is whole, and waits for its commit.
    Ended { duration_ms: i64 },
    /// The media that comes lies far behind what came before it, for the hub's clock was set forward.
    ClockSet,
}

/// For the hub.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Notice {
    /// Something is to be said to the service without waiting for its next answer.
    News,
    /// What is kept of the stream differs from what is on disk.
    Save,
    /// The disk was full: all deletion plans are to be run now.
    DiskFull,
    /// The stream wants its deletion plan run now.
    Cramped(Arc<str>),
    /// More of the stream's media is due than was deleted in one step.
    MoreDue(Arc<str>),
}

#[derive(Default)]
pub(super) struct Outcomes {
    followups: VecDeque<Followup>,
    notices: Vec<Notice>,
    effects: Vec<Effect>,
}

impl Outcomes {
    pub(super) fn recorder(&mut self, event: recorder::Event) {
        self.followups.push_back(Followup::Recorder(event));
    }

    pub(super) fn uploader(&mut self, event: uploader::Event<u64>) {
        self.followups.push_back(Followup::Uploader(event));
    }

    pub(super) fn fragment(&mut self, step: FragmentStep) {
        self.followups.push_back(Followup::Fragment(step));
    }

    pub(super) fn frames(&mut self, batch: FrameBatch) {
        self.followups.push_back(Followup::Frames(batch));
    }

    pub(super) fn source_over(&mut self) {
        self.followups.push_back(Followup::SourceOver);
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    /// What was said first and not heard yet.
    pub(super) fn next_followup(&mut self) -> Option<Followup> {
        self.followups.pop_front()
    }

    pub(super) fn take_notices(&mut self) -> impl Iterator<Item = Notice> + '_ {
        self.notices.drain(..)
    }

    pub(super) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
}
