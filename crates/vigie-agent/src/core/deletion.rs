//! Deletion: a stream's media as a plan reads it, and what a plan over all streams takes of each.
//!
//! What goes is decided by [`vigie_engine::deletion`]; it is executed by the stream's job.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use vigie_engine::deletion::{self, LocalMedia, Loss, MediaFile, NotUploaded, StreamMedia};
use vigie_media::Timestamp;
use vigie_store::{
    ClosedPosition, ClosedQuery, MediaFileId, MediaFileState, StoreError, StoreReader,
    StoreSettings,
};

use super::hub_media::HubMedia;
use super::stream::Stream;

/// Rows that are read at once for a plan that deletes many.
const PAGE_FILES_MAX: usize = 256;
/// Free space that a plan restores beyond the store's reserve.
const RESERVE_MARGIN_BYTES: u64 = 64 << 20;
/// What plans over all streams restore of free space.
pub(super) const RESERVE_WANTED_BYTES: u64 =
    StoreSettings::HUB.free_bytes_reserve + RESERVE_MARGIN_BYTES;

/// What a plan takes of one stream.
#[derive(Default)]
pub(super) struct Part {
    pub(super) delete: Vec<(MediaFileId, deletion::Reason)>,
    pub(super) losses: Vec<Loss<MediaFileId>>,
}

/// A plan over all streams.
pub(super) struct ReservePlan {
    /// By the number of the stream.
    pub(super) parts: BTreeMap<usize, Part>,
    /// New media may be written once it is carried out.
    pub(super) accepts_new_media: bool,
}

/// What goes so that `missing_bytes` more are free; where media cannot be read, the number of the stream and why.
pub(super) fn plan_reserve(
    streams: &[&Stream],
    missing_bytes: u64,
    media: &HubMedia,
) -> Result<ReservePlan, (usize, StoreError)> {
    let numbered_media: Vec<OfStream> = streams
        .iter()
        .enumerate()
        .map(|(number, stream)| {
            OfStream(number, StoredMedia::first_of(&stream.key, usize::MAX, media))
        })
        .collect();
    let of_streams: Vec<StreamMedia<'_, OfStream>> = streams
        .iter()
        .zip(&numbered_media)
        .map(|(stream, files)| StreamMedia { policy: &stream.plan.deletion, files })
        .collect();
    let plan = deletion::plan_reserve(&of_streams, missing_bytes);
    for OfStream(number, media) in numbered_media {
        media.finish().map_err(|error| (number, error))?;
    }
    let mut parts: BTreeMap<usize, Part> = BTreeMap::new();
    for ((number, id), reason) in plan.delete {
        parts.entry(number).or_default().delete.push((id, reason));
    }
    for loss in plan.losses {
        let (number, id) = loss.id;
        let Loss { reason, starts_at, ends_at, not_uploaded, .. } = loss;
        let loss = Loss { id, reason, starts_at, ends_at, not_uploaded };
        parts.entry(number).or_default().losses.push(loss);
    }
    Ok(ReservePlan { parts, accepts_new_media: plan.accept_new_media })
}

/// A stream's media as the planner asks for it: read from the index page by page, no further than it asks.
pub(super) struct StoredMedia {
    reader: StoreReader,
    key: Arc<str>,
    size_bytes: u64,
    open_size_bytes: u64,
    /// Of each order of files, no more than so many.
    files_max: usize,
    /// Why files are missing in the answers.
    failed: RefCell<Option<StoreError>>,
}

impl StoredMedia {
    /// All of it.
    pub(super) fn of(key: &Arc<str>, media: &HubMedia) -> Result<Self, StoreError> {
        let open = media.reader.open_media_files(key)?;
        let open_bytes: u64 = open.iter().map(|file| file.size_bytes).sum();
        let committed_bytes = media.reader.totals(key)?.size_bytes;
        let closed_bytes = committed_bytes.saturating_sub(open_bytes);
        // What is written and not committed belongs to the open file, which the index may not know yet.
        let size_bytes = media.store.size_bytes(key).max(committed_bytes);
        Ok(Self {
            size_bytes,
            open_size_bytes: size_bytes.saturating_sub(closed_bytes),
            ..Self::first_of(key, usize::MAX, media)
        })
    }

    /// The first files alone: enough to see what goes whatever there is besides.
    pub(super) fn first_of(key: &Arc<str>, files_max: usize, media: &HubMedia) -> Self {
        Self {
            reader: media.reader.clone(),
            key: Arc::clone(key),
            size_bytes: 0,
            open_size_bytes: 0,
            files_max,
            failed: RefCell::default(),
        }
    }

    /// Whether all that was asked for could be read: a plan of less is none.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        self.failed.into_inner().map_or(Ok(()), Err)
    }

    fn files(&self, uploaded: bool) -> impl Iterator<Item = MediaFile<MediaFileId>> {
        let mut after = None;
        let mut limit = 1;
        let mut page = Vec::new().into_iter();
        let files = std::iter::from_fn(move || {
            if page.len() == 0 && limit > 0 {
                let query = ClosedQuery { uploaded, after, limit };
                let found = self.reader.closed_media_files(&self.key, query);
                let found = found.unwrap_or_else(|error| {
                    self.failed.replace(Some(error));
                    Vec::new()
                });
                after = found.last().map(ClosedPosition::of);
                // Nearly always nothing is to be deleted: then the first file of all says so.
                let is_last = found.len() < limit;
                limit = if is_last { 0 } else { (limit * 8).min(PAGE_FILES_MAX) };
                page = found.into_iter();
            }
            page.next().map(planned)
        });
        files.take(self.files_max)
    }
}

impl LocalMedia<MediaFileId> for StoredMedia {
    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn open_size_bytes(&self) -> u64 {
        self.open_size_bytes
    }

    fn uploaded(&self) -> impl Iterator<Item = MediaFile<MediaFileId>> {
        self.files(true)
    }

    fn not_uploaded(&self) -> impl Iterator<Item = MediaFile<MediaFileId>> {
        self.files(false)
    }
}

/// The media of the stream with this number, in a plan of all of them.
struct OfStream(usize, StoredMedia);

impl LocalMedia<(usize, MediaFileId)> for OfStream {
    fn size_bytes(&self) -> u64 {
        self.1.size_bytes
    }

    fn open_size_bytes(&self) -> u64 {
        self.1.open_size_bytes
    }

    fn uploaded(&self) -> impl Iterator<Item = MediaFile<(usize, MediaFileId)>> {
        self.1.files(true).map(|file| numbered(self.0, file))
    }

    fn not_uploaded(&self) -> impl Iterator<Item = MediaFile<(usize, MediaFileId)>> {
        self.1.files(false).map(|file| numbered(self.0, file))
    }
}

fn numbered(number: usize, file: MediaFile<MediaFileId>) -> MediaFile<(usize, MediaFileId)> {
    let MediaFile { id, starts_at, ends_at, size_bytes, not_uploaded, is_open } = file;
    MediaFile { id: (number, id), starts_at, ends_at, size_bytes, not_uploaded, is_open }
}

/// A media file as the planner sees it.
fn planned(file: vigie_store::MediaFile) -> MediaFile<MediaFileId> {
    MediaFile {
        id: file.id,
        starts_at: file.span.map_or(Timestamp::MAX, |span| span.producer_min),
        ends_at: file.span.map_or(Timestamp::MAX, |span| span.producer_until),
        size_bytes: file.size_bytes,
        not_uploaded: NotUploaded {
            fragment_count: file.not_uploaded_count,
            size_bytes: file.not_uploaded_size_bytes,
        },
        is_open: file.state == MediaFileState::Open,
    }
}
