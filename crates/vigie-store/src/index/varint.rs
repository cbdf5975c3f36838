//! Variable-length numbers for the packed columns: seven bits a byte, least significant first, and zigzag for signs.

use crate::error::IndexError;

/// Appends an unsigned number.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7F) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a signed number; small magnitudes take few bytes.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// Reads packed numbers from the front of a slice; damaged input is an error, never a panic.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) const fn damaged(&self) -> IndexError {
        IndexError::Damaged { what: self.what }
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, IndexError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.rest.split_first().ok_or_else(|| self.damaged())?;
            self.rest = rest;
            if shift == 63 && byte > 1 {
                return Err(self.damaged());
            }
            value |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.damaged())
    }

    pub(super) fn signed(&mut self) -> Result<i64, IndexError> {
        let value = self.unsigned()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    pub(super) fn fixed_u32(&mut self) -> Result<u32, IndexError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| self.damaged())?;
        self.rest = rest;
        Ok(u32::from_le_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_read_back(values in prop::collection::vec((any::<u64>(), any::<i64>()), 0..20)) {
            let mut bytes = Vec::new();
            for (unsigned, signed) in &values {
                put(&mut bytes, *unsigned);
                put_signed(&mut bytes, *signed);
            }
            let mut reader = Reader::new(&bytes, "test");
            for (unsigned, signed) in values {
                prop_assert_eq!(reader.unsigned().unwrap(), unsigned);
                prop_assert_eq!(reader.signed().unwrap(), signed);
            }
            prop_assert!(reader.is_empty());
        }

        #[test]
        fn hostile_bytes_are_refused_or_read(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut reader = Reader::new(&bytes, "test");
            while !reader.is_empty() && reader.unsigned().is_ok() {}
        }
    }
}
