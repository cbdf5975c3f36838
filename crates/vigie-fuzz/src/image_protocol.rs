//! What goes between the server and its decoders: neither side is hurt by anything that the other says.

use bytes::Bytes;
use vigie_images::encode::Format;
use vigie_images::protocol::{
    IMAGE_BYTES_MAX, ImageError, REASON_BYTES_MAX, Request, read_reply, reply_to_wire,
};

/// Any bytes, as a request and as a reply.
pub fn image_protocol(data: &[u8]) {
    if let Ok(request) = Request::read(Bytes::copy_from_slice(data)) {
        assert!(request.wanted() <= request.video.frames.len());
        let Ok(wire) = request.to_wire() else { panic!("what was read cannot be written") };
        assert_eq!(&wire.concat()[4..], data);
    }
    for format in [Format::Jpeg { quality: 1 }, Format::Png] {
        let Ok(reply) = read_reply(Bytes::copy_from_slice(data), format) else { continue };
        match &reply {
            Ok(image) => assert!(image.len() <= IMAGE_BYTES_MAX && image.len() + 1 == data.len()),
            Err(ImageError::Unsupported(reason) | ImageError::Broken(reason)) => {
                // What is no UTF-8 takes up to three bytes for one.
                assert!(reason.len() <= 3 * REASON_BYTES_MAX);
            }
            Err(ImageError::TooLarge) => assert_eq!(data.len(), 1),
            Err(ImageError::NotReached) => panic!("no decoder says so"),
        }
        if !matches!(&reply, Err(ImageError::Unsupported(_) | ImageError::Broken(_))) {
            assert_eq!(&reply_to_wire(&reply)[4..], data);
        }
    }
}
