//! What must hold in every world, whatever happened in it. A checker panics with what it found.

pub mod camera_media;
pub mod fleet;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use vigie_agent::ledger::{EntryQuery, LedgerDb};
use vigie_archive::StoredFragment;
use vigie_kvs::shapes::media_ledger::{LedgerEntry, LedgerKind, MediaGapReason};
use vigie_media::Timestamp;
use vigie_media::matroska::{DocumentHeader, Limits, fragment_frames};
use vigie_store::{Disagreement, Fragment, check};

use crate::camera::frame_number;
use crate::executor::at_once;
use crate::world::{STREAM_ARN, World};

/// All that holds at any moment, in the midst of anything.
pub fn all_is_well(world: &World) {
    no_persisted_fragment_lost(world);
    nothing_uploaded_twice(world);
    nothing_marked_uploaded_that_is_not(world);
    index_matches_disk(world);
    every_gap_is_explained(world);
}

/// Nothing that was called persisted is missing at the server, and nothing is there that is not whole.
pub fn no_persisted_fragment_lost(world: &World) {
    let stored: BTreeMap<u64, _> = server_fragments(world)
        .into_iter()
        .map(|fragment| (fragment.sequence, fragment.producer_timestamp))
        .collect();
    for (sequence, timestamp) in &world.server.called_persisted(STREAM_ARN) {
        assert_eq!(stored.get(sequence), Some(timestamp), "fragment {sequence} was persisted");
    }
}

/// No fragment of the hub is at the server twice.
pub fn nothing_uploaded_twice(world: &World) {
    let mut by_time: BTreeMap<Timestamp, Vec<StoredFragment>> = BTreeMap::new();
    for fragment in server_fragments(world) {
        by_time.entry(fragment.producer_timestamp).or_default().push(fragment);
    }
    // Where the hub's clock was set back a time comes again, with other frames.
    for fragments in by_time.values().filter(|fragments| fragments.len() > 1) {
        let mut seen = BTreeMap::new();
        for fragment in fragments {
            let Some(view) = world.server.view() else { return };
            let header = at_once(view.read_header(fragment));
            let bytes = at_once(view.read(fragment));
            let frames = header.and_then(|header| Ok(frame_numbers(&header, bytes?)));
            let frames = frames.unwrap_or_else(|error| panic!("{}: {error}", fragment.sequence));
            if let Some(before) = seen.insert(frames, fragment.sequence) {
                panic!("fragment {before} is there again as {}", fragment.sequence);
            }
        }
    }
}

/// What the hub marks uploaded is at the server.
pub fn nothing_marked_uploaded_that_is_not(world: &World) {
    let mut stored: BTreeMap<Timestamp, usize> = BTreeMap::new();
    for fragment in server_fragments(world) {
        *stored.entry(fragment.producer_timestamp).or_default() += 1;
    }
    for fragment in hub_fragments(world).iter().filter(|fragment| fragment.entry.uploaded) {
        let timestamp = fragment.entry.producer_timestamp;
        let left = stored.get_mut(&timestamp).filter(|left| **left > 0);
        let left = left.unwrap_or_else(|| {
            panic!("the hub's fragment of {timestamp} is marked uploaded and is not at the server")
        });
        // Of each that is there one may be marked.
        *left -= 1;
    }
}

/// Index and media files agree on both sides. Media may lie aside: of what was not durable yet, a power cut may leave an
/// end without its beginning.
pub fn index_matches_disk(world: &World) {
    for reader in [world.hub.reader(), world.server.reader()].into_iter().flatten() {
        let mut disagreements = check(&reader).unwrap_or_else(|error| panic!("check: {error}"));
        disagreements.retain(|found| !matches!(found, Disagreement::Unclaimed { .. }));
        assert!(disagreements.is_empty(), "index and files disagree: {disagreements:?}");
    }
}

/// What is younger may still wait for its commit, or be in the fragment that is being written.
const SETTLED_MS: i64 = 15_000;
/// Holes that are no gaps: less than what the ledger takes for one, and the length of a frame.
const HOLE_MS: i64 = 1_100;

/// Since the ledger began there is media on the hub, or an entry says why not.
pub fn every_gap_is_explained(world: &World) {
    let holes = unexplained(world, &ledger_entries(world, LedgerKind::Gap));
    assert!(holes.is_empty(), "no media and no entry: {holes:?}");
}

