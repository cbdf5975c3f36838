//! The bytes of a frame, in one piece or in many: slices of receive buffers stay where they are until they are written.

use bytes::{BufMut, Bytes, BytesMut};

/// Bytes in a row, kept as the parts in which they came.
#[derive(Clone, Debug, Default)]
pub struct FrameData {
    parts: Vec<Bytes>,
    len: usize,
}

impl FrameData {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { parts: Vec::new(), len: 0 }
    }

    /// Appends `part` without copying it.
    pub fn push(&mut self, part: Bytes) {
        if !part.is_empty() {
            self.len += part.len();
            self.parts.push(part);
        }
    }

    /// Bytes in all.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The parts, none of them empty.
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// The parts, taken out.
    pub fn into_parts(self) -> Vec<Bytes> {
        self.parts
    }

    /// All of it in one piece; copied only where it is in several.
    pub fn to_bytes(&self) -> Bytes {
        match self.parts.as_slice() {
            [] => Bytes::new(),
            [part] => part.clone(),
            parts => {
                let mut whole = BytesMut::with_capacity(self.len);
                parts.iter().for_each(|part| whole.put_slice(part));
                whole.freeze()
            }
        }
    }
}

impl From<Bytes> for FrameData {
    fn from(part: Bytes) -> Self {
        let mut data = Self::new();
        data.push(part);
        data
    }
}

/// Without copying.
impl From<Vec<Bytes>> for FrameData {
    fn from(mut parts: Vec<Bytes>) -> Self {
        parts.retain(|part| !part.is_empty());
        let len = parts.iter().map(Bytes::len).sum();
        Self { parts, len }
    }
}

/// By what the bytes are, however they are parted.
impl PartialEq for FrameData {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |data: &Self| data.parts.clone().into_iter().flatten();
        self.len == other.len && bytes(self).eq(bytes(other))
    }
}

impl Eq for FrameData {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_the_same_however_it_is_parted() {
        let mut parted = FrameData::new();
        for part in ["ab", "", "c"] {
            parted.push(Bytes::from_static(part.as_bytes()));
        }
        let parts = ["a", "", "bc"].map(|part| Bytes::from_static(part.as_bytes()));
        let from_parts = FrameData::from(Vec::from(parts));
        assert_eq!((from_parts.len(), from_parts.parts().len()), (3, 2));
        assert_eq!(from_parts, parted);
        assert_eq!(parted.len(), 3);
        assert_eq!(parted.parts().len(), 2);
        assert_eq!(parted.to_bytes(), Bytes::from_static(b"abc"));
        assert_eq!(parted, FrameData::from(Bytes::from_static(b"abc")));
        assert_ne!(parted, FrameData::from(Bytes::from_static(b"abd")));
        assert!(FrameData::default().is_empty());
    }
}
