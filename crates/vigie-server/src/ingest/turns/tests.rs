//! Turns at one instance and at several, with notices and without.

#![allow(clippy::disallowed_methods, reason = "what is waited for is measured")]

use tokio::time::Instant;
use vigie_engine::clock::Clock;
use vigie_fakes::chance::SimChance;
use vigie_fakes::clock::TestClock;

use super::*;
use crate::age_hold::ServerAgeHold;
use crate::db::{InProcessLeases, InProcessNotices, MemoryMetadataDb, SilentNotices};
use crate::runtime::TokioRuntime;

/// Instances over the same leases, each with its process.
struct Instances {
    clock: Arc<TestClock>,
    leases: Arc<InProcessLeases>,
    notices: Arc<dyn Notices>,
}

impl Instances {
    fn new(notices: Arc<dyn Notices>) -> Self {
        let clock = TestClock::new();
        let leases = Arc::new(InProcessLeases::new(Arc::clone(&clock) as Arc<dyn Clock>));
        Self { clock, leases, notices }
    }

    async fn open(&self) -> Arc<Turns> {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let metadata = MemoryMetadataDb::default();
        let age_hold = ServerAgeHold::open(&metadata, clock.now()).await.unwrap();
        let process =
            Process::new(clock, age_hold, Box::new(SimChance::new(0)), Arc::new(TokioRuntime));
        let leases = Arc::clone(&self.leases) as Arc<dyn Leases>;
        Arc::new(Turns::new(Arc::new(process), leases, Arc::clone(&self.notices)))
    }
}

fn with_notices() -> Instances {
    Instances::new(Arc::new(InProcessNotices::default()))
}

async fn newest(turns: &Arc<Turns>, stream: &str) -> Option<Turn> {
    turns.take(stream, ProducerPolicy::NewestWins).await.unwrap()
}

async fn first(turns: &Arc<Turns>, stream: &str) -> Option<Turn> {
    turns.take(stream, ProducerPolicy::FirstWins).await.unwrap()
}

/// Begins to wait for a turn, and has claimed it when this returns.
async fn waiting(
    turns: &Arc<Turns>,
    stream: &'static str,
) -> tokio::task::JoinHandle<Option<Turn>> {
    let turns = Arc::clone(turns);
    let task = tokio::spawn(async move { newest(&turns, stream).await });
    tokio::task::yield_now().await;
    task
}

async fn has_to_end(turn: &mut Turn, within: Duration) -> Option<EndReason> {
    tokio::time::timeout(within, turn.ended()).await.ok()
}

