//! The wire contract of Vigie: what Amazon Kinesis Video Streams (KVS), Secrets Manager and STS put on the wire, and the
//! extensions: `SyncEdgeAgent`, and what those who run the server need.
//!
//! Decides whether a request is well formed, who signed it and how each answer and error is written. Server and agent
//! meet in these types and nowhere else. Pure: it never opens a socket or a file, never reads a clock, never draws a
//! random number; all of these come in as arguments. It never decides what a request *does*.
//!
//! - [`operation`] the table of operations and the way from a body to a typed input
//! - [`schema`] constraints as data, and the check of a JSON value against them
//! - [`shapes`] the typed inputs and outputs
//! - [`error`] exceptions, their statuses and bodies
//! - [`sigv4`] Signature Version 4, both sides
//! - [`iam`] identity policies, [`sts`] temporary credentials
//! - [`arn`], [`fragment_number`], [`version`], [`secret_versions`] identifiers
//! - [`acknowledgement`] the answer stream of PutMedia
//! - [`media_uri`], [`wire`], [`sensitive`] what is left

pub mod acknowledgement;
pub mod arn;
pub mod error;
pub mod fragment_number;
pub mod iam;
pub mod media_uri;
pub mod operation;
mod protocol;
pub mod schema;
pub mod secret_versions;
pub mod sensitive;
pub mod shapes;
pub mod sigv4;
pub mod sts;
pub mod version;
pub mod wire;
mod xml;

pub use error::{ErrorKind, KvsError};
pub use fragment_number::FragmentNumber;
pub use operation::{Operation, OperationId, Protocol, Service, parse};
pub use sensitive::Sensitive;
