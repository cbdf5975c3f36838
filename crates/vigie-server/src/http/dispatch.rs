//! From a request to its handler: finds the operation, verifies the signature, reads the input, writes the answer.
//!
//! Decides the order of these steps and nothing else. PutMedia is verified before its body; every other body is read
//! whole, within bounds, because its hash is signed.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use hyper::body::Incoming;
use hyper::header::{EXPECT, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use vigie_kvs::operation::{
    GET_CLIP, GET_MEDIA, GET_MEDIA_FOR_FRAGMENT_LIST, PUT_MEDIA, by_path, by_target, parse,
    signaling,
};
use vigie_kvs::shapes::media::PutMediaInput;
use vigie_kvs::sigv4::{Payload, RequestHead};
use vigie_kvs::wire::header;
use vigie_kvs::{ErrorKind, KvsError, Operation, Protocol};
use vigie_media::fmp4::VIDEO_MP4;

use super::body::ResponseBody;
use super::content::Content;
use super::{cors, probes, query, request_body, response};
use crate::api::{self, Call};
use crate::app::App;
use crate::auth::authenticate;
use crate::failure::Answer;
use crate::limits::Repeated;
use crate::metrics::RequestLabels;
use crate::subject::Subject;
use crate::{clip, console, images, ingest, playback, reading, strangers};

/// What GetMedia, GetMediaForFragmentList and PutMedia answer with, as the service does on the wire.
const MATROSKA: &str = "video/webm";
const JSON_LINES: &str = "application/json";

pub(super) async fn dispatch(
    app: Arc<App>,
    remote: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let request_id = app.new_request_id();
    if request.method() == Method::GET
        && let Some(response) = probes::probe(&app, request.uri().path()).await
    {
        return Ok(response);
    }
    if request.method() == Method::POST && request.uri().path() == console::sign_in::PATH {
        return Ok(console::sign_in::answer(&app, remote, request.into_body(), &request_id).await);
    }
    let (path, headers) = (request.uri().path(), request.headers());
    if let Some(response) = console::answer(&app.config, request.method(), path, headers) {
        return Ok(response);
    }
    let (head, body) = request.into_parts();
    if let Some(response) = cors::preflight(&head) {
        return Ok(response);
    }
    let asked_by_script = cors::is_asked(&head.headers);
    let (operation, mut response) = match find_operation(&head) {
        _ if head_bytes(&head) > super::HEAD_BYTES_MAX => ("unknown", response::head_too_large()),
        None if let Some((name, answer)) = playback::serve(&app, &head).await => {
            (name, content(answer, name, &request_id, &head))
        }
        _ if query::is_query(&head) => query::answer(&app, remote, &head, body, &request_id).await,
        Some(operation) => {
            let mut subject = Subject::new(operation);
            let answer = answer(&app, remote.ip(), &mut subject, head, body).await;
            let mut refused = None;
            let response = answer.unwrap_or_else(|failure| {
                let error = failure.into_error(operation.name, &request_id);
                tracing::debug!(operation = operation.name, request_id, %error, "call refused");
                refused = Some(error.kind);
                response::error(operation.protocol(), &error)
            });
            let status = response.status().as_u16();
            subject.audit(&app, &request_id, remote, status, refused).await;
            let repeated = Repeated::of(&subject, remote.ip(), refused);
            app.limits.hold_back(&app, repeated, refused.is_some()).await;
            (operation.name, response)
        }
        None => ("unknown", unknown_operation(&head)),
    };
    let labels = RequestLabels { operation, status: response.status().as_u16() };
    app.metrics.requests.get_or_create(&labels).inc();
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(header::REQUEST_ID, id);
    }
    if asked_by_script {
        cors::allow(response.headers_mut());
    }
    Ok(response)
}

/// The answer to a URL of a playback session.
fn content(
    answer: Answer<Content>,
    name: &str,
    request_id: &str,
    head: &Parts,
) -> Response<ResponseBody> {
    match answer {
        Ok(content) => content.respond(&head.headers),
        Err(failure) => {
            let error = failure.into_error(name, request_id);
            tracing::debug!(operation = name, request_id, %error, "content refused");
            response::error(Protocol::RestJson, &error)
        }
    }
}

/// How long the head is on the wire, but for blanks that mean nothing.
fn head_bytes(head: &Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let line = head.method.as_str().len() + " ".len() + target + " HTTP/1.1\r\n".len();
    let headers = head.headers.iter();
    let of_header = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() + ": \r\n".len()
    };
    line + headers.map(of_header).sum::<usize>() + "\r\n".len()
}

