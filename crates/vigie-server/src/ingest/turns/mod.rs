//! One PutMedia connection per stream: the newest wins, or the first, as a setting says.
//!
//! The lease of the stream decides; this claims it, waits for it, keeps it renewed and hears when it is lost. The older
//! connection is told to end and has finished its pending appends before the newer one gets its turn, so that a producer that
//! lists fragments after its 200 sees everything it had sent. One that does not end in time is fenced by the archive.
//! (KVS refuses the newest today and let the last win in 2022; a producer whose old socket is half dead needs the
//! latter.)

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::db::{
    DbError, EndReason, LEASE_TTL, Lease, Leases, Notice, Notices, Standing, Subscription, Takeover,
};
use crate::process::Process;

/// Who may go on when a producer connects to a stream that has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProducerPolicy {
    /// The newest; the older connection ends.
    #[default]
    NewestWins,
    /// The one that is there; the newest is refused, as AWS does.
    FirstWins,
}

/// How often all claims of this instance are renewed: two of three may fail.
const RENEW_INTERVAL: Duration = Duration::from_millis(LEASE_TTL.as_millis() as u64 / 3);
/// How often who waits for another one to end looks without being told.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The turns of this instance's connections.
pub(crate) struct Turns {
    process: Arc<Process>,
    leases: Arc<dyn Leases>,
    notices: Arc<dyn Notices>,
    /// This instance.
    owner: String,
    claims: Mutex<Claims>,
}

#[derive(Default)]
struct Claims {
    /// By their epochs.
    standings: BTreeMap<u64, (Lease, watch::Sender<Standing>)>,
    /// A task renews them as long as there are some.
    are_renewed: bool,
}

/// A connection's turn on its stream; the next one waits until it is given back, or dropped.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    lease: Lease,
    standing: watch::Receiver<Standing>,
    changes: Box<dyn Subscription>,
    /// A change was heard of, and not yet looked at.
    has_heard: bool,
    is_given_back: bool,
}

impl Turns {
    pub(crate) fn new(
        process: Arc<Process>,
        leases: Arc<dyn Leases>,
        notices: Arc<dyn Notices>,
    ) -> Self {
        let owner = process.new_request_id();
        Self { process, leases, notices, owner, claims: Mutex::default() }
    }

    /// Waits for the turn on a stream. `None` when another connection has it and the first wins, or when a still newer one
    /// came meanwhile.
    pub(crate) async fn take(
        self: &Arc<Self>,
        stream: &str,
        policy: ProducerPolicy,
    ) -> Result<Option<Turn>, DbError> {
        let takeover = match policy {
            ProducerPolicy::NewestWins => Takeover::Newest,
            ProducerPolicy::FirstWins => Takeover::First,
        };
        let changes = self.listen(stream);
        let Some((lease, standing)) = self.leases.claim(stream, &self.owner, takeover).await?
        else {
            return Ok(None);
        };
        if standing == Standing::Waiting {
            // Whoever is there is to look, and so is whoever waited before this one.
            self.tell(stream);
        }
        let (sender, standing) = watch::channel(standing);
        self.keep(lease.clone(), sender);
        let turns = Arc::clone(self);
        let mut turn =
            Turn { turns, lease, standing, changes, has_heard: false, is_given_back: false };
        loop {
            let standing = *turn.standing.borrow_and_update();
            match standing {
                Standing::Held => return Ok(Some(turn)),
                Standing::Lost(_) => return Ok(None),
                Standing::Waiting => {}
            }
            tokio::select! {
                biased;
                () = turn.changes.heard() => {}
                () = self.process.sleep(LOOK_INTERVAL) => {}
            }
            turn.look().await?;
        }
    }

    /// Tells a stream's connections to end, wherever they are, and waits until they have, or time is up.
    pub(crate) async fn end(&self, stream: &str, reason: EndReason) -> Result<(), DbError> {
        let mut changes = self.listen(stream);
        let ended_to = self.leases.revoke(stream, reason).await?;
        self.tell(stream);
        let give_up_at = self.process.now().mono + LEASE_TTL;
        while self.process.now().mono < give_up_at {
            match self.leases.holder(stream).await? {
                Some((_, epoch)) if epoch <= ended_to => {}
                Some(_) | None => return Ok(()),
            }
            tokio::select! {
                biased;
                () = changes.heard() => {}
                () = self.process.sleep(LOOK_INTERVAL) => {}
            }
        }
        tracing::warn!(
            stream,
            "a connection does not end in time; what it sends is taken until the next producer comes or the stream goes"
        );
        Ok(())
    }

