//! Who may do what: access keys and temporary ones, users and their passwords, what lies sealed on disk, the verification of signatures and the
//! one place that grants or refuses.

mod access;
mod access_key;
mod authenticate;
mod authorize;
mod grant;
mod master_key;
mod one_time_code;
mod passwords;
mod policy_cache;
mod principal;
mod sealed_value;
mod session_token;
mod sign_in;

pub(crate) use access::Access;
pub(crate) use access_key::new_user_id;
#[cfg(test)]
pub(crate) use access_key::seal_purpose;
pub(crate) use authenticate::authenticate;
pub(crate) use authorize::{Resource, authorize};
pub(crate) use grant::{Grant, Grants, HeldGrant};
use one_time_code::OneTimeCode;
use passwords::Passwords;
pub(crate) use policy_cache::PolicyCache;
pub(crate) use session_token::TemporaryCredentials;
pub(crate) use sign_in::{
    Tried, is_same, prove_again, too_soon, try_password, wrong_current_password,
};

pub use access_key::NewAccessKey;
pub use authenticate::Identity;
pub use authorize::Permissions;
pub(crate) use master_key::{MASTER_KEY_PROOF, fill_random};
pub use master_key::{MASTER_KEY_SIZE_BYTES, MasterKey, SealError};
pub use passwords::{UnfitPassword, check_password, hash_password};
pub use principal::Principal;
pub use sealed_value::MasterKeyId;
