//! Leases as rows, a row a name while somebody holds it or waits for it.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_postgres::Row;
use vigie_metadata::{EndReason, LeaseClaim, LeaseEntry};

use crate::error::{Fault, unknown_value};
use crate::statement::Work;

const SELECT: &str = "SELECT name, holder_epoch, holder_owner, holder_until_ms, waiting_epoch, waiting_owner, \
                      waiting_until_ms, waiting_goes_on_at_ms, revoked_to, revoked_reason, \
                      floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint FROM lease";
const NOW: &str = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

pub(super) fn reason_text(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Superseded => "SUPERSEDED",
        EndReason::StreamDeleted => "STREAM_DELETED",
        EndReason::StreamChanged => "STREAM_CHANGED",
    }
}

fn reason(text: &str) -> Result<EndReason, Fault> {
    let all = [EndReason::Superseded, EndReason::StreamDeleted, EndReason::StreamChanged];
    all.into_iter()
        .find(|reason| reason_text(*reason) == text)
        .ok_or_else(|| unknown_value("reason", text))
}

fn time(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or_default())
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn claim(row: &Row, first: usize) -> Result<Option<LeaseClaim>, Fault> {
    let Some(epoch) = row.try_get::<_, Option<i64>>(first)? else { return Ok(None) };
    let (owner, until) = (row.try_get(first + 1)?, time(row.try_get(first + 2)?));
    Ok(Some(LeaseClaim { epoch: epoch.cast_unsigned(), owner, until }))
}

/// Without a lock: what it tells may be over when it is heard.
pub(super) fn holder_sql() -> String {
    format!("{SELECT} WHERE name = $1")
}

/// A name, what is known of it, and the time at the database.
pub(super) fn from_row(row: &Row) -> Result<(String, LeaseEntry, Duration), Fault> {
    let goes_on_at = row.try_get::<_, Option<i64>>(7)?.map(time);
    let revoked_to = row.try_get::<_, Option<i64>>(8)?.map(i64::cast_unsigned);
    let revoked_reason = row.try_get::<_, Option<&str>>(9)?.map(reason).transpose()?;
    let entry = LeaseEntry {
        holder: claim(row, 1)?,
        waiting: claim(row, 4)?.zip(goes_on_at),
        revoked: revoked_to.zip(revoked_reason),
    };
    Ok((row.try_get(0)?, entry, time(row.try_get(10)?)))
}

/// What is known of names, which stays so until the end of the transaction; nothing of one that nobody holds or waits for.
pub(super) async fn read_all(
    work: &Work<'_>,
    names: &[&str],
) -> Result<(BTreeMap<String, LeaseEntry>, Duration), Fault> {
    // Everybody locks in the same order. The time is asked for when the locks are there.
    let sql = format!("{SELECT} WHERE name = ANY($1) ORDER BY name FOR UPDATE");
    let rows = work.rows(&sql, &[&names], from_row).await?;
    let now = work.rows(NOW, &[], |row| Ok(time(row.try_get(0)?))).await?;
    let now = now.first().copied().ok_or(Fault::Conflict)?;
    Ok((rows.into_iter().map(|(name, entry, _)| (name, entry)).collect(), now))
}

pub(super) async fn read(work: &Work<'_>, name: &str) -> Result<(LeaseEntry, Duration), Fault> {
    let (mut entries, now) = read_all(work, &[name]).await?;
    Ok((entries.remove(name).unwrap_or_default(), now))
}

/// Saves what is known of names, all by one statement; forgets those that nobody holds or waits for.
pub(super) async fn save(work: &Work<'_>, entries: &[(&str, &LeaseEntry)]) -> Result<(), Fault> {
    let (over, rest): (Vec<_>, Vec<_>) = entries.iter().partition(|(_, entry)| entry.is_empty());
    if !over.is_empty() {
        let names: Vec<&str> = over.iter().map(|(name, _)| *name).collect();
        work.execute("DELETE FROM lease WHERE name = ANY($1)", &[&names]).await?;
    }
    if rest.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO lease (name, holder_epoch, holder_owner, holder_until_ms, waiting_epoch, waiting_owner, \
               waiting_until_ms, waiting_goes_on_at_ms, revoked_to, revoked_reason) \
               SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], \
               $6::text[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[]) \
               ON CONFLICT (name) DO UPDATE SET holder_epoch = excluded.holder_epoch, \
               holder_owner = excluded.holder_owner, holder_until_ms = excluded.holder_until_ms, \
               waiting_epoch = excluded.waiting_epoch, waiting_owner = excluded.waiting_owner, \
               waiting_until_ms = excluded.waiting_until_ms, \
               waiting_goes_on_at_ms = excluded.waiting_goes_on_at_ms, \
               revoked_to = excluded.revoked_to, revoked_reason = excluded.revoked_reason";
    let names: Vec<&str> = rest.iter().map(|(name, _)| *name).collect();
    let holders: Vec<_> = rest.iter().map(|(_, entry)| entry.holder.as_ref()).collect();
    let waiting: Vec<_> =
        rest.iter().map(|(_, entry)| entry.waiting.as_ref().map(|(claim, _)| claim)).collect();
    let epochs = |claims: &[Option<&LeaseClaim>]| -> Vec<Option<i64>> {
        claims.iter().map(|claim| claim.map(|claim| claim.epoch.cast_signed())).collect()
    };
    let untils = |claims: &[Option<&LeaseClaim>]| -> Vec<Option<i64>> {
        claims.iter().map(|claim| claim.map(|claim| millis(claim.until))).collect()
    };
    let goes_on: Vec<Option<i64>> =
        rest.iter().map(|(_, entry)| entry.waiting.as_ref().map(|(_, at)| millis(*at))).collect();
    let revoked_to: Vec<Option<i64>> =
        rest.iter().map(|(_, entry)| entry.revoked.map(|(to, _)| to.cast_signed())).collect();
    let reasons: Vec<Option<&str>> = rest
        .iter()
        .map(|(_, entry)| entry.revoked.map(|(_, reason)| reason_text(reason)))
        .collect();
    work.execute(
        sql,
        &[
            &names,
            &epochs(&holders),
            &owners(&holders),
            &untils(&holders),
            &epochs(&waiting),
            &owners(&waiting),
            &untils(&waiting),
            &goes_on,
            &revoked_to,
            &reasons,
        ],
    )
    .await
    .map(drop)
}

fn owners<'a>(claims: &[Option<&'a LeaseClaim>]) -> Vec<Option<&'a str>> {
    claims.iter().map(|claim| claim.map(|claim| claim.owner.as_str())).collect()
}
