//! Who may do what: access keys, what lies sealed on disk, the verification of signatures and the one place that
//! grants or refuses.

mod access_key;
mod authenticate;
mod authorize;
mod master_key;

pub(crate) use access_key::seal_purpose;
pub(crate) use authenticate::authenticate;
pub(crate) use authorize::authorize;

pub use access_key::NewAccessKey;
pub use authenticate::Identity;
pub use master_key::{MASTER_KEY_SIZE_BYTES, MasterKey, SealError};
