//! The operations, as data: the rows of [`OPERATIONS`].
//!
//! Paths, errors and shapes are those of the service models of API version 2017-09-30 (KVS) and 2017-10-17 (Secrets
//! Manager). Signaling (WebRTC) is left out.

use super::{Operation, Service};
use crate::error::ErrorKind as E;
use crate::schema::{archived_media, edge, kinesisvideo, media, secretsmanager, sync_edge_agent};

/// Every operation that is known by its input.
pub const OPERATIONS: &[&Operation] = &[
    &CREATE_STREAM,
    &DELETE_EDGE_CONFIGURATION,
    &DELETE_STREAM,
    &DESCRIBE_EDGE_CONFIGURATION,
    &DESCRIBE_IMAGE_GENERATION_CONFIGURATION,
    &DESCRIBE_NOTIFICATION_CONFIGURATION,
    &DESCRIBE_STREAM,
    &DESCRIBE_STREAM_STORAGE_CONFIGURATION,
    &GET_DATA_ENDPOINT,
    &LIST_EDGE_AGENT_CONFIGURATIONS,
    &LIST_STREAMS,
    &LIST_TAGS_FOR_STREAM,
    &START_EDGE_CONFIGURATION_UPDATE,
    &TAG_STREAM,
    &UNTAG_STREAM,
    &UPDATE_DATA_RETENTION,
    &UPDATE_IMAGE_GENERATION_CONFIGURATION,
    &UPDATE_NOTIFICATION_CONFIGURATION,
    &UPDATE_STREAM,
    &UPDATE_STREAM_STORAGE_CONFIGURATION,
    &GET_CLIP,
    &GET_DASH_STREAMING_SESSION_URL,
    &GET_HLS_STREAMING_SESSION_URL,
    &GET_IMAGES,
    &GET_MEDIA_FOR_FRAGMENT_LIST,
    &LIST_FRAGMENTS,
    &GET_MEDIA,
    &PUT_MEDIA,
    &CREATE_SECRET,
    &DELETE_SECRET,
    &DESCRIBE_SECRET,
    &GET_SECRET_VALUE,
    &LIST_SECRETS,
    &PUT_SECRET_VALUE,
    &SYNC_EDGE_AGENT,
];

/// KVS API_CreateStream.
pub const CREATE_STREAM: Operation = Operation {
    service: Service::KinesisVideo,
    name: "CreateStream",
    address: "/createStream",
    input: &kinesisvideo::CREATE_STREAM,
    errors: &[
        E::AccountStreamLimitExceeded,
        E::ClientLimitExceeded,
        E::DeviceStreamLimitExceeded,
        E::InvalidArgument,
        E::InvalidDevice,
        E::ResourceInUse,
        E::TagsPerResourceExceededLimit,
    ],
    action: "kinesisvideo:CreateStream",
};

/// KVS API_DeleteEdgeConfiguration.
pub const DELETE_EDGE_CONFIGURATION: Operation = Operation {
    service: Service::KinesisVideo,
    name: "DeleteEdgeConfiguration",
    address: "/deleteEdgeConfiguration",
    input: &edge::DELETE_EDGE_CONFIGURATION,
    errors: &[
        E::AccessDenied,
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::ResourceNotFound,
        E::StreamEdgeConfigurationNotFound,
    ],
    action: "kinesisvideo:DeleteEdgeConfiguration",
};

/// KVS API_DeleteStream.
pub const DELETE_STREAM: Operation = Operation {
    service: Service::KinesisVideo,
    name: "DeleteStream",
    address: "/deleteStream",
    input: &kinesisvideo::DELETE_STREAM,
    errors: &[
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::NotAuthorized,
        E::ResourceInUse,
        E::ResourceNotFound,
        E::VersionMismatch,
    ],
    action: "kinesisvideo:DeleteStream",
};

/// KVS API_DescribeEdgeConfiguration.
pub const DESCRIBE_EDGE_CONFIGURATION: Operation = Operation {
    service: Service::KinesisVideo,
    name: "DescribeEdgeConfiguration",
    address: "/describeEdgeConfiguration",
    input: &edge::DESCRIBE_EDGE_CONFIGURATION,
    errors: &[
        E::AccessDenied,
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::ResourceNotFound,
        E::StreamEdgeConfigurationNotFound,
    ],
    action: "kinesisvideo:DescribeEdgeConfiguration",
};

