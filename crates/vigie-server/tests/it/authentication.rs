//! Who is not known gets 403 and nothing is done.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::json;
use vigie_kvs::Sensitive;
use vigie_kvs::sigv4::Credentials;

use crate::common::{TestServer, collect};

async fn stream_count(server: &TestServer) -> usize {
    let output = server.call("/listStreams", json!({})).await.ok();
    output["StreamInfoList"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_wrong_secret_an_unknown_key_and_a_session_token_are_refused() {
    let server = TestServer::start().await;
    let good = server.credentials.clone();
    let check = async |credentials: Credentials, expect: &str| {
        let input = json!({"StreamName": "gate"});
        let answer = server.call_as(&credentials, "/createStream", input).await;
        assert_eq!(answer.error(), (403, expect));
    };
    let wrong = Credentials { secret_access_key: Sensitive::new("wrong"), ..good.clone() };
    check(wrong, "InvalidSignatureException").await;
    let unknown = Credentials { access_key_id: "AKIAUNKNOWN000000000".into(), ..good.clone() };
    check(unknown, "UnrecognizedClientException").await;
    let token = Credentials { session_token: Some(Sensitive::new("token")), ..good };
    check(token, "UnrecognizedClientException").await;
    assert_eq!(stream_count(&server).await, 0);
}

#[tokio::test]
async fn an_unsigned_request_is_refused() {
    let server = TestServer::start().await;
    let body = Full::new(Bytes::from_static(br#"{"StreamName": "gate"}"#));
    let request = Request::post("/createStream").header("host", server.host()).body(body).unwrap();
    let answer = collect(server.send(request).await).await;
    assert_eq!(answer.error(), (403, "MissingAuthenticationTokenException"));
    assert_eq!(stream_count(&server).await, 0);
}

#[tokio::test]
async fn a_body_that_was_changed_after_signing_is_refused() {
    let server = TestServer::start().await;
    let signed = br#"{"StreamName": "gate"}"#;
    let request = server.signed(
        &server.credentials,
        "/createStream",
        "kinesisvideo",
        &[],
        Some(signed),
        server.clock.wall(),
    );
    let body = Full::new(Bytes::from_static(br#"{"StreamName": "yard"}"#));
    let answer = collect(server.send(request.map(|()| body)).await).await;
    assert_eq!(answer.error(), (403, "InvalidSignatureException"));
    assert_eq!(stream_count(&server).await, 0);
}

#[tokio::test]
async fn clocks_may_differ_by_five_minutes_and_no_more() {
    let server = TestServer::start().await;
    let body = Bytes::from_static(b"{}");
    let status = async |offset_s: i64| {
        let at = server.clock.wall().plus_millis(offset_s * 1000);
        let request = server.signed(
            &server.credentials,
            "/listStreams",
            "kinesisvideo",
            &[],
            Some(&body),
            at,
        );
        let answer = collect(server.send(request.map(|()| Full::new(body.clone()))).await).await;
        (answer.status, answer.headers.get("x-amzn-errortype").cloned())
    };
    assert_eq!(status(-290).await.0, 200);
    assert_eq!(status(290).await.0, 200);
    for offset_s in [-310, 310] {
        let (code, error) = status(offset_s).await;
        assert_eq!((code, error.unwrap().to_str().unwrap()), (403, "InvalidSignatureException"));
    }
}

#[tokio::test]
async fn a_signature_for_one_service_does_not_open_another() {
    let server = TestServer::start().await;
    let body = Bytes::from_static(b"{}");
    let headers = [("x-amz-target", "secretsmanager.ListSecrets".to_owned())];
    let request = server.signed(
        &server.credentials,
        "/",
        "kinesisvideo",
        &headers,
        Some(&body),
        server.clock.wall(),
    );
    let answer = collect(server.send(request.map(|()| Full::new(body))).await).await;
    assert_eq!(answer.error(), (403, "InvalidSignatureException"));
}

#[tokio::test]
async fn an_unsigned_put_media_is_refused_before_its_body() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let mut request = server.put_media_request("gate", &[]);
    request.headers_mut().remove("authorization");
    let (_body, response) = server.put_media_answer(request).await;
    assert_eq!(response.status(), 403);
    let mut request = server.put_media_request("gate", &[]);
    server.create_stream("yard", 1).await;
    request.headers_mut().insert("x-amzn-stream-name", "yard".parse().unwrap());
    let (_body, response) = server.put_media_answer(request).await;
    assert_eq!(response.status(), 403);
}

#[tokio::test]
async fn unknown_paths_targets_and_methods_are_unknown_operations() {
    let server = TestServer::start().await;
    let answer = server.call("/CreateStream", json!({})).await;
    assert_eq!(answer.error(), (404, "UnknownOperationException"));
    let expect = json!({
        "Output": {"__type": "com.amazon.coral.service#UnknownOperationException"},
        "Version": "1.0",
    });
    assert_eq!(answer.json(), expect);
    let answer = server.secrets("RotateSecret", json!({})).await;
    assert_eq!(answer.error(), (400, "UnknownOperationException"));
    let answer = server.get("/createStream").await;
    assert_eq!(answer.error(), (404, "UnknownOperationException"));
}

#[tokio::test]
async fn bodies_that_are_no_json_or_too_large_get_an_error_of_the_service() {
    let server = TestServer::start().await;
    let send = async |body: Bytes| {
        let request = server.signed(
            &server.credentials,
            "/createStream",
            "kinesisvideo",
            &[],
            Some(&body),
            server.clock.wall(),
        );
        collect(server.send(request.map(|()| Full::new(body))).await).await
    };
    let answer = send(Bytes::from_static(b"{\"StreamName\": ")).await;
    assert_eq!(answer.error(), (400, "InvalidArgumentException"));
    let answer = send(Bytes::from("[".repeat(10_000))).await;
    assert_eq!(answer.error(), (400, "InvalidArgumentException"));
    let answer = send(Bytes::from(vec![b' '; (1 << 20) + 1])).await;
    assert_eq!(answer.error(), (400, "InvalidArgumentException"));
}

#[tokio::test]
async fn probes_and_metrics_need_no_signature() {
    let server = TestServer::start().await;
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    server.create_stream("gate", 1).await;
    let metrics = server.get("/metrics").await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    let line = r#"vigie_server_requests_total{operation="CreateStream",status="200"} 1"#;
    assert!(text.contains(line), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_signature_that_is_too_old_is_refused_after_a_restart_as_well() {
    let server = TestServer::start().await;
    let at = server.clock.wall();
    let server = server.restart().await;
    server.clock.advance(Duration::from_secs(600));
    let body = Bytes::from_static(b"{}");
    let request =
        server.signed(&server.credentials, "/listStreams", "kinesisvideo", &[], Some(&body), at);
    let answer = collect(server.send(request.map(|()| Full::new(body))).await).await;
    assert_eq!(answer.error(), (403, "InvalidSignatureException"));
}
