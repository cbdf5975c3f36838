//! Leases that all servers of a database share. Who holds is decided by `LeaseEntry`, as within one process, on a row that is
//! locked meanwhile, by the database's clock and by nobody else's.

mod row;

use async_trait::async_trait;
use vigie_metadata::{DbError, EndReason, Lease, LeaseEntry, Leases, Standing, Takeover};

use self::row::{reason_text, save};
use crate::change::Change;
use crate::database::Database;
use crate::error::Fault;
use crate::statement::{Lock, Work, count};

/// The lease engine.
pub struct PostgresLeases {
    database: Database,
}

impl PostgresLeases {
    /// Over a database that others use as well.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

/// A claim's epoch, and whether it waits.
struct Claimed {
    epoch: u64,
    is_waiting: bool,
}

impl Change for Claimed {
    fn to_kept(&self) -> i64 {
        (self.epoch << 1 | u64::from(self.is_waiting)).cast_signed()
    }

    fn from_kept(kept: i64) -> Self {
        let kept = kept.cast_unsigned();
        Self { epoch: kept >> 1, is_waiting: kept & 1 == 1 }
    }
}

/// How the leases stand is asked anew where the answer was lost.
impl Change for Vec<Standing> {
    fn to_kept(&self) -> i64 {
        0
    }

    fn from_kept(_kept: i64) -> Self {
        Self::new()
    }
}

async fn claim(
    work: &Work<'_>,
    name: &str,
    owner: &str,
    takeover: Takeover,
) -> Result<Option<Claimed>, Fault> {
    // Also where there is no row yet. Epochs of a name are drawn in the order in which they are committed.
    work.lock(Lock::Lease, name).await?;
    let (mut entry, now) = row::read(work, name).await?;
    let drawn = work.rows("SELECT nextval('lease_epoch')", &[], |row| count(row, 0)).await?;
    let Some(epoch) = drawn.first().copied() else { return Err(Fault::Conflict) };
    let Some(standing) = entry.claim(epoch, owner, takeover, now) else { return Ok(None) };
    save(work, &[(name, &entry)]).await?;
    Ok(Some(Claimed { epoch, is_waiting: standing == Standing::Waiting }))
}

async fn renew(work: &Work<'_>, leases: &[Lease]) -> Result<Option<Vec<Standing>>, Fault> {
    let names: Vec<&str> = leases.iter().map(|lease| lease.name.as_str()).collect();
    let (mut entries, now) = row::read_all(work, &names).await?;
    let standings = leases.iter().map(|lease| match entries.get_mut(&lease.name) {
        Some(entry) => entry.renew(lease.epoch, now),
        None => Standing::Lost(EndReason::Superseded),
    });
    let standings = standings.collect();
    let entries: Vec<(&str, &LeaseEntry)> =
        entries.iter().map(|(name, entry)| (name.as_str(), entry)).collect();
    save(work, &entries).await?;
    Ok(Some(standings))
}

async fn revoke(work: &Work<'_>, name: &str, reason: EndReason) -> Result<Option<u64>, Fault> {
    // A claim that has drawn its epoch and is not there yet is waited for: it is meant as well.
    work.lock(Lock::Lease, name).await?;
    let (mut entry, _) = row::read(work, name).await?;
    let sql = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM lease_epoch";
    let drawn = work.rows(sql, &[], |row| count(row, 0)).await?;
    let up_to = drawn.first().copied().unwrap_or_default();
    if !entry.is_empty() {
        entry.revoke(up_to, reason);
        save(work, &[(name, &entry)]).await?;
    }
    Ok(Some(up_to))
}

#[async_trait]
impl Leases for PostgresLeases {
    async fn claim(
        &self,
        name: &str,
        owner: &str,
        takeover: Takeover,
    ) -> Result<Option<(Lease, Standing)>, DbError> {
        let args = (name.to_owned(), owner.to_owned(), takeover);
        let claimed = self.database.change_to(args, |work, (name, owner, takeover)| {
            Box::pin(claim(work, name, owner, *takeover))
        });
        let Some(Claimed { epoch, is_waiting }) = claimed.await? else { return Ok(None) };
        let standing = if is_waiting { Standing::Waiting } else { Standing::Held };
        Ok(Some((Lease { name: name.to_owned(), epoch }, standing)))
    }

    async fn renew(&self, leases: &[Lease]) -> Result<Vec<Standing>, DbError> {
        if leases.is_empty() {
            return Ok(Vec::new());
        }
        let renewed =
            self.database.repeat(leases.to_vec(), |work, leases| Box::pin(renew(work, leases)));
        Ok(renewed.await?.unwrap_or_default())
    }

    async fn release(&self, lease: &Lease) -> Result<(), DbError> {
        let released = self.database.repeat(lease.clone(), |work, lease| {
            Box::pin(async move {
                let names = [lease.name.as_str()];
                let (mut entries, _) = row::read_all(work, &names).await?;
                if let Some(entry) = entries.get_mut(&lease.name) {
                    entry.release(lease.epoch);
                    save(work, &[(&lease.name, entry)]).await?;
                }
                Ok(Some(true))
            })
        });
        released.await.map(drop)
    }

    async fn revoke(&self, name: &str, reason: EndReason) -> Result<u64, DbError> {
        tracing::debug!(name, reason = reason_text(reason), "leases revoked");
        let args = (name.to_owned(), reason);
        let revoked = self
            .database
            .change_to(args, |work, (name, reason)| Box::pin(revoke(work, name, *reason)));
        Ok(revoked.await?.unwrap_or_default())
    }

    async fn holder(&self, name: &str) -> Result<Option<(String, u64)>, DbError> {
        let found = self.database.one(&row::holder_sql(), &[&name], row::from_row).await?;
        let Some((_, entry, now)) = found else { return Ok(None) };
        Ok(entry.holder(now).map(|claim| (claim.owner.clone(), claim.epoch)))
    }
}
