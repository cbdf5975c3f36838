//! Media goes when its stream's retention says so, or when its stream goes.

use std::sync::Arc;

use crate::archive::{Archive, ArchiveError, Erased};
use crate::audit::{Audit, AuditLine, ServerAction};
use crate::config::ServerConfig;
use crate::db::{DbError, EndReason, MetadataDb, Notice, Notices, Stream};
use crate::ingest::Turns;
use crate::media::expired_before;
use crate::process::Process;
use crate::time_text::rfc3339;

/// Without retention, the buffer that consumers still read holds so many bytes at most (KVS API_CreateStream: 200 MB).
const BUFFER_BYTES: u64 = 200 << 20;
/// Who erases what callers have deleted.
const SERVER: &str = "vigie:server";

pub(crate) struct MediaDeletion {
    pub process: Arc<Process>,
    pub config: Arc<ServerConfig>,
    pub db: Arc<dyn MetadataDb>,
    pub fragments: Arc<dyn Archive>,
    /// To those who read a stream that is erased.
    pub notices: Arc<dyn Notices>,
    /// A stream's connections end before it goes.
    pub turns: Arc<Turns>,
    pub audit: Arc<Audit>,
}

impl MediaDeletion {
    /// Deletes what has expired by a clock that is believed, see [`crate::age_hold`]. Media files go as a whole; readers
    /// never see an expired fragment in one that stays.
    pub(crate) async fn delete_expired(&self, stream: &Stream) -> Result<(), ArchiveError> {
        let before = expired_before(stream, self.process.age_hold.age_clock(self.process.now()));
        let key = self.config.media_key(stream);
        self.fragments.delete_older_than(&key, before).await?;
        if stream.retention_hours == 0 {
            self.fragments.delete_but_newest(&key, BUFFER_BYTES).await?;
        }
        Ok(())
    }

    /// Finishes the deletion of a stream: ends its connections, erases its media, then forgets it. What fails is tried
    /// again by the next sweep.
    pub(crate) async fn erase_stream(self: &Arc<Self>, stream: Stream) {
        let shared = Arc::clone(self);
        // On a task of its own: a caller that hangs up must not leave it half done until the next sweep.
        let erasing = self.process.spawn(async move {
            match shared.erase(&stream).await {
                Ok(()) => tracing::info!(stream = stream.name, "stream deleted"),
                Err(error) => {
                    tracing::error!(stream = stream.name, %error, "stream not yet deleted");
                }
            }
        });
        if let Err(error) = erasing.await {
            tracing::error!(%error, "the deletion of a stream was cut off");
        }
    }

    async fn erase(&self, stream: &Stream) -> Result<(), String> {
        let key = self.config.media_key(stream);
        let ended = self.turns.end(&key, EndReason::StreamDeleted).await;
        ended.map_err(|error| error.to_string())?;
        let erased = self.fragments.delete_stream(&key).await;
        self.note_erasure(stream, erased.map_err(|error| error.to_string())?);
        self.notices.publish(&Notice::MediaChanged { stream: key });
        let forgotten = self.db.finish_stream_deletion(&stream.arn).await;
        forgotten.map_err(|error: DbError| error.to_string())
    }

    /// What goes for good with a stream stands in the audit log, beside the call that deleted it.
    fn note_erasure(&self, stream: &Stream, erased: Erased) {
        // A try again, after it was cut off, finds nothing.
        if erased == Erased::default() {
            return;
        }
        self.audit.write(&AuditLine {
            time: &rfc3339(self.process.now().wall),
            principal_arn: SERVER,
            action: ServerAction::EraseMedia.action(),
            resource: Some(&stream.arn),
            status: 200,
            fragment_count: Some(erased.fragment_count),
            size_bytes: Some(erased.size_bytes),
            ..AuditLine::default()
        });
    }
}
