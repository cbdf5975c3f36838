//! Deletion: the stream's plan, executed, and whether there is room for what comes next.
//!
//! Room is counted down with every write and planned anew before it is used up, so that a stream's limit is not
//! exceeded for a moment. What a plan deletes that exists nowhere else is counted and said.

use std::sync::Arc;

use vigie_engine::deletion::{self, DeletionPolicy, Loss, NotUploaded};
use vigie_engine::recorder::{Event, SpaceDenial};
use vigie_store::{MediaFileId, Store, StoreError};

use super::Job;
use crate::core::deletion::StoredMedia;
use crate::core::hub_media::HubMedia;
use crate::core::outcome::{FrameBatch, Notice};
use crate::core::shared::Turn;

/// What the store writes around frames: the head of each block, and a document header, marks and a Cluster's start
/// where a batch begins a fragment or a media file.
const BLOCK_BYTES_MAX: u64 = 20;
const FRAGMENT_BYTES_MAX: u64 = 256;
const OVERHEAD_BYTES: u64 = 64 * 1024;
/// Plans leave at least this room, so that they are not needed for every batch.
const HEADROOM_BYTES_MIN: u64 = 512 * 1024;
/// Files that go by themselves are deleted so many at a time: a hub that was off for weeks records meanwhile.
const DUE_FILES_MAX: usize = 32;

/// What `count` frames of `bytes` need on disk at most.
fn needed_bytes(bytes: usize, count: usize) -> u64 {
    let frames = (BLOCK_BYTES_MAX + FRAGMENT_BYTES_MAX).saturating_mul(count as u64);
    (bytes as u64).saturating_add(frames).saturating_add(OVERHEAD_BYTES)
}

impl Job {
    /// Has a batch written for which there is room; makes room for it if the policy says so.
    pub(super) fn take_frames(&mut self, batch: FrameBatch, turn: &mut Turn<'_>) {
        if !self.record.takes_frames(batch.attempt) {
            return;
        }
        let Some(limit) = self.stream.plan.deletion.local_size.filter(|_| !batch.has_room) else {
            return self.record.frames(batch, &self.stream, turn);
        };
        let bytes: usize = batch.frames.iter().map(|frame| frame.data.len()).sum();
        let needed_bytes = needed_bytes(bytes, batch.frames.len());
        let has_room = |store: &Store, key: &str| {
            store.size_bytes(key).saturating_add(needed_bytes) <= limit.size_bytes_max
        };
        if has_room(&turn.shared.media.store, &self.stream.key) {
            return self.record.frames(batch, &self.stream, turn);
        }
        self.run_plan(needed_bytes, turn);
        if has_room(&turn.shared.media.store, &self.stream.key) {
            // What the plan came to is heard first.
            turn.out.frames(FrameBatch { has_room: true, ..batch });
        } else {
            turn.out.recorder(Event::SpaceDenied(SpaceDenial::LocalSizeReached));
            self.record.counters.frames_dropped += batch.frames.len() as u64;
        }
    }

    /// Runs the stream's deletion plan.
    pub(in crate::core) fn plan_space(&mut self, turn: &mut Turn<'_>) {
        self.run_plan(0, turn);
        self.route(turn);
    }

    /// Runs the stream's deletion plan, so that `needed_bytes` and some more may be written.
    fn run_plan(&mut self, needed_bytes: u64, turn: &mut Turn<'_>) {
        if !self.record.is_recording() {
            // Nothing more comes for now: what is complete can be deleted as a whole.
            let media = &mut turn.shared.media;
            if let Err(error) = media.store.seal(&self.stream.key) {
                return media.failed(&self.stream.name, &error);
            }
            media.touch(turn.now);
        }
        match self.execute_plan(needed_bytes, turn) {
            Ok(Some(denial)) => turn.out.recorder(Event::SpaceDenied(denial)),
            Ok(None) => turn.out.recorder(Event::SpaceFree),
            Err(error) => turn.shared.media.failed(&self.stream.name, &error),
        }
    }

