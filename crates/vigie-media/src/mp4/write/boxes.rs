//! A box around what a function writes.

use super::super::boxes::FourCc;

/// A box. Its content is far below 4 GiB: only headers are written this way, never media data.
pub(crate) fn plain_box(out: &mut Vec<u8>, kind: FourCc, content: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&kind);
    content(out);
    let size_bytes = (out.len() - start) as u32;
    out[start..start + 4].copy_from_slice(&size_bytes.to_be_bytes());
}

/// A box with a version and 24 bits of flags.
pub(crate) fn full_box(
    out: &mut Vec<u8>,
    kind: FourCc,
    version: u8,
    flags: u32,
    content: impl FnOnce(&mut Vec<u8>),
) {
    plain_box(out, kind, |out| {
        out.extend_from_slice(&(u32::from(version) << 24 | flags & 0xFF_FFFF).to_be_bytes());
        content(out);
    });
}