/// KVS API_DescribeImageGenerationConfiguration.
pub const DESCRIBE_IMAGE_GENERATION_CONFIGURATION: Operation = Operation {
    service: Service::KinesisVideo,
    name: "DescribeImageGenerationConfiguration",
    address: "/describeImageGenerationConfiguration",
    input: &kinesisvideo::DESCRIBE_STREAM,
    errors: &[E::AccessDenied, E::ClientLimitExceeded, E::InvalidArgument, E::ResourceNotFound],
    action: "kinesisvideo:DescribeImageGenerationConfiguration",
};

/// KVS API_DescribeNotificationConfiguration.
pub const DESCRIBE_NOTIFICATION_CONFIGURATION: Operation = Operation {
    service: Service::KinesisVideo,
    name: "DescribeNotificationConfiguration",
    address: "/describeNotificationConfiguration",
    input: &kinesisvideo::DESCRIBE_STREAM,
    errors: &[E::AccessDenied, E::ClientLimitExceeded, E::InvalidArgument, E::ResourceNotFound],
    action: "kinesisvideo:DescribeNotificationConfiguration",
};

/// KVS API_DescribeStream.
pub const DESCRIBE_STREAM: Operation = Operation {
    service: Service::KinesisVideo,
    name: "DescribeStream",
    address: "/describeStream",
    input: &kinesisvideo::DESCRIBE_STREAM,
    errors: &[E::ClientLimitExceeded, E::InvalidArgument, E::NotAuthorized, E::ResourceNotFound],
    action: "kinesisvideo:DescribeStream",
};

/// KVS API_DescribeStreamStorageConfiguration.
pub const DESCRIBE_STREAM_STORAGE_CONFIGURATION: Operation = Operation {
    service: Service::KinesisVideo,
    name: "DescribeStreamStorageConfiguration",
    address: "/describeStreamStorageConfiguration",
    input: &kinesisvideo::DESCRIBE_STREAM,
    errors: &[E::AccessDenied, E::ClientLimitExceeded, E::InvalidArgument, E::ResourceNotFound],
    action: "kinesisvideo:DescribeStreamStorageConfiguration",
};

/// KVS API_GetDataEndpoint.
pub const GET_DATA_ENDPOINT: Operation = Operation {
    service: Service::KinesisVideo,
    name: "GetDataEndpoint",
    address: "/getDataEndpoint",
    input: &kinesisvideo::GET_DATA_ENDPOINT,
    errors: &[E::ClientLimitExceeded, E::InvalidArgument, E::NotAuthorized, E::ResourceNotFound],
    action: "kinesisvideo:GetDataEndpoint",
};

/// KVS API_ListEdgeAgentConfigurations.
pub const LIST_EDGE_AGENT_CONFIGURATIONS: Operation = Operation {
    service: Service::KinesisVideo,
    name: "ListEdgeAgentConfigurations",
    address: "/listEdgeAgentConfigurations",
    input: &edge::LIST_EDGE_AGENT_CONFIGURATIONS,
    errors: &[E::ClientLimitExceeded, E::InvalidArgument, E::NotAuthorized],
    action: "kinesisvideo:ListEdgeAgentConfigurations",
};

/// KVS API_ListStreams.
pub const LIST_STREAMS: Operation = Operation {
    service: Service::KinesisVideo,
    name: "ListStreams",
    address: "/listStreams",
    input: &kinesisvideo::LIST_STREAMS,
    errors: &[E::ClientLimitExceeded, E::InvalidArgument],
    action: "kinesisvideo:ListStreams",
};

/// KVS API_ListTagsForStream.
pub const LIST_TAGS_FOR_STREAM: Operation = Operation {
    service: Service::KinesisVideo,
    name: "ListTagsForStream",
    address: "/listTagsForStream",
    input: &kinesisvideo::LIST_TAGS_FOR_STREAM,
    errors: &[
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::InvalidResourceFormat,
        E::NotAuthorized,
        E::ResourceNotFound,
    ],
    action: "kinesisvideo:ListTagsForStream",
};

