//! The nouns of the seam as rows, a file each. Decides how rows lie in tables and which rows a change locks; decides nothing
//! about their content.

mod access_key;
mod edge_configuration;
mod hub;
mod media_ledger;
mod secret;
mod setting;
mod share_link;
mod stream;
mod user;

use async_trait::async_trait;
use vigie_metadata::{DbError, MetadataDb};

use crate::database::Database;

/// The metadata engine.
#[derive(Clone)]
pub struct PostgresMetadataDb {
    database: Database,
}

impl PostgresMetadataDb {
    /// Over a database that others use as well.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl MetadataDb for PostgresMetadataDb {
    /// Whether it takes changes, as a version that this program may work with: it may have been migrated since.
    async fn check(&self) -> Result<(), DbError> {
        self.database.check_schema().await?;
        self.database.repeat((), |_, ()| Box::pin(async { Ok(Some(true)) })).await.map(drop)
    }

    /// It goes on by itself whatever happened.
    fn has_ended(&self) -> bool {
        false
    }
}
