//! Seals what must not be readable on disk: secret access keys and secret values, with AES-256-GCM under one master
//! key. Never stores the master key itself, never prints what it opened.
//!
//! What is stored says which key sealed it. Tokens do not: nobody keeps them for the server, those that were given out
//! before an upgrade go on, and one that opens under no key is simply no token of this server.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::sealed_value::{MasterKeyId, split, with_key_id};

/// Bytes of a master key (AES-256).
pub const MASTER_KEY_SIZE_BYTES: usize = 32;
/// The name of the value that tells whether a master key is the one that secrets were stored with.
pub(crate) const MASTER_KEY_PROOF: &str = "master-key-proof";
const NONCE_SIZE_BYTES: usize = 12;

/// Why a value could not be sealed or opened.
#[derive(Debug, thiserror::Error, Clone, PartialEq, Eq)]
pub enum SealError {
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system: {0}")]
    NoRandomBytes(String),
    /// The cipher refused to seal.
    #[error("the value could not be encrypted")]
    NotSealed,
    #[error(
        "a stored value was sealed with another master key (id {sealed_with}) than this one (id {held}); start with \
         that one"
    )]
    OtherMasterKey {
        sealed_with: MasterKeyId,
        /// The key that was to open it.
        held: MasterKeyId,
    },
    /// The bytes were changed, or another master key sealed them, of which no id was noted.
    #[error(
        "a stored value does not open under this master key; start with the key it was stored with"
    )]
    NotOpened,
    /// The text of a master key is not 64 hexadecimal digits.
    #[error("a master key is {} hexadecimal digits", MASTER_KEY_SIZE_BYTES * 2)]
    NotAMasterKey,
}

/// The key under which a server's secrets lie on disk. Does not print.
#[derive(Clone)]
pub struct MasterKey {
    id: MasterKeyId,
    own: SealingKey,
    playback: SealingKey,
}

/// What seals and opens, and notes nothing. Does not print.
#[derive(Clone)]
pub(crate) struct SealingKey {
    cipher: Aes256Gcm,
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(hidden)")
    }
}

/// HMAC-SHA-256 of the use under the master key: who has what is derived learns nothing about the master key. HKDF would
/// derive another key of playback sessions than earlier versions did.
fn derive(
    master: &[u8; MASTER_KEY_SIZE_BYTES],
    usage: &str,
) -> Zeroizing<[u8; MASTER_KEY_SIZE_BYTES]> {
    // HMAC fills a short key up with zeros to the length of a block.
    let mut block = [0; 64];
    block[..MASTER_KEY_SIZE_BYTES].copy_from_slice(master);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    block.zeroize();
    mac.update(usage.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(hidden)")
    }
}

impl MasterKey {
    /// From raw bytes, which are wiped.
    pub fn from_bytes(mut bytes: [u8; MASTER_KEY_SIZE_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *derive(&bytes, "vigie master key id");
        let id = MasterKeyId([a, b, c, d, e, f, g, h]);
        let own = SealingKey::new(&bytes);
        let playback = SealingKey::new(&derive(&bytes, "vigie playback sessions"));
        bytes.zeroize();
        Self { id, own, playback }
    }

    /// From 64 hexadecimal digits; white space around them is ignored.
    pub fn from_hex(text: &str) -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0; MASTER_KEY_SIZE_BYTES]);
        match base16ct::mixed::decode(text.trim(), bytes.as_mut()) {
            Ok(decoded) if decoded.len() == MASTER_KEY_SIZE_BYTES => Ok(Self::from_bytes(*bytes)),
            _ => Err(SealError::NotAMasterKey),
        }
    }

    /// The text of a fresh master key, 64 hexadecimal digits.
    pub fn generate_hex() -> Result<Zeroizing<String>, SealError> {
        let mut bytes = Zeroizing::new([0; MASTER_KEY_SIZE_BYTES]);
        fill_random(bytes.as_mut())?;
        Ok(Zeroizing::new(base16ct::lower::encode_string(bytes.as_ref())))
    }

    /// The key of playback sessions: their tokens go to everyone who watches, and many are made.
    pub(crate) fn playback(&self) -> &SealingKey {
        &self.playback
    }

    /// The key of STS session tokens.
    pub(crate) const fn sessions(&self) -> &SealingKey {
        &self.own
    }

    /// What tells it from others.
    pub const fn id(&self) -> MasterKeyId {
        self.id
    }

    /// Seals `plain`, to be stored. `purpose` names what it is and whose: a sealed value opens under the same purpose
    /// only, so a row copied over another one does not pass for it.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        Ok(with_key_id(self.id, &self.own.seal(purpose, plain)?))
    }

    /// Opens what [`MasterKey::seal`] made for the same purpose, in this version or in one that noted no key.
    pub fn open(&self, purpose: &str, stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let noted = split(stored);
        if let Some((id, sealed)) = noted
            && id == self.id
            && let Ok(plain) = self.own.open(purpose, sealed)
        {
            return Ok(plain);
        }
        // Also what has the mark by chance: only what was sealed opens.
        match (self.own.open(purpose, stored), noted) {
            (Err(_), Some((sealed_with, _))) if sealed_with != self.id => {
                Err(SealError::OtherMasterKey { sealed_with, held: self.id })
            }
            (opened, _) => opened,
        }
    }
}

impl SealingKey {
    fn new(key: &[u8; MASTER_KEY_SIZE_BYTES]) -> Self {
        Self { cipher: Aes256Gcm::new(key.into()) }
    }

