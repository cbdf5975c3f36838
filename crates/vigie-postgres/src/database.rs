//! A database that several servers share: its connections, reads, and changes that are made exactly once.
//!
//! Decides when something is done again. A read is, for it changes nothing. A change is one transaction that carries a key of
//! its own: where the answer to COMMIT is lost, it is done again, and finds by its key that it was made, or is made now. The
//! insertion of the key comes first, so that it waits for the lost one where that still goes on. Nothing is ever cancelled at
//! the server: a commit that waits for its standby would be called done.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_postgres::Row;
use vigie_engine::chance::Chance;
use vigie_metadata::DbError;

use crate::change::{Apply, Attempt, Change, Key};
use crate::connect::Connecting;
use crate::error::Fault;
use crate::options::ConnectOptions;
use crate::patience::Patience;
use crate::schema;
use crate::statement::{FromRow, Params};

/// Connections that read, and that change: a change that waits for a lock holds up no read.
const READERS_MAX: usize = 4;
const WRITERS_MAX: usize = 4;
/// A free connection is waited for so long.
const POOL_PATIENCE: Duration = Duration::from_secs(5);
/// Changes under way or waiting; more are refused.
const CHANGES_MAX: usize = 1_000;
/// Above the server's own limit: over it the connection is taken for gone.
const READ_TIMEOUT: Duration = Duration::from_secs(25);
/// The caller of a change waits so long: what is not known by then is said so.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(45);
/// The keys of changes are kept for an hour; an attempt of longer than this is not followed by another one.
pub(crate) const ATTEMPT_MAX: Duration = Duration::from_secs(600);
/// Keys are forgotten after so many changes of this process.
const CHANGES_BETWEEN_FORGETTING: i64 = 256;

const NOT_KNOWN: &str = "the answer of the database was lost, so that it is not known whether the change was made; look before it is made again";

/// Shared by all who use it.
#[derive(Clone)]
pub struct Database(Arc<Shared>);

struct Shared {
    readers: Pool,
    writers: Pool,
    options: ConnectOptions,
    warnings: Arc<AtomicU64>,
    changes: Arc<Semaphore>,
    /// Names this process among all that write.
    writer: [u8; 16],
    next_number: AtomicI64,
}

impl Database {
    /// Connects to a database that is migrated ([`migrate`](crate::migrate)), and never migrates it.
    pub async fn open(options: &ConnectOptions, chance: &mut dyn Chance) -> Result<Self, DbError> {
        let warnings = Arc::new(AtomicU64::new(0));
        let pool = |size| {
            let connecting =
                Connecting { tls: Arc::clone(&options.tls), warnings: Arc::clone(&warnings) };
            // No transaction is dropped half-way: a read is one statement, a change goes on without its caller.
            let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
            Pool::builder(Manager::from_connect(options.config(), connecting, config))
                .max_size(size)
                .wait_timeout(Some(POOL_PATIENCE))
                .create_timeout(Some(POOL_PATIENCE))
                .runtime(Runtime::Tokio1)
                .build()
                .map_err(|error| DbError::Engine(error.to_string()))
        };
        let mut writer = [0; 16];
        for half in writer.chunks_exact_mut(8) {
            half.copy_from_slice(&chance.next_u64().to_be_bytes());
        }
        let database = Self(Arc::new(Shared {
            readers: pool(READERS_MAX)?,
            writers: pool(WRITERS_MAX)?,
            options: options.clone(),
            warnings: Arc::clone(&warnings),
            changes: Arc::new(Semaphore::new(CHANGES_MAX)),
            writer,
            next_number: AtomicI64::new(0),
        }));
        database.check_schema().await?;
        Ok(database)
    }

    /// Whether this version may work with the database as it is.
    pub(crate) async fn check_schema(&self) -> Result<(), DbError> {
        let exists = self.one(schema::EXISTS, &[], |row| Ok(row.try_get(0)?)).await?;
        let found = if exists == Some(true) {
            self.one(schema::VERSION, &[], schema::from_row).await?.unwrap_or_default()
        } else {
            schema::Version::default()
        };
        schema::may_work_with(found)
    }

    pub(crate) fn options(&self) -> &ConnectOptions {
        &self.0.options
    }

    /// All rows of a statement that changes nothing.
    pub(crate) async fn rows<T>(
        &self,
        sql: &str,
        params: Params<'_>,
        from_row: FromRow<T>,
    ) -> Result<Vec<T>, DbError> {
        let mut patience = Patience::default();
        let rows = loop {
            let fault = match self.try_rows(sql, params).await {
                Ok(rows) => break rows,
                Err(fault) => fault,
            };
            let wait = match &fault {
                Fault::Conflict => patience.after_conflict(),
                Fault::Away(_) => patience.after_loss(),
                Fault::Refused(_) => None,
            };
            let Some(wait) = wait else { return Err(fault.into_db_error()) };
            sleep(wait).await;
        };
        rows.iter().map(from_row).collect::<Result<_, _>>().map_err(Fault::into_db_error)
    }

