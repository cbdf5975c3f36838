//! The addresses that a session description and its answer's headers lead to (RFC 2326 appendix C.1.1).
//!
//! Cameras expect what other clients send: a relative control is put behind the base with a slash between, also behind
//! its query, and not resolved by RFC 3986. An address of another host is sent over the same connection.

use url::Url;

use super::limits::URI_BYTES_MAX;

/// An address without user information and fragment, which are not sent.
pub(crate) fn without_login(mut uri: Url) -> Url {
    // Those without a host have no user either, and cannot be changed.
    if uri.set_username("").is_ok() && uri.set_password(None).is_ok() {
        uri.set_fragment(None);
    }
    uri
}

/// The base of controls: `candidate` (Content-Base, Content-Location) when it is an address, `request_uri` otherwise.
pub(crate) fn base(candidate: &str, request_uri: &str) -> Option<String> {
    if is_absolute(candidate) {
        return sendable(candidate);
    }
    match candidate.starts_with('/') {
        true => sendable(&format!("{}{candidate}", origin(request_uri))),
        false => None,
    }
}

/// The address that `control` names; `None` when it is too long to be sent.
pub(crate) fn control(base: &str, control: Option<&str>) -> Option<String> {
    let control = control.map(str::trim).filter(|control| !matches!(*control, "" | "*"));
    let Some(control) = control else { return sendable(base) };
    if is_absolute(control) {
        return sendable(control);
    }
    if control.starts_with('/') {
        return sendable(&format!("{}{control}", origin(base)));
    }
    let slash = if base.ends_with('/') || control.starts_with('?') { "" } else { "/" };
    sendable(&format!("{base}{slash}{control}"))
}

/// Whether it is an address of RTSP with its scheme.
pub(crate) fn is_absolute(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        ["rtsp", "rtsps", "rtspu"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    })
}

/// `rtsp://host:port` of an address.
fn origin(uri: &str) -> &str {
    let host = uri.find("://").map_or(0, |at| at + 3);
    let end = uri.get(host..).and_then(|rest| rest.find(['/', '?'])).map(|at| host + at);
    uri.get(..end.unwrap_or(uri.len())).unwrap_or(uri)
}

/// Spaces and control characters would end the request line, and quotation marks what Digest quotes.
fn sendable(uri: &str) -> Option<String> {
    if uri.len() > URI_BYTES_MAX {
        return None;
    }
    let mut sendable = String::with_capacity(uri.len());
    for c in uri.chars() {
        match c {
            '\0'..=' ' | '"' | '\x7f' => sendable.push_str(&format!("%{:02X}", u32::from(c))),
            _ => sendable.push(c),
        }
    }
    Some(sendable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, named: &str, expect: &str) {
        assert_eq!(control(base, Some(named)).as_deref(), Some(expect));
    }

    #[test]
    fn controls_are_put_behind_the_base_as_other_clients_do() {
        check("rtsp://c/live", "trackID=1", "rtsp://c/live/trackID=1");
        check("rtsp://c/live/", "trackID=1", "rtsp://c/live/trackID=1");
        check(
            "rtsp://c/a?channel=1&subtype=0/",
            "trackID=1",
            "rtsp://c/a?channel=1&subtype=0/trackID=1",
        );
        check("rtsp://c/a?b=1", "trackID=1", "rtsp://c/a?b=1/trackID=1");
        check("rtsp://c/a", "?ctype=video", "rtsp://c/a?ctype=video");
        check("rtsp://c:554/a/b?x", "/trackID=1", "rtsp://c:554/trackID=1");
        check("rtsp://c?x", "/t", "rtsp://c/t");
        check("rtsp://c/live/", "*", "rtsp://c/live/");
        check("rtsp://c/live", "", "rtsp://c/live");
        check("rtsp://c/live", "RTSP://10.0.0.9:8554/other", "RTSP://10.0.0.9:8554/other");
        check("rtsp://c/live", "track 1\tx", "rtsp://c/live/track%201%09x");
        assert_eq!(control("rtsp://c/live", None).as_deref(), Some("rtsp://c/live"));
        assert_eq!(control("rtsp://c", Some(&"x".repeat(URI_BYTES_MAX))), None);
    }

    #[test]
    fn a_base_is_an_address_or_a_path() {
        assert_eq!(base("rtsp://c/x/", "rtsp://d/y").as_deref(), Some("rtsp://c/x/"));
        assert_eq!(base("/x/", "rtsp://d:1/y").as_deref(), Some("rtsp://d:1/x/"));
        assert_eq!(base("live/", "rtsp://d/y"), None);
        assert_eq!(base("http://c/", "rtsp://d/y"), None);
        assert_eq!(base("", "rtsp://d/y"), None);
    }
}
