//! The operations, as data.
//!
//! Paths, errors and inputs are those of the service models of API version 2017-09-30 (KVS) and 2017-10-17 (Secrets
//! Manager); a test holds them against the models. Signaling (WebRTC) stands apart, as what is not there.

use super::{Operation, Service};
use crate::error::ErrorKind as E;
use crate::schema::{
    administration, archived_media, edge, hub_request, kinesisvideo, media, media_ledger, overview,
    secretsmanager, sync_edge_agent,
};

/// One row per operation: constant, name, address, input shape, errors. The IAM action is prefix and name.
macro_rules! operations {
    ($($service:ident $prefix:literal {
        $($(#[$doc:meta])* $constant:ident = $name:literal $address:literal $input:path [$($error:ident)*];)+
    })+) => {
        $($($(#[$doc])*
        pub const $constant: Operation = Operation {
            service: Service::$service,
            name: $name,
            address: $address,
            input: &$input,
            errors: &[$(E::$error),*],
            action: concat!($prefix, ":", $name),
        };)+)+

        /// Every operation that is known by its input.
        pub const OPERATIONS: &[&Operation] = &[$($(&$constant),+),+];
    };
}

operations! {
    KinesisVideo "kinesisvideo" {
        /// KVS API_CreateStream.
        CREATE_STREAM = "CreateStream" "/createStream" kinesisvideo::CREATE_STREAM [
            AccountStreamLimitExceeded ClientLimitExceeded DeviceStreamLimitExceeded
            InvalidArgument InvalidDevice ResourceInUse TagsPerResourceExceededLimit
        ];
        /// KVS API_DeleteEdgeConfiguration.
        DELETE_EDGE_CONFIGURATION = "DeleteEdgeConfiguration" "/deleteEdgeConfiguration" edge::DELETE_EDGE_CONFIGURATION [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceNotFound
            StreamEdgeConfigurationNotFound
        ];
        /// KVS API_DeleteStream.
        DELETE_STREAM = "DeleteStream" "/deleteStream" kinesisvideo::DELETE_STREAM [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceInUse ResourceNotFound
            VersionMismatch
        ];
        /// KVS API_DescribeEdgeConfiguration.
        DESCRIBE_EDGE_CONFIGURATION = "DescribeEdgeConfiguration" "/describeEdgeConfiguration" edge::DESCRIBE_EDGE_CONFIGURATION [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceNotFound
            StreamEdgeConfigurationNotFound
        ];
        /// KVS API_DescribeImageGenerationConfiguration.
        DESCRIBE_IMAGE_GENERATION_CONFIGURATION = "DescribeImageGenerationConfiguration" "/describeImageGenerationConfiguration" kinesisvideo::DESCRIBE_STREAM [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceNotFound
        ];
        /// KVS API_DescribeNotificationConfiguration.
        DESCRIBE_NOTIFICATION_CONFIGURATION = "DescribeNotificationConfiguration" "/describeNotificationConfiguration" kinesisvideo::DESCRIBE_STREAM [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceNotFound
        ];
        /// KVS API_DescribeStream.
        DESCRIBE_STREAM = "DescribeStream" "/describeStream" kinesisvideo::DESCRIBE_STREAM [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceNotFound
        ];
        /// KVS API_DescribeStreamStorageConfiguration.
        DESCRIBE_STREAM_STORAGE_CONFIGURATION = "DescribeStreamStorageConfiguration" "/describeStreamStorageConfiguration" kinesisvideo::DESCRIBE_STREAM [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceNotFound
        ];
        /// KVS API_GetDataEndpoint.
        GET_DATA_ENDPOINT = "GetDataEndpoint" "/getDataEndpoint" kinesisvideo::GET_DATA_ENDPOINT [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceNotFound
        ];
        /// KVS API_ListEdgeAgentConfigurations.
        LIST_EDGE_AGENT_CONFIGURATIONS = "ListEdgeAgentConfigurations" "/listEdgeAgentConfigurations" edge::LIST_EDGE_AGENT_CONFIGURATIONS [
            ClientLimitExceeded InvalidArgument NotAuthorized
        ];
        /// KVS API_ListStreams.
        LIST_STREAMS = "ListStreams" "/listStreams" kinesisvideo::LIST_STREAMS [
            ClientLimitExceeded InvalidArgument
        ];
        /// KVS API_ListTagsForStream.
        LIST_TAGS_FOR_STREAM = "ListTagsForStream" "/listTagsForStream" kinesisvideo::LIST_TAGS_FOR_STREAM [
            ClientLimitExceeded InvalidArgument InvalidResourceFormat NotAuthorized
            ResourceNotFound
        ];
        /// KVS API_StartEdgeConfigurationUpdate.
        START_EDGE_CONFIGURATION_UPDATE = "StartEdgeConfigurationUpdate" "/startEdgeConfigurationUpdate" edge::START_EDGE_CONFIGURATION_UPDATE [
            AccessDenied ClientLimitExceeded InvalidArgument NoDataRetention ResourceInUse
            ResourceNotFound
        ];
        /// KVS API_TagStream.
        TAG_STREAM = "TagStream" "/tagStream" kinesisvideo::TAG_STREAM [
            ClientLimitExceeded InvalidArgument InvalidResourceFormat NotAuthorized
            ResourceNotFound TagsPerResourceExceededLimit
        ];
        /// KVS API_UntagStream.
        UNTAG_STREAM = "UntagStream" "/untagStream" kinesisvideo::UNTAG_STREAM [
            ClientLimitExceeded InvalidArgument InvalidResourceFormat NotAuthorized
            ResourceNotFound
        ];
        /// KVS API_UpdateDataRetention.
        UPDATE_DATA_RETENTION = "UpdateDataRetention" "/updateDataRetention" kinesisvideo::UPDATE_DATA_RETENTION [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceInUse ResourceNotFound
            VersionMismatch
        ];
        /// KVS API_UpdateImageGenerationConfiguration.
        UPDATE_IMAGE_GENERATION_CONFIGURATION = "UpdateImageGenerationConfiguration" "/updateImageGenerationConfiguration" kinesisvideo::UPDATE_IMAGE_GENERATION_CONFIGURATION [
            AccessDenied ClientLimitExceeded InvalidArgument NoDataRetention ResourceInUse
            ResourceNotFound
        ];
        /// KVS API_UpdateNotificationConfiguration.
        UPDATE_NOTIFICATION_CONFIGURATION = "UpdateNotificationConfiguration" "/updateNotificationConfiguration" kinesisvideo::UPDATE_NOTIFICATION_CONFIGURATION [
            AccessDenied ClientLimitExceeded InvalidArgument NoDataRetention ResourceInUse
            ResourceNotFound
        ];
        /// KVS API_UpdateStream.
        UPDATE_STREAM = "UpdateStream" "/updateStream" kinesisvideo::UPDATE_STREAM [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceInUse ResourceNotFound
            VersionMismatch
        ];
        /// KVS API_UpdateStreamStorageConfiguration.
        UPDATE_STREAM_STORAGE_CONFIGURATION = "UpdateStreamStorageConfiguration" "/updateStreamStorageConfiguration" kinesisvideo::UPDATE_STREAM_STORAGE_CONFIGURATION [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceInUse ResourceNotFound
            VersionMismatch
        ];
    }
    KinesisVideoArchivedMedia "kinesisvideo" {
        /// KVS API_GetClip.
        GET_CLIP = "GetClip" "/getClip" archived_media::GET_CLIP [
            ClientLimitExceeded InvalidArgument InvalidCodecPrivateData InvalidMediaFrame
            MissingCodecPrivateData NoDataRetention NotAuthorized ResourceNotFound
            UnsupportedStreamMediaType
        ];
        /// KVS API_GetDASHStreamingSessionURL.
        GET_DASH_STREAMING_SESSION_URL = "GetDASHStreamingSessionURL" "/getDASHStreamingSessionURL" archived_media::GET_DASH_STREAMING_SESSION_URL [
            ClientLimitExceeded InvalidArgument InvalidCodecPrivateData MissingCodecPrivateData
            NoDataRetention NotAuthorized ResourceNotFound UnsupportedStreamMediaType
        ];
        /// KVS API_GetHLSStreamingSessionURL.
        GET_HLS_STREAMING_SESSION_URL = "GetHLSStreamingSessionURL" "/getHLSStreamingSessionURL" archived_media::GET_HLS_STREAMING_SESSION_URL [
            ClientLimitExceeded InvalidArgument InvalidCodecPrivateData MissingCodecPrivateData
            NoDataRetention NotAuthorized ResourceNotFound UnsupportedStreamMediaType
        ];
        /// KVS API_GetImages.
        GET_IMAGES = "GetImages" "/getImages" archived_media::GET_IMAGES [
            ClientLimitExceeded InvalidArgument NoDataRetention NotAuthorized ResourceNotFound
        ];
        /// KVS API_GetMediaForFragmentList.
        GET_MEDIA_FOR_FRAGMENT_LIST = "GetMediaForFragmentList" "/getMediaForFragmentList" archived_media::GET_MEDIA_FOR_FRAGMENT_LIST [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceNotFound
        ];
        /// KVS API_ListFragments.
        LIST_FRAGMENTS = "ListFragments" "/listFragments" archived_media::LIST_FRAGMENTS [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceNotFound
        ];
    }
    KinesisVideoMedia "kinesisvideo" {
        /// KVS API_GetMedia.
        GET_MEDIA = "GetMedia" "/getMedia" media::GET_MEDIA [
            ClientLimitExceeded ConnectionLimitExceeded InvalidArgument InvalidEndpoint
            NotAuthorized ResourceNotFound
        ];
        /// KVS API_PutMedia. Its input comes in headers, its body is Matroska.
        PUT_MEDIA = "PutMedia" "/putMedia" media::PUT_MEDIA [
            ClientLimitExceeded ConnectionLimitExceeded InvalidArgument InvalidEndpoint
            NotAuthorized ResourceNotFound
        ];
    }
    SecretsManager "secretsmanager" {
        /// Secrets Manager API_CreateSecret.
        CREATE_SECRET = "CreateSecret" "secretsmanager.CreateSecret" secretsmanager::CREATE_SECRET [
            DecryptionFailure EncryptionFailure InternalServiceError InvalidParameter
            InvalidRequest LimitExceeded MalformedPolicyDocument PreconditionNotMet
            ResourceExists ResourceNotFound
        ];
        /// Secrets Manager API_DeleteSecret.
        DELETE_SECRET = "DeleteSecret" "secretsmanager.DeleteSecret" secretsmanager::DELETE_SECRET [
            InternalServiceError InvalidParameter InvalidRequest ResourceNotFound
        ];
        /// Secrets Manager API_DescribeSecret.
        DESCRIBE_SECRET = "DescribeSecret" "secretsmanager.DescribeSecret" secretsmanager::DESCRIBE_SECRET [
            InternalServiceError InvalidParameter ResourceNotFound
        ];
        /// Secrets Manager API_GetSecretValue.
        GET_SECRET_VALUE = "GetSecretValue" "secretsmanager.GetSecretValue" secretsmanager::GET_SECRET_VALUE [
            DecryptionFailure InternalServiceError InvalidParameter InvalidRequest
            ResourceNotFound
        ];
        /// Secrets Manager API_ListSecrets.
        LIST_SECRETS = "ListSecrets" "secretsmanager.ListSecrets" secretsmanager::LIST_SECRETS [
            InternalServiceError InvalidNextToken InvalidParameter InvalidRequest
        ];
        /// Secrets Manager API_PutSecretValue.
        PUT_SECRET_VALUE = "PutSecretValue" "secretsmanager.PutSecretValue" secretsmanager::PUT_SECRET_VALUE [
            DecryptionFailure EncryptionFailure InternalServiceError InvalidParameter
            InvalidRequest LimitExceeded ResourceExists ResourceNotFound
        ];
    }
    Extension "kinesisvideo" {
        /// What a hub last said of itself and its streams.
        DESCRIBE_HUB = "DescribeHub" "/describeHub" media_ledger::DESCRIBE_HUB [
            AccessDenied InvalidArgument ResourceNotFound
        ];
        /// The hubs that have called, or that streams are configured for.
        LIST_HUBS = "ListHubs" "/listHubs" media_ledger::LIST_HUBS [
            AccessDenied InvalidArgument
        ];
        /// Why there is no media of a stream.
        LIST_MEDIA_GAPS = "ListMediaGaps" "/listMediaGaps" media_ledger::LIST [
            AccessDenied InvalidArgument ResourceNotFound
        ];
        /// What hubs deleted of a stream before it was uploaded.
        LIST_MEDIA_LOSSES = "ListMediaLosses" "/listMediaLosses" media_ledger::LIST [
            AccessDenied InvalidArgument ResourceNotFound
        ];
        /// What a schedule means.
        DESCRIBE_SCHEDULE = "DescribeSchedule" "/describeSchedule" overview::DESCRIBE_SCHEDULE [
            AccessDenied InvalidArgument
        ];
        /// What the server holds of a stream.
        DESCRIBE_STREAM_MEDIA = "DescribeStreamMedia" "/describeStreamMedia" overview::DESCRIBE_STREAM_MEDIA [
            AccessDenied InvalidArgument ResourceNotFound
        ];
        /// Where media of a stream lies in time.
        LIST_MEDIA_RANGES = "ListMediaRanges" "/listMediaRanges" overview::LIST_MEDIA_RANGES [
            AccessDenied InvalidArgument ResourceNotFound
        ];
        /// The hub link: a hub says what it has, and hears what it is owed.
        SYNC_EDGE_AGENT = "SyncEdgeAgent" "/syncEdgeAgent" sync_edge_agent::SYNC_EDGE_AGENT [
            AccessDenied InvalidArgument
        ];
        /// Has a hub try a camera's address.
        TEST_CAMERA = "TestCamera" "/testCamera" hub_request::TEST_CAMERA [
            AccessDenied ClientLimitExceeded HubNotInContact HubRequestFailed
            HubRequestNotSupported InvalidArgument ResourceNotFound
        ];
        /// An access key with a policy, or a root key.
        CREATE_ACCESS_KEY = "CreateAccessKey" "/createAccessKey" administration::CREATE_ACCESS_KEY [
            AccessDenied ClientLimitExceeded InvalidArgument
        ];
        /// The access keys, without their secrets.
        LIST_ACCESS_KEYS = "ListAccessKeys" "/listAccessKeys" administration::LIST_ACCESS_KEYS [
            AccessDenied ClientLimitExceeded InvalidArgument
        ];
        /// The audit log, newest first.
        LIST_AUDIT_EVENTS = "ListAuditEvents" "/listAuditEvents" administration::LIST_AUDIT_EVENTS [
            AccessDenied ClientLimitExceeded InvalidArgument
        ];
        /// Ends an access key for good.
        REVOKE_ACCESS_KEY = "RevokeAccessKey" "/revokeAccessKey" administration::REVOKE_ACCESS_KEY [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceNotFound
        ];
    }
}
