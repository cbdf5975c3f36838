//! Frames on their way to the core: handed over many at a time, never one wake-up a frame.

use tokio::sync::mpsc;
use vigie_kvs::shapes::hub_request::CameraTestStep;

use crate::core::{Event, Session, SourceEvent, SourceFrame};
use crate::shell::core_thread::CoreHandle;

/// A batch is handed over when it holds this much, or earlier by time.
const BATCH_BYTES: usize = 256 * 1024;
/// Room for a second of a camera's frames without growing.
const FRAMES: usize = 64;

/// What a source says of itself while it is tried.
pub(crate) enum TestNote {
    /// It begins this step.
    Step(CameraTestStep),
    /// It says that it sends so many pictures a second.
    FrameRate(f64),
}

/// The core has ended; the source ends too.
pub(crate) struct CoreGone;

/// One source's way to the core.
pub(crate) struct FrameBatch {
    session: Session,
    core: CoreHandle,
    frames: Vec<SourceFrame>,
    bytes: usize,
    /// Where a test listens.
    notes: Option<mpsc::UnboundedSender<TestNote>>,
}

impl FrameBatch {
    pub(crate) fn new(session: Session, core: CoreHandle) -> Self {
        Self { session, core, frames: Vec::new(), bytes: 0, notes: None }
    }

    /// One that tells a test how far its source is.
    pub(crate) fn with_notes(self, notes: mpsc::UnboundedSender<TestNote>) -> Self {
        Self { notes: Some(notes), ..self }
    }

    /// Tells the test, if there is one.
    pub(crate) fn note(&self, note: TestNote) {
        if let Some(notes) = &self.notes {
            // Whoever does not listen any more needs no answer.
            notes.send(note).ok();
        }
    }

    /// An empty batch of the same source.
    pub(crate) fn another(&self) -> Self {
        let notes = self.notes.clone();
        Self { notes, ..Self::new(self.session.clone(), self.core.clone()) }
    }

    /// Adds a frame; `true` when the batch is full and wants [`FrameBatch::flush`].
    pub(crate) fn push(&mut self, frame: SourceFrame) -> bool {
        if self.frames.is_empty() {
            self.frames.reserve(FRAMES);
        }
        self.bytes += frame.data.len();
        self.frames.push(frame);
        self.bytes >= BATCH_BYTES
    }

    /// Hands over what is there, waiting until the core has room.
    pub(crate) async fn flush(&mut self) -> Result<(), CoreGone> {
        match self.take() {
            Some(event) => self.deliver(event).await,
            None => Ok(()),
        }
    }

    /// Hands over what is there and then `event`.
    pub(crate) async fn send(&mut self, event: SourceEvent) -> Result<(), CoreGone> {
        self.flush().await?;
        self.deliver(event).await
    }

    /// [`FrameBatch::flush`] from a thread that may block.
    pub(crate) fn blocking_flush(&mut self) -> Result<(), CoreGone> {
        match self.take() {
            Some(event) => self.blocking_deliver(event),
            None => Ok(()),
        }
    }

    /// [`FrameBatch::send`] from a thread that may block.
    pub(crate) fn blocking_send(&mut self, event: SourceEvent) -> Result<(), CoreGone> {
        self.blocking_flush()?;
        self.blocking_deliver(event)
    }

    fn take(&mut self) -> Option<SourceEvent> {
        self.bytes = 0;
        let frames = std::mem::take(&mut self.frames);
        (!frames.is_empty()).then_some(SourceEvent::Frames(frames))
    }

    async fn deliver(&self, event: SourceEvent) -> Result<(), CoreGone> {
        let event = Event::Source { session: self.session.clone(), event };
        if self.core.send(event).await { Ok(()) } else { Err(CoreGone) }
    }

    fn blocking_deliver(&self, event: SourceEvent) -> Result<(), CoreGone> {
        let event = Event::Source { session: self.session.clone(), event };
        if self.core.blocking_send(event) { Ok(()) } else { Err(CoreGone) }
    }
}
