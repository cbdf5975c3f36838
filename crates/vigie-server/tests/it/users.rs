//! People who sign in with a password: what their roles allow, how their sessions end, and who may make them.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};
use vigie_kvs::Sensitive;
use vigie_kvs::iam::StreamScope;
use vigie_kvs::shapes::users::Role;
use vigie_kvs::sigv4::Credentials;
use vigie_server::auth::hash_password;
use vigie_server::{NewUser, UserChange, create_user, remove_user, update_user};

use crate::common::keys::{element, key, session, sts};
use crate::common::{Answer, HUB, TestServer, collect, config, media, send_to, soon};

const PASSWORD: &str = "correct horse";

pub(crate) fn scope_of(names: &[&str]) -> StreamScope {
    StreamScope::Names(names.iter().map(|name| (*name).to_owned()).collect())
}

fn tag(value: &str) -> StreamScope {
    StreamScope::Tag { key: "Site".into(), value: value.into() }
}

/// Makes a user as the command line does.
pub(crate) async fn user(server: &TestServer, name: &str, role: Role, scope: StreamScope) {
    let password_hash = hash_password(&Sensitive::new(PASSWORD)).unwrap();
    let new = NewUser { name: name.into(), password_hash, role, scope };
    let (config, now) = (config(server.folder()), server.clock.wall());
    create_user(&config, new, "local:uid/1", now).await.unwrap();
}

pub(crate) async fn change(server: &TestServer, name: &str, change: UserChange) {
    let (config, now) = (config(server.folder()), server.clock.wall());
    update_user(&config, name, change, "local:uid/1", now).await.unwrap();
}

async fn try_sign_in(server: &TestServer, name: &str, password: &str) -> Answer {
    sign_in_with(server, json!({"UserName": name, "Password": password}), &[]).await
}

async fn sign_in_with(server: &TestServer, input: Value, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::post("/console/sign-in").header("host", server.host());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::new(Bytes::from(input.to_string()));
    collect(server.send(request.body(body).unwrap()).await).await
}

fn credentials(answer: &Answer) -> Credentials {
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let given = answer.json();
    let text = |name: &str| given[name].as_str().unwrap().to_owned();
    Credentials {
        access_key_id: text("AccessKeyId"),
        secret_access_key: Sensitive::new(text("SecretAccessKey")),
        session_token: Some(Sensitive::new(text("SessionToken"))),
    }
}

pub(crate) async fn sign_in(server: &TestServer, name: &str) -> Credentials {
    credentials(&try_sign_in(server, name, PASSWORD).await)
}

async fn streams_of(server: &TestServer, by: &Credentials, input: Value) -> (Vec<String>, Value) {
    let page = server.call_as(by, "/listStreams", input).await.ok();
    let infos = page["StreamInfoList"].as_array().unwrap();
    let names = infos.iter().map(|info| info["StreamName"].as_str().unwrap().to_owned());
    (names.collect(), page["NextToken"].clone())
}

/// The lines of the audit log about an action.
pub(crate) async fn audit(server: &TestServer, action: &str) -> Vec<Value> {
    let page = server.call("/listAuditEvents", json!({})).await.ok();
    let mut events = page["Events"].as_array().unwrap().clone();
    events.retain(|event| event["Action"] == action);
    events
}

async fn configure(server: &TestServer, stream: &str) {
    let edge = json!({"StreamName": stream, "EdgeConfig": {"HubDeviceArn": HUB, "RecorderConfig":
        {"MediaSourceConfig": {"MediaUriSecretArn":
        "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-123456", "MediaUriType": "RTSP_URI"}}}});
    server.call("/startEdgeConfigurationUpdate", edge).await.ok();
}

