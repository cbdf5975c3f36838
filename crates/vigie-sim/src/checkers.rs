//! What must hold in every world, whatever happened in it. A checker panics with what it found.

use std::collections::BTreeMap;

use vigie_media::matroska::{DocumentHeader, Limits, fragment_frames};
use vigie_store::{Fragment, StoreReader, check};

use crate::camera::frame_number;
use crate::world::{STREAM_ARN, World};

/// Nothing that was called persisted is missing at the server, and nothing is there that is not whole.
pub fn no_persisted_fragment_lost(world: &World) {
    let stored: BTreeMap<u64, _> = server_fragments(world)
        .into_iter()
        .map(|fragment| (fragment.entry.sequence, fragment.entry.producer_timestamp))
        .collect();
    for (sequence, timestamp) in &world.server.called_persisted {
        assert_eq!(stored.get(sequence), Some(timestamp), "fragment {sequence} was persisted");
    }
}

/// No fragment of the hub is at the server twice.
pub fn nothing_uploaded_twice(world: &World) {
    let mut seen = BTreeMap::new();
    for fragment in server_fragments(world) {
        let entry = fragment.entry;
        let before = seen.insert(entry.producer_timestamp, entry.sequence);
        assert_eq!(
            before,
            None,
            "fragment {} is there again as {}",
            before.unwrap_or(0),
            entry.sequence
        );
    }
}

/// What the hub marks uploaded is at the server.
pub fn nothing_marked_uploaded_that_is_not(world: &World) {
    let stored = server_fragments(world);
    for fragment in hub_fragments(world).iter().filter(|fragment| fragment.entry.uploaded) {
        let timestamp = fragment.entry.producer_timestamp;
        let found = stored.iter().any(|stored| stored.entry.producer_timestamp == timestamp);
        assert!(
            found,
            "the hub's fragment of {timestamp} is marked uploaded and is not at the server"
        );
    }
}

/// Index and media files agree on both sides.
pub fn index_matches_disk(world: &World) {
    for reader in [world.hub.reader(), world.server.reader()].into_iter().flatten() {
        let disagreements = check(&reader).unwrap_or_else(|error| panic!("check: {error}"));
        assert!(disagreements.is_empty(), "index and files disagree: {disagreements:?}");
    }
}

/// The numbers of all frames at the server, in the order of their time: each frame is whole and unaltered, and none
/// is there twice or out of order.
pub fn frames_at_the_server(world: &World) -> Vec<u64> {
    let mut fragments = server_fragments(world);
    fragments.sort_by_key(|fragment| fragment.entry.producer_timestamp);
    let reader = world.server.reader();
    numbers(reader.as_ref(), &fragments)
}

/// The same for what the hub holds.
pub fn frames_at_the_hub(world: &World) -> Vec<u64> {
    numbers(world.hub.reader().as_ref(), &hub_fragments(world))
}

/// The runs of frame numbers that are missing between the first and the last.
pub fn gaps(numbers: &[u64]) -> Vec<(u64, u64)> {
    let missing = |pair: &[u64]| (pair[1] > pair[0] + 1).then(|| (pair[0] + 1, pair[1] - 1));
    numbers.windows(2).filter_map(missing).collect()
}

fn numbers(reader: Option<&StoreReader>, fragments: &[Fragment]) -> Vec<u64> {
    let mut numbers: Vec<u64> = Vec::new();
    for fragment in fragments {
        let Some(reader) = reader else { continue };
        for number in frames(reader, fragment) {
            assert!(
                numbers.last().is_none_or(|last| *last < number),
                "frame {number} after {:?}",
                numbers.last()
            );
            numbers.push(number);
        }
    }
    numbers
}

fn frames(reader: &StoreReader, fragment: &Fragment) -> Vec<u64> {
    let header = reader
        .read_document_header(&fragment.media_file)
        .unwrap_or_else(|error| panic!("document header: {error}"));
    let header = DocumentHeader::parse(&header, Limits::KVS)
        .unwrap_or_else(|error| panic!("document header: {error}"));
    let bytes = reader.read(fragment).unwrap_or_else(|error| panic!("fragment: {error}"));
    fragment_frames(&header, bytes)
        .map(|frame| {
            let frame = frame.unwrap_or_else(|error| panic!("frame: {error}"));
            frame_number(&frame.data).unwrap_or_else(|| panic!("a frame is not what was sent"))
        })
        .collect()
}

fn server_fragments(world: &World) -> Vec<Fragment> {
    world.server.fragments(STREAM_ARN).unwrap_or_else(|error| panic!("list: {error}"))
}

fn hub_fragments(world: &World) -> Vec<Fragment> {
    world.hub.fragments().unwrap_or_else(|error| panic!("list: {error}"))
}
