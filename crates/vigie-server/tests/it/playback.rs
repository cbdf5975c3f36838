//! Playback sessions against the clock: what ends them, what does not, and which numbers fragments have in them.

use std::time::Duration;

use serde_json::{Value, json};
use vigie_kvs::shapes::users::Role;
use vigie_kvs::sigv4::Credentials;
use vigie_media::codec::aac;
use vigie_media::matroska::writer;
use vigie_server::{RateLimits, UserChange};

use crate::common::keys::{key, revoke, session};
use crate::common::media::{fragment_that_begins, playable_header};
use crate::common::{self, Answer, TestServer};
use crate::users::{audit, change, scope_of, sign_in, user};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A document of sound alone.
fn header() -> Vec<u8> {
    let config = aac::AudioSpecificConfig::aac_lc(48_000, 2).unwrap();
    writer::document_header(&[aac::track(1, "audio", config.to_vec().into()).unwrap()])
}

/// Uploads fragments of a second that begin at these times.
async fn upload(server: &TestServer, stream: &str, starts_ms: &[i64]) {
    let mut connection = server.put_media(stream).await;
    connection.send(header()).await;
    for &start_ms in starts_ms {
        connection.send(common::media::fragment(start_ms, 7)).await;
    }
    connection.finish();
    connection.rest().await;
}

async fn url(server: &TestServer, input: Value) -> Answer {
    server.call("/getHLSStreamingSessionURL", input).await
}

/// The path and query of a new session's media playlist.
async fn media_playlist(server: &TestServer, input: Value) -> String {
    media_playlist_as(server, &server.credentials, input).await
}

async fn media_playlist_as(server: &TestServer, by: &Credentials, input: Value) -> String {
    let output = server.call_as(by, "/getHLSStreamingSessionURL", input).await.ok();
    let url = output["HLSStreamingSessionURL"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&format!("http://{}", server.host())).unwrap();
    path.replace("getHLSMasterPlaylist.m3u8", "getHLSMediaPlaylist.m3u8")
}

/// (media sequence number, fragment number) of all that is listed.
async fn listed(server: &TestServer, playlist: &str) -> Vec<(u64, String)> {
    let answer = server.get(playlist).await;
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    assert_eq!(answer.status, 200, "{text}");
    let first = text.split("#EXT-X-MEDIA-SEQUENCE:").nth(1).unwrap();
    let first: u64 = first.split('\n').next().unwrap().parse().unwrap();
    let numbers = text.split("FragmentNumber=").skip(1);
    let numbers = numbers.map(|rest| rest.split('&').next().unwrap().to_owned());
    (first..).zip(numbers).collect()
}

fn seconds(starts: impl IntoIterator<Item = i64>) -> Vec<i64> {
    starts.into_iter().map(|second| 1_000_000 + second * 1000).collect()
}

fn live(expires: i64) -> Value {
    json!({ "StreamName": "gate", "Expires": expires, "MaxMediaPlaylistFragmentResults": 3 })
}

fn replay(selector: &str) -> Value {
    json!({
        "StreamName": "gate", "PlaybackMode": "LIVE_REPLAY", "MaxMediaPlaylistFragmentResults": 3,
        "HLSFragmentSelector": {
            "FragmentSelectorType": selector, "TimestampRange": { "StartTimestamp": 1000 },
        },
    })
}

#[tokio::test]
async fn a_session_ends_at_its_time_and_says_so() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &seconds(0..3)).await;
    let playlist = media_playlist(&server, live(300)).await;
    server.clock.advance(299 * SECOND);
    assert_eq!(server.get(&playlist).await.status, 200);
    server.clock.advance(SECOND);
    let ended = server.get(&playlist).await;
    assert_eq!(ended.error(), (403, "ExpiredTokenException"));
    let message = ended.json()["Message"].as_str().unwrap().to_owned();
    assert!(message.contains("session token has expired"), "{message}");
}

