//! `rtsps://`: whom a camera's certificate is trusted by.
//!
//! A certificate is trusted when the system's authorities, or one that the operator named, vouch for it and for the
//! host, as on the web. Cameras often have certificates that nobody vouches for and that name no host: such a one is
//! trusted when the operator named exactly it. Nothing else is trusted, and nothing turns that off.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use thiserror::Error;
use tokio_rustls::TlsConnector;
use vigie_engine::recorder::Failure;
use vigie_store::disk::Disk;

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
        let mut roots = RootCertStore::empty();
        let system = rustls_native_certs::load_native_certs();
        for error in system.errors {
            tracing::warn!(%error, "a system certificate cannot be read");
        }
        roots.add_parsable_certificates(system.certs);
        for certificate in &named {
            roots.add(certificate.clone()).map_err(CameraTlsError::Certificate)?;
        }
        let provider = Arc::new(aws_lc_rs::default_provider());
        let vouched = match roots.is_empty() {
            true => None,
            false => {
                let builder =
                    WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone());
                let built = builder.build();
                Some(built.map_err(|error| {
                    CameraTlsError::Setup(rustls::Error::General(error.to_string()))
                })?)
            }
        };
        let verifier = Verifier { vouched, named, provider: provider.clone() };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(CameraTlsError::Setup)?
            // "Dangerous" in that it brings a verifier of its own: this one is stricter than none and no laxer than asked.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Arc::new(config))
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

/// Checks a camera's certificate.
#[derive(Debug)]
struct Verifier {
    /// By authorities; `None` when there are none on this machine.
    vouched: Option<Arc<WebPkiServerVerifier>>,
    named: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // Exactly the certificate that was named: whose key the handshake proves, whatever it says of itself.
        if self.named.iter().any(|named| named.as_ref() == end_entity.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.vouched {
            Some(verifier) => verifier.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            None => Err(rustls::CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What a handshake that failed says of the camera.
pub(crate) fn handshake_failure(error: &io::Error) -> Failure {
    tracing::debug!(%error, "the TLS handshake with the camera failed");
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(_)) => Failure::CertificateUntrusted,
        Some(rustls::Error::InvalidMessage(_)) => Failure::TlsNotSpoken,
        Some(_) => Failure::TlsRefused,
        None => Failure::TlsUnanswered,
    }
}
