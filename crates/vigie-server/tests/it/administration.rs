//! The extensions for those who run the server: access keys and the audit log over the wire.

#![allow(clippy::disallowed_methods, reason = "a test moves files away as others do")]

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use serde_json::{Value, json};
use vigie_kvs::Sensitive;
use vigie_kvs::sigv4::Credentials;
use vigie_server::auth::MasterKey;
use vigie_server::{NewPermissions, create_access_key, revoke_access_key};

use crate::common::{self, TestServer, collect, config};

const ROOT_ARN: &str = "arn:aws:iam::000000000000:root";

fn policy(action: &str, resource: &str) -> String {
    let statement = json!({ "Effect": "Allow", "Action": action, "Resource": resource });
    json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
}

fn credentials(made: &Value) -> Credentials {
    Credentials {
        access_key_id: made["AccessKeyId"].as_str().unwrap().to_owned(),
        secret_access_key: Sensitive::new(made["SecretAccessKey"].as_str().unwrap()),
        session_token: None,
    }
}

async fn create(server: &TestServer, by: &Credentials, input: Value) -> common::Answer {
    server.call_as(by, "/createAccessKey", input).await
}

async fn key(server: &TestServer, action: &str, resource: &str) -> Credentials {
    let input = json!({ "PolicyDocument": policy(action, resource), "UserName": "tester" });
    credentials(&create(server, &server.credentials, input).await.ok()["AccessKey"])
}

/// The newest event, which is of that action.
async fn newest_event(server: &TestServer, action: &str) -> Value {
    let page = server.call("/listAuditEvents", json!({ "MaxResults": 1 })).await.ok();
    assert_eq!(page["Events"][0]["Action"], action);
    page["Events"][0].clone()
}