/// KVS names `Expires` alone as a session's end: whoever lets others watch for an evening may do so with credentials of
/// minutes. What ends it before its time is the end of the key that all of this came from.
#[tokio::test]
async fn a_session_outlives_temporary_credentials_and_ends_with_their_key() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &seconds(0..3)).await;
    let viewer = key(
        &server,
        r#"{"Statement": {"Effect": "Allow", "Action": "kinesisvideo:*", "Resource": "*"}}"#,
    )
    .await;
    let temporary = session(&server, &viewer, "&DurationSeconds=900").await;
    let paths = [
        media_playlist_as(&server, &temporary, live(43_200)).await,
        media_playlist_as(&server, &viewer, live(43_200)).await,
    ];
    let of_root = media_playlist(&server, live(43_200)).await;
    let (_, number) = listed(&server, &paths[0]).await.remove(0);
    let media = paths[0].replace("getHLSMediaPlaylist.m3u8", "getMP4MediaFragment.mp4");
    let media = format!("{media}&FragmentNumber={number}&TrackNumber=1");
    server.clock.advance(16 * MINUTE);
    let describe = json!({ "StreamName": "gate" });
    let expired = server.call_as(&temporary, "/describeStream", describe).await;
    assert_eq!(expired.error(), (403, "ExpiredTokenException"));
    for path in paths.iter().chain([&media]) {
        assert_eq!(server.get(path).await.status, 200);
    }
    revoke(&server, &viewer).await.unwrap();
    for path in paths.iter().chain([&media]) {
        let ended = server.get(path).await;
        assert_eq!(ended.error(), (403, "UnrecognizedClientException"));
        let message = ended.json()["Message"].as_str().unwrap().to_owned();
        assert!(
            message.contains("access key that asked for this session was revoked"),
            "{message}"
        );
    }
    assert_eq!(server.get(&of_root).await.status, 200, "another key's session goes on");
}

#[tokio::test]
async fn what_a_user_watches_is_said_and_ends_when_it_is_signed_out() {
    let server = TestServer::start().await;
    for name in ["gate", "yard"] {
        server.create_stream(name, 24).await;
        upload(&server, name, &seconds(0..3)).await;
    }
    user(&server, "guard", Role::Viewer, scope_of(&["gate"])).await;
    let guard = sign_in(&server, "guard").await;
    let ask = async |stream: &str| {
        let input = json!({ "StreamName": stream, "Expires": 43_200 });
        server.call_as(&guard, "/getHLSStreamingSessionURL", input).await
    };
    assert_eq!(ask("yard").await.error(), (403, "NotAuthorizedException"));
    let url = ask("gate").await.ok()["HLSStreamingSessionURL"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&format!("http://{}", server.host())).unwrap();
    assert_eq!(server.get(path).await.status, 200);
    // The same within a minute is no line of its own.
    ask("gate").await.ok();
    let export = json!({ "StreamName": "gate", "ClipFragmentSelector": { "FragmentSelectorType":
        "PRODUCER_TIMESTAMP", "TimestampRange": { "StartTimestamp": 0, "EndTimestamp": 1 } } });
    assert_ne!(server.call_as(&guard, "/getClip", export).await.status, 403);
    let said = async |action: &str| {
        let lines = audit(&server, action).await.into_iter();
        let said = lines.map(|line| {
            assert_eq!(line["PrincipalArn"], "arn:aws:iam::000000000000:user/guard");
            let stream = line["Resource"].as_str().unwrap().split('/').nth(1).unwrap().to_owned();
            (stream, line["StatusCode"].as_u64().unwrap())
        });
        said.collect::<Vec<_>>()
    };
    let expect = [("gate".to_owned(), 200), ("yard".to_owned(), 403)];
    assert_eq!(said("kinesisvideo:GetHLSStreamingSessionURL").await, expect);
    assert_eq!(said("kinesisvideo:GetClip").await.len(), 1);
    change(&server, "guard", UserChange::default()).await;
    let ended = server.get(path).await;
    assert_eq!(ended.error(), (403, "UnrecognizedClientException"));
    assert!(ended.json()["Message"].as_str().unwrap().contains("has been signed out"));
}

