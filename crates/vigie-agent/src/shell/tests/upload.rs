//! Signed calls and PutMedia against a service on loopback that checks signatures and reads what it is sent.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use vigie_kvs::acknowledgement::{Acknowledgement, AcknowledgementEvent};
use vigie_kvs::error::ErrorKind;
use vigie_kvs::sigv4::{Claim, Expected, Payload, RequestHead};
use vigie_kvs::{FragmentNumber, Sensitive};
use vigie_media::codec::g711;
use vigie_media::matroska::{self, FragmentReader, Limits, writer};
use vigie_store::{
    FragmentMeta, FragmentOrder, FragmentQuery, OsDisk, SqliteIndex, Store, StoreSettings,
    WholeFragment,
};

use super::*;
use crate::core::{CallFailure, UploadEvent};
use crate::shell::api_client::{ApiClient, Endpoints, endpoint_url};
use crate::shell::core_thread::CoreHandle;
use crate::shell::credentials::CredentialsChain;
use crate::shell::put_media::{Order, PutMedia};
use crate::shell::upload_pace::UploadPace;

/// Its data endpoint is on another host, by plain http.
const ELSEWHERE_ARN: &str =
    "arn:aws:kinesisvideo:us-east-1:000000000000:stream/elsewhere/1700000000000";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// What the service was sent, by operation.
#[derive(Default)]
struct Seen {
    calls: Vec<String>,
    fragments: Vec<matroska::Fragment>,
    headers: BTreeMap<String, String>,
}

struct Service {
    url: String,
    seen: Arc<Mutex<Seen>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

fn whole(status: u16, body: String) -> Answer {
    Response::builder().status(status).body(Full::from(body).boxed()).unwrap()
}

async fn service(clock: Arc<dyn Clock>) -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Seen::default()));
    let (own_url, own_seen) = (url.clone(), seen.clone());
    let serving = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (url, seen, clock) = (own_url.clone(), own_seen.clone(), clock.clone());
            tokio::spawn(async move {
                let service = service_fn(|request| {
                    let (url, seen, clock) = (url.clone(), seen.clone(), clock.clone());
                    async move { Ok::<_, Infallible>(answer(request, &url, seen, clock).await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                drop(http.serve_connection(TokioIo::new(stream), service).await);
            });
        }
    });
    Service { url, seen, serving }
}

/// Panics unless the request is signed by the one key for the right service.
fn verify(
    parts: &hyper::http::request::Parts,
    payload: Payload<'_>,
    service: &str,
    clock: &dyn Clock,
) {
    let headers: Vec<(&str, &[u8])> =
        parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let head = RequestHead { method: "POST", path: parts.uri.path(), query: "", headers: &headers };
    let claim = Claim::parse(&head).unwrap();
    assert_eq!((claim.access_key_id(), claim.region()), ("AKID", "eu-west-3"));
    assert_eq!(claim.security_token().map(Sensitive::expose), Some("token"));
    let expected =
        Expected { service, region: Some("eu-west-3"), skew_window: Duration::from_secs(300) };
    let key = Sensitive::new(SECRET_KEY);
    claim.verify(&head, payload, &key, &expected, clock.now().wall).unwrap();
}

