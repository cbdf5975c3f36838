//! The hub link with a service that knows no `SyncEdgeAgent`, such as AWS: ListEdgeAgentConfigurations, asked again and
//! again, put into the same words.
//!
//! What a configuration's revision is, is derived from its content, for the service gives none. What the hub reports
//! goes nowhere. A stream that is not in the list works on by what it had: only DELETING erases.

use std::hash::Hasher;
use std::time::Duration;

use fnv::FnvHasher;
use vigie_kvs::operation;
use vigie_kvs::shapes::edge::{
    EdgeConfigurationOutput, ListEdgeAgentConfigurationsInput, ListEdgeAgentConfigurationsOutput,
    SyncStatus,
};
use vigie_kvs::shapes::sync_edge_agent::{
    Action, Configuration, SyncEdgeAgentInput, SyncEdgeAgentOutput,
};

use crate::core::CallFailure;
use crate::shell::api_client::ApiClient;

/// Of pages, so that a service that never comes to an end is left.
const PAGES_MAX: usize = 10_000;

/// Asks for the configurations, `WaitSeconds` after it last asked: a request that replaces another waits no longer.
pub(crate) async fn poll(
    api: &ApiClient,
    input: &SyncEdgeAgentInput,
) -> Result<SyncEdgeAgentOutput, CallFailure> {
    if input.cursor.is_some() {
        tokio::time::sleep(api.until_next_poll()).await;
    }
    api.note_poll(Duration::from_secs(u64::from(input.wait_seconds)));
    let configurations = list(api, &input.hub_device_arn).await?;
    let cursor = cursor_of(&configurations);
    let is_new = input.cursor.as_ref() != Some(&cursor);
    Ok(SyncEdgeAgentOutput {
        cursor,
        configurations: is_new.then_some(configurations),
        ledgers: Vec::new(),
        requests: None,
        clock: None,
    })
}

async fn list(api: &ApiClient, hub_device_arn: &str) -> Result<Vec<Configuration>, CallFailure> {
    let mut configurations = Vec::new();
    let mut next_token = None;
    for _ in 0..PAGES_MAX {
        let input = ListEdgeAgentConfigurationsInput {
            hub_device_arn: hub_device_arn.to_owned(),
            max_results: None,
            next_token,
        };
        let page: ListEdgeAgentConfigurationsOutput =
            api.invoke(&operation::LIST_EDGE_AGENT_CONFIGURATIONS, &input).await?;
        configurations.extend(page.edge_configs.into_iter().filter_map(configuration));
        next_token = page.next_token;
        if next_token.is_none() {
            return Ok(configurations);
        }
    }
    Err(CallFailure::UnreadableAnswer)
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