    /// The only row, if there is one.
    pub(crate) async fn one<T>(
        &self,
        sql: &str,
        params: Params<'_>,
        from_row: FromRow<T>,
    ) -> Result<Option<T>, DbError> {
        Ok(self.rows(sql, params, from_row).await?.pop())
    }

    async fn try_rows(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>, Fault> {
        let client = self.0.readers.get().await?;
        let query = async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, params).await
        };
        let Ok(rows) = timeout(READ_TIMEOUT, query).await else {
            drop(Object::take(client));
            return Err(Fault::Away("it does not answer".to_owned()));
        };
        Ok(rows?)
    }

    /// Makes a change once. `false` when it was not to be made.
    pub(crate) async fn change<A: Send + Sync + 'static>(
        &self,
        args: A,
        apply: Apply<A, bool>,
    ) -> Result<bool, DbError> {
        Ok(self.change_to(args, apply).await?.unwrap_or(false))
    }

    /// The same for one that has an answer; `None` when it was not to be made.
    pub(crate) async fn change_to<A: Send + Sync + 'static, T: Change>(
        &self,
        args: A,
        apply: Apply<A, T>,
    ) -> Result<Option<T>, DbError> {
        let number = self.0.next_number.fetch_add(1, Ordering::Relaxed);
        let key = Key { writer: self.0.writer.to_vec(), number };
        let answer = self.run(Some(key), args, apply).await;
        if number % CHANGES_BETWEEN_FORGETTING == CHANGES_BETWEEN_FORGETTING - 1 {
            // Nobody waits for it, and what it leaves the next one finds.
            let forgetting = self.clone();
            tokio::spawn(async move {
                let forgotten = forgetting.repeat((), |work, ()| Box::pin(work.forget_changes()));
                if let Err(error) = forgotten.await {
                    tracing::warn!(%error, "the keys of old changes stay for now");
                }
            });
        }
        answer
    }

    /// Makes a change that does no harm when it is made twice, and has no key.
    pub(crate) async fn repeat<A: Send + Sync + 'static, T>(
        &self,
        args: A,
        apply: Apply<A, T>,
    ) -> Result<Option<T>, DbError>
    where
        T: Change + Send + 'static,
    {
        self.run(None, args, apply).await
    }

    /// In a task of its own: it goes on where its caller is gone.
    async fn run<A: Send + Sync + 'static, T: Change>(
        &self,
        key: Option<Key>,
        args: A,
        apply: Apply<A, T>,
    ) -> Result<Option<T>, DbError> {
        let permit =
            Arc::clone(&self.0.changes).try_acquire_owned().map_err(|_| DbError::TooBusy)?;
        let database = self.clone();
        let made = tokio::spawn(async move {
            let made = database.make(key, &args, apply).await;
            drop(permit);
            made
        });
        match timeout(CHANGE_TIMEOUT, made).await {
            Ok(Ok(made)) => made,
            Ok(Err(_)) => Err(DbError::Engine("a change failed half-way".to_owned())),
            Err(_) => Err(DbError::Away(NOT_KNOWN.to_owned())),
        }
    }

    async fn make<A: Sync, T: Change>(
        &self,
        key: Option<Key>,
        args: &A,
        apply: Apply<A, T>,
    ) -> Result<Option<T>, DbError> {
        let mut patience = Patience::default();
        loop {
            let attempt = Attempt {
                writers: &self.0.writers,
                warnings: &self.0.warnings,
                key: key.as_ref(),
                is_in_doubt: &mut patience.is_in_doubt,
            };
            let Ok(made) = timeout(ATTEMPT_MAX, attempt.make(args, apply)).await else {
                return Err(DbError::Away(NOT_KNOWN.to_owned()));
            };
            let fault = match made {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            let wait = match &fault {
                Fault::Conflict => patience.after_conflict(),
                Fault::Away(_) => patience.after_loss(),
                // The one that was lost may still go on, and hold what this one waits for.
                Fault::Refused(DbError::Locked | DbError::TooBusy) if patience.is_in_doubt => {
                    patience.after_loss()
                }
                Fault::Refused(_) => None,
            };
            match wait {
                Some(wait) => sleep(wait).await,
                None if patience.is_in_doubt => return Err(DbError::Away(NOT_KNOWN.to_owned())),
                None => return Err(fault.into_db_error()),
            }
        }
    }
}
