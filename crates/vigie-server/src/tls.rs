//! TLS of the listener: reads certificate and key, hands them to rustls, takes a new pair when the files change.
//!
//! Decides that a pair which does not hold (unreadable, torn, key of another certificate) never replaces one that does.
//! Never accepts a connection itself, and never prints a key.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use rustls::ServerConfig as RustlsConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use vigie_store::disk::Disk;

use crate::metrics::Metrics;
use crate::process::Process;

/// How often the files are compared with what was read last. They are a few kilobytes, and content cannot be missed
/// the way a modification time can.
const RELOAD_INTERVAL: Duration = Duration::from_secs(2);
/// A chain or a key longer than this is no chain and no key.
const FILE_SIZE_BYTES_MAX: u64 = 1 << 20;
/// Amazon's C producers sign `connection` and `transfer-encoding`, which their library leaves out under h2 (seen from
/// producer 1.6.4), so h2 is never offered.
const ALPN: &[u8] = b"http/1.1";

/// Where the server's certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain in PEM, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
}

/// Why TLS cannot be served with these files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The certificate file holds none.
    #[error("{} holds no certificate in PEM", .0.display())]
    NoCertificate(PathBuf),
    /// The key file holds none. The parser's words are left out: they may quote the file.
    #[error("{} holds no private key in PEM", .0.display())]
    NoKey(PathBuf),
    /// They do not belong together, or are of a kind that cannot be used.
    #[error("certificate {} and key {} cannot be used together", files.certificate.display(), files.key.display())]
    Pair {
        files: TlsFiles,
        /// What rustls says.
        #[source]
        source: rustls::Error,
    },
    /// The crypto library cannot do what TLS needs.
    #[error("set up TLS")]
    Setup(
        /// What rustls says.
        #[source]
        rustls::Error,
    ),
}

/// What was read from the two files. Does not print.
#[derive(PartialEq, Eq)]
struct Pem {
    certificate: Bytes,
    key: Bytes,
}

/// The certificate in use, and the way to the next one.
pub(crate) struct Tls {
    files: TlsFiles,
    disk: Arc<dyn Disk>,
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
    acceptor: TlsAcceptor,
    /// What the current pair was made of.
    first: Pem,
}

impl Tls {
    /// Reads the pair; a server does not start with one that does not hold.
    pub(crate) fn open(files: TlsFiles, disk: Arc<dyn Disk>) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pem = read(&files, disk.as_ref())?;
        let pair = certified_key(&files, &pem, &provider)?;
        let current = Arc::new(Current(RwLock::new(Arc::new(pair))));
        let mut config = RustlsConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![ALPN.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { files, disk, provider, current, acceptor, first: pem })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.clone()
    }

    /// Watches the files until the server stops. Connections that are open keep the certificate they began with.
    pub(crate) async fn follow(self, process: Arc<Process>, metrics: Arc<Metrics>) {
        let Self { files, disk, provider, current, first: mut tried, .. } = self;
        let mut stopped = process.stopping();
        loop {
            tokio::select! {
                () = tokio::time::sleep(RELOAD_INTERVAL) => {}
                () = stopped.wait() => return,
            }
            let reading = tokio::task::spawn_blocking({
                let (files, disk) = (files.clone(), Arc::clone(&disk));
                move || read(&files, disk.as_ref())
            });
            let loaded = match reading.await {
                Ok(Ok(pem)) if pem == tried => continue,
                Ok(Ok(pem)) => {
                    let pair = certified_key(&files, &pem, &provider);
                    tried = pem;
                    pair
                }
                Ok(Err(error)) => Err(error),
                Err(error) => {
                    tracing::error!(%error, "the TLS files could not be looked at");
                    continue;
                }
            };
            match loaded {
                Ok(pair) => {
                    current.replace(pair);
                    metrics.tls_reloads.inc();
                    tracing::info!(certificate = %files.certificate.display(), "new TLS certificate in use");
                }
                Err(error) => {
                    metrics.tls_reload_failures.inc();
                    let error: &dyn std::error::Error = &error;
                    let cause = error.source().map(ToString::to_string).unwrap_or_default();
                    tracing::error!(
                        %error,
                        cause,
                        "the changed TLS files cannot be used; the certificate from before stays in use"
                    );
                }
            }
        }
    }
}

/// Gives every handshake the newest pair.
struct Current(RwLock<Arc<CertifiedKey>>);

impl Current {
    fn replace(&self, pair: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pair);
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current(certificate)")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn read(files: &TlsFiles, disk: &dyn Disk) -> Result<Pem, TlsError> {
    let whole = |path: &Path| {
        read_file(disk, path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
    };
    Ok(Pem { certificate: whole(&files.certificate)?, key: whole(&files.key)? })
}

fn read_file(disk: &dyn Disk, path: &Path) -> io::Result<Bytes> {
    let file = disk.open_read_only(path)?;
    let length_bytes = file.length_bytes()?;
    if length_bytes > FILE_SIZE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "too long for a PEM file"));
    }
    file.read_exact_at(0, length_bytes as usize)
}

fn certified_key(
    files: &TlsFiles,
    pem: &Pem,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let chain = CertificateDer::pem_slice_iter(&pem.certificate)
        .collect::<Result<Vec<_>, _>>()
        .ok()
        .filter(|chain| !chain.is_empty())
        .ok_or_else(|| TlsError::NoCertificate(files.certificate.clone()))?;
    let key =
        PrivateKeyDer::from_pem_slice(&pem.key).map_err(|_| TlsError::NoKey(files.key.clone()))?;
    // Checks that the key is the certificate's.
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|source| TlsError::Pair { files: files.clone(), source })
}
