//! ExportClip and the URLs that it gives: the same file each time, whole or from where a download was cut, or none at all.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vigie_media::codec::aac;
use vigie_media::matroska::writer;

use vigie_kvs::iam::StreamScope;
use vigie_kvs::shapes::users::Role;
use vigie_server::UserChange;

use crate::common::keys::{key, revoke};
use crate::common::{self, Answer, TestServer, collect, soon};
use crate::users::{change, sign_in, user};

const HOUR: Duration = Duration::from_secs(3600);

/// A document of sound alone.
fn header(sampling_hz: u32) -> Vec<u8> {
    let config = aac::AudioSpecificConfig::aac_lc(sampling_hz, 2).unwrap();
    writer::document_header(&[aac::track(1, "audio", config.to_vec().into()).unwrap()])
}

/// Uploads fragments of a second that begin at these seconds, in one document.
async fn upload(server: &TestServer, stream: &str, seconds: &[i64]) {
    upload_at(server, stream, 48_000, seconds).await;
}

async fn upload_at(server: &TestServer, stream: &str, sampling_hz: u32, seconds: &[i64]) {
    let mut connection = server.put_media(stream).await;
    connection.send(header(sampling_hz)).await;
    for &second in seconds {
        connection.send(common::media::fragment(second * 1000, second as u8)).await;
    }
    connection.finish();
    connection.rest().await;
}

async fn export(server: &TestServer, start: f64, end: f64) -> Answer {
    let input = json!({ "StreamName": "gate", "StartTimestamp": start, "EndTimestamp": end });
    server.call("/exportClip", input).await
}

async fn files(server: &TestServer, start: f64, end: f64) -> Vec<Value> {
    export(server, start, end).await.ok()["Files"].as_array().unwrap().clone()
}

fn path<'a>(server: &TestServer, url: &'a Value) -> &'a str {
    url.as_str().unwrap().strip_prefix(&format!("http://{}", server.host())).unwrap()
}

async fn get(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask(server, "GET", path, headers).await
}

async fn ask(server: &TestServer, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", server.host());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::<Bytes>::default()).unwrap();
    soon(async { collect(server.send(request).await).await }).await
}

/// Asks until it is computed.
async fn checksum(server: &TestServer, url: &Value) -> Value {
    soon(async {
        loop {
            let status = server.get(path(server, url)).await;
            assert_eq!(status.status, 200, "{:?}", status.body);
            let status = status.json();
            if status["SHA256"].is_string() {
                return status;
            }
            assert!(status["Progress"].as_f64().unwrap() < 1.0);
        }
    })
    .await
}

/// The offsets and sizes of the boxes of a file.
fn boxes(file: &[u8]) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut rest = file;
    while let Some((size, after)) = rest.split_first_chunk::<4>() {
        let size = u32::from_be_bytes(*size) as usize;
        found.push((String::from_utf8_lossy(&after[..4]).into_owned(), size));
        rest = &rest[size..];
    }
    found
}

#[tokio::test]
async fn a_range_beyond_the_limits_of_get_clip_is_one_file_whose_bytes_are_the_same_each_time() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    let seconds: Vec<i64> = (0..300).collect();
    upload(&server, "gate", &seconds).await;
    let clip = json!({ "StreamName": "gate", "ClipFragmentSelector": {
        "FragmentSelectorType": "PRODUCER_TIMESTAMP",
        "TimestampRange": { "StartTimestamp": 0, "EndTimestamp": 300 } } });
    let refused = server.call("/getClip", clip).await;
    assert_eq!(refused.error(), (400, "ClientLimitExceededException"));

    let found = files(&server, 0.0, 300.0).await;
    let [file] = &found[..] else { panic!("{found:?}") };
    assert_eq!((&file["StartTimestamp"], &file["EndTimestamp"]), (&json!(0.0), &json!(300.0)));
    assert_eq!(file["FragmentCount"], 300);
    assert_eq!(file["Codecs"], json!(["mp4a.40.2"]));
    assert_eq!((&file["Gaps"], &file["GapCount"]), (&json!([]), &json!(0)));
    let url = path(&server, &file["ClipFileURL"]);
    let whole = server.get(url).await;
    assert_eq!(whole.status, 200);
    assert_eq!(whole.headers["content-type"], "video/mp4");
    assert_eq!(whole.headers["cache-control"], "no-store");
    let disposition = whole.headers["content-disposition"].to_str().unwrap();
    let name = file["FileName"].as_str().unwrap();
    assert_eq!(disposition, format!("attachment; filename=\"{name}\""));
    assert_eq!(name, "gate-19700101T000000Z-19700101T000500Z.mp4");
    let kinds: Vec<_> = boxes(&whole.body).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["ftyp", "moov", "mdat"]);
    assert!(whole.body.len() > 300 * 4 * 1000);

    // Another call, another server after this one: the same bytes under the same name.
    let again = files(&server, 0.0, 300.0).await;
    let server = server.restart().await;
    for url in [&file["ClipFileURL"], &again[0]["ClipFileURL"]] {
        let url = url.as_str().unwrap().split_once("/clip").unwrap().1;
        let again = server.get(&format!("/clip{url}")).await;
        assert!(again.body == whole.body, "{} and {} bytes", again.body.len(), whole.body.len());
        assert_eq!(again.headers["etag"], whole.headers["etag"]);
    }
}

