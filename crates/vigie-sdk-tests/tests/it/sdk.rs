//! The AWS SDK for Rust as the caller: it signs, writes inputs and reads answers and errors with its own code.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_kinesisvideo::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesisvideo::types::{
    ApiName, ComparisonOperator, EdgeConfig, MediaSourceConfig, MediaUriType, RecorderConfig,
    ScheduleConfig, Status, StreamNameCondition, SyncStatus, UpdateDataRetentionOperation,
};
use aws_sdk_kinesisvideoarchivedmedia::types::{
    FragmentSelector, FragmentSelectorType, TimestampRange,
};
use aws_sdk_kinesisvideomedia::types::{StartSelector, StartSelectorType};
use aws_smithy_async::time::TimeSource;
use aws_smithy_http_client::Builder;
use vigie_engine::clock::Clock;
use vigie_fakes::clock::TestClock;
use vigie_media::Timestamp;
use vigie_test_server::media::fragment;
use vigie_test_server::{HUB, REGION, TestServer, collect, soon};

/// The server's clock, this much off.
#[derive(Clone)]
struct CallerClock {
    server: Arc<TestClock>,
    offset_s: Arc<AtomicI64>,
}

impl std::fmt::Debug for CallerClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallerClock")
    }
}

impl TimeSource for CallerClock {
    fn now(&self) -> SystemTime {
        let offset_ms = self.offset_s.load(Ordering::SeqCst) * 1000;
        let now = self.server.now().wall.plus_millis(offset_ms);
        SystemTime::UNIX_EPOCH + Duration::from_millis(now.as_millis().try_into().unwrap())
    }
}

/// A server and a caller that knows its root key.
struct Site {
    server: TestServer,
    clock: CallerClock,
    credentials: Credentials,
}

/// One SDK client: they are alike and share no type.
macro_rules! client {
    ($site:expr, $sdk:ident) => {{
        let config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new(REGION))
            .endpoint_url(format!("http://{}", $site.server.address))
            .credentials_provider($site.credentials.clone())
            .time_source($site.clock.clone())
            .retry_config($sdk::config::retry::RetryConfig::disabled())
            .timeout_config($sdk::config::timeout::TimeoutConfig::disabled())
            .http_client(Builder::new().build_http())
            .build();
        $sdk::Client::from_conf(config)
    }};
}

impl Site {
    async fn start() -> Self {
        let server = TestServer::start().await;
        // The SDK goes by the Date of the answers, and that is the machine's time.
        #[allow(clippy::disallowed_methods, reason = "the clock of the HTTP library has no seam")]
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        server.clock.set_wall(Timestamp::EPOCH + now);
        let clock = CallerClock { server: Arc::clone(&server.clock), offset_s: Arc::default() };
        let (id, secret) =
            (&server.credentials.access_key_id, server.credentials.secret_access_key.expose());
        let credentials = Credentials::new(id, secret, None, None, "the server's file");
        Self { server, clock, credentials }
    }

    fn kinesisvideo(&self) -> aws_sdk_kinesisvideo::Client {
        client!(self, aws_sdk_kinesisvideo)
    }

    async fn create_stream(&self, name: &str) -> String {
        let call = self.kinesisvideo().create_stream().stream_name(name);
        let output = call.data_retention_in_hours(24).send().await.unwrap();
        output.stream_arn.unwrap()
    }
}

/// The exception's name and the status of a refused call.
fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(
    answer: Result<T, SdkError<E>>,
) -> (u16, String) {
    let Err(SdkError::ServiceError(error)) = answer else { panic!("not refused: {answer:?}") };
    (error.raw().status().as_u16(), error.err().code().unwrap().to_owned())
}

