//! What the URLs of a clip file answer: the file, whole or from where a download was cut, and its checksum.
//!
//! The token says which file; whoever has it may have the file, as long as its media is there and what it was made with holds.

use std::sync::Arc;

use hyper::Method;
use hyper::http::request::Parts;
use url::form_urlencoded;
use vigie_engine::rate_limit::AWS_SESSION_PLAYLISTS;
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::fmp4::VIDEO_MP4;

use super::ClipFiles;
use super::checksum;
use super::contents::{Extent, between, file_name};
use super::holds::check_holds;
use super::preparation::{Preparation, Prepared};
use super::prepare::prepare;
use super::range::{FixedRange, gone};
use super::send::begin;
use super::session::ClipFileSession;
use crate::db::Stream;
use crate::failure::{Answer, Failure};
use crate::guard::{self, Counted};
use crate::http::content::{Content, Description, Download, Keep};

pub(super) const FILE_PATH: &str = "/clip/v1/getClipFile.mp4";
pub(super) const CHECKSUM_PATH: &str = "/clip/v1/getClipFileChecksum.json";
/// Longest query that is looked at: a token of the longest stream name is well below.
const QUERY_BYTES_MAX: usize = 4096;

/// What a URL of a clip file is answered with.
pub(crate) enum Served {
    File(Download),
    Checksum(Content),
}

/// The answer to a URL of a clip file, with the name of what it asked for; `None` for another path.
pub(crate) async fn serve(
    files: &Arc<ClipFiles>,
    head: &Parts,
) -> Option<(&'static str, Answer<Served>)> {
    if head.method != Method::GET && head.method != Method::HEAD {
        return None;
    }
    match head.uri.path() {
        FILE_PATH => Some(("GetClipFile", file(files, head).await.map(Served::File))),
        CHECKSUM_PATH => {
            let answer = checksum(files, head).await.map(Served::Checksum);
            Some(("GetClipFileChecksum", answer))
        }
        _ => None,
    }
}

async fn file(files: &Arc<ClipFiles>, head: &Parts) -> Answer<Download> {
    let (session, stream) = open(files, head, "GetClipFile").await?;
    let preparation = preparation(files, &session, &stream).await?;
    let prepared = preparation.prepared(&files.media.process).await?;
    check_not_expired(files, &stream, &prepared)?;
    // To read the index may have taken minutes.
    check_holds(files, &session).await?;
    let place = files.sending.enter(session.grant.holder_id()).ok_or_else(|| {
        let message = "too many clips are being downloaded at once; try again when some are done";
        KvsError::new(ErrorKind::ServiceUnavailable, message)
    })?;
    let (begins, ends) = (prepared.fragments.first(), prepared.fragments.last());
    let (Some(begins), Some(ends)) = (begins, ends) else { return Err(gone()) };
    let (begins, ends) = (&begins.fragment, &ends.fragment);
    let file_name = file_name(&stream.name, begins.producer_timestamp, ends.producer_until());
    let description = Description {
        content_type: VIDEO_MP4,
        size_bytes: prepared.size_bytes,
        keep: Keep::Nowhere,
        etag: prepared.etag.clone(),
    };
    let files = Arc::clone(files);
    let begin = move |range| begin(files, session, prepared, range, place);
    Ok(Download { description, file_name, begin: Box::new(begin) })
}

async fn checksum(files: &Arc<ClipFiles>, head: &Parts) -> Answer<Content> {
    let (session, stream) = open(files, head, "GetClipFileChecksum").await?;
    let preparation = preparation(files, &session, &stream).await?;
    if let Some(Ok(prepared)) = preparation.now() {
        check_not_expired(files, &stream, &prepared)?;
    }
    let status = checksum::status(files, &preparation)?;
    let text = serde_json::to_string(&status);
    let text = text.map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(Content::text("application/json", text))
}

/// The session of a request, and its stream, if all that it depends on still holds.
async fn open(
    files: &ClipFiles,
    head: &Parts,
    name: &'static str,
) -> Answer<(ClipFileSession, Stream)> {
    let query = head.uri.query().unwrap_or_default();
    if query.len() > QUERY_BYTES_MAX {
        return Err(KvsError::invalid_argument("the query is too long").into());
    }
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    let token = parameters.find(|(name, _)| name == "SessionToken").map(|(_, value)| value);
    let Some(token) = token else {
        let message = "SessionToken is missing";
        return Err(KvsError::new(ErrorKind::MissingAuthenticationToken, message).into());
    };
    let now = files.media.process.now();
    let session = ClipFileSession::open(&files.master_key, &token, now.wall)?;
    let stream = check_holds(files, &session).await?;
    guard::verified(&head.extensions);
    let counted = Counted { name, aws: AWS_SESSION_PLAYLISTS };
    let admitted = files.limits.admit_session(counted, session.id, now.mono);
    admitted.inspect_err(|_| {
        files.media.metrics.limited_calls.inc();
    })?;
    Ok((session, stream))
}

/// What is remembered of a file may be older than the deletion of its media.
fn check_not_expired(files: &ClipFiles, stream: &Stream, prepared: &Prepared) -> Answer<()> {
    match prepared.oldest_received >= files.media.expired_before(stream) {
        true => Ok(()),
        false => Err(gone()),
    }
}

async fn preparation(
    files: &Arc<ClipFiles>,
    session: &ClipFileSession,
    stream: &Stream,
) -> Answer<Arc<Preparation>> {
    let now = files.media.process.now().mono;
    if let Some(found) = files.preparations.find(session.fingerprint, now) {
        return Ok(found);
    }
    let range = FixedRange {
        start_ms: session.start_ms,
        end_ms: session.end_ms,
        newest_sequence: session.newest_sequence,
    };
    let fragments = between(range.fragments(files, stream).await?, session.ends);
    let extent = Extent::of(&stream.arn, &fragments);
    if extent.is_none_or(|extent| extent.fingerprint() != session.fingerprint) {
        return Err(gone());
    }
    prepare(files, session.fingerprint, fragments)
}