/// The ranges without media that these gaps do not explain.
pub fn unexplained(world: &World, gaps: &[LedgerEntry]) -> Vec<(Timestamp, Timestamp)> {
    let ledger = &world.hub.ledger;
    let summary = ledger.summary(STREAM_ARN).unwrap_or_else(|error| panic!("ledger: {error}"));
    let Some(summary) = summary else { return Vec::new() };
    let mut known: Vec<(Timestamp, Timestamp)> = hub_fragments(world)
        .iter()
        .map(|fragment| (fragment.entry.producer_timestamp, fragment.entry.producer_until()))
        .collect();
    known.extend(gaps.iter().map(|gap| (gap.start_timestamp, gap.end_timestamp)));
    known.extend(summary.state.open.map(|open| (open.since, Timestamp::MAX)));
    // Deleted just now: written down, and an entry within a second.
    let intents = ledger.intents(STREAM_ARN).unwrap_or_else(|error| panic!("ledger: {error}"));
    known.extend(intents.iter().flat_map(|one| &one.runs).map(|run| (run.from, run.until)));
    known.sort_unstable();
    let end = world.now().wall.plus_millis(-SETTLED_MS);
    known.push((end, end));
    let mut reached = summary.known_from;
    let mut holes = Vec::new();
    for (from, until) in known {
        if from.min(end).millis_since(reached) > HOLE_MS {
            holes.push((reached, from.min(end)));
        }
        reached = reached.max(until);
    }
    holes
}

/// What the hub's ledger holds, the server has been told.
pub fn the_server_knows_the_ledger(world: &World) {
    // Of what a step of the hub's clock made void, entries of nothing are left.
    let is_something = |entry: &&LedgerEntry| entry.start_timestamp < entry.end_timestamp;
    let told = world.server.ledger_entries(STREAM_ARN);
    let told: Vec<&LedgerEntry> = told.iter().filter(is_something).collect();
    let mut kept = ledger_entries(world, LedgerKind::Gap);
    kept.extend(ledger_entries(world, LedgerKind::Loss));
    kept.sort_by_key(|entry| entry.id);
    let changed = kept.iter().map(|entry| entry.sequence).max().unwrap_or(0);
    let told_until = world.server.ledger_sequence(STREAM_ARN);
    assert!(told_until >= changed, "told until change {told_until} of {changed}");
    // Of a single entry the server keeps no more than what it says.
    kept.iter_mut().for_each(|entry| entry.sequence = 0);
    assert_eq!(told, kept.iter().collect::<Vec<_>>());
}

/// Fragments that the hub was seen to hold, so that what becomes of them can be asked, and the times of those that the
/// server was.
#[derive(Default)]
pub struct Held {
    hub: BTreeMap<u64, Fragment>,
    server: BTreeSet<Timestamp>,
}

impl Held {
    /// Notes what the two hold now.
    pub fn note(&mut self, world: &World) {
        for fragment in hub_fragments(world) {
            self.hub.insert(fragment.entry.sequence, fragment);
        }
        let at_the_server = server_fragments(world);
        self.server.extend(at_the_server.iter().map(|stored| stored.producer_timestamp));
    }

    /// What is gone from the hub was deleted for a reason that the ledger tells; what the server does not have of it
    /// is in the ledger of losses.
    pub fn everything_gone_is_told(&self, world: &World) {
        self.everything_gone_is_told_by(world, &ledger_entries(world, LedgerKind::Loss));
    }

    /// The same, as if these were the ledger of losses.
    pub fn everything_gone_is_told_by(&self, world: &World, losses: &[LedgerEntry]) {
        let still: Vec<u64> =
            hub_fragments(world).iter().map(|fragment| fragment.entry.sequence).collect();
        let gaps = ledger_entries(world, LedgerKind::Gap);
        let at_the_server = server_fragments(world);
        let called_persisted = world.server.called_persisted(STREAM_ARN);
        let is_deletion = |entry: &&LedgerEntry| {
            matches!(
                entry.reason,
                MediaGapReason::DeletedByAge
                    | MediaGapReason::DeletedBySize
                    | MediaGapReason::DeletedByDiskReserve
                    | MediaGapReason::DeletedAfterUpload
            )
        };
        let intents = world.hub.ledger.intents(STREAM_ARN);
        let intents = intents.unwrap_or_else(|error| panic!("ledger: {error}"));
        for (sequence, fragment) in
            self.hub.iter().filter(|(sequence, _)| !still.contains(sequence))
        {
            let entry = &fragment.entry;
            // Written down before it was deleted, and an entry within a second.
            if intents.iter().any(|one| one.media_file_id == fragment.media_file.id.0) {
                continue;
            }
            let covers = |told: &LedgerEntry| {
                // The last frame's length is a guess until the next fragment comes.
                told.start_timestamp <= entry.producer_timestamp
                    && entry.producer_until().millis_since(told.end_timestamp) < HOLE_MS
            };
            let is_told = gaps.iter().filter(is_deletion).any(covers);
            assert!(is_told, "fragment {sequence} is gone: {entry:?}, told: {gaps:?}");
            // The server may have deleted it by age since, also what it kept through a kill without having said so.
            let is_safe = at_the_server
                .iter()
                .map(|stored| &stored.producer_timestamp)
                .chain(called_persisted.values())
                .chain(&self.server)
                .any(|stored| *stored == entry.producer_timestamp);
            let is_lost = losses.iter().any(covers);
            assert!(is_safe || is_lost, "fragment {sequence} is nowhere and no loss tells of it");
        }
    }
}

