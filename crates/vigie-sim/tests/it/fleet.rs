//! Three instances over the same engines: whatever is killed, cut, taken over or deleted, and in whichever order things go on,
//! they are one server. And every checker of that fails where its rule is broken on purpose.

use std::sync::{Mutex, PoisonError};

use vigie_sim::checkers::fleet::{
    a_stream_has_one_writer, all_is_well, an_erasure_ends_the_writer, readers_have_everything,
    sequences_rise, the_hub_hears, what_is_acknowledged_is_there, what_was_deleted_is_gone,
    who_gives_way_has_finished,
};
use vigie_sim::checkers::{no_persisted_fragment_lost, nothing_uploaded_twice};
use vigie_sim::fleet::mutants::Fault;
use vigie_sim::fleet::{Disturbance, Fleet};
use vigie_sim::seeds::{Seed, in_parallel, seeds};

/// How many seeds a broken rule may take to be seen.
const SEEDS_OF_MUTANT: u64 = 6;

fn live(seed: u64) {
    let _seed = Seed(seed);
    // Every other fleet has no notices at all.
    let loses_notices = seed % 2 == 1;
    let mut fleet = Fleet::disturbed(seed, Disturbance { loses_notices, ..Disturbance::NONE });
    fleet.live();
    all_is_well(&fleet);
    no_persisted_fragment_lost(&fleet.world);
    nothing_uploaded_twice(&fleet.world);
    let seen = fleet.seen();
    assert_eq!(seen.deleted.len(), 1, "a stream was deleted");
    let acknowledged: usize = seen.acknowledged.values().map(|sequences| sequences.len()).sum();
    assert!(acknowledged > 20, "{acknowledged} fragments of producers");
    assert!(seen.read.values().all(|read| !read.is_empty()) && !seen.read.is_empty());
}

#[test]
fn three_instances_are_one_server() {
    in_parallel(seeds("VIGIE_FLEET_SEEDS", 32), live);
}

/// One seed again.
#[test]
fn replay() {
    live(0);
}

#[test]
fn a_seed_is_one_run_to_the_last_fragment() {
    let run = || {
        let mut fleet = Fleet::new(3);
        fleet.live();
        let seen = fleet.seen();
        format!("{:?} {:?}", seen.read, fleet.world.server.log.done())
    };
    assert_eq!(run(), run());
}

/// With an archive that breaks a rule.
const fn media(fault: Fault) -> Disturbance {
    Disturbance { media: Some(fault), ..Disturbance::NONE }
}

/// The same, where no lease keeps two from writing before the archive does.
const fn unled(fault: Fault) -> Disturbance {
    Disturbance { everybody_holds: true, ..media(fault) }
}

/// Lives through seeds until the checker fails, with what it says.
fn fails(disturbance: Disturbance, checker: fn(&Fleet), says: &str) {
    let said = Mutex::new(Vec::new());
    for seed in 0..SEEDS_OF_MUTANT {
        let checked = std::panic::catch_unwind(|| {
            let mut fleet = Fleet::disturbed(seed, disturbance);
            fleet.live();
            checker(&fleet);
        });
        let Err(panic) = checked else { continue };
        let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        if text.contains(says) {
            return;
        }
        said.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
    panic!("the checker saw nothing in {SEEDS_OF_MUTANT} seeds; it said {said:?}");
}

#[test]
fn two_writers_of_a_stream_are_seen() {
    fails(unled(Fault::TwoWriters), a_stream_has_one_writer, "two writers of");
}

#[test]
fn a_claim_that_does_not_wait_is_seen() {
    let mutant = Disturbance { everybody_holds: true, ..Disturbance::NONE };
    fails(mutant, who_gives_way_has_finished, "the next one did not wait");
}

#[test]
fn sequences_out_of_order_are_seen() {
    fails(media(Fault::FallingSequences), sequences_rise, "out of order in");
}

#[test]
fn an_acknowledgement_without_a_row_is_seen() {
    let says = "acknowledged and not there";
    fails(media(Fault::Forgetful), what_is_acknowledged_is_there, says);
}

#[test]
fn media_of_a_deleted_stream_is_seen_where_it_stayed_came_back_or_can_be_read() {
    for fault in [Fault::DeletesNothing, Fault::ReadsTheDeleted] {
        fails(media(fault), what_was_deleted_is_gone, "media of the deleted stream");
    }
    let (fault, says) = (Fault::WritesOnAfterDeletion, "was taken after its erasure");
    fails(unled(fault), an_erasure_ends_the_writer, says);
}

#[test]
fn who_hangs_on_notices_is_seen() {
    let says = "missed something";
    let once = Disturbance { loses_notices: true, ..media(Fault::LooksOnce) };
    fails(once, readers_have_everything, says);
    let asleep = Disturbance { loses_notices: true, forgets_to_wake: true, ..Disturbance::NONE };
    fails(asleep, the_hub_hears, "the hub did not hear");
}
