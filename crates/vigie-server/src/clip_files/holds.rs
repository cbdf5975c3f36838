//! Whether a URL of a clip file still holds: its stream, and what it was made with.

use vigie_kvs::operation::EXPORT_CLIP;
use vigie_kvs::{ErrorKind, KvsError};

use super::ClipFiles;
use super::session::ClipFileSession;
use crate::db::{Stream, StreamKey, StreamStatus};
use crate::failure::Answer;

/// The stream of a session, if it keeps media, and if what the session was made with still holds.
pub(super) async fn check_holds(files: &ClipFiles, session: &ClipFileSession) -> Answer<Stream> {
    let arn = session.stream_arn(files.media.config.place()).to_string();
    let now = files.media.process.now().wall;
    files.grants.check(&session.grant, &EXPORT_CLIP, &arn, now).await?;
    let stream = files.db.stream(StreamKey::Arn(&arn)).await?;
    let stream = stream.filter(|stream| stream.status == StreamStatus::Active);
    let stream = stream.ok_or_else(|| KvsError::not_found("the stream of this file is gone"))?;
    if stream.retention_hours == 0 {
        let message = "the stream keeps no media: its data retention is 0 hours";
        return Err(KvsError::new(ErrorKind::NoDataRetention, message).into());
    }
    Ok(stream)
}
