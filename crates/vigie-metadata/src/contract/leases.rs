//! One holder of a name, epochs that grow, and a reason for whoever has to end. How time ends a claim is each engine's own test.

use std::sync::Arc;

use crate::{EndReason, Lease, Leases, Standing, Takeover};

const SUPERSEDED: Standing = Standing::Lost(EndReason::Superseded);

async fn claim(leases: &Arc<dyn Leases>, name: &str, owner: &str) -> (Lease, Standing) {
    leases.claim(name, owner, Takeover::Newest).await.unwrap().unwrap()
}

async fn standing(leases: &Arc<dyn Leases>, lease: &Lease) -> Standing {
    leases.renew(std::slice::from_ref(lease)).await.unwrap()[0]
}

pub(super) async fn the_newest_holds_when_the_one_before_has_given_back(leases: Arc<dyn Leases>) {
    let (first, held) = claim(&leases, "gate", "one").await;
    assert_eq!(held, Standing::Held);
    let (second, waiting) = claim(&leases, "gate", "two").await;
    assert_eq!(waiting, Standing::Waiting);
    assert!(second.epoch > first.epoch);
    let both = [second.clone(), first.clone()];
    assert_eq!(leases.renew(&both).await.unwrap(), [Standing::Waiting, SUPERSEDED]);
    assert_eq!(leases.holder("gate").await.unwrap(), Some(("one".into(), first.epoch)));
    let (third, _) = claim(&leases, "gate", "one").await;
    assert_eq!(standing(&leases, &second).await, SUPERSEDED, "whoever waited has lost");
    leases.release(&first).await.unwrap();
    assert_eq!(standing(&leases, &third).await, Standing::Held);
    leases.release(&second).await.unwrap();
    assert_eq!(standing(&leases, &third).await, Standing::Held, "it is not the second's");
    leases.release(&third).await.unwrap();
    assert_eq!(leases.holder("gate").await.unwrap(), None);
    let (fourth, _) = claim(&leases, "gate", "one").await;
    assert!(fourth.epoch > third.epoch, "they grow over those that are over");
}

pub(super) async fn the_first_stays_where_it_wins(leases: Arc<dyn Leases>) {
    let first =
        async |name: &'static str| leases.claim(name, "one", Takeover::First).await.unwrap();
    let (held, _) = first("gate").await.unwrap();
    assert_eq!(first("gate").await, None);
    assert_eq!(standing(&leases, &held).await, Standing::Held);
    assert!(first("yard").await.is_some(), "each name has its own");
    leases.release(&held).await.unwrap();
    assert!(first("gate").await.is_some());
}

pub(super) async fn a_revocation_ends_what_was_claimed_before_it_and_says_why(
    leases: Arc<dyn Leases>,
) {
    let (first, _) = claim(&leases, "gate", "one").await;
    let (waiting, _) = claim(&leases, "gate", "two").await;
    let (yard, _) = claim(&leases, "yard", "two").await;
    let until = leases.revoke("gate", EndReason::StreamChanged).await.unwrap();
    assert!(until >= waiting.epoch);
    let lost = Standing::Lost(EndReason::StreamChanged);
    assert_eq!(standing(&leases, &first).await, lost);
    assert_eq!(standing(&leases, &waiting).await, lost);
    assert_eq!(standing(&leases, &yard).await, Standing::Held);
    // Held until it is given back; who comes after is not meant.
    assert_eq!(leases.holder("gate").await.unwrap(), Some(("one".into(), first.epoch)));
    let (later, _) = claim(&leases, "gate", "two").await;
    assert!(later.epoch > until);
    assert_eq!(standing(&leases, &later).await, Standing::Waiting);
    assert_eq!(standing(&leases, &first).await, lost, "still for that reason");
    leases.release(&first).await.unwrap();
    assert_eq!(standing(&leases, &later).await, Standing::Held);
    let nobody = leases.revoke("cellar", EndReason::StreamDeleted).await.unwrap();
    assert!(nobody >= later.epoch);
    assert_eq!(leases.holder("cellar").await.unwrap(), None);
}
