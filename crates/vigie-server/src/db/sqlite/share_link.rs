//! Rows of share links.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use vigie_kvs::shapes::share_link::ShareLinkKind;
use vigie_media::Timestamp;

use super::{SqliteMetadataDb, limit, timestamp, unknown_text};
use crate::db::{DbError, ShareLink, ShareLinks};

const COLUMNS: &str = "link_id, secret_sha256, stream_arn, stream_name, kind, starts_at_ms, ends_at_ms, \
                       principal_arn, maker_id, created_at_ms, expires_at_ms, revoked_at_ms";

fn from_row(row: &Row<'_>) -> rusqlite::Result<ShareLink> {
    let optional = |column| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(timestamp))
    };
    let kind: String = row.get(4)?;
    Ok(ShareLink {
        link_id: row.get(0)?,
        secret_sha256: row.get(1)?,
        stream_arn: row.get(2)?,
        stream_name: row.get(3)?,
        kind: ShareLinkKind::from_wire(&kind).ok_or_else(|| unknown_text(4, &kind))?,
        starts_at: timestamp(row.get(5)?),
        ends_at: optional(6)?,
        principal_arn: row.get(7)?,
        maker_id: row.get(8)?,
        created_at: timestamp(row.get(9)?),
        expires_at: timestamp(row.get(10)?),
        revoked_at: optional(11)?,
    })
}

pub(super) fn get(db: &Connection, link_id: &str) -> rusqlite::Result<Option<ShareLink>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM share_link WHERE link_id = ?1"))?
        .query_row([link_id], from_row)
        .optional()
}

fn of_secret(db: &Connection, secret_sha256: &[u8; 32]) -> rusqlite::Result<Option<ShareLink>> {
    db.prepare_cached(&format!("SELECT {COLUMNS} FROM share_link WHERE secret_sha256 = ?1"))?
        .query_row([secret_sha256], from_row)
        .optional()
}

fn page(
    db: &Connection,
    stream_arn: &str,
    (behind_ms, behind_id): (i64, &str),
    limit_rows: usize,
) -> rusqlite::Result<Vec<ShareLink>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM share_link WHERE stream_arn = ?1 AND (created_at_ms, link_id) < (?2, ?3)
         ORDER BY created_at_ms DESC, link_id DESC LIMIT ?4"
    ))?
    .query_map(params![stream_arn, behind_ms, behind_id, limit(limit_rows)], from_row)?
    .collect()
}

fn create(
    db: &Connection,
    link: &ShareLink,
    links_max: usize,
    forget_before: Timestamp,
) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "DELETE FROM share_link WHERE stream_arn = ?1
         AND min(expires_at_ms, coalesce(revoked_at_ms, expires_at_ms)) < ?2",
    )?
    .execute(params![link.stream_arn, forget_before.as_millis()])?;
    let changed = db
        .prepare_cached(&format!(
            "INSERT INTO share_link ({COLUMNS})
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
             WHERE EXISTS (SELECT 1 FROM stream WHERE arn = ?3)
             AND (SELECT count(*) FROM share_link WHERE stream_arn = ?3) < ?13"
        ))?
        .execute(params![
            link.link_id,
            link.secret_sha256,
            link.stream_arn,
            link.stream_name,
            link.kind.as_str(),
            link.starts_at.as_millis(),
            link.ends_at.map(Timestamp::as_millis),
            link.principal_arn,
            link.maker_id,
            link.created_at.as_millis(),
            link.expires_at.as_millis(),
            link.revoked_at.map(Timestamp::as_millis),
            limit(links_max),
        ])?;
    Ok(changed == 1)
}

fn revoke(db: &Connection, link_id: &str, now: Timestamp) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE share_link SET revoked_at_ms = ?2 WHERE link_id = ?1 AND revoked_at_ms IS NULL",
        )?
        .execute(params![link_id, now.as_millis()])?;
    Ok(changed == 1)
}

#[async_trait]
impl ShareLinks for SqliteMetadataDb {
    async fn create_share_link(
        &self,
        link: &ShareLink,
        links_max: usize,
        forget_before: Timestamp,
    ) -> Result<bool, DbError> {
        let link = link.clone();
        self.writer.write(move |db| create(db, &link, links_max, forget_before)).await
    }

    async fn share_link(&self, link_id: &str) -> Result<Option<ShareLink>, DbError> {
        self.read(|db| get(db, link_id))
    }

    async fn share_link_of_secret(
        &self,
        secret_sha256: &[u8; 32],
    ) -> Result<Option<ShareLink>, DbError> {
        self.read(|db| of_secret(db, secret_sha256))
    }

    async fn list_share_links(
        &self,
        stream_arn: &str,
        behind: Option<(Timestamp, &str)>,
        limit: usize,
    ) -> Result<Vec<ShareLink>, DbError> {
        let behind = behind.map_or((i64::MAX, ""), |(at, id)| (at.as_millis(), id));
        self.read(|db| page(db, stream_arn, behind, limit))
    }

    async fn revoke_share_link(&self, link_id: &str, now: Timestamp) -> Result<bool, DbError> {
        let id = link_id.to_owned();
        self.writer.write(move |db| revoke(db, &id, now)).await
    }
}
