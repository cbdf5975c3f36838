//! Which handler carries out which operation: one `match` on the operations of the table. A row without a handler does
//! not compile, and a handler without a row is never called.
//!
//! Decides besides in which room it works, and nothing else: the steps around a handler are [`super::call`]'s.

use std::sync::Arc;

use hyper::Response;
use hyper::header::EXPECT;
use vigie_kvs::shapes::media::PutMediaInput;
use vigie_kvs::{ErrorKind, KvsError, OperationId};
use vigie_media::fmp4::VIDEO_MP4;

use super::body::ResponseBody;
use super::call::{SignedCall, text_header};
use super::response;
use crate::api::{
    access_keys, audit_events, data_endpoint, delivery, describe_schedule, edge_configuration,
    forget_hub, fragments, hub, media_ledger, secrets, stream, stream_media, sts, sync_edge_agent,
    tag, test_camera, users,
};
use crate::app::App;
use crate::failure::Answer;
use crate::ingest::Ingest;
use crate::{clip, clip_files, get_media, images, ingest, playback, share_links};

/// What GetMedia, GetMediaForFragmentList and PutMedia answer with, as the service does on the wire.
const MATROSKA: &str = "video/webm";
const JSON_LINES: &str = "application/json";

pub(super) async fn carry_out(app: &App, call: SignedCall<'_>) -> Answer<Response<ResponseBody>> {
    use OperationId as Id;
    match call.call.operation.id {
        Id::CreateStream => call.json(&app.control, stream::create_stream).await,
        Id::DescribeStream => call.json(&app.control, stream::describe_stream).await,
        Id::ListStreams => call.json(&app.control, stream::list_streams).await,
        Id::UpdateDataRetention => call.json(&app.control, stream::update_data_retention).await,
        Id::DeleteStream => call.json(&app.control, stream::delete_stream).await,
        Id::UpdateStream => call.json(&app.control, stream::update_stream).await,
        Id::DescribeStreamStorageConfiguration => {
            call.json(&app.control, stream::describe_stream_storage_configuration).await
        }
        Id::UpdateStreamStorageConfiguration => {
            call.json(&app.control, stream::update_stream_storage_configuration).await
        }
        Id::DescribeImageGenerationConfiguration => {
            call.json(&app.control, delivery::describe_image_generation_configuration).await
        }
        Id::UpdateImageGenerationConfiguration => {
            call.json(&app.control, delivery::update_image_generation_configuration).await
        }
        Id::DescribeNotificationConfiguration => {
            call.json(&app.control, delivery::describe_notification_configuration).await
        }
        Id::UpdateNotificationConfiguration => {
            call.json(&app.control, delivery::update_notification_configuration).await
        }
        Id::TagStream => call.json(&app.control, tag::tag_stream).await,
        Id::UntagStream => call.json(&app.control, tag::untag_stream).await,
        Id::ListTagsForStream => call.json(&app.control, tag::list_tags_for_stream).await,
        Id::GetDataEndpoint => call.json(&app.control, data_endpoint::get_data_endpoint).await,

        Id::StartEdgeConfigurationUpdate => {
            call.json(&app.control, edge_configuration::start_edge_configuration_update).await
        }
        Id::DescribeEdgeConfiguration => {
            call.json(&app.control, edge_configuration::describe_edge_configuration).await
        }
        Id::DeleteEdgeConfiguration => {
            call.json(&app.control, edge_configuration::delete_edge_configuration).await
        }
        Id::ListEdgeAgentConfigurations => {
            call.json(&app.control, edge_configuration::list_edge_agent_configurations).await
        }

        Id::PutMedia => put_media(&app.ingest, call).await,
        Id::GetMedia => {
            let pieces = get_media::get_media(&app.consumers, &call.call, call.input()?).await?;
            Ok(response::pieces(MATROSKA, pieces))
        }
        Id::GetMediaForFragmentList => {
            let pieces =
                get_media::get_media_for_fragment_list(&app.consumers, &call.call, call.input()?)
                    .await?;
            Ok(response::pieces(MATROSKA, pieces))
        }
        Id::GetClip => {
            let clip = clip::get_clip(&app.media, &call.call, call.input()?).await?;
            Ok(response::sized(VIDEO_MP4, clip.size_bytes, clip.pieces))
        }
        Id::ExportClip => call.json(&app.clip_files, clip_files::export_clip).await,
        Id::CreateShareLink => call.json(&app.share_links, share_links::create_share_link).await,
        Id::ListShareLinks => call.json(&app.share_links, share_links::list_share_links).await,
        Id::RevokeShareLink => call.json(&app.share_links, share_links::revoke_share_link).await,
        Id::ListFragments => call.json(app.media.as_ref(), fragments::list_fragments).await,
        Id::GetHLSStreamingSessionURL => {
            call.json(app.playback.as_ref(), playback::get_hls_streaming_session_url).await
        }
        Id::GetDASHStreamingSessionURL => {
            call.json(app.playback.as_ref(), playback::get_dash_streaming_session_url).await
        }
        Id::GetImages => match &app.images {
            Some(images) => call.json(images, images::get_images).await,
            // Switched off, it is unknown: consoles ask so whether there is such an operation.
            None => {
                let message = "GetImages is not carried out by this version of Vigie";
                Err(KvsError::new(ErrorKind::UnknownOperation, message).into())
            }
        },

        Id::GetCallerIdentity => call.form(&app.access, sts::get_caller_identity).await,
        Id::GetSessionToken => call.form(&app.access, sts::get_session_token).await,

        Id::CreateSecret => call.json(&app.secrets, secrets::create_secret).await,
        Id::GetSecretValue => call.json(&app.secrets, secrets::get_secret_value).await,
        Id::PutSecretValue => call.json(&app.secrets, secrets::put_secret_value).await,
        Id::DescribeSecret => call.json(&app.secrets, secrets::describe_secret).await,
        Id::ListSecrets => call.json(&app.secrets, secrets::list_secrets).await,
        Id::DeleteSecret => call.json(&app.secrets, secrets::delete_secret).await,

        Id::SyncEdgeAgent => call.json(&app.hubs, sync_edge_agent::sync_edge_agent).await,
        Id::TestCamera => call.json(&app.hubs, test_camera::test_camera).await,
        Id::ListHubs => call.json(&app.hubs, hub::list_hubs).await,
        Id::DescribeHub => call.json(&app.hubs, hub::describe_hub).await,
        Id::ForgetHub => call.json(&app.hubs, forget_hub::forget_hub).await,
        Id::ListMediaGaps => call.json(&app.hubs, media_ledger::list_media_gaps).await,
        Id::ListMediaLosses => call.json(&app.hubs, media_ledger::list_media_losses).await,
        Id::DescribeSchedule => {
            call.json(app.media.as_ref(), describe_schedule::describe_schedule).await
        }
        Id::DescribeStreamMedia => {
            call.json(app.media.as_ref(), stream_media::describe_stream_media).await
        }
        Id::ListMediaRanges => call.json(app.media.as_ref(), stream_media::list_media_ranges).await,
        Id::CreateAccessKey => call.json(&app.access, access_keys::create_access_key).await,
        Id::ListAccessKeys => call.json(&app.access, access_keys::list_access_keys).await,
        Id::RevokeAccessKey => call.json(&app.access, access_keys::revoke_access_key).await,
        Id::CreateUser => call.json(&app.access, users::create_user).await,
        Id::UpdateUser => call.json(&app.access, users::update_user).await,
        Id::DeleteUser => call.json(&app.access, users::delete_user).await,
        Id::ListUsers => call.json(&app.access, users::list_users).await,
        Id::SignOutUser => call.json(&app.access, users::sign_out_user).await,
        Id::ChangePassword => call.json(&app.access, users::change_password).await,
        Id::ListAuditEvents => call.json(app.audit.as_ref(), audit_events::list_audit_events).await,
    }
}

async fn put_media(ingest: &Arc<Ingest>, call: SignedCall<'_>) -> Answer<Response<ResponseBody>> {
    let (call, head, body) = call.into_media()?;
    let input = PutMediaInput::from_headers(|name| text_header(&head.headers, name))?;
    let expects_continue = head.headers.contains_key(EXPECT);
    let pieces = ingest::put_media(ingest, &call, input, body, expects_continue).await?;
    Ok(response::pieces(JSON_LINES, pieces))
}
