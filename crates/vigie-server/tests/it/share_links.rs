//! Share links: who makes them, what they open without an account, and what ends them.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};
use vigie_kvs::Sensitive;
use vigie_kvs::iam::StreamScope;
use vigie_kvs::shapes::users::Role;
use vigie_kvs::sigv4::Credentials;
use vigie_media::codec::aac;
use vigie_media::matroska::writer;

use vigie_server::UserChange;
use vigie_server::auth::hash_password;

use crate::common::keys::{key, revoke};
use crate::common::media::{fragment_that_begins, playable_header};
use crate::common::{self, Answer, TestServer, collect, soon};
use crate::users::{change, sign_in, user};

const HOUR: Duration = Duration::from_secs(3600);
const SHARER: &str = r#"{"Statement": {"Effect": "Allow", "Action": ["kinesisvideo:*ShareLink*",
    "kinesisvideo:GetHLSStreamingSessionURL", "kinesisvideo:GetClip", "kinesisvideo:ExportClip"], "Resource": "*"}}"#;

/// Uploads fragments of a second that begin at these seconds.
async fn upload(server: &TestServer, seconds: &[i64]) {
    let config = aac::AudioSpecificConfig::aac_lc(48_000, 2).unwrap();
    let track = aac::track(1, "audio", config.to_vec().into()).unwrap();
    let mut connection = server.put_media("gate").await;
    connection.send(writer::document_header(&[track])).await;
    for &second in seconds {
        connection.send(common::media::fragment(second * 1000, second as u8)).await;
    }
    connection.finish();
    connection.rest().await;
}

async fn with_media(seconds: &[i64]) -> TestServer {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, seconds).await;
    server
}

fn clip() -> Value {
    json!({ "StreamName": "gate", "Kind": "CLIP", "StartTimestamp": 2, "EndTimestamp": 5, "Expires": 3600 })
}

/// The secret and the id of a new link.
async fn share_as(server: &TestServer, by: &Credentials, input: Value) -> (String, String) {
    let made = server.call_as(by, "/createShareLink", input).await.ok();
    let url = made["ShareLinkURL"].as_str().unwrap();
    let (page, secret) = url.split_once("/console/#/shared/").unwrap();
    assert_eq!(page, format!("http://{}", server.host()));
    assert_eq!(secret.len(), 22, "128 bits");
    (secret.to_owned(), made["ShareLink"]["LinkId"].as_str().unwrap().to_owned())
}

async fn share(server: &TestServer, input: Value) -> (String, String) {
    share_as(server, &server.credentials, input).await
}

async fn post(server: &TestServer, body: String) -> Answer {
    let request = Request::post("/console/open-share-link").header("host", server.host());
    let request = request.body(Full::new(Bytes::from(body))).unwrap();
    soon(async { collect(server.send(request).await).await }).await
}

async fn open(server: &TestServer, secret: &str) -> Answer {
    post(server, json!({ "Link": secret }).to_string()).await
}

async fn opened(server: &TestServer, secret: &str) -> Value {
    let answer = open(server, secret).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    answer.json()
}

/// All refusals are one.
async fn check_ended(server: &TestServer, secret: &str) {
    let answer = open(server, secret).await;
    assert_eq!(answer.status, 403);
    let expect = "This link is not valid, or has ended. Ask whoever sent it for another one.";
    assert_eq!(String::from_utf8_lossy(&answer.body), expect);
}

async fn events(server: &TestServer, action: &str) -> Vec<Value> {
    let events = server.call("/listAuditEvents", json!({})).await.ok();
    let all = events["Events"].as_array().unwrap().iter();
    all.filter(|event| event["Action"] == action).cloned().collect()
}

