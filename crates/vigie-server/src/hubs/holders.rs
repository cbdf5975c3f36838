//! Which agent works as each hub, between calls: what was last decided, when the holder called, and who was refused.
//!
//! What a call means is decided in [`vigie_engine::hub_holder`]. The holder is also in the hub's row, so that a restart of
//! the server lets no other agent in; when it called is known there to half a minute.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_engine::hub_holder::{ANOTHER_AGENT, Caller, Holder, SILENCE, Verdict, judge};
use vigie_kvs::shapes::hub::RefusedAgent;
use vigie_kvs::shapes::sync_edge_agent::AgentInstance;
use vigie_media::Timestamp;

use crate::db::Hub;

#[derive(Debug, Default)]
pub(crate) struct HubHolders(Mutex<HashMap<String, Known>>);

#[derive(Debug)]
struct Known {
    holder: Option<Holder>,
    /// When the holder last called.
    called_at: Option<Duration>,
    refused: Option<Refused>,
}

#[derive(Clone, Copy, Debug)]
struct Refused {
    at: Now,
    has_copied_folder: bool,
}

/// What was decided about a call.
#[derive(Debug)]
pub(crate) struct Judged {
    /// Who works as the hub now.
    pub holder: Holder,
    pub verdict: Verdict,
    /// Nobody was refused within the last two minutes.
    pub is_news: bool,
}

impl HubHolders {
    /// Judges a call; `row` is what is kept of the hub.
    pub(crate) fn judge(
        &self,
        hub_device_arn: &str,
        instance: &AgentInstance,
        row: Option<&Hub>,
        now: Now,
    ) -> Judged {
        let mut hubs = self.hubs();
        let known = hubs.entry(hub_device_arn.to_owned()).or_insert_with(|| Known::of(row, now));
        let caller = Caller {
            instance_id: &instance.instance_id,
            start_id: &instance.start_id,
            takes_over: instance.take_over,
        };
        let silent_for = known.called_at.map(|called_at| now.mono.saturating_sub(called_at));
        let is_copy =
            known.holder.as_ref().is_some_and(|holder| holder.instance_id == instance.instance_id);
        let (holder, verdict) = judge(known.holder.take(), &caller, silent_for);
        known.holder = Some(holder.clone());
        let is_news = known.refused_lately(now.mono).is_none();
        if verdict != Verdict::Refused {
            known.called_at = Some(now.mono);
        }
        if matches!(verdict, Verdict::Refused | Verdict::HasCopy) {
            known.refused = Some(Refused { at: now, has_copied_folder: is_copy });
        }
        Judged { holder, verdict, is_news }
    }

    /// The other agent that calls as this hub.
    pub(crate) fn refused_agent(
        &self,
        hub_device_arn: &str,
        now: Duration,
    ) -> Option<RefusedAgent> {
        let refused = self.hubs().get(hub_device_arn)?.refused_lately(now)?;
        Some(RefusedAgent {
            last_refused_timestamp: refused.at.wall,
            has_copied_folder: refused.has_copied_folder,
            details: ANOTHER_AGENT.to_owned(),
        })
    }

    /// Any agent may work as the hub from now on.
    pub(crate) fn forget(&self, hub_device_arn: &str) {
        self.hubs().remove(hub_device_arn);
    }

    fn hubs(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// What a process before this one knew of the hub.
    fn of(row: Option<&Hub>, now: Now) -> Self {
        let called_at = row.map(|row| age(row.last_seen_at, now.wall));
        Self {
            holder: row.and_then(|row| row.holder.clone()),
            // The monotonic clock may have begun after that: then it was as long ago as can be said.
            called_at: called_at.and_then(|age| match age < SILENCE {
                true => Some(now.mono.saturating_sub(age)),
                false => None,
            }),
            refused: None,
        }
    }

    fn refused_lately(&self, now: Duration) -> Option<Refused> {
        self.refused.filter(|refused| now.saturating_sub(refused.at.mono) < SILENCE)
    }
}

/// By a wall clock that may have been set: what lies ahead of it is just now.
fn age(at: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(now.millis_since(at)).unwrap_or(0))
}
