//! The camera secret: the JSON that `MediaUriSecretArn` leads to.
//!
//! Decides whether a secret holds a media URI. Never resolves a secret, never opens the URI.

use std::fmt;

use serde_json::Value;

use crate::sensitive::Sensitive;

/// Where a camera or a file is: `rtsp://…` or `file://…`, often with a password inside.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaUri(Sensitive);

impl fmt::Debug for MediaUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MediaUri(…)")
    }
}

/// Why a secret holds no media URI. The texts tell the user what to store and never what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaUriError {
    #[error(
        "the camera secret is binary; store it as a SecretString of the form {{\"MediaURI\":\"rtsp://…\"}}"
    )]
    Binary,
    /// The text is not JSON.
    #[error(
        "the camera secret is not JSON; its SecretString must be of the form {{\"MediaURI\":\"rtsp://…\"}}"
    )]
    NotJson,
    /// The JSON is not an object with the one key.
    #[error(
        "the camera secret must be a JSON object with exactly one key, MediaURI (case matters), such as {{\"MediaURI\":\"rtsp://…\"}}"
    )]
    NotExactlyMediaUri,
    #[error(
        "the value of MediaURI in the camera secret is not text; it must be a URI such as rtsp://…"
    )]
    NotText,
    #[error(
        "the value of MediaURI in the camera secret is empty; it must be a URI such as rtsp://…"
    )]
    Empty,
}

impl MediaUri {
    /// Reads the `SecretString` of a camera secret: JSON with exactly the key `MediaURI`, as the KVS Edge Agent's
    /// guide asks for. White space around the URI is dropped.
    pub fn from_secret_string(secret: &Sensitive) -> Result<Self, MediaUriError> {
        let value: Value =
            serde_json::from_str(secret.expose()).map_err(|_| MediaUriError::NotJson)?;
        let Value::Object(members) = value else { return Err(MediaUriError::NotExactlyMediaUri) };
        let uri = match members.get("MediaURI") {
            Some(uri) if members.len() == 1 => uri,
            _ => return Err(MediaUriError::NotExactlyMediaUri),
        };
        Self::from_text(&Sensitive::new(uri.as_str().ok_or(MediaUriError::NotText)?))
    }

    /// A URI that is given as it is. White space around it is dropped.
    ///
    /// # Errors
    ///
    /// [`MediaUriError::Empty`].
    pub fn from_text(text: &Sensitive) -> Result<Self, MediaUriError> {
        let uri = text.expose().trim();
        if uri.is_empty() {
            return Err(MediaUriError::Empty);
        }
        Ok(Self(Sensitive::new(uri)))
    }

    /// The URI with its credentials.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(secret: &str, expect: Result<&str, MediaUriError>) {
        let uri = MediaUri::from_secret_string(&Sensitive::new(secret));
        assert_eq!(uri.as_ref().map(MediaUri::expose).map_err(|error| *error), expect, "{secret}");
    }

    #[test]
    fn the_one_key_holds_the_uri() {
        check(r#"{"MediaURI":"rtsp://u:p@cam/1"}"#, Ok("rtsp://u:p@cam/1"));
        check(r#" {"MediaURI":" file:///a.mp4\n"} "#, Ok("file:///a.mp4"));
    }

    #[test]
    fn everything_else_is_refused_with_what_to_do() {
        check("rtsp://cam/1", Err(MediaUriError::NotJson));
        check("", Err(MediaUriError::NotJson));
        check(r#""rtsp://cam/1""#, Err(MediaUriError::NotExactlyMediaUri));
        check(r#"{"mediauri":"rtsp://cam/1"}"#, Err(MediaUriError::NotExactlyMediaUri));
        check(r#"{"MediaURI":"rtsp://c","x":1}"#, Err(MediaUriError::NotExactlyMediaUri));
        check("{}", Err(MediaUriError::NotExactlyMediaUri));
        check(r#"{"MediaURI":7}"#, Err(MediaUriError::NotText));
        check(r#"{"MediaURI":"  "}"#, Err(MediaUriError::Empty));
    }

    #[test]
    fn neither_uri_nor_errors_print_the_secret() {
        let uri = MediaUri::from_secret_string(&Sensitive::new(r#"{"MediaURI":"rtsp://u:pw@c"}"#));
        assert_eq!(format!("{uri:?}"), "Ok(MediaUri(…))");
        let secret = Sensitive::new(r#"{"MediaURI":"rtsp://u:pw@c","password":"pw"}"#);
        let error = MediaUri::from_secret_string(&secret).unwrap_err();
        assert!(!error.to_string().contains("pw"));
    }
}
