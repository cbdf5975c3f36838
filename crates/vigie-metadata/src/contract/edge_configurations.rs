//! Edge configurations.

use std::collections::BTreeMap;
use std::sync::Arc;

use vigie_engine::sync::{FailureCause, SyncState};

use super::{at, edge, save, stream, winners};
use crate::{EdgeChange, EdgeConfiguration, MetadataDb, Stream};

async fn create(db: &dyn MetadataDb, name: &str) {
    assert!(db.create_stream(&stream(name), &BTreeMap::new()).await.unwrap());
}

pub(super) async fn every_sync_state_reads_back(db: Arc<dyn MetadataDb>) {
    let give_up_at = at(99);
    let details = || "no".to_owned();
    let states = [
        SyncState::Syncing { give_up_at },
        SyncState::Acknowledged { give_up_at },
        SyncState::InSync,
        SyncState::SyncFailed { cause: FailureCause::Silence, details: details() },
        SyncState::SyncFailed { cause: FailureCause::Hub, details: details() },
        SyncState::Deleting { give_up_at },
        SyncState::DeletingAcknowledged { give_up_at },
        SyncState::DeleteFailed { cause: FailureCause::Silence, details: details() },
        SyncState::DeleteFailed { cause: FailureCause::Hub, details: details() },
    ];
    for (number, state) in states.into_iter().enumerate() {
        let row = edge(&number.to_string(), state);
        create(&*db, &row.stream_name).await;
        assert!(db.save_edge_configurations(&[save(&row)]).await.unwrap());
        let read = db.edge_configuration(&row.stream_arn).await.unwrap();
        assert_eq!(read, Some(EdgeConfiguration { row_version: 1, ..row }));
    }
    assert_eq!(db.next_edge_deadline().await.unwrap(), Some(give_up_at));
    assert_eq!(db.edge_configurations_due(at(98), 100).await.unwrap().len(), 0);
    assert_eq!(db.edge_configurations_due(give_up_at, 100).await.unwrap().len(), 4);
}

pub(super) async fn changes_are_saved_all_or_none(db: Arc<dyn MetadataDb>) {
    create(&*db, "gate").await;
    create(&*db, "yard").await;
    let gate = edge("gate", SyncState::InSync);
    assert!(db.save_edge_configurations(&[save(&gate)]).await.unwrap());
    // One of version 0 is there already; the second one was decided on a row that is not there any more.
    assert!(!db.save_edge_configurations(&[save(&gate)]).await.unwrap());
    let stale = EdgeConfiguration { row_version: 7, ..edge("yard", SyncState::InSync) };
    let changed = EdgeConfiguration { edge_config_json: "1".into(), row_version: 1, ..gate };
    assert!(!db.save_edge_configurations(&[save(&changed), save(&stale)]).await.unwrap());
    let read = db.edge_configuration("arn:gate").await.unwrap().unwrap();
    assert_eq!((read.edge_config_json.as_str(), read.row_version), ("{}", 1));
    assert!(db.save_edge_configurations(&[save(&changed)]).await.unwrap());
    assert!(!db.save_edge_configurations(&[save(&changed)]).await.unwrap());
    let stream_arn = changed.stream_arn;
    let remove = |row_version| EdgeChange::Remove { stream_arn: stream_arn.clone(), row_version };
    assert!(!db.save_edge_configurations(&[remove(1)]).await.unwrap());
    assert!(db.save_edge_configurations(&[remove(2)]).await.unwrap());
    assert_eq!(db.edge_configuration("arn:gate").await.unwrap(), None);
}

pub(super) async fn one_to_apply_needs_an_active_stream_with_retention_and_keeps_it_so(
    db: Arc<dyn MetadataDb>,
) {
    let syncing = edge("gate", SyncState::Syncing { give_up_at: at(9) });
    assert!(!db.save_edge_configurations(&[save(&syncing)]).await.unwrap());
    let nothing_kept = Stream { retention_hours: 0, ..stream("gate") };
    db.create_stream(&nothing_kept, &BTreeMap::new()).await.unwrap();
    assert!(!db.save_edge_configurations(&[save(&syncing)]).await.unwrap());
    assert!(db.save_stream(&stream("gate"), "v1").await.unwrap());
    assert!(db.save_edge_configurations(&[save(&syncing)]).await.unwrap());
    assert!(!db.save_stream(&nothing_kept, "v1").await.unwrap());
    // What a hub is to erase needs no stream, and one that is going takes none that is to be applied.
    let deleting = edge("nobody", SyncState::Deleting { give_up_at: at(9) });
    assert!(db.save_edge_configurations(&[save(&deleting)]).await.unwrap());
    assert!(db.begin_stream_deletion("arn:gate", "v1", None).await.unwrap());
    let again = EdgeConfiguration { row_version: 1, ..syncing };
    assert!(!db.save_edge_configurations(&[save(&again)]).await.unwrap());
}

pub(super) async fn of_many_callers_that_change_one_row_at_once_one_wins(db: Arc<dyn MetadataDb>) {
    create(&*db, "gate").await;
    db.save_edge_configurations(&[save(&edge("gate", SyncState::InSync))]).await.unwrap();
    let row = db.edge_configuration("arn:gate").await.unwrap().unwrap();
    let winners = winners(|_| {
        let (db, row) = (Arc::clone(&db), row.clone());
        async move { db.save_edge_configurations(&[save(&row)]).await.unwrap() }
    });
    assert_eq!(winners.await, 1);
}

pub(super) async fn they_are_paged_by_hub_and_by_deadline(db: Arc<dyn MetadataDb>) {
    for (name, hub, deadline) in [("c", "hub-1", 7), ("a", "hub-1", 9), ("b", "hub-2", 8)] {
        create(&*db, name).await;
        let row = EdgeConfiguration {
            hub_device_arn: hub.into(),
            ..edge(name, SyncState::Syncing { give_up_at: at(deadline) })
        };
        assert!(db.save_edge_configurations(&[save(&row)]).await.unwrap());
    }
    let names = |rows: Vec<EdgeConfiguration>| {
        rows.into_iter().map(|row| row.stream_name).collect::<Vec<_>>()
    };
    let of_hub = async |after, limit| {
        names(db.edge_configurations_of_hub("hub-1", after, limit).await.unwrap())
    };
    assert_eq!(of_hub("", 9).await, ["a", "c"]);
    assert_eq!(
        (of_hub("", 1).await, of_hub("arn:a", 9).await),
        (vec!["a".into()], vec!["c".into()])
    );
    let due = async |now, limit| names(db.edge_configurations_due(at(now), limit).await.unwrap());
    assert_eq!(
        (due(8, 9).await, due(9, 1).await),
        (vec!["c".into(), "b".into()], vec!["c".into()])
    );
    assert_eq!(db.next_edge_deadline().await.unwrap(), Some(at(7)));
}
