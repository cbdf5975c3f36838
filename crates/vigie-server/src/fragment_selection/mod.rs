//! Which stored fragments a selector's range stands for, alike for sessions, clips and images.
//!
//! [`key_frame`] says where what begins without a key frame begins instead. [`repetitions`] is pure: what counts of media that was ingested more than once. [`range`] reads the index. How much
//! of a range one answer may hold is each operation's to say.

pub(crate) mod key_frame;
mod range;
mod repetitions;

pub(crate) use range::{check_server_range, list_range, list_range_as_of};
pub(crate) use repetitions::{Ingested, SEAM_MS, counts};
