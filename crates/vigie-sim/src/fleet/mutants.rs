//! Archives that break one rule of their seam on purpose: what checkers are held against.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use vigie_archive::{
    Archive, ArchiveError, Blocks, Erased, Findings, FragmentOrder, FragmentQuery, Location,
    Persisting, StoredFragment, StreamTotals, StreamWriter, WholeFragment,
};
use vigie_media::Timestamp;
use vigie_metadata::{DbError, EndReason, Lease, Leases, Standing, Takeover};

/// What is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A writer goes on when another one has begun.
    TwoWriters,
    /// Each reservation is of lower sequences than the one before.
    FallingSequences,
    /// Every third fragment is acknowledged and not kept.
    Forgetful,
    /// A deletion is answered and not done.
    DeletesNothing,
    /// A deletion does not end the writer, here or at another instance.
    WritesOnAfterDeletion,
    /// What was written once can be read for ever by who knows where it lay.
    ReadsTheDeleted,
    /// Lists what it listed first, as one that nobody wakes and that looks only when it is woken.
    LooksOnce,
}

/// An archive as an instance sees it that has a fault.
pub struct Disturbed {
    inner: Arc<dyn Archive>,
    fault: Fault,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    /// Where fragments lay, and their bytes.
    bytes: Vec<(Location, Bytes)>,
    /// What was listed first, by stream and first sequence.
    listed: BTreeMap<(String, i64), Vec<StoredFragment>>,
    reservations: u64,
    appends: u64,
}

impl Disturbed {
    /// Around an archive that holds to everything.
    pub fn of(fault: Fault, inner: Arc<dyn Archive>) -> Self {
        Self { inner, fault, kept: Arc::default() }
    }
}

struct DisturbedWriter {
    archive: Arc<dyn Archive>,
    inner: Box<dyn StreamWriter>,
    stream: String,
    epoch: u64,
    fault: Fault,
    kept: Arc<Mutex<Kept>>,
}

/// Above all that a test reserves.
const HIGHEST: u64 = 1_000_000;

#[async_trait]
impl StreamWriter for DisturbedWriter {
    fn epoch(&self) -> u64 {
        self.epoch
    }

    async fn reserve_sequences(&mut self, count: u64) -> Result<Range<u64>, ArchiveError> {
        let range = self.inner.reserve_sequences(count).await?;
        if self.fault != Fault::FallingSequences {
            return Ok(range);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.reservations += 1;
        let first = HIGHEST - kept.reservations * count;
        Ok(first..first + count)
    }

    async fn append(&mut self, header: &Bytes, fragment: WholeFragment) -> Persisting {
        let is_forgotten = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.appends += 1;
            self.fault == Fault::Forgetful && kept.appends.is_multiple_of(3)
        };
        if is_forgotten {
            return Box::pin(std::future::ready(Ok(())));
        }
        let persisting = self.inner.append(header, fragment.clone()).await;
        let outcome = persisting.await;
        let goes_on = matches!(self.fault, Fault::TwoWriters | Fault::WritesOnAfterDeletion);
        if !goes_on || !matches!(outcome, Err(ArchiveError::Fenced | ArchiveError::StreamDeleted)) {
            return Box::pin(std::future::ready(outcome));
        }
        // By a lease that nobody gave it.
        for epoch in self.epoch + 1.. {
            match self.archive.writer(&self.stream, epoch).await {
                Ok(writer) => {
                    self.inner = writer;
                    break;
                }
                Err(ArchiveError::Fenced) => {}
                Err(error) => return Box::pin(std::future::ready(Err(error))),
            }
        }
        self.inner.append(header, fragment).await
    }
}

#[async_trait]
impl Archive for Disturbed {
    async fn writer(
        &self,
        stream: &str,
        epoch: u64,
    ) -> Result<Box<dyn StreamWriter>, ArchiveError> {
        let inner = self.inner.writer(stream, epoch).await?;
        Ok(Box::new(DisturbedWriter {
            archive: Arc::clone(&self.inner),
            epoch: inner.epoch(),
            inner,
            stream: stream.to_owned(),
            fault: self.fault,
            kept: Arc::clone(&self.kept),
        }))
    }

