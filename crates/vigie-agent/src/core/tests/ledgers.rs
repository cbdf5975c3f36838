//! The ledgers: what a hub says of media that is not there, and that a restart does not change it.

use vigie_kvs::shapes::edge::{DeletionConfig, LocalSizeConfig, StrategyOnFullSize};
use vigie_kvs::shapes::media_ledger::{
    LedgerEntry, LedgerKind, LedgerReceipt, LedgerReport, MediaGapReason,
};

use super::*;
use crate::ledger::{EntryQuery, LedgerDb, LedgerReader};

fn seconds(from: Timestamp, at: Timestamp) -> i64 {
    // Media begins a quarter of a second in, and with the frame's interval.
    (at.millis_since(from) + 500) / 1000
}

impl Bench {
    fn entries(&self, kind: LedgerKind) -> Vec<LedgerEntry> {
        let query = EntryQuery {
            kind: Some(kind),
            from: Timestamp::MIN,
            until: Timestamp::MAX,
            limit: 1000,
        };
        LedgerReader::open(&self.directory).unwrap().entries(ARN, query).unwrap()
    }

    /// Reason, begin and end in seconds since the bench began.
    pub(super) fn gaps(&self) -> Vec<(MediaGapReason, i64, i64)> {
        let entries = self.entries(LedgerKind::Gap);
        let at = |time| seconds(START, time);
        entries.iter().map(|e| (e.reason, at(e.start_timestamp), at(e.end_timestamp))).collect()
    }

    fn ledger(&mut self) -> LedgerReport {
        self.seconds(2);
        self.report().ledger.unwrap()
    }

    /// The service says how much it has.
    fn receipt(&mut self, ledger: &LedgerReport, sequence: u64) {
        let request = self.request;
        let receipt = LedgerReceipt {
            stream_arn: ARN.to_owned(),
            ledger_id: ledger.ledger_id.clone(),
            sequence,
        };
        let output = SyncEdgeAgentOutput {
            cursor: "same".to_owned(),
            configurations: None,
            ledgers: vec![receipt],
            requests: None,
            clock: None,
        };
        self.event(Event::SyncAnswered { request, output });
    }
}

#[test]
fn a_gap_has_its_reasons_in_their_order() {
    let mut bench = Bench::new();
    let session = {
        bench.configure(vec![configuration(1, edge_config())]);
        bench.seconds(5);
        bench.camera_opens()
    };
    bench.play(&session, 10);
    let now = bench.now;
    bench.source(&session, SourceEvent::Failed(vigie_engine::recorder::Failure::Ended));
    bench.seconds(3);
    // The window closes while the camera is away.
    let mut closed = edge_config();
    closed.recorder_config.schedule_config = schedule("0 0 0 1 1 ? 2099", 60);
    bench.configure(vec![configuration(2, closed)]);
    bench.seconds(7);
    let gaps = bench.gaps();
    // The third is open.
    let [
        (MediaGapReason::SourceOffline, 0, opened),
        (MediaGapReason::SourceOffline, failed, closed),
    ] = gaps[..]
    else {
        panic!("{gaps:?}")
    };
    assert!((5..=6).contains(&opened), "{gaps:?}");
    assert!((0..=1).contains(&(failed - seconds(START, now.wall))), "{gaps:?}");
    assert!((2..=4).contains(&(closed - failed)), "{gaps:?}");
    assert_eq!(bench.ledger().open_gap.unwrap().reason, MediaGapReason::ScheduleClosed);
}

#[test]
fn a_hub_that_was_off_says_so_when_it_is_back() {
    let mut bench = Bench::recording(edge_config());
    let session = bench_session(&mut bench);
    bench.play(&session, 10);
    bench.seconds(1);
    let stopped = bench.now.wall;
    bench.hub = None;
    bench.pass_off(60);
    let back = bench.now.wall;
    bench.open();
    bench.seconds(2);
    let session = bench.camera_opens();
    bench.play(&session, 3);
    bench.seconds(2);
    let gaps = bench.gaps();
    let off = gaps.iter().find(|(reason, ..)| *reason == MediaGapReason::HubOff).unwrap();
    assert!((-1..=0).contains(&(off.1 - seconds(START, stopped))), "{gaps:?}");
    assert_eq!(off.2, seconds(START, back));
    let (reason, from, until) = gaps.last().copied().unwrap();
    assert_eq!((reason, from), (MediaGapReason::SourceOffline, seconds(START, back)));
    assert!((2..=3).contains(&(until - from)), "{gaps:?}");
}