#[tokio::test]
async fn a_clip_s_link_plays_and_downloads_its_range_and_nothing_else() {
    let server = with_media(&(0..9).collect::<Vec<_>>()).await;
    let (secret, id) = share(&server, clip()).await;
    let shown = opened(&server, &secret).await;
    assert_eq!((&shown["Kind"], &shown["StreamName"]), (&json!("CLIP"), &json!("gate")));
    assert_eq!(shown["SharedBy"], "root");
    let playlist = shown["HLSStreamingSessionPath"].as_str().unwrap();
    let playlist = playlist.replace("getHLSMasterPlaylist", "getHLSMediaPlaylist");
    let text = server.get(&playlist).await;
    assert_eq!(String::from_utf8_lossy(&text.body).matches("#EXTINF").count(), 3);
    let file = shown["Files"][0]["ClipFileURL"].as_str().unwrap();
    assert!(file.starts_with("/clip/v1/"), "a path of this server: {file}");
    let whole = server.get(file).await;
    assert_eq!(whole.status, 200);
    assert!(whole.body.len() > 3 * 4000 && whole.body.len() < 4 * 4000);
    let all = shown.to_string();
    assert!(!all.contains("AKIA") && !all.contains("arn:"), "{all}");

    // Who opened it is in the audit log, by the link's name and never its secret.
    let opened = events(&server, "vigie:OpenShareLink").await;
    let [line] = &opened[..] else { panic!("{opened:?}") };
    assert!(line["Resource"].as_str().unwrap().ends_with(&format!("/share-link/{id}")));
    assert!(line["RemoteAddress"].as_str().unwrap().starts_with("127.0.0.1:"));
    let made = events(&server, "kinesisvideo:CreateShareLink").await;
    assert_eq!(made[0]["Resource"], line["Resource"]);
    let log = std::fs::read_to_string(server.folder().join("data/audit.jsonl")).unwrap();
    assert!(!log.contains(&secret));
}

#[tokio::test]
async fn a_stream_s_link_is_live_and_goes_back_to_its_beginning_alone() {
    let server = with_media(&[]).await;
    let now = server.clock.wall().as_millis() / 1000;
    upload(&server, &(now - 100..now).collect::<Vec<_>>()).await;
    let input = json!({ "StreamName": "gate", "Kind": "STREAM", "StartTimestamp": now - 50, "Expires": 3600 });
    let (secret, _) = share(&server, input).await;
    let live = opened(&server, &secret).await;
    assert!(live["HLSStreamingSessionPath"].is_string(), "{live}");
    assert!(live.get("Files").is_none() && live.get("EndTimestamp").is_none());
    let body = json!({ "Link": secret, "StartTimestamp": now - 90 });
    let recorded = post(&server, body.to_string()).await.json();
    let playlist = recorded["HLSStreamingSessionPath"].as_str().unwrap();
    let playlist = playlist.replace("getHLSMasterPlaylist", "getHLSMediaPlaylist");
    let text = server.get(&playlist).await;
    assert_eq!(String::from_utf8_lossy(&text.body).matches("#EXTINF").count(), 50);
}

#[tokio::test]
async fn what_a_link_opened_ends_with_its_revocation() {
    let server = with_media(&(0..9).collect::<Vec<_>>()).await;
    let (secret, id) = share(&server, clip()).await;
    let (other, _) = share(&server, clip()).await;
    let shown = opened(&server, &secret).await;
    let urls = [
        &shown["HLSStreamingSessionPath"],
        &shown["Files"][0]["ClipFileURL"],
        &shown["Files"][0]["ChecksumURL"],
    ];
    for url in urls {
        assert_eq!(server.get(url.as_str().unwrap()).await.status, 200);
    }
    let input = json!({ "StreamName": "gate", "LinkId": id });
    server.call("/revokeShareLink", input.clone()).await.ok();
    server.call("/revokeShareLink", input).await.ok();
    check_ended(&server, &secret).await;
    for url in urls {
        let refused = server.get(url.as_str().unwrap()).await;
        assert_eq!(refused.error(), (403, "UnrecognizedClientException"));
    }
    opened(&server, &other).await;
    let listed = server.call("/listShareLinks", json!({ "StreamName": "gate" })).await.ok();
    let listed = listed["ShareLinks"].as_array().unwrap();
    assert_eq!(listed.len(), 2);
    let revoked = listed.iter().find(|link| link["LinkId"] == json!(id)).unwrap();
    assert!(revoked["RevocationTime"].is_number());
    assert!(!json!(listed).to_string().contains(&secret));
    assert_eq!(events(&server, "kinesisvideo:RevokeShareLink").await.len(), 2);
}

