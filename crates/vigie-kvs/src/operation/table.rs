//! The operations, as data.
//!
//! Paths, errors and inputs are those of the service models of API version 2017-09-30 (KVS) and 2017-10-17 (Secrets
//! Manager); a test holds them against the models. STS's are those of its reference 2011-06-15. Signaling (WebRTC) stands apart, as what is not there.

use super::{AccessLevel, Operation, ResourceKind, Service};
use crate::error::ErrorKind as E;
use crate::schema::{
    administration, archived_media, clip_file, describe_schedule, edge, hub, hub_request,
    kinesisvideo, media, media_ledger, secretsmanager, share_link, stream_media, sts,
    sync_edge_agent, users,
};

/// One row per operation: constant, id, address, access level, resource, input shape, errors. The name is the id's; the
/// IAM action is prefix and name.
macro_rules! operations {
    ($($service:ident $prefix:literal {
        $($(#[$doc:meta])* $constant:ident = $id:ident $address:literal $access:ident $resource:ident $input:path [$($error:ident)*];)+
    })+) => {
        /// Which operation. Whatever differs from one to another is a column of its row or a `match` on this: a new row
        /// does not compile until all of it is decided.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum OperationId {
            $($($(#[$doc])* $id,)+)+
        }

        $($($(#[$doc])*
        pub const $constant: Operation = Operation {
            id: OperationId::$id,
            service: Service::$service,
            name: stringify!($id),
            address: $address,
            access: AccessLevel::$access,
            resource: ResourceKind::$resource,
            input: &$input,
            errors: &[$(E::$error),*],
            action: concat!($prefix, ":", stringify!($id)),
        };)+)+

        /// Every operation that is known by its input.
        pub const OPERATIONS: &[&Operation] = &[$($(&$constant),+),+];
    };
}

operations! {
    KinesisVideo "kinesisvideo" {
        /// KVS API_CreateStream.
        CREATE_STREAM = CreateStream "/createStream" Write Stream kinesisvideo::CREATE_STREAM [
            AccountStreamLimitExceeded ClientLimitExceeded DeviceStreamLimitExceeded
            InvalidArgument InvalidDevice ResourceInUse TagsPerResourceExceededLimit
        ];
        /// KVS API_DeleteEdgeConfiguration.
        DELETE_EDGE_CONFIGURATION = DeleteEdgeConfiguration "/deleteEdgeConfiguration" Write Stream edge::DELETE_EDGE_CONFIGURATION [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceNotFound
            StreamEdgeConfigurationNotFound
        ];
        /// KVS API_DeleteStream.
        DELETE_STREAM = DeleteStream "/deleteStream" Write Stream kinesisvideo::DELETE_STREAM [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceInUse ResourceNotFound
            VersionMismatch
        ];
        /// KVS API_DescribeEdgeConfiguration.
        DESCRIBE_EDGE_CONFIGURATION = DescribeEdgeConfiguration "/describeEdgeConfiguration" Read Stream edge::DESCRIBE_EDGE_CONFIGURATION [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceNotFound
            StreamEdgeConfigurationNotFound
        ];
        /// KVS API_DescribeImageGenerationConfiguration.
        DESCRIBE_IMAGE_GENERATION_CONFIGURATION = DescribeImageGenerationConfiguration "/describeImageGenerationConfiguration" Read Stream kinesisvideo::DESCRIBE_STREAM [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceNotFound
        ];
        /// KVS API_DescribeNotificationConfiguration.
        DESCRIBE_NOTIFICATION_CONFIGURATION = DescribeNotificationConfiguration "/describeNotificationConfiguration" Read Stream kinesisvideo::DESCRIBE_STREAM [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceNotFound
        ];
        /// KVS API_DescribeStream.
        DESCRIBE_STREAM = DescribeStream "/describeStream" Read Stream kinesisvideo::DESCRIBE_STREAM [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceNotFound
        ];
        /// KVS API_DescribeStreamStorageConfiguration.
        DESCRIBE_STREAM_STORAGE_CONFIGURATION = DescribeStreamStorageConfiguration "/describeStreamStorageConfiguration" Read Stream kinesisvideo::DESCRIBE_STREAM [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceNotFound
        ];
        /// KVS API_GetDataEndpoint.
        GET_DATA_ENDPOINT = GetDataEndpoint "/getDataEndpoint" Read Stream kinesisvideo::GET_DATA_ENDPOINT [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceNotFound
        ];
        /// KVS API_ListEdgeAgentConfigurations.
        LIST_EDGE_AGENT_CONFIGURATIONS = ListEdgeAgentConfigurations "/listEdgeAgentConfigurations" Read Account edge::LIST_EDGE_AGENT_CONFIGURATIONS [
            ClientLimitExceeded InvalidArgument NotAuthorized
        ];
        /// KVS API_ListStreams.
        LIST_STREAMS = ListStreams "/listStreams" Read Account kinesisvideo::LIST_STREAMS [
            ClientLimitExceeded InvalidArgument
        ];
        /// KVS API_ListTagsForStream.
        LIST_TAGS_FOR_STREAM = ListTagsForStream "/listTagsForStream" Read Stream kinesisvideo::LIST_TAGS_FOR_STREAM [
            ClientLimitExceeded InvalidArgument InvalidResourceFormat NotAuthorized
            ResourceNotFound
        ];
        /// KVS API_StartEdgeConfigurationUpdate.
        START_EDGE_CONFIGURATION_UPDATE = StartEdgeConfigurationUpdate "/startEdgeConfigurationUpdate" Write Stream edge::START_EDGE_CONFIGURATION_UPDATE [
            AccessDenied ClientLimitExceeded InvalidArgument NoDataRetention ResourceInUse
            ResourceNotFound
        ];
        /// KVS API_TagStream.
        TAG_STREAM = TagStream "/tagStream" Write Stream kinesisvideo::TAG_STREAM [
            ClientLimitExceeded InvalidArgument InvalidResourceFormat NotAuthorized
            ResourceNotFound TagsPerResourceExceededLimit
        ];
        /// KVS API_UntagStream.
        UNTAG_STREAM = UntagStream "/untagStream" Write Stream kinesisvideo::UNTAG_STREAM [
            ClientLimitExceeded InvalidArgument InvalidResourceFormat NotAuthorized
            ResourceNotFound
        ];
        /// KVS API_UpdateDataRetention.
        UPDATE_DATA_RETENTION = UpdateDataRetention "/updateDataRetention" Write Stream kinesisvideo::UPDATE_DATA_RETENTION [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceInUse ResourceNotFound
            VersionMismatch
        ];
        /// KVS API_UpdateImageGenerationConfiguration.
        UPDATE_IMAGE_GENERATION_CONFIGURATION = UpdateImageGenerationConfiguration "/updateImageGenerationConfiguration" Write Stream kinesisvideo::UPDATE_IMAGE_GENERATION_CONFIGURATION [
            AccessDenied ClientLimitExceeded InvalidArgument NoDataRetention ResourceInUse
            ResourceNotFound
        ];
        /// KVS API_UpdateNotificationConfiguration.
        UPDATE_NOTIFICATION_CONFIGURATION = UpdateNotificationConfiguration "/updateNotificationConfiguration" Write Stream kinesisvideo::UPDATE_NOTIFICATION_CONFIGURATION [
            AccessDenied ClientLimitExceeded InvalidArgument NoDataRetention ResourceInUse
            ResourceNotFound
        ];
        /// KVS API_UpdateStream.
        UPDATE_STREAM = UpdateStream "/updateStream" Write Stream kinesisvideo::UPDATE_STREAM [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceInUse ResourceNotFound
            VersionMismatch
        ];
        /// KVS API_UpdateStreamStorageConfiguration.
        UPDATE_STREAM_STORAGE_CONFIGURATION = UpdateStreamStorageConfiguration "/updateStreamStorageConfiguration" Write Stream kinesisvideo::UPDATE_STREAM_STORAGE_CONFIGURATION [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceInUse ResourceNotFound
            VersionMismatch
        ];
    }
    KinesisVideoArchivedMedia "kinesisvideo" {
        /// KVS API_GetClip.
        GET_CLIP = GetClip "/getClip" Watch Stream archived_media::GET_CLIP [
            ClientLimitExceeded InvalidArgument InvalidCodecPrivateData InvalidMediaFrame
            MissingCodecPrivateData NoDataRetention NotAuthorized ResourceNotFound
            UnsupportedStreamMediaType
        ];
        /// KVS API_GetDASHStreamingSessionURL.
        GET_DASH_STREAMING_SESSION_URL = GetDASHStreamingSessionURL "/getDASHStreamingSessionURL" Watch Stream archived_media::GET_DASH_STREAMING_SESSION_URL [
            ClientLimitExceeded InvalidArgument InvalidCodecPrivateData MissingCodecPrivateData
            NoDataRetention NotAuthorized ResourceNotFound UnsupportedStreamMediaType
        ];
        /// KVS API_GetHLSStreamingSessionURL.
        GET_HLS_STREAMING_SESSION_URL = GetHLSStreamingSessionURL "/getHLSStreamingSessionURL" Watch Stream archived_media::GET_HLS_STREAMING_SESSION_URL [
            ClientLimitExceeded InvalidArgument InvalidCodecPrivateData MissingCodecPrivateData
            NoDataRetention NotAuthorized ResourceNotFound UnsupportedStreamMediaType
        ];
        /// KVS API_GetImages.
        GET_IMAGES = GetImages "/getImages" Watch Stream archived_media::GET_IMAGES [
            ClientLimitExceeded InvalidArgument NoDataRetention NotAuthorized ResourceNotFound
        ];
        /// KVS API_GetMediaForFragmentList.
        GET_MEDIA_FOR_FRAGMENT_LIST = GetMediaForFragmentList "/getMediaForFragmentList" Watch Stream archived_media::GET_MEDIA_FOR_FRAGMENT_LIST [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceNotFound
        ];
        /// KVS API_ListFragments.
        LIST_FRAGMENTS = ListFragments "/listFragments" Read Stream archived_media::LIST_FRAGMENTS [
            ClientLimitExceeded InvalidArgument NotAuthorized ResourceNotFound
        ];
    }
    KinesisVideoMedia "kinesisvideo" {
        /// KVS API_GetMedia.
        GET_MEDIA = GetMedia "/getMedia" Watch Stream media::GET_MEDIA [
            ClientLimitExceeded ConnectionLimitExceeded InvalidArgument InvalidEndpoint
            NotAuthorized ResourceNotFound
        ];
        /// KVS API_PutMedia. Its input comes in headers, its body is Matroska.
        PUT_MEDIA = PutMedia "/putMedia" Write Stream media::PUT_MEDIA [
            ClientLimitExceeded ConnectionLimitExceeded InvalidArgument InvalidEndpoint
            NotAuthorized ResourceNotFound
        ];
    }
    SecretsManager "secretsmanager" {
        /// Secrets Manager API_CreateSecret.
        CREATE_SECRET = CreateSecret "secretsmanager.CreateSecret" Write Secret secretsmanager::CREATE_SECRET [
            DecryptionFailure EncryptionFailure InternalServiceError InvalidParameter
            InvalidRequest LimitExceeded MalformedPolicyDocument PreconditionNotMet
            ResourceExists ResourceNotFound
        ];
        /// Secrets Manager API_DeleteSecret.
        DELETE_SECRET = DeleteSecret "secretsmanager.DeleteSecret" Write Secret secretsmanager::DELETE_SECRET [
            InternalServiceError InvalidParameter InvalidRequest ResourceNotFound
        ];
        /// Secrets Manager API_DescribeSecret.
        DESCRIBE_SECRET = DescribeSecret "secretsmanager.DescribeSecret" Read Secret secretsmanager::DESCRIBE_SECRET [
            InternalServiceError InvalidParameter ResourceNotFound
        ];
        /// Secrets Manager API_GetSecretValue.
        GET_SECRET_VALUE = GetSecretValue "secretsmanager.GetSecretValue" Read Secret secretsmanager::GET_SECRET_VALUE [
            DecryptionFailure InternalServiceError InvalidParameter InvalidRequest
            ResourceNotFound
        ];
        /// Secrets Manager API_ListSecrets.
        LIST_SECRETS = ListSecrets "secretsmanager.ListSecrets" Read Account secretsmanager::LIST_SECRETS [
            InternalServiceError InvalidNextToken InvalidParameter InvalidRequest
        ];
        /// Secrets Manager API_PutSecretValue.
        PUT_SECRET_VALUE = PutSecretValue "secretsmanager.PutSecretValue" Write Secret secretsmanager::PUT_SECRET_VALUE [
            DecryptionFailure EncryptionFailure InternalServiceError InvalidParameter
            InvalidRequest LimitExceeded ResourceExists ResourceNotFound
        ];
    }
    Sts "sts" {
        /// STS API_GetCallerIdentity.
        GET_CALLER_IDENTITY = GetCallerIdentity "GetCallerIdentity" Read Caller sts::GET_CALLER_IDENTITY [];
        /// STS API_GetSessionToken. What is done later with what it gives bears the new key's id.
        GET_SESSION_TOKEN = GetSessionToken "GetSessionToken" Write Caller sts::GET_SESSION_TOKEN [];
    }
    Extension "kinesisvideo" {
        /// What a hub last said of itself and its streams.
        DESCRIBE_HUB = DescribeHub "/describeHub" Read Hub hub::DESCRIBE_HUB [
            AccessDenied InvalidArgument ResourceNotFound
        ];
        /// Ends what is kept of a hub that calls no more.
        FORGET_HUB = ForgetHub "/forgetHub" Write Hub hub::FORGET_HUB [
            AccessDenied InvalidArgument ResourceInUse ResourceNotFound
        ];
        /// The hubs that have called, or that streams are configured for.
        LIST_HUBS = ListHubs "/listHubs" Read Account hub::LIST_HUBS [
            AccessDenied InvalidArgument
        ];
        /// Why there is no media of a stream.
        LIST_MEDIA_GAPS = ListMediaGaps "/listMediaGaps" Read Stream media_ledger::LIST [
            AccessDenied InvalidArgument ResourceNotFound
        ];
        /// What hubs deleted of a stream before it was uploaded.
        LIST_MEDIA_LOSSES = ListMediaLosses "/listMediaLosses" Read Stream media_ledger::LIST [
            AccessDenied InvalidArgument ResourceNotFound
        ];
        /// What a schedule means.
        DESCRIBE_SCHEDULE = DescribeSchedule "/describeSchedule" Read Account describe_schedule::DESCRIBE_SCHEDULE [
            AccessDenied InvalidArgument
        ];
        /// What the server holds of a stream.
        DESCRIBE_STREAM_MEDIA = DescribeStreamMedia "/describeStreamMedia" Read Stream stream_media::DESCRIBE_STREAM_MEDIA [
            AccessDenied InvalidArgument ResourceNotFound
        ];
        /// Where media of a stream lies in time.
        LIST_MEDIA_RANGES = ListMediaRanges "/listMediaRanges" Read Stream stream_media::LIST_MEDIA_RANGES [
            AccessDenied InvalidArgument ResourceNotFound
        ];
        /// The MP4 files of a range of any length, by URLs that whoever has them can download from.
        EXPORT_CLIP = ExportClip "/exportClip" Watch Stream clip_file::EXPORT_CLIP [
            AccessDenied ClientLimitExceeded InvalidArgument InvalidCodecPrivateData
            MissingCodecPrivateData NoDataRetention ResourceNotFound UnsupportedStreamMediaType
        ];
        /// A link that shows a stream or a clip without an account.
        CREATE_SHARE_LINK = CreateShareLink "/createShareLink" Write Stream share_link::CREATE_SHARE_LINK [
            AccessDenied ClientLimitExceeded InvalidArgument NoDataRetention ResourceNotFound
        ];
        /// The share links of a stream, without their secrets.
        LIST_SHARE_LINKS = ListShareLinks "/listShareLinks" Read Stream share_link::LIST_SHARE_LINKS [
            AccessDenied InvalidArgument ResourceNotFound
        ];
        /// Ends a share link for good.
        REVOKE_SHARE_LINK = RevokeShareLink "/revokeShareLink" Write Stream share_link::REVOKE_SHARE_LINK [
            AccessDenied InvalidArgument ResourceNotFound
        ];
        /// The hub sync: a hub says what it has, and hears what it is owed.
        SYNC_EDGE_AGENT = SyncEdgeAgent "/syncEdgeAgent" Read Hub sync_edge_agent::SYNC_EDGE_AGENT [
            AccessDenied InvalidArgument
        ];
        /// Has a hub try a camera's address.
        TEST_CAMERA = TestCamera "/testCamera" Write Hub hub_request::TEST_CAMERA [
            AccessDenied ClientLimitExceeded HubNotInContact HubRequestFailed
            HubRequestNotSupported InvalidArgument ResourceNotFound
        ];
        /// An access key with a policy, or a root key.
        CREATE_ACCESS_KEY = CreateAccessKey "/createAccessKey" Write Account administration::CREATE_ACCESS_KEY [
            AccessDenied ClientLimitExceeded InvalidArgument
        ];
        /// The access keys, without their secrets.
        LIST_ACCESS_KEYS = ListAccessKeys "/listAccessKeys" Read Account administration::LIST_ACCESS_KEYS [
            AccessDenied ClientLimitExceeded InvalidArgument
        ];
        /// The audit log, newest first.
        LIST_AUDIT_EVENTS = ListAuditEvents "/listAuditEvents" Read Account administration::LIST_AUDIT_EVENTS [
            AccessDenied ClientLimitExceeded InvalidArgument
        ];
        /// Ends an access key for good.
        REVOKE_ACCESS_KEY = RevokeAccessKey "/revokeAccessKey" Write AccessKey administration::REVOKE_ACCESS_KEY [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceNotFound
        ];
        /// A user, who signs in with a password.
        CREATE_USER = CreateUser "/createUser" Write User users::CREATE_USER [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceInUse
        ];
        /// Another role, password or state of a user.
        UPDATE_USER = UpdateUser "/updateUser" Write User users::UPDATE_USER [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceInUse ResourceNotFound
        ];
        /// Removes a user.
        DELETE_USER = DeleteUser "/deleteUser" Write User users::USER [
            AccessDenied InvalidArgument ResourceNotFound
        ];
        /// The users, without their passwords.
        LIST_USERS = ListUsers "/listUsers" Read Account users::LIST_USERS [
            AccessDenied InvalidArgument
        ];
        /// Ends the sessions of a user.
        SIGN_OUT_USER = SignOutUser "/signOutUser" Write User users::USER [
            AccessDenied InvalidArgument ResourceInUse ResourceNotFound
        ];
        /// A user's own new password.
        CHANGE_PASSWORD = ChangePassword "/changePassword" Write Caller users::CHANGE_PASSWORD [
            AccessDenied ClientLimitExceeded InvalidArgument ResourceInUse
        ];
    }
}