#[test]
fn a_hub_that_waited_was_off_since_its_last_heartbeat() {
    let mut closed = edge_config();
    closed.recorder_config.schedule_config = schedule("0 0 0 1 1 ? 2099", 60);
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, closed)]);
    bench.seconds(65);
    let killed = bench.now.wall;
    bench.hub = None;
    bench.pass_off(600);
    let back = bench.now.wall;
    bench.open();
    bench.seconds(2);
    let gaps = bench.gaps();
    let [(MediaGapReason::ScheduleClosed, 0, beat), (MediaGapReason::HubOff, off, on)] = gaps[..]
    else {
        panic!("{gaps:?}")
    };
    assert_eq!((beat, on), (off, seconds(START, back)));
    let late = seconds(START, killed) - beat;
    assert!((0..=10).contains(&late), "the heartbeat was {late} s old");
}

#[test]
fn a_loss_is_durable_before_its_media_is_gone() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(
        1,
        EdgeConfig {
            uploader_config: never(),
            deletion_config: Some(DeletionConfig {
                edge_retention_in_hours: None,
                local_size_config: Some(LocalSizeConfig {
                    max_local_media_size_in_mb: Some(64),
                    strategy_on_full_size: Some(StrategyOnFullSize::DeleteOldestMedia),
                }),
                delete_after_upload: None,
            }),
            ..edge_config()
        },
    )]);
    let session = bench.camera_opens();
    for _ in 0..30 {
        bench.play_frames(&session, 1, 1_000_000);
    }
    bench.seconds(2);
    let losses = bench.entries(LedgerKind::Loss);
    assert_eq!(losses.len(), 1, "what goes bit by bit is one loss: {losses:?}");
    let totals = bench.report().ledger.unwrap().losses;
    assert_eq!(
        (losses[0].fragment_count, losses[0].size_bytes),
        (totals.fragment_count, totals.size_bytes)
    );
    assert!(totals.size_bytes > 40_000_000, "{totals:?}");
    let oldest = bench.fragments()[0].entry.producer_timestamp;
    assert_eq!(losses[0].end_timestamp, oldest);

    // Killed between the two: the media is still there, so nothing was lost by it, and the total stays.
    let file = bench.hub().store().reader().media_files(KEY).unwrap()[0].id;
    let runs = vec![vigie_engine::ledger::Deleted {
        from: oldest,
        until: oldest.plus_millis(1000),
        lost: Some(vigie_engine::ledger::Lost { fragment_count: 1, size_bytes: 1 }),
    }];
    let intent = crate::ledger::Intent {
        stream: ARN.to_owned(),
        media_file_id: file.0,
        reason: MediaGapReason::DeletedBySize,
        runs,
    };
    bench.hub = None;
    let mut ledger = SqliteLedger::open(&bench.directory).unwrap();
    ledger.apply(&[crate::ledger::Change::Intend(intent)]).unwrap();
    drop(ledger);
    bench.effects.clear();
    bench.open();
    bench.seconds(2);
    assert_eq!(bench.report().ledger.unwrap().losses, totals);
    assert_eq!(bench.snapshot().streams[0].lost_bytes, totals.size_bytes);
}

#[test]
fn entries_are_reported_until_the_service_has_them() {
    let mut bench = Bench::recording(edge_config());
    let session = bench_session(&mut bench);
    for _ in 0..3 {
        bench.play(&session, 2);
        // The camera skips five seconds.
        bench.seconds(5);
        bench.media_ms += 5000;
    }
    bench.play(&session, 2);
    let first = bench.ledger();
    assert_eq!((first.after, first.entries.len()), (None, 0), "nobody knows what the service has");
    assert!(first.sequence >= 3, "{first:?}");
    bench.receipt(&first, 0);
    let report = bench.ledger();
    assert_eq!(report.after, Some(0));
    let sequences: Vec<u64> = report.entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!(sequences.last(), Some(&first.sequence));
    assert!(sequences.is_sorted());
    // It took the first alone.
    bench.receipt(&report, sequences[0]);
    let rest = bench.ledger();
    assert_eq!(rest.entries.len(), report.entries.len() - 1);
    bench.receipt(&rest, first.sequence);
    assert_eq!(bench.ledger().entries, []);
    // A service that lost its memory gets all of it again.
    bench.receipt(&rest, 0);
    assert_eq!(bench.ledger().entries.len(), report.entries.len());
}

