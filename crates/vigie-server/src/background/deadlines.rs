//! The deadlines of edge configurations: data in the rows, met here.

use std::time::Duration;

use vigie_engine::sync::{Event, step};
use vigie_media::Timestamp;

use super::{PERIOD, RETRY};
use crate::db::{DbError, EdgeChange, EdgeConfiguration, MetadataDb, PAGE};
use crate::process::Process;

/// Meets what is due; returns the time to the next look.
pub(super) async fn meet(db: &dyn MetadataDb, process: &Process) -> Duration {
    if let Err(error) = meet_due(db, process.now().wall).await {
        tracing::error!(%error, "deadlines of edge configurations could not be met");
        return RETRY;
    }
    match db.next_edge_deadline().await {
        Ok(deadline) => until(deadline, process.now().wall),
        Err(error) => {
            tracing::error!(%error, "deadlines could not be read");
            RETRY
        }
    }
}

/// The time to the next look when that is the next deadline.
fn until(deadline: Option<Timestamp>, now: Timestamp) -> Duration {
    let Some(deadline) = deadline else { return PERIOD };
    let wait_ms = deadline.millis_since(now);
    // A moment more, so that the deadline has passed when the clock is read.
    Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0) + 1).min(PERIOD)
}

/// Tells configurations whose deadline has passed that time has passed. Where there are more than a page of them the next
/// look tells the others: their deadline is the next.
async fn meet_due(db: &dyn MetadataDb, now: Timestamp) -> Result<(), DbError> {
    for row in db.edge_configurations_due(now, PAGE).await? {
        let before = row.sync.status().as_str();
        // Time is never refused; should that change, the row stays as it is.
        let Ok(Some(sync)) = step(row.sync.clone(), Event::Tick, now) else { continue };
        if sync == row.sync {
            continue;
        }
        let (stream, hub, to) =
            (row.stream_name.clone(), row.hub_device_arn.clone(), sync.status().as_str());
        // A row that changed meanwhile is looked at again at its own deadline.
        let change = EdgeChange::Save(Box::new(EdgeConfiguration { sync, ..row }));
        if db.save_edge_configurations(&[change]).await? {
            tracing::warn!(stream, hub, from = before, to, "edge configuration ran out of time");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_look_is_just_behind_the_next_deadline_and_never_late() {
        let at = Timestamp::from_millis;
        assert_eq!(until(None, at(0)), PERIOD);
        assert_eq!(until(Some(at(1_500)), at(500)), Duration::from_millis(1_001));
        assert_eq!(until(Some(at(500)), at(1_500)), Duration::from_millis(1));
        assert_eq!(until(Some(Timestamp::MAX), at(0)), PERIOD);
    }
}
