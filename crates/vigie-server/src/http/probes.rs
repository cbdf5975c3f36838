//! What watches a server: `GET /healthz`, `/readyz`, `/metrics`. Unsigned, and they tell nothing about streams.

use hyper::{Response, StatusCode};

use super::body::ResponseBody;
use super::response::text;
use crate::app::App;

const PLAIN: &str = "text/plain; charset=utf-8";
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The answer of a probe; `None` for another path.
pub(super) async fn probe(app: &App, path: &str) -> Option<Response<ResponseBody>> {
    Some(match path {
        "/healthz" => text(StatusCode::OK, PLAIN, "ok\n".to_owned()),
        "/readyz" => ready(app).await,
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
    let now = app.clock.now();
    app.metrics.hub_clock_skew_seconds_max.set(app.clock_skews.greatest_seconds(now.mono));
    app.metrics.age_hold_seconds_left.set(app.age_hold.left(now).as_secs());
    app.metrics.text()
}

/// Ready means: metadata and media can be read and their writers run.
async fn ready(app: &App) -> Response<ResponseBody> {
    let database = app.db.check().await.map_err(|error| error.to_string());
    let store = app.fragments.check().await.map_err(|error| error.to_string());
    let stopping = match app.stopping().is_now() {
        true => Err("the server is stopping".to_owned()),
        false => Ok(()),
    };
    match database.and(store).and(stopping) {
        Ok(()) => text(StatusCode::OK, PLAIN, "ready\n".to_owned()),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            let status = StatusCode::SERVICE_UNAVAILABLE;
            text(status, PLAIN, "not ready; the server's log says why\n".to_owned())
        }
    }
}
