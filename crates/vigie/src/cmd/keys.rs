//! `vigie keys`: the access keys of a server, whether it runs or not.

use serde::Serialize;
use vigie_server::{ServerConfig, list_access_keys};

use crate::cli::KeysListOptions;
use crate::failure::{Doing, Failure};
use crate::output;
use crate::stop;
use crate::zone;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AccessKeyLine {
    access_key_id: String,
    principal_arn: String,
    /// RFC 3339, UTC.
    created_at: String,
}

pub fn list(options: &KeysListOptions) -> Result<(), Failure> {
    let config = ServerConfig::new(&options.data_dir);
    let keys = stop::runtime()?
        .block_on(list_access_keys(&config))
        .doing(format!("read the access keys in {}", options.data_dir.display()))?;
    let keys: Vec<AccessKeyLine> = keys
        .into_iter()
        .map(|key| AccessKeyLine {
            access_key_id: key.access_key_id,
            principal_arn: key.principal_arn,
            created_at: zone::utc_text(key.created_at),
        })
        .collect();
    if options.json {
        return output::json(&keys);
    }
    let rows: Vec<_> = keys
        .into_iter()
        .map(|key| [key.access_key_id, key.principal_arn, key.created_at])
        .collect();
    output::table(["ACCESS KEY ID", "PRINCIPAL", "CREATED"], &rows)
}
