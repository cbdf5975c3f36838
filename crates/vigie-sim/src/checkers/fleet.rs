//! What must hold of instances that share their engines.

use std::collections::BTreeMap;

use crate::archive_log::Done;
use crate::fleet::Fleet;

/// All of it, once a fleet has come to rest.
pub fn all_is_well(fleet: &Fleet) {
    a_stream_has_one_writer(fleet);
    an_erasure_ends_the_writer(fleet);
    who_gives_way_has_finished(fleet);
    sequences_rise(fleet);
    what_is_acknowledged_is_there(fleet);
    what_was_deleted_is_gone(fleet);
    readers_have_everything(fleet);
    the_hub_hears(fleet);
}

/// Of a writer nothing is taken after another one has begun.
pub fn a_stream_has_one_writer(fleet: &Fleet) {
    for done in fleet.world.server.log.done() {
        let Done::Taken { stream, epoch, last_epoch, sequence, .. } = done else { continue };
        assert!(
            epoch == last_epoch,
            "two writers of {stream}: {sequence} was taken of turn {epoch} in turn {last_epoch}"
        );
    }
}

/// Of a writer nothing is taken after its stream was erased.
pub fn an_erasure_ends_the_writer(fleet: &Fleet) {
    for done in fleet.world.server.log.done() {
        let Done::Taken { stream, is_after_erasure, sequence, .. } = done else { continue };
        assert!(!is_after_erasure, "{sequence} of {stream} was taken after its erasure");
    }
}

/// Who has to end has handed over what he had taken before the next one begins, wherever that is.
pub fn who_gives_way_has_finished(fleet: &Fleet) {
    for done in fleet.world.server.log.done() {
        let Done::Fenced { stream, epoch, is_after_erasure } = done else { continue };
        assert!(is_after_erasure, "the next one did not wait: fenced in {stream}, turn {epoch}");
    }
}

/// What is persisted of a stream later has a higher sequence.
pub fn sequences_rise(fleet: &Fleet) {
    let mut last = BTreeMap::new();
    for done in fleet.world.server.log.done() {
        let Done::Taken { stream, sequence, .. } = done else { continue };
        let before = last.insert(stream.clone(), sequence).unwrap_or(0);
        assert!(before < sequence, "out of order in {stream}: {sequence} after {before}");
    }
}

/// What a producer was told to be persisted was there then, and is there until its stream is deleted.
pub fn what_is_acknowledged_is_there(fleet: &Fleet) {
    let seen = fleet.seen();
    assert!(seen.without_row.is_empty(), "acknowledged and not there: {:?}", seen.without_row);
    for (key, acknowledged) in &seen.acknowledged {
        if seen.deletion_asked.contains(key) {
            continue;
        }
        let stored: Vec<u64> = fleet.stored(key).iter().map(|one| one.sequence).collect();
        let missing: Vec<&u64> =
            acknowledged.iter().filter(|sequence| !stored.contains(sequence)).collect();
        assert!(missing.is_empty(), "acknowledged and not there: {missing:?} of {key}");
    }
}

/// Of a stream that was deleted nothing is listed, nothing came afterwards, and nothing can be read by who knows where it
/// lay.
pub fn what_was_deleted_is_gone(fleet: &Fleet) {
    for (key, before) in &fleet.seen().deleted {
        let left = fleet.stored(key).len();
        assert!(left == 0, "media of the deleted stream {key}: {left} fragments are listed");
        let readable = before.iter().filter(|fragment| fleet.can_be_read(fragment)).count();
        assert!(readable == 0, "media of the deleted stream {key}: {readable} can be read");
    }
}

/// Who follows a stream has all of it in the end, in order and once, whether he was woken or looked again.
pub fn readers_have_everything(fleet: &Fleet) {
    let seen = fleet.seen();
    for key in fleet.keys().iter().filter(|key| !seen.deletion_asked.contains(*key)) {
        let stored: Vec<u64> = fleet.stored(key).iter().map(|one| one.sequence).collect();
        let read = seen.read.get(key).cloned().unwrap_or_default();
        assert!(read == stored, "a reader of {key} missed something: {read:?} of {stored:?}");
    }
}

/// The hub hears of every change, whichever instance holds its call.
pub fn the_hub_hears(fleet: &Fleet) {
    let seen = fleet.seen();
    assert!(seen.unheard.is_empty(), "the hub did not hear: {:?}", seen.unheard);
}
