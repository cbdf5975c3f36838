//! Inputs of the extensions that say what the server holds of a stream, and where it lies in time.

use super::kinesisvideo::{DESCRIBE_STREAM, RESOURCE_ARN, STREAM_NAME};
use super::media_ledger::NEXT_TOKEN;
use super::*;

pub(crate) const DESCRIBE_STREAM_MEDIA: Shape = DESCRIBE_STREAM;

pub(crate) const LIST_MEDIA_RANGES: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("StartTimestamp", &Shape::Timestamp),
    required("EndTimestamp", &Shape::Timestamp),
    optional("MaxResults", &long(1, 1000)),
    optional("NextToken", &NEXT_TOKEN),
]);
