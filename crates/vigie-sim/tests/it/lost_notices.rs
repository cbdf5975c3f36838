//! A server whose notices are all lost: who waits finds out by looking, in the time that is stated, and gets the same answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use vigie_archive::MemoryArchive;
use vigie_engine::clock::Clock;
use vigie_engine::hub_sync::WAIT_MAX;
use vigie_kvs::operation;
use vigie_kvs::shapes::edge::{JobStatus, SyncStatus};
use vigie_media::matroska::writer;
use vigie_metadata::{LEASE_TTL, MemoryMetadataDb, SilentNotices};
use vigie_sim::camera::SimCamera;
use vigie_sim::fragment::fragment;
use vigie_sim::server::Outcome;
use vigie_sim::world::{STREAM_ARN, World};

const SECOND: Duration = Duration::from_secs(1);
/// How often a consumer's answer looks for something new by itself.
const LOOK: Duration = Duration::from_secs(3);

fn world(seed: u64) -> World {
    let (archive, metadata) = (MemoryArchive::default(), MemoryMetadataDb::default());
    let notices = Arc::new(SilentNotices);
    World::of_instances(seed, vec![Arc::new(archive)], vec![Arc::new(metadata)], notices)
}

/// What a consumer got, and when.
type Got = Arc<Mutex<Vec<(Duration, &'static str)>>>;

/// A consumer that follows a stream from now on, to the end of its answer.
fn follow(world: &mut World, stream_arn: &str) -> Got {
    let got = Got::default();
    let input = json!({ "StreamARN": stream_arn, "StartSelector": { "StartSelectorType": "NOW" } });
    let (client, clock, heard) =
        (world.server.client("root").unwrap(), world.clock.clone(), Arc::clone(&got));
    world.server.spawn(async move {
        let got = |what| {
            let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
            heard.push((clock.now().mono, what));
        };
        let mut answer = client.stream(&operation::GET_MEDIA, &input).await.unwrap();
        while let Some(Ok(frame)) = answer.frame().await {
            let piece = frame.data_ref().map(|piece| String::from_utf8_lossy(piece).into_owned());
            let piece = piece.unwrap_or_default();
            if piece.contains("AWS_KINESISVIDEO_CONTINUATION_TOKEN") {
                got("fragment");
            } else if piece.contains("AWS_KINESISVIDEO_ERROR_ID") && piece.contains("4000") {
                got("stream deleted");
            }
        }
        got("end");
    });
    got
}

#[test]
fn a_live_consumer_gets_every_fragment_and_the_end_of_its_stream_each_within_a_look() {
    for seed in 0..8 {
        let mut world = world(seed);
        let stream_arn = world.server.create_stream("yard");
        let (client, clock) = (world.server.client("root").unwrap(), world.clock.clone());
        let (body, pieces) = mpsc::unbounded_channel();
        let arn = stream_arn.clone();
        world.server.spawn(async move {
            let mut answer = client.put_media(&arn, pieces).await.unwrap();
            while answer.frame().await.is_some() {}
        });
        body.send(Ok(writer::document_header(&SimCamera::tracks()).into())).unwrap();
        world.run_for(SECOND);
        let got = follow(&mut world, &stream_arn);
        let mut begun = Vec::new();
        for number in 0..3 {
            world.run_for(Duration::from_millis(700 * (seed + 1)));
            begun.push(world.now().mono);
            body.send(Ok(fragment(clock.now().wall, number..number + 1))).unwrap();
            world.run_for(LOOK);
            assert_eq!(got.lock().unwrap().len(), begun.len(), "seed {seed}: {got:?}");
        }
        let client = world.server.client("root").unwrap();
        let is_deleted = Arc::new(Mutex::new(false));
        let told = Arc::clone(&is_deleted);
        world.server.spawn(async move {
            let input = json!({ "StreamARN": stream_arn });
            let answer: Value = client.call(&operation::DELETE_STREAM, &input).await.unwrap();
            *told.lock().unwrap() = answer.is_object();
        });
        // Its producer learns of it as its lease is renewed.
        world.run_for(LEASE_TTL / 2);
        assert!(*is_deleted.lock().unwrap(), "seed {seed}");
        world.run_for(LOOK);
        let got = got.lock().unwrap();
        let what: Vec<&str> = got.iter().map(|(_, what)| *what).collect();
        assert_eq!(what, ["fragment", "fragment", "fragment", "stream deleted", "end"]);
        let is_late = got.iter().zip(&begun).any(|((at, _), begun)| at > begun);
        assert!(is_late, "seed {seed}: somebody told it: {got:?}");
    }
}

#[test]
fn a_hub_hears_of_its_configuration_by_its_next_call() {
    for seed in 0..8 {
        let mut world = world(seed);
        // It calls each 15 s: not in the second in which it does so anyway.
        world.run_for(Duration::from_secs(4 + 7 * seed));
        world.configure(World::edge_config());
        let since = world.now().mono;
        let is_in_sync = |world: &World| {
            world.server.sync(STREAM_ARN).is_some_and(|sync| sync.status() == SyncStatus::InSync)
        };
        while !is_in_sync(&world) {
            world.run_for(Duration::from_millis(100));
            let waited = world.now().mono - since;
            assert!(waited <= WAIT_MAX + 2 * SECOND, "seed {seed}: {waited:?}");
        }
        let waited = world.now().mono - since;
        assert!(waited > SECOND, "seed {seed}: somebody told it after {waited:?}");
    }
}

/// What is asked lies with the instance that holds the hub's call: no notice is needed.
#[test]
fn a_hub_hears_at_once_what_it_is_asked() {
    for seed in 0..8 {
        let mut world = world(seed);
        world.run_for(Duration::from_secs(3 + 7 * seed));
        world.server.test_camera("test", "key");
        let since = world.now().mono;
        while world.server.outcomes().is_empty() {
            world.run_for(Duration::from_millis(10));
            assert!(world.now().mono - since < SECOND, "seed {seed}");
        }
        let outcomes = world.server.outcomes();
        let [(_, Outcome::Answered(answer))] = outcomes.as_slice() else {
            panic!("seed {seed}: {outcomes:?}");
        };
        assert_eq!(answer.job_status, JobStatus::Success, "seed {seed}");
    }
}
