//! Rows of share links.

use async_trait::async_trait;
use tokio_postgres::Row;
use vigie_kvs::shapes::share_link::ShareLinkKind;
use vigie_media::Timestamp;
use vigie_metadata::{DbError, ShareLink, ShareLinks};

use super::{PostgresMetadataDb, stream};
use crate::error::{Fault, unknown_value};
use crate::statement::{Work, at, limit, maybe_at, millis};

const COLUMNS: &str = "link_id, secret_sha256, stream_arn, stream_name, kind, starts_at_ms, ends_at_ms, \
                       principal_arn, maker_id, created_at_ms, expires_at_ms, revoked_at_ms";

fn from_row(row: &Row) -> Result<ShareLink, Fault> {
    let (hash, kind): (&[u8], &str) = (row.try_get(1)?, row.try_get(4)?);
    Ok(ShareLink {
        link_id: row.try_get(0)?,
        secret_sha256: hash.try_into().map_err(|_| unknown_value("hash", "of another length"))?,
        stream_arn: row.try_get(2)?,
        stream_name: row.try_get(3)?,
        kind: ShareLinkKind::from_wire(kind).ok_or_else(|| unknown_value("link kind", kind))?,
        starts_at: at(row, 5)?,
        ends_at: maybe_at(row, 6)?,
        principal_arn: row.try_get(7)?,
        maker_id: row.try_get(8)?,
        created_at: at(row, 9)?,
        expires_at: at(row, 10)?,
        revoked_at: maybe_at(row, 11)?,
    })
}

async fn create(
    work: &Work<'_>,
    link: &ShareLink,
    links_max: i64,
    forget_before_ms: i64,
) -> Result<Option<bool>, Fault> {
    // Of a stream one is made at a time, so that their number holds.
    let is_there = stream::lock(work, &link.stream_arn).await?;
    let sql = "DELETE FROM share_link WHERE stream_arn = $1 \
               AND least(expires_at_ms, revoked_at_ms) < $2";
    work.execute(sql, &[&link.stream_arn, &forget_before_ms]).await?;
    let sql = "SELECT 1 FROM share_link WHERE stream_arn = $1 OFFSET $2 LIMIT 1";
    // One too few for one more.
    let is_full = links_max < 1 || work.exists(sql, &[&link.stream_arn, &(links_max - 1)]).await?;
    if !is_there || is_full {
        return Ok(None);
    }
    let sql = format!(
        "INSERT INTO share_link ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
    );
    work.execute(
        &sql,
        &[
            &link.link_id,
            &link.secret_sha256.as_slice(),
            &link.stream_arn,
            &link.stream_name,
            &link.kind.as_str(),
            &link.starts_at.as_millis(),
            &millis(link.ends_at),
            &link.principal_arn,
            &link.maker_id,
            &link.created_at.as_millis(),
            &link.expires_at.as_millis(),
            &millis(link.revoked_at),
        ],
    )
    .await?;
    Ok(Some(true))
}

#[async_trait]
impl ShareLinks for PostgresMetadataDb {
    async fn create_share_link(
        &self,
        link: &ShareLink,
        links_max: usize,
        forget_before: Timestamp,
    ) -> Result<bool, DbError> {
        let args = (link.clone(), limit(links_max), forget_before.as_millis());
        let created = self.database.change(args, |work, (link, links_max, forget_before_ms)| {
            Box::pin(create(work, link, *links_max, *forget_before_ms))
        });
        created.await
    }

    async fn share_link(&self, link_id: &str) -> Result<Option<ShareLink>, DbError> {
        let sql = format!("SELECT {COLUMNS} FROM share_link WHERE link_id = $1");
        self.database.one(&sql, &[&link_id], from_row).await
    }

    async fn share_link_of_secret(
        &self,
        secret_sha256: &[u8; 32],
    ) -> Result<Option<ShareLink>, DbError> {
        let sql = format!("SELECT {COLUMNS} FROM share_link WHERE secret_sha256 = $1");
        self.database.one(&sql, &[&secret_sha256.as_slice()], from_row).await
    }

    async fn list_share_links(
        &self,
        stream_arn: &str,
        behind: Option<(Timestamp, &str)>,
        limit_rows: usize,
    ) -> Result<Vec<ShareLink>, DbError> {
        let (behind_ms, behind_id) = behind.map_or((i64::MAX, ""), |(at, id)| (at.as_millis(), id));
        let sql = format!(
            "SELECT {COLUMNS} FROM share_link WHERE stream_arn = $1 AND (created_at_ms, link_id) < ($2, $3) \
             ORDER BY created_at_ms DESC, link_id DESC LIMIT $4"
        );
        let params = (&stream_arn, &behind_ms, &behind_id, limit(limit_rows));
        self.database.rows(&sql, &[params.0, params.1, params.2, &params.3], from_row).await
    }

    async fn revoke_share_link(&self, link_id: &str, now: Timestamp) -> Result<bool, DbError> {
        let revoked = self.database.change((link_id.to_owned(), now.as_millis()), |work, (id, now_ms)| {
            Box::pin(async move {
                let sql = "UPDATE share_link SET revoked_at_ms = $2 WHERE link_id = $1 AND revoked_at_ms IS NULL";
                Ok((work.execute(sql, &[id, now_ms]).await? == 1).then_some(true))
            })
        });
        revoked.await
    }
}
