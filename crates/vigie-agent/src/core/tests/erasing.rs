//! Erasing a stream that holds many media files: step by step, beside the recording, over kills and refusals of the disk.

use std::time::Instant;

use vigie_kvs::shapes::edge::DeletionConfig;
use vigie_kvs::shapes::sync_edge_agent::{ErasedMedia, Phase};
use vigie_store::{FragmentMeta, WholeFragment};

use super::*;

const YARD_ARN: &str = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/yard/1700000000001";
const YARD_KEY: &str = "yard.1700000000001";
/// The stream of the same name that was created after the other was deleted.
const ANEW_ARN: &str = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/gate/1700000900000";
const FILES: u64 = 60;
const FRAGMENT_BYTES: usize = 20_000;
/// Of one step.
const FILES_PER_STEP: usize = 8;
const TICK: Duration = Duration::from_millis(10);

/// Neither records nor uploads.
fn idle() -> EdgeConfig {
    let always = edge_config();
    let schedule_config = schedule("0 0 0 1 1 ? 2099", 60);
    EdgeConfig {
        recorder_config: RecorderConfig { schedule_config, ..always.recorder_config.clone() },
        uploader_config: never(),
        deletion_config: Some(DeletionConfig {
            delete_after_upload: Some(false),
            ..DeletionConfig::default()
        }),
        ..always
    }
}

fn of(
    stream_name: &str,
    stream_arn: &str,
    revision: u64,
    edge_config: EdgeConfig,
) -> Configuration {
    let (stream_name, stream_arn) = (stream_name.to_owned(), stream_arn.to_owned());
    Configuration { stream_name, stream_arn, ..configuration(revision, edge_config) }
}

fn yard() -> Configuration {
    of("yard", YARD_ARN, 1, EdgeConfig { uploader_config: never(), ..edge_config() })
}

fn deletion(revision: u64) -> Configuration {
    Configuration { action: Action::Delete, ..configuration(revision, idle()) }
}

/// A hub that records the yard, and holds `FILES` media files of the gate.
fn hub_with_a_large_stream() -> (Bench, Session) {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, idle())]);
    bench.hub = None;
    let index = Box::new(SqliteIndex::open(bench.directory.join("index.sqlite")).unwrap());
    let settings = StoreSettings { media_file_size_bytes_max: 1, ..StoreSettings::HUB };
    let media = bench.directory.join("media");
    let (mut store, _) = Store::open(bench.disk.clone(), media, index, settings).unwrap();
    let mut sequences = Vec::new();
    for number in 0..FILES {
        let at = START.plus_millis(number as i64 * 2000);
        let meta = FragmentMeta {
            sequence: store.reserve_sequences(KEY, 1).unwrap().start,
            producer_timestamp: at,
            server_timestamp: at,
            timecode_ms: at.as_millis(),
            number_tail: 0,
            begins_with_key_frame: true,
        };
        sequences.push(meta.sequence);
        let whole = WholeFragment::new(meta, 2000, 1, Bytes::from(vec![7; FRAGMENT_BYTES]));
        store.append_fragment(KEY, &Bytes::from_static(b"header"), &whole).unwrap();
    }
    store.mark_uploaded(KEY, &sequences[..3]).unwrap();
    store.close().unwrap();
    bench.open();
    bench.seconds(2);
    bench.configure(vec![configuration(1, idle()), yard()]);
    let camera = bench.camera_opens();
    bench.said_of(ARN);
    (bench, camera)
}

impl Bench {
    /// Media files of the gate on the disk.
    fn left(&self) -> usize {
        std::fs::read_dir(self.directory.join("media").join(KEY)).map_or(0, Iterator::count)
    }

    /// Fragments of a stream that are durable.
    fn count(&mut self, key: &str) -> u64 {
        self.hub().store().reader().totals(key).unwrap().fragment_count
    }

    /// What was said of a stream since this was last asked.
    fn said_of(&mut self, arn: &str) -> Vec<(u64, Phase, Option<ErasedMedia>)> {
        let mut said = Vec::new();
        self.effects.retain(|effect| {
            let Effect::Sync { request, input } = effect else { return true };
            self.request = *request;
            let one = input.streams.iter().find(|one| one.stream_arn == arn);
            said.extend(one.map(|one| (one.revision, one.phase, one.erased_media.clone())));
            false
        });
        said
    }

