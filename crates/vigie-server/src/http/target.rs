//! Which request targets are none (RFC 9112, section 3.2), so that nobody in front of the server can read one otherwise
//! than the server does.
//!
//! hyper refuses blanks and controls itself, and its URI type leaves out a fragment (`#` and what follows) without a word, so
//! that it can neither be seen here nor make a difference. Decides nothing about paths.

use hyper::{Method, Uri};

/// Whether hyper's form of a target is one that a server has to understand. CONNECT is for proxies.
pub(super) fn is_target(method: &Method, uri: &Uri) -> bool {
    let Some(target) = uri.path_and_query() else { return false };
    let is_form = match target.as_str() {
        // Of the server as a whole.
        "*" => *method == Method::OPTIONS,
        path => path.starts_with('/') || path.starts_with('?'),
    };
    // A URI is ASCII (RFC 3986, section 2); hyper lets any UTF-8 pass.
    is_form && target.as_str().bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_form_and_absolute_form_are_targets_and_others_are_not() {
        let get = |uri: &str| is_target(&Method::GET, &uri.parse().unwrap());
        for target in ["/", "/describeStream", "/a?b=c&d=%20~", "/%C3%A9?é".trim_end_matches("?é")]
        {
            assert!(get(target), "{target}");
        }
        assert!(get("http://host:8440/healthz") && get("http://host"));
        for wrong in ["*", "host:80", "healthz", "/é", "/a?é"] {
            assert!(!get(wrong), "{wrong}");
        }
        assert!(is_target(&Method::OPTIONS, &"*".parse().unwrap()));
        assert!(!is_target(&Method::CONNECT, &"host:80".parse().unwrap()));
    }
}
