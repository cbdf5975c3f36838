//! The room of keys: who may call, and the temporary credentials that are given.

use std::sync::Arc;

use super::{MasterKey, OneTimeCode, PolicyCache};
use crate::config::ServerConfig;
use crate::db::MetadataDb;
use crate::process::Process;

pub(crate) struct Access {
    pub process: Arc<Process>,
    pub config: Arc<ServerConfig>,
    pub db: Arc<dyn MetadataDb>,
    pub master_key: MasterKey,
    pub policies: PolicyCache,
    /// Signs in to the console without a key, once; see [`crate::Server::offer_console_sign_in`].
    pub one_time_code: OneTimeCode,
}

impl Access {
    pub(crate) fn new(
        process: Arc<Process>,
        config: Arc<ServerConfig>,
        db: Arc<dyn MetadataDb>,
        master_key: MasterKey,
    ) -> Self {
        let (policies, one_time_code) = Default::default();
        Self { process, config, db, master_key, policies, one_time_code }
    }
}