    /// The service says this; the hub has not done more than to take it.
    fn told(&mut self, configurations: Vec<Configuration>) {
        let cursor = format!("after-{}", self.request);
        let (request, configurations) = (self.request, Some(configurations));
        let output = SyncEdgeAgentOutput { cursor, configurations, ..Default::default() };
        self.event(Event::SyncAnswered { request, output });
    }

    /// Until a part of the gate is gone.
    fn erase_a_part(&mut self) {
        let is_half = (0..200).any(|_| {
            self.pass(TICK);
            self.left() as u64 <= FILES / 2
        });
        assert!(is_half && self.left() > 0, "{} files", self.left());
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "how long a step keeps the real disk is measured")]
fn a_large_stream_goes_in_steps_and_the_others_are_recorded_in_between() {
    let (mut bench, camera) = hub_with_a_large_stream();
    bench.frame(0, true, 100);
    bench.play(&camera, 3);
    bench.said_of(ARN);
    let at_first = bench.count(YARD_KEY);
    assert_eq!((bench.left() as u64, bench.count(KEY)), (FILES, FILES));
    bench.told(vec![deletion(2), yard()]);
    let mut slowest = Duration::ZERO;
    let (mut steps, mut ticks, mut committed_between) = (0, 0, 0);
    let mut last = None;
    while bench.left() > 0 {
        let (before, yard_before) = (bench.left(), bench.count(YARD_KEY));
        let frame = bench.frame(10, ticks % 25 == 0, 2000);
        bench.source(&camera, SourceEvent::Frames(vec![frame]));
        let began = Instant::now();
        bench.pass(TICK);
        slowest = slowest.max(began.elapsed());
        let gone = before - bench.left();
        assert!(gone <= FILES_PER_STEP, "{gone} files in one step");
        steps += usize::from(gone > 0);
        ticks += 1;
        committed_between += bench.count(YARD_KEY) - yard_before;
        let is_there = bench.left() > 0;
        for (revision, phase, erased) in bench.said_of(ARN) {
            assert_eq!(
                (revision, phase),
                (2, if is_there { Phase::Received } else { Phase::Erased })
            );
            assert!(erased.as_ref().is_none_or(|erased| erased.fragment_count == FILES));
            last = erased;
        }
        assert!(ticks < 1000, "it does not end");
    }
    assert!(steps >= FILES as usize / FILES_PER_STEP, "{steps} steps");
    // Between two steps the hub has at least four ticks for others.
    assert!(ticks >= 4 * (steps - 1), "{ticks} ticks, {steps} steps");
    eprintln!("{FILES} files in {steps} steps, {ticks} ticks; the slowest took {slowest:?}");
    assert!(slowest < Duration::from_secs(2), "a step took {slowest:?}");

    bench.play(&camera, 2);
    let said = bench.said_of(ARN).into_iter();
    let erased = said.map(|(_, _, erased)| erased).chain([last]).flatten().next().unwrap();
    assert_eq!((erased.fragment_count, erased.not_uploaded.fragment_count), (FILES, FILES - 3));
    assert!(erased.size_bytes >= FILES * FRAGMENT_BYTES as u64, "{erased:?}");
    assert_eq!(bench.count(KEY), 0);
    // All that the camera gave meanwhile is there, without a gap.
    assert!(bench.count(YARD_KEY) >= at_first + 2 + committed_between);
    let query = FragmentQuery::all(FragmentOrder::Sequence, 1000);
    let yard = bench.hub().store().reader().fragments(YARD_KEY, &query).unwrap();
    for pair in yard.windows(2) {
        let gap_ms = pair[1].entry.producer_timestamp.millis_since(pair[0].entry.producer_until());
        assert!(gap_ms < 1000, "{gap_ms} ms are missing");
    }
}

