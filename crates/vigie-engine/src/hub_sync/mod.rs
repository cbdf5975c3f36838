//! The server's side of `SyncEdgeAgent`: what a hub's report changes, and what the hub is told.
//!
//! Decides from the hub's configurations, its request and the time; the server stores the transitions and holds or
//! answers the request. Level-triggered: the request says all the hub has, the reply says all it should have, and a
//! lost, repeated or reordered message does no harm. The cursor is computed from the desired set alone, so any server
//! instance over the same metadata computes the same. It never stores and never waits.

#[cfg(test)]
mod tests;

use std::hash::Hasher;
use std::time::Duration;

use fnv::FnvHasher;
use vigie_kvs::shapes::edge::EdgeConfig;
use vigie_kvs::shapes::sync_edge_agent::{
    Configuration, Phase as WirePhase, StreamReport, SyncEdgeAgentInput, SyncEdgeAgentOutput,
};
use vigie_media::Timestamp;

use crate::sync::{self, EdgeSync, Phase};

/// The longest a request is held.
pub const WAIT_MAX: Duration = Duration::from_secs(60);
/// `FailedStatusDetails` comes from the network and is stored: at most this many bytes of it.
const DETAILS_BYTES_MAX: usize = 1024;

/// One edge configuration of the hub, as the server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubConfiguration {
    /// `StreamName`.
    pub stream_name: String,
    /// `StreamARN`.
    pub stream_arn: String,
    /// Revision and state.
    pub sync: EdgeSync,
    /// The configuration.
    pub edge_config: EdgeConfig,
    /// Another one when `MediaUriSecretArn` leads to another value; `None` where the server cannot know.
    pub secret_revision: Option<String>,
}

/// A state to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Whose.
    pub stream_arn: String,
    /// Store it only if the state is still this: another instance may have been faster, then answer again.
    pub before: EdgeSync,
    /// The new state; `None`: the hub has erased everything, the configuration goes.
    pub after: Option<EdgeSync>,
}

/// What to do about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer<'r> {
    /// Store these first, all in one transaction.
    pub transitions: Vec<Transition>,
    /// The reports about streams that this hub has, whose job statuses may be stored. A hub has no say about others.
    pub reports: Vec<&'r StreamReport>,
    /// Then this.
    pub reply: Reply,
}

/// Whether the hub is owed something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Answer now.
    Now(SyncEdgeAgentOutput),
    /// Hold the request for at most this long. When one of the hub's configurations changes meanwhile, call [`answer`]
    /// again with the same request; when nothing does, answer [`nothing_new`].
    Hold {
        /// `WaitSeconds`, bounded.
        wait: Duration,
        /// For [`nothing_new`].
        cursor: String,
    },
}

/// Judges a request by the configurations of its hub (in any order).
pub fn answer<'r>(
    configurations: &[HubConfiguration],
    request: &'r SyncEdgeAgentInput,
    now: Timestamp,
) -> Answer<'r> {
    let mut transitions = Vec::new();
    let mut reports = Vec::new();
    let mut desired: Vec<(&HubConfiguration, EdgeSync)> = Vec::new();
    for configuration in configurations {
        let report =
            request.streams.iter().find(|report| report.stream_arn == configuration.stream_arn);
        let before = &configuration.sync;
        let after = advance(before, report, now);
        if after.as_ref() != Some(before) {
            transitions.push(Transition {
                stream_arn: configuration.stream_arn.clone(),
                before: before.clone(),
                after: after.clone(),
            });
        }
        if let Some(after) = after {
            reports.extend(report);
            desired.push((configuration, after));
        }
    }
    desired.sort_by(|(a, _), (b, _)| a.stream_arn.cmp(&b.stream_arn));
    let cursor = cursor_of(&desired);
    // A hub that has the cursor and yet does not say that it took what it is owed has lost it: tell it again.
    let owed = desired.iter().any(|(_, sync)| sync.owed_to_hub().is_some());
    let wait = Duration::from_secs(u64::from(request.wait_seconds)).min(WAIT_MAX);
    let reply = if request.cursor.as_deref() != Some(cursor.as_str()) || owed {
        let configurations =
            desired.into_iter().map(|(configuration, sync)| told(configuration, &sync)).collect();
        Reply::Now(SyncEdgeAgentOutput {
            configurations: Some(configurations),
            ..nothing_new(cursor)
        })
    } else if wait.is_zero() {
        Reply::Now(nothing_new(cursor))
    } else {
        Reply::Hold { wait, cursor }
    };
    Answer { transitions, reports, reply }
}

/// The answer to a request that was held for its time.
pub fn nothing_new(cursor: String) -> SyncEdgeAgentOutput {
    SyncEdgeAgentOutput { cursor, ..SyncEdgeAgentOutput::default() }
}

/// The state after what the hub says and the time that has passed.
fn advance(sync: &EdgeSync, report: Option<&StreamReport>, now: Timestamp) -> Option<EdgeSync> {
    let Some(report) = report else { return Some(sync::tick(sync.clone(), now)) };
    let details = || {
        let details = report.failed_status_details.as_deref().unwrap_or("the hub gave no reason");
        let mut end = details.len().min(DETAILS_BYTES_MAX);
        while !details.is_char_boundary(end) {
            end -= 1;
        }
        details[..end].to_owned()
    };
    let phase = match report.phase {
        WirePhase::Received => Phase::Received,
        WirePhase::Applied => Phase::Applied,
        WirePhase::Failed => Phase::Failed(details()),
        WirePhase::Erased => Phase::Erased,
        WirePhase::EraseFailed => Phase::EraseFailed(details()),
    };
    // The report first: one that arrives with the deadline still counts.
    let after = sync::report(sync.clone(), report.revision, phase, now)?;
    Some(sync::tick(after, now))
}

fn told(configuration: &HubConfiguration, sync: &EdgeSync) -> Configuration {
    Configuration {
        stream_name: configuration.stream_name.clone(),
        stream_arn: configuration.stream_arn.clone(),
        revision: sync.revision,
        action: sync.desired_action(),
        edge_config: configuration.edge_config.clone(),
        media_uri_secret_revision: configuration.secret_revision.clone(),
    }
}

/// FNV-1a over streams, revisions, actions and what their secrets are, in the order of the ARNs: a hub that was away
/// when a secret was given another value hears of it by its first call. Nobody gains by forging one: a hub that sends
/// a wrong cursor only gets, or misses, its own configurations.
fn cursor_of(desired: &[(&HubConfiguration, EdgeSync)]) -> String {
    let mut hash = FnvHasher::default();
    for (configuration, sync) in desired {
        hash.write(configuration.stream_arn.as_bytes());
        hash.write(&[0]);
        hash.write(&sync.revision.to_be_bytes());
        hash.write(sync.desired_action().as_str().as_bytes());
        hash.write(&[0]);
        if let Some(revision) = &configuration.secret_revision {
            hash.write(revision.as_bytes());
            hash.write(&[0]);
        }
    }
    format!("{:016x}", hash.finish())
}
