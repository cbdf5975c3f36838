//! Space: the deletion plans, executed, and whether there is room for what comes next.
//!
//! Room is counted down with every write and planned anew before it is used up, so that a stream's limit is not
//! exceeded for a moment. What a plan deletes that exists nowhere else is counted and said.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use vigie_engine::clock::Now;
use vigie_engine::deletion::{
    self, DeletionPolicy, LocalMedia, Loss, MediaFile, NotUploaded, StreamMedia,
};
use vigie_engine::recorder::{Event, SpaceDenial};
use vigie_media::Timestamp;
use vigie_store::{
    ClosedPosition, ClosedQuery, MediaFileId, MediaFileState, StoreError, StoreReader,
    StoreSettings,
};

use super::job::Job;
use super::world::World;

/// What the store writes around frames: the head of each block, and a document header, marks and a Cluster's start
/// where a batch begins a fragment or a media file.
const BLOCK_BYTES_MAX: u64 = 20;
const FRAGMENT_BYTES_MAX: u64 = 256;
const OVERHEAD_BYTES: u64 = 64 * 1024;
/// Plans leave at least this room, so that they are not needed for every batch.
const HEADROOM_BYTES_MIN: u64 = 512 * 1024;
/// Files that go by themselves are deleted so many at a time: a hub that was off for weeks records meanwhile.
const DUE_FILES_MAX: usize = 32;
/// Rows that are read at once for a plan that deletes many.
const PAGE_FILES_MAX: usize = 256;
/// Free space that a plan restores beyond the store's reserve.
const RESERVE_MARGIN_BYTES: u64 = 64 << 20;

/// What `count` frames of `bytes` need on disk at most.
fn needed_bytes(bytes: usize, count: usize) -> u64 {
    let frames = (BLOCK_BYTES_MAX + FRAGMENT_BYTES_MAX).saturating_mul(count as u64);
    (bytes as u64).saturating_add(frames).saturating_add(OVERHEAD_BYTES)
}

impl Job {
    /// Whether a batch may be written; makes room for it if the policy says so.
    pub(super) fn has_room(
        &mut self,
        bytes: usize,
        count: usize,
        world: &mut World,
        now: Now,
    ) -> bool {
        let Some(limit) = self.plan.deletion.local_size else { return true };
        let needed_bytes = needed_bytes(bytes, count);
        let has_room = |world: &World, key: &str| {
            world.store.size_bytes(key).saturating_add(needed_bytes) <= limit.size_bytes_max
        };
        if has_room(world, &self.key) {
            return true;
        }
        self.plan_space(needed_bytes, world, now);
        let has_room = has_room(world, &self.key);
        if !has_room {
            let denial = SpaceDenial::LocalSizeReached;
            self.recorder_event(Event::SpaceDenied(denial), world, now);
        }
        has_room
    }

    /// Runs the stream's deletion plan, so that `needed_bytes` and some more may be written.
    pub(super) fn plan_space(&mut self, needed_bytes: u64, world: &mut World, now: Now) {
        if !self.record.is_recording() {
            // Nothing more comes for now: what is complete can be deleted as a whole.
            if let Err(error) = world.store.seal(&self.key) {
                return world.store_failed(&self.stream_name, &error);
            }
            world.touch(now);
        }
        match self.execute_plan(needed_bytes, world, now) {
            Ok(Some(denial)) => self.recorder_event(Event::SpaceDenied(denial), world, now),
            Ok(None) => self.recorder_event(Event::SpaceFree, world, now),
            Err(error) => world.store_failed(&self.stream_name, &error),
        }
    }