    /// Whether a stream has a connection at any instance, or one that waits for its turn.
    pub(crate) async fn is_taken(&self, stream: &str) -> Result<bool, DbError> {
        Ok(self.leases.holder(stream).await?.is_some())
    }

    fn listen(&self, stream: &str) -> Box<dyn Subscription> {
        self.notices.subscribe([changed(stream)].into())
    }

    fn tell(&self, stream: &str) {
        self.notices.publish(&changed(stream));
    }

    fn claims(&self) -> MutexGuard<'_, Claims> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(self: &Arc<Self>, lease: Lease, standing: watch::Sender<Standing>) {
        let mut claims = self.claims();
        claims.standings.insert(lease.epoch, (lease, standing));
        let are_renewed = std::mem::replace(&mut claims.are_renewed, true);
        drop(claims);
        if !are_renewed {
            self.process.spawn(Arc::clone(self).renew_all());
        }
    }

    /// Until there are none. Ends with the server as well: what is still to be finished then has as long as a lease lasts.
    async fn renew_all(self: Arc<Self>) {
        let mut stopping = self.process.stopping();
        loop {
            tokio::select! {
                biased;
                () = stopping.wait() => return,
                () = self.process.sleep(RENEW_INTERVAL) => {}
            }
            let leases: Vec<Lease> = {
                let mut claims = self.claims();
                if claims.standings.is_empty() {
                    claims.are_renewed = false;
                    return;
                }
                claims.standings.values().map(|(lease, _)| lease.clone()).collect()
            };
            match self.leases.renew(&leases).await {
                Ok(standings) => {
                    for (lease, standing) in leases.iter().zip(standings) {
                        self.note(lease, standing);
                    }
                }
                // Who holds goes on: what it writes is taken until another one writes.
                Err(error) => tracing::warn!(%error, "leases of streams could not be renewed"),
            }
        }
    }

    fn note(&self, lease: &Lease, standing: Standing) {
        if let Some((_, sender)) = self.claims().standings.get(&lease.epoch) {
            sender.send_if_modified(|before| std::mem::replace(before, standing) != standing);
        }
    }

    async fn give_back(&self, lease: &Lease) {
        if let Err(error) = self.leases.release(lease).await {
            tracing::warn!(%error, "a lease could not be given back; it ends by itself");
        }
        self.tell(&lease.name);
    }
}

impl Turn {
    /// The epoch of its lease.
    pub(crate) const fn epoch(&self) -> u64 {
        self.lease.epoch
    }

    /// Resolves when this connection has to end. Safe to drop and call again.
    pub(crate) async fn ended(&mut self) -> EndReason {
        loop {
            let standing = *self.standing.borrow_and_update();
            if let Standing::Lost(reason) = standing {
                return reason;
            }
            if self.has_heard {
                if let Err(error) = self.look().await {
                    tracing::debug!(stream = self.lease.name, %error, "a lease could not be read");
                }
                // As far as it could be: it is renewed in a moment.
                self.has_heard = false;
                continue;
            }
            tokio::select! {
                biased;
                () = self.changes.heard() => self.has_heard = true,
                changed = self.standing.changed() => {
                    // The sender stands in the claims until this turn is over.
                    if changed.is_err() {
                        return EndReason::Superseded;
                    }
                }
            }
        }
    }

    /// Lets the next one have its turn.
    pub(crate) async fn give_back(mut self) {
        self.is_given_back = true;
        self.turns.claims().standings.remove(&self.lease.epoch);
        self.turns.give_back(&self.lease).await;
    }

    async fn look(&self) -> Result<(), DbError> {
        let standings = self.turns.leases.renew(std::slice::from_ref(&self.lease)).await?;
        if let [standing] = standings[..] {
            self.turns.note(&self.lease, standing);
        }
        Ok(())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_given_back {
            return;
        }
        self.turns.claims().standings.remove(&self.lease.epoch);
        let (turns, lease) = (Arc::clone(&self.turns), self.lease.clone());
        self.turns.process.spawn(async move { turns.give_back(&lease).await });
    }
}

fn changed(stream: &str) -> Notice {
    Notice::LeaseChanged { name: stream.to_owned() }
}

#[cfg(test)]
mod tests;
