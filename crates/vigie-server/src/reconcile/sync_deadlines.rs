//! The deadlines of edge configurations: data in the rows, met here.

use std::time::Duration;

use vigie_engine::sync::{Event, step};

use crate::app::App;
use crate::db::{DbError, EdgeChange, EdgeConfiguration, PAGE};

/// Tells configurations whose deadline has passed that time has passed. Where there are more than a page of them the
/// next call tells the others: their deadline is the next.
pub(super) async fn meet(app: &App) -> Result<(), DbError> {
    let now = app.clock.now().wall;
    for row in app.db.edge_configurations_due(now, PAGE).await? {
        let before = row.sync.status().as_str();
        // Time is never refused; should that change, the row stays as it is.
        let Ok(Some(sync)) = step(row.sync.clone(), Event::Tick, now) else { continue };
        if sync == row.sync {
            continue;
        }
        let (stream, hub, to) =
            (row.stream_name.clone(), row.hub_device_arn.clone(), sync.status().as_str());
        // A row that changed meanwhile is looked at again at its own deadline.
        if app
            .db
            .save_edge_configurations(&[EdgeChange::Save(Box::new(EdgeConfiguration {
                sync,
                ..row
            }))])
            .await?
        {
            tracing::warn!(stream, hub, from = before, to, "edge configuration ran out of time");
        }
    }
    Ok(())
}

/// The time to the next deadline.
pub(super) async fn until_next(app: &App) -> Duration {
    match app.db.next_edge_deadline().await {
        Ok(None) => Duration::MAX,
        Ok(Some(deadline)) => {
            let wait_ms = deadline.millis_since(app.clock.now().wall);
            // A moment more, so that the deadline has passed when the clock is read.
            Duration::from_millis(u64::try_from(wait_ms).unwrap_or(0) + 1)
        }
        Err(error) => {
            tracing::error!(%error, "deadlines could not be read");
            super::RETRY
        }
    }
}
