//! Inputs of the four edge operations of the control plane.

use super::kinesisvideo::{NEXT_TOKEN, RESOURCE_ARN, STREAM, STREAM_NAME};
use super::*;
use crate::shapes::edge::{MediaUriType, StrategyOnFullSize};

pub(super) const HUB_DEVICE_ARN: Shape =
    pattern(1, 1024, r"arn:[a-z\d-]+:iot:[a-z0-9-]+:[0-9]+:thing/[a-zA-Z0-9_.-]+");

pub(super) const MEDIA_URI_SECRET_ARN: Shape = Shape::String(
    Text::new(20, 2048)
        .matching(r"arn:[a-z\d-]+:secretsmanager:[a-z0-9-]+:[0-9]+:secret:[a-zA-Z0-9_.-]+")
        .secret(),
);

const SCHEDULE_CONFIG: Shape = Shape::Structure(&[
    required("ScheduleExpression", &pattern(11, 100, r"[^\n]{11,100}")),
    required("DurationInSeconds", &integer(60, 3600)),
]);

const EDGE_CONFIG: Shape = Shape::Structure(&[
    required("HubDeviceArn", &HUB_DEVICE_ARN),
    required(
        "RecorderConfig",
        &Shape::Structure(&[
            required(
                "MediaSourceConfig",
                &Shape::Structure(&[
                    required("MediaUriSecretArn", &MEDIA_URI_SECRET_ARN),
                    required("MediaUriType", &one_of(MediaUriType::VALUES)),
                ]),
            ),
            optional("ScheduleConfig", &SCHEDULE_CONFIG),
        ]),
    ),
    optional(
        "UploaderConfig",
        // The model requires ScheduleConfig, the reference says that without one uploads are hourly. Both are taken.
        &Shape::Structure(&[optional("ScheduleConfig", &SCHEDULE_CONFIG)]),
    ),
    optional(
        "DeletionConfig",
        &Shape::Structure(&[
            optional("EdgeRetentionInHours", &integer(1, 720)),
            optional(
                "LocalSizeConfig",
                &Shape::Structure(&[
                    optional("MaxLocalMediaSizeInMB", &integer(64, 2_000_000)),
                    optional("StrategyOnFullSize", &one_of(StrategyOnFullSize::VALUES)),
                ]),
            ),
            optional("DeleteAfterUpload", &Shape::Boolean),
        ]),
    ),
]);

pub(crate) const START_EDGE_CONFIGURATION_UPDATE: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("EdgeConfig", &EDGE_CONFIG),
]);

pub(crate) const DESCRIBE_EDGE_CONFIGURATION: Shape = STREAM;

pub(crate) const DELETE_EDGE_CONFIGURATION: Shape = STREAM;

pub(crate) const LIST_EDGE_AGENT_CONFIGURATIONS: Shape = Shape::Structure(&[
    required("HubDeviceArn", &HUB_DEVICE_ARN),
    optional("MaxResults", &integer(1, 10)),
    optional("NextToken", &NEXT_TOKEN),
]);
