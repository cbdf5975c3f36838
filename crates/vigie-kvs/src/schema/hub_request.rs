//! Inputs of requests to hubs: what `TestCamera` asks for, and what a hub says of a request.

use super::edge::{HUB_DEVICE_ARN, MEDIA_URI_SECRET_ARN};
use super::*;
use crate::shapes::edge::JobStatus;
use crate::shapes::hub_request::{
    CODEC_PRIVATE_BYTES_MAX, CameraTestStep, DETAILS_CHARS_MAX, KEY_FRAME_BYTES_MAX, TRACKS_MAX,
    TestedTrackType,
};

/// Longer than any camera's; a secret may hold more beside it.
const MEDIA_URI: Shape = Shape::String(Text::new(1, 4096).secret());

pub(crate) const TEST_CAMERA: Shape = Shape::Structure(&[
    required("HubDeviceArn", &HUB_DEVICE_ARN),
    optional("MediaUriSecretArn", &MEDIA_URI_SECRET_ARN),
    optional("MediaUri", &MEDIA_URI),
]);

const DETAILS: Shape = string(0, DETAILS_CHARS_MAX);
const STEPS_MAX: usize = 32;

const fn blob(length_max: usize) -> Shape {
    Shape::Blob(Bytes { length_min: 0, length_max })
}

const TRACK: Shape = Shape::Structure(&[
    required("TrackType", &one_of(TestedTrackType::VALUES)),
    required("CodecId", &string(1, 64)),
    optional("CodecPrivateData", &blob(CODEC_PRIVATE_BYTES_MAX)),
    optional("WidthPixels", &integer(0, 65_536)),
    optional("HeightPixels", &integer(0, 65_536)),
    optional("FrameRateMillihertz", &integer_from(0)),
    optional("SamplingFrequencyHertz", &integer_from(0)),
    optional("Channels", &integer(0, 256)),
]);

const TESTED_CAMERA: Shape = Shape::Structure(&[
    required("JobStatus", &one_of(JobStatus::VALUES)),
    required("JobStatusDetails", &DETAILS),
    required(
        "Steps",
        &list(
            &Shape::Structure(&[
                required("Step", &one_of(CameraTestStep::VALUES)),
                required("DurationInMilliseconds", &long(0, i64::MAX)),
            ]),
            0,
            STEPS_MAX,
        ),
    ),
    required("Tracks", &list(&TRACK, 0, TRACKS_MAX)),
    optional("KeyFrame", &blob(KEY_FRAME_BYTES_MAX)),
]);

pub(super) const REPORT: Shape = Shape::Structure(&[
    required("RequestId", &string(1, 64)),
    optional("Progress", &string(0, 64)),
    optional(
        "Answer",
        &Shape::Structure(&[optional("Failure", &DETAILS), optional("TestCamera", &TESTED_CAMERA)]),
    ),
]);
