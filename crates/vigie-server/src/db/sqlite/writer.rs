//! One thread that writes. Changes that wait while a commit runs share the next one, so that the cost of a durable
//! commit does not grow with the number of callers. Each commit raises the database's generation; the file that tells of
//! it is written when nothing comes for a moment.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::DbError;
use super::error::SqliteError;
use super::generation::{GenerationFile, raise_generation};

/// Changes that one commit takes at most; bounds the time that a caller waits for others' changes.
const CHANGES_PER_COMMIT_MAX: usize = 256;
/// Changes that wait at most; beyond, callers are refused rather than memory filled.
const CHANGES_WAITING_MAX: usize = 16_384;

/// The generation file is written when no change came for so long …
const TELL_GENERATION_AFTER: Duration = Duration::from_secs(2);
/// … or after so many commits.
pub(super) const COMMITS_UNTOLD_MAX: u32 = 64;

/// A change waits so long for another program's lock, …
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
/// … while the lock is held so long, …
const LOCKED_PATIENCE: Duration = Duration::from_millis(100);
/// … and so often it is looked whether it is gone, though nobody asks.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

type Change = Box<dyn FnOnce(&Connection) -> rusqlite::Result<bool> + Send>;
type Outcome = Result<bool, DbError>;
type Answer = oneshot::Sender<Outcome>;

struct Job {
    change: Change,
    answer: Answer,
}

pub(super) struct Writer {
    /// Taken at the end, which ends the thread.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    /// Why it takes no changes now.
    trouble: Arc<Mutex<Option<DbError>>>,
}

impl Drop for Writer {
    /// Waits until what was given is written: whoever opens the file next finds it closed.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the metadata writer panicked");
        }
    }
}

impl Writer {
    /// Without a file the generation is told to nobody.
    pub(super) fn start(
        connection: Connection,
        generation_file: Option<GenerationFile>,
    ) -> Result<Self, SqliteError> {
        let (jobs, waiting) = sync_channel(CHANGES_WAITING_MAX);
        let trouble = Arc::<Mutex<Option<DbError>>>::default();
        connection.busy_timeout(LOCK_PATIENCE)?;
        let body = Body {
            connection,
            trouble: Arc::clone(&trouble),
            untold: Untold { file: generation_file, generation: None, commits: 0 },
        };
        let thread = std::thread::Builder::new()
            .name("metadata-writer".into())
            .spawn(move || body.run(&waiting))
            .map_err(|error| DbError::Engine(error.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), trouble })
    }

    /// Whether changes are taken now; the error says why not.
    pub(super) fn check(&self) -> Result<(), DbError> {
        if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err(DbError::Stopped);
        }
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }

    /// Runs `change`; it is durable when this returns `true`. A change that answers `false` or fails leaves nothing.
    pub(super) async fn write(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<bool> + Send + 'static,
    ) -> Result<bool, DbError> {
        let (answer, result) = oneshot::channel();
        let job = Job { change: Box::new(change), answer };
        let Some(jobs) = &self.jobs else { return Err(DbError::Stopped) };
        match jobs.try_send(job) {
            Ok(()) => result.await.map_err(|_| DbError::Stopped)?,
            Err(TrySendError::Full(_)) => Err(DbError::TooBusy),
            Err(TrySendError::Disconnected(_)) => Err(DbError::Stopped),
        }
    }
}

/// The generation that the file does not tell of yet.
struct Untold {
    file: Option<GenerationFile>,
    generation: Option<u64>,
    commits: u32,
}

impl Untold {
    fn note(&mut self, generation: u64) {
        self.generation = Some(generation);
        self.commits += 1;
        if self.commits >= COMMITS_UNTOLD_MAX {
            self.tell();
        }
    }

    /// Writes the file. One that cannot be written stays behind, which does no harm but that an older database is not
    /// noticed by it.
    fn tell(&mut self) {
        self.commits = 0;
        let (Some(generation), Some(file)) = (self.generation.take(), &self.file) else { return };
        if let Err(error) = file.write(generation) {
            tracing::warn!(%error, "the generation of the metadata is not written down");
        }
    }
}

/// The thread.
struct Body {
    connection: Connection,
    trouble: Arc<Mutex<Option<DbError>>>,
    untold: Untold,
}

impl Body {
    fn run(mut self, waiting: &Receiver<Job>) {
        if let Err(error) = self.serve(waiting) {
            tracing::error!(%error, "the metadata writer stopped; restart the server");
        }
        self.untold.tell();
    }