    async fn list(
        &self,
        stream: &str,
        query: FragmentQuery,
    ) -> Result<Vec<StoredFragment>, ArchiveError> {
        let listed = self.inner.list(stream, query).await?;
        if self.fault != Fault::LooksOnce {
            return Ok(listed);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.listed.entry((stream.to_owned(), query.from)).or_insert(listed).clone())
    }

    async fn last_at_or_before(
        &self,
        stream: &str,
        order: FragmentOrder,
        value: i64,
    ) -> Result<Option<StoredFragment>, ArchiveError> {
        self.inner.last_at_or_before(stream, order, value).await
    }

    async fn read_header(&self, fragment: &StoredFragment) -> Result<Bytes, ArchiveError> {
        self.inner.read_header(fragment).await
    }

    fn blocks(&self, fragment: &StoredFragment) -> Box<dyn Blocks> {
        self.inner.blocks(fragment)
    }

    async fn read(&self, fragment: &StoredFragment) -> Result<Bytes, ArchiveError> {
        let read = self.inner.read(fragment).await;
        if self.fault != Fault::ReadsTheDeleted {
            return read;
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.bytes.iter().find(|(at, _)| *at == fragment.at);
        read.or_else(|error| known.map(|(_, bytes)| bytes.clone()).ok_or(error))
    }

    async fn totals(&self, stream: &str) -> Result<StreamTotals, ArchiveError> {
        self.inner.totals(stream).await
    }

    async fn delete_older_than(&self, stream: &str, before: Timestamp) -> Result<(), ArchiveError> {
        self.inner.delete_older_than(stream, before).await
    }

    async fn delete_but_newest(
        &self,
        stream: &str,
        kept_bytes_min: u64,
    ) -> Result<(), ArchiveError> {
        self.inner.delete_but_newest(stream, kept_bytes_min).await
    }

    async fn delete_stream(&self, stream: &str) -> Result<Erased, ArchiveError> {
        if self.fault == Fault::DeletesNothing {
            return Ok(Erased::default());
        }
        if self.fault == Fault::ReadsTheDeleted {
            let all = FragmentQuery::all(FragmentOrder::Sequence, usize::MAX);
            for fragment in self.inner.list(stream, all).await? {
                let bytes = self.inner.read(&fragment).await?;
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.bytes.push((fragment.at, bytes));
            }
        }
        self.inner.delete_stream(stream).await
    }

    fn findings(&self) -> Findings {
        self.inner.findings()
    }

    async fn size_bytes(&self) -> Result<u64, ArchiveError> {
        self.inner.size_bytes().await
    }

    async fn check(&self) -> Result<(), ArchiveError> {
        self.inner.check().await
    }

    fn has_ended(&self) -> bool {
        self.inner.has_ended()
    }
}

/// Leases that wait for nobody who is there.
pub fn everybody_holds(inner: Arc<dyn Leases>) -> Arc<dyn Leases> {
    Arc::new(EverybodyHolds(inner))
}

struct EverybodyHolds(Arc<dyn Leases>);

#[async_trait]
impl Leases for EverybodyHolds {
    async fn claim(
        &self,
        name: &str,
        owner: &str,
        takeover: Takeover,
    ) -> Result<Option<(Lease, Standing)>, DbError> {
        let claimed = self.0.claim(name, owner, takeover).await?;
        Ok(claimed.map(|(lease, _)| (lease, Standing::Held)))
    }

    async fn renew(&self, leases: &[Lease]) -> Result<Vec<Standing>, DbError> {
        self.0.renew(leases).await?;
        Ok(vec![Standing::Held; leases.len()])
    }

    async fn release(&self, lease: &Lease) -> Result<(), DbError> {
        self.0.release(lease).await
    }

    async fn revoke(&self, name: &str, reason: EndReason) -> Result<u64, DbError> {
        self.0.revoke(name, reason).await
    }

    async fn holder(&self, _: &str) -> Result<Option<(String, u64)>, DbError> {
        Ok(None)
    }
}