    fn execute_plan(
        &mut self,
        needed_bytes: u64,
        world: &mut World,
        now: Now,
    ) -> Result<Option<SpaceDenial>, StoreError> {
        let due = self.delete_due(needed_bytes, world, now)?;
        let policy = self.plan.deletion.clone();
        let has_room =
            |world: &World| Ok(world.reserve_short.then_some(SpaceDenial::DiskReserveReached));
        let limit = match (due, policy.local_size) {
            (Due::More, _) | (_, None) => return has_room(world),
            (Due::Refused, Some(_)) => return Ok(Some(SpaceDenial::LocalSizeReached)),
            (Due::Deleted, Some(limit)) => limit,
        };
        let old_by = world.age_hold.age_clock(now);
        let mut may_seal = true;
        loop {
            let headroom_bytes = (limit.size_bytes_max / 64).max(HEADROOM_BYTES_MIN);
            let media = StoredMedia::of(&self.key, world)?;
            let plan = deletion::plan(&media, &policy, headroom_bytes.max(needed_bytes), old_by);
            media.finish()?;
            if !self.delete(&plan.delete, &plan.losses, world, now)? {
                break;
            }
            if plan.accept_new_media {
                return has_room(world);
            }
            if !plan.seal_open_file || !may_seal {
                break;
            }
            // The open file alone is too large: end it, so that it can be deleted.
            may_seal = false;
            self.roll_fragment(world, now);
            world.store.seal(&self.key)?;
            world.commit(now)?;
        }
        Ok(Some(SpaceDenial::LocalSizeReached))
    }

    /// Deletes what goes by itself, some files at a time: what is left is deleted step by step, unless the room
    /// is needed now.
    fn delete_due(
        &mut self,
        needed_bytes: u64,
        world: &mut World,
        now: Now,
    ) -> Result<Due, StoreError> {
        if world.store.is_searching_orphans() {
            // What the index says may be old: nothing goes by itself before it was compared with the media.
            return Ok(Due::Deleted);
        }
        let policy = DeletionPolicy { local_size: None, ..self.plan.deletion.clone() };
        self.discard_unclaimed(world, now)?;
        loop {
            let media = StoredMedia::first_of(&self.key, DUE_FILES_MAX, world);
            let plan = deletion::plan(&media, &policy, 0, world.age_hold.age_clock(now));
            media.finish()?;
            if !self.delete(&plan.delete, &plan.losses, world, now)? {
                return Ok(Due::Refused);
            }
            if plan.delete.len() < DUE_FILES_MAX {
                return Ok(Due::Deleted);
            }
            let has_room = self.plan.deletion.local_size.is_none_or(|limit| {
                let size_bytes = world.store.size_bytes(&self.key);
                size_bytes.saturating_add(needed_bytes) <= limit.size_bytes_max
            });
            if has_room {
                world.more_due.insert(Arc::clone(&self.arn));
                return Ok(Due::More);
            }
        }
    }

    /// Removes what lies aside and is older than the stream keeps its media, by its own marks. The hub enters it in its
    /// ledger by the store's journal.
    fn discard_unclaimed(&mut self, world: &mut World, now: Now) -> Result<(), StoreError> {
        if world.store.unclaimed().is_empty() {
            return Ok(());
        }
        let kept_ms = i64::from(self.plan.deletion.retention_hours) * 60 * 60 * 1000;
        world.settle_commit()?;
        let before = world.age_hold.age_clock(now).plus_millis(-kept_ms);
        world.store.discard_unclaimed_before(&self.key, before).map(drop)
    }

    /// Deletes, once the ledger tells of it; `false` when the ledger could not.
    fn delete(
        &mut self,
        files: &[(MediaFileId, deletion::Reason)],
        losses: &[Loss<MediaFileId>],
        world: &mut World,
        now: Now,
    ) -> Result<bool, StoreError> {
        if files.is_empty() {
            return Ok(true);
        }
        if !self.intend(files, world) {
            return Ok(false);
        }
        self.note_newest_fragment(world);
        let ids: Vec<MediaFileId> = files.iter().map(|(id, _)| *id).collect();
        let settled = world.settle_commit();
        let deleted = settled.and_then(|()| world.store.delete_media_files(&ids));
        self.settle_deletion(files, world, now);
        let deleted = deleted?;
        tracing::info!(
            stream = self.stream_name,
            media_files = deleted.media_file_count,
            size_bytes = deleted.size_bytes,
            reason = files.first().map(|(_, reason)| reason.as_str()),
            "local media deleted"
        );
        for loss in losses {
            self.ledger.losses.fragment_count += loss.not_uploaded.fragment_count;
            self.ledger.losses.size_bytes += loss.not_uploaded.size_bytes;
            tracing::warn!(
                stream = self.stream_name,
                reason = loss.reason.as_str(),
                from = %loss.starts_at,
                until = %loss.ends_at,
                fragments = loss.not_uploaded.fragment_count,
                size_bytes = loss.not_uploaded.size_bytes,
                "media that was not uploaded was deleted by the stream's policy"
            );
        }
        Ok(true)
    }
}