#[test]
fn what_is_not_uploaded_is_said_by_range() {
    let mut bench = Bench::recording(EdgeConfig { uploader_config: never(), ..edge_config() });
    let session = bench_session(&mut bench);
    bench.play(&session, 5);
    bench.answer(None);
    bench.seconds(2);
    let report = bench.report();
    let (ledger, media) = (report.ledger.unwrap(), report.local_media.unwrap());
    let [range] = ledger.not_uploaded[..] else { panic!("{ledger:?}") };
    assert_eq!(Some(range.start_timestamp), media.oldest_timestamp);
    assert!(media.upload_lag_seconds.unwrap() >= 4);
    assert_eq!(media.size_bytes_max, None);
}

#[test]
fn an_erased_stream_leaves_no_ledger() {
    let mut bench = Bench::recording(edge_config());
    let session = bench_session(&mut bench);
    bench.play(&session, 3);
    bench.seconds(2);
    let delete = Configuration { action: Action::Delete, ..configuration(2, edge_config()) };
    bench.configure(vec![delete]);
    bench.seconds(2);
    assert_eq!(bench.gaps(), []);
    assert_eq!(LedgerReader::open(&bench.directory).unwrap().summary(ARN).unwrap(), None);
}

/// The source's session: [`Bench::recording`] has opened one.
fn bench_session(bench: &mut Bench) -> Session {
    Session { stream: ARN.into(), number: bench.last_session }
}

#[test]
fn last_collected_times_and_missed_windows_are_known_after_a_restart() {
    let mut bench = Bench::new();
    let mut config = edge_config();
    // Open from the start on, and then at each half hour.
    config.recorder_config.schedule_config = schedule("0 20,50 * * * ?", 600);
    bench.configure(vec![configuration(1, config)]);
    let session = bench.camera_opens();
    bench.play(&session, 3);
    let upload = bench.upload_reconciles(&[]);
    for fragment in bench.sent() {
        bench.persisted(&upload, &fragment);
    }
    bench.play(&session, 12);
    let last = bench.now.wall;
    bench.kill_and_open();
    bench.pass_off(2 * 3600);
    bench.kill_and_open();
    bench.seconds(1);
    let report = bench.report();
    let recorder = report.recorder_status.unwrap();
    let recorded_at = recorder.last_collected_time.unwrap();
    // A commit, and what came since the fragment began.
    assert!((0..2_500).contains(&last.millis_since(recorded_at)), "{recorded_at} {last}");
    let uploaded_at = report.uploader_status.unwrap().last_collected_time.unwrap();
    assert!(last.millis_since(uploaded_at) < 13_000, "{uploaded_at}");
    let details = recorder.job_status_details.unwrap();
    assert!(details.contains("windows from 2023-11-20T12:20:00Z"), "{details}");
    assert!(details.contains("were missed, because the hub was off"), "{details}");
}

/// Where a copy of the only media file lies aside.
fn set_a_copy_aside(bench: &Bench) -> PathBuf {
    let files = bench.media_files();
    let file = files.iter().find(|file| file.parent().unwrap().ends_with(KEY)).unwrap();
    let aside = bench.directory.join("media/unclaimed").join(KEY);
    std::fs::create_dir_all(&aside).unwrap();
    let aside = aside.join(file.file_name().unwrap());
    std::fs::copy(file, &aside).unwrap();
    aside
}

/// A hub that recorded five seconds, which lie aside and are in its store no more, and is off.
fn hub_with_media_aside(config: EdgeConfig) -> (Bench, PathBuf, u64) {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, config)]);
    let camera = bench.camera_opens();
    bench.play(&camera, 5);
    bench.event(Event::Shutdown);
    let fragments = bench.fragments();
    bench.hub = None;
    let aside = set_a_copy_aside(&bench);
    let index = Box::new(SqliteIndex::open(bench.directory.join("index.sqlite")).unwrap());
    let media = bench.directory.join("media");
    let (mut store, _) = Store::open(bench.disk.clone(), media, index, StoreSettings::HUB).unwrap();
    store.delete_media_files(&[fragments[0].media_file.id]).unwrap();
    store.close().unwrap();
    (bench, aside, fragments.len() as u64)
}

