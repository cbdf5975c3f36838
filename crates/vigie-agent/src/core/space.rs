//! Space: the deletion plans, executed, and whether there is room for what comes next.
//!
//! Room is counted down with every write and planned anew before it is used up, so that a stream's limit is not
//! exceeded for a moment. What a plan deletes that exists nowhere else is counted and said.

use std::sync::Arc;

use vigie_engine::clock::Now;
use vigie_engine::deletion::{self, Loss, MediaFile, NotUploaded, StreamMedia};
use vigie_engine::recorder::{Event, SpaceDenial};
use vigie_media::Timestamp;
use vigie_store::{MediaFileId, MediaFileState, StoreError, StoreSettings, describe};

use super::job::Job;
use super::world::World;

/// What the store writes around frames: the head of each block, and a document header, marks and a Cluster's start
/// where a batch begins a fragment or a media file.
const BLOCK_BYTES_MAX: u64 = 20;
const FRAGMENT_BYTES_MAX: u64 = 256;
const OVERHEAD_BYTES: u64 = 64 * 1024;
/// Plans leave at least this room, so that they are not needed for every batch.
const HEADROOM_BYTES_MIN: u64 = 512 * 1024;
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
        let mut may_seal = true;
        loop {
            let policy = self.plan.deletion.clone();
            let headroom_bytes = policy
                .local_size
                .map_or(0, |limit| (limit.size_bytes_max / 64).max(HEADROOM_BYTES_MIN));
            let files = media_files(&self.key, world)?;
            let plan = deletion::plan(&files, &policy, headroom_bytes.max(needed_bytes), now.wall);
            if !self.delete(&plan.delete, &plan.losses, world, now)? {
                return Ok(policy.local_size.map(|_| SpaceDenial::LocalSizeReached));
            }
            if plan.accept_new_media {
                return Ok(world.reserve_short.then_some(SpaceDenial::DiskReserveReached));
            }
            if !plan.seal_open_file || !may_seal {
                return Ok(Some(SpaceDenial::LocalSizeReached));
            }
            // The open file alone is too large: end it, so that it can be deleted.
            may_seal = false;
            self.roll_fragment(world, now);
            world.store.seal(&self.key)?;
            world.commit(now)?;
        }
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
    let mut files = Vec::with_capacity(jobs.len());
    for job in &jobs {
        match media_files(&job.key, world) {
            Ok(found) => files.push(found),
            Err(error) => return world.store_failed(&job.stream_name, &error),
        }
    }
    let streams: Vec<StreamMedia<'_, MediaFileId>> = jobs
        .iter()
        .zip(&files)
        .map(|(job, files)| StreamMedia { policy: &job.plan.deletion, files })
        .collect();
    let plan = deletion::plan_reserve(&streams, missing_bytes);
    for (job, files) in jobs.iter_mut().zip(&files) {
        let own = |id: &MediaFileId| files.iter().any(|file| file.id == *id);
        let delete: Vec<_> = plan.delete.iter().filter(|(id, _)| own(id)).copied().collect();
        let losses: Vec<_> = plan.losses.iter().filter(|loss| own(&loss.id)).copied().collect();
        if let Err(error) = job.delete(&delete, &losses, world, now) {
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

/// The stream's media files as the planner sees them.
fn media_files(key: &Arc<str>, world: &World) -> Result<Vec<MediaFile<MediaFileId>>, StoreError> {
    let found = world.reader.media_files(key)?;
    let mut files: Vec<MediaFile<MediaFileId>> = found
        .iter()
        .map(|file| MediaFile {
            id: file.id,
            starts_at: file.span.map_or(Timestamp::MAX, |span| span.producer_min),
            ends_at: file.span.map_or(Timestamp::MAX, |span| span.producer_until),
            size_bytes: file.size_bytes,
            not_uploaded: NotUploaded {
                fragment_count: file.not_uploaded_count,
                size_bytes: file.not_uploaded_size_bytes,
            },
            is_open: file.state == MediaFileState::Open,
        })
        .collect();
    // What is written and not committed belongs to the open file, which the index may not know yet.
    let committed_bytes: u64 = files.iter().map(|file| file.size_bytes).sum();
    let uncommitted_bytes = world.store.size_bytes(key).saturating_sub(committed_bytes);
    if uncommitted_bytes > 0 {
        match files.iter_mut().rev().find(|file| file.is_open) {
            Some(open) => open.size_bytes += uncommitted_bytes,
            None => files.push(MediaFile {
                id: MediaFileId(u64::MAX),
                starts_at: Timestamp::MAX,
                ends_at: Timestamp::MAX,
                size_bytes: uncommitted_bytes,
                not_uploaded: NotUploaded::default(),
                is_open: true,
            }),
        }
    }
    Ok(files)
}

/// What is said when a stream's local media could not be erased.
pub(super) fn erase_failure(error: &StoreError) -> String {
    tracing::error!(error = describe(error), "local media could not be erased");
    "the hub could not erase all local media of the stream; check its disk and its log, then delete the edge \
     configuration again"
        .to_owned()
}