#[tokio::test]
async fn a_session_shows_nothing_more_once_its_stream_keeps_nothing() {
    let server = TestServer::start().await;
    let arn = server.create_stream("gate", 24).await;
    upload(&server, "gate", &seconds(0..3)).await;
    let input = json!({ "StreamName": "gate", "Expires": 43_200 });
    let hls = media_playlist(&server, input.clone()).await;
    let dash = server.call("/getDASHStreamingSessionURL", input.clone()).await.ok();
    let dash = dash["DASHStreamingSessionURL"].as_str().unwrap().to_owned();
    let dash = dash.strip_prefix(&format!("http://{}", server.host())).unwrap().to_owned();
    let (_, number) = listed(&server, &hls).await.remove(0);
    let named = |name: &str| hls.replace("getHLSMediaPlaylist.m3u8", name);
    let media = named("getMP4MediaFragment.mp4");
    let media = format!("{media}&FragmentNumber={number}&TrackNumber=1");
    let (master, init) = (named("getHLSMasterPlaylist.m3u8"), named("getMP4InitFragment.mp4"));
    let all = [&hls, &master, &init, &media, &dash];
    for path in all {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    let decrease = json!({
        "StreamARN": arn, "Operation": "DECREASE_DATA_RETENTION", "DataRetentionChangeInHours": 24,
        "CurrentVersion": server.call("/describeStream", json!({ "StreamARN": arn })).await.ok()
            ["StreamInfo"]["Version"],
    });
    server.call("/updateDataRetention", decrease).await.ok();
    // In the same moment, though the buffer of five minutes that such streams have still holds the media.
    for path in all {
        assert_eq!(server.get(path).await.error(), (400, "NoDataRetentionException"), "{path}");
    }
    assert_eq!(url(&server, input).await.error(), (400, "NoDataRetentionException"));
    let range = json!({ "StreamName": "gate", "Fragments": [number] });
    assert_eq!(server.call("/getMediaForFragmentList", range).await.status, 200);
}

#[tokio::test]
async fn a_live_session_outlives_a_pause_of_its_source() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &seconds(0..3)).await;
    let playlist = media_playlist(&server, live(43_200)).await;
    let before = listed(&server, &playlist).await;
    server.clock.advance(10 * MINUTE);
    assert_eq!(listed(&server, &playlist).await, before, "nothing new, and no end");
    let refused = url(&server, live(300)).await;
    assert_eq!(refused.error(), (404, "ResourceNotFoundException"), "nothing of the last 30 s");
    upload(&server, "gate", &seconds(600..602)).await;
    let after = listed(&server, &playlist).await;
    let numbers: Vec<u64> = after.iter().map(|(number, _)| *number).collect();
    assert_eq!((numbers, &after[0]), (vec![3, 4, 5], &before[2]));
    let text = server.get(&playlist).await;
    assert!(!String::from_utf8_lossy(&text.body).contains("ENDLIST"));
    // A new session does not begin with what was filmed before the pause.
    let fresh = media_playlist(&server, live(300)).await;
    assert_eq!(listed(&server, &fresh).await.len(), 2);
}

#[tokio::test]
async fn numbers_stay_through_polls_restarts_and_connections() {
    let mut server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &seconds(0..3)).await;
    let paths = [
        media_playlist(&server, live(43_200)).await,
        media_playlist(&server, replay("PRODUCER_TIMESTAMP")).await,
    ];
    let mut known = std::collections::BTreeMap::new();
    for round in 0..=4 {
        // Each connection takes another block of sequences.
        let count = if round == 0 { 0 } else { 2 };
        upload(&server, "gate", &seconds(round * 10..round * 10 + count)).await;
        server.clock.advance(count as u32 * SECOND);
        if round > 0 && round % 2 == 0 {
            server = server.restart().await;
        }
        for (session, path) in paths.iter().enumerate() {
            for (number, fragment) in listed(&server, path).await {
                let before = known.insert((session, fragment.clone()), number);
                assert!(before.is_none_or(|before| before == number), "{fragment}");
            }
        }
    }
    for session in 0..paths.len() {
        let numbers: Vec<u64> =
            known.iter().filter(|((of, _), _)| *of == session).map(|(_, n)| *n).collect();
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (1..=numbers.len() as u64).collect::<Vec<_>>());
        assert!(numbers.len() >= 9, "{numbers:?}");
    }
}

