//! Inputs of the extensions for people who look rather than read.

use super::kinesisvideo::{DESCRIBE_STREAM, RESOURCE_ARN, STREAM_NAME};
use super::media_ledger::NEXT_TOKEN;
use super::*;

pub(crate) const DESCRIBE_SCHEDULE: Shape = Shape::Structure(&[
    // Wider than in a configuration: it is asked while somebody types.
    required("ScheduleExpression", &string(0, 1000)),
    optional("DurationInSeconds", &integer(60, 3600)),
    optional("TimeZone", &string(1, 64)),
    optional("From", &Shape::Timestamp),
    optional("Count", &integer(1, 100)),
]);

pub(crate) const DESCRIBE_STREAM_MEDIA: Shape = DESCRIBE_STREAM;

pub(crate) const LIST_MEDIA_RANGES: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("StartTimestamp", &Shape::Timestamp),
    required("EndTimestamp", &Shape::Timestamp),
    optional("MaxResults", &long(1, 1000)),
    optional("NextToken", &NEXT_TOKEN),
]);
