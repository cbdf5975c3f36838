//! The agent's access keys: the usual AWS chain of environment, then shared credentials file.
//!
//! Reads nothing of the environment itself (the binary hands the values in) and keeps no key in memory between
//! requests: the file is read each time it is needed, so that rotated keys need no restart.

use std::path::{Path, PathBuf};

use thiserror::Error;
use vigie_kvs::Sensitive;
use vigie_kvs::sigv4::Credentials;
use vigie_store::disk::Disk;

/// A shared credentials file larger than this is not one.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where keys come from, in order: both key variables, else the profile of the file.
#[derive(Clone, Debug, Default)]
pub struct CredentialsChain {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: Option<String>,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Option<Sensitive>,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<Sensitive>,
    /// `AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`.
    pub shared_credentials_file: Option<PathBuf>,
    /// `AWS_PROFILE`, else `default`.
    pub profile: Option<String>,
}

/// Why there are no keys; says what to do, holds no secret.
#[derive(Debug, Error)]
pub enum CredentialsError {
    /// Neither environment nor file.
    #[error(
        "there are no access keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
         AWS_SHARED_CREDENTIALS_FILE"
    )]
    Missing,
    /// The file cannot be read.
    #[error("cannot read the shared credentials file {path}")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file lacks the profile, or the profile lacks a key.
    #[error(
        "the shared credentials file {path} has no profile {profile} with aws_access_key_id and \
         aws_secret_access_key"
    )]
    NoProfile {
        path: PathBuf,
        /// The profile looked for.
        profile: String,
    },
}

impl CredentialsChain {
    /// The chain as the environment describes it; `get` looks one variable up.
    pub fn from_environment(get: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| get(name).filter(|value| !value.is_empty());
        let home_file =
            || get("HOME").map(|home| Path::new(&home).join(".aws").join("credentials"));
        Self {
            access_key_id: get("AWS_ACCESS_KEY_ID"),
            secret_access_key: get("AWS_SECRET_ACCESS_KEY").map(Sensitive::from),
            session_token: get("AWS_SESSION_TOKEN").map(Sensitive::from),
            shared_credentials_file: get("AWS_SHARED_CREDENTIALS_FILE")
                .map(PathBuf::from)
                .or_else(home_file),
            profile: get("AWS_PROFILE"),
        }
    }

    /// The keys as they are now.
    ///
    /// # Errors
    ///
    /// When neither the environment nor the file gives a pair.
    pub fn resolve(&self, disk: &dyn Disk) -> Result<Credentials, CredentialsError> {
        if let (Some(id), Some(secret)) = (&self.access_key_id, &self.secret_access_key) {
            return Ok(Credentials {
                access_key_id: id.clone(),
                secret_access_key: secret.clone(),
                session_token: self.session_token.clone(),
            });
        }
        let path = self.shared_credentials_file.as_ref().ok_or(CredentialsError::Missing)?;
        let text = read_text(disk, path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => CredentialsError::Missing,
            _ => CredentialsError::Unreadable { path: path.clone(), source },
        })?;
        let profile = self.profile.as_deref().unwrap_or("default");
        parse_profile(&text, profile).ok_or_else(|| CredentialsError::NoProfile {
            path: path.clone(),
            profile: profile.to_owned(),
        })
    }
}

fn read_text(disk: &dyn Disk, path: &Path) -> std::io::Result<String> {
    let file = disk.open_read_only(path)?;
    let length_bytes = file.length_bytes()?.min(FILE_BYTES_MAX);
    let bytes = file.read_exact_at(0, usize::try_from(length_bytes).unwrap_or(0))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Finds one profile of an AWS shared credentials file: `[name]` sections of `key = value`, `#` and `;` comments.
fn parse_profile(text: &str, profile: &str) -> Option<Credentials> {
    let (mut id, mut secret, mut token) = (None, None, None);
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('#') || line.starts_with(';') {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            inside = section.trim() == profile;
        } else if let Some((key, value)) = line.split_once('=').filter(|_| inside) {
            let value = value.trim().to_owned();
            match key.trim() {
                "aws_access_key_id" => id = Some(value),
                "aws_secret_access_key" => secret = Some(Sensitive::from(value)),
                "aws_session_token" => token = Some(Sensitive::from(value)),
                _ => {}
            }
        }
    }
    Some(Credentials { access_key_id: id?, secret_access_key: secret?, session_token: token })
}

#[cfg(test)]
mod tests {

    use super::*;

    const FILE: &str = "# keys\n[default]\naws_access_key_id = A1\naws_secret_access_key=s1=\n\n\
                        [ hub ]\naws_access_key_id=A2\naws_secret_access_key = s2\n\
                        ; temporary\naws_session_token = t2\n[empty]\naws_access_key_id=A3\n";

    #[track_caller]
    fn check(profile: &str, expect: Option<(&str, &str, Option<&str>)>) {
        let found = parse_profile(FILE, profile);
        let found = found.as_ref().map(|keys| {
            let token = keys.session_token.as_ref().map(|token| token.expose());
            (keys.access_key_id.as_str(), keys.secret_access_key.expose(), token)
        });
        assert_eq!(found, expect);
    }

    #[test]
    fn profiles_of_a_shared_credentials_file_are_read() {
        check("default", Some(("A1", "s1=", None)));
        check("hub", Some(("A2", "s2", Some("t2"))));
        check("empty", None);
        check("nobody", None);
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let chain = CredentialsChain::from_environment(|name| match name {
            "AWS_ACCESS_KEY_ID" => Some("E1".to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some("e1".to_owned()),
            "HOME" => Some("/nowhere".to_owned()),
            _ => None,
        });
        assert_eq!(
            chain.shared_credentials_file.as_deref(),
            Some(Path::new("/nowhere/.aws/credentials"))
        );
        let keys = chain.resolve(&vigie_store::OsDisk).unwrap();
        assert_eq!(keys.access_key_id, "E1");
    }

    #[test]
    fn the_secret_does_not_print() {
        let keys = parse_profile(FILE, "default").unwrap();
        assert!(!format!("{keys:?}").contains("s1="));
    }
}