fn find_operation(head: &Parts) -> Option<&'static Operation> {
    if head.method != Method::POST {
        return None;
    }
    match head.headers.get(header::TARGET) {
        Some(target) => by_target(target.to_str().ok()?),
        None => by_path(head.uri.path()),
    }
}

fn unknown_operation(head: &Parts) -> Response<ResponseBody> {
    let protocol = match head.headers.contains_key(header::TARGET) {
        true => Protocol::AwsJson11,
        false => Protocol::RestJson,
    };
    let error = signaling(head.uri.path()).map_or_else(
        || KvsError::new(ErrorKind::UnknownOperation, "no operation has this path or target"),
        |(_, error)| error,
    );
    response::error(protocol, &error)
}

async fn answer(
    app: &Arc<App>,
    remote: IpAddr,
    subject: &mut Subject,
    head: Parts,
    body: Incoming,
) -> Answer<Response<ResponseBody>> {
    let operation = subject.operation;
    if operation.name == PUT_MEDIA.name {
        return put_media(app, subject, &head, body).await;
    }
    let mut share = app.body_budget.share(remote);
    let body = request_body::read(operation, &mut share, body).await?;
    let call = verified_call(app, subject, &head, Payload::Whole(&body)).await?;
    drop(share);
    if operation.name == GET_MEDIA.name {
        let pieces = reading::get_media(&call, parse(operation, &body)?).await?;
        return Ok(response::pieces(MATROSKA, pieces));
    }
    if operation.name == GET_MEDIA_FOR_FRAGMENT_LIST.name {
        let pieces = reading::get_media_for_fragment_list(&call, parse(operation, &body)?).await?;
        return Ok(response::pieces(MATROSKA, pieces));
    }
    if operation.name == GET_CLIP.name {
        let clip = clip::get_clip(&call, parse(operation, &body)?).await?;
        return Ok(response::sized(VIDEO_MP4, clip.size_bytes, clip.pieces));
    }
    let answer = json_operation(&call, &body).await;
    subject.is_audited |= call.is_audited.get().is_some();
    subject.not_uploaded_bytes = call.not_uploaded_bytes.get().copied();
    if let Some(resource) = call.made_resource.into_inner() {
        subject.resource = Some(resource);
    }
    answer
}

async fn put_media(
    app: &Arc<App>,
    subject: &mut Subject,
    head: &Parts,
    body: Incoming,
) -> Answer<Response<ResponseBody>> {
    let call = verified_call(app, subject, head, Payload::Streaming).await?;
    let input = PutMediaInput::from_headers(|name| text_header(&head.headers, name))?;
    let expects_continue = head.headers.contains_key(EXPECT);
    let pieces = ingest::put_media(&call, input, body, expects_continue).await?;
    Ok(response::pieces(JSON_LINES, pieces))
}

