//! The share links of the engine in memory.

use async_trait::async_trait;
use vigie_media::Timestamp;

use super::MemoryMetadataDb;
use crate::{DbError, ShareLink, ShareLinks};

#[async_trait]
impl ShareLinks for MemoryMetadataDb {
    async fn create_share_link(
        &self,
        link: &ShareLink,
        links_max: usize,
        forget_before: Timestamp,
    ) -> Result<bool, DbError> {
        let mut tables = self.tables();
        let of_stream = |other: &ShareLink| other.stream_arn == link.stream_arn;
        let is_same = |other: &ShareLink| {
            other.link_id == link.link_id || other.secret_sha256 == link.secret_sha256
        };
        if tables.share_links.values().any(is_same) {
            return Err(DbError::Engine("a share link of this id or secret is there".to_owned()));
        }
        let is_kept = |other: &ShareLink| !of_stream(other) || other.ended_at() >= forget_before;
        let kept = tables.share_links.values().filter(|other| of_stream(other) && is_kept(other));
        if kept.count() >= links_max || !tables.streams.contains_key(&link.stream_arn) {
            return Ok(false);
        }
        tables.share_links.retain(|_, other| is_kept(other));
        tables.share_links.insert(link.link_id.clone(), link.clone());
        Ok(true)
    }

    async fn share_link(&self, link_id: &str) -> Result<Option<ShareLink>, DbError> {
        Ok(self.tables().share_links.get(link_id).cloned())
    }

    async fn share_link_of_secret(
        &self,
        secret_sha256: &[u8; 32],
    ) -> Result<Option<ShareLink>, DbError> {
        let tables = self.tables();
        let mut links = tables.share_links.values();
        Ok(links.find(|link| link.secret_sha256 == *secret_sha256).cloned())
    }

    async fn list_share_links(
        &self,
        stream_arn: &str,
        behind: Option<(Timestamp, &str)>,
        limit: usize,
    ) -> Result<Vec<ShareLink>, DbError> {
        let tables = self.tables();
        let position = |link: &ShareLink| (link.created_at, link.link_id.clone());
        let is_behind =
            |link: &&ShareLink| behind.is_none_or(|(at, id)| position(link) < (at, id.to_owned()));
        let links = tables.share_links.values().filter(|link| link.stream_arn == stream_arn);
        let mut links: Vec<ShareLink> = links.filter(is_behind).cloned().collect();
        links.sort_by_key(|link| std::cmp::Reverse(position(link)));
        links.truncate(limit);
        Ok(links)
    }

    async fn revoke_share_link(&self, link_id: &str, now: Timestamp) -> Result<bool, DbError> {
        let mut tables = self.tables();
        let Some(link) = tables.share_links.get_mut(link_id) else { return Ok(false) };
        let is_new = link.revoked_at.is_none();
        if is_new {
            link.revoked_at = Some(now);
        }
        Ok(is_new)
    }
}
