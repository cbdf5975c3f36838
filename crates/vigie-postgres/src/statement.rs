//! Statements within a transaction, and values as columns hold them. Decides nothing of what they say.

use std::pin::Pin;

use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use vigie_media::Timestamp;

use crate::error::Fault;

pub(crate) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];
pub(crate) type FromRow<T> = fn(&Row) -> Result<T, Fault>;
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// A transaction under way.
pub(crate) struct Work<'a>(pub(crate) &'a Transaction<'a>);

/// Classes of advisory locks, which last as long as the transaction. All servers of a database agree on them.
#[derive(Clone, Copy)]
pub(crate) enum Lock {
    AccessKeys = 0x5647_0001,
    Ledgers,
    Lease,
}

impl Work<'_> {
    /// How many rows it touched.
    pub(crate) async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64, Fault> {
        let statement = self.0.prepare_cached(sql).await?;
        Ok(self.0.execute(&statement, params).await?)
    }

    pub(crate) async fn rows<T>(
        &self,
        sql: &str,
        params: Params<'_>,
        from_row: FromRow<T>,
    ) -> Result<Vec<T>, Fault> {
        let statement = self.0.prepare_cached(sql).await?;
        self.0.query(&statement, params).await?.iter().map(from_row).collect()
    }

    /// Whether there is such a row.
    pub(crate) async fn exists(&self, sql: &str, params: Params<'_>) -> Result<bool, Fault> {
        Ok(!self.rows(sql, params, |_| Ok(())).await?.is_empty())
    }

    /// Waits for whoever holds the same lock.
    pub(crate) async fn lock(&self, class: Lock, name: &str) -> Result<(), Fault> {
        let sql = "SELECT pg_advisory_xact_lock($1, hashtext($2))";
        self.execute(sql, &[&(class as i32), &name]).await.map(drop)
    }

    /// Forgets the keys of changes that nobody asks for any more.
    pub(crate) async fn forget_changes(&self) -> Result<Option<bool>, Fault> {
        let sql = "DELETE FROM change WHERE made_at < now() - interval '1 hour'";
        self.execute(sql, &[]).await?;
        Ok(Some(true))
    }
}

pub(crate) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

pub(crate) fn at(row: &Row, column: usize) -> Result<Timestamp, Fault> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}

pub(crate) fn maybe_at(row: &Row, column: usize) -> Result<Option<Timestamp>, Fault> {
    Ok(row.try_get::<_, Option<i64>>(column)?.map(Timestamp::from_millis))
}

/// Counts are stored in the same 64 bits.
pub(crate) fn count(row: &Row, column: usize) -> Result<u64, Fault> {
    Ok(row.try_get::<_, i64>(column)?.cast_unsigned())
}

pub(crate) fn millis(at: Option<Timestamp>) -> Option<i64> {
    at.map(Timestamp::as_millis)
}
