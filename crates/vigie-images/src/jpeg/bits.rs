//! Entropy-coded bits of a JPEG file: codes put behind each other, with a zero behind each byte of ones (ITU-T T.81, F.1.2.3).

/// Bits that wait until there are 32.
pub(super) struct BitWriter {
    file: Vec<u8>,
    /// The last `count` bits of it; those before are written.
    waiting: u64,
    count: u32,
}

impl BitWriter {
    /// Goes on behind what the file has.
    pub(super) fn new(file: Vec<u8>) -> Self {
        Self { file, waiting: 0, count: 0 }
    }

    /// The lowest `length` bits, 32 at most; those above are zero.
    #[inline(always)]
    pub(super) fn put(&mut self, bits: u32, length: u32) {
        self.waiting = self.waiting << length | u64::from(bits);
        self.count += length;
        if self.count >= 32 {
            self.count -= 32;
            self.write((self.waiting >> self.count) as u32);
        }
    }

    #[inline(always)]
    fn write(&mut self, word: u32) {
        let bytes = word.to_be_bytes();
        // The top bit of each byte whose other bits are all ones; of a byte of ones its own is set as well.
        let carries = (word & 0x7F7F_7F7F) + 0x0101_0101;
        if word & carries & 0x8080_8080 == 0 {
            self.file.extend_from_slice(&bytes);
        } else {
            bytes.into_iter().for_each(|byte| self.write_byte(byte));
        }
    }

    fn write_byte(&mut self, byte: u8) {
        self.file.push(byte);
        if byte == 0xFF {
            self.file.push(0);
        }
    }

    /// The file, its last byte filled with ones.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let filling = (8 - self.count % 8) % 8;
        self.waiting = self.waiting << filling | ((1 << filling) - 1);
        self.count += filling;
        while self.count > 0 {
            self.count -= 8;
            self.write_byte((self.waiting >> self.count) as u8);
        }
        self.file
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same, bit by bit.
    fn slowly(pieces: &[(u32, u32)]) -> Vec<u8> {
        let mut bits: Vec<bool> = Vec::new();
        for &(value, length) in pieces {
            bits.extend((0..length).rev().map(|at| value >> at & 1 == 1));
        }
        while bits.len() % 8 > 0 {
            bits.push(true);
        }
        let mut bytes = Vec::new();
        for byte in bits.chunks(8) {
            let byte = byte.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
            bytes.push(byte);
            if byte == 0xFF {
                bytes.push(0);
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn bits_stand_behind_each_other_and_bytes_of_ones_are_followed_by_zeros(
            pieces in prop::collection::vec((prop_oneof![any::<u32>(), Just(u32::MAX)], 0u32..=27), 0..60)
        ) {
            let pieces: Vec<(u32, u32)> =
                pieces.into_iter().map(|(value, length)| (value & ((1 << length) - 1), length)).collect();
            let mut writer = BitWriter::new(Vec::new());
            for &(value, length) in &pieces {
                writer.put(value, length);
            }
            prop_assert_eq!(writer.finish(), slowly(&pieces));
        }
    }
}
