//! Basic (RFC 7617) and Digest with MD5 (RFC 2617, RFC 2069): the challenges, and whether an answer is right.
//!
//! Pure: the nonce comes in. Counts of a nonce's uses are not checked: several clients of the field repeat them, and
//! a nonce lives no longer than its connection.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::{Digest as _, Md5};
use rtsp_types::Url;

use crate::config::{AuthScheme, Credentials};

const REALM: &str = "Vigie camera";

/// What an `Authorization` header comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The credentials are right.
    Granted,
    /// Absent, wrong, or not readable.
    Denied,
    /// Digest against another nonce than this connection's; the client may repeat without asking its user.
    Stale,
}

/// The values of the `WWW-Authenticate` headers of a 401, each to stand in a header line of its own: few clients
/// read two challenges in one line.
pub(crate) fn challenges(scheme: AuthScheme, nonce: &str, stale: bool) -> Vec<String> {
    let stale = if stale { ", stale=true" } else { "" };
    let basic = || format!("Basic realm=\"{REALM}\"");
    let digest = |qop| format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\"{qop}{stale}");
    match scheme {
        AuthScheme::Basic => vec![basic()],
        AuthScheme::Digest => vec![digest(", qop=\"auth\"")],
        AuthScheme::DigestWithoutQop => vec![digest("")],
        AuthScheme::Both => vec![digest(", qop=\"auth\""), basic()],
    }
}

/// Judges the `Authorization` header of a request.
pub(crate) fn judge(
    scheme: AuthScheme,
    credentials: &Credentials,
    nonce: &str,
    method: &str,
    request_uri: Option<&Url>,
    authorization: Option<&str>,
) -> Verdict {
    let Some((name, answer)) = authorization.and_then(|value| value.trim().split_once(' ')) else {
        return Verdict::Denied;
    };
    if name.eq_ignore_ascii_case("Basic") && matches!(scheme, AuthScheme::Basic | AuthScheme::Both)
    {
        let expect = BASE64.encode(format!("{}:{}", credentials.user, credentials.password));
        return if answer.trim() == expect { Verdict::Granted } else { Verdict::Denied };
    }
    if name.eq_ignore_ascii_case("Digest") && scheme != AuthScheme::Basic {
        return judge_digest(credentials, nonce, method, request_uri, answer);
    }
    Verdict::Denied
}

fn judge_digest(
    credentials: &Credentials,
    nonce: &str,
    method: &str,
    request_uri: Option<&Url>,
    answer: &str,
) -> Verdict {
    let params = parameters(answer);
    let param = |name: &str| {
        params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| &value[..])
    };
    let (Some(uri), Some(response)) = (param("uri"), param("response")) else {
        return Verdict::Denied;
    };
    let md5_is_meant = param("algorithm").is_none_or(|name| name.eq_ignore_ascii_case("MD5"));
    if param("username") != Some(&credentials.user)
        || param("realm") != Some(REALM)
        || !md5_is_meant
        || !same_resource(uri, request_uri)
    {
        return Verdict::Denied;
    }
    if param("nonce") != Some(nonce) {
        return Verdict::Stale;
    }
    let a1 = md5_hex(&format!("{}:{REALM}:{}", credentials.user, credentials.password));
    let a2 = md5_hex(&format!("{method}:{uri}"));
    let expect = match param("qop") {
        None => md5_hex(&format!("{a1}:{nonce}:{a2}")),
        Some("auth") => {
            let (Some(count), Some(cnonce)) = (param("nc"), param("cnonce")) else {
                return Verdict::Denied;
            };
            md5_hex(&format!("{a1}:{nonce}:{count}:{cnonce}:auth:{a2}"))
        }
        Some(_) => return Verdict::Denied,
    };
    if response.eq_ignore_ascii_case(&expect) { Verdict::Granted } else { Verdict::Denied }
}

/// Whether the digest is about the resource of the request. Clients write it as a URI or as a path, with or without
/// a trailing slash.
fn same_resource(digest_uri: &str, request_uri: Option<&Url>) -> bool {
    let Some(request_uri) = request_uri else { return digest_uri == "*" };
    let parsed = Url::parse(digest_uri);
    let path = parsed.as_ref().map_or(digest_uri, Url::path);
    path.trim_end_matches('/') == request_uri.path().trim_end_matches('/')
}

fn md5_hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `key=value` and `key="value"` pairs, comma separated (RFC 2617 §1.2). What is not one is passed over.
fn parameters(mut text: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    while let Some((name, rest)) = text.split_once('=') {
        let name = name.trim_matches([' ', '\t', ',']);
        let (value, rest) = match rest.trim_start().strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let (value, rest) = rest.split_once(',').unwrap_or((rest, ""));
                (value.trim().to_owned(), rest)
            }
        };
        found.push((name, value));
        text = rest;
    }
    found
}

