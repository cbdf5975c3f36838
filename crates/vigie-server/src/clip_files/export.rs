//! ExportClip: which files a range makes, and a URL for each.
//!
//! One file has one set of tracks and codec parameters, so that any player plays it: where they change the next begins. Reads
//! the index and the headers of documents, never media.

use std::sync::Arc;

use vigie_kvs::shapes::clip_file::{ClipFile, ExportClipInput, ExportClipOutput};
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::Timestamp;
use vigie_media::sample::SampleTrack;

use super::ClipFiles;
use super::contents::{Extent, file_name};
use super::range::FixedRange;
use super::serve::{CHECKSUM_PATH, FILE_PATH};
use super::session::ClipFileSession;
use crate::api::Call;
use crate::api::data_endpoint::base_url;
use crate::auth::Grant;
use crate::clip::{Documents, Played, unless_gone};
use crate::db::Stream;
use crate::failure::{Answer, Failure};
use crate::fragment_selection::key_frame::Reach;

const EXPIRES_SECONDS_DEFAULT: i64 = 12 * 3600;
/// A range whose codec parameters change more often is no recording of one camera.
const FILES_MAX: usize = 100;

pub(crate) async fn export_clip(
    files: &Arc<ClipFiles>,
    call: &Call,
    input: ExportClipInput,
) -> Answer<ExportClipOutput> {
    let stream = files.media.streams.active(call, &input.stream()?).await?;
    input.check()?;
    let base = base_url(&files.media.config, files.media.process.listen_port(), call)?;
    let expires_ms = input.expires.unwrap_or(EXPIRES_SECONDS_DEFAULT).saturating_mul(1000);
    let wanted = Wanted {
        start: input.start_timestamp,
        end: input.end_timestamp,
        expires_at: files.media.process.now().wall.plus_millis(expires_ms),
        grant: Grant::of(call.identity.principal.clone()),
    };
    Ok(ExportClipOutput { files: files_of_range(files, &stream, &wanted, &base).await? })
}

/// What of a stream is to be saved, until when, and by whom.
pub(crate) struct Wanted {
    pub start: Timestamp,
    pub end: Timestamp,
    pub expires_at: Timestamp,
    pub grant: Grant,
}

/// The files of a range, with URLs that begin with `base`.
pub(crate) async fn files_of_range(
    files: &ClipFiles,
    stream: &Stream,
    wanted: &Wanted,
    base: &str,
) -> Answer<Vec<ClipFile>> {
    if stream.retention_hours == 0 {
        let message = "the stream keeps no media: its data retention is 0 hours";
        return Err(KvsError::new(ErrorKind::NoDataRetention, message).into());
    }
    let nothing = || KvsError::not_found("there is no media of the stream in the range");
    // A link shows nothing before its beginning but the fragment that runs there.
    let reach = match wanted.grant.share_link_id {
        Some(_) => Reach::Within,
        None => Reach::BeforeRange,
    };
    let end = (wanted.end, reach);
    let fixed = FixedRange::fix(&files.media, stream, wanted.start, end).await?;
    let fixed = fixed.ok_or_else(nothing)?;
    let mut documents = Documents::new(&files.media);
    let mut found: Vec<(Extent, Played)> = Vec::new();
    let mut refusal: Option<Failure> = None;
    for fragment in fixed.fragments(files, stream).await? {
        let header = documents.header(&fragment).await;
        let Some(header) = unless_gone(header)? else { continue };
        if let Some((extent, played)) = found.last_mut()
            && extent.takes(&fragment)
            && played.check(&header).is_ok()
        {
            extent.add(&fragment);
            continue;
        }
        if found.len() == FILES_MAX {
            let message = format!(
                "the tracks or codec parameters change more than {FILES_MAX} times; save a shorter range"
            );
            return Err(KvsError::new(ErrorKind::ClientLimitExceeded, message).into());
        }
        match Played::of(&header) {
            Ok(played) => found.push((Extent::new(&stream.arn, &fragment), played)),
            // One connection whose media no file can hold does not keep the rest from being saved.
            Err(error) => {
                refusal.get_or_insert(error);
            }
        }
    }
    if found.is_empty() {
        return Err(refusal.unwrap_or_else(|| nothing().into()));
    }
    let file = |(extent, played): (Extent, Played)| {
        let session = session(files, stream, &fixed, wanted, &extent);
        let token = session.seal(&files.master_key)?;
        Ok(ClipFile {
            clip_file_url: format!("{base}{FILE_PATH}?SessionToken={token}"),
            checksum_url: format!("{base}{CHECKSUM_PATH}?SessionToken={token}"),
            file_name: file_name(&stream.name, extent.begins, extent.ends),
            start_timestamp: extent.begins,
            end_timestamp: extent.ends,
            fragment_count: extent.fragment_count,
            media_size_bytes: extent.size_bytes,
            codecs: played.tracks.iter().map(SampleTrack::codec_string).collect(),
            gaps: extent.gaps,
            gap_count: extent.gap_count,
        })
    };
    found.into_iter().map(file).collect()
}

fn session(
    files: &ClipFiles,
    stream: &Stream,
    fixed: &FixedRange,
    wanted: &Wanted,
    extent: &Extent,
) -> ClipFileSession {
    ClipFileSession {
        id: files.media.process.chance().next_u64(),
        stream_name: stream.name.clone(),
        stream_created_ms: stream.created_at.as_millis(),
        expires_ms: wanted.expires_at.as_millis(),
        grant: wanted.grant.clone(),
        start_ms: fixed.start_ms,
        end_ms: fixed.end_ms,
        newest_sequence: fixed.newest_sequence,
        ends: (extent.first_sequence, extent.last_sequence),
        fingerprint: extent.fingerprint(),
    }
}
