//! The camera's URI, taken apart once: where to connect, and who to be there.
//!
//! The URI comes from a secret. Nothing here prints it, and its errors do not repeat it.

use url::{Host, ParseError, Url};
use vigie_engine::recorder::UriFault;
use vigie_kvs::Sensitive;

/// How a camera is reached. The secret holds nothing but a URI, so its scheme says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// `rtsp://`: media over the RTSP connection; over UDP only when the camera refuses that.
    Tcp,
    /// `rtspu://`, as GStreamer writes it: media over UDP.
    Udp,
    /// `rtsps://`: everything over TLS.
    Tls,
}

/// A camera's URI without its user information, and that user information decoded.
pub(crate) struct CameraUri {
    pub(crate) wire: Wire,
    /// Its scheme is `rtsps` over TLS, and `rtsp` otherwise.
    pub(crate) url: Url,
    pub(crate) login: Option<Login>,
}

/// User and password as the camera knows them, percent-decoded (RFC 3986 section 2.1).
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: Sensitive,
}

impl CameraUri {
    /// Takes `text` apart.
    ///
    /// # Errors
    ///
    /// What of it is wrong, when it is not a camera's URI with a host.
    pub(crate) fn parse(text: &str) -> Result<Self, UriFault> {
        let text = text.trim();
        let mut url = Url::parse(text).map_err(|error| fault(text, error))?;
        let wire = match url.scheme() {
            "rtsp" => Wire::Tcp,
            "rtspu" => Wire::Udp,
            "rtsps" => Wire::Tls,
            _ => return Err(UriFault::Kind),
        };
        if url.port() == Some(0) {
            return Err(fault(text, ParseError::InvalidPort));
        }
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(UriFault::Host)?;
        // What is beyond ASCII stands percent-encoded there; name services and cameras know such a name by its other
        // form (RFC 5891).
        if host.contains('%') {
            let host = Host::parse(host).map_err(|_| UriFault::Host)?.to_string();
            url.set_host(Some(&host)).map_err(|_| UriFault::Host)?;
        }
        if wire == Wire::Udp {
            url.set_scheme("rtsp").map_err(|()| UriFault::Kind)?;
        }
        let user = percent_decode(url.username());
        let password = url.password().map(percent_decode);
        url.set_password(None).map_err(|()| UriFault::Host)?;
        url.set_username("").map_err(|()| UriFault::Host)?;
        let login = (!user.is_empty() || password.is_some())
            .then(|| Login { user, password: Sensitive::new(password.unwrap_or_default()) });
        Ok(Self { wire, url, login })
    }

    /// Whether it has an `@` behind its host. Such paths are rare, and passwords with a `/`, `?` or `#` that were not
    /// percent-encoded are not: then what is taken for the host is the user's name.
    pub(crate) fn looks_split(&self) -> bool {
        let has_at = |text: &str| text.contains('@');
        let url = &self.url;
        has_at(url.path()) || url.query().is_some_and(has_at) || url.fragment().is_some_and(has_at)
    }
}

/// Why it is none, in more than the parser's words: a `/`, `?` or `#` in a password ends the host for it, and what stands
/// behind the user's name is the port then.
fn fault(text: &str, error: ParseError) -> UriFault {
    let behind_scheme = text.split_once("://").map_or("", |(_, rest)| rest);
    let behind_host = behind_scheme.split_once(['/', '?', '#']).map_or("", |(_, rest)| rest);
    match error {
        _ if behind_host.contains('@') => UriFault::LooksSplit,
        ParseError::InvalidPort => UriFault::Port,
        ParseError::EmptyHost
        | ParseError::IdnaError
        | ParseError::InvalidDomainCharacter
        | ParseError::InvalidIpv4Address
        | ParseError::InvalidIpv6Address => UriFault::Host,
        _ => UriFault::Kind,
    }
}

