//! Seals what must not be readable on disk: secret access keys and secret values, with AES-256-GCM under one master
//! key. Never stores the master key itself, never prints what it opened.

use std::fmt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

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
    /// Another master key sealed it, or the bytes were changed.
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
    cipher: Aes256Gcm,
    playback: SealingKey,
}

/// A key that is derived from the master key for one use. Does not print.
#[derive(Clone)]
pub(crate) struct SealingKey {
    cipher: Aes256Gcm,
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(hidden)")
    }
}

/// HMAC-SHA-256 of the use under the master key: who has the derived key learns nothing about the master key.
fn derive(master: &[u8; MASTER_KEY_SIZE_BYTES], usage: &str) -> SealingKey {
    // HMAC fills a short key up with zeros to the length of a block.
    let mut block = [0; 64];
    block[..MASTER_KEY_SIZE_BYTES].copy_from_slice(master);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    block.zeroize();
    mac.update(usage.as_bytes());
    let mut key: [u8; MASTER_KEY_SIZE_BYTES] = mac.finalize().into_bytes().into();
    let cipher = Aes256Gcm::new(&key.into());
    key.zeroize();
    SealingKey { cipher }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(hidden)")
    }
}

impl MasterKey {
    /// From raw bytes, which are wiped.
    pub fn from_bytes(mut bytes: [u8; MASTER_KEY_SIZE_BYTES]) -> Self {
        let cipher = Aes256Gcm::new(&bytes.into());
        let playback = derive(&bytes, "vigie playback sessions");
        bytes.zeroize();
        Self { cipher, playback }
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

    /// Seals `plain`. `purpose` names what it is and whose: a sealed value opens under the same purpose only, so a
    /// row copied over another one does not pass for it.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        seal(&self.cipher, purpose, plain)
    }

    /// Opens what [`MasterKey::seal`] made for the same purpose.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        open(&self.cipher, purpose, sealed)
    }
}

impl SealingKey {
    /// As [`MasterKey::seal`].
    pub(crate) fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        seal(&self.cipher, purpose, plain)
    }

    /// As [`MasterKey::open`].
    pub(crate) fn open(
        &self,
        purpose: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        open(&self.cipher, purpose, sealed)
    }
}

fn seal(cipher: &Aes256Gcm, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut nonce = [0; NONCE_SIZE_BYTES];
    fill_random(&mut nonce)?;
    let payload = Payload { msg: plain, aad: purpose.as_bytes() };
    let sealed = cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| SealError::NotSealed)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn open(cipher: &Aes256Gcm, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let (nonce, sealed) =
        sealed.split_first_chunk::<NONCE_SIZE_BYTES>().ok_or(SealError::NotOpened)?;
    let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
    let plain = cipher.decrypt(&Nonce::from(*nonce), payload).map_err(|_| SealError::NotOpened)?;
    Ok(Zeroizing::new(plain))
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
        assert_eq!(
            MasterKey::from_bytes([8; 32]).open("secret a", &sealed),
            Err(SealError::NotOpened)
        );
        assert_eq!(key.open("secret a", &sealed[..5]), Err(SealError::NotOpened));
        assert!(!sealed.windows(4).any(|window| window == b"rtsp"));
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
