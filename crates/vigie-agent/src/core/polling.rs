//! The hub link with a service that knows no `SyncEdgeAgent`, such as AWS: what ListEdgeAgentConfigurations says, in the same
//! words.
//!
//! Translates; when it is asked is [`super::link`]'s to decide. What a configuration's revision is, is derived from its
//! content, for the service gives none. A stream that is not in the list works on by what it had: only DELETING erases.

use vigie_kvs::shapes::edge::{EdgeConfigurationOutput, SyncStatus};
use vigie_kvs::shapes::sync_edge_agent::{Action, Configuration, SyncEdgeAgentOutput};

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// All configurations that the service has for the hub, as SyncEdgeAgent would have said them to one that has heard up to
/// `cursor`.
pub(super) fn answer(
    listed: Vec<EdgeConfigurationOutput>,
    cursor: Option<&str>,
) -> SyncEdgeAgentOutput {
    let configurations: Vec<Configuration> = listed.into_iter().filter_map(configuration).collect();
    let now_cursor = cursor_of(&configurations);
    let is_new = cursor != Some(now_cursor.as_str());
    SyncEdgeAgentOutput {
        cursor: now_cursor,
        configurations: is_new.then_some(configurations),
        ledgers: Vec::new(),
        requests: None,
        clock: None,
    }
}

/// In the words of the hub link; `None` when the service leaves out what is needed.
fn configuration(output: EdgeConfigurationOutput) -> Option<Configuration> {
    let action = match output.sync_status? {
        SyncStatus::Deleting | SyncStatus::DeletingAcknowledged | SyncStatus::DeleteFailed => {
            Action::Delete
        }
        _ => Action::Apply,
    };
    let edge_config = output.edge_config?;
    let content = serde_json::to_vec(&edge_config).ok()?;
    // The same content is the same revision, whenever and however often it is started. In JSON it is a signed number.
    let revision = (hash(hash(FNV_OFFSET, &content), action.as_str().as_bytes()) >> 1).max(1);
    Some(Configuration {
        stream_name: output.stream_name?,
        stream_arn: output.stream_arn?,
        revision,
        action,
        edge_config,
        media_uri_secret_revision: None,
    })
}

/// FNV-1a: nobody gains by a collision but the loss of its own update.
fn hash(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME))
}

fn cursor_of(configurations: &[Configuration]) -> String {
    let of = |sum, one: &Configuration| {
        hash(hash(sum, one.stream_arn.as_bytes()), &one.revision.to_be_bytes())
    };
    format!("polled-{:016x}", configurations.iter().fold(FNV_OFFSET, of))
}
