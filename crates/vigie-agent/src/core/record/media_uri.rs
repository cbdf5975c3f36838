//! What URI is in a secret, and what a secret that could not be read means for the recorder.
//!
//! Nothing here prints a secret or the URI in it.

use vigie_engine::recorder::{Failure, SourceKind, UriFault};
use vigie_kvs::Sensitive;
use vigie_kvs::error::ErrorKind;
use vigie_kvs::media_uri::{MediaUri, MediaUriError};

use crate::core::event::CallFailure;

pub(super) fn uri_of(secret: Option<&Sensitive>, kind: SourceKind) -> Result<MediaUri, Failure> {
    media_uri_of(secret.ok_or(Failure::SecretUnreadable)?, kind)
}

/// The URI in a secret, if it is of the kind that the configuration says.
pub(in crate::core) fn media_uri_of(
    secret: &Sensitive,
    kind: SourceKind,
) -> Result<MediaUri, Failure> {
    let uri = MediaUri::from_secret_string(secret).map_err(|error| match error {
        MediaUriError::Binary | MediaUriError::NotJson => Failure::SecretUnreadable,
        MediaUriError::NotExactlyMediaUri => Failure::SecretWithoutMediaUri,
        MediaUriError::NotText | MediaUriError::Empty => Failure::BadUri(UriFault::Kind),
    })?;
    if is_of_kind(&uri, kind) { Ok(uri) } else { Err(Failure::BadUri(UriFault::Kind)) }
}

/// A camera's URI that was given as it is.
pub(in crate::core) fn camera_uri(text: &Sensitive) -> Result<MediaUri, Failure> {
    let uri = MediaUri::from_text(text).map_err(|_| Failure::BadUri(UriFault::Kind))?;
    if is_of_kind(&uri, SourceKind::Rtsp) { Ok(uri) } else { Err(Failure::BadUri(UriFault::Kind)) }
}

fn is_of_kind(uri: &MediaUri, kind: SourceKind) -> bool {
    let text = uri.expose();
    match kind {
        SourceKind::Rtsp => {
            ["rtsp://", "rtsps://", "rtspu://"].iter().any(|scheme| text.starts_with(scheme))
        }
        SourceKind::File => text.starts_with("file://") || text.starts_with('/'),
    }
}

/// What a call that gave no secret means for the recorder.
pub(in crate::core) fn secret_failure(failure: CallFailure) -> Failure {
    match failure {
        CallFailure::Refused {
            kind: Some(ErrorKind::ResourceNotFound | ErrorKind::InvalidRequest),
            ..
        } => Failure::SecretNotFound,
        CallFailure::Refused { status: 401 | 403, .. } | CallFailure::NoCredentials => {
            Failure::SecretAccessDenied
        }
        CallFailure::Refused {
            kind: Some(ErrorKind::AccessDenied | ErrorKind::NotAuthorized),
            ..
        } => Failure::SecretAccessDenied,
        CallFailure::Refused { .. }
        | CallFailure::Unreachable
        | CallFailure::CertificateUntrusted
        | CallFailure::PlainDataEndpoint
        | CallFailure::TimedOut
        | CallFailure::Disconnected
        | CallFailure::UnreadableAnswer => Failure::SecretUnreachable,
    }
}