#[tokio::test]
async fn a_replay_goes_at_the_pace_of_its_media() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &seconds(0..8)).await;
    let playlist = media_playlist(&server, replay("PRODUCER_TIMESTAMP")).await;
    let numbers = async || -> Vec<u64> {
        listed(&server, &playlist).await.into_iter().map(|(number, _)| number).collect()
    };
    assert_eq!(numbers().await, [1, 2, 3]);
    server.clock.advance(2 * SECOND);
    assert_eq!(numbers().await, [3, 4, 5]);
    server.clock.advance(MINUTE);
    assert_eq!(numbers().await, [6, 7, 8]);
    // Caught up: what comes is listed at once.
    upload(&server, "gate", &seconds(8..9)).await;
    assert_eq!(numbers().await, [7, 8, 9]);
}

#[tokio::test]
async fn deleting_a_stream_ends_its_sessions_for_good() {
    let server = TestServer::start().await;
    let arn = server.create_stream("gate", 24).await;
    upload(&server, "gate", &seconds(0..3)).await;
    let playlist = media_playlist(&server, live(43_200)).await;
    assert_eq!(server.get(&playlist).await.status, 200);
    server.call("/deleteStream", json!({ "StreamARN": arn })).await;
    let gone = async || assert_eq!(server.get(&playlist).await.error().0, 404);
    gone().await;
    server.clock.advance(SECOND);
    // Its successor of the same name is another stream.
    for _ in 0..200 {
        let input = json!({ "StreamName": "gate", "DataRetentionInHours": 24 });
        if server.call("/createStream", input).await.status == 200 {
            break;
        }
        tokio::task::yield_now().await;
    }
    upload(&server, "gate", &seconds(0..3)).await;
    assert_eq!(url(&server, live(300)).await.status, 200);
    gone().await;
}

#[tokio::test]
async fn a_token_opens_the_media_of_its_own_session_alone() {
    let server = TestServer::start().await;
    for stream in ["gate", "door"] {
        server.create_stream(stream, 24).await;
        upload(&server, stream, &seconds(0..3)).await;
    }
    let of_range = json!({
        "StreamName": "gate", "PlaybackMode": "ON_DEMAND",
        "HLSFragmentSelector": {
            "FragmentSelectorType": "PRODUCER_TIMESTAMP",
            "TimestampRange": { "StartTimestamp": 1001, "EndTimestamp": 1002 },
        },
    });
    let playlist = media_playlist(&server, of_range).await;
    let media = |number: &str| {
        let path = playlist.replace("getHLSMediaPlaylist.m3u8", "getMP4MediaFragment.mp4");
        format!("{path}&FragmentNumber={number}&TrackNumber=1")
    };
    let listed = listed(&server, &playlist).await;
    assert_eq!(listed.len(), 2, "both ends of the range belong to it");
    for (_, number) in &listed {
        assert_eq!(server.get(&media(number)).await.status, 200);
    }
    let others = [
        server.list_fragments("gate").await.remove(0),
        server.list_fragments("door").await.remove(1),
    ];
    for other in others {
        let number = other["FragmentNumber"].as_str().unwrap();
        assert_eq!(server.get(&media(number)).await.error(), (404, "ResourceNotFoundException"));
    }
    for path in ["/describeStream", "/metrics", "/console/"] {
        let with_token = format!("{path}?{}", playlist.split_once('?').unwrap().1);
        let without = server.get(path).await.status;
        assert_eq!(
            server.get(&with_token).await.status,
            without,
            "a token is worth nothing at {path}"
        );
    }
    let wrong = ["", "?SessionToken=", "?SessionToken=AAAA~", "?SessionToken=%ff"];
    for query in wrong {
        assert_eq!(
            server.get(&format!("/hls/v1/getHLSMasterPlaylist.m3u8{query}")).await.error().0,
            403
        );
    }
}

