//! Fragment numbers: 47 decimal digits that sort the same as numbers and as text.
//!
//! Decides how a fragment's place in its stream is written. Never hands out sequence numbers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use vigie_media::Timestamp;

/// The number of one fragment in one stream: a leading hexadecimal `1`, 64 bits of stream sequence, 64 bits of
/// server time in milliseconds and 28 random bits, read as one number and written in decimal. This is the layout of
/// every number that the service was seen to hand out; order is ingestion order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FragmentNumber {
    sequence: u64,
    server_ms: u64,
    random: u32,
}

/// Text that is no fragment number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fragment number is 47 decimal digits, as ListFragments returns them")]
pub struct FragmentNumberError;

/// Random bits at the end.
const RANDOM_BITS: u32 = 28;
/// The decimal digits of every number that 157 bits with a leading one can write.
const DIGITS: usize = 47;
/// 157 bits in 32-bit limbs, least significant first.
const LIMBS: usize = 5;

impl FragmentNumber {
    /// The number of the `sequence`th fragment (1 is the first), whose first byte arrived at `server_time`. Of
    /// `random` the low 28 bits count. Times before 1970 count as 1970.
    pub fn new(sequence: u64, server_time: Timestamp, random: u32) -> Self {
        Self {
            sequence,
            server_ms: u64::try_from(server_time.as_millis()).unwrap_or(0),
            random: random & ((1 << RANDOM_BITS) - 1),
        }
    }

    /// The place in the stream, 1 for the first fragment.
    pub const fn sequence(self) -> u64 {
        self.sequence
    }

    /// When the server began to receive the fragment.
    pub fn server_time(self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.server_ms).unwrap_or(i64::MAX))
    }

    fn limbs(self) -> [u32; LIMBS] {
        // tail = server_ms ‖ random: 92 bits. The sequence sits above it, the leading one above both.
        let tail = u128::from(self.server_ms) << RANDOM_BITS | u128::from(self.random);
        let low = tail | u128::from(self.sequence) << 92;
        let high = (1u64 << 28) | (self.sequence >> 36);
        [low as u32, (low >> 32) as u32, (low >> 64) as u32, (low >> 96) as u32, high as u32]
    }

    fn from_limbs(limbs: [u32; LIMBS]) -> Option<Self> {
        if limbs[4] >> 28 != 1 {
            return None;
        }
        let low = limbs[..4].iter().rev().fold(0u128, |low, &limb| low << 32 | u128::from(limb));
        let high = u64::from(limbs[4]) & ((1 << 28) - 1);
        Some(Self {
            sequence: high << 36 | (low >> 92) as u64,
            server_ms: (low >> RANDOM_BITS) as u64,
            random: low as u32 & ((1 << RANDOM_BITS) - 1),
        })
    }
}

impl fmt::Display for FragmentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut limbs = self.limbs();
        let mut digits = [b'0'; 54];
        for group in digits.rchunks_mut(9) {
            let mut rest = 0u64;
            for limb in limbs.iter_mut().rev() {
                let value = rest << 32 | u64::from(*limb);
                *limb = (value / 1_000_000_000) as u32;
                rest = value % 1_000_000_000;
            }
            for digit in group.iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
        // 2^156 has 47 digits; only sequences near 2^60 would need 48, and these cannot be reached.
        let first = digits.iter().position(|&digit| digit != b'0').unwrap_or(0);
        f.write_str(std::str::from_utf8(&digits[first..]).unwrap_or_default())
    }
}

impl FromStr for FragmentNumber {
    type Err = FragmentNumberError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !(DIGITS..=DIGITS + 1).contains(&text.len()) {
            return Err(FragmentNumberError);
        }
        let mut limbs = [0u32; LIMBS];
        for byte in text.bytes() {
            if !byte.is_ascii_digit() {
                return Err(FragmentNumberError);
            }
            let mut carry = u64::from(byte - b'0');
            for limb in &mut limbs {
                let value = u64::from(*limb) * 10 + carry;
                *limb = value as u32;
                carry = value >> 32;
            }
            if carry != 0 {
                return Err(FragmentNumberError);
            }
        }
        Self::from_limbs(limbs)
            .filter(|number| number.to_string() == text)
            .ok_or(FragmentNumberError)
    }
}

impl Serialize for FragmentNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FragmentNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_real_number_takes_apart_into_sequence_and_time() {
        let text = "91343852333182036507421233921329142742245756394";
        let number: FragmentNumber = text.parse().unwrap();
        assert_eq!(number.sequence(), 122_001);
        // 2023-07-30 08:54:49.209 UTC.
        assert_eq!(number.server_time(), Timestamp::from_millis(1_690_707_289_209));
        assert_eq!(number.random, 0x0b58_cdea);
        assert_eq!(number.to_string(), text);
    }

    #[test]
    fn text_that_is_no_number_is_refused() {
        for text in
            ["", "1", "+1343852333182036507421233921329142742245756394", "9134385233318203650"]
        {
            assert_eq!(text.parse::<FragmentNumber>(), Err(FragmentNumberError), "{text}");
        }
        // Below and above every number that begins with a hexadecimal 1 and has 157 bits.
        for (digit, length) in [("0", 47), ("1", 47), ("9", 48), ("9", 128), ("9", 100_000)] {
            let text = digit.repeat(length);
            assert_eq!(text.parse::<FragmentNumber>(), Err(FragmentNumberError), "{text}");
        }
    }

    fn any_number() -> impl Strategy<Value = FragmentNumber> {
        // Sequences that a stream can reach at all, and any instant.
        (0..1u64 << 56, any::<i64>(), any::<u32>()).prop_map(|(sequence, ms, random)| {
            FragmentNumber::new(sequence, Timestamp::from_millis(ms), random)
        })
    }

    proptest! {
        #[test]
        fn writing_and_reading_is_identity(number in any_number()) {
            let text = number.to_string();
            prop_assert_eq!(text.len(), DIGITS);
            prop_assert_eq!(text.parse(), Ok(number));
        }

        #[test]
        fn text_order_is_number_order(a in any_number(), b in any_number()) {
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,60}|[0-9]{40,60}") {
            if let Ok(number) = text.parse::<FragmentNumber>() {
                prop_assert_eq!(number.to_string(), text);
            }
        }
    }
}
