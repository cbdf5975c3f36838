//! Which handler carries out which operation: one `match` on the operations of the table. A row without a handler does
//! not compile, and a handler without a row is never called.
//!
//! Decides nothing else: the steps around a handler are [`super::call`]'s.

use hyper::Response;
use hyper::header::EXPECT;
use vigie_kvs::shapes::media::PutMediaInput;
use vigie_kvs::{ErrorKind, KvsError, OperationId};
use vigie_media::fmp4::VIDEO_MP4;

use super::body::ResponseBody;
use super::call::{SignedCall, text_header};
use super::response;
use crate::api::{
    access_keys, audit_events, data_endpoint, delivery, edge_configuration, fragments, hub,
    media_ledger, overview, secrets, stream, sts, sync_edge_agent, tag, test_camera,
};
use crate::failure::Answer;
use crate::{clip, images, ingest, playback, reading};

/// What GetMedia, GetMediaForFragmentList and PutMedia answer with, as the service does on the wire.
const MATROSKA: &str = "video/webm";
const JSON_LINES: &str = "application/json";

pub(super) async fn carry_out(call: SignedCall<'_>) -> Answer<Response<ResponseBody>> {
    use OperationId as Id;
    match call.call.operation.id {
        Id::CreateStream => call.json(stream::create_stream).await,
        Id::DescribeStream => call.json(stream::describe_stream).await,
        Id::ListStreams => call.json(stream::list_streams).await,
        Id::UpdateDataRetention => call.json(stream::update_data_retention).await,
        Id::DeleteStream => call.json(stream::delete_stream).await,
        Id::UpdateStream => call.json(stream::update_stream).await,
        Id::DescribeStreamStorageConfiguration => {
            call.json(stream::describe_stream_storage_configuration).await
        }
        Id::UpdateStreamStorageConfiguration => {
            call.json(stream::update_stream_storage_configuration).await
        }
        Id::DescribeImageGenerationConfiguration => {
            call.json(delivery::describe_image_generation_configuration).await
        }
        Id::UpdateImageGenerationConfiguration => {
            call.json(delivery::update_image_generation_configuration).await
        }
        Id::DescribeNotificationConfiguration => {
            call.json(delivery::describe_notification_configuration).await
        }
        Id::UpdateNotificationConfiguration => {
            call.json(delivery::update_notification_configuration).await
        }
        Id::TagStream => call.json(tag::tag_stream).await,
        Id::UntagStream => call.json(tag::untag_stream).await,
        Id::ListTagsForStream => call.json(tag::list_tags_for_stream).await,
        Id::GetDataEndpoint => call.json(data_endpoint::get_data_endpoint).await,

        Id::StartEdgeConfigurationUpdate => {
            call.json(edge_configuration::start_edge_configuration_update).await
        }
        Id::DescribeEdgeConfiguration => {
            call.json(edge_configuration::describe_edge_configuration).await
        }
        Id::DeleteEdgeConfiguration => {
            call.json(edge_configuration::delete_edge_configuration).await
        }
        Id::ListEdgeAgentConfigurations => {
            call.json(edge_configuration::list_edge_agent_configurations).await
        }

        Id::PutMedia => put_media(call).await,
        Id::GetMedia => {
            let pieces = reading::get_media(&call.call, call.input()?).await?;
            Ok(response::pieces(MATROSKA, pieces))
        }
        Id::GetMediaForFragmentList => {
            let pieces = reading::get_media_for_fragment_list(&call.call, call.input()?).await?;
            Ok(response::pieces(MATROSKA, pieces))
        }
        Id::GetClip => {
            let clip = clip::get_clip(&call.call, call.input()?).await?;
            Ok(response::sized(VIDEO_MP4, clip.size_bytes, clip.pieces))
        }
        Id::ListFragments => call.json(fragments::list_fragments).await,
        Id::GetHLSStreamingSessionURL => call.json(playback::get_hls_streaming_session_url).await,
        Id::GetDASHStreamingSessionURL => call.json(playback::get_dash_streaming_session_url).await,
        // Switched off, it is unknown: consoles ask so whether there is such an operation.
        Id::GetImages if call.call.app.images.is_none() => {
            let message = "GetImages is not carried out by this version of Vigie";
            Err(KvsError::new(ErrorKind::UnknownOperation, message).into())
        }
        Id::GetImages => call.json(images::get_images).await,

        Id::GetCallerIdentity => call.form(sts::get_caller_identity).await,
        Id::GetSessionToken => call.form(sts::get_session_token).await,

        Id::CreateSecret => call.json(secrets::create_secret).await,
        Id::GetSecretValue => call.json(secrets::get_secret_value).await,
        Id::PutSecretValue => call.json(secrets::put_secret_value).await,
        Id::DescribeSecret => call.json(secrets::describe_secret).await,
        Id::ListSecrets => call.json(secrets::list_secrets).await,
        Id::DeleteSecret => call.json(secrets::delete_secret).await,

        Id::SyncEdgeAgent => call.json(sync_edge_agent::sync_edge_agent).await,
        Id::TestCamera => call.json(test_camera::test_camera).await,
        Id::ListHubs => call.json(hub::list_hubs).await,
        Id::DescribeHub => call.json(hub::describe_hub).await,
        Id::ListMediaGaps => call.json(media_ledger::list_media_gaps).await,
        Id::ListMediaLosses => call.json(media_ledger::list_media_losses).await,
        Id::DescribeSchedule => call.json(overview::describe_schedule).await,
        Id::DescribeStreamMedia => call.json(overview::describe_stream_media).await,
        Id::ListMediaRanges => call.json(overview::list_media_ranges).await,
        Id::CreateAccessKey => call.json(access_keys::create_access_key).await,
        Id::ListAccessKeys => call.json(access_keys::list_access_keys).await,
        Id::RevokeAccessKey => call.json(access_keys::revoke_access_key).await,
        Id::ListAuditEvents => call.json(audit_events::list_audit_events).await,
    }
}

async fn put_media(call: SignedCall<'_>) -> Answer<Response<ResponseBody>> {
    let (call, head, body) = call.into_media()?;
    let input = PutMediaInput::from_headers(|name| text_header(&head.headers, name))?;
    let expects_continue = head.headers.contains_key(EXPECT);
    let pieces = ingest::put_media(&call, input, body, expects_continue).await?;
    Ok(response::pieces(JSON_LINES, pieces))
}
