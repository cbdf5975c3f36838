//! Who holds one name, and who is next. Decides by claims, renewals and `now`, for every engine; where it lies is theirs.

use std::time::Duration;

use super::{EndReason, LEASE_TTL, Standing, Takeover};

/// What is known of a name. Times are those of whoever keeps it: of one clock for all instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseEntry {
    /// Who holds.
    pub holder: Option<LeaseClaim>,
    /// Who is next, and until when it waits for the holder at most.
    pub waiting: Option<(LeaseClaim, Duration)>,
    /// Claims up to this epoch are over, and why.
    pub revoked: Option<(u64, EndReason)>,
}

/// A claim of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseClaim {
    /// Its place among all claims.
    pub epoch: u64,
    /// Whose.
    pub owner: String,
    /// When it is over, unless it is renewed.
    pub until: Duration,
}

impl LeaseEntry {
    /// Claims under a new epoch, larger than all before; `None` where [`Takeover::First`] finds another one there.
    pub fn claim(
        &mut self,
        epoch: u64,
        owner: &str,
        takeover: Takeover,
        now: Duration,
    ) -> Option<Standing> {
        self.expire(now);
        if self.is_empty() {
            // A revocation was of those that are over.
            self.revoked = None;
        } else if takeover == Takeover::First {
            return None;
        }
        let claim = LeaseClaim { epoch, owner: owner.to_owned(), until: now + LEASE_TTL };
        // However many come, the first of them is not waited for anew.
        let waited_for = self.waiting.take().map(|(_, goes_on_at)| goes_on_at);
        if self.holder.is_none() {
            self.holder = Some(claim);
            return Some(Standing::Held);
        }
        self.waiting = Some((claim, waited_for.unwrap_or(now + LEASE_TTL)));
        Some(Standing::Waiting)
    }

    /// Renews a claim and says how it stands.
    pub fn renew(&mut self, epoch: u64, now: Duration) -> Standing {
        // What was not renewed in time, and nobody wanted, is as good as renewed.
        self.prolong(epoch, now);
        self.expire(now);
        if let Some((claim, goes_on_at)) = self.waiting.take_if(|(claim, _)| claim.epoch == epoch) {
            match self.holder {
                Some(_) if now < goes_on_at => {
                    self.waiting = Some((claim, goes_on_at));
                    return Standing::Waiting;
                }
                _ => self.holder = Some(claim),
            }
        }
        match (self.revoked, &self.holder) {
            (Some((to, reason)), _) if to >= epoch => Standing::Lost(reason),
            (_, Some(holder)) if holder.epoch == epoch && self.waiting.is_none() => Standing::Held,
            _ => Standing::Lost(EndReason::Superseded),
        }
    }

    /// Gives a claim back.
    pub fn release(&mut self, epoch: u64) {
        self.holder.take_if(|claim| claim.epoch == epoch);
        self.waiting.take_if(|(claim, _)| claim.epoch == epoch);
    }

    /// Ends all claims up to an epoch for a reason. One that holds does so until it is given back.
    pub fn revoke(&mut self, up_to: u64, reason: EndReason) {
        self.revoked = Some((up_to, reason));
        self.waiting = None;
    }

    /// Who holds, or else waits.
    pub fn holder(&self, now: Duration) -> Option<&LeaseClaim> {
        let waiting = self.waiting.as_ref().map(|(claim, _)| claim);
        self.holder.iter().chain(waiting).find(|claim| claim.until > now)
    }

    /// Nobody holds or waits: what else is known means nobody any more.
    pub fn is_empty(&self) -> bool {
        self.holder.is_none() && self.waiting.is_none()
    }

    fn prolong(&mut self, epoch: u64, now: Duration) {
        let waiting = self.waiting.as_mut().map(|(claim, _)| claim);
        for claim in self.holder.iter_mut().chain(waiting) {
            if claim.epoch == epoch {
                claim.until = now + LEASE_TTL;
            }
        }
    }

    fn expire(&mut self, now: Duration) {
        self.holder.take_if(|claim| claim.until <= now);
        self.waiting.take_if(|(claim, _)| claim.until <= now);
    }
}
