//! The metadata in memory, for tests and the simulator: the rules of the seam and nothing else. Nothing outlives it.

mod access_keys;
mod edge_configurations;
mod media_ledgers;
mod secrets;
mod share_links;
mod streams;
mod users;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use vigie_kvs::shapes::media_ledger::LedgerEntry;

use crate::{
    AccessKey, DbError, EdgeConfiguration, Hub, MediaLedger, MetadataDb, Secret, Settings,
    ShareLink, Stream, User,
};

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct MemoryMetadataDb(Mutex<Tables>);

#[derive(Clone, Debug, Default)]
struct Tables {
    /// By ARN.
    streams: BTreeMap<String, Stream>,
    tags: BTreeMap<String, BTreeMap<String, String>>,
    edge_configurations: BTreeMap<String, EdgeConfiguration>,
    hubs: BTreeMap<String, Hub>,
    /// By stream and ledger.
    ledgers: BTreeMap<(String, String), Ledger>,
    secrets: BTreeMap<String, StoredSecret>,
    access_keys: BTreeMap<String, AccessKey>,
    /// By id.
    share_links: BTreeMap<String, ShareLink>,
    /// By name in lower case.
    users: BTreeMap<String, User>,
    settings: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Debug)]
struct Ledger {
    row: MediaLedger,
    entries: BTreeMap<u64, LedgerEntry>,
}

#[derive(Clone, Debug)]
struct StoredSecret {
    secret: Secret,
    /// By version.
    values: BTreeMap<String, Vec<u8>>,
}

impl MemoryMetadataDb {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A change that says `false` leaves nothing.
    fn change(&self, change: impl FnOnce(&mut Tables) -> bool) -> bool {
        let mut tables = self.tables();
        let before = tables.clone();
        let is_done = change(&mut tables);
        if !is_done {
            *tables = before;
        }
        is_done
    }
}

#[async_trait]
impl Settings for MemoryMetadataDb {
    async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, DbError> {
        Ok(self.tables().settings.get(name).cloned())
    }

    async fn save_setting(&self, name: &str, value: &[u8]) -> Result<(), DbError> {
        self.tables().settings.insert(name.to_owned(), value.to_vec());
        Ok(())
    }

    async fn claim_setting(&self, name: &str, value: &[u8]) -> Result<bool, DbError> {
        let mut tables = self.tables();
        let is_free = !tables.settings.contains_key(name);
        if is_free {
            tables.settings.insert(name.to_owned(), value.to_vec());
        }
        Ok(is_free)
    }
}

#[async_trait]
impl MetadataDb for MemoryMetadataDb {
    async fn check(&self) -> Result<(), DbError> {
        Ok(())
    }

    fn has_ended(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn it_holds_to_the_contract() {
        crate::contract::hold(|| ((), Arc::new(MemoryMetadataDb::default()))).await;
    }
}
