//! ListSecrets: filters, order and pages. Decided in memory: a server has as many secrets as cameras, and the filters
//! are not the database's kind.

use std::cmp::Ordering;

use vigie_kvs::shapes::secrets::{
    Filter, FilterKey, ListSecretsInput, ListSecretsOutput, SecretListEntry, SortBy, SortOrder,
};
use vigie_kvs::{ErrorKind, KvsError};

use super::{info, versions};
use crate::api::page_token::page_size;
use crate::api::{Call, Secrets, page_token};
use crate::db::{PAGE, Secret};
use crate::failure::Answer;

const PAGE_MAX: usize = 100;

pub(crate) async fn list_secrets(
    room: &Secrets,
    _call: &Call,
    input: ListSecretsInput,
) -> Answer<ListSecretsOutput> {
    let limit = page_size(input.max_results, PAGE_MAX, PAGE_MAX);
    let after: Option<String> = input
        .next_token
        .as_deref()
        .map(page_token::read)
        .transpose()
        .map_err(|error| KvsError::new(ErrorKind::InvalidNextToken, error.message))?;
    let filters = input.filters.unwrap_or_default();
    let with_deleted = input.include_planned_deletion.unwrap_or(false);
    let mut secrets: Vec<Secret> = Vec::new();
    let mut after_name = String::new();
    loop {
        let rows = room.db.list_secrets(&after_name, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after_name.clone_from(&last.name);
        secrets.extend(rows.into_iter().filter(|secret| {
            (with_deleted || secret.deleted_at.is_none())
                && filters.iter().all(|filter| matches(filter, secret))
        }));
    }
    let sort_by = input.sort_by.unwrap_or(SortBy::CreatedDate);
    secrets.sort_by(|one, other| order(sort_by, one, other));
    if input.sort_order.unwrap_or(SortOrder::Descending) == SortOrder::Descending {
        secrets.reverse();
    }
    // A page begins behind the secret that ended the last one; when that is gone the listing ends, as no place is
    // known any more.
    let begin = match after {
        None => 0,
        Some(arn) => secrets
            .iter()
            .position(|secret| secret.arn == arn)
            .map_or(secrets.len(), |position| position + 1),
    };
    let more = secrets.len() > begin + limit;
    let page: Vec<Secret> = secrets.into_iter().skip(begin).take(limit).collect();
    let next_token = match page.last() {
        Some(last) if more => Some(page_token::write(&last.arn)?),
        _ => None,
    };
    let secret_list = page
        .into_iter()
        .map(|secret| SecretListEntry {
            secret_versions_to_stages: versions(&secret).staged(),
            secret: info(secret),
        })
        .collect();
    Ok(ListSecretsOutput { secret_list, next_token })
}

fn order(by: SortBy, one: &Secret, other: &Secret) -> Ordering {
    let primary = match by {
        SortBy::CreatedDate => one.created_at.cmp(&other.created_at),
        SortBy::LastAccessedDate => one.accessed_on.cmp(&other.accessed_on),
        SortBy::LastChangedDate => one.changed_at.cmp(&other.changed_at),
        SortBy::Name => Ordering::Equal,
    };
    primary.then_with(|| one.name.cmp(&other.name))
}

/// One of the values has to be found; `!` in front means that it must not (Secrets Manager API_Filter).
fn matches(filter: &Filter, secret: &Secret) -> bool {
    let key = filter.key.unwrap_or(FilterKey::All);
    let values = filter.values.as_deref().unwrap_or_default();
    values.iter().any(|value| match value.strip_prefix('!') {
        Some(value) => !found(key, value, secret),
        None => found(key, value, secret),
    })
}

fn found(key: FilterKey, value: &str, secret: &Secret) -> bool {
    match key {
        FilterKey::Name => secret.name.starts_with(value),
        FilterKey::Description => {
            let description = secret.description.as_deref().unwrap_or_default().to_lowercase();
            description.contains(&value.to_lowercase())
        }
        FilterKey::TagKey => secret.tags.keys().any(|key| key.starts_with(value)),
        FilterKey::TagValue => secret.tags.values().any(|tag| tag.starts_with(value)),
        // Secrets here are neither replicated nor another service's.
        FilterKey::PrimaryRegion | FilterKey::OwningService => false,
        FilterKey::All => {
            let keys =
                [FilterKey::Name, FilterKey::Description, FilterKey::TagKey, FilterKey::TagValue];
            keys.into_iter().any(|key| found(key, value, secret))
        }
    }
}
