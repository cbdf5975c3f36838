//! The rooms of the handlers that are here: of streams and their configurations, and of secrets.

use std::sync::Arc;

use super::Streams;
use crate::auth::MasterKey;
use crate::background::MediaDeletion;
use crate::config::ServerConfig;
use crate::db::{MetadataDb, Notices};
use crate::ingest::Turns;
use crate::process::Process;

/// Streams and their configurations.
pub(crate) struct Control {
    pub process: Arc<Process>,
    pub config: Arc<ServerConfig>,
    pub db: Arc<dyn MetadataDb>,
    pub streams: Streams,
    /// A stream's connections end when it goes or changes.
    pub turns: Arc<Turns>,
    /// To hubs that are to hear of a change, and of deadlines that were set.
    pub notices: Arc<dyn Notices>,
    pub deletion: Arc<MediaDeletion>,
}

pub(crate) struct Secrets {
    pub process: Arc<Process>,
    pub config: Arc<ServerConfig>,
    pub db: Arc<dyn MetadataDb>,
    pub master_key: MasterKey,
    /// To hubs whose configurations name a secret that changed.
    pub notices: Arc<dyn Notices>,
}
