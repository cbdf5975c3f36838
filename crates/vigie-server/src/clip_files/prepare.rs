//! Reads all media of a clip file once for its index, in the background, whoever waits for it.

use std::hash::Hasher;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use fnv::FnvHasher;
use vigie_kvs::{ErrorKind, KvsError};
use vigie_media::Timestamp;
use vigie_media::mp4::Mp4Writer;
use vigie_media::sample::SampleError;

use super::ClipFiles;
use super::preparation::{Phase, PlacedFragment, Preparation, Prepared};
use super::range::{closed, gone};
use super::session::Fingerprint;
use crate::archive::{ArchiveError, StoredFragment};
use crate::clip::{Documents, Played, refused};
use crate::failure::{Answer, Failure};

/// The preparation of these fragments as one file; begins it where it is not under way.
pub(super) fn prepare(
    files: &Arc<ClipFiles>,
    file: Fingerprint,
    fragments: Vec<StoredFragment>,
) -> Answer<Arc<Preparation>> {
    let now = files.media.process.now().mono;
    let (preparation, is_new) = files.preparations.find_or_begin(file, &fragments, now)?;
    if is_new {
        let (files, of) = (Arc::clone(files), Arc::clone(&preparation));
        files.media.process.clone().spawn(async move {
            let phase = match read(&files, &of, fragments).await {
                Ok(prepared) => Phase::Ready(Arc::new(prepared)),
                Err(failure) => {
                    // The next who asks has it tried again.
                    files.preparations.forget(file);
                    Phase::Failed(failure.into_error("GetClipFile", ""))
                }
            };
            of.phase.send_replace(phase);
        });
    }
    Ok(preparation)
}

/// Whether work on a file goes on: the server stops, or nobody wants it any more.
pub(super) fn check_wanted(files: &ClipFiles, of: &Preparation) -> Result<(), KvsError> {
    let process = &files.media.process;
    if process.stopping().is_now() {
        let message = "the server is stopping; try again";
        return Err(KvsError::new(ErrorKind::ServiceUnavailable, message));
    }
    if of.is_given_up(process.now().mono) {
        let message = "nobody waited for the file any more; ask again";
        return Err(KvsError::new(ErrorKind::ServiceUnavailable, message));
    }
    Ok(())
}

/// Reads all fragments once for the file's index.
async fn read(
    files: &ClipFiles,
    of: &Preparation,
    fragments: Vec<StoredFragment>,
) -> Answer<Prepared> {
    let _turn = files.reading.acquire().await.map_err(|_| closed())?;
    let mut documents = Documents::new(&files.media);
    let first = fragments.first().ok_or_else(gone)?;
    let played = Played::of(&*documents.header(first).await.map_err(of_archive)?)?;
    let mut writer = Mp4Writer::new(&played.tracks);
    let mut placed = Vec::with_capacity(fragments.len());
    let oldest_received = fragments.iter().map(|fragment| fragment.server_timestamp).min();
    let (mut data_bytes, mut left_out_count) = (0, 0);
    for fragment in fragments {
        check_wanted(files, of)?;
        of.read_bytes.fetch_add(fragment.size_bytes, Ordering::Relaxed);
        let added = match documents.read(&fragment).await {
            Ok((header, bytes)) => {
                let lasts_ms = fragment.duration_ms.into();
                writer.add_fragment(&header, bytes, fragment.producer_timestamp, lasts_ms)
            }
            Err(ArchiveError::Damaged(error)) => {
                tracing::warn!(%error, "a damaged fragment is left out of a clip");
                left_out_count += 1;
                continue;
            }
            Err(error) => return Err(of_archive(error)),
        };
        match added {
            Ok(size_bytes) => {
                placed.push(PlacedFragment { fragment, at_bytes: data_bytes });
                data_bytes += size_bytes;
            }
            Err(error @ SampleError::TooLarge(_)) => {
                return Err(refused(ErrorKind::ClientLimitExceeded, error.to_string()));
            }
            Err(error) => {
                tracing::warn!(%error, "a fragment that cannot be in an MP4 file is left out of a clip");
                left_out_count += 1;
            }
        }
    }
    if placed.is_empty() {
        let message = "no fragment of the file can be read".to_owned();
        return Err(refused(ErrorKind::InvalidMediaFrame, message));
    }
    let head = writer.finish();
    for place in &mut placed {
        place.at_bytes += head.bytes.len() as u64;
    }
    let mut hash = FnvHasher::default();
    hash.write(&head.bytes);
    let fragments_text = base16ct::lower::encode_string(&of.fingerprint.0);
    Ok(Prepared {
        size_bytes: head.file_size_bytes(),
        etag: format!("\"{fragments_text}-{:016x}\"", hash.finish()),
        head: head.bytes,
        tracks: played.tracks,
        fragments: placed,
        left_out_count,
        oldest_received: oldest_received.unwrap_or(Timestamp::MIN),
    })
}

fn of_archive(error: ArchiveError) -> Failure {
    match error {
        ArchiveError::FragmentGone | ArchiveError::StreamDeleted => gone(),
        error => error.into(),
    }
}