/// The text before the closing quote, with `\x` for `x`, and what follows.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            _ => value.push(char),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: &str = "dcd98b7102dd2f0e8b11d0f600bfb0c0";

    fn check(scheme: AuthScheme, authorization: &str) -> Verdict {
        let credentials = Credentials { user: "Mufasa".into(), password: "Circle Of Life".into() };
        let uri = Url::parse("rtsp://camera:554/cam0").unwrap();
        judge(scheme, &credentials, NONCE, "DESCRIBE", Some(&uri), Some(authorization))
    }

    /// Computed with `md5sum` by hand from RFC 2617 §3.2.2, not by the code under test.
    const WITH_QOP: &str = "c5b55599936252c2bc34d76c1d51e03a";
    const WITHOUT_QOP: &str = "0bbeb0d359ef039cdcc8e89fcd3f721d";

    fn digest(response: &str, qop: &str, nonce: &str, uri: &str) -> String {
        format!(
            "Digest username=\"Mufasa\", realm=\"Vigie camera\", nonce=\"{nonce}\", \
             uri=\"{uri}\", response=\"{response}\"{qop}"
        )
    }
    const QOP: &str = ", qop=auth, nc=00000001, cnonce=\"0a4f113b\"";
    const URI: &str = "rtsp://camera:554/cam0";

    #[test]
    fn a_right_digest_is_granted_with_and_without_qop() {
        for scheme in [AuthScheme::Digest, AuthScheme::DigestWithoutQop, AuthScheme::Both] {
            assert_eq!(check(scheme, &digest(WITH_QOP, QOP, NONCE, URI)), Verdict::Granted);
            assert_eq!(check(scheme, &digest(WITHOUT_QOP, "", NONCE, URI)), Verdict::Granted);
        }
    }

    #[test]
    fn a_digest_for_another_nonce_resource_or_password_is_not() {
        let check = |text: &str| check(AuthScheme::Digest, text);
        assert_eq!(check(&digest(WITH_QOP, QOP, "other", URI)), Verdict::Stale);
        let elsewhere = "rtsp://camera:554/cam1";
        assert_eq!(check(&digest(WITH_QOP, QOP, NONCE, elsewhere)), Verdict::Denied);
        assert_eq!(check(&digest(WITHOUT_QOP, QOP, NONCE, URI)), Verdict::Denied);
        assert_eq!(check(&digest(WITH_QOP, "", NONCE, URI)), Verdict::Denied);
        assert_eq!(check(&digest(WITH_QOP, ", qop=auth-int", NONCE, URI)), Verdict::Denied);
        let sha = format!("{}, algorithm=SHA-256", digest(WITH_QOP, QOP, NONCE, URI));
        assert_eq!(check(&sha), Verdict::Denied);
    }

    #[test]
    fn basic_is_taken_only_where_it_is_offered() {
        let right = "Basic TXVmYXNhOkNpcmNsZSBPZiBMaWZl";
        assert_eq!(check(AuthScheme::Basic, right), Verdict::Granted);
        assert_eq!(check(AuthScheme::Both, right), Verdict::Granted);
        assert_eq!(check(AuthScheme::Digest, right), Verdict::Denied);
        assert_eq!(check(AuthScheme::Basic, "Basic TXVmYXNhOnNjYXI="), Verdict::Denied);
        assert_eq!(check(AuthScheme::Basic, &digest(WITH_QOP, QOP, NONCE, URI)), Verdict::Denied);
    }

    #[test]
    fn hostile_headers_are_denied_without_a_panic() {
        for text in [
            "",
            " ",
            "Digest",
            "Digest ",
            "Digest =",
            "Digest \"",
            "Digest a=\"\\",
            "Basic é",
            "Digest ,,,=,",
        ] {
            assert_eq!(check(AuthScheme::Both, text), Verdict::Denied, "{text:?}");
        }
    }

    #[test]
    fn parameters_are_read_quoted_and_bare() {
        assert_eq!(
            parameters(r#"a="x, \"y\"" , b=z,c="""#),
            [("a", "x, \"y\"".to_owned()), ("b", "z".to_owned()), ("c", String::new())]
        );
    }

    #[test]
    fn challenges_offer_what_the_scheme_says() {
        assert_eq!(challenges(AuthScheme::Basic, "n", false), ["Basic realm=\"Vigie camera\""]);
        assert_eq!(
            challenges(AuthScheme::Both, "n", true),
            [
                "Digest realm=\"Vigie camera\", nonce=\"n\", qop=\"auth\", stale=true",
                "Basic realm=\"Vigie camera\""
            ]
        );
        assert_eq!(
            challenges(AuthScheme::DigestWithoutQop, "n", false),
            ["Digest realm=\"Vigie camera\", nonce=\"n\""]
        );
    }
}
