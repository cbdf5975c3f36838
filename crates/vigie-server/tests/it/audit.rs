//! The audit log: one line for each call that changes something, none for the others, and never a secret in it.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use http_body_util::Full;
use serde_json::{Value, json};
use vigie_fakes::clock::TestClock;
use vigie_kvs::operation::{OPERATIONS, Protocol};
use vigie_kvs::sigv4::Credentials;
use vigie_kvs::{Operation, Sensitive};

use crate::common::keys::post;
use crate::common::media::fragment;
use crate::common::{self, HUB, TestServer, collect};

const CAMERA: &str = "rtsp://viewer:p4ssw0rd@camera.example/stream";

async fn start() -> (TestServer, tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let audit_log = Some(path.clone());
    let server = TestServer::start_configured(|config| config.audit_log = audit_log).await;
    (server, folder, path)
}

/// Stops the server, so that every line is there, and reads them, but those of first starts.
async fn lines(server: TestServer, path: &PathBuf) -> Vec<Value> {
    let mut lines = all_lines(server, path).await;
    let made = lines.iter().filter(|line| line["principal_arn"] == "vigie:first-start").count();
    assert!(made > 0, "{lines:?}");
    lines.retain(|line| line["principal_arn"] != "vigie:first-start");
    lines
}

async fn all_lines(server: TestServer, path: &PathBuf) -> Vec<Value> {
    server.stop().await;
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn call(server: &TestServer, operation: &Operation, input: Value) -> common::Answer {
    match operation.protocol() {
        Protocol::RestJson => server.call(operation.address, input).await,
        Protocol::AwsJson11 => server.secrets(operation.name, input).await,
        Protocol::AwsQuery => {
            let form = format!("Action={}&Version=2011-06-15", operation.name);
            let headers = [("content-type", "application/x-www-form-urlencoded".to_owned())];
            post(server, &server.credentials, "sts", &headers, form).await
        }
    }
}

#[tokio::test]
async fn each_operation_that_changes_something_or_gives_out_video_writes_one_line_and_the_others_none()
 {
    let (server, _folder, path) = start().await;
    let mut expected = Vec::new();
    for &operation in OPERATIONS.iter().filter(|operation| operation.name != "PutMedia") {
        let request_id = {
            let answer = call(&server, operation, json!({ "WaitSeconds": 0 })).await;
            answer.headers["x-amzn-requestid"].to_str().unwrap().to_owned()
        };
        if operation.is_audited() {
            expected.push((operation.action.to_owned(), request_id));
        }
    }
    let put_media = server.put_media_request("nobody", &[]);
    let answer = server.send(put_media.map(|()| Full::<bytes::Bytes>::default())).await;
    let request_id = answer.headers()["x-amzn-requestid"].to_str().unwrap().to_owned();
    assert_eq!(collect(answer).await.status, 404);
    expected.push(("kinesisvideo:PutMedia".to_owned(), request_id));

    let lines = lines(server, &path).await;
    let text = |line: &Value, member: &str| line[member].as_str().unwrap().to_owned();
    let got: Vec<_> =
        lines.iter().map(|line| (text(line, "action"), text(line, "request_id"))).collect();
    assert_eq!(got, expected);
    assert!(expected.len() >= 15, "{expected:?}");
    let last = lines.last().unwrap();
    assert_eq!(last["resource"], "arn:aws:kinesisvideo:us-east-1:000000000000:stream/nobody/*");
    assert_eq!(
        (&last["status"], &last["error"]),
        (&json!(404), &json!("ResourceNotFoundException"))
    );
}

#[tokio::test]
async fn a_line_says_who_what_and_what_came_of_it_and_never_a_secret() {
    let (server, _folder, path) = start().await;
    let arn = server.create_stream("gate", 24).await;
    let secret_string = json!({ "MediaURI": CAMERA }).to_string();
    let input = json!({ "Name": "gate-camera", "SecretString": secret_string });
    let secret = server.secrets("CreateSecret", input).await.ok()["ARN"].clone();
    let input = json!({ "SecretId": secret, "SecretString": secret_string });
    server.secrets("PutSecretValue", input).await.ok();
    server.secrets("GetSecretValue", json!({ "SecretId": secret })).await.ok();
    // Values where they do not belong.
    for name in [CAMERA, &secret_string] {
        let refused = server.secrets("CreateSecret", json!({ "Name": name })).await;
        assert_eq!(refused.status, 400);
        assert_eq!(server.call("/deleteStream", json!({ "StreamARN": name })).await.status, 400);
    }
    let tags = json!({ "StreamName": "gate", "Tags": { "owner": CAMERA } });
    server.call("/tagStream", tags).await;
    let edge = json!({ "StreamARN": arn, "EdgeConfig": {
        "HubDeviceArn": HUB,
        "RecorderConfig": { "MediaSourceConfig": {
            "MediaUriSecretArn": secret, "MediaUriType": "RTSP_URI",
        } },
    } });
    server.call("/startEdgeConfigurationUpdate", edge).await.ok();
    let (key, secret_key) =
        (server.credentials.access_key_id.clone(), server.credentials.secret_access_key.clone());
    let stranger = Credentials {
        access_key_id: key.clone(),
        secret_access_key: Sensitive::new("wrong"),
        session_token: None,
    };
    let forged = server.call_as(&stranger, "/deleteStream", json!({ "StreamARN": arn })).await;
    assert_eq!(forged.status, 403);

    let mut lines = lines(server, &path).await;
    // Nothing of who he says he is.
    let is_forged = |line: &Value| line["principal_arn"] == "unproven";
    assert_eq!(lines.iter().filter(|line| is_forged(line)).count(), 1);
    lines.retain(|line| !is_forged(line));
    let all = std::fs::read_to_string(&path).unwrap();
    for hidden in ["p4ssw0rd", "rtsp:", "MediaURI", secret_key.expose()] {
        assert!(!all.contains(hidden), "{hidden} is in {all}");
    }
    let outcome = |action: &str| -> Vec<(Value, Value, Value)> {
        let of = |line: &&Value| line["action"] == action;
        let parts = |line: &Value| {
            (line["resource"].clone(), line["status"].clone(), line["error"].clone())
        };
        lines.iter().filter(of).map(parts).collect()
    };
    let named = json!("arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/*");
    assert_eq!(outcome("kinesisvideo:CreateStream"), [(named, json!(200), Value::Null)]);
    assert_eq!(
        outcome("kinesisvideo:StartEdgeConfigurationUpdate"),
        [(json!(arn), json!(200), Value::Null)]
    );
    let refused = (Value::Null, json!(400), json!("InvalidArgumentException"));
    // None is forged, and the second within a minute is counted with the next line.
    assert_eq!(outcome("kinesisvideo:DeleteStream"), [refused]);
    assert_eq!(outcome("secretsmanager:PutSecretValue"), [(secret, json!(200), Value::Null)]);
    assert_eq!(outcome("secretsmanager:GetSecretValue"), []);
    for line in &lines {
        assert_eq!(line["access_key_id"], key.as_str());
        assert_eq!(line["principal_arn"], "arn:aws:iam::000000000000:root");
        assert!(line["remote_address"].as_str().unwrap().starts_with("127.0.0.1:"));
        let time = line["time"].as_str().unwrap();
        assert!(time.starts_with("2026-11-") && time.ends_with('Z'), "{time}");
        assert_eq!(line.as_object().unwrap().len(), 9);
    }
}

#[tokio::test]
async fn the_file_is_its_owners_alone_and_is_appended_to() {
    let (server, _folder, path) = start().await;
    server.create_stream("one", 1).await;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(lines(server, &path).await.len(), 1);
    let again = Some(path.clone());
    let server = TestServer::start_configured(|config| config.audit_log = again).await;
    server.create_stream("two", 1).await;
    assert_eq!(lines(server, &path).await.len(), 2);
}

#[tokio::test]
async fn a_line_that_cannot_be_written_is_counted_and_the_call_succeeds() {
    // The line of the first start, and that of the call.
    let full = Some(PathBuf::from("/dev/full"));
    let server = TestServer::start_configured(|config| config.audit_log = full).await;
    server.create_stream("gate", 1).await;
    common::soon(async {
        loop {
            let metrics = server.get("/metrics").await.body;
            let metrics = String::from_utf8(metrics.to_vec()).unwrap();
            if metrics.contains("vigie_server_audit_failures_total 2\n") {
                break;
            }
        }
    })
    .await;
    server.stop().await;
}

#[tokio::test]
async fn refused_signatures_are_sampled_and_say_nothing_that_is_not_known() {
    let (server, _folder, path) = start().await;
    let key = server.credentials.access_key_id.clone();
    let stranger = |access_key_id: &str| Credentials {
        access_key_id: access_key_id.to_owned(),
        secret_access_key: Sensitive::new("wrong"),
        session_token: None,
    };
    let input = json!({ "StreamName": "gate" });
    let refused = server.call_as(&stranger(&key), "/describeStream", input.clone()).await;
    assert_eq!(refused.status, 403);
    let request_id = refused.headers["x-amzn-requestid"].to_str().unwrap().to_owned();
    for pasted in [key.as_str(), "a-secret-pasted-by-mistake"] {
        assert_eq!(server.call_as(&stranger(pasted), "/listStreams", json!({})).await.status, 403);
    }
    server.clock.advance(std::time::Duration::from_secs(1));
    let lines = lines(server, &path).await;
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(line["request_id"], request_id.as_str());
    assert_eq!(line["access_key_id"], key.as_str());
    assert_eq!(line["action"], "kinesisvideo:DescribeStream");
    assert_eq!((&line["status"], &line["count"]), (&json!(403), &json!(1)));
    assert_eq!(line["resource"], Value::Null);
    assert!(line["remote_address"].as_str().unwrap().starts_with("127.0.0.1:"));
    let all = std::fs::read_to_string(&path).unwrap();
    assert!(!all.contains("pasted"), "{all}");
}

#[tokio::test]
async fn the_first_root_key_sign_ins_and_what_is_erased_are_in_it() {
    let (server, _folder, path) = start().await;
    let arn = server.create_stream("gate", 24).await;
    let t = 1_795_000_000_000;
    server.upload("gate", &[fragment(t, 1), fragment(t + 1000, 2)]).await;
    server.create_stream("empty", 24).await;
    for name in ["gate", "empty"] {
        let described = server.call("/describeStream", json!({ "StreamName": name })).await.ok();
        let arn = &described["StreamInfo"]["StreamARN"];
        server.call("/deleteStream", json!({ "StreamARN": arn })).await.ok();
    }
    common::soon(async {
        while !std::fs::read_to_string(&path).unwrap().contains("vigie:EraseMedia") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let key = server.credentials.access_key_id.clone();
    let lines = all_lines(server, &path).await;
    let made = &lines[0];
    assert_eq!(made["principal_arn"], "vigie:first-start");
    assert_eq!(made["action"], "vigie:CreateRootKey");
    assert!(made["resource"].as_str().unwrap().ends_with(&format!(":access-key/{key}")));
    let erased: Vec<_> = lines.iter().filter(|line| line["action"] == "vigie:EraseMedia").collect();
    let [erased] = &erased[..] else { panic!("{erased:?}") };
    assert_eq!(erased["resource"], arn.as_str());
    assert_eq!(erased["principal_arn"], "vigie:server");
    assert_eq!(erased["fragment_count"], 2);
    assert!(erased["size_bytes"].as_u64().unwrap() > 1000, "{erased}");
}

#[tokio::test]
async fn a_sign_in_by_the_link_of_a_demonstration_is_in_it_and_its_code_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let config = common::config(folder.path());
    let opened = common::open(config.clone(), 7, TestClock::new()).await.unwrap();
    let code = opened.offer_console_sign_in().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(opened.serve(listener, async {
        stopped.await.ok();
    }));
    let body = bytes::Bytes::from(json!({ "Code": code.expose() }).to_string());
    for status in [200, 403] {
        let request = hyper::Request::post("/console/sign-in").header("host", address.to_string());
        let request = request.body(Full::new(body.clone())).unwrap();
        assert_eq!(collect(common::send_to(address, request).await).await.status, status);
    }
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    let text = std::fs::read_to_string(config.audit_log_path()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [_made, signed_in] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(signed_in["action"], "vigie:ConsoleSignIn");
    assert_eq!(signed_in["principal_arn"], "arn:aws:iam::000000000000:root");
    assert!(signed_in["resource"].as_str().unwrap().contains(":access-key/ASIA"), "{signed_in}");
    assert!(!text.contains(code.expose()));
}