#[tokio::test]
async fn a_viewer_looks_at_all_streams_and_changes_nothing() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    user(&server, "Ada", Role::Viewer, StreamScope::All).await;
    let answer = try_sign_in(&server, "ada", PASSWORD).await;
    let given = answer.json();
    assert_eq!(given["SignedInAs"], "Ada");
    assert_eq!((&given["Role"], &given["Streams"]), (&json!("VIEWER"), &json!("ALL")));
    let ada = credentials(&answer);
    assert_eq!(streams_of(&server, &ada, json!({})).await.0, ["gate"]);
    let gate = json!({"StreamName": "gate"});
    server.call_as(&ada, "/describeStream", gate.clone()).await.ok();
    let (status, xml) = sts(&server, &ada, "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!(status, 200);
    assert_eq!(element(&xml, "Arn"), "arn:aws:iam::000000000000:user/Ada");
    assert!(element(&xml, "UserId").starts_with("AIDA"));
    for (path, input) in [
        (
            "/deleteStream",
            json!({"StreamARN": "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/1"}),
        ),
        ("/tagStream", json!({"StreamName": "gate", "Tags": {"a": "b"}})),
        ("/createAccessKey", json!({"Root": true})),
        ("/createUser", json!({"UserName": "eve", "Password": PASSWORD, "Role": "ADMINISTRATOR"})),
        ("/listUsers", json!({})),
        ("/listAuditEvents", json!({})),
    ] {
        assert_eq!(server.call_as(&ada, path, input).await.status, 403, "{path}");
    }
    // Of what was more than its role, the audit log says who reached for it.
    for action in ["kinesisvideo:TagStream", "kinesisvideo:CreateUser"] {
        let refused = &audit(&server, action).await[0];
        assert_eq!(refused["PrincipalArn"], "arn:aws:iam::000000000000:user/Ada", "{refused}");
        assert_eq!(refused["StatusCode"], 403);
    }
    let signed_in = &audit(&server, "vigie:PasswordSignIn").await[0];
    assert_eq!(signed_in["PrincipalArn"], "arn:aws:iam::000000000000:user/Ada");
    let users = server.call("/listUsers", json!({})).await.ok();
    let signed_in_at = &users["Users"][0]["LastSignInTime"];
    assert!(signed_in_at.as_f64() >= users["Users"][0]["CreationTime"].as_f64(), "{users}");
}

#[tokio::test]
async fn a_guard_sees_two_streams_and_hears_of_no_other() {
    let server = TestServer::start().await;
    for name in ["attic", "dock-1", "gate", "yard"] {
        server.create_stream(name, 24).await;
    }
    for name in ["gate", "yard"] {
        configure(&server, name).await;
    }
    user(&server, "guard", Role::Viewer, scope_of(&["gate", "dock-*"])).await;
    let guard = sign_in(&server, "guard").await;
    assert_eq!(streams_of(&server, &guard, json!({})).await.0, ["dock-1", "gate"]);
    let (first, next) = streams_of(&server, &guard, json!({"MaxResults": 1})).await;
    assert_eq!(first, ["dock-1"]);
    let (second, next) =
        streams_of(&server, &guard, json!({"MaxResults": 1, "NextToken": next})).await;
    assert_eq!((second, next), (vec!["gate".to_owned()], Value::Null));
    // What is there and what is not sound alike.
    let denied = async |name: &str| {
        let answer = server.call_as(&guard, "/describeStream", json!({"StreamName": name})).await;
        assert_eq!(answer.error(), (403, "NotAuthorizedException"));
        String::from_utf8(answer.body.to_vec()).unwrap().replace(name, "NAME")
    };
    assert_eq!(denied("yard").await, denied("cellar").await);

    let hubs = server.call_as(&guard, "/listHubs", json!({})).await.ok();
    assert_eq!(hubs["Hubs"][0]["StreamCount"], 1, "{hubs}");
    let hub = json!({"HubDeviceArn": HUB});
    let described = server.call_as(&guard, "/describeHub", hub.clone()).await.ok();
    assert_eq!(described["Streams"].as_array().unwrap().len(), 1);
    assert_eq!(described["Streams"][0]["StreamName"], "gate");
    let configured = server.call_as(&guard, "/listEdgeAgentConfigurations", hub.clone()).await.ok();
    assert_eq!(configured["EdgeConfigs"].as_array().unwrap().len(), 1);
    let other = HUB.replace("hub-1", "hub-2");
    let answer = server.call_as(&guard, "/describeHub", json!({"HubDeviceArn": other})).await;
    assert_eq!(answer.error(), (403, "AccessDeniedException"));

    user(&server, "attendant", Role::Operator, scope_of(&["attic"])).await;
    let attendant = sign_in(&server, "attendant").await;
    assert_eq!(server.call_as(&attendant, "/describeHub", hub).await.status, 403);
    let hubs = server.call_as(&attendant, "/listHubs", json!({})).await.ok();
    assert_eq!(hubs["Hubs"], json!([]));
    let edge = json!({"StreamName": "attic", "EdgeConfig": {"HubDeviceArn": HUB, "RecorderConfig":
        {"MediaSourceConfig": {"MediaUriSecretArn":
        "arn:aws:secretsmanager:us-east-1:000000000000:secret:cam-123456", "MediaUriType": "RTSP_URI"}}}});
    let answer = server.call_as(&attendant, "/startEdgeConfigurationUpdate", edge).await;
    assert_eq!(answer.error(), (403, "AccessDeniedException"));
    let tags = json!({"StreamName": "attic", "Tags": {"a": "b"}});
    server.call_as(&attendant, "/tagStream", tags).await.ok();
}