#[tokio::test]
async fn media_that_has_expired_is_neither_listed_nor_sent() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    upload(&server, "gate", &seconds(0..3)).await;
    let playlist = media_playlist(&server, live(43_200)).await;
    let (_, number) = listed(&server, &playlist).await.remove(0);
    let media = playlist.replace("getHLSMediaPlaylist.m3u8", "getMP4MediaFragment.mp4");
    let media = format!("{media}&FragmentNumber={number}&TrackNumber=1");
    assert_eq!(server.get(&media).await.status, 200);
    server.clock.advance(61 * MINUTE);
    assert_eq!(server.get(&media).await.error(), (404, "ResourceNotFoundException"));
    assert_eq!(listed(&server, &playlist).await, []);
    upload(&server, "gate", &seconds(4000..4001)).await;
    assert_eq!(listed(&server, &playlist).await[0].0, 4, "the session goes on");
}

#[tokio::test]
async fn limits_of_a_session_hold_when_they_are_asked_for() {
    let server = TestServer::start_configured(|config| config.rate_limits = RateLimits::Aws).await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &seconds(0..3)).await;
    let paths =
        [media_playlist(&server, live(300)).await, media_playlist(&server, live(300)).await];
    server.clock.hold();
    let mut refused = 0;
    for _ in 0..50 {
        let answer = server.get(&paths[0]).await;
        if answer.status != 200 {
            assert_eq!(answer.error(), (400, "ClientLimitExceededException"));
            refused += 1;
        }
    }
    assert_eq!(refused, 45, "50 requests in a moment");
    assert_eq!(server.get(&paths[1]).await.status, 200, "another session has its own");
}

#[tokio::test]
async fn a_live_session_that_goes_back_to_its_key_frame_shows_it_and_keeps_its_place_in_time() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    let mut connection = server.put_media("gate").await;
    connection.send(playable_header()).await;
    // A key frame each five seconds, and a fragment each second.
    for second in 0..9 {
        let start_ms = 1_000_000 + second * 1000;
        connection.send(fragment_that_begins(start_ms, 7, second % 5 == 0)).await;
    }
    connection.finish();
    connection.rest().await;
    let all: Vec<String> = server
        .list_fragments("gate")
        .await
        .into_iter()
        .map(|fragment| fragment["FragmentNumber"].as_str().unwrap().to_owned())
        .collect();
    // Three are asked for; the key frame is the fourth from the end.
    let playlist = media_playlist(&server, live(300)).await;
    let shown: Vec<String> =
        listed(&server, &playlist).await.into_iter().map(|(_, it)| it).collect();
    assert_eq!(shown, all[5..]);
    let dash = server
        .call(
            "/getDASHStreamingSessionURL",
            json!({
        "StreamName": "gate", "MaxManifestFragmentResults": 3 }),
        )
        .await
        .ok();
    let url = dash["DASHStreamingSessionURL"].as_str().unwrap();
    let manifest =
        server.get(url.strip_prefix(&format!("http://{}", server.host())).unwrap()).await;
    let manifest = String::from_utf8(manifest.body.to_vec()).unwrap();
    // Four fragments of a second before now.
    let begins =
        manifest.split("availabilityStartTime=\"").nth(1).unwrap().split('"').next().unwrap();
    let begins: jiff::Timestamp = begins.parse().unwrap();
    let before_ms = server.clock.wall().as_millis() - begins.as_millisecond();
    assert!((4000..5000).contains(&before_ms), "{before_ms}");
}
