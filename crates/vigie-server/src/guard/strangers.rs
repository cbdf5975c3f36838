//! Connections on which nobody has shown yet that they may call: how many there may be, and which one ends for a new one.
//!
//! A connection is a stranger's until a call on it was verified, by its signature or by a playback session's token. Those
//! who hold many connections open and say nothing must not keep out those who have something to say: strangers get half of
//! the connections at most, and of the prefix that has most of them the oldest ends first. So a caller who signs within the
//! time that others take to fill the room gets in, however many they are. Never counts what an address may have in all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::http::Extensions;
use tokio::sync::Notify;

use super::client_prefix::client_prefix;

#[derive(Debug)]
pub(crate) struct Strangers {
    max: usize,
    room: Mutex<Room>,
}

#[derive(Debug, Default)]
struct Room {
    last_id: u64,
    count: usize,
    /// By prefix, its connections in the order of their age.
    prefixes: HashMap<IpAddr, BTreeMap<u64, Arc<Notify>>>,
    /// The same prefixes by how many they have.
    sizes: BTreeSet<(usize, IpAddr)>,
}

/// A connection that is a stranger's until [`Self::is_known`]; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Stranger {
    strangers: Arc<Strangers>,
    prefix: IpAddr,
    id: u64,
    given_up: Arc<Notify>,
}

impl Strangers {
    /// Of `connections_max` connections they get half.
    pub(crate) fn new(connections_max: usize) -> Arc<Self> {
        Arc::new(Self { max: (connections_max / 2).max(1), room: Mutex::default() })
    }

    /// A connection begins; whether another one was given up for it.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> (Stranger, bool) {
        let prefix = client_prefix(address);
        let given_up = Arc::new(Notify::new());
        let mut room = self.room();
        let must_end = room.count >= self.max;
        if must_end {
            room.give_up_one();
        }
        room.last_id += 1;
        let id = room.last_id;
        room.change(prefix, |connections| {
            connections.insert(id, Arc::clone(&given_up));
        });
        drop(room);
        (Stranger { strangers: Arc::clone(self), prefix, id, given_up }, must_end)
    }

    /// Room is needed: one of them ends, if there is any.
    pub(crate) fn give_up_one(&self) -> bool {
        self.room().give_up_one()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.room().count
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Ends the oldest connection of the prefix that has most.
    fn give_up_one(&mut self) -> bool {
        let Some(&(_, prefix)) = self.sizes.last() else { return false };
        let mut oldest = None;
        self.change(prefix, |connections| oldest = connections.pop_first());
        let Some((_, given_up)) = oldest else { return false };
        given_up.notify_one();
        true
    }

    /// Changes the connections of a prefix and keeps all counts right.
    fn change(&mut self, prefix: IpAddr, by: impl FnOnce(&mut BTreeMap<u64, Arc<Notify>>)) {
        let connections = self.prefixes.entry(prefix).or_default();
        let before = connections.len();
        by(connections);
        let after = connections.len();
        self.sizes.remove(&(before, prefix));
        if after == 0 {
            self.prefixes.remove(&prefix);
        } else {
            self.sizes.insert((after, prefix));
        }
        self.count = self.count - before + after;
    }
}

impl Stranger {
    /// A call on the connection was verified.
    pub(crate) fn is_known(&self) {
        self.strangers.room().change(self.prefix, |connections| {
            connections.remove(&self.id);
        });
    }

    /// Resolves when the connection is to end for another one.
    pub(crate) async fn given_up(&self) {
        self.given_up.notified().await;
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.is_known();
    }
}

/// The call of a request with these extensions was verified: its connection is a stranger's no more.
pub(crate) fn verified(request: &Extensions) {
    if let Some(stranger) = request.get::<Arc<Stranger>>() {
        stranger.is_known();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use proptest::prelude::*;

    use super::*;

    fn address(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    fn has_ended(stranger: &Stranger) -> bool {
        pin!(stranger.given_up()).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn who_has_most_connections_loses_the_oldest_for_a_new_one() {
        let strangers = Strangers::new(8);
        let many: Vec<Stranger> = (0..3).map(|_| strangers.enter(address(1)).0).collect();
        let (one, crowded) = strangers.enter(address(2));
        assert!(!crowded && many.iter().all(|stranger| !has_ended(stranger)));
        let (new, crowded) = strangers.enter(address(3));
        assert!(crowded && strangers.count() == 4);
        assert_eq!(many.iter().map(has_ended).collect::<Vec<_>>(), [true, false, false]);
        assert!(!has_ended(&one) && !has_ended(&new));
    }

    #[test]
    fn whoever_was_verified_stays_and_leaves_room() {
        let strangers = Strangers::new(4);
        let (first, second) = (strangers.enter(address(1)).0, strangers.enter(address(1)).0);
        first.is_known();
        assert_eq!(strangers.count(), 1);
        let (_third, crowded) = strangers.enter(address(1));
        assert!(!crowded);
        let (_fourth, crowded) = strangers.enter(address(1));
        assert!(crowded && !has_ended(&first) && has_ended(&second));
    }

    #[test]
    fn those_of_one_64_count_together() {
        let strangers = Strangers::new(6);
        let enter = |address: &str| strangers.enter(address.parse().unwrap()).0;
        let single = enter("2001:db8:0:2::1");
        let (first, second) = (enter("2001:db8:0:1::1"), enter("2001:db8:0:1::2"));
        let new = enter("2001:db8:0:3::1");
        let ended = [&single, &first, &second, &new].map(has_ended);
        assert_eq!(ended, [false, true, false, false]);
    }

    proptest! {
        #[test]
        fn counts_are_right_whatever_happens(steps in prop::collection::vec((0..4u8, 0..5u8), 1..200)) {
            let strangers = Strangers::new(12);
            let mut held: Vec<Stranger> = Vec::new();
            for (what, who) in steps {
                match what {
                    0 | 1 => held.push(strangers.enter(address(who)).0),
                    2 if !held.is_empty() => drop(held.swap_remove(usize::from(who) % held.len())),
                    3 if !held.is_empty() => held[usize::from(who) % held.len()].is_known(),
                    _ => {
                        let there_was_one = strangers.count() > 0;
                        prop_assert_eq!(strangers.give_up_one(), there_was_one);
                    }
                }
                let room = strangers.room();
                prop_assert!(room.count <= 6 && room.count <= held.len());
                let counted = room.prefixes.values().map(BTreeMap::len).sum::<usize>();
                prop_assert_eq!(room.count, counted);
                let by_size = room.prefixes.iter();
                let by_size = by_size.map(|(prefix, connections)| (connections.len(), *prefix));
                let sizes: BTreeSet<_> = by_size.collect();
                prop_assert_eq!(&room.sizes, &sizes);
            }
            drop(held);
            prop_assert_eq!(strangers.count(), 0);
            prop_assert!(strangers.room().prefixes.is_empty());
        }
    }
}
