//! Where the database is, and what its sessions are held to. Decides by the URL alone; connects to nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use vigie_metadata::DbError;

/// A server that does not take the connection by then is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection on which sent bytes are not taken for so long is gone.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);
/// Limits of a session, at the server: of a wait for a lock; of a statement, COMMIT's wait for its standby apart; of a
/// transaction whose client fell silent, so that its locks go.
const SESSION_LIMITS: &str =
    "-c lock_timeout=5s -c statement_timeout=20s -c idle_in_transaction_session_timeout=10s";

/// How the database is reached. Prints nothing of its password.
#[derive(Clone)]
pub struct ConnectOptions {
    config: Config,
    pub(crate) tls: Arc<ClientConfig>,
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.config.get_hosts();
        formatter.debug_struct("ConnectOptions").field("hosts", &hosts).finish_non_exhaustive()
    }
}

impl ConnectOptions {
    /// By a URL, `postgres://USER@HOST:PORT,HOST:PORT/DATABASE`. A password that is given beside it goes before its own.
    /// Without `sslmode` in it, a host that is not this machine has to speak TLS, and always has to prove by it who it is.
    pub fn new(
        url: &SecretString,
        password: Option<&SecretString>,
        tls: Arc<ClientConfig>,
    ) -> Result<Self, DbError> {
        let text = url.expose_secret();
        // The parser's own words may hold what stood in the URL.
        let mut config: Config = text.parse().map_err(|_| {
            DbError::Engine(
                "the database's url cannot be read; write postgres://USER@HOST:PORT/DATABASE, with %xx for \
                 characters that mean something in a url, and sslmode=require, prefer or disable"
                    .to_owned(),
            )
        })?;
        if let Some(password) = password {
            config.password(password.expose_secret());
        }
        if !text.contains("sslmode=") && !config.get_hosts().iter().all(is_here) {
            config.ssl_mode(SslMode::Require);
        }
        let more = config.get_options().map(|own| format!(" {own}")).unwrap_or_default();
        config
            .options(format!("{SESSION_LIMITS}{more}"))
            .application_name("vigie")
            // After a failover the host that was first may be a standby.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(UNACKNOWLEDGED_MAX)
            .keepalives_idle(UNACKNOWLEDGED_MAX);
        Ok(Self { config, tls })
    }

    /// For sessions that work by the limits.
    pub(crate) fn config(&self) -> Config {
        self.config.clone()
    }

    /// For one that does not, with its own parameters of the server behind.
    pub(crate) fn config_with(&self, more: &str) -> Config {
        let mut config = self.config.clone();
        let options = config.get_options().unwrap_or_default().to_owned();
        config.options(format!("{options} {more}"));
        config
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> Result<ConnectOptions, DbError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let roots = rustls::RootCertStore::empty();
        let tls = tls.unwrap().with_root_certificates(roots).with_no_client_auth();
        ConnectOptions::new(&SecretString::from(url), None, Arc::new(tls))
    }

    #[test]
    fn a_password_does_not_print_whatever_is_wrong_with_the_url() {
        let shown = format!("{:?}", options("postgres://vigie:hush@db/vigie").unwrap());
        assert!(shown.contains("db") && !shown.contains("hush"), "{shown}");
        for wrong in [
            "postgres://vigie:hush@db:x/vigie",
            "postgres://vigie@db/vigie?hush=hush",
            "hush",
            "hush=hush",
        ] {
            let error = options(wrong).unwrap_err().to_string();
            assert!(error.contains("postgres://USER@HOST") && !error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn another_machine_has_to_speak_tls_unless_the_url_says_otherwise() {
        for (url, expect) in [
            ("postgres://v@db/v", SslMode::Require),
            ("postgres://v@localhost,db/v", SslMode::Require),
            ("postgres://v@db/v?sslmode=disable", SslMode::Disable),
            ("postgres://v@127.0.0.1/v", SslMode::Prefer),
            ("host=/run/postgresql user=v", SslMode::Prefer),
        ] {
            assert_eq!(options(url).unwrap().config.get_ssl_mode(), expect, "{url}");
        }
    }

    #[test]
    fn what_the_url_says_of_the_session_stays() {
        let options = options("postgres://v@db/v?options=-c%20search_path%3Dvigie").unwrap();
        let of_session = options.config_with("-c synchronous_commit=off");
        let of_session = of_session.get_options().unwrap().to_owned();
        for part in ["lock_timeout=5s", "search_path=vigie", "synchronous_commit=off"] {
            assert!(of_session.contains(part), "{of_session}");
        }
    }
}
