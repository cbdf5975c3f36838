//! The input of the extension ExportClip.

use super::kinesisvideo::{RESOURCE_ARN, STREAM_NAME};
use super::*;

pub(crate) const EXPORT_CLIP: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("StartTimestamp", &Shape::Timestamp),
    required("EndTimestamp", &Shape::Timestamp),
    optional("Expires", &integer(300, 43_200)),
]);
