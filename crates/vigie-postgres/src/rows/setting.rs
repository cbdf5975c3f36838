//! Rows of settings.

use async_trait::async_trait;
use vigie_metadata::{DbError, Settings};

use super::PostgresMetadataDb;

#[async_trait]
impl Settings for PostgresMetadataDb {
    async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, DbError> {
        let sql = "SELECT value FROM setting WHERE name = $1";
        self.database.one(sql, &[&name], |row| Ok(row.try_get(0)?)).await
    }

    async fn save_setting(&self, name: &str, value: &[u8]) -> Result<(), DbError> {
        let args = (name.to_owned(), value.to_vec());
        let saved = self.database.change(args, |work, (name, value)| {
            Box::pin(async move {
                let sql = "INSERT INTO setting (name, value) VALUES ($1, $2) \
                           ON CONFLICT (name) DO UPDATE SET value = excluded.value";
                work.execute(sql, &[name, value]).await?;
                Ok(Some(true))
            })
        });
        saved.await.map(drop)
    }

    async fn claim_setting(&self, name: &str, value: &[u8]) -> Result<bool, DbError> {
        let args = (name.to_owned(), value.to_vec());
        let claimed = self.database.change(args, |work, (name, value)| {
            Box::pin(async move {
                let sql =
                    "INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
                Ok((work.execute(sql, &[name, value]).await? == 1).then_some(true))
            })
        });
        claimed.await
    }
}
