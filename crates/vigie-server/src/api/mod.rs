//! One small handler per operation, named like it, which is given the room that it works in. A handler decides by the rows
//! that it reads and saves with the version it read; it never touches SQL, files or sockets. It asks whether its caller may
//! do this with the resource, as soon as it knows which that is; where there is none (`ResourceKind::Account`), it was asked
//! before.

pub(crate) mod access_keys;
pub(crate) mod audit_events;
pub(crate) mod data_endpoint;
pub(crate) mod delivery;
pub(crate) mod describe_schedule;
pub(crate) mod edge_configuration;
mod erasure;
pub(crate) mod forget_hub;
pub(crate) mod fragments;
pub(crate) mod hub;
pub(crate) mod media_ledger;
pub(crate) mod page_token;
mod rooms;
pub(crate) mod secrets;
mod stored_json;
pub(crate) mod stream;
pub(crate) mod stream_media;
mod streams;
pub(crate) mod sts;
pub(crate) mod sync_edge_agent;
pub(crate) mod tag;
pub(crate) mod test_camera;
pub(crate) mod users;
mod visible;

use std::sync::OnceLock;

use vigie_kvs::iam::Tags;
use vigie_kvs::{KvsError, Operation};

use crate::auth::{Identity, Resource, authorize};
use crate::guard::Caller;

pub(crate) use rooms::{Control, Secrets};
pub(crate) use streams::Streams;
pub(crate) use visible::Visible;

/// A call whose signature has been verified.
pub(crate) struct Call {
    pub operation: &'static Operation,
    pub identity: Identity,
    /// From where it came.
    pub caller: Caller,
    /// The `Host` header, for answers that name this server.
    pub host: Option<String>,
    /// The resource that the call has made and could not name, for the audit log.
    pub made_resource: OnceLock<String>,
    /// The call belongs in the audit log although others of its operation change nothing.
    pub is_audited: OnceLock<()>,
    /// Bytes of video that exist nowhere else and go by this call, as far as the hub has said.
    pub not_uploaded_bytes: OnceLock<u64>,
}

impl Call {
    /// The call changes something, of this resource: the audit log is to have it.
    pub(crate) fn audit(&self, resource: &str) {
        self.is_audited.get_or_init(|| ());
        self.made_resource.get_or_init(|| resource.to_owned());
    }

    /// Checks that the caller may do this with `resource`.
    pub(crate) fn authorize(&self, resource: &str) -> Result<(), KvsError> {
        self.authorize_as(resource, resource)
    }

    /// The same, for a resource that the caller named otherwise: a refusal repeats that name, so that it tells
    /// nobody whether there is such a resource, or its full ARN.
    pub(crate) fn authorize_as(&self, resource: &str, named: &str) -> Result<(), KvsError> {
        self.authorize_tagged(resource, named, &Tags::new())
    }

    /// The same, for a stream with these tags.
    pub(crate) fn authorize_tagged(
        &self,
        resource: &str,
        named: &str,
        tags: &Tags,
    ) -> Result<(), KvsError> {
        authorize(&self.identity, self.operation, Resource { arn: resource, named, tags })
    }
}
