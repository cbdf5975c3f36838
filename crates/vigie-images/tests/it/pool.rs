//! The pool against processes that do what decoders must not: each costs the pictures that were asked of it and no more.

use std::ffi::OsString;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use vigie_images::decode::{Codec, CodedFrame, CodedVideo};
use vigie_images::encode::{Form, Format};
use vigie_images::pool::{DecoderPool, PoolSettings};
use vigie_images::protocol::{ImageError, Reply, Request};

/// A pool whose processes are this shell script.
fn pool(script: &str, deadline: Duration) -> DecoderPool {
    DecoderPool::new(PoolSettings {
        program: "/bin/sh".into(),
        arguments: ["-c", script].map(OsString::from).into(),
        processes_max: 2,
        deadline,
        idle: Duration::ZERO,
    })
}

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(200);

/// A request of two pictures.
fn request(frame_bytes: usize) -> Request {
    let frame = CodedFrame { data: Bytes::from(vec![0; frame_bytes]), wanted: true, shown_ms: 0 };
    Request {
        video: CodedVideo {
            codec: Codec::H264,
            parameter_sets: Vec::new(),
            nal_length_size: 4,
            frames: vec![frame; 2],
        },
        form: Form { format: Format::Jpeg { quality: 80 }, width: None, height: None },
    }
}

fn broken(reason: &str) -> Reply {
    Err(ImageError::Broken(reason.to_owned()))
}

/// Reads the request and answers twice with the smallest thing that begins like a JPEG.
const SOUND: &str =
    r"head -c 53 >/dev/null; for n in 1 2; do printf '\0\0\0\005\0\377\330\377\340'; done";

#[tokio::test]
async fn each_misbehaviour_costs_its_own_pictures() {
    let image: Reply = Ok(Bytes::from_static(b"\xFF\xD8\xFF\xE0"));
    let ended = "the decoder ended over it";
    let nonsense = "the decoder answered nonsense";
    let late = "the decoder was late";
    let check = async |script: &str, deadline: Duration, expect: [Reply; 2]| {
        let found = pool(script, deadline).images(&request(8)).await.unwrap();
        assert_eq!(found, expect, "{script}");
    };
    check(SOUND, LONG, [image.clone(), image.clone()]).await;
    check("exit 1", LONG, [broken(ended), broken(ended)]).await;
    check("kill -9 $$", LONG, [broken(ended), broken(ended)]).await;
    check("cat >/dev/null & exec cat /dev/zero", LONG, [broken(nonsense), broken(nonsense)]).await;
    let claims = r"printf '\377\377\377\377'; cat >/dev/null";
    check(claims, LONG, [broken(nonsense), broken(nonsense)]).await;
    let cut = r"printf '\0\0\0\005\0\377'";
    check(cut, LONG, [broken(ended), broken(ended)]).await;
    let no_jpeg = r"printf '\0\0\0\005\0\1\2\3\4'; cat >/dev/null";
    check(no_jpeg, LONG, [broken(nonsense), broken(nonsense)]).await;
    check("exec sleep 1000", SHORT, [broken(late), broken(late)]).await;
    // What was answered before stands.
    let half = r"printf '\0\0\0\005\0\377\330\377\340'; exec sleep 1000";
    check(half, SHORT, [image.clone(), broken(late)]).await;
}

#[tokio::test]
async fn a_process_that_does_not_read_holds_nobody_up() {
    let begun = Instant::now();
    let found = pool("exec sleep 1000", SHORT).images(&request(1 << 20)).await.unwrap();
    assert_eq!(found, [broken("the decoder was late"), broken("the decoder was late")]);
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn media_that_fails_in_a_used_process_is_tried_in_a_new_one() {
    // Each process is good for one request only.
    let pool = pool(SOUND, LONG);
    for _ in 0..3 {
        let found = pool.images(&request(8)).await.unwrap();
        assert!(found.iter().all(Result::is_ok), "{found:?}");
    }
}

#[tokio::test]
async fn requests_that_are_too_large_reach_no_process() {
    let found = pool("exit 1", LONG).images(&request(40 << 20)).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(matches!(&found[0], Err(ImageError::Broken(why)) if why.contains("more than")));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error() {
    let settings = PoolSettings {
        program: "/nonexistent/decoder".into(),
        arguments: Vec::new(),
        processes_max: 1,
        deadline: LONG,
        idle: LONG,
    };
    assert!(DecoderPool::new(settings).images(&request(8)).await.is_err());
}

#[tokio::test]
async fn more_requests_than_processes_take_turns() {
    let pool = std::sync::Arc::new(pool(SOUND, LONG));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let pool = std::sync::Arc::clone(&pool);
        tasks.spawn(async move { pool.images(&request(8)).await.unwrap() });
    }
    while let Some(found) = tasks.join_next().await {
        assert!(found.unwrap().iter().all(Result::is_ok));
    }
    assert!(!pool.end_idle(), "none is kept that nobody needs");
}

#[tokio::test]
async fn more_images_than_are_held_at_once_are_left_to_another_request() {
    // An image of four million bytes again and again.
    let script = r"while printf '\0\075\011\001\0\377\330\377'; do head -c 3999997 /dev/zero; done";
    let mut request = request(8);
    request.video.frames = vec![request.video.frames[0].clone(); 5];
    let found = pool(script, LONG).images(&request).await.unwrap();
    assert_eq!(found.iter().filter(|reply| reply.is_ok()).count(), 3);
    assert_eq!(found[3..], [Err(ImageError::NotReached), Err(ImageError::NotReached)]);
}
