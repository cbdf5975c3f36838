//! Whether somebody is the user that it says it is: the guard against guessing, the user, the password.
//!
//! Decides their order, and that a user who is not there or disabled costs and says the same as a wrong password.

use std::net::IpAddr;

use vigie_kvs::{ErrorKind, KvsError, Sensitive};

use super::{Access, Identity};
use crate::db::{User, UserKey};
use crate::failure::Answer;
use crate::guard::{Caller, client_prefix};

/// What came of a try.
pub(crate) enum Tried {
    Right(Box<User>),
    Wrong,
    /// Not looked at: so many seconds have to pass before.
    TooSoon {
        seconds: u64,
    },
}

/// Tries a password. One that was right may have been overtaken by a change of the user: what is given out for it says of
/// which epoch it is.
pub(crate) async fn try_password(
    access: &Access,
    user_name: &str,
    password: &Sensitive,
    remote: IpAddr,
) -> Answer<Tried> {
    let address = client_prefix(remote);
    let now = access.process.now().mono;
    if let Err(wait) = access.sign_in_guard().admit(user_name, address, now) {
        return Ok(Tried::TooSoon { seconds: wait.as_secs() + u64::from(wait.subsec_nanos() > 0) });
    }
    let user = access.db.user(UserKey::Name(user_name)).await?.filter(|user| !user.is_disabled);
    let hash = user.as_ref().map(|user| &user.password_hash);
    let looked = access.passwords.is_right(&access.process, password, hash).await;
    let is_right = looked.inspect_err(|_| {
        // It was not looked at, and was no guess.
        access.sign_in_guard().withdraw(user_name, &address);
    })?;
    Ok(match user.filter(|_| is_right) {
        Some(user) => {
            access.sign_in_guard().proven(user_name, address, access.process.now().mono);
            Tried::Right(Box::new(user))
        }
        None => Tried::Wrong,
    })
}

/// Checks that a caller who is about to hand out rights is who it says it is now, and not somebody who has its session: a
/// lasting access key has signed with its secret, a user gives its password once more. Others have to sign with a key.
pub(crate) async fn prove_again(
    access: &Access,
    identity: &Identity,
    operation: &str,
    current_password: Option<&Sensitive>,
    caller: Caller,
) -> Answer<()> {
    let denied = |message: String| KvsError::new(ErrorKind::AccessDenied, message);
    let Some(user) = &identity.user else {
        return match identity.temporary {
            // Else a session would outlive its end.
            true => Err(denied(format!("Cannot call {operation} with session credentials")).into()),
            false => Ok(()),
        };
    };
    let password = current_password.ok_or_else(|| {
        denied(format!("{operation} asks for your password again: give CurrentPassword"))
    })?;
    caller.check_may_send_password()?;
    match try_password(access, &user.name, password, caller.remote.ip()).await? {
        // One that was changed meanwhile may have other rights than this call came with.
        Tried::Right(found) if is_same(&found, user) => Ok(()),
        Tried::Right(_) | Tried::Wrong => Err(wrong_current_password().into()),
        Tried::TooSoon { seconds } => Err(too_soon(seconds).into()),
    }
}

/// Whether a user is as it was when it signed in.
pub(crate) fn is_same(found: &User, user: &User) -> bool {
    found.id == user.id && found.sessions_epoch == user.sessions_epoch
}

pub(crate) fn wrong_current_password() -> KvsError {
    let message = "CurrentPassword is wrong: give the password that you signed in with";
    KvsError::new(ErrorKind::AccessDenied, message)
}

pub(crate) fn too_soon(seconds: u64) -> KvsError {
    let message = format!("there were too many wrong passwords; try again in {seconds} seconds");
    KvsError::new(ErrorKind::ClientLimitExceeded, message)
}
