//! Frames on their way to the core: handed over many at a time, never one wake-up a frame.

use tokio::sync::mpsc;
use vigie_kvs::shapes::hub_request::CameraTestStep;
use vigie_rtsp::client::VIDEO_TRACK;

use crate::core::{Event, Session, SourceEvent, SourceFrame};
use crate::shell::core_thread::CoreHandle;

/// A batch is handed over when it holds this much, or earlier by time.
const BATCH_BYTES: usize = 256 * 1024;
/// Room for what a camera sends between two passes, pictures and sound, without growing.
const FRAMES: usize = 12;

/// The core has ended; the source ends too.
pub(crate) struct CoreGone;

/// One source's way to the core.
pub(crate) struct FrameBatch {
    session: Session,
    core: CoreHandle,
    frames: Vec<SourceFrame>,
    bytes: usize,
    /// Where the steps of a test are said.
    steps: Option<mpsc::UnboundedSender<CameraTestStep>>,
}

impl FrameBatch {
    pub(crate) fn new(session: Session, core: CoreHandle) -> Self {
        Self { session, core, frames: Vec::new(), bytes: 0, steps: None }
    }

    /// One that says there how far its source is.
    pub(crate) fn with_steps(self, steps: mpsc::UnboundedSender<CameraTestStep>) -> Self {
        Self { steps: Some(steps), ..self }
    }

    /// The source begins this step.
    pub(crate) fn step(&self, step: CameraTestStep) {
        if let Some(steps) = &self.steps {
            // Whoever does not listen any more needs no answer.
            steps.send(step).ok();
        }
    }

    /// An empty batch of the same source.
    pub(crate) fn another(&self) -> Self {
        let steps = self.steps.clone();
        Self { steps, ..Self::new(self.session.clone(), self.core.clone()) }
    }

    /// Whose frames they are.
    pub(crate) fn stream(&self) -> &str {
        &self.session.stream
    }

    /// Whether nothing waits to be handed over.
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Adds a frame; `true` when the batch wants [`FrameBatch::flush`]: it is full, or the frame is a picture that begins
    /// a fragment. The one before is whole then, and may be waited for.
    pub(crate) fn push(&mut self, frame: SourceFrame) -> bool {
        if self.frames.is_empty() {
            self.frames.reserve(FRAMES);
        }
        self.bytes += frame.data.len();
        let begins_fragment = frame.key_frame && frame.track_number == VIDEO_TRACK;
        self.frames.push(frame);
        begins_fragment || self.bytes >= BATCH_BYTES
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