#[tokio::test]
async fn a_download_that_was_cut_goes_on_byte_by_byte_where_it_was() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &(0..40).collect::<Vec<_>>()).await;
    let file = files(&server, 0.0, 40.0).await.remove(0);
    let url = path(&server, &file["ClipFileURL"]);
    let whole = server.get(url).await;
    let etag = whole.headers["etag"].to_str().unwrap();
    let size = whole.body.len();
    let head = size - 40 * 4000;
    // In the index, at its end, within a fragment, at the beginning of one, at the last byte.
    for from in [0, 1, head - 1, head, head + 1, head + 4000, head + 6001, size - 4000, size - 1] {
        let range = format!("bytes={from}-");
        let rest = get(&server, url, &[("range", &range), ("if-range", etag)]).await;
        assert_eq!(rest.status, 206, "{from}");
        let expect = format!("bytes {from}-{}/{size}", size - 1);
        assert_eq!(rest.headers["content-range"], expect);
        assert!(rest.body == whole.body[from..], "from {from}");
    }
    let part = get(&server, url, &[("range", "bytes=100-20000")]).await;
    assert!(part.body == whole.body[100..=20_000]);
    let beyond = get(&server, url, &[("range", &format!("bytes={size}-"))]).await;
    assert_eq!((beyond.status, beyond.body.len()), (416, 0));
    // Of another file nothing is mixed in: the whole of this one comes.
    let other = get(&server, url, &[("range", "bytes=100-"), ("if-range", "\"other\"")]).await;
    assert!(other.status == 200 && other.body == whole.body);
    let known = get(&server, url, &[("if-none-match", etag)]).await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    let head = ask(&server, "HEAD", url, &[]).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.headers["content-length"], size.to_string());
}

#[tokio::test]
async fn the_checksum_is_that_of_the_file_as_it_is_downloaded() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &(0..20).collect::<Vec<_>>()).await;
    let file = files(&server, 3.0, 9.0).await.remove(0);
    let status = checksum(&server, &file["ChecksumURL"]).await;
    let whole = server.get(path(&server, &file["ClipFileURL"])).await;
    let hash: String =
        Sha256::digest(&whole.body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(status["SHA256"], hash);
    assert_eq!(status["SizeBytes"], whole.body.len());
    assert_eq!(status["Progress"], 1.0);
    assert_eq!((&status["FragmentCount"], &status["LeftOutFragmentCount"]), (&json!(6), &json!(0)));
}

#[tokio::test]
async fn what_was_marked_is_in_it_from_the_key_frame_before_on_with_its_gaps() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &[0, 1, 2, 3, 10, 11, 12, 13]).await;
    let found = files(&server, 1.5, 12.0).await;
    let file = &found[0];
    assert_eq!((&file["StartTimestamp"], &file["EndTimestamp"]), (&json!(1.0), &json!(12.0)));
    assert_eq!(file["Gaps"], json!([{ "StartTimestamp": 4.0, "EndTimestamp": 10.0 }]));
    assert_eq!(file["GapCount"], 1);
    assert_eq!(file["FragmentCount"], 5);
    let nothing = export(&server, 5.0, 9.0).await;
    assert_eq!(nothing.error(), (404, "ResourceNotFoundException"));
}

