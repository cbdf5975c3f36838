//! Hubs.

use std::collections::BTreeMap;
use std::sync::Arc;

use vigie_engine::sync::SyncState;

use super::{at, edge, save, stream};
use crate::{EdgeConfiguration, Hub, HubRow, MetadataDb};

fn hub(arn: &str, last_seen_ms: i64) -> Hub {
    Hub {
        hub_device_arn: arn.into(),
        last_seen_at: at(last_seen_ms),
        agent_version: "1.0.0".into(),
        clock_skew_ms: None,
        holder: None,
    }
}

pub(super) async fn one_that_has_called_again_is_not_forgotten(db: Arc<dyn MetadataDb>) {
    for arn in ["hub-1", "hub-2"] {
        db.save_hub(&hub(arn, 4)).await.unwrap();
    }
    db.save_hub(&hub("hub-1", 5)).await.unwrap();
    assert!(!db.forget_hub("hub-1", at(4)).await.unwrap());
    assert_eq!(db.hub("hub-1").await.unwrap(), Some(hub("hub-1", 5)));
    assert!(db.forget_hub("hub-1", at(5)).await.unwrap());
    assert!(!db.forget_hub("hub-1", at(5)).await.unwrap());
    assert_eq!(db.hub("hub-1").await.unwrap(), None);
    assert_eq!(db.hub("hub-2").await.unwrap(), Some(hub("hub-2", 4)));
}

pub(super) async fn those_that_called_and_those_that_are_configured_are_listed(
    db: Arc<dyn MetadataDb>,
) {
    let hub = hub("hub-2", 4);
    db.save_hub(&hub).await.unwrap();
    let later = Hub { last_seen_at: at(5), clock_skew_ms: Some(-7), ..hub };
    db.save_hub(&later).await.unwrap();
    assert_eq!(db.hub("hub-2").await.unwrap(), Some(later));
    assert_eq!(db.hub("hub-1").await.unwrap(), None);
    for (name, hub, status) in [
        ("a", "hub-1", None),
        ("b", "hub-3", Some("{\"RecorderStatus\": \"USER_ERROR\"}")),
        ("c", "hub-3", Some("{\"RecorderStatus\": \"SUCCESS\"}")),
        ("d", "hub-2", Some("{\"RecorderStatus\": \"SYSTEM_ERROR\"}")),
    ] {
        db.create_stream(&stream(name), &BTreeMap::new()).await.unwrap();
        let row = EdgeConfiguration {
            hub_device_arn: hub.into(),
            recorder_status_json: status.map(str::to_owned),
            ..edge(name, SyncState::InSync)
        };
        assert!(db.save_edge_configurations(&[save(&row)]).await.unwrap());
    }
    let row = |arn: &str, stream_count, failing_recorder_count| HubRow {
        hub_device_arn: arn.into(),
        seen: None,
        stream_count,
        failing_recorder_count,
        clock_skew_ms: None,
    };
    let seen = Some((at(5), "1.0.0".to_owned()));
    let all = [
        row("hub-1", 1, 0),
        HubRow { seen, clock_skew_ms: Some(-7), ..row("hub-2", 1, 1) },
        row("hub-3", 2, 1),
    ];
    assert_eq!(db.hubs("", 9).await.unwrap(), all);
    assert_eq!(db.hubs("hub-2", 9).await.unwrap(), all[1..]);
    assert_eq!(db.hubs("hub-10", 1).await.unwrap(), all[1..2]);
}
