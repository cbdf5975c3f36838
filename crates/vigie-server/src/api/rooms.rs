//! The rooms of the handlers that are here: of streams and their configurations, and of secrets.

use std::sync::Arc;

use super::Streams;
use crate::auth::MasterKey;
use crate::background::{Alarm, MediaDeletion};
use crate::config::ServerConfig;
use crate::db::MetadataDb;
use crate::hubs::HubWakers;
use crate::ingest::Connections;
use crate::process::Process;

/// Streams and their configurations.
pub(crate) struct Control {
    pub process: Arc<Process>,
    pub config: Arc<ServerConfig>,
    pub db: Arc<dyn MetadataDb>,
    pub streams: Streams,
    /// A stream's connections end when it goes or changes.
    pub connections: Arc<Connections>,
    /// Hubs that are to hear of a change.
    pub wakers: Arc<HubWakers>,
    /// Rung when a deadline was set.
    pub alarm: Arc<Alarm>,
    pub deletion: Arc<MediaDeletion>,
}

/// Secrets.
pub(crate) struct Secrets {
    pub process: Arc<Process>,
    pub config: Arc<ServerConfig>,
    pub db: Arc<dyn MetadataDb>,
    pub master_key: MasterKey,
    /// Hubs whose configurations name a secret that changed.
    pub wakers: Arc<HubWakers>,
}
