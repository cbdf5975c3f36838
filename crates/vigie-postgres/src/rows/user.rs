//! Rows of users.

use async_trait::async_trait;
use tokio_postgres::Row;
use vigie_kvs::Sensitive;
use vigie_kvs::shapes::users::Role;
use vigie_media::Timestamp;
use vigie_metadata::{DbError, User, UserKey, Users};

use super::PostgresMetadataDb;
use crate::error::{Fault, not_json, unknown_value};
use crate::statement::{Work, at, count, limit, maybe_at, millis};

const COLUMNS: &str = "id, name, password_hash, role, scope_json, is_disabled, sessions_epoch, created_at_ms, \
                       password_changed_at_ms, last_sign_in_at_ms, row_version";

fn from_row(row: &Row) -> Result<User, Fault> {
    let role: &str = row.try_get(3)?;
    Ok(User {
        id: row.try_get(0)?,
        name: row.try_get(1)?,
        password_hash: Sensitive::new(row.try_get::<_, String>(2)?),
        role: Role::from_wire(role).ok_or_else(|| unknown_value("role", role))?,
        scope: serde_json::from_str(row.try_get(4)?).map_err(not_json)?,
        is_disabled: row.try_get(5)?,
        sessions_epoch: count(row, 6)?,
        created_at: at(row, 7)?,
        password_changed_at: at(row, 8)?,
        last_sign_in_at: maybe_at(row, 9)?,
        row_version: count(row, 10)?,
    })
}

async fn create(work: &Work<'_>, user: &User) -> Result<Option<bool>, Fault> {
    let sql = format!(
        "INSERT INTO user_account ({COLUMNS}, name_key) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (name_key) DO NOTHING"
    );
    let added = work
        .execute(
            &sql,
            &[
                &user.id,
                &user.name,
                &user.password_hash.expose(),
                &user.role.as_str(),
                &serde_json::to_string(&user.scope).map_err(not_json)?,
                &user.is_disabled,
                &user.sessions_epoch.cast_signed(),
                &user.created_at.as_millis(),
                &user.password_changed_at.as_millis(),
                &millis(user.last_sign_in_at),
                &user.row_version.cast_signed(),
                &user.name.to_ascii_lowercase(),
            ],
        )
        .await?;
    Ok((added == 1).then_some(true))
}

async fn save(work: &Work<'_>, user: &User) -> Result<Option<bool>, Fault> {
    let sql = "UPDATE user_account SET password_hash = $3, role = $4, scope_json = $5, is_disabled = $6, \
               sessions_epoch = $7, password_changed_at_ms = $8, row_version = row_version + 1 \
               WHERE id = $1 AND row_version = $2";
    let changed = work
        .execute(
            sql,
            &[
                &user.id,
                &user.row_version.cast_signed(),
                &user.password_hash.expose(),
                &user.role.as_str(),
                &serde_json::to_string(&user.scope).map_err(not_json)?,
                &user.is_disabled,
                &user.sessions_epoch.cast_signed(),
                &user.password_changed_at.as_millis(),
            ],
        )
        .await?;
    Ok((changed == 1).then_some(true))
}

#[async_trait]
impl Users for PostgresMetadataDb {
    async fn user(&self, key: UserKey<'_>) -> Result<Option<User>, DbError> {
        let (column, value) = match key {
            UserKey::Id(id) => ("id", id.to_owned()),
            UserKey::Name(name) => ("name_key", name.to_ascii_lowercase()),
        };
        let sql = format!("SELECT {COLUMNS} FROM user_account WHERE {column} = $1");
        self.database.one(&sql, &[&value], from_row).await
    }

    async fn list_users(&self, after_name: &str, limit_rows: usize) -> Result<Vec<User>, DbError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM user_account WHERE name_key > $1 ORDER BY name_key LIMIT $2"
        );
        self.database.rows(&sql, &[&after_name, &limit(limit_rows)], from_row).await
    }

    async fn create_user(&self, user: &User) -> Result<bool, DbError> {
        self.database.change(user.clone(), |work, user| Box::pin(create(work, user))).await
    }

    async fn save_user(&self, user: &User) -> Result<bool, DbError> {
        self.database.change(user.clone(), |work, user| Box::pin(save(work, user))).await
    }

    async fn note_sign_in(&self, id: &str, at: Timestamp) -> Result<(), DbError> {
        let noted = self.database.change((id.to_owned(), at.as_millis()), |work, (id, at_ms)| {
            Box::pin(async move {
                let sql = "UPDATE user_account SET last_sign_in_at_ms = $2 WHERE id = $1";
                work.execute(sql, &[id, at_ms]).await?;
                Ok(Some(true))
            })
        });
        noted.await.map(drop)
    }

    async fn remove_user(&self, id: &str) -> Result<bool, DbError> {
        let removed = self.database.change(id.to_owned(), |work, id| {
            Box::pin(async move {
                let sql = "DELETE FROM user_account WHERE id = $1";
                Ok((work.execute(sql, &[id]).await? == 1).then_some(true))
            })
        });
        removed.await
    }
}