#[tokio::test(start_paused = true)]
async fn the_newest_gets_its_turn_when_the_older_has_finished_wherever_it_is() {
    let instances = with_notices();
    for turns in [instances.open().await, instances.open().await] {
        let one = instances.open().await;
        let mut old = newest(&one, "gate").await.unwrap();
        let newer = waiting(&turns, "gate").await;
        assert_eq!(has_to_end(&mut old, Duration::ZERO).await, Some(EndReason::Superseded));
        tokio::time::sleep(LEASE_TTL / 2).await;
        assert!(!newer.is_finished());
        let epoch = old.epoch();
        old.give_back().await;
        let newer = newer.await.unwrap().unwrap();
        assert!(newer.epoch() > epoch);
        newer.give_back().await;
        assert!(!one.is_taken("gate").await.unwrap());
        assert!(one.claims().standings.is_empty() && turns.claims().standings.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_end_is_not_waited_for_for_ever() {
    let instances = with_notices();
    let (one, other) = (instances.open().await, instances.open().await);
    let _stuck = newest(&one, "gate").await.unwrap();
    let began = Instant::now();
    newest(&other, "gate").await.unwrap();
    assert!((LEASE_TTL..LEASE_TTL + 2 * LOOK_INTERVAL).contains(&began.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn what_an_instance_held_that_fell_silent_is_another_s_after_a_while() {
    let instances = with_notices();
    let (dead, other) = (instances.open().await, instances.open().await);
    let turn = newest(&dead, "gate").await.unwrap();
    // Renewed for longer than a claim stands by itself.
    tokio::time::sleep(3 * LEASE_TTL).await;
    assert!(first(&other, "gate").await.is_none());
    dead.process.stop();
    tokio::time::sleep(LEASE_TTL).await;
    assert!(!other.is_taken("gate").await.unwrap());
    let next = first(&other, "gate").await.unwrap();
    // Late, and of no effect on who has it now.
    turn.give_back().await;
    assert!(first(&dead, "gate").await.is_none());
    drop(next);
}

#[tokio::test(start_paused = true)]
async fn without_any_notice_it_takes_a_while_longer() {
    let instances = Instances::new(Arc::new(SilentNotices));
    let (one, other) = (instances.open().await, instances.open().await);
    let mut old = newest(&one, "gate").await.unwrap();
    let newer = waiting(&other, "gate").await;
    let within = RENEW_INTERVAL + LOOK_INTERVAL;
    assert_eq!(has_to_end(&mut old, within).await, Some(EndReason::Superseded));
    old.give_back().await;
    let began = Instant::now();
    let mut newer = newer.await.unwrap().unwrap();
    assert!(began.elapsed() <= LOOK_INTERVAL);
    let ending = tokio::spawn({
        let one = Arc::clone(&one);
        async move { one.end("gate", EndReason::StreamDeleted).await.unwrap() }
    });
    assert_eq!(has_to_end(&mut newer, within).await, Some(EndReason::StreamDeleted));
    newer.give_back().await;
    ending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_first_keeps_its_turn_when_it_wins_and_gives_it_back_at_once() {
    let instances = with_notices();
    let (one, other) = (instances.open().await, instances.open().await);
    let mut turn = first(&one, "gate").await.unwrap();
    assert!(first(&one, "gate").await.is_none());
    assert!(first(&other, "gate").await.is_none());
    assert_eq!(has_to_end(&mut turn, 3 * LEASE_TTL).await, None);
    assert!(first(&one, "yard").await.is_some());
    turn.give_back().await;
    let next = first(&other, "gate").await.unwrap();
    // A call that is given up gives it back as well, a moment later.
    drop(next);
    tokio::task::yield_now().await;
    assert!(first(&one, "gate").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_waiting_connection_gives_way_to_a_newer_one() {
    let instances = with_notices();
    let (one, other) = (instances.open().await, instances.open().await);
    let mut oldest = newest(&one, "gate").await.unwrap();
    let second = waiting(&one, "gate").await;
    assert_eq!(has_to_end(&mut oldest, Duration::ZERO).await, Some(EndReason::Superseded));
    let third = waiting(&other, "gate").await;
    assert!(second.await.unwrap().is_none());
    oldest.give_back().await;
    assert!(third.await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn deleting_a_stream_ends_its_connection_and_no_other() {
    let instances = with_notices();
    let (one, other) = (instances.open().await, instances.open().await);
    let mut gate = newest(&one, "gate").await.unwrap();
    let mut yard = newest(&one, "yard").await.unwrap();
    let ending = tokio::spawn({
        let other = Arc::clone(&other);
        async move { other.end("gate", EndReason::StreamDeleted).await.unwrap() }
    });
    tokio::task::yield_now().await;
    assert_eq!(has_to_end(&mut gate, Duration::ZERO).await, Some(EndReason::StreamDeleted));
    assert!(!ending.is_finished());
    gate.give_back().await;
    ending.await.unwrap();
    assert_eq!(has_to_end(&mut yard, LEASE_TTL).await, None);
    // A connection that comes after the order is not ended by it.
    let mut later = newest(&one, "gate").await.unwrap();
    assert_eq!(has_to_end(&mut later, LEASE_TTL).await, None);
    // One that does not end is not waited for for ever.
    other.end("gate", EndReason::StreamChanged).await.unwrap();
    assert_eq!(has_to_end(&mut later, Duration::ZERO).await, Some(EndReason::StreamChanged));
}

#[tokio::test(start_paused = true)]
async fn an_order_to_end_that_came_while_nobody_waited_is_not_lost() {
    let instances = with_notices();
    let turns = instances.open().await;
    let mut turn = newest(&turns, "gate").await.unwrap();
    // Polled once and dropped, as a connection does whose bytes come first.
    assert_eq!(has_to_end(&mut turn, Duration::ZERO).await, None);
    let newer = waiting(&turns, "gate").await;
    assert_eq!(has_to_end(&mut turn, Duration::ZERO).await, Some(EndReason::Superseded));
    assert_eq!(has_to_end(&mut turn, Duration::ZERO).await, Some(EndReason::Superseded));
    drop(turn);
    assert!(newer.await.unwrap().is_some());
}
