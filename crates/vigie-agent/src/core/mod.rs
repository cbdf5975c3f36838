//! The hub's core: a deterministic state machine from events to effects.
//!
//! Every decision comes from `vigie-engine`; the core applies it to the store and to the streams' jobs. It never opens
//! a socket, never reads a clock, never sleeps, never starts a thread: time comes with each event, and what has to be
//! done in the world goes out as [`Effect`]s. The same events at the same times give the same effects.
//!
//! The hub owns jobs, one for each stream; a job owns the parts of its stream's work: recording, uploading, the ledger. A
//! part says what follows, see `outcome`; its owner routes it.

mod camera_test;
mod deletion;
mod effect;
mod erase_queue;
mod event;
mod fragment_pages;
mod hub;
mod hub_media;
mod hub_sync;
mod imports;
mod instance;
mod job;
mod kept;
mod ledgers;
mod outcome;
mod plan_queue;
mod polling;
mod rate;
mod record;
mod requests;
mod saved;
mod shared;
mod small_file;
mod snapshot;
mod stream;
mod stream_ledger;
#[cfg(test)]
mod tests;
mod upload;

pub use camera_test::TestOutcome;
pub use effect::{Effect, MediaSource};
pub use event::{CallFailure, Event, FrameTime, Session, SourceEvent, SourceFrame, UploadEvent};
pub use fragment_pages::FragmentPages;
pub use hub::{Hub, HubError, HubSettings};
pub use hub_media::Waker;
pub use imports::{Import, Imports, NewestFragment, Refused, Remarks};
pub use instance::take_over;
pub use saved::SavedError;
pub use snapshot::{HubSnapshot, StreamSnapshot};
