//! Notes what an instance does with an archive, in the order in which it is done: what was persisted by whose turn, and what
//! was erased. Passes everything on.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use vigie_archive::{
    Archive, ArchiveError, Blocks, Erased, Findings, FragmentOrder, FragmentQuery, Persisting,
    StoredFragment, StreamTotals, StreamWriter, WholeFragment,
};
use vigie_media::Timestamp;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// A writer was begun.
    Begun {
        /// The stream's key.
        stream: String,
        /// Its turn.
        epoch: u64,
    },
    /// A fragment was handed over, and taken.
    Taken {
        /// The stream's key.
        stream: String,
        /// The turn of its writer.
        epoch: u64,
        /// The last turn that had begun when it was handed over.
        last_epoch: u64,
        /// The stream had been erased since its writer was begun.
        is_after_erasure: bool,
        sequence: u64,
        /// Its time.
        producer_timestamp: Timestamp,
    },
    /// A fragment was handed over by one who is not to write any more, and not taken.
    Fenced {
        /// The stream's key.
        stream: String,
        /// The turn of its writer.
        epoch: u64,
        /// The stream had been erased since its writer was begun.
        is_after_erasure: bool,
    },
    /// A stream was erased.
    Erased {
        /// The stream's key.
        stream: String,
    },
}

/// See the module's documentation. Several archives may share one.
#[derive(Clone, Debug, Default)]
pub struct ArchiveLog(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    done: Vec<Done>,
    streams: BTreeMap<String, Marks>,
}

/// How far it is with a stream.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    last_epoch: u64,
    erasures: u64,
}

impl ArchiveLog {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn done(&self) -> Vec<Done> {
        self.noted().done.clone()
    }

    /// The fragments of a stream that were persisted, in that order.
    pub fn persisted(&self, key: &str) -> Vec<(u64, Timestamp)> {
        let taken = |done: &Done| match done {
            Done::Taken { stream, sequence, producer_timestamp, .. } if stream == key => {
                Some((*sequence, *producer_timestamp))
            }
            _ => None,
        };
        self.noted().done.iter().filter_map(taken).collect()
    }

    fn note(&self, done: Done) {
        let mut noted = self.noted();
        match &done {
            Done::Begun { stream, epoch } => {
                let marks = noted.streams.entry(stream.clone()).or_default();
                marks.last_epoch = marks.last_epoch.max(*epoch);
            }
            Done::Erased { stream } => {
                noted.streams.entry(stream.clone()).or_default().erasures += 1
            }
            Done::Taken { .. } | Done::Fenced { .. } => {}
        }
        noted.done.push(done);
    }

    fn marks(&self, key: &str) -> Marks {
        self.noted().streams.get(key).copied().unwrap_or_default()
    }
}

/// An archive whose doings are noted.
pub struct LoggedArchive {
    inner: Arc<dyn Archive>,
    log: ArchiveLog,
}

impl LoggedArchive {
    /// Notes into `log` what is done with `inner`.
    pub fn new(inner: Arc<dyn Archive>, log: ArchiveLog) -> Self {
        Self { inner, log }
    }
}

struct LoggedWriter {
    inner: Box<dyn StreamWriter>,
    stream: String,
    log: ArchiveLog,
    /// How many erasures of the stream there were when it was begun.
    erasures: u64,
}

#[async_trait]
impl StreamWriter for LoggedWriter {
    fn epoch(&self) -> u64 {
        self.inner.epoch()
    }

    async fn reserve_sequences(&mut self, count: u64) -> Result<Range<u64>, ArchiveError> {
        self.inner.reserve_sequences(count).await
    }

    async fn append(&mut self, header: &Bytes, fragment: WholeFragment) -> Persisting {
        let (sequence, producer_timestamp) =
            (fragment.meta.sequence, fragment.meta.producer_timestamp);
        let (stream, log, epoch) = (self.stream.clone(), self.log.clone(), self.inner.epoch());
        let Marks { last_epoch, erasures } = log.marks(&stream);
        let is_after_erasure = erasures > self.erasures;
        let persisting = self.inner.append(header, fragment).await;
        Box::pin(async move {
            let outcome = persisting.await;
            if outcome == Err(ArchiveError::Fenced) {
                log.note(Done::Fenced { stream, epoch, is_after_erasure });
                return outcome;
            }
            outcome?;
            log.note(Done::Taken {
                stream,
                epoch,
                last_epoch,
                is_after_erasure,
                sequence,
                producer_timestamp,
            });
            Ok(())
        })
    }
}

#[async_trait]
impl Archive for LoggedArchive {
    async fn writer(
        &self,
        stream: &str,
        epoch: u64,
    ) -> Result<Box<dyn StreamWriter>, ArchiveError> {
        let inner = self.inner.writer(stream, epoch).await?;
        self.log.note(Done::Begun { stream: stream.to_owned(), epoch: inner.epoch() });
        let (log, erasures) = (self.log.clone(), self.log.marks(stream).erasures);
        Ok(Box::new(LoggedWriter { inner, stream: stream.to_owned(), log, erasures }))
    }

    async fn list(
        &self,
        stream: &str,
        query: FragmentQuery,
    ) -> Result<Vec<StoredFragment>, ArchiveError> {
        self.inner.list(stream, query).await
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
        self.inner.read(fragment).await
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
        let erased = self.inner.delete_stream(stream).await?;
        self.log.note(Done::Erased { stream: stream.to_owned() });
        Ok(erased)
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
