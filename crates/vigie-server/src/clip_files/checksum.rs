//! The SHA-256 of a clip file, computed over the bytes that its download has, in the background.
//!
//! Whoever asks is told how far it is. What is computed is remembered with the file's index.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use serde::Serialize;
use sha2::{Digest, Sha256};
use vigie_media::mp4;

use super::ClipFiles;
use super::preparation::{Preparation, Prepared};
use super::prepare::check_wanted;
use super::range::{closed, gone};
use crate::archive::ArchiveError;
use crate::clip::Documents;
use crate::failure::{Answer, Failure};

/// What is told of a file while it is computed, and then.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChecksumStatus {
    /// 0 to 1.
    progress: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    /// Fragments in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    fragment_count: Option<u64>,
    /// Fragments that cannot be in the file, for their bytes are not what they should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out_fragment_count: Option<u64>,
    #[serde(rename = "SHA256", skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

/// How far it is. The index is the first half of the work, the bytes are the second.
pub(super) fn status(
    files: &Arc<ClipFiles>,
    preparation: &Arc<Preparation>,
) -> Answer<ChecksumStatus> {
    let Some(prepared) = preparation.now() else {
        return Ok(ChecksumStatus {
            progress: preparation.progress() / 2.0,
            size_bytes: None,
            fragment_count: None,
            left_out_fragment_count: None,
            sha256: None,
        });
    };
    let prepared = prepared?;
    let checksum = &preparation.checksum;
    let failed = checksum.failed.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(error) = failed {
        return Err(error.into());
    }
    if checksum.sha256.get().is_none() && !checksum.is_running.swap(true, Ordering::Relaxed) {
        compute_behind(files, preparation, &prepared);
    }
    let hashed_bytes = checksum.hashed_bytes.load(Ordering::Relaxed);
    let progress = 0.5 + hashed_bytes as f64 / prepared.size_bytes.max(1) as f64 / 2.0;
    let done = checksum.sha256.get();
    Ok(ChecksumStatus {
        progress: if done.is_some() { 1.0 } else { progress.min(0.999) },
        size_bytes: Some(prepared.size_bytes),
        fragment_count: Some(prepared.fragments.len() as u64),
        left_out_fragment_count: Some(prepared.left_out_count),
        sha256: done.map(|sha256| base16ct::lower::encode_string(sha256)),
    })
}

fn compute_behind(
    files: &Arc<ClipFiles>,
    preparation: &Arc<Preparation>,
    prepared: &Arc<Prepared>,
) {
    let (files, prepared) = (Arc::clone(files), Arc::clone(prepared));
    let of = Arc::clone(preparation);
    files.media.process.clone().spawn(async move {
        let checksum = &of.checksum;
        checksum.hashed_bytes.store(0, Ordering::Relaxed);
        match compute(&files, &of, &prepared).await {
            Ok(sha256) => drop(checksum.sha256.set(sha256)),
            Err(failure) => {
                let error = failure.into_error("GetClipFileChecksum", "");
                let failed = checksum.failed.lock();
                *failed.unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        }
        checksum.is_running.store(false, Ordering::Relaxed);
    });
}

async fn compute(files: &ClipFiles, of: &Preparation, prepared: &Prepared) -> Answer<[u8; 32]> {
    let _turn = files.reading.acquire().await.map_err(|_| closed())?;
    let mut documents = Documents::new(&files.media);
    let mut hash = Sha256::new();
    let mut hash_more = |bytes: &[u8]| {
        hash.update(bytes);
        of.checksum.hashed_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    };
    hash_more(&prepared.head);
    for placed in &prepared.fragments {
        check_wanted(files, of)?;
        let (header, bytes) = match documents.read(&placed.fragment).await {
            Ok(read) => read,
            Err(ArchiveError::FragmentGone | ArchiveError::StreamDeleted) => return Err(gone()),
            Err(error) => return Err(error.into()),
        };
        let data = mp4::fragment_data(&prepared.tracks, &header, bytes);
        let data = data.map_err(|error| Failure::Internal(error.to_string()))?;
        data.pieces.iter().for_each(|piece| hash_more(piece));
    }
    Ok(hash.finalize().into())
}
