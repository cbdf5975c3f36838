//! Boxes: their heads, and the children of a box that is whole in memory.

/// A four-character code.
pub(super) type FourCc = [u8; 4];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BoxHead {
    pub(super) kind: FourCc,
    /// Head and body together; `None` when the box reaches to the end of what holds it.
    pub(super) size_bytes: Option<u64>,
    pub(super) head_bytes: usize,
}

/// The longest head: 32-bit size, kind, 64-bit size.
pub(super) const HEAD_BYTES_MAX: usize = 16;

/// Reads the head at the start of `input`; `None` when it is cut or smaller than itself.
pub(super) fn box_head(input: &[u8]) -> Option<BoxHead> {
    let (size, rest) = input.split_first_chunk::<4>()?;
    let (&kind, rest) = rest.split_first_chunk::<4>()?;
    let (size_bytes, head_bytes) = match u32::from_be_bytes(*size) {
        0 => (None, 8),
        1 => (Some(u64::from_be_bytes(*rest.first_chunk()?)), 16),
        size => (Some(u64::from(size)), 8),
    };
    let fits = size_bytes.is_none_or(|size| size >= head_bytes as u64);
    fits.then_some(BoxHead { kind, size_bytes, head_bytes })
}

/// The children of a box body. A child that does not fit ends the walk: what follows cannot be found.
pub(super) fn children(body: &[u8]) -> impl Iterator<Item = (FourCc, &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let head = box_head(rest)?;
        let size = match head.size_bytes {
            Some(size) => usize::try_from(size).ok()?,
            None => rest.len(),
        };
        let (child, after) = rest.split_at_checked(size)?;
        rest = after;
        Some((head.kind, &child[head.head_bytes..]))
    })
}

/// The body of the first child of a kind.
pub(super) fn child(body: &[u8], kind: FourCc) -> Option<&[u8]> {
    children(body).find(|(found, _)| *found == kind).map(|(_, body)| body)
}

/// The body of the box at the end of a path of kinds.
pub(super) fn descendant<'a>(body: &'a [u8], path: &[FourCc]) -> Option<&'a [u8]> {
    path.iter().try_fold(body, |body, kind| child(body, *kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_of_every_form_read() {
        let check = |input: &[u8], expect: Option<(Option<u64>, usize)>| {
            let head = box_head(input).map(|head| (head.size_bytes, head.head_bytes));
            assert_eq!(head, expect, "{input:02x?}");
        };
        check(b"\0\0\0\x10moov", Some((Some(16), 8)));
        check(b"\0\0\0\0mdat", Some((None, 8)));
        check(b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0", Some((Some(1 << 32), 16)));
        check(b"\0\0\0\x01mdat\0\0", None);
        check(b"\0\0\0\x07moov", None);
        check(b"\0\0\0\x10mo", None);
    }

    #[test]
    fn a_path_leads_to_a_body() {
        let data = b"\0\0\0\x08free\0\0\0\x12mdia\0\0\0\x0amdhdhi";
        assert_eq!(descendant(data, &[*b"mdia", *b"mdhd"]), Some(&b"hi"[..]));
        assert_eq!(descendant(data, &[*b"mdia", *b"minf"]), None);
        assert_eq!(children(b"\0\0\0\x20free").count(), 0);
    }
}
