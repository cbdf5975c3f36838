//! NAL units in the two forms they travel in: length-prefixed (Matroska, MP4) and Annex B (start codes).

use super::CodecError;

/// The NAL units of a frame whose units each follow a big-endian length of `length_size` (1 to 4) bytes. Ends
/// after the first error. Empty units are passed over.
pub fn length_prefixed(frame: &[u8], length_size: usize) -> LengthPrefixed<'_> {
    LengthPrefixed { rest: frame, length_size: length_size.clamp(1, 4) }
}

/// See [`length_prefixed`].
#[derive(Clone, Debug)]
pub struct LengthPrefixed<'a> {
    rest: &'a [u8],
    length_size: usize,
}

impl<'a> Iterator for LengthPrefixed<'a> {
    type Item = Result<&'a [u8], CodecError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let Some((length, rest)) = self.rest.split_at_checked(self.length_size) else {
                break;
            };
            let length = length.iter().fold(0usize, |value, &byte| value << 8 | usize::from(byte));
            let Some((unit, rest)) = rest.split_at_checked(length) else { break };
            self.rest = rest;
            if !unit.is_empty() {
                return Some(Ok(unit));
            }
        }
        self.rest = &[];
        Some(Err(CodecError::Truncated("a length-prefixed NAL unit")))
    }
}

/// The NAL units of an Annex B byte stream (start codes of three or four bytes, trailing zeros dropped).
pub fn annex_b(stream: &[u8]) -> AnnexB<'_> {
    let start = find_start_code(stream).map_or(stream.len(), |at| at + 3);
    AnnexB { rest: &stream[start..] }
}

/// See [`annex_b`].
#[derive(Clone, Debug)]
pub struct AnnexB<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for AnnexB<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let end = find_start_code(self.rest);
            let (unit, rest) = match end {
                Some(at) => (&self.rest[..at], &self.rest[at + 3..]),
                None => (self.rest, &[][..]),
            };
            self.rest = rest;
            let len = unit.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            if len > 0 {
                return Some(&unit[..len]);
            }
        }
        None
    }
}

/// Where the next `00 00 01` begins.
pub fn find_start_code(stream: &[u8]) -> Option<usize> {
    let mut at = 0;
    // The third byte of a candidate tells how far the next one is: most steps skip three bytes.
    while at + 2 < stream.len() {
        match stream[at + 2] {
            0 => at += 1,
            1 if stream[at] == 0 && stream[at + 1] == 0 => return Some(at),
            _ => at += 3,
        }
    }
    None
}

/// An Annex B frame with four-byte lengths instead of start codes.
pub fn annex_b_to_length_prefixed(stream: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(stream.len() + 8);
    for unit in annex_b(stream) {
        out.extend_from_slice(&(unit.len() as u32).to_be_bytes());
        out.extend_from_slice(unit);
    }
    out
}

/// The payload of a NAL unit without the emulation prevention bytes (`00 00 03` reads `00 00`).
pub fn without_emulation_prevention(unit: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(unit.len());
    let mut zeros = 0;
    for &byte in unit {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn start_codes_of_both_lengths_separate_units() {
        let check = |stream: &[u8], expect: &[&[u8]]| {
            assert_eq!(annex_b(stream).collect::<Vec<_>>(), expect, "{stream:02x?}");
        };
        check(&[0, 0, 0, 1, 9, 8, 0, 0, 1, 7], &[&[9, 8], &[7]]);
        check(&[0, 0, 1, 9, 0, 0, 0, 0, 1, 7, 0], &[&[9], &[7]]);
        check(&[9, 9, 0, 0, 1, 5], &[&[5]]);
        check(&[0, 0, 1], &[]);
        check(&[9, 9], &[]);
        check(&[], &[]);
    }

    #[test]
    fn lengths_of_every_size_are_followed() {
        let check = |frame: &[u8], length_size, expect: Result<Vec<&[u8]>, CodecError>| {
            assert_eq!(length_prefixed(frame, length_size).collect::<Result<_, _>>(), expect);
        };
        let truncated = CodecError::Truncated("a length-prefixed NAL unit");
        check(&[0, 0, 0, 1, 9, 0, 0, 0, 2, 8, 7], 4, Ok(vec![&[9], &[8, 7]]));
        check(&[1, 9, 0, 2, 8, 7], 1, Ok(vec![&[9], &[8, 7]]));
        check(&[0, 0, 0, 5, 9], 4, Err(truncated));
        check(&[0, 0], 4, Err(truncated));
    }

    #[test]
    fn emulation_prevention_is_undone() {
        assert_eq!(
            without_emulation_prevention(&[1, 0, 0, 3, 1, 0, 0, 3, 0]),
            [1, 0, 0, 1, 0, 0, 0]
        );
    }

    proptest! {
        #[test]
        fn conversion_keeps_the_units(
            units in prop::collection::vec(prop::collection::vec(1u8..=255, 1..40), 0..6),
        ) {
            let stream: Vec<u8> = units.iter().flat_map(|unit| [&[0, 0, 0, 1][..], unit].concat()).collect();
            let frame = annex_b_to_length_prefixed(&stream);
            let read: Vec<Vec<u8>> = length_prefixed(&frame, 4).map(|unit| unit.unwrap().to_vec()).collect();
            prop_assert_eq!(read, units);
        }
    }
}
