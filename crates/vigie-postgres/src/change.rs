//! One attempt at a change: its key, what it does, its answer, COMMIT. Decides whether it was made by an earlier attempt, and
//! whether a commit is one.

use std::sync::atomic::{AtomicU64, Ordering};

use deadpool_postgres::Pool;

use crate::error::Fault;
use crate::statement::{Boxed, Work};

/// What a change does, within its transaction; `None` when it is not to be made, and nothing is then.
pub(crate) type Apply<A, T> = for<'a> fn(&'a Work<'a>, &'a A) -> Boxed<'a, Option<T>>;

/// An answer that is kept beside the key of its change, for whoever did not hear it.
pub(crate) trait Change: Send + 'static {
    fn to_kept(&self) -> i64;
    fn from_kept(kept: i64) -> Self;
}

impl Change for bool {
    fn to_kept(&self) -> i64 {
        i64::from(*self)
    }

    fn from_kept(kept: i64) -> Self {
        kept != 0
    }
}

impl Change for u64 {
    fn to_kept(&self) -> i64 {
        self.cast_signed()
    }

    fn from_kept(kept: i64) -> Self {
        kept.cast_unsigned()
    }
}

/// Names a change among all changes of all servers.
pub(crate) struct Key {
    pub(crate) writer: Vec<u8>,
    pub(crate) number: i64,
}

pub(crate) struct Attempt<'a> {
    pub(crate) writers: &'a Pool,
    pub(crate) warnings: &'a AtomicU64,
    /// None for what may be made twice.
    pub(crate) key: Option<&'a Key>,
    /// Set before a commit is sent.
    pub(crate) is_in_doubt: &'a mut bool,
}

impl Attempt<'_> {
    pub(crate) async fn make<A: Sync, T: Change>(
        self,
        args: &A,
        apply: Apply<A, T>,
    ) -> Result<Option<T>, Fault> {
        let mut client = self.writers.get().await?;
        let transaction = client.transaction().await?;
        let work = Work(&transaction);
        let made = match self.key {
            Some(key) => work.made_before(key).await?.map(T::from_kept),
            None => None,
        };
        let answer = match made {
            Some(answer) => Some(answer),
            None => {
                // An earlier attempt that got as far as its COMMIT would have left the key.
                *self.is_in_doubt = false;
                apply(&work, args).await?
            }
        };
        let Some(answer) = answer else {
            // Where that cannot be said the connection is gone, and the transaction with it.
            if let Err(error) = transaction.rollback().await {
                tracing::debug!(%error, "a transaction ended with its connection");
            }
            return Ok(None);
        };
        // The last statement before COMMIT fails where the transaction was aborted: COMMIT itself would answer as if all were
        // well. And it writes also where the change was made before, so that this commit waits for the standby in its stead.
        match self.key {
            Some(key) => work.keep(key, answer.to_kept()).await?,
            None => work.execute("SELECT 1", &[]).await.map(drop)?,
        }
        let before = self.warnings.load(Ordering::SeqCst);
        *self.is_in_doubt = true;
        transaction.commit().await?;
        if self.warnings.load(Ordering::SeqCst) != before {
            return Err(Fault::Away(
                "a commit was not waited for until its standby had it".to_owned(),
            ));
        }
        Ok(Some(answer))
    }
}

impl Work<'_> {
    /// The answer of the attempt that made this change, where one did. Waits for one that still goes on.
    async fn made_before(&self, key: &Key) -> Result<Option<i64>, Fault> {
        let sql = "INSERT INTO change (writer, number) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        if self.execute(sql, &[&key.writer, &key.number]).await? == 1 {
            return Ok(None);
        }
        let sql = "SELECT answer FROM change WHERE writer = $1 AND number = $2";
        let kept: Vec<Option<i64>> =
            self.rows(sql, &[&key.writer, &key.number], |row| Ok(row.try_get(0)?)).await?;
        // Committed without an answer there is none; gone it cannot be, within the hour.
        kept.into_iter().flatten().next().ok_or(Fault::Conflict).map(Some)
    }

    async fn keep(&self, key: &Key, answer: i64) -> Result<(), Fault> {
        let sql = "UPDATE change SET answer = $3 WHERE writer = $1 AND number = $2";
        match self.execute(sql, &[&key.writer, &key.number, &answer]).await? {
            1 => Ok(()),
            _ => Err(Fault::Conflict),
        }
    }
}
