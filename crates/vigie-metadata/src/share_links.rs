//! Share links: what shows a stream or a clip without an account, their secrets hashed.

use async_trait::async_trait;
use vigie_kvs::shapes::share_link::ShareLinkKind;
use vigie_media::Timestamp;

use crate::DbError;

/// A share link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareLink {
    /// Names it, and opens nothing.
    pub link_id: String,
    /// SHA-256 of the secret in its URL.
    pub secret_sha256: [u8; 32],
    /// The stream, by name and creation.
    pub stream_arn: String,
    /// Its name.
    pub stream_name: String,
    /// What it shows.
    pub kind: ShareLinkKind,
    /// Where what it shows begins.
    pub starts_at: Timestamp,
    /// Where it ends: of a clip alone.
    pub ends_at: Option<Timestamp>,
    /// Who made it.
    pub principal_arn: String,
    /// The id of the lasting access key or the user that made it, with which it ends.
    pub maker_id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was revoked, if it was.
    pub revoked_at: Option<Timestamp>,
}

impl ShareLink {
    /// Whether it has neither expired nor been revoked.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// When it ended, if it has been so by then.
    pub fn ended_at(&self) -> Timestamp {
        self.revoked_at.map_or(self.expires_at, |at| at.min(self.expires_at))
    }
}

/// Rows of share links. They go with their stream.
#[async_trait]
pub trait ShareLinks: Send + Sync {
    /// Adds a link where its stream is there, and has fewer than `links_max`; `false` otherwise. Forgets those of the stream
    /// that ended before `forget_before`. One of the same id or secret is an error.
    async fn create_share_link(
        &self,
        link: &ShareLink,
        links_max: usize,
        forget_before: Timestamp,
    ) -> Result<bool, DbError>;
    /// A link by its id.
    async fn share_link(&self, link_id: &str) -> Result<Option<ShareLink>, DbError>;
    /// A link by the hash of its secret.
    async fn share_link_of_secret(
        &self,
        secret_sha256: &[u8; 32],
    ) -> Result<Option<ShareLink>, DbError>;
    /// Up to `limit` links of a stream, newest first, behind the one that was made at that time and has that id.
    async fn list_share_links(
        &self,
        stream_arn: &str,
        behind: Option<(Timestamp, &str)>,
        limit: usize,
    ) -> Result<Vec<ShareLink>, DbError>;
    /// Marks a link as revoked; `false` when it is not there or is revoked already.
    async fn revoke_share_link(&self, link_id: &str, now: Timestamp) -> Result<bool, DbError>;
}
