//! Bits: a bounded reader over a slice, for the H.265 SPS and AudioSpecificConfig, and a writer, for FLAC and AAC.

use super::CodecError;

/// Reads bits from the most significant down; every read checks the end.
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    at: usize,
    what: &'static str,
}

impl<'a> BitReader<'a> {
    /// `what` names the data in the error.
    pub(super) fn new(data: &'a [u8], what: &'static str) -> Self {
        Self { data, at: 0, what }
    }

    pub(super) fn remaining_bits(&self) -> usize {
        self.data.len() * 8 - self.at
    }

    /// At most 32 bits.
    pub(super) fn bits(&mut self, count: usize) -> Result<u32, CodecError> {
        if count > 32 || count > self.remaining_bits() {
            return Err(CodecError::Truncated(self.what));
        }
        let mut value = 0u64;
        for _ in 0..count {
            let bit = self.data[self.at / 8] >> (7 - self.at % 8) & 1;
            value = value << 1 | u64::from(bit);
            self.at += 1;
        }
        Ok(value as u32)
    }

    pub(super) fn flag(&mut self) -> Result<bool, CodecError> {
        Ok(self.bits(1)? == 1)
    }

    pub(super) fn skip(&mut self, count: usize) -> Result<(), CodecError> {
        if count > self.remaining_bits() {
            return Err(CodecError::Truncated(self.what));
        }
        self.at += count;
        Ok(())
    }

    /// Exponential Golomb code, `ue(v)` of H.264 and H.265.
    pub(super) fn ue(&mut self) -> Result<u32, CodecError> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(CodecError::Invalid("an exponential Golomb code is too long"));
            }
        }
        Ok((1u32 << zeros) - 1 + self.bits(zeros)?)
    }
}

/// Writes bits, from the most significant of each byte down.
#[derive(Default)]
pub(super) struct BitWriter {
    pub(super) bytes: Vec<u8>,
    /// Those that make no byte yet, at the low end.
    waiting: u64,
    /// How many these are: fewer than eight.
    waiting_count: u32,
}

impl BitWriter {
    /// The lowest `count` bits of `value`, at most 32.
    pub(super) fn put(&mut self, value: u32, count: u32) {
        self.waiting = self.waiting << count | u64::from(value) & ((1 << count) - 1);
        self.waiting_count += count;
        while self.waiting_count >= 8 {
            self.waiting_count -= 8;
            self.bytes.push((self.waiting >> self.waiting_count) as u8);
        }
    }

    pub(super) fn put_signed(&mut self, value: i32, count: u32) {
        self.put(value as u32, count);
    }

    pub(super) fn put_zeros(&mut self, count: u32) {
        (0..count / 32).for_each(|_| self.put(0, 32));
        self.put(0, count % 32);
    }

    /// Fills the last byte with zeros.
    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.put(0, (8 - self.waiting_count) % 8);
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golomb_codes_read() {
        // 1 | 010 | 011 | 00100 | 0000: the last one is cut.
        let mut reader = BitReader::new(&[0b1010_0110, 0b0100_0000], "test");
        let values: Vec<_> = (0..5).map(|_| reader.ue()).collect();
        assert_eq!(values, [Ok(0), Ok(1), Ok(2), Ok(3), Err(CodecError::Truncated("test"))]);
    }

    #[test]
    fn the_longest_code_does_not_overflow() {
        let mut data = vec![0, 0, 0, 1];
        data.extend([0xFF; 4]);
        assert_eq!(BitReader::new(&data, "test").ue(), Ok(u32::MAX - 1));
        assert!(BitReader::new(&[0; 16], "test").ue().is_err());
    }
}
