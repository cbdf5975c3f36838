//! Passwords: what one has to be, its hash, and whether one is right.
//!
//! Argon2id with the parameters that OWASP names first (Password Storage Cheat Sheet): 19 MiB, two passes, one lane. A hash
//! takes that memory and some hundredth of a second of a processor, so that only two are made at once, on threads where no
//! task has to wait, and few wait for them. Never keeps or prints a password. Who may try one how often is decided elsewhere
//! ([`vigie_engine::sign_in_guard`]).

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use vigie_kvs::{ErrorKind, KvsError, Sensitive};

use super::master_key::{SealError, fill_random};
use crate::failure::{Answer, Failure};
use crate::process::Process;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
const CHARS_MIN: usize = 10;
const BYTES_MAX: usize = 256;

/// Hashes that are made at once, which bounds their memory.
const AT_ONCE: usize = 2;
/// Calls that wait for one of these: half a second or so. More are refused.
const WAITING_MAX: usize = 32;

/// A hash by these parameters of what nobody knows: a user that is not there takes as long as one that is.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$b2Ygbm9ib2R5IGF0IGFsbA$CzBVep/E6Q4zWH2ix+wRNluApcrvFDleg6jN8hc8YYY";

/// Why a password cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnfitPassword {
    #[error("a password has at least {CHARS_MIN} characters")]
    TooShort,
    #[error("a password has at most {BYTES_MAX} bytes")]
    TooLong,
    #[error("the password is the user's name; choose another")]
    IsTheName,
}

/// Whether a user of this name may have this password.
pub fn check_password(user_name: &str, password: &Sensitive) -> Result<(), UnfitPassword> {
    let password = password.expose();
    if password.len() > BYTES_MAX {
        return Err(UnfitPassword::TooLong);
    }
    if password.eq_ignore_ascii_case(user_name) {
        return Err(UnfitPassword::IsTheName);
    }
    match password.chars().count() < CHARS_MIN {
        true => Err(UnfitPassword::TooShort),
        false => Ok(()),
    }
}

/// The hash of a password, in the PHC string format. Takes its time.
pub fn hash_password(password: &Sensitive) -> Result<Sensitive, SealError> {
    let mut salt = [0; SALT_BYTES];
    fill_random(&mut salt)?;
    let hash = argon2()?.hash_password_with_salt(password.expose().as_bytes(), &salt);
    hash.map(|hash| Sensitive::new(hash.to_string())).map_err(|_| SealError::NotSealed)
}

fn argon2() -> Result<Argon2<'static>, SealError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|_| SealError::NotSealed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Takes as long whether it is right or not, and also where there is no hash. What is no hash of ours is an error.
fn is_right(password: &Sensitive, hash: Option<&Sensitive>) -> Result<bool, SealError> {
    let text = hash.map_or(NOBODYS, Sensitive::expose);
    let parsed = PasswordHash::new(text).map_err(|_| SealError::NotOpened)?;
    let is_right = argon2()?.verify_password(password.expose().as_bytes(), &parsed).is_ok();
    Ok(is_right && hash.is_some())
}

/// The places where passwords are hashed in a server.
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    queue: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            queue: Semaphore::new(AT_ONCE + WAITING_MAX),
        }
    }
}

impl Passwords {
    pub(crate) async fn hash(&self, process: &Process, password: &Sensitive) -> Answer<Sensitive> {
        let password = password.clone();
        Ok(self.work(process, move || hash_password(&password)).await??)
    }

    /// See [`is_right`].
    pub(crate) async fn is_right(
        &self,
        process: &Process,
        password: &Sensitive,
        hash: Option<&Sensitive>,
    ) -> Answer<bool> {
        let (password, hash) = (password.clone(), hash.cloned());
        Ok(self.work(process, move || is_right(&password, hash.as_ref())).await??)
    }

    async fn work<T: Send + 'static>(
        &self,
        process: &Process,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Answer<T> {
        let busy = || {
            let message = "too many passwords are being checked at once; try again";
            KvsError::new(ErrorKind::ClientLimitExceeded, message)
        };
        let _turn = self.queue.try_acquire().map_err(|_| busy())?;
        let place = Arc::clone(&self.places).acquire_owned().await;
        let cut_off = || Failure::Internal("a password's hash was not made".to_owned());
        let place = place.map_err(|_| cut_off())?;
        // The place is held until the work is done, also where the caller goes.
        let done = process.blocking(move || {
            let done = work();
            drop(place);
            done
        });
        done.await.map_err(|_| cut_off())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_right_or_not_and_a_user_who_is_not_there_has_none() {
        let password = Sensitive::new("correct horse");
        let hash = hash_password(&password).unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.expose());
        assert_ne!(hash_password(&password).unwrap(), hash, "another salt");
        assert_eq!(is_right(&password, Some(&hash)), Ok(true));
        assert_eq!(is_right(&Sensitive::new("correct horsf"), Some(&hash)), Ok(false));
        assert_eq!(is_right(&password, None), Ok(false));
        assert_eq!(is_right(&password, Some(&Sensitive::new("x"))), Err(SealError::NotOpened));
    }

    #[test]
    fn nobodys_hash_costs_what_others_cost() {
        let hash = hash_password(&Sensitive::new("correct horse")).unwrap();
        let cost = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(cost(NOBODYS), cost(hash.expose()));
        assert_eq!(NOBODYS.len(), hash.expose().len());
        PasswordHash::new(NOBODYS).unwrap();
    }

    #[test]
    fn what_is_short_long_or_the_name_is_refused() {
        let check = |password: &str| check_password("Ada.Lovelace", &Sensitive::new(password));
        assert_eq!(check("123456789"), Err(UnfitPassword::TooShort));
        assert_eq!(check("ééééééééé"), Err(UnfitPassword::TooShort));
        assert_eq!(check("ada.lovelacE"), Err(UnfitPassword::IsTheName));
        assert_eq!(check(&"x".repeat(257)), Err(UnfitPassword::TooLong));
        for fit in ["1234567890", "éééééééééé", &"x".repeat(256)] {
            assert_eq!(check(fit), Ok(()));
        }
    }
}