/// Keeps the hub's reserve of free space: plans over all streams when it is touched.
pub(super) fn plan_reserve<'a>(
    jobs: impl Iterator<Item = &'a mut Job>,
    world: &mut World,
    now: Now,
) {
    let wanted_bytes = StoreSettings::HUB.free_bytes_reserve + RESERVE_MARGIN_BYTES;
    let missing_bytes = wanted_bytes.saturating_sub(world.store.free_bytes());
    if missing_bytes == 0 && !world.reserve_short {
        return;
    }
    let mut jobs: Vec<&mut Job> = jobs.collect();
    let media: Vec<OfJob> = jobs
        .iter()
        .enumerate()
        .map(|(number, job)| OfJob(number, StoredMedia::first_of(&job.key, usize::MAX, world)))
        .collect();
    let streams: Vec<StreamMedia<'_, OfJob>> = jobs
        .iter()
        .zip(&media)
        .map(|(job, files)| StreamMedia { policy: &job.plan.deletion, files })
        .collect();
    let plan = deletion::plan_reserve(&streams, missing_bytes);
    let failed: Vec<(usize, StoreError)> = media
        .into_iter()
        .filter_map(|OfJob(number, media)| media.finish().err().map(|error| (number, error)))
        .collect();
    if let Some((number, error)) = failed.first() {
        let stream = jobs.get(*number).map_or("", |job| &job.stream_name);
        return world.store_failed(stream, error);
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
    for (number, Part { delete, losses }) in parts {
        if let Some(job) = jobs.get_mut(number)
            && let Err(error) = job.delete(&delete, &losses, world, now)
        {
            world.store_failed(&job.stream_name, &error);
        }
    }
    let is_short = !plan.accept_new_media && world.store.free_bytes() < wanted_bytes / 2;
    if is_short != world.reserve_short {
        world.reserve_short = is_short;
        for job in jobs {
            job.plan_space(0, world, now);
        }
    }
}

/// What became of the files that go by themselves.
enum Due {
    /// They are gone.
    Deleted,
    /// Some are gone, and there is room.
    More,
    /// The ledger cannot tell of them: nothing is deleted.
    Refused,
}

/// What a plan of the whole hub takes of one stream.
#[derive(Default)]
struct Part {
    delete: Vec<(MediaFileId, deletion::Reason)>,
    losses: Vec<Loss<MediaFileId>>,
}

/// A stream's media as the planner asks for it: read from the index page by page, no further than it asks.
struct StoredMedia {
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
    fn of(key: &Arc<str>, world: &World) -> Result<Self, StoreError> {
        let open = world.reader.open_media_files(key)?;
        let open_bytes: u64 = open.iter().map(|file| file.size_bytes).sum();
        let committed_bytes = world.reader.totals(key)?.size_bytes;
        let closed_bytes = committed_bytes.saturating_sub(open_bytes);
        // What is written and not committed belongs to the open file, which the index may not know yet.
        let size_bytes = world.store.size_bytes(key).max(committed_bytes);
        Ok(Self {
            size_bytes,
            open_size_bytes: size_bytes.saturating_sub(closed_bytes),
            ..Self::first_of(key, usize::MAX, world)
        })
    }

    /// The first files alone: enough to see what goes whatever there is besides.
    fn first_of(key: &Arc<str>, files_max: usize, world: &World) -> Self {
        Self {
            reader: world.reader.clone(),
            key: Arc::clone(key),
            size_bytes: 0,
            open_size_bytes: 0,
            files_max,
            failed: RefCell::default(),
        }
    }

    /// Whether all that was asked for could be read: a plan of less is none.
    fn finish(self) -> Result<(), StoreError> {
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

/// The media of the job with this number, in a plan of all of them.
struct OfJob(usize, StoredMedia);

impl LocalMedia<(usize, MediaFileId)> for OfJob {
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
