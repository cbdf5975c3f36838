//! What is looked through now and then: streams, secrets, and the figures of the media.

use std::sync::Arc;

use vigie_media::Timestamp;

use super::deletion::MediaDeletion;
use crate::archive::Archive;
use crate::db::{DbError, MetadataDb, Notices, PAGE, StreamStatus};
use crate::hubs::tell_of_secret;
use crate::metrics::Metrics;

/// Deletes what has expired, and finishes deletions that were cut off.
pub(super) async fn streams(db: &dyn MetadataDb, deletion: &Arc<MediaDeletion>) {
    let mut after_name = String::new();
    loop {
        let page = match db.list_streams("", &after_name, PAGE).await {
            Ok(page) => page,
            Err(error) => return tracing::error!(%error, "streams could not be read"),
        };
        let Some(last) = page.last() else { return };
        after_name.clone_from(&last.name);
        for stream in page {
            match stream.status {
                StreamStatus::Deleting => deletion.erase_stream(stream).await,
                StreamStatus::Active => {
                    if let Err(error) = deletion.delete_expired(&stream).await {
                        tracing::error!(stream = stream.name, %error, "media was not deleted");
                    }
                }
            }
        }
    }
}

/// Deletes the secrets whose recovery window has ended by `now`.
pub(super) async fn secrets(
    db: &dyn MetadataDb,
    notices: &dyn Notices,
    now: Timestamp,
) -> Result<(), DbError> {
    loop {
        let page = db.secrets_to_delete(now, PAGE).await?;
        for secret in &page {
            db.delete_secret(&secret.arn).await?;
            tell_of_secret(notices, &secret.arn);
            tracing::info!(secret = secret.name, "secret deleted after its recovery window");
        }
        if page.len() < PAGE {
            return Ok(());
        }
    }
}

/// In between, each fragment that comes adds to the size: reading it anew takes a look at every media file.
pub(super) async fn figures(fragments: &dyn Archive, metrics: &Metrics) {
    match fragments.size_bytes().await {
        Ok(size_bytes) => {
            metrics.stored_bytes.set(size_bytes);
            let found = fragments.findings();
            metrics.unclaimed_bytes.set(found.unclaimed_size_bytes);
            metrics.unclaimed_files.set(found.unclaimed_file_count);
            metrics.claimed_fragments.set(found.claimed_fragment_count);
            metrics.missing_media_files.set(found.missing_media_file_count);
            metrics.index_was_damaged.set(u64::from(found.is_index_new));
        }
        Err(error) => tracing::error!(%error, "the size of the media could not be read"),
    }
}
