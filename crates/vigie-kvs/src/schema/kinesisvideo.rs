//! Inputs of the control plane (`kinesisvideo`), without the edge operations and signaling.

use super::*;
use crate::shapes::delivery::{ConfigurationStatus, ImageFormat, ImageSelectorType, JPEG_QUALITY};
use crate::shapes::media::ApiName;
use crate::shapes::stream::{
    ComparisonOperator, DefaultStorageTier, UpdateDataRetentionOperation as RetentionOperation,
};

pub(super) const STREAM_NAME: Shape = pattern(1, 256, "[a-zA-Z0-9_.-]+");
pub(super) const RESOURCE_ARN: Shape =
    pattern(1, 1024, r"arn:[a-z\d-]+:kinesisvideo:[a-z0-9-]+:[0-9]+:[a-z]+/[a-zA-Z0-9_.-]+/[0-9]+");
pub(super) const NEXT_TOKEN: Shape = pattern(0, 1024, "[a-zA-Z0-9+/=]*");
const VERSION: Shape = pattern(1, 64, "[a-zA-Z0-9]+");
const DEVICE_NAME: Shape = pattern(1, 128, "[a-zA-Z0-9_.-]+");
const MEDIA_TYPE: Shape = pattern(1, 128, r"[\w\-\.\+]+/[\w\-\.\+]+(,[\w\-\.\+]+/[\w\-\.\+]+)*");
const KMS_KEY_ID: Shape = pattern(1, 2048, ".+");
pub(super) const TAG_KEY: Text = Text::new(1, 128).matching(r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$");
pub(super) const TAG_VALUE: Shape = pattern(0, 256, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*");
const TAGS: Shape = map(TAG_KEY, &TAG_VALUE, 1, 50);
const STREAM_STORAGE_CONFIGURATION: Shape =
    Shape::Structure(&[required("DefaultStorageTier", &one_of(DefaultStorageTier::VALUES))]);

/// StreamName or StreamARN and nothing else: most Describe operations.
pub(super) const STREAM: Shape =
    Shape::Structure(&[optional("StreamName", &STREAM_NAME), optional("StreamARN", &RESOURCE_ARN)]);

pub(crate) const CREATE_STREAM: Shape = Shape::Structure(&[
    optional("DeviceName", &DEVICE_NAME),
    required("StreamName", &STREAM_NAME),
    optional("MediaType", &MEDIA_TYPE),
    optional("KmsKeyId", &KMS_KEY_ID),
    optional("DataRetentionInHours", &integer_from(0)),
    optional("Tags", &TAGS),
    optional("StreamStorageConfiguration", &STREAM_STORAGE_CONFIGURATION),
]);

pub(crate) const DESCRIBE_STREAM: Shape = STREAM;

pub(crate) const LIST_STREAMS: Shape = Shape::Structure(&[
    optional("MaxResults", &integer(1, 10_000)),
    optional("NextToken", &NEXT_TOKEN),
    optional(
        "StreamNameCondition",
        &Shape::Structure(&[
            optional("ComparisonOperator", &one_of(ComparisonOperator::VALUES)),
            optional("ComparisonValue", &STREAM_NAME),
        ]),
    ),
]);

pub(crate) const UPDATE_STREAM: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("CurrentVersion", &VERSION),
    optional("DeviceName", &DEVICE_NAME),
    optional("MediaType", &MEDIA_TYPE),
]);

pub(crate) const UPDATE_DATA_RETENTION: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("CurrentVersion", &VERSION),
    required("Operation", &one_of(RetentionOperation::VALUES)),
    required("DataRetentionChangeInHours", &integer_from(1)),
]);

pub(crate) const DELETE_STREAM: Shape =
    Shape::Structure(&[required("StreamARN", &RESOURCE_ARN), optional("CurrentVersion", &VERSION)]);

pub(crate) const GET_DATA_ENDPOINT: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("APIName", &one_of(ApiName::VALUES)),
]);

pub(crate) const TAG_STREAM: Shape = Shape::Structure(&[
    optional("StreamARN", &RESOURCE_ARN),
    optional("StreamName", &STREAM_NAME),
    required("Tags", &TAGS),
]);

pub(crate) const UNTAG_STREAM: Shape = Shape::Structure(&[
    optional("StreamARN", &RESOURCE_ARN),
    optional("StreamName", &STREAM_NAME),
    required("TagKeyList", &list(&Shape::String(TAG_KEY), 1, 50)),
]);

pub(crate) const LIST_TAGS_FOR_STREAM: Shape = Shape::Structure(&[
    optional("NextToken", &NEXT_TOKEN),
    optional("StreamARN", &RESOURCE_ARN),
    optional("StreamName", &STREAM_NAME),
]);

pub(crate) const UPDATE_STREAM_STORAGE_CONFIGURATION: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("CurrentVersion", &VERSION),
    required("StreamStorageConfiguration", &STREAM_STORAGE_CONFIGURATION),
]);

const CONFIGURATION_STATUS: Shape = one_of(ConfigurationStatus::VALUES);
const DESTINATION_URI: Shape = pattern(1, 255, "^[a-zA-Z_0-9]+:(//)?([^/]+)/?([^*]*)$");
const DESTINATION_REGION: Shape = pattern(9, 14, "^[a-z]+(-[a-z]+)?-[a-z]+-[0-9]$");
pub(super) const FORMAT_CONFIG: Shape =
    map(Text::one_of(&[JPEG_QUALITY]), &pattern(0, 256, "^[a-zA-Z_0-9]+"), 1, 1);

pub(crate) const UPDATE_IMAGE_GENERATION_CONFIGURATION: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    optional(
        "ImageGenerationConfiguration",
        &Shape::Structure(&[
            required("Status", &CONFIGURATION_STATUS),
            required("ImageSelectorType", &one_of(ImageSelectorType::VALUES)),
            required(
                "DestinationConfig",
                &Shape::Structure(&[
                    required("Uri", &DESTINATION_URI),
                    required("DestinationRegion", &DESTINATION_REGION),
                ]),
            ),
            required("SamplingInterval", &Shape::Integer(Range { min: None, max: None })),
            required("Format", &one_of(ImageFormat::VALUES)),
            optional("FormatConfig", &FORMAT_CONFIG),
            optional("WidthPixels", &integer(1, 3840)),
            optional("HeightPixels", &integer(1, 2160)),
        ]),
    ),
]);

pub(crate) const UPDATE_NOTIFICATION_CONFIGURATION: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    optional(
        "NotificationConfiguration",
        &Shape::Structure(&[
            required("Status", &CONFIGURATION_STATUS),
            required("DestinationConfig", &Shape::Structure(&[required("Uri", &DESTINATION_URI)])),
        ]),
    ),
]);
