//! Signed calls of KVS and Secrets Manager: the request, its signature, its deadline, its answer or its error.
//!
//! Decides nothing about what an answer means.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::{Host, Url};
use vigie_engine::clock::Clock;
use vigie_kvs::error::RemoteError;
use vigie_kvs::operation::{self, Operation, Protocol, Service};
use vigie_kvs::shapes::archived_media::{Fragment, ListFragmentsOutput};
use vigie_kvs::shapes::edge::{
    EdgeConfigurationOutput, ListEdgeAgentConfigurationsInput, ListEdgeAgentConfigurationsOutput,
};
use vigie_kvs::shapes::media::{ApiName, GetDataEndpointInput, GetDataEndpointOutput};
use vigie_kvs::shapes::secrets::{GetSecretValueInput, GetSecretValueOutput};
use vigie_kvs::shapes::sync_edge_agent::{SyncEdgeAgentInput, SyncEdgeAgentOutput};
use vigie_kvs::wire::header;
use vigie_kvs::{Sensitive, sigv4, wire};
use vigie_media::Timestamp;
use vigie_store::describe;
use vigie_store::disk::Disk;

use crate::core::{CallFailure, FragmentPages};
use crate::shell::credentials::CredentialsChain;
use crate::shell::http::{HttpClient, RequestBody};

/// No answer of these operations comes near this.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// How long a data endpoint may be used; KVS's producers ask again after 45 minutes.
const DATA_ENDPOINT_AGE_MAX: Duration = Duration::from_secs(45 * 60);
/// For calls that are answered at once, and for the head of PutMedia's answer.
const CALL_TIMEOUT: Duration = Duration::from_secs(15);
/// Pages of configurations, so that a service that never comes to an end is left.
const CONFIGURATION_PAGES_MAX: usize = 10_000;

/// Where the services are.
pub struct Endpoints {
    /// Kinesis Video Streams.
    pub kinesisvideo: Url,
    /// Secrets Manager.
    pub secrets: Url,
    /// Region of the signatures.
    pub region: String,
    /// Data endpoints may be plain `http://` on other hosts.
    pub insecure_http: bool,
}

/// Calls the services. Cheap to clone.
#[derive(Clone)]
pub struct ApiClient {
    shared: Arc<Shared>,
}

struct Shared {
    http: HttpClient,
    endpoints: Endpoints,
    credentials: CredentialsChain,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    data_endpoints: Mutex<BTreeMap<(String, ApiName), DataEndpoint>>,
    /// Why the service's certificate was last said not to be trusted.
    untrusted_said: Mutex<String>,
}

/// A data endpoint and when it was asked for, on the monotonic clock.
struct DataEndpoint {
    url: Url,
    asked_at: Duration,
}

/// One request before it is signed.
struct Call<'a> {
    url: Url,
    service: Service,
    headers: Vec<(&'static str, &'a str)>,
    /// What is signed for the body; `None` when it is still to come.
    signed_body: Option<&'a [u8]>,
}

