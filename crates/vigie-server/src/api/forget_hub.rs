//! `ForgetHub` (Vigie's own): ends what is kept of a hub that is gone for good.
//!
//! Nobody will confirm any more what such a hub was to erase, so those configurations end with it. One that it is to record by
//! stays in the way: what becomes of its stream is for its people to say.

use vigie_kvs::shapes::Empty;
use vigie_kvs::shapes::hub::ForgetHubInput;
use vigie_kvs::shapes::sync_edge_agent::Action;
use vigie_kvs::{ErrorKind, KvsError};

use super::Call;
use crate::db::{EdgeChange, EdgeConfiguration, all_edge_configurations_of_hub};
use crate::failure::{Answer, TRIES_MAX, too_busy};
use crate::hubs::Hubs;

pub(crate) async fn forget_hub(hubs: &Hubs, call: &Call, input: ForgetHubInput) -> Answer<Empty> {
    let arn = &input.hub_device_arn;
    call.authorize(arn)?;
    for _ in 0..TRIES_MAX {
        let known = hubs.db.hub(arn).await?;
        let rows = all_edge_configurations_of_hub(hubs.db.as_ref(), arn).await?;
        if known.is_none() && rows.is_empty() {
            return Err(KvsError::not_found("no such hub has called").into());
        }
        let seen_at = known.map(|hub| hub.last_seen_at);
        let now = hubs.process.now();
        if seen_at.is_some_and(|at| hubs.contacts.standing(arn, at, now).is_in_contact) {
            return Err(in_use("the hub is in contact; stop its agent first".to_owned()).into());
        }
        let configured: Vec<&str> = rows
            .iter()
            .filter(|row| row.sync.desired_action() != Action::Delete)
            .map(|row| row.stream_name.as_str())
            .collect();
        if let [first, others @ ..] = configured.as_slice() {
            let more = match others.len() {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            return Err(in_use(format!(
                "streams are configured for the hub: {first}{more}; give them another hub, or delete their edge \
                 configurations, first"
            ))
            .into());
        }
        // The hub first: one that calls meanwhile is to hear what it has to erase.
        if let Some(at) = seen_at
            && !hubs.db.forget_hub(arn, at).await?
        {
            continue;
        }
        hubs.holders.forget(arn);
        hubs.contacts.forget(arn);
        let ends = rows.iter().map(end).collect::<Vec<_>>();
        if hubs.db.save_edge_configurations(&ends).await? {
            return Ok(Empty {});
        }
    }
    Err(too_busy())
}

fn end(row: &EdgeConfiguration) -> EdgeChange {
    EdgeChange::Remove { stream_arn: row.stream_arn.clone(), row_version: row.row_version }
}

fn in_use(message: String) -> KvsError {
    KvsError::new(ErrorKind::ResourceInUse, message)
}
