//! What bounds producers: memory of all together, one a stream, age. And what they get for it.

use std::time::Duration;

use vigie_media::Timestamp;
use vigie_media::matroska::writer;
use vigie_server::ingest::{IngestRules, ProducerPolicy};

use crate::common::media::{fragment, header};
use crate::common::{self, TestServer, soon};

const T: i64 = 1_795_000_000_000;

/// The beginning of a fragment whose frame has not come to its end.
fn open_fragment(data_bytes: usize) -> Vec<u8> {
    let cluster = writer::cluster_start(Timestamp::from_millis(T)).to_vec();
    let block = writer::simple_block_header(1, 0, true, 40 << 20).to_vec();
    [header(), cluster, block, vec![7; data_bytes]].concat()
}

#[tokio::test]
async fn over_the_shared_memory_the_largest_open_fragment_goes_and_the_others_stay() {
    let server = TestServer::start_configured(|config| {
        config.open_fragments_bytes_max = 4 << 20;
    })
    .await;
    for stream in ["hog", "gate", "yard"] {
        server.create_stream(stream, 1).await;
    }
    let (mut gate, mut yard) = (server.put_media("gate").await, server.put_media("yard").await);
    for honest in [&mut gate, &mut yard] {
        honest.send([header(), fragment(T, 1)].concat()).await;
        honest.until("BUFFERING").await;
    }
    let mut hog = server.put_media("hog").await;
    hog.send(open_fragment(0)).await;
    for _ in 0..5 {
        hog.send(vec![7; 1 << 20]).await;
    }
    assert_eq!(hog.rest().await, [format!("BUFFERING {T}"), format!("ERROR {T} 5000")]);
    for mut honest in [gate, yard] {
        honest.send(fragment(T + 1000, 2)).await;
        honest.finish();
        let rest = honest.rest().await;
        assert_eq!(rest.iter().filter(|line| line.starts_with("PERSISTED")).count(), 2, "{rest:?}");
    }
    // The memory has been given back: the producer is taken again.
    let again = server.upload("hog", &[fragment(T, 3)]).await;
    assert_eq!(again.last().unwrap(), &format!("PERSISTED {T}"));
}

#[tokio::test]
async fn many_that_never_end_their_fragments_do_not_fill_the_memory() {
    let server = TestServer::start_configured(|config| {
        config.open_fragments_bytes_max = 8 << 20;
    })
    .await;
    let mut hogs = Vec::new();
    for index in 0..6 {
        let stream = format!("hog-{index}");
        server.create_stream(&stream, 1).await;
        let hog = server.put_media(&stream).await;
        hog.send(open_fragment(2 << 20)).await;
        hogs.push(hog);
    }
    // Each alone is within bounds; of all together some have had to go, and some have stayed.
    let mut gone = 0;
    for mut hog in hogs {
        let until = tokio::time::timeout(Duration::from_millis(300), hog.until("ERROR")).await;
        gone += usize::from(until.is_ok());
    }
    assert!((1..6).contains(&gone), "{gone} of 6");
}

#[tokio::test]
async fn where_the_first_wins_the_newest_connection_is_refused() {
    let server = TestServer::start_configured(|config| {
        config.producer_policy = ProducerPolicy::FirstWins;
    })
    .await;
    server.create_stream("gate", 1).await;
    let mut first = server.put_media("gate").await;
    first.send([header(), fragment(T, 1)].concat()).await;
    first.until("BUFFERING").await;
    let request = server.put_media_request("gate", &[]);
    let (_body, refused) = server.put_media_answer(request).await;
    assert_eq!(refused.status(), 400);
    assert_eq!(refused.headers()["x-amzn-errortype"], "ConnectionLimitExceededException");
    // The first goes on as if nothing had been.
    first.send(fragment(T + 1000, 2)).await;
    first.finish();
    assert_eq!(first.rest().await.last().unwrap(), &format!("PERSISTED {}", T + 1000));
    assert_eq!(server.upload("gate", &[fragment(T + 2000, 3)]).await.len(), 3);
}

#[tokio::test]
async fn a_connection_that_is_too_old_is_told_so() {
    let server = TestServer::start_configured(|config| {
        let connection_duration_max = Some(Duration::ZERO);
        config.ingest_rules = IngestRules { connection_duration_max, ..IngestRules::KVS };
    })
    .await;
    server.create_stream("gate", 1).await;
    let mut producer = server.put_media("gate").await;
    producer.send([header(), fragment(T, 1)].concat()).await;
    assert_eq!(producer.rest().await, [format!("BUFFERING {T}"), format!("ERROR {T} 4003")]);
    assert!(server.list_fragments("gate").await.is_empty());
}

#[tokio::test]
async fn a_fragment_without_a_declared_track_is_refused_where_that_is_asked_for() {
    let server = TestServer::start_configured(|config| {
        config.ingest_rules.every_track_in_every_fragment = true;
    })
    .await;
    server.create_stream("gate", 1).await;
    let mut producer = server.put_media("gate").await;
    let tracks = [common::media::track(1), common::media::track(2)];
    let body = [writer::document_header(&tracks), fragment(T, 1)].concat();
    producer.send(body).await;
    producer.finish();
    assert_eq!(producer.rest().await, [format!("BUFFERING {T}"), format!("ERROR {T} 4011")]);
}

/// Files under the server's media folder that this process has open.
fn open_media_files(server: &TestServer) -> usize {
    let media = std::fs::canonicalize(server.folder().join("data/media")).unwrap();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| {
        // One of them is the list that is read here.
        std::fs::read_link(entry.unwrap().path()).ok()
    });
    open.filter(|path| path.starts_with(&media) && path.extension().is_some_and(|e| e == "mkv"))
        .count()
}

#[tokio::test]
async fn streams_that_nobody_sends_to_hold_no_media_file_open() {
    let server = TestServer::start().await;
    let names: Vec<String> = (0..40).map(|number| format!("camera-{number}")).collect();
    for name in &names {
        server.create_stream(name, 24).await;
        server.upload(name, &[fragment(T, 1)]).await;
    }
    assert_eq!(open_media_files(&server), 40);
    // A media file's greatest age passes again and again, until all were found idle between two looks of the store's thread. It
    // looks at its clock when somebody else sends something.
    server.create_stream("other", 24).await;
    soon(async {
        while open_media_files(&server) > 1 {
            server.clock.advance(Duration::from_secs(11 * 60));
            server.upload("other", &[fragment(T, 1)]).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    server.upload("camera-7", &[fragment(T + 1000, 2)]).await;
    assert_eq!(server.list_fragments("camera-7").await.len(), 2);
    assert_eq!(server.list_fragments("camera-39").await.len(), 1);
}