impl ApiClient {
    /// A client that looks the access keys up for each call.
    ///
    /// # Errors
    ///
    /// When the TLS library cannot start.
    pub fn new(
        endpoints: Endpoints,
        credentials: CredentialsChain,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Self> {
        let http = crate::shell::http::client()?;
        let data_endpoints = Mutex::new(BTreeMap::new());
        let shared = Shared {
            http,
            endpoints,
            credentials,
            disk,
            clock,
            data_endpoints,
            untrusted_said: Mutex::default(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Any operation of the control plane or of Secrets Manager that is answered at once with JSON.
    ///
    /// # Errors
    ///
    /// A [`CallFailure`]; what the service wrote goes to the log.
    pub async fn invoke<T: DeserializeOwned>(
        &self,
        operation: &'static Operation,
        input: &impl Serialize,
    ) -> Result<T, CallFailure> {
        self.invoke_within(operation, input, CALL_TIMEOUT).await
    }

    /// The same for one that the service holds until it knows the answer.
    ///
    /// # Errors
    ///
    /// A [`CallFailure`]; what the service wrote goes to the log.
    pub async fn invoke_within<T: DeserializeOwned>(
        &self,
        operation: &'static Operation,
        input: &impl Serialize,
        timeout: Duration,
    ) -> Result<T, CallFailure> {
        let base = match operation.service {
            Service::SecretsManager => &self.shared.endpoints.secrets,
            _ => &self.shared.endpoints.kinesisvideo,
        };
        self.call(base, operation, input, timeout).await
    }

    /// SyncEdgeAgent; the service may hold it for the input's `WaitSeconds`.
    pub(crate) async fn sync_edge_agent(
        &self,
        input: &SyncEdgeAgentInput,
    ) -> Result<SyncEdgeAgentOutput, CallFailure> {
        let wait = Duration::from_secs(u64::from(input.wait_seconds));
        let base = &self.shared.endpoints.kinesisvideo;
        self.call(base, &operation::SYNC_EDGE_AGENT, input, CALL_TIMEOUT + wait).await
    }

    /// ListEdgeAgentConfigurations, all pages.
    pub(crate) async fn list_edge_agent_configurations(
        &self,
        hub_device_arn: &str,
    ) -> Result<Vec<EdgeConfigurationOutput>, CallFailure> {
        let mut configurations = Vec::new();
        let mut next_token = None;
        for _ in 0..CONFIGURATION_PAGES_MAX {
            let input = ListEdgeAgentConfigurationsInput {
                hub_device_arn: hub_device_arn.to_owned(),
                max_results: None,
                next_token,
            };
            let page: ListEdgeAgentConfigurationsOutput =
                self.invoke(&operation::LIST_EDGE_AGENT_CONFIGURATIONS, &input).await?;
            configurations.extend(page.edge_configs);
            next_token = page.next_token;
            if next_token.is_none() {
                return Ok(configurations);
            }
        }
        Err(CallFailure::UnreadableAnswer)
    }

    /// GetSecretValue; `None` when the secret is binary.
    pub(crate) async fn get_secret_string(
        &self,
        secret_arn: &Sensitive,
    ) -> Result<Option<Sensitive>, CallFailure> {
        let input =
            GetSecretValueInput { secret_id: secret_arn.expose().to_owned(), ..Default::default() };
        let base = &self.shared.endpoints.secrets;
        let output: GetSecretValueOutput =
            self.call(base, &operation::GET_SECRET_VALUE, &input, CALL_TIMEOUT).await?;
        Ok(output.secret_string)
    }

    /// ListFragments by producer timestamps, all pages.
    ///
    /// # Errors
    ///
    /// A [`CallFailure`].
    pub async fn list_fragments(
        &self,
        stream_arn: &str,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Fragment>, CallFailure> {
        let base = self.data_endpoint(stream_arn, ApiName::ListFragments).await?;
        let mut pages = FragmentPages::new(stream_arn, from, until);
        while let Some(input) = pages.next_call() {
            let page: Result<ListFragmentsOutput, CallFailure> =
                self.call(&base, &operation::LIST_FRAGMENTS, input, CALL_TIMEOUT).await;
            pages.take(page.inspect_err(|_| self.forget_data_endpoints(stream_arn))?)?;
        }
        Ok(pages.into_fragments())
    }

    /// PutMedia with absolute timecodes: the answer once its head has come, while the body still goes out.
    pub(crate) async fn put_media(
        &self,
        stream_arn: &str,
        start: Timestamp,
        body: RequestBody,
    ) -> Result<Incoming, CallFailure> {
        let base = self.data_endpoint(stream_arn, ApiName::PutMedia).await?;
        let start = wire::format_producer_start_timestamp(start);
        let call = Call {
            url: operation_url(&base, operation::PUT_MEDIA.address),
            service: operation::PUT_MEDIA.service,
            headers: vec![
                (header::STREAM_ARN, stream_arn),
                (header::FRAGMENT_TIMECODE_TYPE, "ABSOLUTE"),
                (header::PRODUCER_START_TIMESTAMP, &start),
            ],
            signed_body: None,
        };
        let sent = self.send(call, body);
        let answer = match tokio::time::timeout(CALL_TIMEOUT, sent).await {
            Ok(answer) => answer,
            Err(_) => Err(CallFailure::TimedOut),
        };
        let answer = match answer {
            Ok(answer) if answer.status() == StatusCode::OK => return Ok(answer.into_body()),
            Ok(answer) => self.refusal(operation::PUT_MEDIA.name, answer).await,
            Err(failure) => failure,
        };
        self.forget_data_endpoints(stream_arn);
        Err(answer)
    }

    async fn data_endpoint(&self, stream_arn: &str, api: ApiName) -> Result<Url, CallFailure> {
        let key = (stream_arn.to_owned(), api);
        let now = self.shared.clock.now().mono;
        if let Some(known) = lock(&self.shared.data_endpoints).get(&key)
            && now.saturating_sub(known.asked_at) < DATA_ENDPOINT_AGE_MAX
        {
            return Ok(known.url.clone());
        }
        let input = GetDataEndpointInput {
            stream_name: None,
            stream_arn: Some(stream_arn.to_owned()),
            api_name: api,
        };
        let base = &self.shared.endpoints.kinesisvideo;
        let output: GetDataEndpointOutput =
            self.call(base, &operation::GET_DATA_ENDPOINT, &input, CALL_TIMEOUT).await?;
        let url = endpoint_url(&output.data_endpoint).ok_or(CallFailure::UnreadableAnswer)?;
        if is_exposed(&url) && !self.shared.endpoints.insecure_http {
            return Err(CallFailure::PlainDataEndpoint);
        }
        let known = DataEndpoint { url: url.clone(), asked_at: now };
        lock(&self.shared.data_endpoints).insert(key, known);
        Ok(url)
    }

    /// After a failure the stream may have moved.
    fn forget_data_endpoints(&self, stream_arn: &str) {
        lock(&self.shared.data_endpoints).retain(|(stream, _), _| stream != stream_arn);
    }

    async fn call<T: DeserializeOwned>(
        &self,
        base: &Url,
        operation: &'static Operation,
        input: &impl Serialize,
        timeout: Duration,
    ) -> Result<T, CallFailure> {
        let body = serde_json::to_vec(input).map_err(|_| CallFailure::UnreadableAnswer)?;
        let protocol = operation.protocol();
        let (path, mut headers) = match protocol {
            Protocol::RestJson => (operation.address, Vec::new()),
            Protocol::AwsJson11 => ("/", vec![(header::TARGET, operation.address)]),
            // A hub asks STS for nothing.
            Protocol::AwsQuery => return Err(CallFailure::UnreadableAnswer),
        };
        headers.push((header::CONTENT_TYPE, protocol.content_type()));
        let call = Call {
            url: operation_url(base, path),
            service: operation.service,
            headers,
            signed_body: Some(&body),
        };
        let answered = async {
            let answer = self.send(call, RequestBody::whole(body.clone())).await?;
            if answer.status() != StatusCode::OK {
                return Err(self.refusal(operation.name, answer).await);
            }
            let bytes = read_body(answer.into_body()).await?;
            // The parser's error may quote a secret: it is dropped.
            serde_json::from_slice(&bytes).map_err(|_| CallFailure::UnreadableAnswer)
        };
        tokio::time::timeout(timeout, answered).await.unwrap_or(Err(CallFailure::TimedOut))
    }

    async fn send(
        &self,
        call: Call<'_>,
        body: RequestBody,
    ) -> Result<Response<Incoming>, CallFailure> {
        let request = self.signed(&call, body)?;
        self.shared.http.request(request).await.map_err(|error| {
            let text = describe(&error);
            tracing::debug!(error = text, url = %call.url, "a call failed");
            match error.is_connect() {
                // rustls says so in words alone once hyper has boxed its error.
                true if text.contains("certificate") => {
                    self.say_untrusted(&call.url, text);
                    CallFailure::CertificateUntrusted
                }
                true => CallFailure::Unreachable,
                false => CallFailure::Disconnected,
            }
        })
    }

    /// Says why a certificate is not trusted: once until the reason is another.
    fn say_untrusted(&self, url: &Url, reason: String) {
        let mut said = self.shared.untrusted_said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != reason {
            tracing::warn!(%url, reason, "the service's certificate is not trusted");
            *said = reason;
        }
    }

    /// The request with its signature. Keys are looked up each time, so that rotated ones need no restart.
    fn signed(
        &self,
        call: &Call<'_>,
        body: RequestBody,
    ) -> Result<Request<RequestBody>, CallFailure> {
        let shared = &self.shared;
        let keys = shared.credentials.resolve(shared.disk.as_ref()).map_err(|error| {
            tracing::warn!(error = describe(&error), "a call cannot be signed");
            CallFailure::NoCredentials
        })?;
        let host = host_header(&call.url);
        let mut headers: Vec<(&str, &[u8])> = vec![(header::HOST, host.as_bytes())];
        headers.extend(call.headers.iter().map(|(name, value)| (*name, value.as_bytes())));
        let head = sigv4::RequestHead {
            method: Method::POST.as_str(),
            path: call.url.path(),
            query: "",
            headers: &headers,
        };
        let (region, service) = (&shared.endpoints.region, call.service.signing_name());
        let now = shared.clock.now().wall;
        let signed = sigv4::sign(&head, call.signed_body, &keys, region, service, now);
        let mut request = Request::post(call.url.as_str())
            .header(header::AUTHORIZATION, sensitive(&signed.authorization)?)
            .header(header::DATE, &signed.date);
        if let Some(token) = &signed.security_token {
            request = request.header(header::SECURITY_TOKEN, sensitive(token)?);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(body).map_err(|error| {
            tracing::warn!(%error, "a call cannot be written as HTTP");
            CallFailure::UnreadableAnswer
        })
    }

    /// What a refusal is; its text goes to the log.
    async fn refusal(&self, operation: &str, answer: Response<Incoming>) -> CallFailure {
        let status = answer.status().as_u16();
        let error_type = answer.headers().get(header::ERROR_TYPE).cloned();
        let error_type = error_type.as_ref().and_then(|value| value.to_str().ok());
        let body = read_body(answer.into_body()).await.unwrap_or_default();
        let error = RemoteError::read(status, error_type, &body);
        tracing::debug!(operation, %error, "a call was refused");
        CallFailure::from(&error)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn read_body(body: Incoming) -> Result<Bytes, CallFailure> {
    match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(_) => Err(CallFailure::Disconnected),
    }
}

/// A header value that HTTP libraries do not print.
fn sensitive(text: &Sensitive) -> Result<HeaderValue, CallFailure> {
    let mut value = HeaderValue::from_str(text.expose()).map_err(|_| CallFailure::NoCredentials)?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Host` as HTTP wants it: with the port unless it is the scheme's own.
fn host_header(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// An `http://` or `https://` URL with a host.
pub(crate) fn endpoint_url(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim()).ok()?;
    let usable = matches!(url.scheme(), "http" | "https") && url.has_host();
    usable.then_some(url)
}

/// Whether others on the way could read what goes there: plain http to another host.
pub(crate) fn is_exposed(url: &Url) -> bool {
    let is_this_host = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        // RFC 6761 section 6.3.
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name.eq_ignore_ascii_case("localhost")
                || name.to_ascii_lowercase().ends_with(".localhost")
        }
        None => false,
    };
    url.scheme() == "http" && !is_this_host
}

/// `base` with the operation's path behind its own.
fn operation_url(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url.set_query(None);
    url
}