/// KVS API_StartEdgeConfigurationUpdate.
pub const START_EDGE_CONFIGURATION_UPDATE: Operation = Operation {
    service: Service::KinesisVideo,
    name: "StartEdgeConfigurationUpdate",
    address: "/startEdgeConfigurationUpdate",
    input: &edge::START_EDGE_CONFIGURATION_UPDATE,
    errors: &[
        E::AccessDenied,
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::NoDataRetention,
        E::ResourceInUse,
        E::ResourceNotFound,
    ],
    action: "kinesisvideo:StartEdgeConfigurationUpdate",
};

/// KVS API_TagStream.
pub const TAG_STREAM: Operation = Operation {
    service: Service::KinesisVideo,
    name: "TagStream",
    address: "/tagStream",
    input: &kinesisvideo::TAG_STREAM,
    errors: &[
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::InvalidResourceFormat,
        E::NotAuthorized,
        E::ResourceNotFound,
        E::TagsPerResourceExceededLimit,
    ],
    action: "kinesisvideo:TagStream",
};

/// KVS API_UntagStream.
pub const UNTAG_STREAM: Operation = Operation {
    service: Service::KinesisVideo,
    name: "UntagStream",
    address: "/untagStream",
    input: &kinesisvideo::UNTAG_STREAM,
    errors: &[
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::InvalidResourceFormat,
        E::NotAuthorized,
        E::ResourceNotFound,
    ],
    action: "kinesisvideo:UntagStream",
};

/// KVS API_UpdateDataRetention.
pub const UPDATE_DATA_RETENTION: Operation = Operation {
    service: Service::KinesisVideo,
    name: "UpdateDataRetention",
    address: "/updateDataRetention",
    input: &kinesisvideo::UPDATE_DATA_RETENTION,
    errors: &[
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::NotAuthorized,
        E::ResourceInUse,
        E::ResourceNotFound,
        E::VersionMismatch,
    ],
    action: "kinesisvideo:UpdateDataRetention",
};

/// KVS API_UpdateImageGenerationConfiguration.
pub const UPDATE_IMAGE_GENERATION_CONFIGURATION: Operation = Operation {
    service: Service::KinesisVideo,
    name: "UpdateImageGenerationConfiguration",
    address: "/updateImageGenerationConfiguration",
    input: &kinesisvideo::UPDATE_IMAGE_GENERATION_CONFIGURATION,
    errors: &[
        E::AccessDenied,
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::NoDataRetention,
        E::ResourceInUse,
        E::ResourceNotFound,
    ],
    action: "kinesisvideo:UpdateImageGenerationConfiguration",
};

/// KVS API_UpdateNotificationConfiguration.
pub const UPDATE_NOTIFICATION_CONFIGURATION: Operation = Operation {
    service: Service::KinesisVideo,
    name: "UpdateNotificationConfiguration",
    address: "/updateNotificationConfiguration",
    input: &kinesisvideo::UPDATE_NOTIFICATION_CONFIGURATION,
    errors: &[
        E::AccessDenied,
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::NoDataRetention,
        E::ResourceInUse,
        E::ResourceNotFound,
    ],
    action: "kinesisvideo:UpdateNotificationConfiguration",
};

/// KVS API_UpdateStream.
pub const UPDATE_STREAM: Operation = Operation {
    service: Service::KinesisVideo,
    name: "UpdateStream",
    address: "/updateStream",
    input: &kinesisvideo::UPDATE_STREAM,
    errors: &[
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::NotAuthorized,
        E::ResourceInUse,
        E::ResourceNotFound,
        E::VersionMismatch,
    ],
    action: "kinesisvideo:UpdateStream",
};

/// KVS API_UpdateStreamStorageConfiguration.
pub const UPDATE_STREAM_STORAGE_CONFIGURATION: Operation = Operation {
    service: Service::KinesisVideo,
    name: "UpdateStreamStorageConfiguration",
    address: "/updateStreamStorageConfiguration",
    input: &kinesisvideo::UPDATE_STREAM_STORAGE_CONFIGURATION,
    errors: &[
        E::AccessDenied,
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::ResourceInUse,
        E::ResourceNotFound,
        E::VersionMismatch,
    ],
    action: "kinesisvideo:UpdateStreamStorageConfiguration",
};