/// The entries of the stream's ledger on the hub.
pub fn ledger_entries(world: &World, kind: LedgerKind) -> Vec<LedgerEntry> {
    let query = EntryQuery {
        kind: Some(kind),
        from: Timestamp::MIN,
        until: Timestamp::MAX,
        limit: usize::MAX,
    };
    let found = world.hub.ledger.entries(STREAM_ARN, query);
    found.unwrap_or_else(|error| panic!("ledger: {error}"))
}

/// The numbers of all frames at the server, in the order of their time: each frame is whole and unaltered, and none
/// is there twice or out of order.
pub fn frames_at_the_server(world: &World) -> Vec<u64> {
    let mut fragments = server_fragments(world);
    fragments.sort_by_key(|fragment| fragment.producer_timestamp);
    let Some(view) = world.server.view() else { return Vec::new() };
    let read = |fragment: &StoredFragment| {
        let header = at_once(view.read_header(fragment));
        let bytes = at_once(view.read(fragment));
        let failed = |error| -> Bytes { panic!("fragment {}: {error}", fragment.sequence) };
        (header.unwrap_or_else(failed), bytes.unwrap_or_else(failed))
    };
    numbers(fragments.iter().map(read))
}

/// The same for what the hub holds.
pub fn frames_at_the_hub(world: &World) -> Vec<u64> {
    let Some(reader) = world.hub.reader() else { return Vec::new() };
    let read = |fragment: &Fragment| {
        let header = reader.read_document_header(&fragment.media_file);
        let failed = |error| -> Bytes { panic!("fragment {}: {error}", fragment.entry.sequence) };
        (header.unwrap_or_else(failed), reader.read(fragment).unwrap_or_else(failed))
    };
    numbers(hub_fragments(world).iter().map(read))
}

/// The runs of frame numbers that are missing between the first and the last.
pub fn gaps(numbers: &[u64]) -> Vec<(u64, u64)> {
    let missing = |pair: &[u64]| (pair[1] > pair[0] + 1).then(|| (pair[0] + 1, pair[1] - 1));
    numbers.windows(2).filter_map(missing).collect()
}

/// The frames of fragments, each with the header of its document.
fn numbers(fragments: impl Iterator<Item = (Bytes, Bytes)>) -> Vec<u64> {
    let mut numbers: Vec<u64> = Vec::new();
    for (header, bytes) in fragments {
        for number in frame_numbers(&header, bytes) {
            let last = numbers.last();
            assert!(last.is_none_or(|last| *last < number), "frame {number} after {last:?}");
            numbers.push(number);
        }
    }
    numbers
}

/// The numbers of the frames of a fragment, which are whole and unaltered.
pub fn frame_numbers(header: &Bytes, bytes: Bytes) -> Vec<u64> {
    let header = DocumentHeader::parse(header, Limits::KVS)
        .unwrap_or_else(|error| panic!("document header: {error}"));
    fragment_frames(&header, bytes)
        .map(|frame| {
            let frame = frame.unwrap_or_else(|error| panic!("frame: {error}"));
            frame_number(&frame.data).unwrap_or_else(|| panic!("a frame is not what was sent"))
        })
        .collect()
}

fn server_fragments(world: &World) -> Vec<StoredFragment> {
    world.server.fragments(STREAM_ARN)
}

fn hub_fragments(world: &World) -> Vec<Fragment> {
    world.hub.fragments().unwrap_or_else(|error| panic!("list: {error}"))
}
