//! The web console at `/console/`: static files that are part of the program.
//!
//! Decides how they are answered: compressed, cached, and under a policy that lets the page talk to this server and to
//! nobody else. The console is an ordinary client of the public API: nothing here knows a stream, a key or a session.

mod assets;
pub(crate) mod shared;
pub(crate) mod sign_in;

use bytes::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode};
use serde::Serialize;

use crate::config::ServerConfig;
use crate::http::body::ResponseBody;
use assets::{ASSETS, Asset};

const ROOT: &str = "/console";
/// Media comes as blobs that the page's own script fills, icons may be written in the style sheets.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; \
    img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HEADERS: [(HeaderName, &str); 5] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
/// Names that hold the hash of their content never change it.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";
const NOT_BUILT: &str = include_str!("not_built.html");

/// What the console has to know of the server before anybody has signed in.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Settings<'a> {
    region: &'a str,
    account_id: &'a str,
    version: &'static str,
    images: bool,
}

/// The answer to a request for the console; `None` for a path that is not its own.
pub(crate) fn answer(
    config: &ServerConfig,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Option<Response<ResponseBody>> {
    let below = path.strip_prefix(ROOT)?;
    if !(below.is_empty() || below.starts_with('/')) {
        return None;
    }
    let mut response = if method == Method::GET || method == Method::HEAD {
        respond(config, below, headers)
    } else {
        let mut response = whole(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET only\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        response
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Some(response)
}

fn respond(config: &ServerConfig, below: &str, headers: &HeaderMap) -> Response<ResponseBody> {
    match below {
        "" => {
            let mut response = whole(StatusCode::PERMANENT_REDIRECT, "text/plain", "");
            // Relative to the path only: behind a proxy the host and the scheme are others.
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("/console/"));
            response
        }
        "/settings.json" => settings(config),
        "/" if ASSETS.is_empty() => {
            let mut response = whole(StatusCode::OK, "text/html; charset=utf-8", NOT_BUILT);
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        "/" => asset("index.html", headers),
        below => asset(below.trim_start_matches('/'), headers),
    }
}

fn settings(config: &ServerConfig) -> Response<ResponseBody> {
    let settings = Settings {
        region: &config.region,
        account_id: &config.account_id,
        version: env!("CARGO_PKG_VERSION"),
        images: config.image_decoders.is_some(),
    };
    match serde_json::to_vec(&settings) {
        Ok(body) => {
            let mut response = whole(StatusCode::OK, "application/json", body);
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            response
        }
        Err(error) => {
            tracing::error!(%error, "the console's settings could not be written");
            whole(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", "the server's log says why\n")
        }
    }
}

fn asset(name: &str, headers: &HeaderMap) -> Response<ResponseBody> {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return whole(StatusCode::NOT_FOUND, "text/plain", "there is no such page\n");
    };
    let mut response = if asset.matches(headers.get(IF_NONE_MATCH)) {
        let mut response = Response::new(ResponseBody::whole(Bytes::new()));
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        content(asset, headers)
    };
    let answered = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&asset.etag()) {
        answered.insert(ETAG, etag);
    }
    let caching = if name.starts_with("assets/") { FOR_EVER } else { ASK_AGAIN };
    answered.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    answered.insert(VARY, HeaderValue::from_static("accept-encoding"));
    response
}

fn content(asset: &Asset, headers: &HeaderMap) -> Response<ResponseBody> {
    let content_type = asset.content_type();
    // The shortest first. Browsers take brotli over https and from loopback alone.
    let codings = [("br", asset.brotli), ("gzip", asset.gzip)];
    for (coding, body) in codings {
        if let Some(body) = body.filter(|_| takes(headers, coding)) {
            let mut response = whole(StatusCode::OK, content_type, body);
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
            return response;
        }
    }
    whole(StatusCode::OK, content_type, asset.plain)
}

/// Whether `accept-encoding` names a coding without refusing it by `q=0`.
fn takes(headers: &HeaderMap, wanted: &str) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.unwrap_or_default().split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let refused = |weight: &str| weight.strip_prefix("q=").is_some_and(is_zero);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted)) && !parts.any(refused)
    })
}

fn is_zero(weight: &str) -> bool {
    weight.parse::<f32>().is_ok_and(|weight| weight == 0.0)
}

fn whole(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::whole(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests;