fn idle(retention_in_hours: i32) -> EdgeConfig {
    EdgeConfig {
        uploader_config: never(),
        deletion_config: Some(DeletionConfig {
            edge_retention_in_hours: Some(retention_in_hours),
            delete_after_upload: Some(false),
            ..DeletionConfig::default()
        }),
        ..edge_config()
    }
}

#[test]
fn what_an_operator_removes_that_lay_aside_is_entered_once_at_the_next_start() {
    let (mut bench, aside, count) = hub_with_media_aside(idle(720));
    let size_bytes = std::fs::metadata(&aside).unwrap().len();
    let (media, index) = (bench.directory.join("media"), bench.directory.join("index.sqlite"));
    let files = vigie_store::unclaimed(&OsDisk, &media).unwrap();
    assert_eq!(files.len(), 1);
    vigie_store::discard_unclaimed(&OsDisk, &media, &index, &files).unwrap();
    assert!(!aside.exists());
    for _ in 0..3 {
        bench.pass_off(5);
        bench.open();
        bench.seconds(3);
        let losses = bench.entries(LedgerKind::Loss);
        let [loss] = &losses[..] else { panic!("{losses:?}") };
        assert_eq!(loss.reason, MediaGapReason::Erased);
        assert_eq!((loss.fragment_count, loss.size_bytes), (count, size_bytes));
        assert_eq!(
            (seconds(START, loss.start_timestamp), seconds(START, loss.end_timestamp)),
            (1, 6)
        );
        assert!(bench.gaps().contains(&(MediaGapReason::Erased, 1, 6)), "{:?}", bench.gaps());
        let told = bench.ledger().losses;
        assert_eq!((told.fragment_count, told.size_bytes), (count, size_bytes));
        bench.hub = None;
    }
}

#[test]
fn what_lay_aside_and_goes_by_its_age_is_entered_once() {
    let (mut bench, aside, count) = hub_with_media_aside(idle(1));
    bench.pass_off(5);
    bench.open();
    bench.pass(Duration::from_secs(50 * 60));
    assert!(aside.exists());
    bench.pass(Duration::from_secs(15 * 60));
    assert!(!aside.exists());
    for _ in 0..2 {
        let losses = bench.entries(LedgerKind::Loss);
        let [loss] = &losses[..] else { panic!("{losses:?}") };
        assert_eq!((loss.reason, loss.fragment_count), (MediaGapReason::DeletedByAge, count));
        assert!(bench.gaps().contains(&(MediaGapReason::DeletedByAge, 1, 6)), "{:?}", bench.gaps());
        assert_eq!(bench.ledger().losses.fragment_count, count);
        bench.kill_and_open();
        bench.seconds(3);
    }
}

#[test]
fn a_copy_that_lay_aside_is_a_loss_and_no_gap_and_one_that_is_still_there_is_neither() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, idle(720))]);
    let camera = bench.camera_opens();
    bench.play(&camera, 5);
    bench.event(Event::Shutdown);
    bench.hub = None;
    let aside = set_a_copy_aside(&bench);
    let (media, index) = (bench.directory.join("media"), bench.directory.join("index.sqlite"));
    let files = vigie_store::unclaimed(&OsDisk, &media).unwrap();
    let bytes = std::fs::read(&aside).unwrap();
    vigie_store::discard_unclaimed(&OsDisk, &media, &index, &files).unwrap();
    // As if it had been cut off behind its entry in the journal.
    bench.disk.create_new(&aside).unwrap().write_all_at(&[&bytes], 0).unwrap();
    bench.open();
    bench.seconds(3);
    assert_eq!(bench.entries(LedgerKind::Loss), []);
    bench.hub = None;
    vigie_store::discard_unclaimed(&OsDisk, &media, &index, &files).unwrap();
    bench.open();
    bench.seconds(3);
    let losses = bench.entries(LedgerKind::Loss);
    let [loss] = &losses[..] else { panic!("{losses:?}") };
    assert_eq!(loss.fragment_count, files[0].fragment_count);
    assert!(bench.gaps().iter().all(|(reason, ..)| *reason != MediaGapReason::Erased));
}
