//! The service: the HTTP API of Kinesis Video Streams, Secrets Manager and STS, metadata, hub sync, ingest and reading.
//!
//! Decides how calls are answered and in which order things become durable. What is legal for an edge configuration
//! is `vigie-engine`'s to say, what a request or an answer looks like `vigie-kvs`'s, where media lies `vigie-store`'s.
//! It never records, never talks to a camera, and never names the real clock, chance or disk: [`Server::open`] is given
//! them.
//!
//! ```text
//! http/       listener and dispatch        auth/                signatures, sealing, access keys
//! api/        one handler per operation    db/                  the metadata seam's embedded engine
//! ingest/     PutMedia                     archive/             the media seam's embedded engine
//! console/    the web console's files      backup/              copies of all but media
//! clip/       GetClip                      images/              GetImages
//! clip_files/ ranges as files of any length
//! get_media/  GetMedia, of a list too      background/          deadlines, retention, unfinished deletions
//! playback/   HLS and DASH sessions        fragment_selection/  which fragments a range stands for
//! audit/      who did what                 guard/               limits, budgets, what is known of a call
//! hubs/      what hubs say and are asked   share_links/        what shows a stream or a clip without an account
//! ```

mod access_keys;
mod age_hold;
mod api;
mod app;
pub mod archive;
mod audit;
pub mod auth;
mod background;
mod backup;
mod clip;
mod clip_files;
mod config;
mod console;
mod data_dir;
pub mod db;
mod engines;
mod failure;
mod first_start;
mod fragment_selection;
mod get_media;
mod guard;
mod health;
mod http;
mod hubs;
mod images;
pub mod ingest;
mod instance;
mod media;
mod metrics;
mod playback;
pub mod private_file;
mod process;
mod runtime;
mod server;
mod share_links;
mod start_error;
mod time_text;
mod tls;
mod users;

pub use access_keys::{
    AccessKeyError, AccessKeyInfo, NewPermissions, create_access_key, list_access_keys,
    revoke_access_key,
};
#[cfg(any(test, feature = "testing"))]
pub use audit::MemoryAuditLog;
pub use audit::{AuditCursor, AuditLine, AuditLog, AuditPage, PageError};
pub use audit::{CommandNote, FolderCommand, LocalAuditError, note_command};
pub use backup::{BackupError, Manifest, restore_backup, take_backup};
pub use clip::ClipLimits;
pub use config::ServerConfig;
pub use data_dir::{MasterKeySource, MetadataLoss, accept_metadata_loss, metadata_loss};
pub use engines::Engines;
pub use get_media::ReaderLimits;
pub use guard::RateLimits;
pub use http::body::{BodyError, RequestBody, ResponseBody};
pub use images::ImageDecoders;
pub use instance::{Instance, Seams};
pub use playback::SessionUrl;
pub use runtime::{Runtime, Task, TokioRuntime};
pub use server::Server;
pub use start_error::ServerError;
pub use tls::{TlsError, TlsFiles};
pub use users::{
    NewUser, UserChange, UserError, create_user, list_users, remove_user, update_user,
};