#[tokio::test]
async fn a_link_ends_at_its_time_and_what_it_opened_with_it() {
    let server = with_media(&(0..9).collect::<Vec<_>>()).await;
    let (secret, _) = share(&server, clip()).await;
    let file =
        opened(&server, &secret).await["Files"][0]["ClipFileURL"].as_str().unwrap().to_owned();
    server.clock.advance(HOUR - Duration::from_secs(1));
    opened(&server, &secret).await;
    assert_eq!(server.get(&file).await.status, 200);
    server.clock.advance(Duration::from_secs(1));
    check_ended(&server, &secret).await;
    assert_eq!(server.get(&file).await.status, 403);
}

#[tokio::test]
async fn a_link_ends_with_the_key_of_its_maker_with_its_media_and_with_its_stream() {
    let server = with_media(&(0..9).collect::<Vec<_>>()).await;
    let maker = key(&server, SHARER).await;
    let long = |mut input: Value| {
        input["Expires"] = json!(30 * 24 * 3600);
        input
    };
    let (of_maker, _) = share_as(&server, &maker, long(clip())).await;
    let (of_root, _) = share(&server, long(clip())).await;
    opened(&server, &of_maker).await;
    revoke(&server, &maker).await.unwrap();
    check_ended(&server, &of_maker).await;
    opened(&server, &of_root).await;
    // Retention.
    server.clock.advance(25 * HOUR);
    check_ended(&server, &of_root).await;
    // A stream of the same name is another stream.
    upload(&server, &(0..9).collect::<Vec<_>>()).await;
    opened(&server, &of_root).await;
    let described = server.call("/describeStream", json!({ "StreamName": "gate" })).await.ok();
    let arn = &described["StreamInfo"]["StreamARN"];
    server.call("/deleteStream", json!({ "StreamARN": arn })).await.ok();
    check_ended(&server, &of_root).await;
    soon(async {
        while server.call("/describeStream", json!({ "StreamName": "gate" })).await.status == 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server.create_stream("gate", 24).await;
    upload(&server, &(0..9).collect::<Vec<_>>()).await;
    check_ended(&server, &of_root).await;
}

#[tokio::test]
async fn a_link_ends_with_the_password_and_the_rights_of_its_maker_and_not_with_its_sign_out() {
    let server = with_media(&(0..9).collect::<Vec<_>>()).await;
    let set_site = async |value: &str| {
        let input = json!({"StreamName": "gate", "Tags": {"Site": value}});
        server.call("/tagStream", input).await.ok();
    };
    set_site("north").await;
    let north = StreamScope::Tag { key: "Site".into(), value: "north".into() };
    user(&server, "bea", Role::Operator, north).await;
    let (secret, _) = share_as(&server, &sign_in(&server, "bea").await, clip()).await;
    change(&server, "bea", UserChange::default()).await;
    let file =
        opened(&server, &secret).await["Files"][0]["ClipFileURL"].as_str().unwrap().to_owned();
    set_site("south").await;
    check_ended(&server, &secret).await;
    assert_eq!(server.get(&file).await.status, 403);
    set_site("north").await;
    opened(&server, &secret).await;
    server.clock.advance(Duration::from_secs(1));
    let password_hash = Some(hash_password(&Sensitive::new("another horse")).unwrap());
    change(&server, "bea", UserChange { password_hash, ..UserChange::default() }).await;
    check_ended(&server, &secret).await;
    assert_eq!(server.get(&file).await.status, 403);
}

#[tokio::test]
async fn a_link_shows_nothing_before_its_beginning_though_its_key_frame_lies_there() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    let mut connection = server.put_media("gate").await;
    connection.send(playable_header()).await;
    // A key frame each four seconds, and a fragment each second.
    for second in 0..12 {
        let fragment = fragment_that_begins(second * 1000, second as u8, second % 4 == 0);
        connection.send(fragment).await;
    }
    connection.finish();
    connection.rest().await;
    let from = json!({ "StreamName": "gate", "Kind": "CLIP", "StartTimestamp": 2, "EndTimestamp": 12, "Expires": 3600 });
    let (secret, _) = share(&server, from).await;
    let shown = opened(&server, &secret).await;
    let playlist = shown["HLSStreamingSessionPath"].as_str().unwrap();
    let playlist = playlist.replace("getHLSMasterPlaylist", "getHLSMediaPlaylist");
    let text = String::from_utf8_lossy(&server.get(&playlist).await.body).into_owned();
    let first = text.lines().find(|line| line.starts_with("#EXT-X-PROGRAM-DATE-TIME")).unwrap();
    assert!(first.ends_with("1970-01-01T00:00:04.000Z"), "{text}");
}

#[tokio::test]
async fn nobody_gives_what_he_does_not_have() {
    let server = with_media(&(0..9).collect::<Vec<_>>()).await;
    for lacking in ["GetClip", "GetHLSStreamingSessionURL", "ExportClip", "CreateShareLink"] {
        let policy = SHARER.replacen(
            "{\"Statement\": {",
            &format!("{{\"Statement\": [{{\"Effect\": \"Deny\", \"Action\": \"kinesisvideo:{lacking}\", \"Resource\": \"*\"}}, {{"),
            1,
        );
        let policy = format!("{}]}}", policy.strip_suffix('}').unwrap());
        let by = key(&server, &policy).await;
        let refused = server.call_as(&by, "/createShareLink", clip()).await;
        assert_eq!(refused.error(), (403, "AccessDeniedException"));
        let message = refused.json()["Message"].as_str().unwrap().to_owned();
        assert!(message.contains(&format!("kinesisvideo:{lacking}")), "{message}");
    }
    let by = key(&server, SHARER).await;
    share_as(&server, &by, clip()).await;
    // A link of one stream is no business of who may do this with another.
    let (_, id) = share(&server, clip()).await;
    server.create_stream("yard", 24).await;
    let other = json!({ "StreamName": "yard", "LinkId": id });
    assert_eq!(
        server.call("/revokeShareLink", other).await.error(),
        (404, "ResourceNotFoundException")
    );
}

#[tokio::test]
async fn who_tries_links_is_refused_in_the_same_words_slowed_down_and_in_the_audit_log() {
    let server = with_media(&(0..9).collect::<Vec<_>>()).await;
    let (secret, _) = share(&server, clip()).await;
    // The last of 22 characters has two of the bits: it is A, Q, g or w.
    let forged = format!("{}{}", &secret[..21], if secret.ends_with('A') { 'Q' } else { 'A' });
    for wrong in [&forged[..], "", "AAAAAAAAAAAAAAAAAAAAAA", "x", &"y".repeat(200), &forged] {
        check_ended(&server, wrong).await;
    }
    let metrics = server.get("/metrics").await;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(metrics.contains("vigie_server_held_back_answers_total 2"), "the fifth and the sixth");
    for unreadable in ["", "{", "[]", "{\"Link\": 7}", &" ".repeat(2000)] {
        assert_eq!(post(&server, unreadable.to_owned()).await.status, 400);
    }
    let lines = events(&server, "vigie:OpenShareLink").await;
    let [line] = &lines[..] else { panic!("a sample: {lines:?}") };
    assert_eq!((&line["PrincipalArn"], &line["StatusCode"]), (&json!("unproven"), &json!(403)));
    opened(&server, &secret).await;
    let get = server.get("/console/open-share-link").await;
    assert_eq!(get.status, 404);
}