    /// A nonce, and what is sealed under it for that purpose.
    pub(crate) fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_SIZE_BYTES];
        fill_random(&mut nonce)?;
        let payload = Payload { msg: plain, aad: purpose.as_bytes() };
        let sealed = self.cipher.encrypt(&Nonce::from(nonce), payload);
        Ok([nonce.as_slice(), &sealed.map_err(|_| SealError::NotSealed)?].concat())
    }

    /// Opens what [`SealingKey::seal`] made for the same purpose.
    pub(crate) fn open(
        &self,
        purpose: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, sealed) =
            sealed.split_first_chunk::<NONCE_SIZE_BYTES>().ok_or(SealError::NotOpened)?;
        let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
        let plain = self.cipher.decrypt(&Nonce::from(*nonce), payload);
        plain.map(Zeroizing::new).map_err(|_| SealError::NotOpened)
    }
}

/// Fills `bytes` with random bytes fit for keys and nonces.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), SealError> {
    getrandom::fill(bytes).map_err(|error| SealError::NoRandomBytes(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_for_its_purpose_under_its_key_only() {
        let key = MasterKey::from_bytes([7; 32]);
        let sealed = key.seal("secret a", b"rtsp://user:word@camera").unwrap();
        assert_eq!(&key.open("secret a", &sealed).unwrap()[..], b"rtsp://user:word@camera");
        assert_eq!(key.open("secret b", &sealed), Err(SealError::NotOpened));
        let other = MasterKey::from_bytes([8; 32]);
        let error = other.open("secret a", &sealed).unwrap_err();
        assert_eq!(error, SealError::OtherMasterKey { sealed_with: key.id(), held: other.id() });
        let text = error.to_string();
        assert!(text.contains("(id f1f95aedd63894c3)") && text.contains("(id b42a4ac761a55d07)"));
        assert_eq!(key.open("secret a", &sealed[..5]), Err(SealError::NotOpened));
        assert!(!sealed.windows(4).any(|window| window == b"rtsp"));
        for at in 12..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open("secret a", &changed), Err(SealError::NotOpened), "{at}");
        }
    }

    #[test]
    fn what_was_sealed_before_keys_were_noted_is_still_opened() {
        // Sealed apart, as it was then: the nonce, and AES-256-GCM with the purpose as associated data.
        let digits = "000102030405060708090a0b6af59a002726f63c04d797a695371e9ea15fd7e37d10168b0d3e14274db07934\
                      2ef929078ffc9d";
        let older = base16ct::lower::decode_vec(digits).unwrap();
        let key = MasterKey::from_bytes([7; 32]);
        assert_eq!(&key.open("secret a", &older).unwrap()[..], b"rtsp://user:word@camera");
        assert_eq!(key.open("secret b", &older), Err(SealError::NotOpened));
        let other = MasterKey::from_bytes([8; 32]);
        assert_eq!(other.open("secret a", &older), Err(SealError::NotOpened));
        // Whose nonce has the mark by chance, and so an id too.
        let digits = "56475331f1f95aedd63894c37cacaec80e435badf93d2508efe55dc050c2bdab1e";
        let own = base16ct::lower::decode_vec(digits).unwrap();
        assert_eq!(&key.open("secret a", &own).unwrap()[..], b"older");
        let digits = "5647533100010203040506074187a433098078162185c632d8a0998625527ed4a8";
        let foreign = base16ct::lower::decode_vec(digits).unwrap();
        assert_eq!(&key.open("secret a", &foreign).unwrap()[..], b"older");
    }

    #[test]
    fn the_id_of_a_key_is_the_same_in_every_version() {
        // Computed apart: the first 8 bytes of the HMAC-SHA-256 of "vigie master key id" under the key.
        assert_eq!(MasterKey::from_bytes([7; 32]).id().to_string(), "f1f95aedd63894c3");
    }

    #[test]
    fn sealing_twice_never_gives_the_same_bytes() {
        let key = MasterKey::from_bytes([7; 32]);
        assert_ne!(key.seal("p", b"x").unwrap(), key.seal("p", b"x").unwrap());
    }

    #[test]
    fn a_master_key_is_64_hexadecimal_digits() {
        let text = MasterKey::generate_hex().unwrap();
        assert_eq!(text.len(), 64);
        let sealed = MasterKey::from_hex(&text).unwrap().seal("p", b"x").unwrap();
        assert!(MasterKey::from_hex(&format!(" {}\n", *text)).unwrap().open("p", &sealed).is_ok());
        let signs = "+1".repeat(32);
        for wrong in ["", "00", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32), &signs] {
            assert_eq!(MasterKey::from_hex(wrong).err(), Some(SealError::NotAMasterKey), "{wrong}");
        }
    }

    #[test]
    fn the_key_of_playback_sessions_is_the_same_in_every_version() {
        // Sealed apart, by the HMAC-SHA-256 of "vigie playback sessions" under the key: URLs outlive an upgrade.
        let token = base16ct::lower::decode_vec(
            "000102030405060708090a0baa94b786baa2256ce563627e2801792d2c5008832ba244f7fd",
        );
        let token = token.unwrap();
        let key = MasterKey::from_bytes([7; 32]);
        assert_eq!(&key.playback().open("p", &token).unwrap()[..], b"a session");
    }

    #[test]
    fn a_master_key_does_not_print() {
        assert_eq!(format!("{:?}", MasterKey::from_bytes([7; 32])), "MasterKey(hidden)");
    }
}
