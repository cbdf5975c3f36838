//! Media goes when its stream's retention says so, or when its stream goes.

use std::sync::Arc;

use vigie_media::Timestamp;

use crate::app::App;
use crate::audit::{AuditLine, ServerAction};
use crate::db::{DbError, Stream};
use crate::fragment_store::{Erased, FragmentStoreError};
use crate::ingest::EndReason;
use crate::time_text::rfc3339;

const HOUR_MS: i64 = 60 * 60 * 1000;
/// Without retention, consumers still read from a buffer of minutes (KVS API_CreateStream: 5 minutes).
const BUFFER_MS: i64 = 5 * 60 * 1000;
/// And of so many bytes (200 MB).
const BUFFER_BYTES: u64 = 200 << 20;

/// The instant before which received media of a stream has expired.
pub(crate) fn expired_before(stream: &Stream, now: Timestamp) -> Timestamp {
    let kept_ms = match stream.retention_hours {
        0 => BUFFER_MS,
        hours => i64::from(hours) * HOUR_MS,
    };
    now.plus_millis(-kept_ms)
}

/// Deletes what has expired by a clock that is believed, see [`crate::age_hold`]. Media files go as a whole; readers never see an expired fragment in one that stays.
pub(crate) async fn delete_expired_media(
    app: &App,
    stream: &Stream,
) -> Result<(), FragmentStoreError> {
    let before = expired_before(stream, app.age_hold.age_clock(app));
    let key = app.config.media_key(stream);
    app.fragments.delete_older_than(&key, before).await?;
    if stream.retention_hours == 0 {
        app.fragments.delete_but_newest(&key, BUFFER_BYTES).await?;
    }
    Ok(())
}

/// Who erases what callers have deleted.
const SERVER: &str = "vigie:server";

/// What goes for good with a stream stands in the audit log, beside the call that deleted it.
fn note_erasure(app: &App, stream: &Stream, erased: Erased) {
    // A try again, after it was cut off, finds nothing.
    if erased == Erased::default() {
        return;
    }
    app.audit.write(&AuditLine {
        time: &rfc3339(app.clock.now().wall),
        principal_arn: SERVER,
        action: ServerAction::EraseMedia.action(),
        resource: Some(&stream.arn),
        status: 200,
        fragment_count: Some(erased.fragment_count),
        size_bytes: Some(erased.size_bytes),
        ..AuditLine::default()
    });
}

/// Finishes the deletion of a stream: ends its connections, erases its media, then forgets it. What fails is tried
/// again by the next sweep.
pub(crate) async fn erase_stream(app: &Arc<App>, stream: Stream) {
    let shared = Arc::clone(app);
    // On a task of its own: a caller that hangs up must not leave it half done until the next sweep.
    let erasing = app.spawn(async move {
        let app = shared;
        let key = app.config.media_key(&stream);
        app.connections.end(&key, EndReason::StreamDeleted).await;
        let erased: Result<(), String> = async {
            let erased = app.fragments.delete_stream(&key).await;
            note_erasure(&app, &stream, erased.map_err(|error| error.to_string())?);
            app.db
                .finish_stream_deletion(&stream.arn)
                .await
                .map_err(|error: DbError| error.to_string())
        }
        .await;
        match erased {
            Ok(()) => tracing::info!(stream = stream.name, "stream deleted"),
            Err(error) => tracing::error!(stream = stream.name, %error, "stream not yet deleted"),
        }
    });
    if let Err(error) = erasing.await {
        tracing::error!(%error, "the deletion of a stream was cut off");
    }
}
