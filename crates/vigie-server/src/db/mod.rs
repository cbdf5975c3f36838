//! The embedded engine of the metadata seam ([`vigie_metadata`]), and the seam's names for the server.

mod sqlite;

pub use sqlite::SqliteMetadataDb;
pub(crate) use sqlite::{GenerationFile, accept, peek};
pub use vigie_metadata::*;

/// Rows that are read at once by who reads all of them.
pub(crate) const PAGE: usize = 1000;

/// All edge configurations of a hub, in order of stream ARN.
pub(crate) async fn all_edge_configurations_of_hub(
    db: &dyn MetadataDb,
    hub_device_arn: &str,
) -> Result<Vec<EdgeConfiguration>, DbError> {
    let mut rows: Vec<EdgeConfiguration> = Vec::new();
    loop {
        let after = rows.last().map_or("", |row| row.stream_arn.as_str());
        let page = db.edge_configurations_of_hub(hub_device_arn, after, PAGE).await?;
        let is_last = page.len() < PAGE;
        rows.extend(page);
        if is_last {
            return Ok(rows);
        }
    }
}