#[tokio::test]
async fn where_codec_parameters_change_the_next_file_begins() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload_at(&server, "gate", 48_000, &[0, 1, 2]).await;
    upload_at(&server, "gate", 44_100, &[3, 4]).await;
    upload_at(&server, "gate", 44_100, &[5]).await;
    upload_at(&server, "gate", 48_000, &[6]).await;
    let found = files(&server, 0.0, 100.0).await;
    let counts: Vec<_> = found.iter().map(|file| file["FragmentCount"].clone()).collect();
    assert_eq!(counts, [3, 3, 1]);
    for file in &found {
        let whole = server.get(path(&server, &file["ClipFileURL"])).await;
        assert_eq!(whole.status, 200);
        let data = boxes(&whole.body).last().unwrap().1 - 8;
        assert_eq!(data as u64, file["FragmentCount"].as_u64().unwrap() * 4000);
    }
}

#[tokio::test]
async fn what_arrives_later_changes_no_file_and_is_in_the_next() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &[0, 1, 2, 6, 7, 8]).await;
    let file = files(&server, 0.0, 9.0).await.remove(0);
    let url = path(&server, &file["ClipFileURL"]).to_owned();
    let before = server.get(&url).await;
    upload(&server, "gate", &[3, 4, 5]).await;
    // Without what it remembered.
    let server = server.restart().await;
    let after = server.get(&url).await;
    assert!(before.status == 200 && after.body == before.body);
    assert_eq!(files(&server, 0.0, 9.0).await[0]["FragmentCount"], 9);
}

#[tokio::test]
async fn a_file_of_which_media_has_expired_is_refused_and_never_mixed() {
    let server = TestServer::start().await;
    server.create_stream("gate", 1).await;
    upload(&server, "gate", &[0, 1, 2]).await;
    server.clock.advance(HOUR / 2);
    upload(&server, "gate", &[3, 4, 5]).await;
    let file = files(&server, 0.0, 9.0).await.remove(0);
    let url = path(&server, &file["ClipFileURL"]).to_owned();
    let whole = server.get(&url).await;
    assert_eq!(whole.status, 200);
    let etag = whole.headers["etag"].to_str().unwrap().to_owned();
    server.clock.advance(HOUR / 2 + Duration::from_secs(60));
    let check = async |server: &TestServer| {
        for headers in [&[][..], &[("range", "bytes=9000-"), ("if-range", &etag)]] {
            let gone = get(server, &url, headers).await;
            assert_eq!(gone.error(), (404, "ResourceNotFoundException"));
        }
        let checksum = path(server, &file["ChecksumURL"]).to_owned();
        assert_eq!(server.get(&checksum).await.status, 404);
    };
    check(&server).await;
    let left = files(&server, 0.0, 9.0).await;
    assert_eq!(left[0]["FragmentCount"], 3);
    assert_eq!(left[0]["StartTimestamp"], 3.0);
}

#[tokio::test]
async fn its_url_ends_with_its_time_its_key_its_stream_and_its_retention() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &[0, 1, 2]).await;
    let allowed = r#"{"Statement": {"Effect": "Allow", "Action": "kinesisvideo:ExportClip", "Resource": "*"}}"#;
    let viewer = key(&server, allowed).await;
    let input =
        json!({ "StreamName": "gate", "StartTimestamp": 0, "EndTimestamp": 3, "Expires": 300 });
    let of_viewer = server.call_as(&viewer, "/exportClip", input.clone()).await.ok();
    let of_viewer = path(&server, &of_viewer["Files"][0]["ClipFileURL"]).to_owned();
    let of_root = server.call("/exportClip", input).await.ok();
    let of_root = path(&server, &of_root["Files"][0]["ClipFileURL"]).to_owned();
    for url in [&of_viewer, &of_root] {
        assert_eq!(server.get(url).await.status, 200);
    }
    revoke(&server, &viewer).await.unwrap();
    assert_eq!(server.get(&of_viewer).await.error(), (403, "UnrecognizedClientException"));
    assert_eq!(server.get(&of_root).await.status, 200);
    server.clock.advance(Duration::from_secs(300));
    assert_eq!(server.get(&of_root).await.error(), (403, "ExpiredTokenException"));
    let forged = of_root.replace("SessionToken=", "SessionToken=A");
    assert_eq!(server.get(&forged).await.error(), (403, "UnrecognizedClientException"));
    let without = of_root.split_once('?').unwrap().0;
    assert_eq!(server.get(without).await.error(), (403, "MissingAuthenticationTokenException"));

    let url = path(&server, &files(&server, 0.0, 3.0).await[0]["ClipFileURL"]).to_owned();
    assert_eq!(server.get(&url).await.status, 200);
    server.call("/deleteStream", json!({ "StreamARN": stream_arn(&server).await })).await.ok();
    assert_eq!(server.get(&url).await.error(), (404, "ResourceNotFoundException"));
}

