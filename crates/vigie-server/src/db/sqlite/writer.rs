//! One thread that writes. Changes that wait while a commit runs share the next one, so that the cost of a durable
//! commit does not grow with the number of callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::DbError;

/// Changes that one commit takes at most; bounds the time that a caller waits for others' changes.
const CHANGES_PER_COMMIT_MAX: usize = 256;
/// Changes that wait at most; beyond, callers are refused rather than memory filled.
const CHANGES_WAITING_MAX: usize = 16_384;

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
    pub(super) fn start(connection: Connection) -> Result<Self, DbError> {
        let (jobs, waiting) = sync_channel(CHANGES_WAITING_MAX);
        let running = Arc::new(AtomicBool::new(true));
        let still_running = Arc::clone(&running);
        let thread = std::thread::Builder::new()
            .name("metadata-writer".into())
            .spawn(move || {
                if let Err(error) = run(&connection, &waiting) {
                    tracing::error!(%error, "the metadata writer stopped; restart the server");
                }
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

fn run(connection: &Connection, waiting: &Receiver<Job>) -> Result<(), DbError> {
    // Ends when the database handle is dropped.
    while let Ok(first) = waiting.recv() {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut replies = vec![first(connection)];
        while replies.len() < CHANGES_PER_COMMIT_MAX
            && let Ok(next) = waiting.try_recv()
        {
            replies.push(next(connection));
        }
        let committed = connection.prepare_cached("COMMIT")?.execute([]);
        // After a failed sync nobody knows what is on disk: stop rather than go on from a guess. A full disk or a
        // lock is known to have changed nothing.
        let fatal = committed.as_ref().is_err_and(|error| {
            let code = error.sqlite_error_code();
            !matches!(code, Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy))
        });
        let outcome = committed.map(drop).map_err(DbError::from);
        if !connection.is_autocommit() {
            connection.execute_batch("ROLLBACK")?;
        }
        for reply in replies {
            reply(outcome.clone());
        }
        if fatal {
            return outcome;
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
        let writer = Writer::start(connection).unwrap();
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