/// KVS API_GetClip.
pub const GET_CLIP: Operation = Operation {
    service: Service::KinesisVideoArchivedMedia,
    name: "GetClip",
    address: "/getClip",
    input: &archived_media::GET_CLIP,
    errors: &[
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::InvalidCodecPrivateData,
        E::InvalidMediaFrame,
        E::MissingCodecPrivateData,
        E::NoDataRetention,
        E::NotAuthorized,
        E::ResourceNotFound,
        E::UnsupportedStreamMediaType,
    ],
    action: "kinesisvideo:GetClip",
};

/// KVS API_GetDASHStreamingSessionURL.
pub const GET_DASH_STREAMING_SESSION_URL: Operation = Operation {
    service: Service::KinesisVideoArchivedMedia,
    name: "GetDASHStreamingSessionURL",
    address: "/getDASHStreamingSessionURL",
    input: &archived_media::GET_DASH_STREAMING_SESSION_URL,
    errors: &[
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::InvalidCodecPrivateData,
        E::MissingCodecPrivateData,
        E::NoDataRetention,
        E::NotAuthorized,
        E::ResourceNotFound,
        E::UnsupportedStreamMediaType,
    ],
    action: "kinesisvideo:GetDASHStreamingSessionURL",
};

/// KVS API_GetHLSStreamingSessionURL.
pub const GET_HLS_STREAMING_SESSION_URL: Operation = Operation {
    service: Service::KinesisVideoArchivedMedia,
    name: "GetHLSStreamingSessionURL",
    address: "/getHLSStreamingSessionURL",
    input: &archived_media::GET_HLS_STREAMING_SESSION_URL,
    errors: &[
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::InvalidCodecPrivateData,
        E::MissingCodecPrivateData,
        E::NoDataRetention,
        E::NotAuthorized,
        E::ResourceNotFound,
        E::UnsupportedStreamMediaType,
    ],
    action: "kinesisvideo:GetHLSStreamingSessionURL",
};

/// KVS API_GetImages.
pub const GET_IMAGES: Operation = Operation {
    service: Service::KinesisVideoArchivedMedia,
    name: "GetImages",
    address: "/getImages",
    input: &archived_media::GET_IMAGES,
    errors: &[
        E::ClientLimitExceeded,
        E::InvalidArgument,
        E::NoDataRetention,
        E::NotAuthorized,
        E::ResourceNotFound,
    ],
    action: "kinesisvideo:GetImages",
};

/// KVS API_GetMediaForFragmentList.
pub const GET_MEDIA_FOR_FRAGMENT_LIST: Operation = Operation {
    service: Service::KinesisVideoArchivedMedia,
    name: "GetMediaForFragmentList",
    address: "/getMediaForFragmentList",
    input: &archived_media::GET_MEDIA_FOR_FRAGMENT_LIST,
    errors: &[E::ClientLimitExceeded, E::InvalidArgument, E::NotAuthorized, E::ResourceNotFound],
    action: "kinesisvideo:GetMediaForFragmentList",
};

/// KVS API_ListFragments.
pub const LIST_FRAGMENTS: Operation = Operation {
    service: Service::KinesisVideoArchivedMedia,
    name: "ListFragments",
    address: "/listFragments",
    input: &archived_media::LIST_FRAGMENTS,
    errors: &[E::ClientLimitExceeded, E::InvalidArgument, E::NotAuthorized, E::ResourceNotFound],
    action: "kinesisvideo:ListFragments",
};

/// KVS API_GetMedia.
pub const GET_MEDIA: Operation = Operation {
    service: Service::KinesisVideoMedia,
    name: "GetMedia",
    address: "/getMedia",
    input: &media::GET_MEDIA,
    errors: &[
        E::ClientLimitExceeded,
        E::ConnectionLimitExceeded,
        E::InvalidArgument,
        E::InvalidEndpoint,
        E::NotAuthorized,
        E::ResourceNotFound,
    ],
    action: "kinesisvideo:GetMedia",
};

