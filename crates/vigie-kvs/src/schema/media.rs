//! Inputs of PutMedia and GetMedia (`kinesis-video-media`).

use super::archived_media::FRAGMENT_NUMBER;
use super::kinesisvideo::{RESOURCE_ARN, STREAM_NAME};
use super::*;
use crate::shapes::media::{FragmentTimecodeType, StartSelectorType};

pub(crate) const GET_MEDIA: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional(
        "StreamARN",
        // Unlike everywhere else, the model of GetMedia allows the partition `aws` only.
        &pattern(1, 1024, "arn:aws:kinesisvideo:[a-z0-9-]+:[0-9]+:[a-z]+/[a-zA-Z0-9_.-]+/[0-9]+"),
    ),
    required(
        "StartSelector",
        &Shape::Structure(&[
            required("StartSelectorType", &one_of(StartSelectorType::VALUES)),
            optional("AfterFragmentNumber", &FRAGMENT_NUMBER),
            optional("StartTimestamp", &Shape::Timestamp),
            optional("ContinuationToken", &pattern(1, 128, r"^[a-zA-Z0-9_\.\-]+$")),
        ]),
    ),
]);

/// PutMedia takes its input from headers; the names here are those of the reference page's parameters.
pub(crate) const PUT_MEDIA: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("FragmentTimecodeType", &one_of(FragmentTimecodeType::VALUES)),
    optional("ProducerStartTimestamp", &Shape::Timestamp),
]);
