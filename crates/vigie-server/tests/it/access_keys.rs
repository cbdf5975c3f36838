//! What a key with a policy may do, who gets nothing at all, and temporary credentials.

use std::time::Duration;

use serde_json::{Value, json};
use vigie_kvs::Sensitive;
use vigie_kvs::sigv4::Credentials;
use vigie_server::auth::MasterKey;
use vigie_server::{AccessKeyError, NewPermissions, create_access_key};

use crate::common::keys::{element, key, post, revoke, session, sts, try_create};
use crate::common::{Answer, HUB, REGION, TestServer, config};

const ALLOW_GATE: &str = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "kinesisvideo:*",
    "Resource": "arn:aws:kinesisvideo:*:*:stream/gate/*"}}"#;

/// A call by its operation's address: a path, or a target of Secrets Manager.
async fn call(server: &TestServer, by: &Credentials, address: &str, input: Value) -> Answer {
    if address.starts_with('/') {
        return server.call_as(by, address, input).await;
    }
    let headers = [("x-amz-target", address.to_owned())];
    post(server, by, "secretsmanager", &headers, input.to_string()).await
}

#[tokio::test]
async fn every_operation_asks_the_policy_and_denies_with_its_own_exception() {
    let server = TestServer::start().await;
    let nobody =
        key(&server, r#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#).await;
    let root = server.credentials.clone();
    let arn = server.create_stream("gate", 1).await;
    let secret = json!({"Name": "cam", "SecretString": "s3cret"});
    call(&server, &root, "secretsmanager.CreateSecret", secret).await.ok();
    let gate = json!({"StreamName": "gate"});
    let with = |more: Value| {
        let mut input = gate.clone();
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let edge = json!({"EdgeConfig": {"HubDeviceArn": HUB, "RecorderConfig": {"MediaSourceConfig": {
        "MediaUriSecretArn": "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-123456",
        "MediaUriType": "RTSP_URI"}}}});
    let range = json!({"FragmentSelector": {"FragmentSelectorType": "SERVER_TIMESTAMP",
        "TimestampRange": {"StartTimestamp": 0, "EndTimestamp": 1}}});
    let retention = json!({"CurrentVersion": "1", "Operation": "INCREASE_DATA_RETENTION",
        "DataRetentionChangeInHours": 1});
    let tier = json!({"CurrentVersion": "1", "StreamStorageConfiguration": {"DefaultStorageTier": "WARM"}});
    let cam = json!({"SecretId": "cam"});
    let (old, new) = ("NotAuthorizedException", "AccessDeniedException");
    let calls = [
        ("/createStream", json!({"StreamName": "new"}), new),
        ("/describeStream", gate.clone(), old),
        ("/listStreams", json!({}), new),
        ("/updateStream", with(json!({"CurrentVersion": "1"})), old),
        ("/updateDataRetention", with(retention), old),
        ("/deleteStream", json!({"StreamARN": arn}), old),
        ("/tagStream", with(json!({"Tags": {"a": "b"}})), old),
        ("/untagStream", with(json!({"TagKeyList": ["a"]})), old),
        ("/listTagsForStream", gate.clone(), old),
        ("/getDataEndpoint", with(json!({"APIName": "PUT_MEDIA"})), old),
        ("/describeStreamStorageConfiguration", gate.clone(), new),
        ("/updateStreamStorageConfiguration", with(tier), new),
        ("/describeImageGenerationConfiguration", gate.clone(), new),
        ("/updateImageGenerationConfiguration", gate.clone(), new),
        ("/describeNotificationConfiguration", gate.clone(), new),
        ("/updateNotificationConfiguration", gate.clone(), new),
        ("/startEdgeConfigurationUpdate", with(edge), new),
        ("/describeEdgeConfiguration", gate.clone(), new),
        ("/deleteEdgeConfiguration", gate.clone(), new),
        ("/listEdgeAgentConfigurations", json!({"HubDeviceArn": HUB}), old),
        ("/listFragments", with(range), old),
        ("/getMedia", with(json!({"StartSelector": {"StartSelectorType": "NOW"}})), old),
        (
            "/syncEdgeAgent",
            json!({"HubDeviceArn": HUB, "AgentVersion": "1", "WaitSeconds": 0, "Streams": []}),
            new,
        ),
        ("secretsmanager.CreateSecret", json!({"Name": "new", "SecretString": "x"}), new),
        ("secretsmanager.GetSecretValue", cam.clone(), new),
        ("secretsmanager.PutSecretValue", json!({"SecretId": "cam", "SecretString": "x"}), new),
        ("secretsmanager.DescribeSecret", cam.clone(), new),
        ("secretsmanager.ListSecrets", json!({}), new),
        (
            "secretsmanager.DeleteSecret",
            json!({"SecretId": "cam", "ForceDeleteWithoutRecovery": true}),
            new,
        ),
    ];
    for (address, input, expect) in calls {
        let answer = call(&server, &nobody, address, input).await;
        assert_eq!(answer.error(), (403, expect), "{address}: {:?}", answer.body);
        let body = answer.json();
        let message = body["Message"].as_str().or(body["message"].as_str()).unwrap();
        let form = "User: arn:aws:iam::000000000000:user/tester is not authorized to perform: ";
        assert!(message.starts_with(form) && message.contains(" on resource: "), "{message}");
    }
    // Nothing was done.
    let streams = server.call("/listStreams", json!({})).await.ok();
    assert_eq!(streams["StreamInfoList"].as_array().unwrap().len(), 1);
    assert_eq!(streams["StreamInfoList"][0]["Status"], "ACTIVE");
    assert_eq!(server.call("/listTagsForStream", gate).await.ok()["Tags"], json!({}));
    let value = call(&server, &root, "secretsmanager.GetSecretValue", cam).await.ok();
    assert_eq!(value["SecretString"], "s3cret");
    let secrets = server.secrets("ListSecrets", json!({})).await.ok();
    assert_eq!(secrets["SecretList"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn put_media_is_refused_before_its_body() {
    let mut server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    server.create_stream("yard", 1).await;
    server.credentials = key(&server, ALLOW_GATE).await;
    let request = server.put_media_request("yard", &[]);
    let (_body, response) = server.put_media_answer(request).await;
    assert_eq!(response.status(), 403);
    assert_eq!(response.headers()["x-amzn-errortype"], "NotAuthorizedException");
}

#[tokio::test]
async fn a_key_does_what_its_policy_allows() {
    let server = TestServer::start().await;
    let gate = key(&server, ALLOW_GATE).await;
    let create = |name| json!({"StreamName": name, "DataRetentionInHours": 1});
    call(&server, &gate, "/createStream", create("gate")).await.ok();
    call(&server, &gate, "/describeStream", json!({"StreamName": "gate"})).await.ok();
    let missing = call(&server, &gate, "/describeStream", json!({"StreamName": "yard"})).await;
    assert_eq!(missing.error(), (403, "NotAuthorizedException"));
    let answer = call(&server, &gate, "/createStream", create("yard")).await;
    assert_eq!(answer.error(), (403, "AccessDeniedException"));
    // AWS would deny the list; it shows what the key is allowed it on.
    server.create_stream("yard", 1).await;
    let list = call(&server, &gate, "/listStreams", json!({})).await.ok();
    assert_eq!(list["StreamInfoList"].as_array().unwrap().len(), 1);
    assert_eq!(list["StreamInfoList"][0]["StreamName"], "gate");
    let secrets = call(&server, &gate, "secretsmanager.ListSecrets", json!({})).await;
    assert_eq!(secrets.error(), (403, "AccessDeniedException"));
}

#[tokio::test]
async fn a_denied_caller_cannot_tell_what_exists() {
    let server = TestServer::start().await;
    let gate = key(&server, ALLOW_GATE).await;
    let yard = server.create_stream("yard", 1).await;
    let secret = server.secrets("CreateSecret", json!({"Name": "cam", "SecretString": "x"})).await;
    let secret = secret.ok()["ARN"].as_str().unwrap().to_owned();
    let check = async |address: &str, existing: (&str, String), missing: String| {
        let (member, existing) = existing;
        let told = async |name: &str| {
            let answer = call(&server, &gate, address, json!({member: name})).await;
            assert_eq!(answer.status, 403);
            String::from_utf8(answer.body.to_vec()).unwrap().replace(name, "NAME")
        };
        assert_eq!(told(&existing).await, told(&missing).await, "{address}");
    };
    check("/describeStream", ("StreamName", "yard".into()), "none".into()).await;
    check("/deleteStream", ("StreamARN", yard.clone()), yard.replace("yard", "none")).await;
    let (read, delete) = ("secretsmanager.GetSecretValue", "secretsmanager.DeleteSecret");
    for address in [read, delete, "secretsmanager.DescribeSecret"] {
        check(address, ("SecretId", "cam".into()), "none".into()).await;
        check(address, ("SecretId", secret.clone()), secret.replace("cam", "none")).await;
    }
}

#[tokio::test]
async fn the_secret_policies_of_the_guides_work() {
    let server = TestServer::start().await;
    let policy = r#"{"Statement": [{"Effect": "Allow", "Action": "secretsmanager:*",
        "Resource": "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-??????"}]}"#;
    let cam = key(&server, policy).await;
    let create = |name| json!({"Name": name, "SecretString": "x"});
    let target = "secretsmanager.CreateSecret";
    let arn = call(&server, &cam, target, create("cam")).await.ok()["ARN"].clone();
    for id in [json!("cam"), arn] {
        let input = json!({"SecretId": id});
        call(&server, &cam, "secretsmanager.GetSecretValue", input).await.ok();
    }
    assert_eq!(call(&server, &cam, target, create("camera")).await.status, 403);
    let input = json!({"SecretId": "cam", "ForceDeleteWithoutRecovery": true});
    call(&server, &cam, "secretsmanager.DeleteSecret", input).await.ok();
    let gone =
        call(&server, &cam, "secretsmanager.GetSecretValue", json!({"SecretId": "cam"})).await;
    assert_eq!(gone.error(), (400, "ResourceNotFoundException"));
}

#[tokio::test]
async fn a_revoked_key_is_unknown_at_once_and_the_last_root_key_stays() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let gate = key(&server, ALLOW_GATE).await;
    let session = session(&server, &gate, "").await;
    let input = json!({"StreamName": "gate"});
    call(&server, &gate, "/describeStream", input.clone()).await.ok();
    call(&server, &session, "/describeStream", input.clone()).await.ok();
    revoke(&server, &gate).await.unwrap();
    for credentials in [&gate, &session] {
        let answer = call(&server, credentials, "/describeStream", input.clone()).await;
        assert_eq!(answer.error(), (403, "UnrecognizedClientException"));
    }
    let again = revoke(&server, &gate).await.unwrap_err();
    assert!(matches!(again, AccessKeyError::AlreadyRevoked(_)), "{again}");
    let root = server.credentials.clone();
    let refused = revoke(&server, &root).await.unwrap_err();
    assert!(matches!(refused, AccessKeyError::LastRootKey(_)), "{refused}");
    let unknown = Credentials { access_key_id: "AKIANOBODY".into(), ..gate };
    let refused = revoke(&server, &unknown).await.unwrap_err();
    assert!(matches!(refused, AccessKeyError::Unknown(_)), "{refused}");

    let other_root = try_create(&server, NewPermissions::Root).await.unwrap();
    revoke(&server, &root).await.unwrap();
    call(&server, &other_root, "/listStreams", json!({})).await.ok();
    assert_eq!(call(&server, &root, "/listStreams", json!({})).await.status, 403);
}

#[tokio::test]
async fn a_bad_policy_a_bad_name_and_another_master_key_make_no_key() {
    let server = TestServer::start().await;
    let check = async |document: &str, name: &str, expect: &str| {
        let permissions = NewPermissions::Policy { document, name: Some(name) };
        let error = try_create(&server, permissions).await.unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    let condition = ALLOW_GATE.replace(
        r#""Effect""#,
        r#""Condition": {"Bool": {"aws:SecureTransport": "true"}}, "Effect""#,
    );
    check(&condition, "a", "the condition Bool on aws:SecureTransport is not supported").await;
    check(ALLOW_GATE, "a b", "must be 1 to 64").await;
    check(ALLOW_GATE, "", "must be 1 to 64").await;
    let folder = config(server.folder());
    let other = MasterKey::from_bytes([8; 32]);
    let made =
        create_access_key(&folder, &other, NewPermissions::Root, "me", server.clock.wall()).await;
    assert!(made.unwrap_err().to_string().contains("not the one"));
    let keys = vigie_server::list_access_keys(&folder).await.unwrap();
    assert_eq!(keys.len(), 1);
}

#[tokio::test]
async fn temporary_credentials_do_what_their_key_does_until_they_expire() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    let gate = key(&server, ALLOW_GATE).await;
    let session = session(&server, &gate, "&DurationSeconds=900").await;
    assert!(session.access_key_id.starts_with("ASIA"));
    let gate_input = json!({"StreamName": "gate"});
    call(&server, &session, "/describeStream", gate_input.clone()).await.ok();
    let denied = call(&server, &session, "/listAuditEvents", json!({})).await;
    assert_eq!(denied.error(), (403, "AccessDeniedException"));

    let (status, xml) = sts(&server, &session, "Action=GetSessionToken&Version=2011-06-15").await;
    assert_eq!((status, element(&xml, "Code")), (403, "AccessDenied"));
    let (status, xml) = sts(&server, &session, "Action=GetCallerIdentity&Version=2011-06-15").await;
    let arn = "arn:aws:iam::000000000000:user/tester";
    assert_eq!((status, element(&xml, "Arn")), (200, arn));
    assert_eq!(element(&xml, "Account"), "000000000000");

    let check = async |credentials: Credentials, expect: &str| {
        let answer = call(&server, &credentials, "/describeStream", gate_input.clone()).await;
        assert_eq!(answer.error(), (403, expect));
    };
    let unknown = "UnrecognizedClientException";
    check(Credentials { session_token: None, ..session.clone() }, unknown).await;
    let token = Some(Sensitive::new("AAAA"));
    check(Credentials { session_token: token, ..session.clone() }, unknown).await;
    let id = "ASIAAAAAAAAAAAAAAAAA".to_owned();
    check(Credentials { access_key_id: id, ..session.clone() }, unknown).await;
    check(Credentials { session_token: session.session_token.clone(), ..gate.clone() }, unknown)
        .await;
    let wrong = Sensitive::new("wrong");
    check(Credentials { secret_access_key: wrong, ..session.clone() }, "InvalidSignatureException")
        .await;

    // They hold across a restart, for they are nowhere stored, and end when they were to.
    let server = server.restart().await;
    call(&server, &session, "/describeStream", gate_input.clone()).await.ok();
    server.clock.advance(Duration::from_secs(901));
    let answer = call(&server, &session, "/describeStream", gate_input.clone()).await;
    assert_eq!(answer.error(), (403, "ExpiredTokenException"));
    assert_eq!(answer.json()["Message"], "The security token included in the request is expired");
    call(&server, &gate, "/describeStream", gate_input).await.ok();
}

#[tokio::test]
async fn sts_refuses_in_its_own_way() {
    let server = TestServer::start().await;
    let good = server.credentials.clone();
    let check = async |by: &Credentials, form: &str, expect: (u16, &str)| {
        let (status, xml) = sts(&server, by, form).await;
        assert_eq!((status, element(&xml, "Code")), expect, "{xml}");
        assert_eq!(element(&xml, "RequestId").len(), 36);
    };
    let headers = [("content-type", "application/x-www-form-urlencoded".to_owned())];
    let answer = post(&server, &good, "sts", &headers, "Action=x".to_owned()).await;
    assert_eq!(answer.headers["content-type"], "text/xml");
    assert!(!answer.headers.contains_key("x-amzn-errortype"), "{:?}", answer.headers);
    let form = "Action=GetSessionToken&Version=2011-06-15";
    let wrong = Credentials { secret_access_key: Sensitive::new("wrong"), ..good.clone() };
    check(&wrong, form, (403, "SignatureDoesNotMatch")).await;
    let unknown = Credentials { access_key_id: "AKIANOBODY".into(), ..good.clone() };
    check(&unknown, form, (403, "InvalidClientTokenId")).await;
    check(&good, "Action=AssumeRole&Version=2011-06-15", (400, "InvalidAction")).await;
    check(&good, &format!("{form}&DurationSeconds=1"), (400, "ValidationError")).await;
    let headers = [("content-type", "application/x-www-form-urlencoded".to_owned())];
    let answer = post(&server, &good, "kinesisvideo", &headers, form.to_owned()).await;
    assert_eq!(answer.status, 403, "signed for another service in {REGION}");
}
