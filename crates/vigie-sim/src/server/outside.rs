//! The server's media and metadata, as who looks from outside sees them: for checkers and tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use vigie_archive::{Archive, FragmentOrder, FragmentQuery, StoredFragment};
use vigie_engine::sync::EdgeSync;
use vigie_kvs::shapes::media_ledger::{LedgerEntry, LedgerKind};
use vigie_media::Timestamp;
use vigie_metadata::{LedgerPosition, MediaLedgerQuery};
use vigie_store::StoreReader;

use super::{SimServer, media_key};
use crate::executor::at_once;

impl SimServer {
    /// Reads its store.
    pub fn reader(&self) -> Option<StoreReader> {
        let mut stores = self.processes.iter().flatten().filter_map(|one| one.store.as_ref());
        stores.next().map(|(_, reader)| reader.clone())
    }

    /// Its media, to look at.
    pub fn view(&self) -> Option<Arc<dyn Archive>> {
        self.processes.iter().flatten().next().map(|one| Arc::clone(&one.view))
    }

    /// The same, as each instance sees it.
    pub fn views(&self) -> Vec<Arc<dyn Archive>> {
        self.processes.iter().flatten().map(|one| Arc::clone(&one.view)).collect()
    }

    /// Every persisted fragment of a stream, in the order of ingestion.
    pub fn fragments(&self, stream_arn: &str) -> Vec<StoredFragment> {
        let Some(view) = self.view() else { return Vec::new() };
        let query = FragmentQuery::all(FragmentOrder::Sequence, usize::MAX);
        let listed = at_once(view.list(&media_key(stream_arn), query));
        listed.unwrap_or_else(|error| panic!("list: {error}"))
    }

    /// Every fragment of a stream that was called persisted, by sequence.
    pub fn called_persisted(&self, stream_arn: &str) -> BTreeMap<u64, Timestamp> {
        self.log.persisted(&media_key(stream_arn)).into_iter().collect()
    }

    /// The sync of a stream's configuration.
    pub fn sync(&self, stream_arn: &str) -> Option<EdgeSync> {
        let row = at_once(self.metadata[0].edge_configuration(stream_arn));
        row.unwrap_or_else(|error| panic!("metadata: {error}")).map(|row| row.sync)
    }

    /// Up to which change the newest ledger of a stream was told.
    pub fn ledger_sequence(&self, stream_arn: &str) -> u64 {
        let ledgers = at_once(self.metadata[0].media_ledgers(stream_arn));
        let ledgers = ledgers.unwrap_or_else(|error| panic!("metadata: {error}"));
        ledgers.iter().map(|ledger| ledger.sequence).max().unwrap_or(0)
    }

    /// What the hubs' ledgers of a stream say, as far as it was told, by id.
    pub fn ledger_entries(&self, stream_arn: &str) -> Vec<LedgerEntry> {
        let of_kind = |kind| {
            let query = MediaLedgerQuery {
                stream_arn: stream_arn.to_owned(),
                kind,
                from: Timestamp::MIN,
                until: Timestamp::MAX,
                after: LedgerPosition::FIRST,
                limit: usize::MAX,
            };
            let entries = at_once(self.metadata[0].media_ledger_entries(&query));
            entries.unwrap_or_else(|error| panic!("metadata: {error}"))
        };
        let mut entries = of_kind(LedgerKind::Gap);
        entries.extend(of_kind(LedgerKind::Loss));
        entries.sort_by_key(|one| one.entry.id);
        entries.into_iter().map(|one| one.entry).collect()
    }
}