#[tokio::test]
async fn a_tag_chooses_the_streams_of_a_role_as_it_stands_at_the_call() {
    let server = TestServer::start().await;
    for name in ["gate", "yard"] {
        server.create_stream(name, 24).await;
    }
    let set = async |name: &str, value: &str| {
        let input = json!({"StreamName": name, "Tags": {"Site": value}});
        server.call("/tagStream", input).await.ok();
    };
    set("gate", "north").await;
    user(&server, "Bea", Role::Operator, tag("north")).await;
    let bea = sign_in(&server, "bea").await;
    assert_eq!(streams_of(&server, &bea, json!({})).await.0, ["gate"]);
    let describe = async |name: &str| {
        server.call_as(&bea, "/describeStream", json!({"StreamName": name})).await.status
    };
    assert_eq!((describe("gate").await, describe("yard").await), (200, 403));
    for (path, more) in [
        ("/tagStream", json!({"Tags": {"Site": "north"}})),
        ("/untagStream", json!({"TagKeyList": ["Site"]})),
    ] {
        for name in ["gate", "yard"] {
            let mut input = more.clone();
            input["StreamName"] = json!(name);
            assert_eq!(server.call_as(&bea, path, input).await.status, 403, "{path} {name}");
        }
    }
    let input = json!({"StreamName": "new", "Tags": {"Site": "north"}});
    assert_eq!(server.call_as(&bea, "/createStream", input).await.status, 403);
    set("yard", "north").await;
    set("gate", "south").await;
    assert_eq!((describe("gate").await, describe("yard").await), (403, 200));
    assert_eq!(streams_of(&server, &bea, json!({})).await.0, ["yard"]);
}