/// `%41` to `A`; what is not a percent sign with two hexadecimal digits stays as it is.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let code = bytes
            .get(at + 1..at + 3)
            .filter(|digits| byte == b'%' && digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(code.unwrap_or(byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {

    use super::*;

    /// The address without its login, user and password.
    type Parts<'a> = (&'a str, Option<(&'a str, &'a str)>);

    #[track_caller]
    fn check(text: &str, expect: Result<Parts<'_>, UriFault>) {
        let found = CameraUri::parse(text);
        let found = found.as_ref().map_err(|fault| *fault).map(|uri| {
            let login = uri.login.as_ref();
            let login = login.map(|login| (login.user.as_str(), login.password.expose()));
            (uri.url.as_str(), login)
        });
        assert_eq!(found, expect);
    }

    #[test]
    fn user_and_password_leave_the_uri_decoded() {
        check("rtsp://10.0.0.7/live", Ok(("rtsp://10.0.0.7/live", None)));
        check(
            " rtsp://bob:p%40ss%2Fw%3Ard@cam.local:8554/h264?ch=1\n",
            Ok(("rtsp://cam.local:8554/h264?ch=1", Some(("bob", "p@ss/w:rd")))),
        );
        check("rtsp://bob@cam/1", Ok(("rtsp://cam/1", Some(("bob", "")))));
        check("rtsp://b:100%25%zz@cam/1", Ok(("rtsp://cam/1", Some(("b", "100%%zz")))));
    }

    #[test]
    fn the_scheme_says_how_the_camera_is_reached() {
        let wire = |text| {
            let uri = CameraUri::parse(text).unwrap();
            (uri.wire, uri.url.as_str().to_owned())
        };
        assert_eq!(wire("rtsp://cam/1"), (Wire::Tcp, "rtsp://cam/1".to_owned()));
        assert_eq!(wire("rtspu://cam:8554/1"), (Wire::Udp, "rtsp://cam:8554/1".to_owned()));
        assert_eq!(wire("RTSPS://b:c@cam/1"), (Wire::Tls, "rtsps://cam/1".to_owned()));
    }

    #[test]
    fn a_password_that_was_not_encoded_shows_behind_the_host() {
        let looks_split = |text| CameraUri::parse(text).unwrap().looks_split();
        assert!(looks_split("rtsp://admin:12/34@host/live"));
        assert!(looks_split("rtsp://admin:12?34@host/live"));
        assert!(looks_split("rtsp://admin:12#34@host/live"));
        assert!(!looks_split("rtsp://admin:12%2F34@host/live?a=b"));
    }

    #[test]
    fn what_is_not_an_rtsp_uri_says_what_is_wrong_with_it() {
        for text in ["http://cam/1", "rtspt://cam/1", "cam/1", ""] {
            check(text, Err(UriFault::Kind));
        }
        for text in [
            "rtsp:///path",
            "rtsp://:554/1",
            "rtsp://a b/1",
            "rtsp://[::zz]/1",
            "rtsp://a\u{FFFD}/1",
        ] {
            check(text, Err(UriFault::Host));
        }
        for text in
            ["rtsp://cam:99999/1", "rtsp://cam:0/1", "rtsp://cam:port/1", "rtsp://u:p@cam:-1/"]
        {
            check(text, Err(UriFault::Port));
        }
        for text in ["rtsp://admin:a/b@cam/1", "rtsp://admin:a?b@cam", "rtsp://ad:a#b@cam:554/1"] {
            check(text, Err(UriFault::LooksSplit));
        }
    }

    #[test]
    fn a_host_beyond_ascii_goes_by_the_name_that_name_services_know() {
        check("rtsp://k\u{FC}che.local:8554/1", Ok(("rtsp://xn--kche-0ra.local:8554/1", None)));
        check("rtsp://u:p@K%C3%9CCHE/1", Ok(("rtsp://xn--kche-0ra/1", Some(("u", "p")))));
        check("rtsps://\u{6444}\u{50CF}\u{673A}/1", Ok(("rtsps://xn--o1q278b98b/1", None)));
    }
}