#[tokio::test]
async fn a_user_s_file_is_downloaded_until_its_sessions_end_or_the_stream_is_none_of_its_own() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &[0, 1, 2]).await;
    let set_site = async |value: &str| {
        let input = json!({"StreamName": "gate", "Tags": {"Site": value}});
        server.call("/tagStream", input).await.ok();
    };
    set_site("north").await;
    let north = StreamScope::Tag { key: "Site".into(), value: "north".into() };
    user(&server, "bea", Role::Viewer, north).await;
    let bea = sign_in(&server, "bea").await;
    let input = json!({ "StreamName": "gate", "StartTimestamp": 0, "EndTimestamp": 3 });
    let file = server.call_as(&bea, "/exportClip", input).await.ok()["Files"][0].clone();
    let status = async || server.get(path(&server, &file["ClipFileURL"])).await.status;
    assert_eq!(status().await, 200);
    checksum(&server, &file["ChecksumURL"]).await;
    set_site("south").await;
    assert_eq!(status().await, 403);
    set_site("north").await;
    assert_eq!(status().await, 200);
    change(&server, "bea", UserChange::default()).await;
    assert_eq!(status().await, 403);
}

async fn stream_arn(server: &TestServer) -> String {
    let described = server.call("/describeStream", json!({ "StreamName": "gate" })).await.ok();
    described["StreamInfo"]["StreamARN"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn who_may_not_is_refused_and_both_stand_in_the_audit_log() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &[0, 1]).await;
    let other =
        r#"{"Statement": {"Effect": "Allow", "Action": "kinesisvideo:GetClip", "Resource": "*"}}"#;
    let other = key(&server, other).await;
    let input = json!({ "StreamName": "gate", "StartTimestamp": 0, "EndTimestamp": 3 });
    let refused = server.call_as(&other, "/exportClip", input.clone()).await;
    assert_eq!(refused.error(), (403, "AccessDeniedException"));
    server.call("/exportClip", input).await.ok();
    let wrong = export(&server, 3.0, 3.0).await;
    assert_eq!(wrong.error(), (400, "InvalidArgumentException"));
    let events = server.call("/listAuditEvents", json!({})).await.ok();
    let events = events["Events"].as_array().unwrap().iter();
    let exported = events.filter(|event| event["Action"] == "kinesisvideo:ExportClip");
    let statuses: Vec<_> = exported.map(|event| event["StatusCode"].clone()).collect();
    assert_eq!(statuses, [400, 200, 403], "newest first");
}

#[tokio::test]
async fn a_fragment_that_cannot_be_in_a_file_is_left_out_and_counted() {
    let server = TestServer::start().await;
    server.create_stream("gate", 24).await;
    upload(&server, "gate", &(0..6).collect::<Vec<_>>()).await;
    let server = damaged(server).await;
    let file = files(&server, 0.0, 9.0).await.remove(0);
    let status = checksum(&server, &file["ChecksumURL"]).await;
    let counts = (&status["FragmentCount"], &status["LeftOutFragmentCount"]);
    assert_eq!(counts, (&json!(5), &json!(1)));
    let whole = server.get(path(&server, &file["ClipFileURL"])).await;
    assert_eq!(whole.body.len(), status["SizeBytes"].as_u64().unwrap() as usize);
}

/// The server again, with a byte of the third fragment changed on its disk.
#[allow(clippy::disallowed_methods, reason = "damages a file behind the store's back")]
async fn damaged(server: TestServer) -> TestServer {
    let folder = server.media_folders().remove(0);
    let (kept, clock) = server.stop().await;
    let media = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let media = media.filter(|path| path.extension().is_some_and(|it| it == "mkv")).last().unwrap();
    let mut bytes = std::fs::read(&media).unwrap();
    // Its second frame is a thousand of these.
    let at = bytes.windows(900).position(|window| window.iter().all(|byte| *byte == 3)).unwrap();
    bytes[at + 450] = 99;
    std::fs::write(&media, bytes).unwrap();
    TestServer::start_in(std::sync::Arc::new(vigie_store::OsDisk), kept, clock).await
}
