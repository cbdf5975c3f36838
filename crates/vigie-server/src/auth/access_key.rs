//! Makes access keys and the AWS shared-credentials text that hands one to a user. Never stores one (see
//! [`crate::db`]) and never prints the secret half.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use vigie_media::Timestamp;

use super::master_key::{MasterKey, SealError, fill_random};
use crate::db::AccessKey;

/// Letters of an access key id after its prefix: base 32, as AWS's are.
const ID_ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Long-lived keys, and those that GetSessionToken gives out.
const LASTING_PREFIX: &str = "AKIA";
pub(crate) const TEMPORARY_PREFIX: &str = "ASIA";
const USER_PREFIX: &str = "AIDA";

/// A new access key, the only moment at which its secret half is in the clear.
#[derive(Debug)]
pub struct NewAccessKey {
    /// `AKIA` (or `ASIA` for a temporary one) and 16 letters and digits.
    pub access_key_id: String,
    /// 40 characters.
    pub secret_access_key: SecretString,
}

impl NewAccessKey {
    /// Makes a key from the operating system's random bytes.
    pub fn generate() -> Result<Self, SealError> {
        Self::with_prefix(LASTING_PREFIX)
    }

    /// Makes the key of temporary credentials.
    pub(crate) fn generate_temporary() -> Result<Self, SealError> {
        Self::with_prefix(TEMPORARY_PREFIX)
    }

    fn with_prefix(prefix: &str) -> Result<Self, SealError> {
        let access_key_id = id(prefix)?;
        // 30 bytes are 40 characters of base 64 without padding.
        let mut secret = Zeroizing::new([0; 30]);
        fill_random(secret.as_mut())?;
        Ok(Self {
            access_key_id,
            secret_access_key: SecretString::from(STANDARD.encode(secret.as_ref())),
        })
    }

    /// The row that is kept of the key. Its holder may do what the policy says; everything where there is none.
    pub fn row(
        &self,
        master_key: &MasterKey,
        principal_arn: String,
        policy_json: Option<String>,
        created_at: Timestamp,
    ) -> Result<AccessKey, SealError> {
        let secret = self.secret_access_key.expose_secret().as_bytes();
        Ok(AccessKey {
            access_key_id: self.access_key_id.clone(),
            sealed_secret: master_key.seal(&seal_purpose(&self.access_key_id), secret)?,
            principal_arn,
            created_at,
            policy_json,
            revoked_at: None,
        })
    }

    /// The key as a file in the AWS shared-credentials format, profile `default`.
    pub fn credentials_file(&self) -> Zeroizing<String> {
        Zeroizing::new(format!(
            "[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            self.access_key_id,
            self.secret_access_key.expose_secret()
        ))
    }
}

/// The id of a new user, of the form that AWS's have.
pub(crate) fn new_user_id() -> Result<String, SealError> {
    id(USER_PREFIX)
}

fn id(prefix: &str) -> Result<String, SealError> {
    let mut drawn = [0; 16];
    fill_random(&mut drawn)?;
    let letters = drawn.iter().map(|byte| char::from(ID_ALPHABET[usize::from(byte % 32)]));
    Ok(prefix.chars().chain(letters).collect())
}

/// What a secret access key is sealed for: its own id.
pub(crate) fn seal_purpose(access_key_id: &str) -> String {
    format!("access-key {access_key_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_has_the_form_of_aws_keys_and_hides_its_secret() {
        let key = NewAccessKey::generate().unwrap();
        let secret = key.secret_access_key.expose_secret();
        assert_eq!((key.access_key_id.len(), secret.len()), (20, 40));
        assert!(!format!("{key:?}").contains(secret));
        assert!(key.credentials_file().contains(secret));
    }
}
