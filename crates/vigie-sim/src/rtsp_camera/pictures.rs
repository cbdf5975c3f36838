//! The pictures of the camera that speaks RTSP: H.264 with a number inside, cut into RTP payloads, and how each is stored
//! when all of it arrives.
//!
//! Every slice names its picture, so that a picture of which a slice is missing is told from a whole one.

/// Pictures from key frame to key frame.
pub const PICTURES_PER_GROUP: u64 = 25;
/// Baseline, 640x360.
pub const SPS: &[u8] = &[0x67, 0x42, 0x00, 0x1E, 0xE9, 0x01, 0x40, 0x7B, 0x20];
/// See [`SPS`].
pub const PPS: &[u8] = &[0x68, 0xCE, 0x38, 0x80];
/// Small, so that pictures of few bytes have many packets.
const PAYLOAD_BYTES_MAX: usize = 600;
/// FU-A, RFC 6184 section 5.8.
const FU_A: u8 = 28;
/// Bytes of a slice before its number.
const HEADER_BYTES: usize = 2;
const NUMBER_BYTES: usize = 16;

/// A payload, and whether it ends its picture.
pub struct Payload {
    /// What follows the RTP header.
    pub bytes: Vec<u8>,
    /// The marker bit.
    pub marker: bool,
}

/// Whether decoding can start at it.
pub fn is_key(number: u64) -> bool {
    number.is_multiple_of(PICTURES_PER_GROUP)
}

/// The picture's slices: of a key frame two, of the others one or two, now and then one that needs several packets.
fn slices(number: u64) -> Vec<Vec<u8>> {
    let (first, second): (&[u8], &[u8]) = match is_key(number) {
        true => (&[0x65, 0x88], &[0x65, 0x08]),
        false => (&[0x41, 0x9A], &[0x41, 0x1A]),
    };
    let (first_bytes, second_bytes) = match number % PICTURES_PER_GROUP {
        0 => (2200, Some(900)),
        7 | 19 => (1300, None),
        12 => (700, Some(80)),
        3 | 21 => (90, Some(70)),
        at => (60 + at, None),
    };
    let slice = |header: &[u8], length: u64| {
        let mut slice = header.to_vec();
        slice.extend(format!("{number:0NUMBER_BYTES$x}").bytes());
        // Never zero: no start code can come of it.
        slice.extend((0..length).map(|at| (number.wrapping_mul(31) + at * 7) as u8 | 0x80));
        slice
    };
    let mut slices = vec![slice(first, first_bytes)];
    slices.extend(second_bytes.map(|length| slice(second, length)));
    slices
}

/// The picture as Matroska stores it when all of it has arrived.
pub fn stored(number: u64) -> Vec<u8> {
    let with_length = |slice: Vec<u8>| [&(slice.len() as u32).to_be_bytes()[..], &slice].concat();
    slices(number).into_iter().flat_map(with_length).collect()
}

/// Which picture these stored bytes are of, whole or in part.
pub fn number(stored: &[u8]) -> Option<u64> {
    let at = 4 + HEADER_BYTES;
    let digits = std::str::from_utf8(stored.get(at..at + NUMBER_BYTES)?).ok()?;
    u64::from_str_radix(digits, 16).ok()
}

/// The picture's payloads, before a key frame the parameter sets.
pub fn payloads(number: u64) -> Vec<Payload> {
    let mut payloads = Vec::new();
    if is_key(number) {
        payloads.extend([SPS.to_vec(), PPS.to_vec()]);
    }
    for slice in slices(number) {
        if slice.len() <= PAYLOAD_BYTES_MAX {
            payloads.push(slice);
            continue;
        }
        let (indicator, kind) = (slice[0] & 0xE0 | FU_A, slice[0] & 0x1F);
        let pieces: Vec<&[u8]> = slice[1..].chunks(PAYLOAD_BYTES_MAX - 2).collect();
        for (at, piece) in pieces.iter().enumerate() {
            let start = if at == 0 { 0x80 } else { 0 };
            let end = if at + 1 == pieces.len() { 0x40 } else { 0 };
            payloads.push([&[indicator, start | end | kind], *piece].concat());
        }
    }
    let last = payloads.len() - 1;
    let payload = |(at, bytes)| Payload { bytes, marker: at == last };
    payloads.into_iter().enumerate().map(payload).collect()
}
