//! One small handler per operation, named like it. A handler decides by the rows it reads and saves with the version
//! it read; it never touches SQL, files or sockets. It asks whether its caller may do this with the resource, as soon as
//! it knows which that is; where there is none (`ResourceKind::Account`), it was asked before.

pub(crate) mod access_keys;
pub(crate) mod audit_events;
pub(crate) mod data_endpoint;
pub(crate) mod delivery;
pub(crate) mod edge_configuration;
mod erasure;
pub(crate) mod fragments;
pub(crate) mod hub;
pub(crate) mod media_ledger;
pub(crate) mod overview;
pub(crate) mod page_token;
pub(crate) mod secrets;
pub(crate) mod stream;
pub(crate) mod sts;
pub(crate) mod sync_edge_agent;
pub(crate) mod tag;
pub(crate) mod test_camera;

use std::sync::{Arc, OnceLock};

use vigie_kvs::shapes::StreamIdentifier;
use vigie_kvs::{KvsError, Operation};

use crate::app::App;
use crate::auth::{Identity, authorize};
use crate::db::{Stream, StreamKey, StreamStatus};
use crate::failure::Answer;

/// The text of the service for a stream that is not there (seen from AWS by producers).
const STREAM_NOT_FOUND: &str = "The requested stream is not found or not active.";

/// A call whose signature has been verified.
pub(crate) struct Call {
    pub app: Arc<App>,
    pub operation: &'static Operation,
    pub identity: Identity,
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
        authorize(&self.identity, self.operation, resource, named)
    }

    /// The stream that is meant, whatever its status, if the caller may do this with it.
    pub(crate) async fn any_stream(&self, identifier: &StreamIdentifier) -> Answer<Stream> {
        let (stream, named) = match identifier {
            StreamIdentifier::Name(name) => {
                let stream = self.app.db.stream(StreamKey::Name(name)).await?;
                (stream, self.app.config.stream_resource(name))
            }
            StreamIdentifier::Arn(stream_arn) => {
                let arn = stream_arn.to_string();
                (self.app.db.stream(StreamKey::Arn(&arn)).await?, arn)
            }
        };
        let resource = stream.as_ref().map_or(&named, |stream| &stream.arn);
        self.authorize_as(resource, &named)?;
        stream.ok_or_else(|| KvsError::not_found(STREAM_NOT_FOUND).into())
    }

    /// The stream that is meant, unless it is being deleted.
    pub(crate) async fn stream(&self, identifier: &StreamIdentifier) -> Answer<Stream> {
        let stream = self.any_stream(identifier).await?;
        match stream.status {
            StreamStatus::Active => Ok(stream),
            StreamStatus::Deleting => Err(KvsError::not_found(STREAM_NOT_FOUND).into()),
        }
    }
}