    fn execute_plan(
        &mut self,
        needed_bytes: u64,
        turn: &mut Turn<'_>,
    ) -> Result<Option<SpaceDenial>, StoreError> {
        let due = self.delete_due(needed_bytes, turn)?;
        let policy = self.stream.plan.deletion.clone();
        let has_room = |media: &HubMedia| {
            Ok(media.is_reserve_short().then_some(SpaceDenial::DiskReserveReached))
        };
        let limit = match (due, policy.local_size) {
            (Due::More, _) | (_, None) => return has_room(&turn.shared.media),
            (Due::Refused, Some(_)) => return Ok(Some(SpaceDenial::LocalSizeReached)),
            (Due::Deleted, Some(limit)) => limit,
        };
        let old_by = turn.shared.age_hold.age_clock(turn.now);
        let mut may_seal = true;
        loop {
            let headroom_bytes = (limit.size_bytes_max / 64).max(HEADROOM_BYTES_MIN);
            let media = StoredMedia::of(&self.stream.key, &turn.shared.media)?;
            let plan = deletion::plan(&media, &policy, headroom_bytes.max(needed_bytes), old_by);
            media.finish()?;
            if !self.delete(&plan.delete, &plan.losses, turn)? {
                break;
            }
            if plan.accept_new_media {
                return has_room(&turn.shared.media);
            }
            if !plan.seal_open_file || !may_seal {
                break;
            }
            // The open file alone is too large: end it, so that it can be deleted.
            may_seal = false;
            self.record.roll_fragment(&self.stream, turn);
            turn.shared.media.store.seal(&self.stream.key)?;
            turn.shared.media.commit(turn.now)?;
        }
        Ok(Some(SpaceDenial::LocalSizeReached))
    }

    /// Deletes what goes by itself, some files at a time: what is left is deleted step by step, unless the room
    /// is needed now.
    fn delete_due(&mut self, needed_bytes: u64, turn: &mut Turn<'_>) -> Result<Due, StoreError> {
        if turn.shared.media.store.is_searching_orphans() {
            // What the index says may be old: nothing goes by itself before it was compared with the media.
            return Ok(Due::Deleted);
        }
        let policy = DeletionPolicy { local_size: None, ..self.stream.plan.deletion.clone() };
        self.discard_unclaimed(turn)?;
        loop {
            let key = &self.stream.key;
            let media = StoredMedia::first_of(key, DUE_FILES_MAX, &turn.shared.media);
            let plan = deletion::plan(&media, &policy, 0, turn.shared.age_hold.age_clock(turn.now));
            media.finish()?;
            if !self.delete(&plan.delete, &plan.losses, turn)? {
                return Ok(Due::Refused);
            }
            if plan.delete.len() < DUE_FILES_MAX {
                return Ok(Due::Deleted);
            }
            let has_room = self.stream.plan.deletion.local_size.is_none_or(|limit| {
                let size_bytes = turn.shared.media.store.size_bytes(&self.stream.key);
                size_bytes.saturating_add(needed_bytes) <= limit.size_bytes_max
            });
            if has_room {
                turn.out.notice(Notice::MoreDue(Arc::clone(&self.stream.arn)));
                return Ok(Due::More);
            }
        }
    }

    /// Removes what lies aside and is older than the stream keeps its media, by its own marks. The hub enters it in its
    /// ledger by the store's journal.
    fn discard_unclaimed(&mut self, turn: &mut Turn<'_>) -> Result<(), StoreError> {
        if turn.shared.media.store.unclaimed().is_empty() {
            return Ok(());
        }
        let kept_ms = i64::from(self.stream.plan.deletion.retention_hours) * 60 * 60 * 1000;
        turn.shared.media.settle_commit()?;
        let before = turn.shared.age_hold.age_clock(turn.now).plus_millis(-kept_ms);
        turn.shared.media.store.discard_unclaimed_before(&self.stream.key, before).map(drop)
    }

    /// Deletes, once the ledger tells of it; `false` when the ledger could not.
    pub(in crate::core) fn delete(
        &mut self,
        files: &[(MediaFileId, deletion::Reason)],
        losses: &[Loss<MediaFileId>],
        turn: &mut Turn<'_>,
    ) -> Result<bool, StoreError> {
        if files.is_empty() {
            return Ok(true);
        }
        if !self.ledger.intend(files, &self.stream, turn.shared) {
            return Ok(false);
        }
        self.record.note_newest_fragment(&self.stream, turn);
        let ids: Vec<MediaFileId> = files.iter().map(|(id, _)| *id).collect();
        let settled = turn.shared.media.settle_commit();
        let deleted = settled.and_then(|()| turn.shared.media.store.delete_media_files(&ids));
        self.ledger.settle_deletion(files, &self.stream, turn);
        let deleted = deleted?;
        tracing::info!(
            stream = self.stream.name,
            media_files = deleted.media_file_count,
            size_bytes = deleted.size_bytes,
            reason = files.first().map(|(_, reason)| reason.as_str()),
            "local media deleted"
        );
        for loss in losses {
            let NotUploaded { fragment_count, size_bytes } = loss.not_uploaded;
            self.ledger.lose(fragment_count, size_bytes);
            tracing::warn!(
                stream = self.stream.name,
                reason = loss.reason.as_str(),
                from = %loss.starts_at,
                until = %loss.ends_at,
                fragments = fragment_count,
                size_bytes,
                "media that was not uploaded was deleted by the stream's policy"
            );
        }
        Ok(true)
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
