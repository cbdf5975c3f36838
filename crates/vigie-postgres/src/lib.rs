//! PostgreSQL behind the metadata seam: rows, leases and notices that several servers share.
//!
//! Decides how they lie in tables, what is locked, and when something is done again; decides nothing of what they say. What is
//! committed is made once, whatever becomes of its answer ([`Database`]). Opening never migrates: [`migrate`] does.

mod change;
mod connect;
mod database;
mod error;
mod leases;
mod notices;
mod options;
mod patience;
mod rows;
mod schema;
mod standing;
mod statement;

pub use database::Database;
pub use leases::PostgresLeases;
pub use notices::PostgresNotices;
pub use options::ConnectOptions;
pub use rows::PostgresMetadataDb;
pub use schema::migrate;
pub use standing::{DatabaseFacts, DatabaseTrouble};
