//! `FILE_URI`: what is durable before a file is said to be recorded, and where one that was broken off goes on.

use std::time::Duration;

use vigie_engine::folder_watch::FileVersion;
use vigie_engine::recorder::{Event, Failure, LeftOut};
use vigie_kvs::media_uri::MediaUri;
use vigie_store::FragmentOrder;

use super::RecordJob;
use crate::core::effect::MediaSource;
use crate::core::hub_media::HubMedia;
use crate::core::imports::{Import, NewestFragment, Remarks};
use crate::core::outcome::{Notice, Outcomes};
use crate::core::shared::Turn;
use crate::core::stream::Stream;

/// No file has so many tracks that are worth a word.
const LEFT_OUT_MAX: usize = 64;

impl RecordJob {
    /// The store has compared all that is on the disk with its index: a file that waited for that is opened.
    pub(in crate::core) fn search_ended(&mut self, stream: &Stream, turn: &mut Turn<'_>) {
        let Some(attempt) = self.file_waits.take() else { return };
        if let Ok(Some(newest)) =
            turn.shared.media.reader.newest(&stream.key, FragmentOrder::Sequence)
        {
            self.last_start = self.last_start.max(newest.entry.producer_timestamp);
            self.latest = self.latest.max(newest.entry.producer_until());
        }
        if attempt == self.recorder.attempt() {
            self.open_source(attempt, stream, turn);
        }
    }

    /// The file or folder behind `uri`, with all that is known of what was recorded.
    pub(super) fn file_source(
        &mut self,
        uri: MediaUri,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) -> MediaSource {
        // What was written last must be in the index: a file that was broken off goes on behind it.
        if let Err(error) = turn.shared.media.commit(turn.now) {
            turn.shared.media.failed(&stream.name, &error);
        }
        let noted = self.kept.imports.current.as_ref().and_then(|import| import.newest);
        let newest = newest_fragment(stream, &turn.shared.media).max(noted);
        MediaSource::File {
            uri,
            ends_at: turn.now.wall,
            not_before: self.latest.plus_millis(1),
            imports: self.kept.imports.clone(),
            newest,
        }
    }

    /// Media of the stream is about to be deleted, perhaps all of it: how far a file is recorded must not go with it.
    pub(in crate::core) fn note_newest_fragment(&mut self, stream: &Stream, turn: &mut Turn<'_>) {
        let newest = newest_fragment(stream, &turn.shared.media);
        if let Some(import) = &mut self.kept.imports.current
            && import.newest < newest
        {
            import.newest = newest;
            turn.out.notice(Notice::Save);
        }
    }

    /// Frames of a file follow; where they go is saved before them.
    pub(super) fn file_begun(
        &mut self,
        import: Import,
        resumes: bool,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        self.roll_fragment(stream, turn);
        self.continues = resumes;
        if !resumes {
            self.kept.imports.remarks = Remarks::default();
        }
        let goes_on =
            |current: &Import| current.file == import.file && current.base_ms == import.base_ms;
        if !self.kept.imports.current.as_ref().is_some_and(goes_on) {
            self.kept.imports.current = Some(import);
            turn.out.notice(Notice::Save);
        }
    }

    /// So that it is said again after a restart, when the file itself is not read any more.
    pub(super) fn note_left_out(&mut self, left_out: &[LeftOut], out: &mut Outcomes) {
        if self.kept.imports.current.as_ref().is_none_or(|import| import.in_folder) {
            return;
        }
        let noted = &mut self.kept.imports.remarks.left_out;
        for left_out in left_out {
            if !noted.contains(left_out) && noted.len() < LEFT_OUT_MAX {
                noted.push(left_out.clone());
                out.notice(Notice::Save);
            }
        }
    }

    /// The file is not whole: all that can be read of it has come.
    pub(super) fn file_broken_off(
        &mut self,
        after: Duration,
        attempt: u64,
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        let import = self.kept.imports.current.as_ref();
        let file = import.map_or("", |import| import.file.path.as_str());
        tracing::warn!(
            stream = stream.name,
            file,
            after_seconds = after.as_secs_f64(),
            "the file breaks off; it is recorded up to there"
        );
        if import.is_some_and(|import| !import.in_folder) {
            let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            self.kept.imports.remarks.broken_off_after_ms = Some(after_ms);
            turn.out.notice(Notice::Save);
        }
        turn.out.recorder(Event::BrokenOff { attempt, after });
    }

    /// A file of a folder is over: done once what was written of it is durable.
    pub(super) fn file_ended(
        &mut self,
        file: FileVersion,
        failure: Option<Failure>,
        gone: &[FileVersion],
        stream: &Stream,
        turn: &mut Turn<'_>,
    ) {
        self.roll_fragment(stream, turn);
        if !self.commit(stream, turn) {
            // It is recorded again from where its media ends, should the hub not get that far any more.
            return;
        }
        match failure {
            None => tracing::info!(stream = stream.name, file = file.path, "file recorded"),
            Some(failure) => tracing::warn!(
                stream = stream.name,
                file = file.path,
                reason = failure.details(),
                "the file cannot be recorded and is left out until it changes"
            ),
        }
        let imports = &mut self.kept.imports;
        for file in gone {
            imports.done.remove(file);
        }
        imports.done.insert(file);
        imports.current = None;
        turn.out.notice(Notice::Save);
    }

    /// The only file is recorded to its end.
    pub(super) fn file_finished(&mut self, stream: &Stream, turn: &mut Turn<'_>) {
        if self.commit(stream, turn) {
            self.kept.file_recorded = true;
            self.kept.imports.current = None;
            turn.out.notice(Notice::Save);
        }
    }

    fn commit(&mut self, stream: &Stream, turn: &mut Turn<'_>) -> bool {
        match turn.shared.media.commit(turn.now) {
            Ok(()) => true,
            Err(error) => {
                turn.shared.media.failed(&stream.name, &error);
                turn.shared.media.touch(turn.now);
                let attempt = self.recorder.attempt();
                turn.out.recorder(Event::Failed { attempt, failure: Failure::DiskError });
                false
            }
        }
    }
}

fn newest_fragment(stream: &Stream, media: &HubMedia) -> Option<NewestFragment> {
    let newest = media.reader.newest(&stream.key, FragmentOrder::Sequence);
    newest.ok().flatten().map(|fragment| NewestFragment {
        start_ms: fragment.entry.producer_timestamp.as_millis(),
        frame_count: fragment.entry.frame_count,
    })
}
