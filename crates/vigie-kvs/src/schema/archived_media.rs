//! Inputs of the archived media operations (`kinesis-video-archived-media`).

use super::kinesisvideo::{FORMAT_CONFIG, RESOURCE_ARN, STREAM_NAME};
use super::*;
use crate::shapes::archived_media::FragmentSelectorType;
use crate::shapes::streaming_session::{ContainerFormat, DiscontinuityMode, Display, PlaybackMode};

pub(super) const FRAGMENT_NUMBER: Shape = pattern(1, 128, "^[0-9]+$");
const NEXT_TOKEN: Shape = pattern(1, 4096, "[a-zA-Z0-9+/]+={0,2}");
const SELECTOR_TYPE: Shape = one_of(FragmentSelectorType::VALUES);
const ALWAYS_NEVER: Shape = one_of(Display::VALUES);
const PLAYBACK_MODE: Shape = one_of(PlaybackMode::VALUES);

const TIMESTAMP_RANGE: Shape = Shape::Structure(&[
    required("StartTimestamp", &Shape::Timestamp),
    required("EndTimestamp", &Shape::Timestamp),
]);

const FRAGMENT_SELECTOR: Shape = Shape::Structure(&[
    required("FragmentSelectorType", &SELECTOR_TYPE),
    required("TimestampRange", &TIMESTAMP_RANGE),
]);

/// Of a streaming session: nothing in it is required by the model; what is needed depends on the playback mode.
const SESSION_FRAGMENT_SELECTOR: Shape = Shape::Structure(&[
    optional("FragmentSelectorType", &SELECTOR_TYPE),
    optional(
        "TimestampRange",
        &Shape::Structure(&[
            optional("StartTimestamp", &Shape::Timestamp),
            optional("EndTimestamp", &Shape::Timestamp),
        ]),
    ),
]);

pub(crate) const LIST_FRAGMENTS: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    optional("MaxResults", &long(1, 1000)),
    optional("NextToken", &NEXT_TOKEN),
    optional("FragmentSelector", &FRAGMENT_SELECTOR),
]);

pub(crate) const GET_MEDIA_FOR_FRAGMENT_LIST: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("Fragments", &list(&FRAGMENT_NUMBER, 1, 1000)),
]);

pub(crate) const GET_CLIP: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("ClipFragmentSelector", &FRAGMENT_SELECTOR),
]);

pub(crate) const GET_HLS_STREAMING_SESSION_URL: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    optional("PlaybackMode", &PLAYBACK_MODE),
    optional("HLSFragmentSelector", &SESSION_FRAGMENT_SELECTOR),
    optional("ContainerFormat", &one_of(ContainerFormat::VALUES)),
    optional("DiscontinuityMode", &one_of(DiscontinuityMode::VALUES)),
    optional("DisplayFragmentTimestamp", &ALWAYS_NEVER),
    optional("Expires", &integer(300, 43_200)),
    optional("MaxMediaPlaylistFragmentResults", &long(1, 5000)),
]);

pub(crate) const GET_DASH_STREAMING_SESSION_URL: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    optional("PlaybackMode", &PLAYBACK_MODE),
    optional("DisplayFragmentTimestamp", &ALWAYS_NEVER),
    optional("DisplayFragmentNumber", &ALWAYS_NEVER),
    optional("DASHFragmentSelector", &SESSION_FRAGMENT_SELECTOR),
    optional("Expires", &integer(300, 43_200)),
    optional("MaxManifestFragmentResults", &long(1, 5000)),
]);

pub(crate) const GET_IMAGES: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("ImageSelectorType", &SELECTOR_TYPE),
    required("StartTimestamp", &Shape::Timestamp),
    required("EndTimestamp", &Shape::Timestamp),
    optional("SamplingInterval", &Shape::Integer(Range { min: None, max: None })),
    required("Format", &one_of(&["JPEG", "PNG"])),
    optional("FormatConfig", &FORMAT_CONFIG),
    optional("WidthPixels", &integer(1, 3840)),
    optional("HeightPixels", &integer(1, 2160)),
    optional("MaxResults", &long(1, 100)),
    optional("NextToken", &NEXT_TOKEN),
]);
