//! The hub sync with a service that knows no `SyncEdgeAgent`, such as AWS: what ListEdgeAgentConfigurations says, in the same
//! words.
//!
//! Translates; when it is asked is [`super::hub_sync`]'s to decide. What a configuration's revision is, is derived from its
//! content, for the service gives none. A stream that is not in the list works on by what it had: only DELETING erases.

use std::hash::Hasher;

use fnv::FnvHasher;
use vigie_kvs::shapes::edge::{EdgeConfigurationOutput, SyncStatus};
use vigie_kvs::shapes::sync_edge_agent::{Action, Configuration, SyncEdgeAgentOutput};

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

/// In the words of the hub sync; `None` when the service leaves out what is needed.
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
    // FNV-1a: nobody gains by a collision but the loss of its own update.
    let mut hash = FnvHasher::default();
    hash.write(&content);
    hash.write(action.as_str().as_bytes());
    let revision = (hash.finish() >> 1).max(1);
    Some(Configuration {
        stream_name: output.stream_name?,
        stream_arn: output.stream_arn?,
        revision,
        action,
        edge_config,
        media_uri_secret_revision: None,
    })
}

fn cursor_of(configurations: &[Configuration]) -> String {
    let mut hash = FnvHasher::default();
    for one in configurations {
        hash.write(one.stream_arn.as_bytes());
        hash.write(&one.revision.to_be_bytes());
    }
    format!("polled-{:016x}", hash.finish())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(name: &str, status: &str) -> EdgeConfigurationOutput {
        let hub = "arn:aws:iot:us-east-1:123456789012:thing/hub";
        let secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:cam-AbCdEf";
        serde_json::from_value(json!({
            "StreamName": name,
            "StreamARN": format!("arn:aws:kinesisvideo:us-east-1:123456789012:stream/{name}/1800000000000"),
            "SyncStatus": status,
            "EdgeConfig": {
                "HubDeviceArn": hub,
                "RecorderConfig": { "MediaSourceConfig": {
                    "MediaUriSecretArn": secret, "MediaUriType": "RTSP_URI",
                }},
            },
        }))
        .unwrap()
    }

    #[test]
    fn revisions_and_cursors_are_the_same_in_every_version() {
        // Computed apart. The agent keeps revisions: another one would start its jobs anew.
        let revision = |status| configuration(listed("a", status)).unwrap().revision;
        assert_eq!(revision("IN_SYNC"), 0x5ee2_29a9_4334_ab43);
        assert_eq!(revision("DELETING"), 0x3bc4_630d_c99c_fb04);
        let with = |name, revision| Configuration {
            revision,
            ..configuration(listed(name, "IN_SYNC")).unwrap()
        };
        assert_eq!(cursor_of(&[]), "polled-cbf29ce484222325");
        assert_eq!(cursor_of(&[with("a", 7), with("b", 8)]), "polled-f2ffee25e9e414ed");
    }
}
