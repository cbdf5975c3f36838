//! The address of a camera as people write it, and the URI that a hub opens.
//!
//! Reads what the console's form reads: `console/src/logic/camera-cases.json` holds the two to each other.

use url::Url;

/// What stands in an address beside the camera's place.
struct Parts<'a> {
    /// In lower case.
    scheme: String,
    user: String,
    password: String,
    /// Host, port, path and query.
    rest: &'a str,
}

/// The URI, with user and password written as addresses have them. Those of the address count where none are given.
pub fn uri(address: &str, user: &str, password: &str) -> String {
    let parts = parts(address);
    let (user, password) = match (user, password) {
        ("", "") => (parts.user.as_str(), parts.password.as_str()),
        given => given,
    };
    let login = match (user, password) {
        ("", "") => String::new(),
        (user, password) => format!("{}:{}@", escaped(user), escaped(password)),
    };
    format!("{}://{login}{}", parts.scheme, parts.rest)
}

/// What is plainly wrong with an address.
pub fn fault(address: &str, user: &str, password: &str) -> Option<&'static str> {
    let parts = parts(address);
    if address.trim().is_empty() {
        return Some("Give the camera's address.");
    }
    if !["rtsp", "rtsps", "rtspu"].contains(&parts.scheme.as_str()) {
        return Some(
            "rtsp:// for a camera, rtsps:// over TLS, rtspu:// over UDP, or the address alone.",
        );
    }
    if !begins_with_host(parts.rest) {
        return Some("The camera's host is missing.");
    }
    let uri = uri(address, user, password);
    let as_http = uri.find("://").map(|at| format!("http{}", &uri[at..])).unwrap_or_default();
    if Url::parse(&as_http).is_err() {
        return Some(
            "This is no address. Special characters of the password must be written with %, such as %40 for @.",
        );
    }
    parts.rest.contains(char::is_whitespace).then_some("An address has no spaces.")
}

/// A password may hold what has a meaning in addresses: the host begins behind the last `@` that a host follows.
fn parts(address: &str) -> Parts<'_> {
    let address = address.trim();
    let (scheme, behind) = match address.split_once("://") {
        Some((scheme, behind)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), behind),
        _ => ("rtsp".to_owned(), address),
    };
    let path = behind.split('?').next().unwrap_or_default();
    let mut at = if begins_with_dotted_host(path) { None } else { path.rfind('@') };
    while let Some(place) = at.filter(|&place| place > 0)
        && !begins_with_host(&behind[place + 1..])
    {
        at = path[..place].rfind('@');
    }
    let Some(at) = at else {
        return Parts { scheme, user: String::new(), password: String::new(), rest: behind };
    };
    let (user, password) = behind[..at].split_once(':').unwrap_or((&behind[..at], ""));
    Parts { scheme, user: decoded(user), password: decoded(password), rest: &behind[at + 1..] }
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|sign| sign.is_ascii_alphanumeric() || "+.-".contains(sign))
}

/// Host and port, and the path or nothing behind them.
fn begins_with_host(text: &str) -> bool {
    let authority = text.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = match authority.strip_prefix('[') {
        Some(inner) => match inner.split_once(']') {
            Some((host, port)) if is_made_of(host, |sign| is_hex(sign) || ":.".contains(sign)) => {
                ("", port)
            }
            _ => return false,
        },
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    (authority.starts_with('[') || is_made_of(host, |sign| is_word(sign) || ".-".contains(sign)))
        && is_port(port)
}

/// What begins so names its host already: an `@` behind it is the path's.
fn begins_with_dotted_host(path: &str) -> bool {
    let Some((authority, _)) = path.split_once('/') else { return false };
    let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
    let is_label = |label| is_made_of(label, |sign| is_word(sign) || sign == '-');
    host.contains('.') && host.split('.').all(is_label) && is_port(port)
}

/// Nothing, or a colon and digits.
fn is_port(text: &str) -> bool {
    let digits = |digits| is_made_of(digits, |sign| sign.is_ascii_digit());
    text.is_empty() || text.strip_prefix(':').is_some_and(digits)
}

fn is_made_of(text: &str, of: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(of)
}

fn is_word(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || sign == '_'
}

fn is_hex(sign: char) -> bool {
    sign.is_ascii_hexdigit()
}

/// Without percent-encoding (RFC 3986, section 2.1); what is not whole stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |at: usize| behind.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(0), digit(1)) else { return text.to_owned() };
        bytes.push((high * 16 + low) as u8);
        rest = &behind[2..];
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// All but what RFC 3986, section 2.3, calls unreserved.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(byte.into());
            }
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
