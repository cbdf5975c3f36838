//! The form in which sealed values are stored: which master key sealed them stands before them.
//!
//! Decides what is such a value and what is of a version that noted no key: a nonce, and what was sealed under it. Opens
//! nothing.

use std::fmt;

/// Four bytes that a nonce begins with once in four thousand million times.
const MARK: [u8; 4] = *b"VGS1";
const ID_SIZE_BYTES: usize = 8;

/// Tells a master key from others. It is derived from the key one way, so that it may be read and shown by anyone.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterKeyId(pub(super) [u8; ID_SIZE_BYTES]);

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base16ct::lower::encode_string(&self.0))
    }
}

impl fmt::Debug for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKeyId({self})")
    }
}

/// As it is stored.
pub(super) fn with_key_id(id: MasterKeyId, sealed: &[u8]) -> Vec<u8> {
    [MARK.as_slice(), &id.0, sealed].concat()
}

/// The key that sealed a stored value, and what it sealed; `None` when none is noted.
pub(super) fn split(stored: &[u8]) -> Option<(MasterKeyId, &[u8])> {
    let (id, sealed) = stored.strip_prefix(&MARK)?.split_first_chunk()?;
    Some((MasterKeyId(*id), sealed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_says_who_sealed_it_and_what_is_older_or_cut_off_does_not() {
        let id = MasterKeyId([0xab; 8]);
        let stored = with_key_id(id, b"sealed");
        assert_eq!(&stored[..4], b"VGS1");
        assert_eq!(split(&stored), Some((id, &b"sealed"[..])));
        assert_eq!(split(&stored[..12]), Some((id, &b""[..])));
        for older in [&stored[..11], &stored[4..], b"VGS", b""] {
            assert_eq!(split(older), None, "{older:?}");
        }
        assert_eq!(id.to_string(), "abababababababab");
    }
}
