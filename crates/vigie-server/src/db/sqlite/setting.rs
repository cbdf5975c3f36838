//! Rows of settings.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::SqliteMetadataDb;
use crate::db::{DbError, Settings};

#[async_trait]
impl Settings for SqliteMetadataDb {
    async fn setting(&self, name: &str) -> Result<Option<Vec<u8>>, DbError> {
        self.read(|db| {
            db.prepare_cached("SELECT value FROM setting WHERE name = ?1")?
                .query_row([name], |row| row.get(0))
                .optional()
        })
    }

    async fn save_setting(&self, name: &str, value: &[u8]) -> Result<(), DbError> {
        let (name, value) = (name.to_owned(), value.to_vec());
        self.writer
            .write(move |db| {
                db.prepare_cached("REPLACE INTO setting (name, value) VALUES (?1, ?2)")?
                    .execute(params![name, value])?;
                Ok(true)
            })
            .await
            .map(drop)
    }

    async fn claim_setting(&self, name: &str, value: &[u8]) -> Result<bool, DbError> {
        let (name, value) = (name.to_owned(), value.to_vec());
        self.writer
            .write(move |db| {
                let sql =
                    "INSERT INTO setting (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
                Ok(db.prepare_cached(sql)?.execute(params![name, value])? == 1)
            })
            .await
    }
}
