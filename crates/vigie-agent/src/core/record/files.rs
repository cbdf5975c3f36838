//! `FILE_URI`: what is durable before a file is said to be recorded, and where one that was broken off goes on.

use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::folder_watch::FileVersion;
use vigie_engine::recorder::{Event, Failure, LeftOut};
use vigie_kvs::media_uri::MediaUri;
use vigie_store::FragmentOrder;

use crate::core::effect::MediaSource;
use crate::core::imports::{Import, NewestFragment, Remarks};
use crate::core::job::Job;
use crate::core::world::World;

/// No file has so many tracks that are worth a word.
const LEFT_OUT_MAX: usize = 64;

impl Job {
    /// The store has compared all that is on the disk with its index: a file that waited for that is opened.
    pub(in crate::core) fn search_ended(&mut self, world: &mut World, now: Now) {
        let Some(attempt) = self.record.file_waits.take() else { return };
        if let Ok(Some(newest)) = world.reader.newest(&self.key, FragmentOrder::Sequence) {
            self.record.last_start = self.record.last_start.max(newest.entry.producer_timestamp);
            self.record.latest = self.record.latest.max(newest.entry.producer_until());
        }
        if attempt == self.record.recorder.attempt() {
            self.open_source(attempt, world, now);
        }
    }

    /// The file or folder behind `uri`, with all that is known of what was recorded.
    pub(super) fn file_source(
        &mut self,
        uri: MediaUri,
        world: &mut World,
        now: Now,
    ) -> MediaSource {
        // What was written last must be in the index: a file that was broken off goes on behind it.
        if let Err(error) = world.commit(now) {
            world.store_failed(&self.stream_name, &error);
        }
        let noted = self.record.imports.current.as_ref().and_then(|import| import.newest);
        let newest = self.newest_fragment(world).max(noted);
        MediaSource::File {
            uri,
            ends_at: now.wall,
            not_before: self.record.latest.plus_millis(1),
            imports: self.record.imports.clone(),
            newest,
        }
    }

    fn newest_fragment(&self, world: &World) -> Option<NewestFragment> {
        let newest = world.reader.newest(&self.key, FragmentOrder::Sequence);
        newest.ok().flatten().map(|fragment| NewestFragment {
            start_ms: fragment.entry.producer_timestamp.as_millis(),
            frame_count: fragment.entry.frame_count,
        })
    }

    /// Media of the stream is about to be deleted, perhaps all of it: how far a file is recorded must not go with it.
    pub(in crate::core) fn note_newest_fragment(&mut self, world: &mut World) {
        let newest = self.newest_fragment(world);
        if let Some(import) = &mut self.record.imports.current
            && import.newest < newest
        {
            import.newest = newest;
            world.unsaved = true;
        }
    }

    /// Frames of a file follow; where they go is saved before them.
    pub(super) fn file_begun(
        &mut self,
        import: Import,
        resumes: bool,
        world: &mut World,
        now: Now,
    ) {
        self.roll_fragment(world, now);
        self.record.continues = resumes;
        if !resumes {
            self.record.imports.remarks = Remarks::default();
        }
        let goes_on =
            |current: &Import| current.file == import.file && current.base_ms == import.base_ms;
        if !self.record.imports.current.as_ref().is_some_and(goes_on) {
            self.record.imports.current = Some(import);
            world.unsaved = true;
        }
    }

    /// So that it is said again after a restart, when the file itself is not read any more.
    pub(super) fn note_left_out(&mut self, left_out: &[LeftOut], world: &mut World) {
        if self.record.imports.current.as_ref().is_none_or(|import| import.in_folder) {
            return;
        }
        let noted = &mut self.record.imports.remarks.left_out;
        for left_out in left_out {
            if !noted.contains(left_out) && noted.len() < LEFT_OUT_MAX {
                noted.push(left_out.clone());
                world.unsaved = true;
            }
        }
    }

    /// The file is not whole: all that can be read of it has come.
    pub(super) fn file_broken_off(
        &mut self,
        after: Duration,
        attempt: u64,
        world: &mut World,
        now: Now,
    ) {
        let import = self.record.imports.current.as_ref();
        let file = import.map_or("", |import| import.file.path.as_str());
        tracing::warn!(
            stream = self.stream_name,
            file,
            after_seconds = after.as_secs_f64(),
            "the file breaks off; it is recorded up to there"
        );
        if import.is_some_and(|import| !import.in_folder) {
            let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            self.record.imports.remarks.broken_off_after_ms = Some(after_ms);
            world.unsaved = true;
        }
        self.recorder_event(Event::BrokenOff { attempt, after }, world, now);
    }

    /// A file of a folder is over: done once what was written of it is durable.
    pub(super) fn file_ended(
        &mut self,
        file: FileVersion,
        failure: Option<Failure>,
        gone: &[FileVersion],
        world: &mut World,
        now: Now,
    ) {
        self.roll_fragment(world, now);
        if !self.commit(world, now) {
            // It is recorded again from where its media ends, should the hub not get that far any more.
            return;
        }
        match failure {
            None => tracing::info!(stream = self.stream_name, file = file.path, "file recorded"),
            Some(failure) => tracing::warn!(
                stream = self.stream_name,
                file = file.path,
                reason = failure.details(),
                "the file cannot be recorded and is left out until it changes"
            ),
        }
        let imports = &mut self.record.imports;
        for file in gone {
            imports.done.remove(file);
        }
        imports.done.insert(file);
        imports.current = None;
        world.unsaved = true;
    }

    /// The only file is recorded to its end.
    pub(super) fn file_finished(&mut self, world: &mut World, now: Now) {
        if self.commit(world, now) {
            self.record.file_recorded = true;
            self.record.imports.current = None;
            world.unsaved = true;
        }
    }

    fn commit(&mut self, world: &mut World, now: Now) -> bool {
        match world.commit(now) {
            Ok(()) => true,
            Err(error) => {
                world.store_failed(&self.stream_name, &error);
                world.touch(now);
                let attempt = self.record.recorder.attempt();
                self.recorder_event(
                    Event::Failed { attempt, failure: Failure::DiskError },
                    world,
                    now,
                );
                false
            }
        }
    }
}
