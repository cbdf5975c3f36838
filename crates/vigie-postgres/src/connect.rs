//! Connections for the pools. Reads what the server says besides its answers, and counts its warnings.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use deadpool_postgres::Connect;
use rustls::ClientConfig;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, Config, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::options::ConnectOptions;

/// Makes connections, each with a task that drives it.
pub(crate) struct Connecting {
    pub(crate) tls: Arc<ClientConfig>,
    /// Warnings so far, of all connections. A commit that was warned of while it waited for its standby is on the primary's disk
    /// alone (class 01); one too many is no harm, for then it is only looked after.
    pub(crate) warnings: Arc<AtomicU64>,
}

impl Connecting {
    pub(crate) fn new(options: &ConnectOptions) -> Self {
        Self { tls: Arc::clone(&options.tls), warnings: Arc::default() }
    }
}

impl Connect for Connecting {
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        let (config, tls) = (config.clone(), ClientConfig::clone(&self.tls));
        let warnings = Arc::clone(&self.warnings);
        Box::pin(async move {
            let (client, mut connection) = config.connect(MakeRustlsConnect::new(tls)).await?;
            let driving = tokio::spawn(async move {
                // After its first error a connection gives errors for ever.
                while let Some(Ok(message)) =
                    poll_fn(|context| connection.poll_message(context)).await
                {
                    if let AsyncMessage::Notice(notice) = message
                        && notice.code().code().starts_with("01")
                    {
                        tracing::warn!(notice = notice.message(), "the database warns");
                        warnings.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
            Ok((client, driving))
        })
    }
}