#[tokio::test]
async fn a_stream_is_created_described_changed_listed_and_deleted() {
    let site = Site::start().await;
    let client = site.kinesisvideo();
    let created = client
        .create_stream()
        .stream_name("gate")
        .media_type("video/h264")
        .data_retention_in_hours(24)
        .tags("site", "north")
        .send()
        .await
        .unwrap();
    let arn = created.stream_arn.unwrap();

    let by_arn = client.describe_stream().stream_arn(&arn).send().await.unwrap();
    let stream = by_arn.stream_info.unwrap();
    assert_eq!(stream.stream_name.as_deref(), Some("gate"));
    assert_eq!(stream.media_type.as_deref(), Some("video/h264"));
    assert_eq!(stream.status, Some(Status::Active));
    assert_eq!(stream.data_retention_in_hours, Some(24));
    let age_ms =
        site.server.clock.wall().as_millis() - stream.creation_time.unwrap().to_millis().unwrap();
    assert!((0..60_000).contains(&age_ms), "created {age_ms} ms ago");

    client
        .update_data_retention()
        .stream_name("gate")
        .current_version(stream.version.unwrap())
        .operation(UpdateDataRetentionOperation::IncreaseDataRetention)
        .data_retention_change_in_hours(6)
        .send()
        .await
        .unwrap();
    let condition = StreamNameCondition::builder()
        .comparison_operator(ComparisonOperator::BeginsWith)
        .comparison_value("ga")
        .build();
    let listed = client.list_streams().stream_name_condition(condition).send().await.unwrap();
    let listed = listed.stream_info_list.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].data_retention_in_hours, Some(30));

    let version = listed[0].version.as_deref().unwrap();
    client.delete_stream().stream_arn(&arn).current_version(version).send().await.unwrap();
    let gone = client.describe_stream().stream_arn(&arn).send().await;
    assert!(gone.unwrap_err().into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn refusals_are_the_exceptions_of_the_model() {
    let site = Site::start().await;
    site.create_stream("gate").await;
    let client = site.kinesisvideo();
    let again = client.create_stream().stream_name("gate").send().await;
    assert!(again.unwrap_err().into_service_error().is_resource_in_use_exception());
    let invalid = client.create_stream().stream_name("no blanks").send().await.unwrap_err();
    let invalid = invalid.into_service_error();
    assert!(invalid.is_invalid_argument_exception());
    assert!(
        invalid.message().unwrap().contains("streamName")
            || invalid.message().unwrap().contains("StreamName")
    );
    let unknown = client.describe_edge_configuration().stream_name("gate").send().await;
    let unknown = unknown.unwrap_err().into_service_error();
    assert!(unknown.is_stream_edge_configuration_not_found_exception());
}

#[tokio::test]
async fn a_clock_may_be_five_minutes_off_and_no_more() {
    let site = Site::start().await;
    let client = site.kinesisvideo();
    for (offset_s, accepted) in [(0, true), (290, true), (-290, true), (310, false), (-310, false)]
    {
        // A new client each time: the SDK corrects its clock after a refusal.
        let answer = client!(site, aws_sdk_kinesisvideo);
        site.clock.offset_s.store(offset_s, Ordering::SeqCst);
        let answer = answer.list_streams().send().await;
        match accepted {
            true => assert!(answer.is_ok(), "{offset_s} s: {answer:?}"),
            false => assert_eq!(refusal(answer), (403, "InvalidSignatureException".to_owned())),
        }
    }
    site.clock.offset_s.store(0, Ordering::SeqCst);
    client.list_streams().send().await.unwrap();
}

#[tokio::test]
async fn another_secret_or_a_token_that_nobody_gave_gets_nobody_in() {
    let mut site = Site::start().await;
    let (id, secret) = (
        site.credentials.access_key_id().to_owned(),
        site.credentials.secret_access_key().to_owned(),
    );
    let cases = [
        (Credentials::new(&id, "another secret", None, None, "test"), "InvalidSignatureException"),
        (
            Credentials::new("AKIAUNKNOWN000000000", &secret, None, None, "test"),
            "UnrecognizedClientException",
        ),
        (
            Credentials::new(&id, &secret, Some("a token".to_owned()), None, "test"),
            "UnrecognizedClientException",
        ),
    ];
    for (credentials, expect) in cases {
        site.credentials = credentials;
        let answer = site.kinesisvideo().create_stream().stream_name("gate").send().await;
        assert_eq!(refusal(answer), (403, expect.to_owned()));
    }
    site.credentials = Credentials::new(id, secret, None, None, "test");
    let listed = site.kinesisvideo().list_streams().send().await.unwrap();
    assert_eq!(listed.stream_info_list.unwrap_or_default().len(), 0);
}

#[tokio::test]
async fn an_edge_configuration_is_given_and_described() {
    let site = Site::start().await;
    let arn = site.create_stream("gate").await;
    let client = site.kinesisvideo();
    let source = MediaSourceConfig::builder()
        .media_uri_secret_arn("arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-abcdef")
        .media_uri_type(MediaUriType::RtspUri)
        .build()
        .unwrap();
    let schedule = ScheduleConfig::builder()
        .schedule_expression("0 0 9-16 ? * MON-FRI")
        .duration_in_seconds(3600)
        .build()
        .unwrap();
    let recorder =
        RecorderConfig::builder().media_source_config(source).schedule_config(schedule).build();
    let edge_config =
        EdgeConfig::builder().hub_device_arn(HUB).recorder_config(recorder).build().unwrap();
    let started = client
        .start_edge_configuration_update()
        .stream_arn(&arn)
        .edge_config(edge_config.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(started.sync_status, Some(SyncStatus::Syncing));
    let described = client.describe_edge_configuration().stream_name("gate").send().await.unwrap();
    assert_eq!(described.edge_config, Some(edge_config));
    assert_eq!(described.stream_arn.as_deref(), Some(arn.as_str()));
    let of_hub = client.list_edge_agent_configurations().hub_device_arn(HUB).send().await.unwrap();
    assert_eq!(of_hub.edge_configs.unwrap().len(), 1);
}

#[tokio::test]
async fn a_secret_is_kept_changed_and_described() {
    let site = Site::start().await;
    let client = client!(site, aws_sdk_secretsmanager);
    let first = r#"{"MediaURI":"rtsp://user:word@camera/1"}"#;
    let created = client.create_secret().name("cam").secret_string(first).send().await.unwrap();
    let arn = created.arn.unwrap();
    let value = client.get_secret_value().secret_id(&arn).send().await.unwrap();
    assert_eq!(value.secret_string.as_deref(), Some(first));
    let second = r#"{"MediaURI":"rtsp://user:word@camera/2"}"#;
    client.put_secret_value().secret_id("cam").secret_string(second).send().await.unwrap();
    let value = client.get_secret_value().secret_id("cam").send().await.unwrap();
    assert_eq!(value.secret_string.as_deref(), Some(second));
    assert!(value.version_stages.unwrap().contains(&"AWSCURRENT".to_owned()));
    let described = client.describe_secret().secret_id("cam").send().await.unwrap();
    assert_eq!(described.version_ids_to_stages.unwrap().len(), 2);
    let unknown = client.get_secret_value().secret_id("other").send().await.unwrap_err();
    assert!(unknown.into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn what_was_uploaded_is_listed_and_read() {
    let site = Site::start().await;
    let arn = site.create_stream("gate").await;
    let start_ms = site.server.clock.wall().as_millis();
    let fragments = [fragment(start_ms, 1), fragment(start_ms + 1000, 2)];
    site.server.upload("gate", &fragments).await;

    let endpoint = site.kinesisvideo().get_data_endpoint().stream_arn(&arn);
    let endpoint = endpoint.api_name(ApiName::ListFragments).send().await.unwrap();
    assert_eq!(
        endpoint.data_endpoint.as_deref(),
        Some(format!("http://{}", site.server.address).as_str())
    );

    let at = |ms: i64| aws_sdk_kinesisvideo::primitives::DateTime::from_millis(ms);
    let range = TimestampRange::builder()
        .start_timestamp(at(start_ms))
        .end_timestamp(at(start_ms + 10_000))
        .build()
        .unwrap();
    let selector = FragmentSelector::builder()
        .fragment_selector_type(FragmentSelectorType::ProducerTimestamp)
        .timestamp_range(range)
        .build()
        .unwrap();
    let archived = client!(site, aws_sdk_kinesisvideoarchivedmedia);
    let listed = archived.list_fragments().stream_name("gate").fragment_selector(selector);
    let mut listed = listed.send().await.unwrap().fragments.unwrap();
    listed.sort_by_key(|fragment| fragment.producer_timestamp.unwrap().as_nanos());
    assert_eq!(listed.len(), 2);
    // The SDK reads the seconds as a double and cuts what is below a millisecond off.
    let producer_ns = listed[1].producer_timestamp.unwrap().as_nanos();
    let off_by_ns = producer_ns - i128::from(start_ms + 1000) * 1_000_000;
    assert!(off_by_ns.abs() < 1000, "{off_by_ns} ns off");
    assert_eq!(listed[0].fragment_length_in_milliseconds, 1000);

    let media = client!(site, aws_sdk_kinesisvideomedia);
    let selector = StartSelector::builder()
        .start_selector_type(StartSelectorType::FragmentNumber)
        .after_fragment_number(listed[0].fragment_number.as_deref().unwrap())
        .build()
        .unwrap();
    let answer = media.get_media().stream_name("gate").start_selector(selector);
    let mut payload = soon(answer.send()).await.unwrap().payload;
    let wanted = &fragments[1];
    let mut read = Vec::new();
    // The answer goes on with what the producer sends next, so it is left where the fragment has come.
    while !read.windows(wanted.len()).any(|window| window == wanted.as_slice()) {
        read.extend_from_slice(&soon(payload.next()).await.expect("the media ended").unwrap());
    }
    assert!(!read.windows(1000).any(|window| window == [1; 1000]), "the first fragment came again");
}

/// GetSessionToken with the root key; the SDK for STS is a crate of its own that nothing else needs.
async fn session(site: &Site, duration_seconds: u64) -> Credentials {
    let body =
        format!("Action=GetSessionToken&Version=2011-06-15&DurationSeconds={duration_seconds}");
    let body = bytes::Bytes::from(body);
    let headers = [("content-type", "application/x-www-form-urlencoded".to_owned())];
    let (server, now) = (&site.server, site.server.clock.wall());
    let request = server.signed(&server.credentials, "/", "sts", &headers, Some(&body), now);
    let answer = server.send(request.map(|()| http_body_util::Full::new(body))).await;
    let answer = collect(answer).await;
    let xml = String::from_utf8(answer.body.to_vec()).unwrap();
    let element = |name: &str| {
        let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("{xml}"));
        rest.split_once('<').unwrap().0.to_owned()
    };
    let token = Some(element("SessionToken"));
    let (id, secret) = (element("AccessKeyId"), element("SecretAccessKey"));
    Credentials::new(id, secret, token, None, "GetSessionToken")
}

#[tokio::test]
async fn temporary_credentials_work_until_they_expire_and_with_their_own_token_alone() {
    let mut site = Site::start().await;
    site.create_stream("gate").await;
    let root = site.credentials.clone();
    let made = session(&site, 900).await;
    let describe = |site: &Site| site.kinesisvideo().describe_stream().stream_name("gate").send();

    site.credentials = made.clone();
    describe(&site).await.unwrap();
    let secrets = client!(site, aws_sdk_secretsmanager);
    secrets.create_secret().name("cam").secret_string("{}").send().await.unwrap();

    let unknown = (403, "UnrecognizedClientException".to_owned());
    let (id, secret) = (made.access_key_id(), made.secret_access_key());
    let another = session(&site, 900).await;
    for token in [None, Some("no token"), another.session_token()] {
        let token = token.map(str::to_owned);
        site.credentials = Credentials::new(id, secret, token, None, "a wrong token");
        assert_eq!(refusal(describe(&site).await), unknown);
    }
    let token = made.session_token().map(str::to_owned);
    site.credentials = Credentials::new(id, "another", token, None, "a wrong secret");
    assert_eq!(refusal(describe(&site).await), (403, "InvalidSignatureException".to_owned()));

    site.credentials = made;
    site.server.clock.advance(Duration::from_secs(890));
    describe(&site).await.unwrap();
    site.server.clock.advance(Duration::from_secs(11));
    assert_eq!(refusal(describe(&site).await), (403, "ExpiredTokenException".to_owned()));
    site.credentials = root;
    describe(&site).await.unwrap();
}
