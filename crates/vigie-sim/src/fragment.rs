//! A fragment as a simulated producer sends it: frames of the simulated camera, and the mark of the fragment's end.

use std::ops::Range;

use bytes::Bytes;
use vigie_media::Timestamp;
use vigie_media::matroska::{reader::END_OF_FRAGMENT, writer};

use crate::camera::{FRAME_INTERVAL, frame_data};

/// With the frames of these numbers, the first of them a key frame.
pub fn fragment(begins_at: Timestamp, numbers: Range<u64>) -> Bytes {
    let mut bytes = writer::cluster_start(begins_at).to_vec();
    let first = numbers.start;
    let mut relative_ms = 0;
    for number in numbers {
        let data = frame_data(number);
        bytes.extend(&*writer::simple_block_header(1, relative_ms, number == first, data.len()));
        bytes.extend(data);
        relative_ms += FRAME_INTERVAL.as_millis() as i16;
    }
    bytes.extend(writer::tags(&[(END_OF_FRAGMENT, "")]));
    bytes.into()
}
