//! Finds the stream that a call means, for whoever works on one.
//!
//! Decides which one it is, and whether its caller hears of it.

use std::sync::Arc;

use vigie_kvs::KvsError;
use vigie_kvs::iam::Tags;
use vigie_kvs::shapes::StreamIdentifier;

use super::Call;
use crate::config::ServerConfig;
use crate::db::{MetadataDb, Stream, StreamKey, StreamStatus};
use crate::failure::Answer;

/// The text of the service for a stream that is not there (seen from AWS by producers).
const STREAM_NOT_FOUND: &str = "The requested stream is not found or not active.";

#[derive(Clone)]
pub(crate) struct Streams {
    pub db: Arc<dyn MetadataDb>,
    pub config: Arc<ServerConfig>,
}

impl Streams {
    /// The stream that is meant, whatever its status, if the caller may do this with it.
    pub(crate) async fn any(&self, call: &Call, identifier: &StreamIdentifier) -> Answer<Stream> {
        let (stream, named) = match identifier {
            StreamIdentifier::Name(name) => {
                let stream = self.db.stream(StreamKey::Name(name)).await?;
                (stream, self.config.stream_resource(name))
            }
            StreamIdentifier::Arn(stream_arn) => {
                let arn = stream_arn.to_string();
                (self.db.stream(StreamKey::Arn(&arn)).await?, arn)
            }
        };
        let resource = stream.as_ref().map_or(&named, |stream| &stream.arn);
        let tags = match &stream {
            Some(stream) if call.identity.permissions.ask_for_tags() => {
                self.db.tags(&stream.arn).await?
            }
            _ => Tags::new(),
        };
        call.authorize_tagged(resource, &named, &tags)?;
        stream.ok_or_else(|| KvsError::not_found(STREAM_NOT_FOUND).into())
    }

    /// The stream that is meant, unless it is being deleted.
    pub(crate) async fn active(
        &self,
        call: &Call,
        identifier: &StreamIdentifier,
    ) -> Answer<Stream> {
        let stream = self.any(call, identifier).await?;
        match stream.status {
            StreamStatus::Active => Ok(stream),
            StreamStatus::Deleting => Err(KvsError::not_found(STREAM_NOT_FOUND).into()),
        }
    }
}