async fn answer(
    request: Request<Incoming>,
    url: &str,
    seen: Arc<Mutex<Seen>>,
    clock: Arc<dyn Clock>,
) -> Answer {
    let target =
        request.headers().get("x-amz-target").map(|value| value.to_str().unwrap().to_owned());
    let path = target.unwrap_or_else(|| request.uri().path().to_owned());
    seen.lock().unwrap().calls.push(path.clone());
    let (parts, body) = request.into_parts();
    if path == "/putMedia" {
        verify(&parts, Payload::Streaming, "kinesisvideo", clock.as_ref());
        return put_media(&parts.headers, body, seen);
    }
    let service = if path.starts_with('/') { "kinesisvideo" } else { "secretsmanager" };
    let body = body.collect().await.unwrap().to_bytes();
    verify(&parts, Payload::Whole(&body), service, clock.as_ref());
    let input: serde_json::Value = serde_json::from_slice(&body).unwrap();
    match path.as_str() {
        "/getDataEndpoint" if input["StreamARN"] == ARN => {
            whole(200, format!(r#"{{"DataEndpoint":"{url}/"}}"#))
        }
        "/getDataEndpoint" if input["StreamARN"] == ELSEWHERE_ARN => {
            whole(200, r#"{"DataEndpoint":"http://192.0.2.1:8440/"}"#.to_owned())
        }
        "/getDataEndpoint" => {
            let mut refusal = whole(404, r#"{"Message":"no such stream"}"#.to_owned());
            refusal.headers_mut().insert(
                "x-amzn-errortype",
                "ResourceNotFoundException:http://internal/".parse().unwrap(),
            );
            refusal
        }
        "/listFragments" => match input["NextToken"].as_str() {
            None => whole(200, page(1, r#","NextToken":"more""#)),
            Some("more") => whole(200, page(2, "")),
            other => panic!("{other:?}"),
        },
        "secretsmanager.GetSecretValue" => {
            let secret = r#"{\"MediaURI\":\"rtsp://c\"}"#;
            whole(
                200,
                format!(r#"{{"ARN":"a","Name":"n","VersionId":"v","SecretString":"{secret}"}}"#),
            )
        }
        other => panic!("{other}"),
    }
}

fn page(number: u64, more: &str) -> String {
    let at = START.plus_millis(number as i64 * 1000);
    let (fragment, at) = (FragmentNumber::new(number, at, 0), at.as_seconds_f64());
    format!(
        r#"{{"Fragments":[{{"FragmentNumber":"{fragment}","FragmentSizeInBytes":1,"ProducerTimestamp":{at},"ServerTimestamp":{at},"FragmentLengthInMilliseconds":1000}}]{more}}}"#
    )
}

/// Acknowledges each fragment when its end is known, while the body still comes in.
fn put_media(headers: &HeaderMap, mut body: Incoming, seen: Arc<Mutex<Seen>>) -> Answer {
    let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap().to_owned();
    seen.lock().unwrap().headers =
        headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let (lines, receiver) = mpsc::channel::<Result<Frame<Bytes>, Infallible>>(16);
    tokio::spawn(async move {
        let mut reader = FragmentReader::new(Limits::KVS);
        loop {
            let piece = body.frame().await;
            let is_end = piece.is_none();
            match piece {
                Some(piece) => reader.push(&piece.unwrap().into_data().unwrap()),
                None => reader.finish(),
            }
            while let Some(event) = reader.next_event().unwrap() {
                if let matroska::Event::FragmentEnd(fragment) = event {
                    let number = FragmentNumber::new(1, START, 0);
                    let persisted = AcknowledgementEvent::Persisted;
                    let line =
                        Acknowledgement::of(persisted, fragment.timecode_ms, number).to_line();
                    seen.lock().unwrap().fragments.push(fragment);
                    lines.send(Ok(Frame::data(line.into()))).await.unwrap();
                }
            }
            if is_end {
                return;
            }
        }
    });
    let stream = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|line| (line, receiver))
    });
    Response::new(BodyExt::boxed(StreamBody::new(stream)))
}

fn api(service: &Service, clock: Arc<dyn Clock>, secret_key: &str) -> ApiClient {
    let endpoints = Endpoints {
        kinesisvideo: endpoint_url(&service.url).unwrap(),
        secrets: endpoint_url(&service.url).unwrap(),
        region: "eu-west-3".to_owned(),
        insecure_http: false,
    };
    let credentials = CredentialsChain {
        access_key_id: Some("AKID".to_owned()),
        secret_access_key: Some(Sensitive::new(secret_key)),
        session_token: Some(Sensitive::new("token")),
        ..CredentialsChain::default()
    };
    ApiClient::new(endpoints, credentials, Arc::new(OsDisk), clock).unwrap()
}

/// A store with fragments of one second each and so many bytes.
fn store(folder: &Path, sizes_bytes: &[usize]) -> (Store, Bytes) {
    let index = Box::new(SqliteIndex::in_memory().unwrap());
    let disk = Arc::new(OsDisk);
    let (mut store, _) =
        Store::open(disk, folder.join("media"), index, StoreSettings::HUB).unwrap();
    let track = g711::track(1, "audio", g711::Law::A, 8000, 1);
    let header = Bytes::from(writer::document_header(&[track]));
    for (index, size_bytes) in sizes_bytes.iter().enumerate() {
        let sequence = store.reserve_sequences("gate", 1).unwrap().start;
        let at = START.plus_millis(index as i64 * 1000);
        let mut bytes = writer::cluster_start(at).to_vec();
        bytes.extend_from_slice(&writer::simple_block_header(1, 0, true, *size_bytes));
        bytes.extend(std::iter::repeat_n(index as u8, *size_bytes));
        let meta = FragmentMeta {
            sequence,
            producer_timestamp: at,
            server_timestamp: at,
            timecode_ms: at.as_millis(),
            number_tail: 0,
            begins_with_key_frame: true,
        };
        let fragment = WholeFragment::new(meta, 1000, 1, bytes.into());
        store.append_fragment("gate", &header, &fragment).unwrap();
    }
    store.commit().unwrap();
    (store, header)
}

fn stored(store: &Store) -> Vec<vigie_store::Fragment> {
    store.reader().fragments("gate", &FragmentQuery::all(FragmentOrder::Sequence, 100)).unwrap()
}

#[tokio::test]
async fn fragments_go_up_verbatim_and_are_acknowledged_while_the_upload_runs() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let service = service(clock.clone()).await;
    let (store, header) = store(folder.path(), &[10, 700_000, 3]);
    let fragments = stored(&store);
    let (core, mut messages) = CoreHandle::apart();
    let (orders, receiver) = mpsc::unbounded_channel();
    let upload =
        PutMedia { session: session(9), start: START, document_header: header, orders: receiver };
    let api = api(&service, clock.clone(), SECRET_KEY);
    let running = tokio::spawn(upload.run(api, store.reader(), core, UploadPace::new(None, clock)));
    let Event::Upload { event: UploadEvent::Connected, session: connected } =
        next(&mut messages).await
    else {
        panic!("not connected")
    };
    assert_eq!(connected, session(9));

    for fragment in &fragments {
        orders.send(Order { fragment: fragment.clone(), complete: true }).unwrap();
        // Acknowledged before anything more is sent.
        let acknowledged = loop {
            match next(&mut messages).await {
                Event::Upload { event: UploadEvent::Acknowledged(ack), .. } => break ack,
                Event::Upload { event: UploadEvent::Progress, .. } => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(acknowledged.fragment_timecode_ms, Some(fragment.entry.timecode_ms));
    }
    drop(orders);
    let closed = next(&mut messages).await;
    assert!(
        matches!(closed, Event::Upload { event: UploadEvent::Closed { failure: None }, .. }),
        "{closed:?}"
    );
    running.await.unwrap();

    let seen = service.seen.lock().unwrap();
    assert_eq!(seen.calls, ["/getDataEndpoint", "/putMedia"]);
    assert_eq!(seen.headers["x-amzn-stream-arn"], ARN);
    assert_eq!(seen.headers["x-amzn-fragment-timecode-type"], "ABSOLUTE");
    assert_eq!(seen.headers["x-amzn-producer-start-timestamp"], "1700000000.000");
    assert_eq!(seen.headers["transfer-encoding"], "chunked");
    let end = writer::tags(&[(matroska::reader::END_OF_FRAGMENT, "")]);
    for (got, sent) in seen.fragments.iter().zip(&fragments) {
        let mut expected = store.reader().read(sent).unwrap().to_vec();
        expected.extend_from_slice(&end);
        assert!(
            got.bytes == expected,
            "fragment {} is not what is on the disk",
            sent.entry.sequence
        );
    }
    assert_eq!(seen.fragments.len(), 3);
}

#[tokio::test]
async fn a_fragment_that_is_gone_is_left_out_and_the_next_goes_up() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), clock());
    let service = service(clock.clone()).await;
    let (store, header) = store(folder.path(), &[10, 10]);
    let fragments = stored(&store);
    let (core, mut messages) = CoreHandle::apart();
    let (orders, receiver) = mpsc::unbounded_channel();
    let upload =
        PutMedia { session: session(1), start: START, document_header: header, orders: receiver };
    let api = api(&service, clock.clone(), SECRET_KEY);
    tokio::spawn(upload.run(api, store.reader(), core, UploadPace::new(None, clock)));
    next(&mut messages).await;
    let mut gone = fragments[0].clone();
    gone.entry.crc32c ^= 1;
    orders.send(Order { fragment: gone, complete: true }).unwrap();
    orders.send(Order { fragment: fragments[1].clone(), complete: true }).unwrap();
    let Event::Upload { event: UploadEvent::FragmentGone { sequence }, .. } =
        next(&mut messages).await
    else {
        panic!("the damaged fragment was sent")
    };
    assert_eq!(sequence, fragments[0].entry.sequence);
    let Event::Upload { event: UploadEvent::Acknowledged(ack), .. } = next(&mut messages).await
    else {
        panic!("the next was not sent")
    };
    assert_eq!(ack.fragment_timecode_ms, Some(fragments[1].entry.timecode_ms));
}

#[tokio::test]
async fn data_endpoints_are_asked_for_once_and_again_after_a_failure() {
    let clock = clock();
    let service = service(clock.clone()).await;
    let api = api(&service, clock, SECRET_KEY);
    for _ in 0..2 {
        let listed = api.list_fragments(ARN, START, START.plus_millis(9000)).await.unwrap();
        let times: Vec<_> = listed.iter().map(|found| found.producer_timestamp).collect();
        assert_eq!(times, [START.plus_millis(1000), START.plus_millis(2000)], "all pages");
    }
    let endpoint_calls = |service: &Service| {
        let seen = service.seen.lock().unwrap();
        seen.calls.iter().filter(|call| *call == "/getDataEndpoint").count()
    };
    assert_eq!(endpoint_calls(&service), 1);
    let exposed = api.list_fragments(ELSEWHERE_ARN, START, START).await.unwrap_err();
    assert_eq!(exposed, CallFailure::PlainDataEndpoint);
    let refused = api.list_fragments("arn:other", START, START).await.unwrap_err();
    let kind = Some(ErrorKind::ResourceNotFound);
    assert_eq!(refused, CallFailure::Refused { status: 404, kind });
}

#[tokio::test]
async fn secrets_are_read_and_failures_have_their_kind() {
    let clock = clock();
    let service = service(clock.clone()).await;
    let secret_arn = Sensitive::new("arn:aws:secretsmanager:us-east-1:000000000000:secret:gate");
    let found =
        api(&service, clock.clone(), SECRET_KEY).get_secret_string(&secret_arn).await.unwrap();
    assert_eq!(found.unwrap().expose(), r#"{"MediaURI":"rtsp://c"}"#);

    let away = Service {
        url: "http://127.0.0.1:1".to_owned(),
        seen: Arc::default(),
        serving: tokio::spawn(async {}),
    };
    let failure = api(&away, clock, SECRET_KEY).get_secret_string(&secret_arn).await.unwrap_err();
    assert_eq!(failure, CallFailure::Unreachable);
}
