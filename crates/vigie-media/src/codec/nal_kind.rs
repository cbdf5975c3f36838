//! What a NAL unit is to the access unit it stands in: by it a receiver finds where one picture ends and the next begins
//! (ITU-T H.264 7.4.1.2.3, ITU-T H.265 7.4.2.4.4).
//!
//! Looks at the first bytes alone, so it can be asked as soon as a unit's first fragment is there.

/// The part a NAL unit plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NalKind {
    /// Coded samples of a picture.
    Slice {
        /// Whether it is where its picture begins (`first_mb_in_slice` of 0, `first_slice_segment_in_pic_flag`).
        first: bool,
        /// Whether decoding can start at its picture (IDR; of H.265 any intra random access point).
        key_frame: bool,
    },
    /// A parameter set, which goes to the decoder beside the frames.
    ParameterSet(ParameterSetKind),
    /// Stands before the slices of a picture. Behind slices it begins the next access unit.
    Opens,
    /// Belongs to the access unit in which it comes.
    Belongs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterSetKind {
    /// Video parameter set, of H.265 alone.
    Video,
    /// Sequence parameter set.
    Sequence,
    /// Picture parameter set.
    Picture,
}

/// The kind of an H.264 NAL unit that begins with `start`; `None` when no decoder can use it: the forbidden bit is set,
/// the type means nothing outside RTP, or a slice ends before its header.
pub fn h264(start: &[u8]) -> Option<NalKind> {
    let (&header, payload) = start.split_first()?;
    if header & 0x80 != 0 {
        return None;
    }
    // `first_mb_in_slice` is an exponential Golomb code: 0 is a single bit, set.
    let slice = |key_frame| Some(NalKind::Slice { first: payload.first()? & 0x80 != 0, key_frame });
    match header & 0x1F {
        1 | 2 => slice(false),
        5 => slice(true),
        // Partitions B and C, end of sequence and of stream, filler, slices of auxiliary pictures and of other layers.
        3 | 4 | 10..=12 | 19..=23 => Some(NalKind::Belongs),
        6 | 9 | 13..=18 => Some(NalKind::Opens),
        7 => Some(NalKind::ParameterSet(ParameterSetKind::Sequence)),
        8 => Some(NalKind::ParameterSet(ParameterSetKind::Picture)),
        _ => None,
    }
}

/// The kind of an H.265 NAL unit that begins with `start`; `None` when no decoder can use it: the forbidden bit is set,
/// the temporal id is none, or a slice ends before its header.
pub fn h265(start: &[u8]) -> Option<NalKind> {
    let (&[high, low], payload) = start.split_first_chunk::<2>()?;
    if high & 0x80 != 0 || low & 7 == 0 {
        return None;
    }
    let layer = (high & 1) << 5 | low >> 3;
    let kind = match high >> 1 & 0x3F {
        nal_type @ 0..=31 => NalKind::Slice {
            first: payload.first()? & 0x80 != 0,
            key_frame: (16..=23).contains(&nal_type),
        },
        32 => NalKind::ParameterSet(ParameterSetKind::Video),
        33 => NalKind::ParameterSet(ParameterSetKind::Sequence),
        34 => NalKind::ParameterSet(ParameterSetKind::Picture),
        35 | 39 | 41..=44 | 48..=55 => NalKind::Opens,
        _ => NalKind::Belongs,
    };
    // Only the base layer begins access units, and only its parameter sets are the track's.
    Some(if layer == 0 { kind } else { NalKind::Belongs })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: NalKind = NalKind::ParameterSet(ParameterSetKind::Sequence);

    #[test]
    fn the_first_bytes_of_h264_tell_the_kind() {
        let check = |start: &[u8], expect| assert_eq!(h264(start), expect, "{start:02x?}");
        check(&[0x65, 0x88], Some(NalKind::Slice { first: true, key_frame: true }));
        check(&[0x41, 0x9A], Some(NalKind::Slice { first: true, key_frame: false }));
        check(&[0x01, 0x42], Some(NalKind::Slice { first: false, key_frame: false }));
        check(&[0x67, 0x42], Some(SPS));
        check(&[0x09, 0xF0], Some(NalKind::Opens));
        check(&[0x06], Some(NalKind::Opens));
        check(&[0x0C, 0xFF], Some(NalKind::Belongs));
        check(&[0x65], None);
        check(&[0xE5, 0x88], None);
        check(&[0x1C, 0x85], None);
        check(&[0x00, 0x00], None);
        check(&[], None);
    }

    #[test]
    fn the_first_bytes_of_h265_tell_the_kind() {
        let check = |start: &[u8], expect| assert_eq!(h265(start), expect, "{start:02x?}");
        check(&[19 << 1, 1, 0xAC], Some(NalKind::Slice { first: true, key_frame: true }));
        check(&[21 << 1, 1, 0x2C], Some(NalKind::Slice { first: false, key_frame: true }));
        check(&[1 << 1, 1, 0xD0], Some(NalKind::Slice { first: true, key_frame: false }));
        check(&[33 << 1, 1], Some(SPS));
        check(&[39 << 1, 1], Some(NalKind::Opens));
        check(&[40 << 1, 1], Some(NalKind::Belongs));
        // The second layer's.
        check(&[33 << 1, 9], Some(NalKind::Belongs));
        check(&[1 << 1, 9, 0xD0], Some(NalKind::Belongs));
        check(&[19 << 1, 0, 0xAC], None);
        check(&[19 << 1, 1], None);
        check(&[19 << 1 | 0x80, 1, 0xAC], None);
        check(&[19 << 1], None);
    }
}