/// KVS API_PutMedia. Its input comes in headers, its body is Matroska.
pub const PUT_MEDIA: Operation = Operation {
    service: Service::KinesisVideoMedia,
    name: "PutMedia",
    address: "/putMedia",
    input: &media::PUT_MEDIA,
    errors: &[
        E::ClientLimitExceeded,
        E::ConnectionLimitExceeded,
        E::InvalidArgument,
        E::InvalidEndpoint,
        E::NotAuthorized,
        E::ResourceNotFound,
    ],
    action: "kinesisvideo:PutMedia",
};

/// Secrets Manager API_CreateSecret.
pub const CREATE_SECRET: Operation = Operation {
    service: Service::SecretsManager,
    name: "CreateSecret",
    address: "secretsmanager.CreateSecret",
    input: &secretsmanager::CREATE_SECRET,
    errors: &[
        E::DecryptionFailure,
        E::EncryptionFailure,
        E::InternalServiceError,
        E::InvalidParameter,
        E::InvalidRequest,
        E::LimitExceeded,
        E::MalformedPolicyDocument,
        E::PreconditionNotMet,
        E::ResourceExists,
        E::ResourceNotFound,
    ],
    action: "secretsmanager:CreateSecret",
};

/// Secrets Manager API_DeleteSecret.
pub const DELETE_SECRET: Operation = Operation {
    service: Service::SecretsManager,
    name: "DeleteSecret",
    address: "secretsmanager.DeleteSecret",
    input: &secretsmanager::DELETE_SECRET,
    errors: &[E::InternalServiceError, E::InvalidParameter, E::InvalidRequest, E::ResourceNotFound],
    action: "secretsmanager:DeleteSecret",
};

/// Secrets Manager API_DescribeSecret.
pub const DESCRIBE_SECRET: Operation = Operation {
    service: Service::SecretsManager,
    name: "DescribeSecret",
    address: "secretsmanager.DescribeSecret",
    input: &secretsmanager::DESCRIBE_SECRET,
    errors: &[E::InternalServiceError, E::InvalidParameter, E::ResourceNotFound],
    action: "secretsmanager:DescribeSecret",
};

/// Secrets Manager API_GetSecretValue.
pub const GET_SECRET_VALUE: Operation = Operation {
    service: Service::SecretsManager,
    name: "GetSecretValue",
    address: "secretsmanager.GetSecretValue",
    input: &secretsmanager::GET_SECRET_VALUE,
    errors: &[
        E::DecryptionFailure,
        E::InternalServiceError,
        E::InvalidParameter,
        E::InvalidRequest,
        E::ResourceNotFound,
    ],
    action: "secretsmanager:GetSecretValue",
};

/// Secrets Manager API_ListSecrets.
pub const LIST_SECRETS: Operation = Operation {
    service: Service::SecretsManager,
    name: "ListSecrets",
    address: "secretsmanager.ListSecrets",
    input: &secretsmanager::LIST_SECRETS,
    errors: &[E::InternalServiceError, E::InvalidNextToken, E::InvalidParameter, E::InvalidRequest],
    action: "secretsmanager:ListSecrets",
};

/// Secrets Manager API_PutSecretValue.
pub const PUT_SECRET_VALUE: Operation = Operation {
    service: Service::SecretsManager,
    name: "PutSecretValue",
    address: "secretsmanager.PutSecretValue",
    input: &secretsmanager::PUT_SECRET_VALUE,
    errors: &[
        E::DecryptionFailure,
        E::EncryptionFailure,
        E::InternalServiceError,
        E::InvalidParameter,
        E::InvalidRequest,
        E::LimitExceeded,
        E::ResourceExists,
        E::ResourceNotFound,
    ],
    action: "secretsmanager:PutSecretValue",
};

/// The hub link: a hub says what it has, and hears what it is owed.
pub const SYNC_EDGE_AGENT: Operation = Operation {
    service: Service::Extension,
    name: "SyncEdgeAgent",
    address: "/syncEdgeAgent",
    input: &sync_edge_agent::SYNC_EDGE_AGENT,
    errors: &[E::AccessDenied, E::InvalidArgument],
    action: "vigie:SyncEdgeAgent",
};
