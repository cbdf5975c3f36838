//! Which stored fragments a selector's range stands for, alike for sessions, clips and images.
//!
//! [`key_frame`] says where what begins without a key frame begins instead, [`single_picture`] how long one lasts that does not
//! say so. [`repetitions`] is pure: what counts of media that was ingested more than once. [`range`] reads the index. How much of
//! a range one answer may hold is each operation's to say.

pub(crate) mod key_frame;
mod range;
mod repetitions;
mod single_picture;

pub(crate) use range::{Found, check_server_range, list_range, list_range_as_of};
pub(crate) use repetitions::{Ingested, SEAM_MS, counts};
pub(crate) use single_picture::lasts_until;
