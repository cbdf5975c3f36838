//! Connected hubs: each holds a SyncEdgeAgent call as the agent does, and says APPLIED to what it hears.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use vigie_kvs::sigv4::Credentials;

use crate::Outcome;
use crate::client::Caller;

/// How long the server may hold a call.
const WAIT_SECONDS: u32 = 60;
/// A receipt that does not come in this time is a failure of the server, not a figure.
const RECEIPT_MAX: Duration = Duration::from_secs(30);

/// What a hub has seen.
pub(crate) enum Seen {
    /// A revision has come.
    Received { hub: usize, at: Instant },
    /// Its report of it has been taken in and the next call is held.
    Holds { hub: usize },
}

/// The hubs, until dropped.
pub(crate) struct Hubs {
    tasks: JoinSet<Outcome<()>>,
    seen: mpsc::UnboundedReceiver<Seen>,
}

pub(crate) fn hub_arn(hub: usize) -> String {
    format!("arn:aws:iot:us-east-1:000000000000:thing/hub-{hub}")
}

pub(crate) fn edge_configuration(stream: &str, hub: usize) -> Value {
    let secret = "arn:aws:secretsmanager:us-east-1:000000000000:secret:camera-abcdef";
    json!({"StreamName": stream, "EdgeConfig": {
        "HubDeviceArn": hub_arn(hub),
        "RecorderConfig": {
            "MediaSourceConfig": {"MediaUriSecretArn": secret, "MediaUriType": "RTSP_URI"},
        },
    }})
}

impl Hubs {
    /// Connects them all; each has made its first call when this returns.
    pub(crate) async fn connect(
        address: SocketAddr,
        credentials: &Arc<Credentials>,
        count: usize,
    ) -> Outcome<Self> {
        let (tell, seen) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        for hub in 0..count {
            let caller = Caller::connect(address, credentials).await?;
            tasks.spawn(live(caller, hub, tell.clone()));
        }
        let mut hubs = Self { tasks, seen };
        let mut holding = 0;
        while holding < count {
            if let Seen::Holds { .. } = hubs.next().await? {
                holding += 1;
            }
        }
        // The held calls are on their way.
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(hubs)
    }

    async fn next(&mut self) -> Outcome<Seen> {
        let Self { tasks, seen } = self;
        tokio::select! {
            seen = tokio::time::timeout(RECEIPT_MAX, seen.recv()) => {
                seen?.ok_or_else(|| "no hub is left".into())
            }
            Some(ended) = tasks.join_next() => Err(match ended? {
                Ok(()) => "a hub has ended".into(),
                Err(error) => error,
            }),
        }
    }

    /// Waits until a hub has received what was begun, and holds again.
    pub(crate) async fn receipt(&mut self, hub: usize) -> Outcome<Instant> {
        let mut received = None;
        loop {
            match self.next().await? {
                Seen::Received { hub: other, at } if other == hub => received = Some(at),
                Seen::Holds { hub: other } if other == hub => {
                    if let Some(at) = received {
                        return Ok(at);
                    }
                }
                _ => {}
            }
        }
    }
}

async fn live(mut caller: Caller, hub: usize, tell: mpsc::UnboundedSender<Seen>) -> Outcome<()> {
    let mut cursor = Value::Null;
    let mut reports = json!([]);
    loop {
        let hold = !cursor.is_null() && reports.as_array().is_some_and(Vec::is_empty);
        let wait_seconds = if hold { WAIT_SECONDS } else { 0 };
        let input = json!({
            "HubDeviceArn": hub_arn(hub), "AgentVersion": "bench", "Cursor": cursor,
            "WaitSeconds": wait_seconds, "Streams": reports,
        });
        let answer = caller.json("/syncEdgeAgent", &input).await?;
        let at = Instant::now();
        cursor = answer["Cursor"].clone();
        let configurations = answer["Configurations"].as_array().map_or(&[][..], Vec::as_slice);
        let said = !reports.as_array().is_some_and(Vec::is_empty);
        reports = match said {
            // What was reported has been taken in.
            true => json!([]),
            false => configurations
                .iter()
                .map(|one| {
                    json!({
                        "StreamARN": one["StreamARN"], "Revision": one["Revision"],
                        "Phase": "APPLIED",
                    })
                })
                .collect(),
        };
        if !reports.as_array().is_some_and(Vec::is_empty) {
            tell.send(Seen::Received { hub, at })?;
        } else if !hold {
            tell.send(Seen::Holds { hub })?;
        }
    }
}