async fn json_operation(call: &Call, body: &[u8]) -> Answer<Response<ResponseBody>> {
    use api::{
        access_keys, audit_events, data_endpoint, delivery, edge_configuration, fragments, hub,
        media_ledger, overview, secrets, stream, sync_edge_agent, tag, test_camera,
    };
    match call.operation.name {
        "CreateStream" => run(call, body, stream::create_stream).await,
        "DescribeStream" => run(call, body, stream::describe_stream).await,
        "ListStreams" => run(call, body, stream::list_streams).await,
        "UpdateDataRetention" => run(call, body, stream::update_data_retention).await,
        "DeleteStream" => run(call, body, stream::delete_stream).await,
        "UpdateStream" => run(call, body, stream::update_stream).await,
        "DescribeStreamStorageConfiguration" => {
            run(call, body, stream::describe_stream_storage_configuration).await
        }
        "UpdateStreamStorageConfiguration" => {
            run(call, body, stream::update_stream_storage_configuration).await
        }
        "DescribeImageGenerationConfiguration" => {
            run(call, body, delivery::describe_image_generation_configuration).await
        }
        "UpdateImageGenerationConfiguration" => {
            run(call, body, delivery::update_image_generation_configuration).await
        }
        "DescribeNotificationConfiguration" => {
            run(call, body, delivery::describe_notification_configuration).await
        }
        "UpdateNotificationConfiguration" => {
            run(call, body, delivery::update_notification_configuration).await
        }
        "UntagStream" => run(call, body, tag::untag_stream).await,
        "ListTagsForStream" => run(call, body, tag::list_tags_for_stream).await,
        "TagStream" => run(call, body, tag::tag_stream).await,
        "GetDataEndpoint" => run(call, body, data_endpoint::get_data_endpoint).await,
        "StartEdgeConfigurationUpdate" => {
            run(call, body, edge_configuration::start_edge_configuration_update).await
        }
        "DescribeEdgeConfiguration" => {
            run(call, body, edge_configuration::describe_edge_configuration).await
        }
        "DeleteEdgeConfiguration" => {
            run(call, body, edge_configuration::delete_edge_configuration).await
        }
        "ListEdgeAgentConfigurations" => {
            run(call, body, edge_configuration::list_edge_agent_configurations).await
        }
        "ListFragments" => run(call, body, fragments::list_fragments).await,
        "GetHLSStreamingSessionURL" => {
            run(call, body, playback::get_hls_streaming_session_url).await
        }
        "GetDASHStreamingSessionURL" => {
            run(call, body, playback::get_dash_streaming_session_url).await
        }
        // Switched off, it is unknown: consoles ask so whether there is such an operation.
        "GetImages" if call.app.images.is_some() => run(call, body, images::get_images).await,
        "SyncEdgeAgent" => run(call, body, sync_edge_agent::sync_edge_agent).await,
        "TestCamera" => run(call, body, test_camera::test_camera).await,
        "CreateAccessKey" => run(call, body, access_keys::create_access_key).await,
        "ListAccessKeys" => run(call, body, access_keys::list_access_keys).await,
        "RevokeAccessKey" => run(call, body, access_keys::revoke_access_key).await,
        "ListAuditEvents" => run(call, body, audit_events::list_audit_events).await,
        "ListMediaGaps" => run(call, body, media_ledger::list_media_gaps).await,
        "ListMediaLosses" => run(call, body, media_ledger::list_media_losses).await,
        "DescribeSchedule" => run(call, body, overview::describe_schedule).await,
        "DescribeStreamMedia" => run(call, body, overview::describe_stream_media).await,
        "ListMediaRanges" => run(call, body, overview::list_media_ranges).await,
        "ListHubs" => run(call, body, hub::list_hubs).await,
        "DescribeHub" => run(call, body, hub::describe_hub).await,
        "CreateSecret" => run(call, body, secrets::create_secret).await,
        "GetSecretValue" => run(call, body, secrets::get_secret_value).await,
        "PutSecretValue" => run(call, body, secrets::put_secret_value).await,
        "DescribeSecret" => run(call, body, secrets::describe_secret).await,
        "ListSecrets" => run(call, body, secrets::list_secrets).await,
        "DeleteSecret" => run(call, body, secrets::delete_secret).await,
        name => {
            let message = format!("{name} is not carried out by this version of Vigie");
            Err(KvsError::new(ErrorKind::UnknownOperation, message).into())
        }
    }
}

/// Reads the input, runs the handler, writes the output.
async fn run<'a, I, O, F>(
    call: &'a Call,
    body: &[u8],
    handler: impl FnOnce(&'a Call, I) -> F,
) -> Answer<Response<ResponseBody>>
where
    I: DeserializeOwned,
    O: Serialize,
    F: Future<Output = Answer<O>>,
{
    let input = parse(call.operation, body)?;
    let output = handler(call, input).await?;
    response::json(call.operation.protocol(), &output)
}

async fn verified_call(
    app: &Arc<App>,
    subject: &mut Subject,
    head: &Parts,
    payload: Payload<'_>,
) -> Answer<Call> {
    let operation = subject.operation;
    let headers = signed_headers(head);
    let signed = signed_head(head, &headers);
    subject.read_request(app, &signed, &payload);
    let identity = authenticate(app, operation.service.signing_name(), &signed, payload).await?;
    strangers::verified(&head.extensions);
    subject.verified(app, identity.clone(), &payload);
    app.limits.admit(app, subject)?;
    Ok(Call {
        app: Arc::clone(app),
        operation,
        identity,
        host: text_header(&head.headers, HOST.as_str()).map(str::to_owned),
        made_resource: OnceLock::new(),
        is_audited: OnceLock::new(),
        not_uploaded_bytes: OnceLock::new(),
    })
}

pub(super) fn signed_headers(head: &Parts) -> Vec<(&str, &[u8])> {
    head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

pub(super) fn signed_head<'a>(
    head: &'a Parts,
    headers: &'a [(&'a str, &'a [u8])],
) -> RequestHead<'a> {
    RequestHead {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers,
    }
}

fn text_header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
