//! Picture parameter sets of one stream that come one at a time: which of them hold.
//!
//! An encoder may use several side by side, told apart by their ids, and repeat them in any order. A new one takes the
//! place of the former one with its id and of no other.

use bytes::Bytes;

use super::bits::BitReader;

/// `pic_parameter_set_id` is the first of a picture parameter set in H.264 (7.3.2.2) and H.265 (7.3.2.3.1) alike; H.264
/// allows the greater ones.
const ID_MAX: u32 = 255;

/// The sets in force after `newer` came behind `former`, in the order of `former`; `newer` alone when one of them has no
/// id that can be read. `header_bytes` is the length of a NAL unit's header.
pub(super) fn in_force(former: &[Bytes], newer: &[Bytes], header_bytes: usize) -> Vec<Bytes> {
    let mut sets = former.to_vec();
    for set in newer {
        let id = id(set, header_bytes);
        if id.is_none() || former.iter().any(|former| self::id(former, header_bytes).is_none()) {
            return newer.to_vec();
        }
        match sets.iter_mut().find(|known| self::id(known, header_bytes) == id) {
            Some(known) => known.clone_from(set),
            None => sets.push(set.clone()),
        }
    }
    sets
}

fn id(set: &[u8], header_bytes: usize) -> Option<u32> {
    let mut bits = BitReader::new(set.get(header_bytes..)?, "the picture parameter set");
    bits.ue().ok().filter(|id| *id <= ID_MAX)
}

/// The id of a picture parameter set and that of its sequence parameter set; `None` when they cannot be read.
/// `header_bytes` is the length of a NAL unit's header.
pub fn ids(set: &[u8], header_bytes: usize) -> Option<(u32, u32)> {
    const SEQUENCE_ID_MAX: u32 = 31;
    let mut bits = BitReader::new(set.get(header_bytes..)?, "the picture parameter set");
    let id = bits.ue().ok().filter(|id| *id <= ID_MAX)?;
    Some((id, bits.ue().ok().filter(|id| *id <= SEQUENCE_ID_MAX)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H.264 picture parameter sets: id 0 is `1…`, id 1 is `010…`, id 2 is `011…`.
    const ZERO: &[u8] = &[0x68, 0b1100_0000, 1];
    const ZERO_AGAIN: &[u8] = &[0x68, 0b1100_0000, 2];
    const ONE: &[u8] = &[0x68, 0b0101_0000, 3];
    const TWO: &[u8] = &[0x68, 0b0111_0000, 4];
    const NONE: &[u8] = &[0x68];

    fn check(former: &[&'static [u8]], newer: &[&'static [u8]], expect: &[&'static [u8]]) {
        let sets = |sets: &[&'static [u8]]| -> Vec<Bytes> {
            sets.iter().map(|set| Bytes::from_static(set)).collect()
        };
        assert_eq!(in_force(&sets(former), &sets(newer), 1), sets(expect));
    }

    #[test]
    fn a_set_takes_the_place_of_the_one_with_its_id_and_of_no_other() {
        check(&[], &[ZERO], &[ZERO]);
        check(&[ZERO], &[ONE], &[ZERO, ONE]);
        check(&[ZERO, ONE], &[ZERO], &[ZERO, ONE]);
        check(&[ZERO, ONE], &[ZERO_AGAIN], &[ZERO_AGAIN, ONE]);
        check(&[ZERO, ONE], &[TWO, ONE], &[ZERO, ONE, TWO]);
    }

    #[test]
    fn what_has_no_id_replaces_everything() {
        check(&[ZERO, ONE], &[NONE], &[NONE]);
        check(&[NONE], &[ZERO], &[ZERO]);
    }
}