    /// Ends when the database handle is dropped, or when nobody knows what is on disk: rather than go on from a guess.
    /// A full disk or a lock is known to have changed nothing, and passes.
    fn serve(&mut self, waiting: &Receiver<Job>) -> Result<(), DbError> {
        loop {
            let is_in_trouble = self.is_in_trouble();
            let received = match self.untold.generation {
                _ if is_in_trouble => waiting.recv_timeout(ASK_AGAIN_AFTER),
                Some(_) => waiting.recv_timeout(TELL_GENERATION_AFTER),
                None => waiting.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let (committed, answers) = match received {
                Ok(first) => self.commit(Some(first), waiting),
                // By a commit of the generation alone: whether it takes any can be found out in no other way.
                Err(RecvTimeoutError::Timeout) if is_in_trouble => self.commit(None, waiting),
                Err(RecvTimeoutError::Timeout) => {
                    self.untold.tell();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            // Before the answers: whoever has one finds here what it says.
            let noted = self.note(committed.clone());
            for (answer, outcome) in answers {
                if answer.send(committed.clone().and(outcome)).is_err() {
                    tracing::debug!("a caller left before its change was answered");
                }
            }
            noted?;
        }
    }

    fn is_in_trouble(&self) -> bool {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Follows what became of a commit.
    fn note(&mut self, outcome: Result<(), DbError>) -> Result<(), SqliteError> {
        let trouble = outcome.err();
        let is_locked = matches!(trouble, Some(DbError::Locked));
        self.connection.busy_timeout(if is_locked { LOCKED_PATIENCE } else { LOCK_PATIENCE })?;
        let mut said = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*said, &trouble) {
            (None, Some(error)) if !error.is_fatal() => {
                tracing::warn!(%error, "changes are refused; asking again each second");
            }
            (Some(_), None) => tracing::info!("the metadata database takes changes again"),
            _ => {}
        }
        said.clone_from(&trouble);
        match trouble {
            Some(error) if error.is_fatal() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Commits a change with those that wait. What became of it, and what each of them is told if it went well.
    fn commit(
        &mut self,
        first: Option<Job>,
        waiting: &Receiver<Job>,
    ) -> (Result<(), DbError>, Vec<(Answer, Outcome)>) {
        let more = std::iter::from_fn(|| waiting.try_recv().ok());
        let mut jobs = first.into_iter().chain(more).take(CHANGES_PER_COMMIT_MAX);
        if let Err(error) = self.begin() {
            return (Err(error.into()), jobs.map(|job| (job.answer, Ok(false))).collect());
        }
        let mut outcomes = Vec::new();
        let mut committed = Ok(());
        for Job { change, answer } in jobs.by_ref() {
            let outcome = in_savepoint(&self.connection, change);
            let outcome = outcome.map_err(|error| SqliteError::from(error).into());
            // Of some failures, such as a full disk's, SQLite takes the whole transaction back at once.
            if self.connection.is_autocommit() {
                committed = outcome.clone().map(drop).and(Err(DbError::Stopped));
            }
            outcomes.push((answer, outcome));
            if committed.is_err() {
                break;
            }
        }
        let committed = committed.and_then(|()| Ok(self.end()?));
        (committed, outcomes)
    }

    fn begin(&self) -> Result<(), SqliteError> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(())
    }

    fn end(&mut self) -> Result<(), SqliteError> {
        let generation = self.try_end();
        if !self.connection.is_autocommit() {
            self.connection.execute_batch("ROLLBACK")?;
        }
        if let Some(generation) = generation? {
            self.untold.note(generation);
        }
        Ok(())
    }

    fn try_end(&self) -> Result<Option<u64>, SqliteError> {
        let generation = match self.untold.file {
            Some(_) => Some(raise_generation(&self.connection)?),
            None => None,
        };
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(generation)
    }
}

fn in_savepoint(
    connection: &Connection,
    change: impl FnOnce(&Connection) -> rusqlite::Result<bool>,
) -> rusqlite::Result<bool> {
    connection.prepare_cached("SAVEPOINT change")?.execute([])?;
    let outcome = change(connection);
    if connection.is_autocommit() {
        return outcome;
    }
    if !matches!(outcome, Ok(true)) {
        connection.prepare_cached("ROLLBACK TO change")?.execute([])?;
    }
    connection.prepare_cached("RELEASE change")?.execute([])?;
    outcome
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    /// A caller that asks for a change and leaves before it is done.
    fn ask<T>(change: impl Future<Output = T>) {
        assert!(pin!(change).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    #[tokio::test]
    async fn changes_beyond_those_that_may_wait_are_refused_and_the_others_done() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE change (n INTEGER)").unwrap();
        let writer = Writer::start(connection, None).unwrap();
        let insert =
            |db: &Connection| db.execute("INSERT INTO change VALUES (1)", []).map(|_| true);
        let (go_on, held) = sync_channel::<()>(0);
        let (began, beginning) = sync_channel::<()>(0);
        let first = writer.write(move |_| {
            began.send(()).ok();
            held.recv().ok();
            Ok(true)
        });
        ask(first);
        beginning.recv().unwrap();
        for _ in 0..CHANGES_WAITING_MAX {
            ask(writer.write(insert));
        }
        assert!(matches!(writer.write(insert).await, Err(DbError::TooBusy)));
        go_on.send(()).unwrap();
        // The queue may still be full for a moment.
        let all_are_there = loop {
            let counted = writer.write(|db| {
                let count: usize =
                    db.query_row("SELECT count(*) FROM change", [], |row| row.get(0))?;
                Ok(count == CHANGES_WAITING_MAX)
            });
            match counted.await {
                Err(DbError::TooBusy) => {}
                counted => break counted.unwrap(),
            }
        };
        assert!(all_are_there);
    }
}
