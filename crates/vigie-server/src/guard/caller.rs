//! From where a request comes, as far as its connection and a trusted proxy say, and whether others could read it on its way.
//!
//! Believes `X-Forwarded-For` of those proxies alone that the operator named, and of it the last address, which such a proxy
//! has added itself. That a request came over plain http is believed of everybody: it only takes rights away.

use std::net::{IpAddr, SocketAddr};

use hyper::header::HeaderMap;
use vigie_kvs::{ErrorKind, KvsError};

use crate::config::ServerConfig;

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Port 0 of one behind a proxy, which does not tell it.
    pub remote: SocketAddr,
    /// Whether it came over TLS, or from this machine.
    pub is_confidential: bool,
}

impl Caller {
    /// Of a request with these headers on a connection from `peer`.
    pub(crate) fn of(config: &ServerConfig, peer: SocketAddr, headers: &HeaderMap) -> Self {
        let address = peer.ip().to_canonical();
        let forwarded_for =
            config.trusted_proxies.contains(&address).then(|| last(headers, FORWARDED_FOR));
        let remote = forwarded_for.flatten().and_then(|text| address_of(&text));
        let is_plain =
            last(headers, FORWARDED_PROTO).is_some_and(|it| it.eq_ignore_ascii_case("http"));
        Self {
            remote: remote.map_or(peer, |address| SocketAddr::new(address, 0)),
            is_confidential: (config.tls.is_some() || address.is_loopback()) && !is_plain,
        }
    }

    /// Refuses a password that others could read.
    pub(crate) fn check_may_send_password(self) -> Result<(), KvsError> {
        if self.is_confidential {
            return Ok(());
        }
        let message = "no password is taken here over plain http, for others could read it on its way; serve https \
                       (--tls-cert, --tls-key), or use a proxy on the same machine that does";
        Err(KvsError::new(ErrorKind::AccessDenied, message))
    }
}

/// The last element of a list header, whose lines count as one (RFC 9110, section 5.3).
fn last(headers: &HeaderMap, name: &str) -> Option<String> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next().map(|element| element.trim().to_owned())
}

/// Some proxies add the port.
fn address_of(text: &str) -> Option<IpAddr> {
    let alone = text.parse().ok();
    alone.or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;
    use crate::tls::TlsFiles;

    fn caller(
        config: &ServerConfig,
        peer: &str,
        headers: &[(&'static str, &'static str)],
    ) -> Caller {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Caller::of(config, SocketAddr::new(peer.parse().unwrap(), 4711), &map)
    }

    #[test]
    fn a_password_comes_over_tls_or_from_this_machine() {
        let plain = ServerConfig::new("data");
        let tls = TlsFiles { certificate: "cert.pem".into(), key: "key.pem".into() };
        let tls = ServerConfig { tls: Some(tls), ..plain.clone() };
        let check = |config: &ServerConfig, remote: &str, headers: &[_], expect: bool| {
            let checked = caller(config, remote, headers).check_may_send_password();
            assert_eq!(checked.is_ok(), expect, "{remote}");
        };
        for own in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            check(&plain, own, &[], true);
            check(&tls, own, &[], true);
            check(&plain, own, &[(FORWARDED_PROTO, "https")], true);
            // A proxy that takes plain http as well.
            check(&plain, own, &[(FORWARDED_PROTO, "HTTP")], false);
        }
        for other in ["192.0.2.1", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.1"] {
            check(&plain, other, &[], false);
            check(&plain, other, &[(FORWARDED_PROTO, "https")], false);
            check(&tls, other, &[], true);
        }
    }

    #[test]
    fn a_trusted_proxy_and_no_other_says_for_whom_it_calls() {
        let trusted = vec!["127.0.0.1".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        let config = ServerConfig { trusted_proxies: trusted, ..ServerConfig::new("data") };
        let check = |peer: &str, headers: &[&'static str], expect: &str| {
            let headers: Vec<_> = headers.iter().map(|value| (FORWARDED_FOR, *value)).collect();
            let expect: IpAddr = expect.parse().unwrap();
            assert_eq!(caller(&config, peer, &headers).remote.ip(), expect, "{headers:?}");
        };
        check("127.0.0.1", &["192.0.2.9"], "192.0.2.9");
        check("::ffff:127.0.0.1", &["192.0.2.9:5000"], "192.0.2.9");
        check("2001:db8::7", &["[2001:db8::9]:5000"], "2001:db8::9");
        // What the caller itself said stands before.
        check("127.0.0.1", &["198.51.100.1, 192.0.2.9"], "192.0.2.9");
        check("127.0.0.1", &["198.51.100.1", "192.0.2.9"], "192.0.2.9");
        check("127.0.0.1", &["unknown"], "127.0.0.1");
        check("127.0.0.1", &[], "127.0.0.1");
        check("192.0.2.1", &["198.51.100.1"], "192.0.2.1");
        check("::1", &["198.51.100.1"], "::1");
    }
}