#[test]
fn a_kill_in_the_middle_goes_on_at_the_next_start_and_the_count_stays() {
    let (mut bench, _) = hub_with_a_large_stream();
    bench.said_of(ARN);
    bench.told(vec![deletion(2), yard()]);
    let mut kills = 0;
    let mut left = bench.left();
    for _ in 0..1000 {
        bench.pass(TICK);
        if bench.left() < left {
            // After each step.
            left = bench.left();
            kills += 1;
            bench.said_of(ARN);
            bench.kill_and_open();
            let is_there = bench.left() > 0;
            for (_, phase, erased) in bench.said_of(ARN) {
                assert!(!is_there || phase == Phase::Received, "{phase}, {left} files");
                assert_eq!(erased.unwrap().fragment_count, FILES);
            }
        }
    }
    assert!(kills >= 7, "{kills}");
    bench.kill_and_open();
    bench.seconds(2);
    let (_, phase, erased) = bench.said_of(ARN).pop().unwrap();
    let erased = erased.unwrap();
    assert_eq!((phase, erased.fragment_count), (Phase::Erased, FILES));
    assert_eq!(erased.not_uploaded.fragment_count, FILES - 3);
    let known = bench.hub().store().reader().stream_keys().unwrap();
    assert_eq!(known, [YARD_KEY]);
}

#[test]
fn a_stream_that_is_deleted_again_or_configured_anew_meanwhile_waits_for_the_end() {
    let (mut bench, _) = hub_with_a_large_stream();
    bench.said_of(ARN);
    bench.told(vec![deletion(2), yard()]);
    bench.erase_a_part();
    bench.said_of(ARN);
    // Again: the count is still the whole one.
    bench.told(vec![deletion(3), yard()]);
    let (revision, phase, erased) = bench.said_of(ARN).pop().unwrap();
    assert_eq!((revision, phase), (3, Phase::Received));
    assert_eq!(erased.unwrap().fragment_count, FILES);
    // By a service that forgot what it had asked for.
    bench.told(vec![configuration(4, idle()), yard()]);
    assert!(bench.left() > 0);
    bench.kill_and_open();
    let (revision, phase, _) = bench.said_of(ARN).pop().unwrap();
    assert_eq!((revision, phase), (4, Phase::Received));
    bench.seconds(3);
    let (revision, phase, erased) = bench.said_of(ARN).pop().unwrap();
    assert_eq!((revision, phase, erased), (4, Phase::Applied, None));
    assert_eq!((bench.left(), bench.count(KEY)), (0, 0));
    // Nothing of the new one's is erased later.
    bench.told(vec![configuration(5, edge_config()), yard()]);
    bench.seconds(1);
    bench.kill_and_open();
    bench.seconds(2);
    let (revision, phase, erased) = bench.said_of(ARN).pop().unwrap();
    assert_eq!((revision, phase, erased), (5, Phase::Applied, None));
}

#[test]
fn a_new_stream_of_the_same_name_is_recorded_while_the_old_one_goes() {
    let (mut bench, _) = hub_with_a_large_stream();
    bench.said_of(ARN);
    let anew = of("gate", ANEW_ARN, 1, EdgeConfig { uploader_config: never(), ..edge_config() });
    bench.told(vec![deletion(2), yard(), anew]);
    bench.pass(TICK);
    assert!(bench.left() > 0);
    let camera = bench.camera_opens();
    assert_eq!(&*camera.stream, ANEW_ARN);
    let mut ticks = 0;
    while bench.left() > 0 {
        let frame = bench.frame(10, ticks % 25 == 0, 2000);
        bench.source(&camera, SourceEvent::Frames(vec![frame]));
        bench.pass(TICK);
        ticks += 1;
    }
    bench.play(&camera, 2);
    assert!(bench.said_of(ARN).iter().any(|(_, phase, _)| *phase == Phase::Erased));
    let recorded = bench.count("gate.1700000900000");
    assert!(recorded >= 1, "{recorded}");
    bench.kill_and_open();
    bench.seconds(2);
    assert!(bench.count("gate.1700000900000") >= recorded);
}

#[test]
fn what_the_disk_refuses_to_remove_is_said_and_tried_again() {
    let (mut bench, _) = hub_with_a_large_stream();
    bench.said_of(ARN);
    bench.told(vec![deletion(2), yard()]);
    bench.erase_a_part();
    bench.disk.refuse_to_unlink(true);
    bench.seconds(1);
    let left = bench.left();
    assert!(left > 0);
    let (_, phase, erased) = bench.said_of(ARN).pop().unwrap();
    assert_eq!((phase, erased.unwrap().fragment_count), (Phase::EraseFailed, FILES));
    bench.disk.refuse_to_unlink(false);
    bench.seconds(15);
    assert_eq!(bench.left(), 0);
    let (_, phase, erased) = bench.said_of(ARN).pop().unwrap();
    assert_eq!((phase, erased.unwrap().fragment_count), (Phase::Erased, FILES));
}
