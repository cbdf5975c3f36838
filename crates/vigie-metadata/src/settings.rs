//! Small named values, for the server's own housekeeping.

use async_trait::async_trait;

use crate::DbError;

/// Rows of settings.
#[async_trait]
pub trait Settings: Send + Sync {
    /// A value; `None` where none was saved.
    async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, DbError>;
    /// Saves a value, whatever was there.
    async fn save_setting(&self, name: &str, value: &[u8]) -> Result<(), DbError>;
    /// Saves a value where there is none; `false` otherwise, also for one of two that are first at once.
    async fn claim_setting(&self, name: &str, value: &[u8]) -> Result<bool, DbError>;
}
