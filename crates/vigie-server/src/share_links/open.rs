//! What the holder of a share link gets: where to play what it shows, and a clip's files. Nothing else of the stream.
//!
//! A link that is unknown, has expired, was revoked, or whose stream, media or maker's key is gone, is refused in the same
//! words: whoever tries learns nothing.

use serde::{Deserialize, Serialize};
use vigie_kvs::operation::GET_HLS_STREAMING_SESSION_URL;
use vigie_kvs::shapes::clip_file::ClipFile;
use vigie_kvs::shapes::share_link::ShareLinkKind;
use vigie_kvs::shapes::streaming_session::SessionRange;
use vigie_kvs::wire::{timestamp, timestamp_option};
use vigie_kvs::{ErrorKind, KvsError, Sensitive};
use vigie_media::Timestamp;

use super::ShareLinks;
use super::operations::hash_of;
use crate::auth::Grant;
use crate::clip_files::{Wanted, files_of_range};
use crate::db::{ShareLink, Stream, StreamKey, StreamStatus};
use crate::failure::{Answer, Failure};
use crate::playback::hls_url_of_grant;

/// So long at most holds what a link opens; the page opens it again.
const OPENED_HOLDS_MS: i64 = 12 * 3600 * 1000;
/// What is played at once of what a stream has recorded.
const RECORDED_MS_MAX: i64 = 3600 * 1000;

/// What is asked of a link.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Asked {
    /// Its secret.
    link: Sensitive,
    /// Of a stream: what it has recorded from then on, instead of what is live.
    #[serde(default, with = "timestamp_option")]
    start_timestamp: Option<Timestamp>,
}

/// What a link shows, and where.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Opened {
    kind: ShareLinkKind,
    stream_name: String,
    /// The name in its maker's ARN.
    shared_by: String,
    /// Where what it shows begins.
    #[serde(with = "timestamp")]
    start_timestamp: Timestamp,
    #[serde(with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    end_timestamp: Option<Timestamp>,
    /// When the link ends.
    #[serde(with = "timestamp")]
    expiration_time: Timestamp,
    /// A path of this server; absent where there is nothing to play now.
    #[serde(rename = "HLSStreamingSessionPath", skip_serializing_if = "Option::is_none")]
    hls_path: Option<String>,
    /// Why there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    nothing_to_play: Option<String>,
    /// A clip's files, with paths of this server.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<ClipFile>,
}

/// Opens a link; gives it as well, for the audit log.
pub(crate) async fn open(links: &ShareLinks, asked: Asked) -> Answer<(Opened, ShareLink)> {
    let media = &links.media;
    let now = media.process.now().wall;
    let db = media.streams.db.as_ref();
    let link = db.share_link_of_secret(&hash_of(&asked.link)).await?;
    let link = link.filter(|link| link.holds_at(now)).ok_or_else(has_ended)?;
    let grant = Grant::of_link(&link);
    // Of its stream alone, by which it is asked for.
    let operation = &GET_HLS_STREAMING_SESSION_URL;
    let holds = links.grants.check(&grant, operation, &link.stream_arn, now).await;
    holds.map_err(|failure| match failure {
        Failure::Refused(error) if error.kind.is_of_authentication() => has_ended(),
        failure => failure,
    })?;
    let stream = db.stream(StreamKey::Arn(&link.stream_arn)).await?;
    let is_shown = |it: &Stream| it.status == StreamStatus::Active && it.retention_hours > 0;
    let stream = stream.filter(is_shown).ok_or_else(has_ended)?;
    let expires_at = link.expires_at.min(now.plus_millis(OPENED_HOLDS_MS));
    let files = match link.ends_at {
        Some(end) if link.kind == ShareLinkKind::Clip => {
            let grant = grant.clone();
            let wanted = Wanted { start: link.starts_at, end, expires_at, grant };
            let files = files_of_range(&links.clip_files, &stream, &wanted, "").await;
            files.map_err(|failure| match failure {
                // Retention has ended it.
                Failure::Refused(error) if error.kind == ErrorKind::ResourceNotFound => has_ended(),
                failure => failure,
            })?
        }
        _ => Vec::new(),
    };
    let range = match (files.first(), files.last(), asked.start_timestamp) {
        (Some(first), Some(last), _) => {
            // The last instant of a range is in it.
            let end = last.end_timestamp.plus_millis(-1);
            SessionRange::OnDemand { start: first.start_timestamp, end }
        }
        (.., Some(start)) => {
            let start = start.max(link.starts_at).min(now);
            let end = start.plus_millis(RECORDED_MS_MAX).min(now);
            SessionRange::OnDemand { start, end: end.max(start.plus_millis(1)) }
        }
        _ => SessionRange::Live,
    };
    let expires_seconds = (expires_at.millis_since(now) / 1000).max(1);
    let session = hls_url_of_grant(&links.playback, stream, range, grant, expires_seconds).await;
    let (hls_path, nothing_to_play) = match session {
        Ok(path) => (Some(path), None),
        // A stream that is not live now may be later, and a codec that cannot be played can be downloaded.
        Err(Failure::Refused(error)) if error.kind != ErrorKind::ServiceUnavailable => {
            (None, Some(error.message))
        }
        Err(failure) => return Err(failure),
    };
    let opened = Opened {
        kind: link.kind,
        stream_name: link.stream_name.clone(),
        shared_by: name_of(&link.principal_arn).to_owned(),
        start_timestamp: link.starts_at,
        end_timestamp: link.ends_at,
        expiration_time: link.expires_at,
        hls_path,
        nothing_to_play,
        files,
    };
    Ok((opened, link))
}

fn has_ended() -> Failure {
    let message = "This link is not valid, or has ended. Ask whoever sent it for another one.";
    KvsError::new(ErrorKind::UnrecognizedClient, message).into()
}

/// What a person is called in an ARN: what stands behind the last `/` or `:`.
fn name_of(principal_arn: &str) -> &str {
    principal_arn.rsplit(['/', ':']).next().unwrap_or(principal_arn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_shared_it_is_told_by_name() {
        assert_eq!(name_of("arn:aws:iam::000000000000:user/anna"), "anna");
        assert_eq!(name_of("arn:aws:iam::000000000000:root"), "root");
    }
}
