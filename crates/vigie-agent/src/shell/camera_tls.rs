//! `rtsps://`: whom a camera's certificate is trusted by.
//!
//! A certificate is trusted when the system's authorities, or one that the operator named, vouch for it and for the
//! host, as on the web. Cameras often have certificates that nobody vouches for and that name no host: such a one is
//! trusted when the operator named exactly it. Nothing else is trusted, and nothing turns that off.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;
use tokio_rustls::TlsConnector;
use vigie_engine::recorder::Failure;
use vigie_store::disk::Disk;

use crate::shell::certificates::{self, Named, client_config};

/// More certificates than any operator names.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Why the operator's certificates cannot be used.
#[derive(Debug, Error)]
pub enum CameraTlsError {
    /// The file cannot be read.
    #[error("cannot read the file")]
    Read(#[source] io::Error),
    /// The file holds no certificate.
    #[error("the file holds no certificate in PEM")]
    NoCertificate,
    /// A certificate in it is damaged.
    #[error("a certificate in the file cannot be read")]
    Certificate(#[source] rustls::Error),
    /// The crypto library refuses.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

/// What every TLS connection to a camera needs. Clones are the same.
#[derive(Clone)]
pub(crate) struct CameraTls {
    config: Arc<Mutex<Arc<ClientConfig>>>,
}

impl CameraTls {
    /// Trusts the system's authorities, and the certificates in `file`.
    pub(crate) fn open(file: Option<&Path>, disk: &dyn Disk) -> Result<Self, CameraTlsError> {
        let config = Self::config(file, disk)?;
        Ok(Self { config: Arc::new(Mutex::new(config)) })
    }

    /// Reads both anew, for the connections that follow. What cannot be used changes nothing.
    pub(crate) fn reload(
        &self,
        file: Option<&Path>,
        disk: &dyn Disk,
    ) -> Result<(), CameraTlsError> {
        let config = Self::config(file, disk)?;
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// What connections are made by from now on.
    pub(crate) fn connector(&self) -> TlsConnector {
        let config = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        TlsConnector::from(Arc::clone(&config))
    }

    fn config(file: Option<&Path>, disk: &dyn Disk) -> Result<Arc<ClientConfig>, CameraTlsError> {
        let named = match file {
            Some(path) => read(path, disk)?,
            None => Vec::new(),
        };
        let mut authorities = RootCertStore::empty();
        authorities.add_parsable_certificates(certificates::of_the_system());
        for certificate in &named {
            authorities.add(certificate.clone()).map_err(CameraTlsError::Certificate)?;
        }
        let config = client_config(authorities, Named::AsTheyAre(named));
        config.map(Arc::new).map_err(CameraTlsError::Setup)
    }
}

fn read(path: &Path, disk: &dyn Disk) -> Result<Vec<CertificateDer<'static>>, CameraTlsError> {
    let file = disk.open_read_only(path).map_err(CameraTlsError::Read)?;
    let length_bytes = file.length_bytes().map_err(CameraTlsError::Read)?;
    if length_bytes > FILE_BYTES_MAX {
        return Err(CameraTlsError::Read(io::ErrorKind::FileTooLarge.into()));
    }
    let length_bytes = usize::try_from(length_bytes).unwrap_or(usize::MAX);
    let pem = file.read_exact_at(0, length_bytes).map_err(CameraTlsError::Read)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(CameraTlsError::NoCertificate),
    }
}

/// What a handshake that failed says of the camera.
pub(crate) fn handshake_failure(error: &io::Error) -> Failure {
    tracing::debug!(%error, "the TLS handshake with the camera failed");
    match certificates::tls_error(error) {
        Some(rustls::Error::InvalidCertificate(_)) => Failure::CertificateUntrusted,
        Some(rustls::Error::InvalidMessage(_)) => Failure::TlsNotSpoken,
        Some(_) => Failure::TlsRefused,
        None => Failure::TlsUnanswered,
    }
}
