//! The room of keys: who may call, and the temporary credentials that are given.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vigie_engine::sign_in_guard::SignInGuard;

use super::{MasterKey, OneTimeCode, Passwords, PolicyCache};
use crate::config::ServerConfig;
use crate::db::MetadataDb;
use crate::process::Process;

pub(crate) struct Access {
    pub process: Arc<Process>,
    pub config: Arc<ServerConfig>,
    pub db: Arc<dyn MetadataDb>,
    pub master_key: MasterKey,
    pub policies: Arc<PolicyCache>,
    /// Signs in to the console without a key, once; see [`crate::Server::offer_console_sign_in`].
    pub one_time_code: OneTimeCode,
    pub passwords: Passwords,
    sign_in_guard: Mutex<SignInGuard<IpAddr>>,
}

impl Access {
    pub(crate) fn new(
        process: Arc<Process>,
        config: Arc<ServerConfig>,
        db: Arc<dyn MetadataDb>,
        master_key: MasterKey,
        policies: Arc<PolicyCache>,
    ) -> Self {
        let (one_time_code, passwords, sign_in_guard) = Default::default();
        Self { process, config, db, master_key, policies, one_time_code, passwords, sign_in_guard }
    }

    /// Who may try a password; held only for a decision.
    pub(crate) fn sign_in_guard(&self) -> MutexGuard<'_, SignInGuard<IpAddr>> {
        self.sign_in_guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