#[tokio::test]
async fn what_was_given_to_a_user_ends_with_its_sessions() {
    let server = TestServer::start().await;
    let config = config(server.folder());
    let holds = async |credentials: &Credentials| {
        let answer = server.call_as(credentials, "/listStreams", json!({})).await;
        answer.status == 200 || {
            assert_eq!(answer.error(), (403, "UnrecognizedClientException"));
            false
        }
    };
    user(&server, "ada", Role::Viewer, StreamScope::All).await;
    let hash = hash_password(&Sensitive::new(PASSWORD)).unwrap();
    let changes = [
        UserChange::default(),
        UserChange { password_hash: Some(hash), ..UserChange::default() },
        UserChange { role: Some((Role::Viewer, scope_of(&["gate"]))), ..UserChange::default() },
    ];
    for one in changes {
        let stolen = sign_in(&server, "ada").await;
        assert!(holds(&stolen).await);
        change(&server, "ada", one.clone()).await;
        assert!(!holds(&stolen).await, "{one:?}");
    }
    let stolen = sign_in(&server, "ada").await;
    let disabled = UserChange { is_disabled: Some(true), ..UserChange::default() };
    change(&server, "ada", disabled).await;
    assert!(!holds(&stolen).await);
    assert_eq!(try_sign_in(&server, "ada", PASSWORD).await.status, 403);
    let enabled = UserChange { is_disabled: Some(false), ..UserChange::default() };
    change(&server, "ada", enabled).await;
    assert!(!holds(&stolen).await, "to be enabled brings no session back");
    let stolen = sign_in(&server, "ada").await;
    remove_user(&config, "ada", "local:uid/1", server.clock.wall()).await.unwrap();
    assert!(!holds(&stolen).await);
    user(&server, "ada", Role::Viewer, StreamScope::All).await;
    assert!(!holds(&stolen).await, "another user of the same name is another");
    // Sessions end by themselves as well, and are not renewed.
    let ada = sign_in(&server, "ada").await;
    let (status, _) = sts(&server, &ada, "Action=GetSessionToken&Version=2011-06-15").await;
    assert_eq!(status, 403);
    server.clock.advance(Duration::from_secs(12 * 3600));
    let answer = server.call_as(&ada, "/listStreams", json!({})).await;
    assert_eq!(answer.error(), (403, "ExpiredTokenException"));
    // The audit log says that a token was used that holds no more.
    let refused = audit(&server, "kinesisvideo:ListStreams").await;
    assert!(refused.iter().any(|line| line["PrincipalArn"] == "unproven"), "{refused:?}");
}

#[tokio::test]
async fn guessing_is_slowed_down_and_said_and_keeps_nobody_else_out() {
    let server = TestServer::start().await;
    for name in ["ada", "bea"] {
        user(&server, name, Role::Viewer, StreamScope::All).await;
    }
    let text = |answer: &Answer| String::from_utf8(answer.body.to_vec()).unwrap();
    let wrong = try_sign_in(&server, "ada", "wrong password").await;
    let nobody = try_sign_in(&server, "nobody", PASSWORD).await;
    assert_eq!((wrong.status, nobody.status), (403, 403));
    assert_eq!(text(&wrong), text(&nobody));
    for _ in 0..4 {
        assert_eq!(try_sign_in(&server, "ada", "wrong password").await.status, 403);
    }
    let refused = try_sign_in(&server, "ada", PASSWORD).await;
    assert_eq!(refused.status, 429, "{}", text(&refused));
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(try_sign_in(&server, "bea", PASSWORD).await.status, 200);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(try_sign_in(&server, "ada", PASSWORD).await.status, 200);
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(try_sign_in(&server, "ada", "wrong password").await.status, 403);
    let lines = audit(&server, "vigie:PasswordSignIn").await;
    let refused: Vec<_> = lines.iter().filter(|line| line["PrincipalArn"] == "unproven").collect();
    assert_eq!(refused.len(), 2, "a minute of an address is a line: {refused:?}");
    assert_eq!(refused[1]["Count"], 1);
    assert_eq!(refused[1]["Resource"], "arn:aws:iam::000000000000:user/ada");
    assert_eq!(refused[0]["Count"], 7);
    for line in lines {
        assert!(!line.to_string().contains("nobody"), "what is no user is not repeated: {line}");
    }
}

#[tokio::test]
async fn what_is_no_sign_in_is_refused_with_words() {
    let server = TestServer::start().await;
    user(&server, "ada", Role::Viewer, StreamScope::All).await;
    let check = async |input: Value, headers: &[(&str, &str)], status: u16, expect: &str| {
        let answer = sign_in_with(&server, input, headers).await;
        let text = String::from_utf8(answer.body.to_vec()).unwrap();
        assert!(answer.status == status && text.contains(expect), "{}: {text}", answer.status);
    };
    let right = json!({"UserName": "ada", "Password": PASSWORD});
    check(json!({"UserName": "ada"}), &[], 400, "the request is neither").await;
    check(json!([1]), &[], 400, "the request is neither").await;
    check(json!({"UserName": "x".repeat(65), "Password": "x"}), &[], 400, "at most 64").await;
    check(json!({"UserName": "x", "Password": "x".repeat(1025)}), &[], 400, "at most 1024").await;
    check(json!({"Code": "x"}), &[], 403, "This link was used already").await;
    let cross = [("sec-fetch-site", "cross-site")];
    check(right.clone(), &cross, 403, "Only the console's own page").await;
    check(right, &[("sec-fetch-site", "same-origin")], 200, "SessionToken").await;
}

