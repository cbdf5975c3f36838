//! Cross-origin access (the Fetch standard's CORS protocol), so that players and SDKs in a browser may call from pages
//! of any origin.
//!
//! Any origin may, because no call is let through for where it comes from or for a cookie: each carries its own
//! signature or session token. Probes and metrics are not opened: they are not signed.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use super::body::ResponseBody;

/// The headers of answers that scripts may read.
const EXPOSED: &str = "x-amzn-ErrorType,x-amzn-RequestId,Content-Length,Content-Range,Content-Type,\
                       Accept-Ranges,Cache-Control,Date,ETag,Retry-After";
/// Two hours, the longest that Chromium keeps it.
const PREFLIGHT_SECONDS: &str = "7200";

/// The answer to a preflight; `None` when the request is none.
pub(super) fn preflight(head: &Parts) -> Option<Response<ResponseBody>> {
    let is_preflight = head.method == Method::OPTIONS
        && is_asked(&head.headers)
        && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if !is_preflight {
        return None;
    }
    let mut response = Response::new(ResponseBody::whole(""));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers
        .insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, OPTIONS"));
    // SDKs send headers of their own, new ones with every version; `*` would not cover Authorization.
    if let Some(asked) = head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        headers.insert(VARY, HeaderValue::from_static("Access-Control-Request-Headers"));
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(PREFLIGHT_SECONDS));
    allow(headers);
    Some(response)
}

/// Whether a script of a page asks, perhaps one of another origin.
pub(super) fn is_asked(request: &HeaderMap) -> bool {
    request.contains_key(ORIGIN)
}

/// Lets the script that asked read the answer.
pub(super) fn allow(response: &mut HeaderMap) {
    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}
