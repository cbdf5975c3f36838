//! Rows of users.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use vigie_kvs::Sensitive;
use vigie_kvs::shapes::users::Role;
use vigie_media::Timestamp;

use super::{SqliteMetadataDb, limit, timestamp, unknown_text, unreadable_json};
use crate::db::{DbError, User, UserKey, Users};

const COLUMNS: &str = "id, name, password_hash, role, scope_json, is_disabled, sessions_epoch, created_at_ms, \
                       password_changed_at_ms, last_sign_in_at_ms, row_version";

fn from_row(row: &Row<'_>) -> rusqlite::Result<User> {
    let (role, scope): (String, String) = (row.get(3)?, row.get(4)?);
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        password_hash: Sensitive::new(row.get::<_, String>(2)?),
        role: Role::from_wire(&role).ok_or_else(|| unknown_text(3, &role))?,
        scope: serde_json::from_str(&scope).map_err(unreadable_json(4))?,
        is_disabled: row.get(5)?,
        sessions_epoch: row.get(6)?,
        created_at: timestamp(row.get(7)?),
        password_changed_at: timestamp(row.get(8)?),
        last_sign_in_at: row.get::<_, Option<i64>>(9)?.map(timestamp),
        row_version: row.get(10)?,
    })
}

pub(super) fn get(db: &Connection, key: UserKey<'_>) -> rusqlite::Result<Option<User>> {
    match key {
        UserKey::Id(id) => db
            .prepare_cached(&format!("SELECT {COLUMNS} FROM user_account WHERE id = ?1"))?
            .query_row([id], from_row),
        UserKey::Name(name) => db
            .prepare_cached(&format!("SELECT {COLUMNS} FROM user_account WHERE name_key = ?1"))?
            .query_row([name.to_ascii_lowercase()], from_row),
    }
    .optional()
}

fn page(db: &Connection, after_name: &str, limit_rows: usize) -> rusqlite::Result<Vec<User>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM user_account WHERE name_key > ?1 ORDER BY name_key LIMIT ?2"
    ))?
    .query_map(params![after_name, limit(limit_rows)], from_row)?
    .collect()
}

fn scope_json(user: &User) -> Result<String, DbError> {
    serde_json::to_string(&user.scope).map_err(|error| DbError::Engine(error.to_string()))
}

fn create(db: &Connection, user: &User, scope_json: &str) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(&format!(
            "INSERT INTO user_account ({COLUMNS}, name_key)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (name_key) DO NOTHING"
        ))?
        .execute(params![
            user.id,
            user.name,
            user.password_hash.expose(),
            user.role.as_str(),
            scope_json,
            user.is_disabled,
            user.sessions_epoch,
            user.created_at.as_millis(),
            user.password_changed_at.as_millis(),
            user.last_sign_in_at.map(Timestamp::as_millis),
            user.row_version,
            user.name.to_ascii_lowercase(),
        ])?;
    Ok(changed == 1)
}

fn save(db: &Connection, user: &User, scope_json: &str) -> rusqlite::Result<bool> {
    let changed = db
        .prepare_cached(
            "UPDATE user_account SET password_hash = ?3, role = ?4, scope_json = ?5, is_disabled = ?6,
                sessions_epoch = ?7, password_changed_at_ms = ?8, row_version = row_version + 1
             WHERE id = ?1 AND row_version = ?2",
        )?
        .execute(params![
            user.id,
            user.row_version,
            user.password_hash.expose(),
            user.role.as_str(),
            scope_json,
            user.is_disabled,
            user.sessions_epoch,
            user.password_changed_at.as_millis(),
        ])?;
    Ok(changed == 1)
}

#[async_trait]
impl Users for SqliteMetadataDb {
    async fn user(&self, key: UserKey<'_>) -> Result<Option<User>, DbError> {
        self.read(|db| get(db, key))
    }

    async fn list_users(&self, after_name: &str, limit: usize) -> Result<Vec<User>, DbError> {
        self.read(|db| page(db, after_name, limit))
    }

    async fn create_user(&self, user: &User) -> Result<bool, DbError> {
        let (user, scope) = (user.clone(), scope_json(user)?);
        self.writer.write(move |db| create(db, &user, &scope)).await
    }

    async fn save_user(&self, user: &User) -> Result<bool, DbError> {
        let (user, scope) = (user.clone(), scope_json(user)?);
        self.writer.write(move |db| save(db, &user, &scope)).await
    }

    async fn note_sign_in(&self, id: &str, at: Timestamp) -> Result<(), DbError> {
        let id = id.to_owned();
        self.writer
            .write(move |db| {
                db.prepare_cached("UPDATE user_account SET last_sign_in_at_ms = ?2 WHERE id = ?1")?
                    .execute(params![id, at.as_millis()])?;
                Ok(true)
            })
            .await
            .map(drop)
    }

    async fn remove_user(&self, id: &str) -> Result<bool, DbError> {
        let id = id.to_owned();
        self.writer
            .write(move |db| {
                let mut delete = db.prepare_cached("DELETE FROM user_account WHERE id = ?1")?;
                Ok(delete.execute([id])? == 1)
            })
            .await
    }
}