async fn get_session_token(server: &TestServer, by: &Credentials) -> (u16, String) {
    let body = Bytes::from("Action=GetSessionToken&Version=2011-06-15");
    let headers = [("content-type", "application/x-www-form-urlencoded".to_owned())];
    let request = server.signed(by, "/", "sts", &headers, Some(&body), server.clock.wall());
    let answer = collect(server.send(request.map(|()| Full::new(body))).await).await;
    (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_key_is_made_listed_used_and_revoked() {
    let server = TestServer::start().await;
    let document = policy("kinesisvideo:CreateStream", "*");
    let input = json!({ "PolicyDocument": document, "UserName": "installer" });
    let made = create(&server, &server.credentials, input).await.ok()["AccessKey"].clone();
    let installer = credentials(&made);
    assert_eq!(made["PrincipalArn"], "arn:aws:iam::000000000000:user/installer");
    server.call_as(&installer, "/createStream", json!({ "StreamName": "a" })).await.ok();
    let denied = server.call_as(&installer, "/describeStream", json!({ "StreamName": "a" })).await;
    assert_eq!(denied.status, 403);

    let listed = server.call("/listAccessKeys", json!({})).await.ok();
    let keys = listed["AccessKeys"].as_array().unwrap();
    assert_eq!((keys.len(), keys[0]["Root"] == true, keys[1]["Root"] == true), (2, true, false));
    assert_eq!(keys[1]["AccessKeyId"], made["AccessKeyId"]);
    assert_eq!(keys[1]["PolicyDocument"], document);
    assert_eq!(keys[1]["CreationTime"], made["CreationTime"]);
    assert!(!listed.to_string().contains(installer.secret_access_key.expose()));

    let id = json!({ "AccessKeyId": made["AccessKeyId"] });
    server.call("/revokeAccessKey", id.clone()).await.ok();
    let refused = server.call_as(&installer, "/createStream", json!({ "StreamName": "b" })).await;
    assert_eq!(refused.error(), (403, "UnrecognizedClientException"));
    let listed = server.call("/listAccessKeys", json!({})).await.ok();
    assert!(listed["AccessKeys"][1]["RevocationTime"].is_number());
    let again = server.call("/revokeAccessKey", id).await;
    assert_eq!(again.error(), (400, "InvalidArgumentException"));
    let unknown = json!({ "AccessKeyId": "AKIAAAAAAAAAAAAAAAAA" });
    let unknown = server.call("/revokeAccessKey", unknown).await;
    assert_eq!(unknown.error(), (404, "ResourceNotFoundException"));
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_sound_key_is_refused_with_words() {
    let server = TestServer::start().await;
    let check = async |input: Value, expect: &str| {
        let answer = create(&server, &server.credentials, input).await;
        assert_eq!(answer.error(), (400, "InvalidArgumentException"));
        let message = answer.json()["Message"].as_str().unwrap().to_owned();
        assert!(message.contains(expect), "{message}");
    };
    let document = policy("*", "*");
    check(json!({}), "PolicyDocument, or Root true").await;
    check(json!({ "PolicyDocument": document, "Root": true }), "exclude each other").await;
    check(json!({ "PolicyDocument": "{" }), "the policy is refused").await;
    check(json!({ "PolicyDocument": document, "UserName": "a b" }), "UserName").await;
    let condition =
        document.replace("\"Effect\"", "\"Condition\": {\"Bool\": {\"a\": \"b\"}}, \"Effect\"");
    check(json!({ "PolicyDocument": condition }), "the policy is refused").await;
    let root = json!({ "AccessKeyId": server.credentials.access_key_id });
    let last = server.call("/revokeAccessKey", root).await;
    assert_eq!(last.error(), (400, "InvalidArgumentException"));
    assert!(last.json()["Message"].as_str().unwrap().contains("last root key"));
    let keys = server.call("/listAccessKeys", json!({})).await.ok();
    assert_eq!(keys["AccessKeys"].as_array().unwrap().len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn only_those_whom_a_policy_allows_may_and_root_keys_stay_among_themselves() {
    let server = TestServer::start().await;
    let root_id = server.credentials.access_key_id.clone();
    let nobody = key(&server, "kinesisvideo:ListStreams", "*").await;
    for (path, input) in [
        ("/createAccessKey", json!({ "PolicyDocument": policy("*", "*") })),
        ("/listAccessKeys", json!({})),
        ("/revokeAccessKey", json!({ "AccessKeyId": root_id })),
        ("/listAuditEvents", json!({})),
    ] {
        let denied = server.call_as(&nobody, path, input).await;
        assert_eq!(denied.error(), (403, "AccessDeniedException"), "{path}");
    }
    let deputy = key(&server, "kinesisvideo:*AccessKey*", "*").await;
    let input = json!({ "PolicyDocument": policy("kinesisvideo:ListStreams", "*") });
    let made = create(&server, &deputy, input).await.ok()["AccessKey"]["AccessKeyId"].clone();
    server.call_as(&deputy, "/listAccessKeys", json!({})).await.ok();
    server.call_as(&deputy, "/revokeAccessKey", json!({ "AccessKeyId": made })).await.ok();
    // A second root key, so that the first is not the last.
    let other = create(&server, &server.credentials, json!({ "Root": true })).await.ok();
    let refused = create(&server, &deputy, json!({ "Root": true })).await;
    assert_eq!(refused.error(), (403, "AccessDeniedException"));
    let root = json!({ "AccessKeyId": root_id });
    let refused = server.call_as(&deputy, "/revokeAccessKey", root.clone()).await;
    assert_eq!(refused.error(), (403, "AccessDeniedException"));
    let other = credentials(&other["AccessKey"]);
    server.call_as(&other, "/revokeAccessKey", root).await.ok();

    let one = key_arn_of(&other);
    let over_one = json!({ "PolicyDocument": policy("kinesisvideo:RevokeAccessKey", &one) });
    let over_one = create(&server, &other, over_one).await.ok();
    let over_one = credentials(&over_one["AccessKey"]);
    let elsewhere = json!({ "AccessKeyId": deputy.access_key_id });
    let denied = server.call_as(&over_one, "/revokeAccessKey", elsewhere).await;
    assert_eq!(denied.error(), (403, "AccessDeniedException"));
    server.stop().await;
}

fn key_arn_of(credentials: &Credentials) -> String {
    format!("arn:aws:iam::000000000000:access-key/{}", credentials.access_key_id)
}

#[tokio::test]
async fn a_session_makes_no_key_that_outlives_it() {
    let server = TestServer::start().await;
    let (status, xml) = get_session_token(&server, &server.credentials).await;
    assert_eq!(status, 200);
    let element = |name: &str| {
        let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap();
        rest.split_once(&format!("</{name}>")).unwrap().0.to_owned()
    };
    let session = Credentials {
        access_key_id: element("AccessKeyId"),
        secret_access_key: Sensitive::new(element("SecretAccessKey")),
        session_token: Some(Sensitive::new(element("SessionToken"))),
    };
    server.call_as(&session, "/listAccessKeys", json!({})).await.ok();
    let refused = create(&server, &session, json!({ "Root": true })).await;
    assert_eq!(refused.error(), (403, "AccessDeniedException"));
    server.stop().await;
}

#[tokio::test]
async fn keys_are_listed_in_pages() {
    let server = TestServer::start().await;
    for _ in 0..6 {
        key(&server, "kinesisvideo:ListStreams", "*").await;
    }
    let all = server.call("/listAccessKeys", json!({})).await.ok()["AccessKeys"].clone();
    let (mut walked, mut input) = (Vec::new(), json!({ "MaxResults": 3 }));
    loop {
        let page = server.call("/listAccessKeys", input.clone()).await.ok();
        walked.extend(page["AccessKeys"].as_array().unwrap().clone());
        match page.get("NextToken") {
            Some(token) => input["NextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!((walked.len(), json!(walked)), (7, all));
    let wrong = server.call("/listAccessKeys", json!({ "NextToken": "none" })).await;
    assert_eq!(wrong.error(), (400, "InvalidArgumentException"));
    server.stop().await;
}

#[tokio::test]
async fn the_audit_log_is_there_without_being_asked_for_and_is_read_newest_first() {
    let server = TestServer::start().await;
    for n in 0..5 {
        server.create_stream(&format!("stream-{n}"), 1).await;
    }
    let refused = server.call("/deleteStream", json!({ "StreamARN": "none" })).await;
    let request_id = refused.headers["x-amzn-requestid"].to_str().unwrap().to_owned();
    let newest = newest_event(&server, "kinesisvideo:DeleteStream").await;
    assert_eq!((&newest["RequestId"], &newest["StatusCode"]), (&json!(request_id), &json!(400)));
    assert_eq!(newest["ErrorCode"], "InvalidArgumentException");
    assert_eq!(newest["PrincipalArn"], ROOT_ARN);
    assert_eq!(newest["AccessKeyId"], server.credentials.access_key_id.as_str());
    assert!(newest["RemoteAddress"].as_str().unwrap().starts_with("127.0.0.1:"));
    let seconds = newest["EventTime"].as_f64().unwrap();
    assert!((seconds - server.clock.wall().as_seconds_f64()).abs() < 60.0);

    let (mut walked, mut input) = (Vec::new(), json!({ "MaxResults": 2 }));
    loop {
        let page = server.call("/listAuditEvents", input.clone()).await.ok();
        walked.extend(page["Events"].as_array().unwrap().clone());
        match page.get("NextToken") {
            Some(token) => input["NextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(walked.pop().unwrap()["Action"], "vigie:CreateRootKey");
    let resources: Vec<_> = walked[1..].iter().map(|event| event["Resource"].clone()).collect();
    let named =
        |n| json!(format!("arn:aws:kinesisvideo:us-east-1:000000000000:stream/stream-{n}/*"));
    assert_eq!(resources, (0..5).rev().map(named).collect::<Vec<_>>());
    // No token at all, one of another engine, and one as it was when it told of inodes.
    let tokens = ["none", "\"table-7\"", r#"{"device":1,"inode":2,"end":3}"#];
    for token in tokens.map(|json| STANDARD.encode(json)) {
        let wrong = server.call("/listAuditEvents", json!({ "NextToken": token })).await;
        assert_eq!(wrong.error(), (400, "InvalidArgumentException"));
        let message = wrong.json()["Message"].as_str().unwrap().to_owned();
        assert!(message.starts_with("NextToken did not come from an earlier page"), "{message}");
    }
    server.stop().await;
}

#[tokio::test]
async fn an_audit_log_that_cannot_be_read_again_is_said() {
    let null = Some("/dev/null".into());
    let server = TestServer::start_configured(|config| config.audit_log = null).await;
    let answer = server.call("/listAuditEvents", json!({})).await;
    assert_eq!(answer.error(), (400, "InvalidArgumentException"));
    server.stop().await;
}

#[tokio::test]
async fn temporary_credentials_and_keys_stand_in_the_audit_log() {
    let server = TestServer::start().await;
    let deputy = key(&server, "kinesisvideo:ListStreams", "*").await;
    let event = newest_event(&server, "kinesisvideo:CreateAccessKey").await;
    assert_eq!(
        (&event["Resource"], &event["StatusCode"]),
        (&json!(key_arn_of(&deputy)), &json!(200))
    );
    server.call("/revokeAccessKey", json!({ "AccessKeyId": deputy.access_key_id })).await.ok();
    let event = newest_event(&server, "kinesisvideo:RevokeAccessKey").await;
    assert_eq!(event["Resource"], key_arn_of(&deputy));

    let (_, xml) = get_session_token(&server, &server.credentials).await;
    let event = newest_event(&server, "sts:GetSessionToken").await;
    let (_, id) = event["Resource"].as_str().unwrap().rsplit_once('/').unwrap();
    assert!(id.starts_with("ASIA") && xml.contains(id), "{event}");
    assert_eq!((&event["StatusCode"], event.get("ErrorCode")), (&json!(200), None));
    assert!(xml.contains(event["RequestId"].as_str().unwrap()));
    let token = xml.split_once("<SessionToken>").unwrap().1.split_once('<').unwrap().0;
    let (folder, _) = server.stop().await;
    let lines = std::fs::read_to_string(config(folder.path()).audit_log_path()).unwrap();
    assert!(!lines.contains(token));
}

#[tokio::test]
async fn commands_at_the_machine_stand_in_the_same_file_wherever_it_is() {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = elsewhere.path().join("audit.jsonl");
    let chosen = Some(path.clone());
    let server = TestServer::start_configured(|config| config.audit_log = chosen).await;
    // The command is not told where the server writes.
    let config = config(server.folder());
    let (key, now) = (MasterKey::from_bytes([7; 32]), server.clock.wall());
    let operator = "local:uid/1000";
    let (made, _) =
        create_access_key(&config, &key, NewPermissions::Root, operator, now).await.unwrap();
    let event = newest_event(&server, "kinesisvideo:CreateAccessKey").await;
    let resource = format!("arn:aws:iam::000000000000:access-key/{}", made.access_key_id);
    assert_eq!(
        event,
        json!({ "EventTime": event["EventTime"], "PrincipalArn": operator, "StatusCode": 200,
            "Action": "kinesisvideo:CreateAccessKey", "Resource": resource })
    );
    revoke_access_key(&config, &made.access_key_id, operator, now).await.unwrap();
    let event = newest_event(&server, "kinesisvideo:RevokeAccessKey").await;
    assert_eq!((&event["Resource"], &event["StatusCode"]), (&json!(resource), &json!(200)));
    revoke_access_key(&config, "AKIANOBODY", operator, now).await.unwrap_err();
    let refused = newest_event(&server, "kinesisvideo:RevokeAccessKey").await;
    assert_eq!(refused["ErrorCode"], "ResourceNotFoundException");
    assert_eq!(refused.get("Resource"), None);

    // Where the line could not be written, nothing is done.
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let refused = create_access_key(&config, &key, NewPermissions::Root, operator, now).await;
    assert!(refused.unwrap_err().to_string().contains("nothing has been changed"));
    let keys = vigie_server::list_access_keys(&config).await.unwrap();
    assert_eq!(keys.len(), 2);
    server.stop().await;
}

#[tokio::test]
async fn the_audit_log_goes_on_in_a_new_file_when_the_old_one_is_moved_away() {
    let server = TestServer::start().await;
    server.create_stream("one", 1).await;
    newest_event(&server, "kinesisvideo:CreateStream").await;
    let path = config(server.folder()).audit_log_path();
    let moved = server.folder().join("moved-by-logrotate");
    std::fs::rename(&path, &moved).unwrap();
    server.create_stream("two", 1).await;
    let folder = Arc::clone(&server.stop().await.0);
    let count = |path| std::fs::read_to_string(path).unwrap().lines().count();
    // The first one has the root key of the first start as well.
    assert_eq!((count(&moved), count(&path)), (2, 1));
    drop(folder);
}
