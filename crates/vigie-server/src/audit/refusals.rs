//! Callers whose signature does not hold, in the audit log: a sample, for anybody can make as many as he likes.
//!
//! Decides which of them gets a line: the first of an address, and one a minute while they go on, which says how many it
//! stands for. All addresses together get so many lines a minute; the rest is counted in `/metrics` alone.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use vigie_engine::clock::Now;
use vigie_kvs::ErrorKind;

use super::{Audit, AuditLine, ServerAction};
use crate::config::ServerConfig;
use crate::db::{MetadataDb, UserKey};
use crate::guard::client_prefix;
use crate::time_text::rfc3339;

/// Between two lines of one address.
const LINE_INTERVAL: Duration = Duration::from_secs(60);
/// Lines of all addresses in that time.
const LINES_MAX: u32 = 60;
/// Addresses that are remembered; beyond, all are forgotten.
const PREFIXES_MAX: usize = 4096;

/// Who it is stands in the line of no call that is not proven to be his.
const UNPROVEN: &str = "unproven";

#[derive(Debug, Default)]
pub(crate) struct RefusalSampler(Mutex<Sampled>);

#[derive(Debug, Default)]
struct Sampled {
    prefixes: BTreeMap<IpAddr, Sample>,
    window_began: Duration,
    lines: u32,
}

#[derive(Debug, Default)]
struct Sample {
    said_at: Option<Duration>,
    untold: u64,
}

impl RefusalSampler {
    /// One more of an address: for how many a line is to be written now, if any is.
    fn note(&self, address: IpAddr, now: Duration) -> Option<u64> {
        let mut sampled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(sampled.window_began) >= LINE_INTERVAL {
            sampled.window_began = now;
            sampled.lines = 0;
        }
        let may_say = sampled.lines < LINES_MAX;
        if sampled.prefixes.len() >= PREFIXES_MAX {
            sampled.prefixes.clear();
        }
        let sample = sampled.prefixes.entry(client_prefix(address)).or_default();
        sample.untold += 1;
        let is_due = sample.said_at.is_none_or(|at| now.saturating_sub(at) >= LINE_INTERVAL);
        if !(may_say && is_due) {
            return None;
        }
        sample.said_at = Some(now);
        let told = std::mem::take(&mut sample.untold);
        sampled.lines += 1;
        Some(told)
    }
}

/// A call whose caller is not known.
pub(crate) struct UnprovenCall<'a> {
    pub action: &'a str,
    pub claimed_key: Option<&'a str>,
    pub request_id: &'a str,
    pub remote: SocketAddr,
    pub status: u16,
    pub refused: ErrorKind,
}

/// A name and a password that do not hold, or that were not looked at for there were too many before.
pub(crate) struct RefusedSignIn<'a> {
    pub user_name: &'a str,
    pub request_id: &'a str,
    pub remote: SocketAddr,
    pub status: u16,
    pub refused: ErrorKind,
}

impl Audit {
    /// Notes that somebody was not signed in, if it is one of the sample.
    pub(crate) async fn note_refused_sign_in(
        &self,
        (db, config): (&dyn MetadataDb, &ServerConfig),
        sign_in: RefusedSignIn<'_>,
        now: Now,
    ) {
        let Some(count) = self.refusals.note(sign_in.remote.ip(), now.mono) else { return };
        // What is no user's name is not repeated: it may be a password that was typed in the wrong place.
        let known = db.user(UserKey::Name(sign_in.user_name)).await.ok().flatten();
        let resource = known.map(|user| config.user_resource(&user.name));
        self.write(&AuditLine {
            time: &rfc3339(now.wall),
            request_id: Some(sign_in.request_id),
            principal_arn: UNPROVEN,
            action: ServerAction::PasswordSignIn.action(),
            resource: resource.as_deref(),
            status: sign_in.status,
            error: Some(sign_in.refused.name()),
            remote_address: Some(&sign_in.remote.to_string()),
            count: Some(count),
            ..AuditLine::default()
        });
    }

    /// Notes such a call, if it is refused for that and one of the sample.
    pub(crate) async fn note_unproven(
        &self,
        db: &dyn MetadataDb,
        call: UnprovenCall<'_>,
        now: Now,
    ) {
        if !call.refused.is_of_authentication() {
            return;
        }
        let Some(count) = self.refusals.note(call.remote.ip(), now.mono) else { return };
        // What is no key of this server is not repeated: it may be a secret that was pasted by mistake.
        let known = match call.claimed_key {
            Some(id) => db.access_key(id).await.ok().flatten(),
            None => None,
        };
        self.write(&AuditLine {
            time: &rfc3339(now.wall),
            request_id: Some(call.request_id),
            access_key_id: known.as_ref().map(|key| key.access_key_id.as_str()),
            principal_arn: UNPROVEN,
            action: call.action,
            status: call.status,
            error: Some(call.refused.name()),
            remote_address: Some(&call.remote.to_string()),
            count: Some(count),
            ..AuditLine::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn the_first_gets_a_line_and_those_that_follow_are_counted() {
        let sampler = RefusalSampler::default();
        let at = Duration::from_secs;
        let [one, other] = [1, 2].map(|last| IpAddr::from([192, 0, 2, last]));
        assert_eq!(sampler.note(one, at(5)), Some(1));
        for _ in 0..99 {
            assert_eq!(sampler.note(one, at(6)), None);
        }
        assert_eq!(sampler.note(other, at(7)), Some(1));
        assert_eq!(sampler.note(one, at(65)), Some(100));
        assert_eq!(sampler.note(one, at(124)), None);
    }

    #[test]
    fn many_addresses_cannot_fill_the_log() {
        let sampler = RefusalSampler::default();
        let lines = |second: u64| {
            let addresses = (0..20_000u32).map(|number| IpAddr::from(Ipv4Addr::from(number)));
            addresses
                .filter_map(|address| sampler.note(address, Duration::from_secs(second)))
                .count()
        };
        assert_eq!(lines(100), LINES_MAX as usize);
        assert_eq!(lines(130), 0);
        assert!(lines(160) <= LINES_MAX as usize);
        assert!(sampler.0.lock().unwrap().prefixes.len() <= PREFIXES_MAX);
    }
}
