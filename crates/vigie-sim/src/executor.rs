//! Runs the tasks of simulated servers on one thread: which of those that can go on does so is drawn from a seed, and time
//! stands until the world moves its clock.
//!
//! One seed, one order. A task belongs to an owner, a process: with that all of its tasks are gone, where they stand.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use vigie_engine::chance::Chance;
use vigie_engine::clock::Clock;
use vigie_server::{Runtime, Task};

use crate::chance::SimChance;
use crate::clock::SimClock;

/// Who dies at once.
pub type Owner = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId(u64);

pub struct Executor {
    shared: Arc<Shared>,
    chance: SimChance,
}

struct Shared {
    clock: SimClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next_id: u64,
    tasks: BTreeMap<TaskId, (Owner, Task)>,
    ready: BTreeSet<TaskId>,
    timers: BTreeMap<(Duration, u64), Waker>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn add(&mut self, owner: Owner, task: Task) -> TaskId {
        let id = TaskId(self.number());
        self.tasks.insert(id, (owner, task));
        self.ready.insert(id);
        id
    }
}

impl Executor {
    /// Without tasks.
    pub fn new(clock: SimClock, chance: SimChance) -> Self {
        Self { shared: Arc::new(Shared { clock, state: Mutex::default() }), chance }
    }

    /// What an owner's tasks are run by.
    pub fn runtime(&self, owner: Owner) -> Arc<dyn Runtime> {
        Arc::new(SimRuntime { shared: Arc::clone(&self.shared), owner, wakes: true })
    }

    /// The same, broken: whoever waits for time waits for ever.
    pub fn runtime_that_forgets_to_wake(&self, owner: Owner) -> Arc<dyn Runtime> {
        Arc::new(SimRuntime { shared: Arc::clone(&self.shared), owner, wakes: false })
    }

    /// Adds a task.
    pub fn spawn(&self, owner: Owner, task: impl Future<Output = ()> + Send + 'static) -> TaskId {
        self.shared.state().add(owner, Box::pin(task))
    }

    /// Drops a task where it stands.
    pub fn cancel(&self, id: TaskId) {
        // What a task drops may wake others, which wants the lock.
        let task = self.shared.state().tasks.remove(&id);
        drop(task);
    }

    /// Drops all tasks of an owner where they stand.
    pub fn kill(&self, owner: Owner) {
        loop {
            let killed: Vec<Task> = {
                let mut state = self.shared.state();
                let is_owned = |(_, (of, _)): &(&TaskId, &(Owner, Task))| *of == owner;
                let ids: Vec<TaskId> =
                    state.tasks.iter().filter(is_owned).map(|(id, _)| *id).collect();
                ids.iter().filter_map(|id| state.tasks.remove(id)).map(|(_, task)| task).collect()
            };
            if killed.is_empty() {
                return;
            }
            drop(killed);
        }
    }

    /// Whether a task can go on now.
    pub fn is_ready(&self) -> bool {
        self.wake_due();
        !self.shared.state().ready.is_empty()
    }

    /// Lets one task go on, of those that can.
    pub fn step(&mut self) {
        self.wake_due();
        let (id, owner, mut task) = {
            let mut state = self.shared.state();
            let count = state.ready.len() as u64;
            if count == 0 {
                return;
            }
            let drawn = self.chance.below(count) as usize;
            let Some(&id) = state.ready.iter().nth(drawn) else { return };
            state.ready.remove(&id);
            let Some((owner, task)) = state.tasks.remove(&id) else { return };
            (id, owner, task)
        };
        let waker = Waker::from(Arc::new(TaskWaker { shared: Arc::clone(&self.shared), id }));
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.shared.state().tasks.insert(id, (owner, task));
        }
    }

    /// When a task can go on at the latest, without anything else happening.
    pub fn wake_at(&self) -> Option<Duration> {
        self.shared.state().timers.first_key_value().map(|((at, _), _)| *at)
    }

    fn wake_due(&self) {
        let now = self.shared.clock.now().mono;
        let due = {
            let mut state = self.shared.state();
            let later = state.timers.split_off(&(now + Duration::from_nanos(1), 0));
            std::mem::replace(&mut state.timers, later)
        };
        for waker in due.into_values() {
            waker.wake();
        }
    }
}

struct TaskWaker {
    shared: Arc<Shared>,
    id: TaskId,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.shared.state().ready.insert(self.id);
    }
}

struct SimRuntime {
    shared: Arc<Shared>,
    owner: Owner,
    wakes: bool,
}

impl Runtime for SimRuntime {
    fn spawn(&self, task: Task) {
        self.shared.state().add(self.owner, task);
    }

    fn sleep(&self, time: Duration) -> Task {
        if !self.wakes {
            return Box::pin(std::future::pending());
        }
        let at = self.shared.clock.now().mono.saturating_add(time);
        Box::pin(Sleep { shared: Arc::clone(&self.shared), at, key: None })
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.spawn(Box::pin(async move { work() }));
    }
}

struct Sleep {
    shared: Arc<Shared>,
    at: Duration,
    key: Option<(Duration, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.shared.clock.now().mono >= self.at {
            return Poll::Ready(());
        }
        let at = self.at;
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        let key = *self.key.get_or_insert_with(|| (at, state.number()));
        let before = state.timers.insert(key, context.waker().clone());
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let waker = self.shared.state().timers.remove(&key);
        drop(waker);
    }
}

/// A runtime that does at once what may block, for who looks from outside. It has no tasks and no time.
pub struct Inline;

impl Runtime for Inline {
    fn spawn(&self, _: Task) {
        unreachable!("nothing is begun by who only looks");
    }

    fn sleep(&self, _: Duration) -> Task {
        Box::pin(std::future::pending())
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        work();
    }
}

/// What a future gives that has nothing to wait for.
pub fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits for something"),
    }
}

#[cfg(test)]
mod tests {
    use vigie_media::Timestamp;

    use super::*;

    /// The order in which tasks went on, each twice with a second between.
    fn order(seed: u64) -> Vec<u64> {
        let clock = SimClock::new(Timestamp::from_millis(0));
        let mut executor = Executor::new(clock.clone(), SimChance::new(seed));
        let went = Arc::new(Mutex::new(Vec::new()));
        for number in 0..10 {
            let (went, runtime) = (Arc::clone(&went), executor.runtime(1));
            executor.spawn(1, async move {
                went.lock().unwrap().push(number);
                runtime.sleep(Duration::from_secs(1)).await;
                went.lock().unwrap().push(number);
            });
        }
        let run = |executor: &mut Executor| {
            while executor.is_ready() {
                executor.step();
            }
        };
        run(&mut executor);
        assert_eq!(went.lock().unwrap().len(), 10, "nobody's time has come");
        assert_eq!(executor.wake_at(), Some(Duration::from_secs(1)));
        clock.advance(Duration::from_secs(1));
        run(&mut executor);
        assert_eq!(executor.wake_at(), None);
        went.lock().unwrap().clone()
    }

    #[test]
    fn a_seed_is_an_order_and_another_seed_another_one() {
        assert_eq!(order(1).len(), 20);
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn what_is_killed_goes_on_no_more_and_leaves_no_timer() {
        let clock = SimClock::new(Timestamp::from_millis(0));
        let mut executor = Executor::new(clock, SimChance::new(1));
        for owner in [1, 2] {
            let runtime = executor.runtime(owner);
            executor.spawn(owner, async move { runtime.sleep(Duration::from_secs(owner)).await });
        }
        while executor.is_ready() {
            executor.step();
        }
        executor.kill(1);
        assert_eq!(executor.wake_at(), Some(Duration::from_secs(2)));
    }
}
