//! One thread that writes. Changes that wait while a commit runs share the next one, so that the cost of a durable
//! commit does not grow with the number of callers. Each commit raises the database's generation; the file that tells of
//! it is written when nothing comes for a moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::DbError;
use super::generation::{GenerationFile, raise_generation};

/// Changes that one commit takes at most; bounds the time that a caller waits for others' changes.
const CHANGES_PER_COMMIT_MAX: usize = 256;
/// Changes that wait at most; beyond, callers are refused rather than memory filled.
const CHANGES_WAITING_MAX: usize = 16_384;

/// The generation file is written when no change came for so long …
const TELL_GENERATION_AFTER: Duration = Duration::from_secs(2);
/// … or after so many commits.
pub(super) const COMMITS_UNTOLD_MAX: u32 = 64;

/// What is left to do for one change once its commit is decided.
type Reply = Box<dyn FnOnce(Result<(), DbError>) + Send>;
type Job = Box<dyn FnOnce(&Connection) -> Reply + Send>;

pub(super) struct Writer {
    /// Taken at the end, which ends the thread.
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    running: Arc<AtomicBool>,
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
    ) -> Result<Self, DbError> {
        let (jobs, waiting) = sync_channel(CHANGES_WAITING_MAX);
        let running = Arc::new(AtomicBool::new(true));
        let still_running = Arc::clone(&running);
        let thread = std::thread::Builder::new()
            .name("metadata-writer".into())
            .spawn(move || {
                let mut untold = Untold { file: generation_file, generation: None, commits: 0 };
                if let Err(error) = run(&connection, &waiting, &mut untold) {
                    tracing::error!(%error, "the metadata writer stopped; restart the server");
                }
                untold.tell();
                still_running.store(false, Ordering::Release);
            })
            .map_err(|error| DbError::Engine(error.to_string()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), running })
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.load(Ordering::Acquire)
    }

    /// Runs `change`; it is durable when this returns `true`. A change that answers `false` or fails leaves nothing.
    pub(super) async fn write(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<bool> + Send + 'static,
    ) -> Result<bool, DbError> {
        let (answer, result) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            let outcome = in_savepoint(connection, change);
            Box::new(move |committed| {
                let outcome = committed.and_then(|()| outcome.map_err(DbError::from));
                if answer.send(outcome).is_err() {
                    tracing::debug!("a caller left before its change was answered");
                }
            })
        });
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

    /// The next change; `None` when there will be none.
    fn next(&mut self, waiting: &Receiver<Job>) -> Option<Job> {
        if self.generation.is_some() {
            match waiting.recv_timeout(TELL_GENERATION_AFTER) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.tell(),
            }
        }
        waiting.recv().ok()
    }
}

fn run(
    connection: &Connection,
    waiting: &Receiver<Job>,
    untold: &mut Untold,
) -> Result<(), DbError> {
    // Ends when the database handle is dropped.
    while let Some(first) = untold.next(waiting) {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut replies = vec![first(connection)];
        while replies.len() < CHANGES_PER_COMMIT_MAX
            && let Ok(next) = waiting.try_recv()
        {
            replies.push(next(connection));
        }
        let generation = untold.file.as_ref().map(|_| raise_generation(connection)).transpose();
        let committed = match &generation {
            Ok(_) => connection.prepare_cached("COMMIT")?.execute([]).map_err(DbError::from),
            Err(error) => Err(error.clone()),
        };
        // After a failed sync nobody knows what is on disk: stop rather than go on from a guess. A full disk or a
        // lock is known to have changed nothing.
        let outcome = committed.map(drop);
        let fatal = outcome.as_ref().is_err_and(DbError::is_fatal);
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
        for reply in replies {
            reply(outcome.clone());
        }
        if fatal {
            return outcome;
        }
        if let (Ok(()), Ok(Some(generation))) = (outcome, generation) {
            untold.note(generation);
        }
    }
    Ok(())
}

fn in_savepoint(
    connection: &Connection,
    change: impl FnOnce(&Connection) -> rusqlite::Result<bool>,
) -> rusqlite::Result<bool> {
    connection.prepare_cached("SAVEPOINT change")?.execute([])?;
    let outcome = change(connection);
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
