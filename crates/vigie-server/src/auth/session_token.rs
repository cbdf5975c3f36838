//! Temporary credentials without a table: the session token carries what the server needs to know, sealed under the
//! master key, so that every instance can verify it and none has to remember it.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use vigie_kvs::Sensitive;
use vigie_media::Timestamp;
use zeroize::Zeroizing;

use super::access_key::NewAccessKey;
use super::master_key::{MasterKey, SealError};
use super::principal::Principal;

/// What a session token holds.
#[derive(Debug)]
pub(crate) struct SessionToken {
    /// Who asked for it; the session has its permissions and ends with it.
    pub principal: Principal,
    /// The temporary key's secret half.
    pub secret_access_key: Sensitive,
    /// When the session ends.
    pub expires_at: Timestamp,
}

/// The sealed form.
#[derive(Serialize, Deserialize)]
struct Sealed {
    parent: Parent,
    secret: Sensitive,
    expires_at_ms: i64,
}

/// An access key stands there by its id alone, as in every version.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Parent {
    AccessKey(String),
    Other(Principal),
}

/// Temporary credentials as the caller gets them.
#[derive(Debug)]
pub(crate) struct TemporaryCredentials {
    pub access_key_id: String,
    pub secret_access_key: Sensitive,
    pub session_token: Sensitive,
    pub expires_at: Timestamp,
}

impl TemporaryCredentials {
    /// Makes credentials that hold for `duration` and do what the principal does.
    pub(crate) fn issue(
        master_key: &MasterKey,
        principal: &Principal,
        now: Timestamp,
        duration: Duration,
    ) -> Result<Self, SealError> {
        let key = NewAccessKey::generate_temporary()?;
        let secret_access_key = Sensitive::new(key.secret_access_key.expose_secret());
        let expires_at = now + duration;
        let content = Sealed {
            parent: match principal.clone() {
                Principal::AccessKey(id) => Parent::AccessKey(id),
                other => Parent::Other(other),
            },
            secret: secret_access_key.clone(),
            expires_at_ms: expires_at.as_millis(),
        };
        let content = serde_json::to_vec(&content).map(Zeroizing::new);
        let content = content.map_err(|_| SealError::NotSealed)?;
        let sealed = master_key.sessions().seal(&purpose(&key.access_key_id), &content)?;
        Ok(Self {
            access_key_id: key.access_key_id,
            secret_access_key,
            session_token: Sensitive::new(STANDARD.encode(sealed)),
            expires_at,
        })
    }
}

impl SessionToken {
    /// Opens a token that came with a temporary key's id; `None` when it is not one of this server's for that id.
    pub(crate) fn open(
        master_key: &MasterKey,
        access_key_id: &str,
        token: &Sensitive,
    ) -> Option<Self> {
        let sealed = STANDARD.decode(token.expose()).ok()?;
        let content = master_key.sessions().open(&purpose(access_key_id), &sealed).ok()?;
        let content: Sealed = serde_json::from_slice(&content).ok()?;
        Some(Self {
            principal: match content.parent {
                Parent::AccessKey(id) => Principal::AccessKey(id),
                Parent::Other(other) => other,
            },
            secret_access_key: content.secret,
            expires_at: Timestamp::from_millis(content.expires_at_ms),
        })
    }
}

/// A token belongs to its key id: it opens for no other.
fn purpose(access_key_id: &str) -> String {
    format!("session-token {access_key_id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_opens_under_its_master_key_for_its_key_id_alone() {
        let master_key = MasterKey::from_bytes([7; 32]);
        let now = Timestamp::from_millis(1_000);
        let parent = Principal::AccessKey("AKIAPARENT".into());
        let made = TemporaryCredentials::issue(&master_key, &parent, now, Duration::from_secs(900));
        let made = made.unwrap();
        let opened = SessionToken::open(&master_key, &made.access_key_id, &made.session_token);
        let opened = opened.unwrap();
        assert_eq!(opened.principal, parent);
        assert_eq!(opened.secret_access_key, made.secret_access_key);
        assert_eq!(opened.expires_at, Timestamp::from_millis(901_000));
        assert!(made.access_key_id.starts_with("ASIA") && made.access_key_id.len() == 20);
        assert!(!format!("{made:?}{opened:?}").contains(made.secret_access_key.expose()));
        assert!(!format!("{made:?}").contains(made.session_token.expose()));

        assert!(SessionToken::open(&master_key, "ASIAOTHER", &made.session_token).is_none());
        let other = MasterKey::from_bytes([8; 32]);
        assert!(SessionToken::open(&other, &made.access_key_id, &made.session_token).is_none());
        let token = made.session_token.expose();
        let first = if token.starts_with('A') { 'B' } else { 'A' };
        let changed = format!("{first}{}", &token[1..]);
        for wrong in ["", "no base 64!", "AAAA", &token[4..], changed.as_str()] {
            let wrong = Sensitive::new(wrong);
            assert!(SessionToken::open(&master_key, &made.access_key_id, &wrong).is_none());
        }
    }

    #[test]
    fn a_token_of_a_user_names_the_epoch_of_its_sessions() {
        let master_key = MasterKey::from_bytes([7; 32]);
        let user = Principal::User { id: "AIDA1".into(), sessions_epoch: 3 };
        let (now, duration) = (Timestamp::from_millis(1_000), Duration::from_secs(900));
        let made = TemporaryCredentials::issue(&master_key, &user, now, duration).unwrap();
        let opened = SessionToken::open(&master_key, &made.access_key_id, &made.session_token);
        assert_eq!(opened.unwrap().principal, user);
    }

    #[test]
    fn a_token_of_an_earlier_version_opens() {
        // Sealed apart: the nonce, and AES-256-GCM under the master key itself.
        let token = Sensitive::new(
            "AAECAwQFBgcICQoLY6OZEW9stz1ViMfdqREtqqBu88BMQFsTZasAyOujTz/8GAyD+71pqICLhfMRvpcf1lUkCb2ngeUuLsDT\
             zbM59XR/MoyqY2UTQmabg1m7gHFs4Cfj3owa",
        );
        let master_key = MasterKey::from_bytes([7; 32]);
        let opened = SessionToken::open(&master_key, "ASIAEXAMPLE", &token).unwrap();
        assert_eq!(opened.principal, Principal::AccessKey("AKIAPARENT".into()));
        assert_eq!(opened.secret_access_key, Sensitive::new("wJalrXUtnFEMI"));
        assert_eq!(opened.expires_at, Timestamp::from_millis(901_000));
    }
}