#[tokio::test]
async fn nobody_grants_what_it_does_not_have() {
    let server = TestServer::start().await;
    user(&server, "boss", Role::Administrator, StreamScope::All).await;
    user(&server, "Op", Role::Operator, StreamScope::All).await;
    let (boss, operator) = (sign_in(&server, "boss").await, sign_in(&server, "op").await);
    let create = |name: &str, more: Value| {
        let mut input = json!({"UserName": name, "Password": "another horse", "Role": "VIEWER"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input
    };
    let again = json!({"CurrentPassword": PASSWORD});
    let denied = async |by: &Credentials, path: &str, input: Value, expect: &str| {
        let answer = server.call_as(by, path, input).await;
        assert_eq!(answer.error(), (403, "AccessDeniedException"), "{path} {:?}", answer.body);
        assert!(answer.json()["Message"].as_str().unwrap().contains(expect), "{:?}", answer.body);
    };
    denied(&operator, "/createUser", create("eve", again.clone()), "not authorized").await;
    // A key is no administrator, whatever its policy says.
    let all = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let everything = key(&server, all).await;
    denied(&everything, "/createUser", create("eve", json!({})), "only a root key or an admin")
        .await;
    denied(&everything, "/listUsers", json!({}), "only a root key or an administrator").await;
    // Whoever has a session only shows that it has the password.
    denied(&boss, "/createUser", create("eve", json!({})), "give CurrentPassword").await;
    let wrong = json!({"CurrentPassword": "wrong password"});
    denied(&boss, "/createUser", create("eve", wrong), "CurrentPassword is wrong").await;
    let policy = json!({"PolicyDocument": all, "CurrentPassword": PASSWORD});
    denied(&boss, "/createAccessKey", json!({"PolicyDocument": all}), "give CurrentPassword").await;
    denied(
        &boss,
        "/createAccessKey",
        json!({"Root": true, "CurrentPassword": PASSWORD}),
        "only a root key",
    )
    .await;
    denied(&operator, "/createAccessKey", policy.clone(), "not authorized").await;
    let of_root = session(&server, &server.credentials, "").await;
    denied(&of_root, "/createUser", create("eve", json!({})), "with session credentials").await;

    server.call_as(&boss, "/createAccessKey", policy).await.ok();
    let made = server.call_as(&boss, "/createUser", create("Cy", again.clone())).await.ok();
    assert_eq!(made["User"]["Arn"], "arn:aws:iam::000000000000:user/Cy");
    server.call("/createUser", create("dora", json!({"StreamNames": ["gate"]}))).await.ok();
    let refuse = async |path: &str, input: Value, status: u16, expect: &str| {
        let answer = server.call(path, input).await;
        let message = answer.json()["Message"].as_str().unwrap().to_owned();
        assert!(
            answer.status == status && message.contains(expect),
            "{}: {message}",
            answer.status
        );
    };
    refuse("/createUser", create("CY", json!({})), 400, "there is a user CY already").await;
    let limited = json!({"Role": "ADMINISTRATOR", "StreamNames": ["gate"]});
    refuse("/createUser", create("eve", limited), 400, "is not limited").await;
    refuse("/createUser", create("eve", json!({"Password": "short"})), 400, "at least 10").await;
    refuse("/updateUser", json!({"UserName": "cy"}), 400, "say what is to change").await;
    refuse("/updateUser", json!({"UserName": "no", "Disabled": true}), 404, "no user no").await;
    refuse("/deleteUser", json!({"UserName": "no"}), 404, "no user no").await;
    refuse("/signOutUser", json!({"UserName": "no"}), 404, "no user no").await;

    let page = server.call_as(&boss, "/listUsers", json!({"MaxResults": 3})).await.ok();
    let names: Vec<_> =
        page["Users"].as_array().unwrap().iter().map(|it| &it["UserName"]).collect();
    assert_eq!(names, ["boss", "Cy", "dora"]);
    assert!(!page.to_string().contains("argon2"));
    let next = json!({"NextToken": page["NextToken"]});
    let page = server.call_as(&boss, "/listUsers", next).await.ok();
    assert_eq!(page["Users"][0]["UserName"], "Op");

    let update = json!({"UserName": "op", "Role": "VIEWER", "StreamTag": {"TagKey": "Site", "TagValue": "n"}, "CurrentPassword": PASSWORD});
    let updated = server.call_as(&boss, "/updateUser", update).await.ok();
    assert_eq!(updated["User"]["StreamTag"], json!({"TagKey": "Site", "TagValue": "n"}));
    assert_eq!(server.call_as(&operator, "/listStreams", json!({})).await.status, 403);
    let cy = credentials(&try_sign_in(&server, "cy", "another horse").await);
    server.call_as(&boss, "/signOutUser", json!({"UserName": "cy"})).await.ok();
    assert_eq!(server.call_as(&cy, "/listStreams", json!({})).await.status, 403);
    server.call_as(&boss, "/deleteUser", json!({"UserName": "Cy"})).await.ok();
    assert_eq!(try_sign_in(&server, "cy", "another horse").await.status, 403);
    let lines = audit(&server, "kinesisvideo:DeleteUser").await;
    assert_eq!(lines[0]["Resource"], "arn:aws:iam::000000000000:user/Cy");
    assert_eq!(lines[0]["PrincipalArn"], "arn:aws:iam::000000000000:user/boss");
    let written = std::fs::read_to_string(server.folder().join("data/audit.jsonl")).unwrap();
    assert!(!written.contains(PASSWORD) && !written.contains("another horse"));
}

#[tokio::test]
async fn a_user_changes_its_own_password() {
    let server = TestServer::start().await;
    user(&server, "ada", Role::Viewer, StreamScope::All).await;
    let ada = sign_in(&server, "ada").await;
    let call = async |by: &Credentials, old: &str, new: &str| {
        let input = json!({"CurrentPassword": old, "Password": new});
        server.call_as(by, "/changePassword", input).await
    };
    let answer = call(&server.credentials, PASSWORD, "another horse").await;
    assert_eq!(answer.error(), (403, "AccessDeniedException"));
    assert_eq!(call(&ada, "wrong password", "another horse").await.status, 403);
    assert_eq!(call(&ada, PASSWORD, "short").await.status, 400);
    call(&ada, PASSWORD, "another horse").await.ok();
    assert_eq!(server.call_as(&ada, "/listStreams", json!({})).await.status, 403);
    assert_eq!(try_sign_in(&server, "ada", PASSWORD).await.status, 403);
    assert_eq!(try_sign_in(&server, "ada", "another horse").await.status, 200);
    let lines = audit(&server, "kinesisvideo:ChangePassword").await;
    let statuses: Vec<_> = lines.iter().map(|line| line["StatusCode"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 400, 403, 403]);
    assert_eq!(lines[0]["Resource"], "arn:aws:iam::000000000000:user/ada");
}

#[tokio::test]
async fn what_a_user_reads_ends_with_its_sessions_within_seconds() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    let producer = server.put_media("gate").await;
    producer.send(media::header()).await;
    producer.send(media::fragment(1_000, 1)).await;
    producer.send(media::end_of_fragment()).await;
    user(&server, "ada", Role::Viewer, StreamScope::All).await;
    let ada = sign_in(&server, "ada").await;
    let input = json!({"StreamName": "gate", "StartSelector": {"StartSelectorType": "EARLIEST"}});
    let reading = tokio::spawn({
        let body = Bytes::from(input.to_string());
        let headers = [("content-type", "application/json".to_owned())];
        let now = server.clock.wall();
        let request = server.signed(&ada, "/getMedia", "kinesisvideo", &headers, Some(&body), now);
        let address = server.address;
        async move { collect(send_to(address, request.map(|()| Full::new(body))).await).await }
    });
    soon(async {
        while !metric(&server, "vigie_server_get_media_connections 1").await {
            tokio::task::yield_now().await;
        }
    })
    .await;
    change(&server, "ada", UserChange::default()).await;
    // Looked at each three seconds without a word, and each five whether it holds.
    let ended = soon(async {
        let mut timecodes_ms = (2_000..).step_by(1_000);
        while !reading.is_finished() {
            server.clock.advance(Duration::from_secs(1));
            producer.send(media::fragment(timecodes_ms.next().unwrap(), 2)).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        reading.await.unwrap()
    })
    .await;
    assert_eq!(ended.status, 200);
    assert!(metric(&server, "vigie_server_put_media_connections 1").await, "the producer goes on");
}

async fn metric(server: &TestServer, line: &str) -> bool {
    String::from_utf8_lossy(&server.get("/metrics").await.body).contains(line)
}

#[tokio::test]
async fn who_is_refused_again_and_again_does_not_fill_the_audit_log() {
    let server = TestServer::start().await;
    user(&server, "ada", Role::Viewer, StreamScope::All).await;
    let ada = sign_in(&server, "ada").await;
    for number in 0..20 {
        let input = json!({"StreamName": format!("made-up-{number}")});
        assert_eq!(server.call_as(&ada, "/createStream", input).await.status, 403);
    }
    server.clock.advance(Duration::from_secs(60));
    let input = json!({"StreamName": "made-up"});
    assert_eq!(server.call_as(&ada, "/createStream", input).await.status, 403);
    let lines = audit(&server, "kinesisvideo:CreateStream").await;
    let counts: Vec<_> = lines.iter().map(|line| line["Count"].clone()).collect();
    assert_eq!(counts, [json!(20), Value::Null], "newest first; one stands for itself");
}

#[tokio::test]
async fn behind_a_trusted_proxy_strangers_keep_nobody_out_and_plain_http_takes_no_password() {
    let trusted = vec!["127.0.0.1".parse().unwrap()];
    let server = TestServer::start_configured(|config| config.trusted_proxies = trusted).await;
    user(&server, "ada", Role::Viewer, StreamScope::All).await;
    let from = async |address: &str, password: &str| {
        let input = json!({"UserName": "ada", "Password": password});
        let headers = [("x-forwarded-for", address), ("x-forwarded-proto", "https")];
        sign_in_with(&server, input, &headers).await.status
    };
    for _ in 0..5 {
        assert_eq!(from("198.51.100.1", "wrong password").await, 403);
    }
    assert_eq!(from("198.51.100.1", PASSWORD).await, 429);
    assert_eq!(from("198.51.100.1, 192.0.2.9", PASSWORD).await, 200);
    let signed_in = &audit(&server, "vigie:PasswordSignIn").await[0];
    assert_eq!(signed_in["RemoteAddress"], "192.0.2.9:0");
    let input = json!({"UserName": "ada", "Password": PASSWORD});
    let plain = sign_in_with(&server, input, &[("x-forwarded-proto", "http")]).await;
    assert_eq!(plain.status, 403);
    assert!(String::from_utf8_lossy(&plain.body).contains("plain http"));
}

#[tokio::test]
async fn a_key_and_a_user_do_not_go_by_one_name() {
    let server = TestServer::start().await;
    user(&server, "boss", Role::Viewer, StreamScope::All).await;
    let policy = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let input = json!({"UserName": "Boss", "PolicyDocument": policy});
    let refused = server.call("/createAccessKey", input).await;
    assert_eq!(refused.error(), (400, "ResourceInUseException"));
    let input = json!({"UserName": "hub-1", "PolicyDocument": policy});
    server.call("/createAccessKey", input).await.ok();
    let input = json!({"UserName": "HUB-1", "Password": PASSWORD, "Role": "VIEWER"});
    let refused = server.call("/createUser", input).await;
    assert_eq!(refused.error(), (400, "ResourceInUseException"));
}
