//! EBML (RFC 8794): element headers, variable-length integers and the value types.
//!
//! Reads from and writes to slices; decides nothing about Matroska.

/// What is wrong with the bytes at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EbmlError {
    /// The first byte of an id says more than 4 bytes.
    #[error("element id is longer than 4 bytes")]
    IdLength,
    /// The first byte of a size says more than 8 bytes.
    #[error("element size is longer than 8 bytes")]
    SizeLength,
    /// An integer of more than 8 bytes or a float of neither 0, 4 nor 8.
    #[error("number has an invalid length")]
    NumberLength,
    /// A child that runs past its parent's end.
    #[error("element runs past the end of its parent")]
    ChildOverrun,
    /// Only Segment and Cluster may be of unknown size.
    #[error("element of unknown size where the size must be known")]
    UnknownSize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElementHead {
    /// Element id with its marker bits, see [`super::ids`].
    pub id: u32,
    /// Data size in bytes; `None` when unknown (all ones).
    pub size_bytes: Option<u64>,
    /// Bytes that id and size take.
    pub head_bytes: usize,
}

/// Reads the element head at the start of `input`; `None` when there are too few bytes to tell.
pub fn element_head(input: &[u8]) -> Result<Option<ElementHead>, EbmlError> {
    let Some(&first) = input.first() else { return Ok(None) };
    let id_bytes = first.leading_zeros() as usize + 1;
    if id_bytes > 4 {
        return Err(EbmlError::IdLength);
    }
    if input.len() < id_bytes {
        return Ok(None);
    }
    let id = big_endian(&input[..id_bytes]) as u32;
    let Some((size_bytes, size_len)) = size(&input[id_bytes..])? else { return Ok(None) };
    Ok(Some(ElementHead { id, size_bytes, head_bytes: id_bytes + size_len }))
}

/// Reads a variable-length size: the value (`None` when unknown) and its length in bytes.
pub fn size(input: &[u8]) -> Result<Option<(Option<u64>, usize)>, EbmlError> {
    let Some((value, len)) = vint(input)? else { return Ok(None) };
    let unknown = value == (1 << (7 * len)) - 1;
    Ok(Some(((!unknown).then_some(value), len)))
}

/// Reads a variable-length integer without its marker bit: the value and its length in bytes.
pub fn vint(input: &[u8]) -> Result<Option<(u64, usize)>, EbmlError> {
    let Some(&first) = input.first() else { return Ok(None) };
    let len = first.leading_zeros() as usize + 1;
    if len > 8 {
        return Err(EbmlError::SizeLength);
    }
    if input.len() < len {
        return Ok(None);
    }
    Ok(Some((big_endian(&input[..len]) & !(1 << (7 * len)), len)))
}

/// Big-endian integer of at most 8 bytes; the caller has checked the length.
fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// The value of an unsigned integer element (0 to 8 bytes).
pub fn uint(data: &[u8]) -> Result<u64, EbmlError> {
    if data.len() > 8 { Err(EbmlError::NumberLength) } else { Ok(big_endian(data)) }
}

/// The value of a float element (0, 4 or 8 bytes).
pub fn float(data: &[u8]) -> Result<f64, EbmlError> {
    match data.len() {
        0 => Ok(0.0),
        4 => Ok(f64::from(f32::from_bits(big_endian(data) as u32))),
        8 => Ok(f64::from_bits(big_endian(data))),
        _ => Err(EbmlError::NumberLength),
    }
}

/// The value of a string element: trailing NULs are padding (RFC 8794 §7.4); bytes that are not UTF-8 become
/// U+FFFD, because a misspelt name is no reason to refuse media.
pub fn string(data: &[u8]) -> String {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    String::from_utf8_lossy(&data[..end]).into_owned()
}

/// The children of a master element that is whole in memory, each with its data.
pub fn children(data: &[u8]) -> Children<'_> {
    Children { rest: data, position: 0 }
}

/// See [`children`].
#[derive(Clone, Debug)]
pub struct Children<'a> {
    rest: &'a [u8],
    position: usize,
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<(u32, &'a [u8]), EbmlError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let child = self.split_first();
        if child.is_err() {
            self.rest = &[]; // Nothing after a broken child can be trusted.
        }
        Some(child)
    }
}

impl<'a> Children<'a> {
    /// Where the child last returned ends, counted from the start of the parent's data.
    pub fn position(&self) -> usize {
        self.position
    }

