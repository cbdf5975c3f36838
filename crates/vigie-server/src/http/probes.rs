//! What watches a server: `GET /healthz`, `/readyz`, `/metrics`. Unsigned, and they tell nothing about streams.

use hyper::{Response, StatusCode};

use super::body::ResponseBody;
use super::response::text;
use crate::app::App;
use crate::archive::ArchiveError;
use crate::db::DbError;

const PLAIN: &str = "text/plain; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The answer of a probe; `None` for another path.
pub(super) async fn probe(app: &App, path: &str) -> Option<Response<ResponseBody>> {
    Some(match path {
        "/healthz" => healthy(app, trouble(app).await),
        "/readyz" => ready(trouble(app).await),
        "/metrics" => match metrics(app) {
            Ok(metrics) => text(StatusCode::OK, OPENMETRICS, metrics),
            Err(error) => {
                tracing::error!(%error, "metrics could not be written");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                text(status, PLAIN, "metrics could not be written\n".to_owned())
            }
        },
        _ => return None,
    })
}

fn metrics(app: &App) -> Result<String, std::fmt::Error> {
    let now = app.process.now();
    let hubs = app.hubs.contacts.summary(now.mono);
    app.metrics.connected_hubs.set(hubs.calling as u64);
    app.metrics.hub_clock_skew_seconds_max.set(hubs.clock_skew_seconds_max);
    app.metrics.age_hold_seconds_left.set(app.process.age_hold.left(now).as_secs());
    app.metrics.text()
}

/// Healthy means: starting the process anew would not help. What passes by itself is only said.
fn healthy(app: &App, trouble: Option<String>) -> Response<ResponseBody> {
    match trouble {
        None => text(StatusCode::OK, PLAIN, "ok\n".to_owned()),
        Some(trouble) if app.health.has_failed() => {
            text(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("failed: {trouble}\n"))
        }
        Some(trouble) => text(StatusCode::OK, PLAIN, format!("ok, but {trouble}\n")),
    }
}

/// Ready means: metadata and media can be read and written now.
fn ready(trouble: Option<String>) -> Response<ResponseBody> {
    match trouble {
        None => text(StatusCode::OK, PLAIN, "ready\n".to_owned()),
        Some(trouble) => {
            tracing::warn!(trouble, "not ready");
            text(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("not ready: {trouble}\n"))
        }
    }
}

/// What is wrong, as far as anyone may know it who asks.
async fn trouble(app: &App) -> Option<String> {
    let metadata = app.health.db.check().await.err().map(|error| of_metadata(&error));
    let media = app.health.fragments.check().await.err().map(|error| of_media(&error));
    let stopping = app.process.stopping().is_now().then(|| "the server is stopping".to_owned());
    let troubles: Vec<String> = [metadata, media, stopping].into_iter().flatten().collect();
    (!troubles.is_empty()).then(|| troubles.join("; "))
}

fn of_metadata(error: &DbError) -> String {
    match error {
        DbError::Locked => "changes are refused: another program holds the lock of metadata.sqlite",
        DbError::Full => "changes are refused: no space is left for metadata.sqlite",
        DbError::TooBusy => "changes are refused: too many wait",
        _ => {
            // Its text may name more than a stranger may know.
            tracing::error!(%error, "the metadata does not answer");
            "the metadata cannot be used; the server's log says why"
        }
    }
    .to_owned()
}

fn of_media(error: &ArchiveError) -> String {
    match error {
        ArchiveError::BelowReserve { free_bytes, reserve_bytes } => format!(
            "fragments are refused: {free_bytes} bytes are free and {reserve_bytes} are kept in reserve"
        ),
        ArchiveError::Locked(_) => {
            "fragments wait: another program holds the lock of index.sqlite".to_owned()
        }
        ArchiveError::Full(_) => "fragments wait: no space is left for index.sqlite".to_owned(),
        error => {
            tracing::error!(%error, "the media store does not answer");
            "the media cannot be used; the server's log says why".to_owned()
        }
    }
}
