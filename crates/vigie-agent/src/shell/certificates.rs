//! Whose certificate is trusted: one that an authority vouches for, or exactly one that the operator named.
//!
//! Certificates that vouch for themselves are made as authorities by many tools (`openssl req -x509` is one), and the TLS
//! library takes an authority's for no host's, though it is trusted (`CaUsedAsEndEntity`), where OpenSSL and with it curl,
//! boto3 and the AWS CLI do. Decides about certificates only; connections are the callers'.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Certificates that are trusted beside the authorities: exactly these.
#[derive(Debug)]
pub(crate) enum Named {
    /// Whatever host they name, and however old they are: those of cameras often name none.
    AsTheyAre(Vec<CertificateDer<'static>>),
    /// For the hosts that they name, and for as long as they say.
    ForTheirHosts(Vec<CertificateDer<'static>>),
}

/// The certificates that the system trusts. Those that cannot be read are said and left out.
pub(crate) fn of_the_system() -> Vec<CertificateDer<'static>> {
    let system = rustls_native_certs::load_native_certs();
    for error in system.errors {
        tracing::warn!(%error, "a system certificate cannot be read");
    }
    system.certs
}

/// A client's configuration that trusts these.
pub(crate) fn client_config(
    authorities: RootCertStore,
    named: Named,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let authorities = match authorities.is_empty() {
        true => None,
        false => {
            let builder = WebPkiServerVerifier::builder_with_provider(
                authorities.into(),
                Arc::clone(&provider),
            );
            Some(builder.build().map_err(|error| Error::General(error.to_string()))?)
        }
    };
    let verifier = Verifier { authorities, named, provider: Arc::clone(&provider) };
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        // "Dangerous" in that it brings a verifier of its own: this one is stricter than none and no laxer than asked.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// Why a handshake failed, where a TLS error lies within `error`.
pub(crate) fn tls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|cause| cause.downcast_ref())
}

#[derive(Debug)]
struct Verifier {
    /// `None` when there are none on this machine.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    named: Named,
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
    ) -> Result<ServerCertVerified, Error> {
        let is_among = |named: &[CertificateDer<'_>]| {
            named.iter().any(|named| named.as_ref() == end_entity.as_ref())
        };
        // Exactly the certificate that was named: whose key the handshake proves, whatever it says of itself.
        if matches!(&self.named, Named::AsTheyAre(named) if is_among(named)) {
            return Ok(ServerCertVerified::assertion());
        }
        let by_authority = match &self.authorities {
            Some(verifier) => verifier.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        match (by_authority, &self.named) {
            (Err(error), Named::ForTheirHosts(named)) if is_self_made(&error) => {
                if !is_among(named) {
                    return Err(CertificateError::UnknownIssuer.into());
                }
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            (by_authority, _) => by_authority,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether a certificate was refused for being an authority's. The library has no type for it; that it is over is said before
/// it.
fn is_self_made(error: &Error) -> bool {
    matches!(error, Error::InvalidCertificate(CertificateError::Other(other))
        if format!("{other:?}").contains("CaUsedAsEndEntity"))
}
