//! Media files and their index, the same code on the hub and on the server.
//!
//! Decides where bytes lie and when they count as persisted. Never interprets a schedule, a policy or a request,
//! and touches the file system only through [`disk::Disk`].

pub mod disk;
