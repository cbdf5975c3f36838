//! The promise that nothing is lost and nothing uploaded twice, against a service and a network that do their worst.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::tests::{Bench, SIZE_BYTES, Store, number, timecode};
use super::*;
use crate::chance::NoChance;
use vigie_kvs::acknowledgement::{Acknowledgement, AcknowledgementEvent};

/// A service that takes one connection at a time, may lose any of them, and keeps what it has taken whole.
#[derive(Default)]
struct Service {
    held: BTreeMap<i64, u32>,
    /// Sent on the open connection and not yet dealt with.
    arriving: VecDeque<u32>,
    attempt: Option<u64>,
}

impl Service {
    fn persist_next(&mut self) -> Option<u32> {
        let id = self.arriving.pop_front()?;
        *self.held.entry(timecode(id).as_millis()).or_default() += 1;
        Some(id)
    }
}

/// One move of the network, the hub or time.
#[derive(Clone, Copy, Debug)]
enum Move {
    /// The service takes some fragments and its acknowledgements arrive.
    Persist(u8),
    /// The service takes some fragments and the connection is cut before it can say so.
    Cut(u8),
    /// A new fragment is recorded.
    Record,
    /// The agent is killed: marks since the last commit are gone, and so is the job.
    Kill {
        taken: u8,
    },
    /// The hub's store commits.
    Commit,
    Wait(u16),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    prop::collection::vec(
        prop_oneof![
            5 => (1u8..6).prop_map(Move::Persist),
            1 => (0u8..6).prop_map(Move::Cut),
            4 => Just(Move::Record),
            1 => (0u8..6).prop_map(|taken| Move::Kill { taken }),
            2 => Just(Move::Commit),
            3 => (0u16..3000).prop_map(Move::Wait),
        ],
        0..150,
    )
}

/// Job, store and service together.
struct Link {
    bench: Bench,
    committed: Store,
    service: Service,
}

impl Link {
    /// Lets the job and the service answer each other until both are quiet.
    fn run(&mut self, event: Event<u32>) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.bench.now();
            let actions = self.bench.job.handle(event, &self.bench.store, now, &mut NoChance);
            for action in actions {
                match action {
                    Action::Connect { attempt, .. } => {
                        self.service.arriving.clear();
                        self.service.attempt = Some(attempt);
                        events.push_back(Event::Connected { attempt });
                    }
                    Action::ListFragments { attempt, from, until } => {
                        let range = from.as_millis()..=until.as_millis();
                        let listed = |at: &i64| Listed {
                            producer_timestamp: Timestamp::from_millis(*at),
                            size_bytes: SIZE_BYTES,
                        };
                        let held = self.service.held.range(range);
                        let fragments = held.map(|(at, _)| listed(at)).collect();
                        events.push_back(Event::Listed { attempt, fragments });
                    }
                    Action::SendFragment { attempt, id, .. } => {
                        assert_eq!(self.service.attempt, Some(attempt));
                        self.service.arriving.push_back(id);
                    }
                    Action::MarkUploaded { id } => {
                        assert!(self.service.held.contains_key(&timecode(id).as_millis()));
                        self.bench.store.mark(id);
                    }
                    Action::MarkRefused { .. } => panic!("nothing was refused"),
                    Action::FinishUpload { .. } => {}
                    Action::CloseUpload { .. } => {
                        self.service.attempt = None;
                        self.service.arriving.clear();
                    }
                }
            }
        }
    }

    fn step(&mut self, one: Move) {
        match one {
            Move::Persist(count) => {
                for _ in 0..count {
                    let Some(attempt) = self.service.attempt else { break };
                    let Some(id) = self.service.persist_next() else { break };
                    let number = number();
                    let acknowledgement = Acknowledgement::of(
                        AcknowledgementEvent::Persisted,
                        timecode(id).as_millis(),
                        number,
                    );
                    self.run(Event::Acknowledged { attempt, acknowledgement });
                }
            }
            Move::Cut(taken) => {
                for _ in 0..taken {
                    self.service.persist_next();
                }
                if let Some(attempt) = self.service.attempt.take() {
                    self.run(Event::Failed { attempt, failure: Failure::Closed });
                }
            }
            Move::Record => {
                self.bench.store.add(1);
                // What is recorded is durable; only marks wait for a commit.
                let id = self.bench.store.fragments.len() as u32 - 1;
                self.committed.fragments.insert(id, self.bench.store.fragments[&id]);
                self.run(Event::MediaAdded);
            }
            Move::Kill { taken } => {
                for _ in 0..taken {
                    self.service.persist_next();
                }
                self.service.attempt = None;
                self.bench.store = self.committed.clone();
                self.bench.job =
                    Uploader::new(Schedule::Always, TimeZone::UTC, self.bench.now().wall);
                self.run(Event::Tick);
            }
            Move::Commit => self.committed = self.bench.store.clone(),
            Move::Wait(millis) => {
                self.bench.elapsed += Duration::from_millis(millis.into());
                self.run(Event::Tick);
            }
        }
    }
}

proptest! {
    #[test]
    fn through_cuts_and_crashes_nothing_is_lost_and_nothing_uploaded_twice(moves in moves()) {
        let mut link = Link {
            bench: Bench::new(Schedule::Always, 0),
            committed: Store::default(),
            service: Service::default(),
        };
        for one in moves {
            link.step(one);
        }
        // The network heals: all is uploaded.
        for _ in 0..200 {
            link.step(Move::Wait(1000));
            link.step(Move::Persist(32));
        }
        prop_assert_eq!(link.bench.store.not_uploaded(), 0);
        prop_assert_eq!(link.service.held.len(), link.bench.store.fragments.len());
        prop_assert!(link.service.held.values().all(|count| *count == 1), "{:?}", link.service.held);
    }
}

#[test]
fn media_of_before_a_clock_that_was_set_back_goes_out_on_another_connection() {
    let mut bench = Bench::new(Schedule::Always, 6);
    for id in [2, 3] {
        bench.store.shift(id, 86_400_000);
    }
    assert_eq!(bench.send(Event::Tick), "connect(1 from 0)");
    // What may be there already lies anywhere between the least and the greatest timecode.
    assert_eq!(bench.connected(), "list(0..43203)");
    assert_eq!(bench.listed(&[]), "0 1 2 3. finish");
    bench.persisted(0);
    bench.persisted(1);
    let attempt = bench.attempt();
    for id in [2, 3] {
        let event = AcknowledgementEvent::Persisted;
        let timecode_ms = timecode(id).plus_millis(86_400_000).as_millis();
        let acknowledgement = Acknowledgement::of(event, timecode_ms, number());
        assert_eq!(
            bench.send(Event::Acknowledged { attempt, acknowledgement }),
            format!("uploaded({id})")
        );
    }
    assert_eq!(bench.send(Event::Ended { attempt }), "close connect(1 from 4)");
    assert_eq!(bench.connected(), "4 5.");
}

#[test]
fn media_from_the_future_is_due_at_once_so_that_nothing_waits_behind_it() {
    let mut bench = Bench::new(Schedule::Hourly, 3);
    bench.store.shift(0, -60_000);
    bench.store.shift(1, 86_400_000);
    bench.store.shift(2, -30_000);
    assert_eq!(bench.send(Event::Tick), "connect(1 from -30)");
    assert_eq!(bench.connected(), "list(-30..43201)");
    assert_eq!(bench.listed(&[]), "0 1. finish");
}
