//! Version tokens and ARN suffixes: alphanumeric text from random bits that the caller drew.
//!
//! Never draws a random number itself.

/// Digits, capitals, small letters: the alphabet of KVS's version tokens (`davN9FKg4vjyKdCSs0f4` is a real one).
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A stream's version: 20 alphanumerics of mixed case, from 128 random bits (20 of them hold 119).
pub fn version_token(random: [u64; 2]) -> String {
    alphanumeric(u128::from(random[0]) << 64 | u128::from(random[1]), 20)
}

/// `length` alphanumerics of `bits`; 62^length must not exceed 2^128 for all bits to count.
pub(crate) fn alphanumeric(mut bits: u128, length: usize) -> String {
    let mut text = String::with_capacity(length);
    for _ in 0..length {
        let digit = (bits % 62) as usize;
        bits /= 62;
        text.push(char::from(ALPHABET[digit]));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_version_is_twenty_alphanumerics(high: u64, low: u64) {
            let token = version_token([high, low]);
            prop_assert_eq!(token.len(), 20);
            prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        }

        #[test]
        fn different_bits_give_different_versions(low: u64, other: u64) {
            prop_assume!(low != other);
            prop_assert_ne!(version_token([0, low]), version_token([0, other]));
        }
    }
}
