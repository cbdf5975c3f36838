//! What the service relies on, held against an engine: transactions that are all or nothing, saves that a newer save
//! refuses, rules between rows, and pages.

#![allow(clippy::unwrap_used, reason = "a check fails by panicking")]

mod access_keys;
mod edge_configurations;
mod hubs;
mod leases;
mod media_ledgers;
mod notices;
mod secrets;
mod settings;
mod share_links;
mod streams;
mod users;

use std::sync::Arc;

use futures_util::future::join_all;
use vigie_engine::sync::{EdgeSync, SyncState};
use vigie_media::Timestamp;

use crate::{EdgeChange, EdgeConfiguration, Leases, MetadataDb, Notices, Stream, StreamStatus};

/// Callers that do the same at once, where it is to be seen that one of them wins.
const CALLERS: usize = 50;

/// Checks an engine, each time a new and empty one that `open` makes; panics where one does not hold.
pub async fn hold<Guard>(open: impl Fn() -> (Guard, Arc<dyn MetadataDb>)) {
    macro_rules! check {
        ($($noun:ident: $($name:ident),*;)*) => {$($(
            // Seen where one fails.
            println!(concat!(stringify!($noun), ": ", stringify!($name)));
            let (guard, db) = open();
            $noun::$name(db).await;
            drop(guard);
        )*)*};
    }
    check! {
        streams: a_name_is_taken_once, they_are_listed_in_pages_by_prefix, a_newer_save_is_not_overwritten,
            too_many_tags_leave_those_that_were_there, deletion_with_the_edge_configuration_is_one_step;
        edge_configurations: every_sync_state_reads_back, changes_are_saved_all_or_none,
            one_to_apply_needs_an_active_stream_with_retention_and_keeps_it_so,
            of_many_callers_that_change_one_row_at_once_one_wins, they_are_paged_by_hub_and_by_deadline;
        hubs: those_that_called_and_those_that_are_configured_are_listed,
            one_that_has_called_again_is_not_forgotten;
        media_ledgers: entries_come_in_order_and_none_twice, what_is_missing_before_them_is_asked_for,
            ledgers_are_bounded_and_go_with_their_stream;
        secrets: they_are_found_by_name_and_by_arn, versions_that_are_dropped_are_gone_with_their_values,
            those_whose_window_is_over_are_told;
        access_keys: one_is_revoked_once_and_the_last_root_key_never, they_are_paged_oldest_first,
            of_many_that_are_first_at_once_one_is;
        share_links: one_is_found_by_its_id_and_by_its_secret, they_are_paged_newest_first,
            one_is_revoked_once, a_stream_has_so_many_and_they_go_with_it;
        users: a_name_is_taken_once_in_any_case, a_newer_save_is_not_overwritten, they_are_paged_by_name_in_any_case;
        settings: one_is_saved_and_claimed_once;
    }
}

/// The same for notices.
pub async fn hold_notices(open: impl Fn() -> Arc<dyn Notices>) {
    notices::what_is_published_is_heard_by_all_who_listen_to_it(open()).await;
    notices::what_is_published_while_nobody_waits_is_heard_at_once(open()).await;
    notices::who_waits_is_woken(open()).await;
    notices::what_came_before_or_is_another_s_is_not_heard(open()).await;
}

/// The same for leases.
pub async fn hold_leases(open: impl Fn() -> Arc<dyn Leases>) {
    leases::the_newest_holds_when_the_one_before_has_given_back(open()).await;
    leases::the_first_stays_where_it_wins(open()).await;
    leases::a_revocation_ends_what_was_claimed_before_it_and_says_why(open()).await;
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn stream(name: &str) -> Stream {
    Stream {
        arn: format!("arn:{name}"),
        name: name.into(),
        created_at: at(5),
        version: "v1".into(),
        status: StreamStatus::Active,
        retention_hours: 24,
        device_name: None,
        media_type: Some("video/h264".into()),
        kms_key_id: None,
        storage_tier: None,
        image_generation_json: None,
        notification_json: None,
    }
}

fn edge(stream: &str, state: SyncState) -> EdgeConfiguration {
    EdgeConfiguration {
        stream_arn: format!("arn:{stream}"),
        stream_name: stream.into(),
        hub_device_arn: "arn:hub".into(),
        edge_config_json: "{}".into(),
        created_at: at(1),
        updated_at: at(2),
        sync: EdgeSync { revision: 1_795_000_000_000, state },
        recorder_status_json: Some("{}".into()),
        uploader_status_json: None,
        local_media_json: None,
        ledger_json: None,
        row_version: 0,
    }
}

fn save(row: &EdgeConfiguration) -> EdgeChange {
    EdgeChange::Save(Box::new(row.clone()))
}

/// How many of so many callers are told that it was they who did it.
async fn winners<T: Future<Output = bool>>(call: impl Fn(usize) -> T) -> usize {
    join_all((0..CALLERS).map(call)).await.into_iter().filter(|is_winner| *is_winner).count()
}
