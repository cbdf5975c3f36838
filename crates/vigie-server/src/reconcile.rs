//! Work that no call waits for: deadlines of edge configurations, retention of media and secrets, unfinished
//! deletions. Everything is derived from what is stored, so a restart forgets nothing.
//!
//! Decides when to look; what a deadline means is the engine's to say.

mod data_retention;
mod sync_deadlines;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use data_retention::{delete_expired_media, erase_stream, expired_before};

use crate::app::App;
use crate::db::{DbError, PAGE, StreamStatus};

/// How often everything is looked at. Deadlines are met earlier, when they are due.
const PERIOD: Duration = Duration::from_secs(60);
/// When the database fails, the time to the next try.
const RETRY: Duration = Duration::from_secs(5);

/// Runs until the server stops.
pub(crate) async fn run(app: Arc<App>) {
    let mut stopping = app.stopping();
    let mut sweep_at = Duration::ZERO;
    loop {
        let wait = match sync_deadlines::meet(&app).await {
            Ok(()) => sync_deadlines::until_next(&app).await.min(PERIOD),
            Err(error) => {
                tracing::error!(%error, "deadlines of edge configurations could not be met");
                RETRY
            }
        };
        let now = app.clock.now();
        // A jump is written down at once, and what the clock says each time that all is looked at.
        if app.age_hold.sample(now) || now.mono >= sweep_at {
            app.age_hold.write_down(&app, now).await;
        }
        if now.mono >= sweep_at {
            sweep(&app).await;
            sweep_at = app.clock.now().mono + PERIOD;
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = app.reconcile.notified() => {}
            () = stopping.wait() => {
                // To a disk that failed nothing more is written: it may say that it kept what it will not have, and then the
                // metadata is older than is known of it.
                if !app.has_failed() {
                    app.age_hold.write_down(&app, app.clock.now()).await;
                }
                return;
            }
        }
    }
}

async fn sweep(app: &Arc<App>) {
    if let Err(error) = sweep_streams(app).await {
        tracing::error!(%error, "streams could not be read");
    }
    if let Err(error) = delete_expired_secrets(app).await {
        tracing::error!(%error, "secrets were not deleted");
    }
    // In between, each fragment that comes adds to it: reading it anew takes a look at every media file.
    match app.fragments.size_bytes().await {
        Ok(size_bytes) => {
            app.metrics.stored_bytes.set(size_bytes);
            let found = app.fragments.findings();
            app.metrics.unclaimed_bytes.set(found.unclaimed_size_bytes);
            app.metrics.unclaimed_files.set(found.unclaimed_file_count);
            app.metrics.claimed_fragments.set(found.claimed_fragment_count);
            app.metrics.missing_media_files.set(found.missing_media_file_count);
            app.metrics.index_was_damaged.set(u64::from(found.is_index_new));
        }
        Err(error) => tracing::error!(%error, "the size of the media could not be read"),
    }
}

async fn sweep_streams(app: &Arc<App>) -> Result<(), DbError> {
    let mut after_name = String::new();
    loop {
        let page = app.db.list_streams("", &after_name, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after_name.clone_from(&last.name);
        for stream in page {
            match stream.status {
                StreamStatus::Deleting => erase_stream(app, stream).await,
                StreamStatus::Active => {
                    if let Err(error) = delete_expired_media(app, &stream).await {
                        tracing::error!(stream = stream.name, %error, "media was not deleted");
                    }
                }
            }
        }
    }
}

async fn delete_expired_secrets(app: &App) -> Result<(), DbError> {
    loop {
        let page = app.db.secrets_to_delete(app.age_hold.age_clock(app), PAGE).await?;
        for secret in &page {
            app.db.delete_secret(&secret.arn).await?;
            app.hub_wakers.wake_for_secret(&secret.arn);
            tracing::info!(secret = secret.name, "secret deleted after its recovery window");
        }
        if page.len() < PAGE {
            return Ok(());
        }
    }
}
