//! Leases of two servers: one holder, epochs that only grow, and an end by the database's clock.

use std::sync::Arc;

use vigie_metadata::{EndReason, Lease, Leases, Standing, Takeover};
use vigie_postgres::PostgresLeases;

use crate::world::{SHARED, migrated, open, plain};

async fn two(url: &str) -> [Arc<PostgresLeases>; 2] {
    [open(url).await, open(url).await].map(|database| Arc::new(PostgresLeases::new(database)))
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_claim_at_once_one_holds_and_the_newest_is_next() {
    let servers = two(&SHARED.url(&migrated().await)).await;
    let mut claims = Vec::new();
    for number in 0..20 {
        let leases = Arc::clone(&servers[number % 2]);
        claims.push(tokio::spawn(async move {
            leases.claim("gate", &number.to_string(), Takeover::Newest).await.unwrap().unwrap()
        }));
    }
    let mut claimed: Vec<(Lease, Standing)> = Vec::new();
    for claim in claims {
        claimed.push(claim.await.unwrap());
    }
    claimed.sort_by_key(|(lease, _)| lease.epoch);
    let epochs: Vec<u64> = claimed.iter().map(|(lease, _)| lease.epoch).collect();
    assert!(epochs.is_sorted_by(|one, next| one < next), "{epochs:?}");
    assert_eq!(claimed[0].1, Standing::Held);
    assert!(claimed[1..].iter().all(|(_, standing)| *standing == Standing::Waiting));
    let all: Vec<Lease> = claimed.into_iter().map(|(lease, _)| lease).collect();
    servers[0].release(&all[0]).await.unwrap();
    let standings = servers[1].renew(&all).await.unwrap();
    let held: Vec<usize> = (0..20).filter(|number| standings[*number] == Standing::Held).collect();
    assert_eq!(held, [19]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_fell_silent_is_over_by_the_clock_of_the_database() {
    let url = SHARED.url(&migrated().await);
    let [one, other] = two(&url).await;
    let (lease, _) = one.claim("gate", "one", Takeover::Newest).await.unwrap().unwrap();
    assert_eq!(other.claim("gate", "two", Takeover::First).await.unwrap(), None);
    let plain = plain(&url).await;
    let passes = "UPDATE lease SET holder_until_ms = holder_until_ms - 10001";
    plain.batch_execute(passes).await.unwrap();
    assert_eq!(other.holder("gate").await.unwrap(), None);
    // Late, and nobody wanted it.
    assert_eq!(one.renew(std::slice::from_ref(&lease)).await.unwrap(), [Standing::Held]);
    plain.batch_execute(passes).await.unwrap();
    let (second, standing) = other.claim("gate", "two", Takeover::First).await.unwrap().unwrap();
    assert_eq!(standing, Standing::Held);
    let superseded = Standing::Lost(EndReason::Superseded);
    assert_eq!(one.renew(&[lease.clone(), second]).await.unwrap(), [superseded, Standing::Held]);
    one.release(&lease).await.unwrap();
    assert_eq!(one.holder("gate").await.unwrap().unwrap().0, "two");
}

/// What was claimed before is ended, whoever is faster: no claim stands that has an epoch of before.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_beside_claims_leaves_none_of_before() {
    let [one, other] = two(&SHARED.url(&migrated().await)).await;
    for round in 0..50 {
        let name = format!("gate-{round}");
        let (claimed, up_to) = tokio::join!(
            one.claim(&name, "one", Takeover::Newest),
            other.revoke(&name, EndReason::StreamDeleted),
        );
        let ((lease, _), up_to) = (claimed.unwrap().unwrap(), up_to.unwrap());
        let standing = one.renew(std::slice::from_ref(&lease)).await.unwrap()[0];
        let expect = if lease.epoch <= up_to {
            Standing::Lost(EndReason::StreamDeleted)
        } else {
            Standing::Held
        };
        assert_eq!(standing, expect, "round {round}");
    }
}