    fn split_first(&mut self) -> Result<(u32, &'a [u8]), EbmlError> {
        let head = element_head(self.rest)?.ok_or(EbmlError::ChildOverrun)?;
        let size = head.size_bytes.ok_or(EbmlError::UnknownSize)?;
        let end = usize::try_from(size).ok().and_then(|size| size.checked_add(head.head_bytes));
        let end = end.filter(|&end| end <= self.rest.len()).ok_or(EbmlError::ChildOverrun)?;
        let (child, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.position += end;
        Ok((head.id, &child[head.head_bytes..]))
    }
}

/// Appends an element id.
pub fn put_id(out: &mut Vec<u8>, id: u32) {
    let len = (4 - id.leading_zeros() as usize / 8).max(1);
    out.extend_from_slice(&id.to_be_bytes()[4 - len..]);
}

/// Appends a size in the fewest bytes. A size that no field holds (2^56 - 1 and up) cannot come from a slice.
pub fn put_size(out: &mut Vec<u8>, size_bytes: u64) {
    let len = size_len(size_bytes);
    out.extend_from_slice(&coded_size(size_bytes, len).to_be_bytes()[8 - len..]);
}

/// The fewest bytes that hold `value` as a variable-length integer, all ones being reserved.
pub(super) fn size_len(value: u64) -> usize {
    (1..8).find(|len| value < (1 << (7 * len)) - 1).unwrap_or(8)
}

/// `value` with the marker bit of `len` bytes.
pub(super) fn coded_size(value: u64, len: usize) -> u64 {
    value | 1 << (7 * len)
}

/// Appends an element with its data.
pub fn put_element(out: &mut Vec<u8>, id: u32, data: &[u8]) {
    put_id(out, id);
    put_size(out, data.len() as u64);
    out.extend_from_slice(data);
}

/// Appends an unsigned integer element in the fewest bytes (at least one).
pub fn put_uint(out: &mut Vec<u8>, id: u32, value: u64) {
    let len = (8 - value.leading_zeros() as usize / 8).max(1);
    put_element(out, id, &value.to_be_bytes()[8 - len..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn element_heads_read_and_wait_for_more() {
        let head = |id, size_bytes, head_bytes| Some(ElementHead { id, size_bytes, head_bytes });
        let check = |input: &[u8], expect| assert_eq!(element_head(input), expect, "{input:02x?}");
        check(&[], Ok(None));
        check(&[0xA3], Ok(None));
        check(&[0xA3, 0x81], Ok(head(0xA3, Some(1), 2)));
        check(&[0xA3, 0x40], Ok(None));
        check(&[0x1F, 0x43, 0xB6, 0x75, 0xFF], Ok(head(0x1F43_B675, None, 5)));
        check(&[0x1F, 0x43, 0xB6], Ok(None));
        check(&[0xA3, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], Ok(head(0xA3, None, 9)));
        check(&[0xA3, 1, 0, 0, 0, 0, 0, 0, 5], Ok(head(0xA3, Some(5), 9)));
        check(&[0x08, 0x81], Err(EbmlError::IdLength));
        check(&[0xA3, 0x00], Err(EbmlError::SizeLength));
    }

    #[test]
    fn values_of_every_type_read() {
        assert_eq!(uint(&[]), Ok(0));
        assert_eq!(uint(&[1, 2]), Ok(258));
        assert_eq!(uint(&[0; 9]), Err(EbmlError::NumberLength));
        assert_eq!(float(&8000f64.to_be_bytes()), Ok(8000.0));
        assert_eq!(float(&48000f32.to_be_bytes()), Ok(48000.0));
        assert_eq!(float(&[0; 3]), Err(EbmlError::NumberLength));
        assert_eq!(string(b"A_AAC\0\0"), "A_AAC");
        assert_eq!(string(&[b'a', 0xFF]), "a\u{FFFD}");
    }

    #[test]
    fn a_child_may_not_run_past_its_parent() {
        let read = |data: &'static [u8]| children(data).collect::<Result<Vec<_>, _>>();
        assert_eq!(read(&[0xD7, 0x81, 7]), Ok(vec![(0xD7, &[7u8][..])]));
        assert_eq!(read(&[0xD7, 0x82, 7]), Err(EbmlError::ChildOverrun));
        assert_eq!(read(&[0xD7]), Err(EbmlError::ChildOverrun));
        assert_eq!(read(&[0xAE, 0xFF]), Err(EbmlError::UnknownSize));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(size_bytes in 0u64..(1 << 56) - 1, value: u64) {
            let mut out = Vec::new();
            put_id(&mut out, super::super::ids::CLUSTER);
            put_size(&mut out, size_bytes);
            let head = element_head(&out).unwrap().unwrap();
            prop_assert_eq!((head.size_bytes, head.head_bytes), (Some(size_bytes), out.len()));

            let mut out = Vec::new();
            put_uint(&mut out, super::super::ids::TIMESTAMP, value);
            let (_, data) = children(&out).next().unwrap().unwrap();
            prop_assert_eq!(uint(data), Ok(value));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let read = children(&bytes).filter_map(Result::ok).map(|(_, data)| data.len()).sum::<usize>();
            prop_assert!(read <= bytes.len());
        }
    }
}
