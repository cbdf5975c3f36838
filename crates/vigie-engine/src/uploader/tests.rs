//! Behaviours of the uploader job.

use std::collections::BTreeMap;

use vigie_kvs::FragmentNumber;
use vigie_kvs::acknowledgement::{Acknowledgement, AcknowledgementEvent};

use super::*;
use crate::chance::NoChance;
use crate::cron::CronExpression;

/// A hub's store: fragments by id, with what is marked.
#[derive(Clone, Default)]
pub(super) struct Store {
    pub(super) fragments: BTreeMap<u32, (Pending<u32>, bool)>,
}

impl Backlog<u32> for Store {
    fn not_uploaded_after(&self, after: Option<u32>, limit: usize) -> Vec<Pending<u32>> {
        let from = after.map_or(0, |after| after + 1);
        self.fragments
            .range(from..)
            .filter(|(_, (_, marked))| !marked)
            .map(|(_, (p, _))| *p)
            .take(limit)
            .collect()
    }

    fn timecodes_not_uploaded(&self) -> Option<(Timestamp, Timestamp)> {
        let timecodes =
            || self.fragments.values().filter(|(_, marked)| !marked).map(|(p, _)| p.timecode);
        timecodes().min().zip(timecodes().max())
    }
}

impl Store {
    /// A fragment of 2 s, 1 MB; its id counts from 0 and its timecode is `START` and two seconds each.
    pub(super) fn add(&mut self, document: u64) {
        let id = self.fragments.len() as u32;
        let pending = Pending { id, timecode: timecode(id), size_bytes: SIZE_BYTES, document };
        self.fragments.insert(id, (pending, false));
    }

    /// The fragment begins elsewhere in time.
    pub(super) fn shift(&mut self, id: u32, by_ms: i64) {
        if let Some((pending, _)) = self.fragments.get_mut(&id) {
            pending.timecode = pending.timecode.plus_millis(by_ms);
        }
    }

    pub(super) fn mark(&mut self, id: u32) {
        if let Some((_, marked)) = self.fragments.get_mut(&id) {
            *marked = true;
        }
    }

    pub(super) fn not_uploaded(&self) -> usize {
        self.fragments.values().filter(|(_, marked)| !marked).count()
    }
}

/// Of each fragment.
pub(super) const SIZE_BYTES: u64 = 1_000_000;
// 2026-11-22T08:00:00Z
const START: Timestamp = Timestamp::from_millis(1_795_334_400_000);

pub(super) fn timecode(id: u32) -> Timestamp {
    START.plus_millis(i64::from(id) * 2000)
}

/// A job with a store and a clock of its own.
pub(super) struct Bench {
    pub(super) job: Uploader<u32>,
    pub(super) store: Store,
    pub(super) elapsed: Duration,
}

impl Bench {
    pub(super) fn new(schedule: Schedule, fragments: u32) -> Self {
        let mut store = Store::default();
        (0..fragments).for_each(|_| store.add(1));
        Self { job: Uploader::new(schedule, TimeZone::UTC, START), store, elapsed: Duration::ZERO }
    }

    pub(super) fn now(&self) -> Now {
        Now { wall: START + self.elapsed, mono: self.elapsed }
    }

    /// The actions as text, with their marks made.
    pub(super) fn send(&mut self, event: Event<u32>) -> String {
        let now = self.now();
        let actions = self.job.handle(event, &self.store, now, &mut NoChance);
        let words = actions.iter().map(|action| match *action {
            Action::Connect { document, start, .. } => {
                format!("connect({document} from {})", start.millis_since(START) / 2000)
            }
            Action::ListFragments { from, until, .. } => {
                format!(
                    "list({}..{})",
                    from.millis_since(START) / 2000,
                    until.millis_since(START) / 2000
                )
            }
            Action::SendFragment { id, complete, .. } => {
                format!("{id}{}", if complete { "." } else { "" })
            }
            Action::MarkUploaded { id } => {
                self.store.mark(id);
                format!("uploaded({id})")
            }
            Action::MarkRefused { id, error } => {
                self.store.mark(id);
                format!("refused({id} {})", error.id())
            }
            Action::FinishUpload { .. } => "finish".to_owned(),
            Action::CloseUpload { .. } => "close".to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    pub(super) fn wait(&mut self, seconds: u64) -> String {
        self.elapsed += Duration::from_secs(seconds);
        self.send(Event::Tick)
    }

    pub(super) fn attempt(&self) -> u64 {
        self.job.attempt
    }

    pub(super) fn connected(&mut self) -> String {
        let attempt = self.attempt();
        self.send(Event::Connected { attempt })
    }

    pub(super) fn listed(&mut self, ids: &[u32]) -> String {
        let listed =
            |id: &u32| Listed { producer_timestamp: timecode(*id), size_bytes: SIZE_BYTES };
        let (fragments, attempt) = (ids.iter().map(listed).collect(), self.attempt());
        self.send(Event::Listed { attempt, fragments })
    }

    pub(super) fn acknowledged(&mut self, event: AcknowledgementEvent, id: u32) -> String {
        let attempt = self.attempt();
        let number = number();
        let acknowledgement = Acknowledgement::of(event, timecode(id).as_millis(), number);
        self.send(Event::Acknowledged { attempt, acknowledgement })
    }

    pub(super) fn persisted(&mut self, id: u32) -> String {
        self.acknowledged(AcknowledgementEvent::Persisted, id)
    }

    pub(super) fn error(&mut self, error: ErrorId, id: u32) -> String {
        self.acknowledged(AcknowledgementEvent::Error(error), id)
    }

    pub(super) fn fail(&mut self, failure: Failure) -> String {
        let attempt = self.attempt();
        self.send(Event::Failed { attempt, failure })
    }

    pub(super) fn status(&self) -> String {
        format!("{} {}", self.job.status().outcome, self.job.status().details)
    }

    /// From the first tick to what is sent first.
    pub(super) fn start(&mut self) -> String {
        self.send(Event::Tick);
        self.connected();
        self.listed(&[])
    }
}

/// The job does not look at fragment numbers.
pub(super) fn number() -> FragmentNumber {
    FragmentNumber::new(1, START, 0)
}

fn windows(expression: &str, duration_seconds: u32) -> Schedule {
    Schedule::Windows { cron: CronExpression::parse(expression).unwrap(), duration_seconds }
}

#[test]
fn a_schedule_that_never_fires_again_is_an_error_of_its_user() {
    let mut bench = Bench::new(windows("0 0 9 30 2 ?", 60), 1);
    assert_eq!(bench.send(Event::Tick), "");
    assert_eq!(bench.job.status().outcome, JobOutcome::UserError);
    assert_eq!(bench.job.status().details, crate::schedule::OVER_DETAILS);
}

#[test]
fn it_connects_asks_what_is_there_sends_the_oldest_first_and_marks_what_is_persisted() {
    let mut bench = Bench::new(Schedule::Always, 3);
    assert_eq!(bench.send(Event::Tick), "connect(1 from 0)");
    assert_eq!(bench.connected(), "list(0..2)");
    assert_eq!(bench.listed(&[]), "0 1 2.");
    assert_eq!(bench.acknowledged(AcknowledgementEvent::Buffering, 0), "");
    assert_eq!(bench.acknowledged(AcknowledgementEvent::Received, 0), "");
    assert_eq!(bench.persisted(0), "uploaded(0)");
    assert_eq!(bench.status(), "SUCCESS uploading");
    assert_eq!(bench.job.status().last_collected, Some(START));
    bench.store.add(1);
    assert_eq!(bench.send(Event::MediaAdded), "3.");
}

#[test]
fn a_job_is_live_when_a_window_is_open_and_all_before_is_sent() {
    let mut bench = Bench::new(Schedule::Always, 0);
    assert!(!bench.job.is_live(), "it has not looked yet");
    bench.send(Event::Tick);
    assert!(bench.job.is_live(), "nothing waits");
    bench.store.add(1);
    bench.send(Event::MediaAdded);
    assert!(!bench.job.is_live(), "it connects first");
    bench.connected();
    bench.listed(&[]);
    assert!(bench.job.is_live(), "all is sent");
    bench.fail(Failure::Closed);
    assert!(!bench.job.is_live(), "it waits to try again");

    // More than goes out at once.
    let mut bench = Bench::new(Schedule::Always, 80);
    bench.start();
    assert!(!bench.job.is_live(), "it catches up");
    // A window that opens each hour and takes what was there then.
    let mut bench = Bench::new(windows("0 0 9 * * ?", 3600), 0);
    bench.send(Event::Tick);
    assert!(!bench.job.is_live(), "no window is open");
}

#[test]
fn without_media_it_waits_and_ends_the_connection_before_the_service_does() {
    let mut bench = Bench::new(Schedule::Always, 0);
    assert_eq!(bench.send(Event::Tick), "");
    assert_eq!(bench.status(), "SUCCESS everything that is due is uploaded");
    bench.store.add(1);
    assert_eq!(bench.send(Event::MediaAdded), "connect(1 from 0)");
    bench.connected();
    bench.listed(&[]);
    assert_eq!(bench.persisted(0), "uploaded(0)");
    assert_eq!(bench.wait(19), "");
    assert_eq!(bench.wait(1), "finish");
    let attempt = bench.attempt();
    assert_eq!(bench.send(Event::Ended { attempt }), "close");
    assert_eq!(bench.job.state(), &State::WaitingForMedia);
    // No doubt is left, so the next connection need not ask.
    bench.store.add(1);
    assert_eq!(bench.send(Event::MediaAdded), "connect(1 from 1)");
    assert_eq!(bench.connected(), "1.");
}

#[test]
fn what_the_service_holds_already_is_marked_and_not_sent() {
    let mut bench = Bench::new(Schedule::Always, 4);
    bench.send(Event::Tick);
    bench.connected();
    assert_eq!(bench.listed(&[0, 2]), "uploaded(0) 1 uploaded(2) 3.");
}

#[test]
fn what_was_in_flight_when_the_connection_was_cut_is_asked_for() {
    let mut bench = Bench::new(Schedule::Always, 4);
    assert_eq!(bench.start(), "0 1 2 3.");
    bench.persisted(0);
    assert_eq!(bench.fail(Failure::Closed), "close");
    assert_eq!(
        bench.status(),
        "SYSTEM_ERROR the connection to the service was cut; connecting again"
    );
    bench.store.add(1);
    assert_eq!(bench.wait(1), "connect(1 from 1)");
    assert_eq!(bench.connected(), "list(1..3)");
    assert_eq!(bench.listed(&[1, 2]), "uploaded(1) uploaded(2) 3 4.");
}

#[test]
fn a_key_that_may_not_list_uploads_all_the_same_and_says_so() {
    let mut bench = Bench::new(Schedule::Always, 1);
    bench.send(Event::Tick);
    bench.connected();
    let attempt = bench.attempt();
    assert_eq!(bench.send(Event::ListDenied { attempt }), "0.");
    bench.persisted(0);
    assert!(bench.status().starts_with("SUCCESS uploading; allow kinesisvideo:ListFragments"));
}

#[test]
fn fragments_in_flight_are_bounded_by_number_and_by_bytes() {
    let mut bench = Bench::new(Schedule::Always, 100);
    bench.store.fragments.values_mut().for_each(|(pending, _)| pending.size_bytes = 1000);
    bench.start();
    assert_eq!(bench.job.in_flight().count(), 32);
    // The store is asked again when half of the room is free.
    for id in 0..15 {
        assert_eq!(bench.persisted(id), format!("uploaded({id})"));
    }
    assert!(bench.persisted(15).starts_with("uploaded(15) 32 33"));

    let mut bench = Bench::new(Schedule::Always, 100);
    bench.store.fragments.values_mut().for_each(|(pending, _)| pending.size_bytes = 40_000_000);
    assert_eq!(bench.start(), "0.");
    assert_eq!(bench.persisted(0), "uploaded(0) 1.");
}

#[test]
fn another_document_needs_another_connection() {
    let mut bench = Bench::new(Schedule::Always, 2);
    bench.store.add(2);
    assert_eq!(bench.start(), "0 1. finish");
    bench.persisted(0);
    assert_eq!(bench.persisted(1), "uploaded(1)");
    let attempt = bench.attempt();
    assert_eq!(bench.send(Event::Ended { attempt }), "close connect(2 from 2)");
    assert_eq!(bench.connected(), "2.");
}

#[test]
fn when_the_window_closes_what_is_in_flight_is_awaited_and_nothing_new_sent() {
    let mut bench = Bench::new(windows("0 0 8 * * ?", 60), 2);
    assert_eq!(bench.start(), "0 1.");
    bench.elapsed = Duration::from_secs(60);
    bench.store.add(1);
    assert_eq!(bench.send(Event::MediaAdded), "finish");
    bench.persisted(0);
    assert_eq!(bench.persisted(1), "uploaded(1)");
    assert_eq!(bench.status(), "SUCCESS uploading");
    // A service that does not end its answer is not waited for.
    assert_eq!(bench.wait(5), "close");
    assert_eq!(bench.job.state(), &State::WaitingForWindow);
    assert_eq!(bench.status(), "SUCCESS waiting for the next window of ScheduleConfig");
    assert_eq!(bench.wait(24 * 3600 - 66), "");
    assert_eq!(bench.wait(1), "connect(1 from 2)");
}

#[test]
fn hourly_uploads_what_began_before_the_full_hour_and_then_rests() {
    let mut bench = Bench::new(Schedule::Hourly, 0);
    // The first half hour of media, from 08:00 on.
    (0..900).for_each(|_| bench.store.add(1));
    assert_eq!(bench.send(Event::Tick), "");
    assert_eq!(bench.wait(3599), "");
    assert_eq!(bench.wait(1), "connect(1 from 0)");
    bench.connected();
    let mut sent = bench.listed(&[]);
    let mut next = 0;
    while !sent.ends_with("finish") {
        sent = bench.persisted(next);
        next += 1;
    }
    while bench.store.not_uploaded() > 0 {
        bench.persisted(next);
        next += 1;
    }
    let attempt = bench.attempt();
    assert_eq!(bench.send(Event::Ended { attempt }), "close");
    bench.store.fragments.insert(
        900,
        (Pending { id: 900, timecode: timecode(1800), size_bytes: 1, document: 1 }, false),
    );
    assert_eq!(bench.send(Event::MediaAdded), "");
    assert_eq!(bench.wait(3600), "connect(1 from 1800)");
}

#[test]
fn failures_back_off_and_say_what_to_do() {
    let mut bench = Bench::new(Schedule::Always, 1);
    bench.send(Event::Tick);
    let mut waits = Vec::new();
    for _ in 0..8 {
        assert_eq!(bench.fail(Failure::AccessDenied), "close");
        let now = bench.now();
        let wait = bench.job.next_deadline(now) - now.mono;
        waits.push(wait.as_secs_f64());
        bench.elapsed += wait;
        assert_eq!(bench.send(Event::Tick), "connect(1 from 0)");
    }
    assert_eq!(waits, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]);
    assert!(bench.status().starts_with("USER_ERROR the service denies the hub"));
}

#[test]
fn silence_is_noticed_and_progress_is_not_silence() {
    let mut bench = Bench::new(Schedule::Always, 1);
    bench.start();
    for _ in 0..10 {
        assert_eq!(bench.wait(20), "");
        let attempt = bench.attempt();
        bench.send(Event::Progress { attempt });
    }
    assert_eq!(bench.wait(30), "close");
    assert!(bench.status().starts_with("SYSTEM_ERROR the service or the network to it stopped"));
}

#[test]
fn a_stream_without_retention_is_recognised() {
    let mut bench = Bench::new(Schedule::Always, 1);
    bench.start();
    bench.acknowledged(AcknowledgementEvent::Received, 0);
    assert_eq!(bench.wait(30), "close");
    assert!(bench.status().contains("DataRetentionInHours of the stream is greater than 0"));
}

#[test]
fn a_connection_that_ends_for_its_age_is_followed_by_another_at_once() {
    let mut bench = Bench::new(Schedule::Always, 2);
    bench.start();
    bench.persisted(0);
    bench.elapsed = Duration::from_secs(45 * 60);
    assert_eq!(bench.error(ErrorId::MaxConnectionDurationReached, 1), "close connect(1 from 1)");
    assert_eq!(bench.status(), "SUCCESS uploading");
    assert_eq!(bench.connected(), "list(1..1)");
}

#[test]
fn a_service_that_ends_every_connection_for_its_age_is_not_hammered() {
    let mut bench = Bench::new(Schedule::Always, 2);
    bench.start();
    assert_eq!(bench.error(ErrorId::MaxConnectionDurationReached, 0), "close");
    assert!(matches!(bench.job.state(), State::BackingOff { .. }));
}

#[test]
fn a_fragment_that_can_never_be_taken_is_refused_said_and_passed_by() {
    let mut bench = Bench::new(Schedule::Always, 3);
    bench.start();
    bench.persisted(0);
    assert_eq!(bench.error(ErrorId::MaxFragmentSizeReached, 1), "refused(1 4001) close");
    assert_eq!(
        bench.status(),
        "USER_ERROR the service reports 4001 MAX_FRAGMENT_SIZE_REACHED; the fragment is too large: lower the camera's \
         bit rate"
    );
    assert_eq!(bench.wait(1), "connect(1 from 2)");
    assert_eq!(bench.connected(), "list(2..2)");
    assert_eq!(bench.listed(&[]), "2.");
    bench.persisted(2);
    assert!(
        bench
            .status()
            .starts_with("SUCCESS uploading; the service refused 1 fragments, the last with 4001")
    );
}

#[test]
fn a_fragment_blamed_for_its_predecessor_gets_a_second_chance_as_the_first_of_a_connection() {
    let mut bench = Bench::new(Schedule::Always, 2);
    bench.start();
    bench.persisted(0);
    assert_eq!(bench.error(ErrorId::FragmentTimecodeLesserThanPrevious, 1), "close");
    bench.wait(1);
    bench.connected();
    assert_eq!(bench.listed(&[]), "1.");
    assert_eq!(
        bench.error(ErrorId::FragmentTimecodeLesserThanPrevious, 1),
        "refused(1 4004) close"
    );
}

#[test]
fn errors_that_name_no_fragment_are_not_repeated_for_ever() {
    let mut bench = Bench::new(Schedule::Always, 2);
    bench.start();
    let nameless = |bench: &mut Bench| {
        let attempt = bench.attempt();
        let acknowledgement = Acknowledgement::error_before_any_fragment(ErrorId::InvalidMkvData);
        bench.send(Event::Acknowledged { attempt, acknowledgement })
    };
    for _ in 0..2 {
        assert_eq!(nameless(&mut bench), "close");
        bench.wait(60);
        bench.connected();
        bench.listed(&[]);
    }
    assert_eq!(nameless(&mut bench), "refused(0 4006) close");
}

#[test]
fn a_fragment_that_policy_deleted_before_it_was_sent_is_not_awaited() {
    let mut bench = Bench::new(Schedule::Always, 2);
    bench.start();
    bench.store.fragments.remove(&1);
    let attempt = bench.attempt();
    assert_eq!(bench.send(Event::FragmentGone { attempt, id: 1 }), "");
    assert_eq!(bench.persisted(0), "uploaded(0)");
    assert_eq!(bench.wait(20), "finish");
}

#[test]
fn late_answers_of_a_closed_connection_move_nothing() {
    let mut bench = Bench::new(Schedule::Always, 2);
    bench.start();
    let old = bench.attempt();
    bench.fail(Failure::Closed);
    bench.wait(1);
    let number = number();
    let acknowledgement =
        Acknowledgement::of(AcknowledgementEvent::Persisted, START.as_millis(), number);
    assert_eq!(bench.send(Event::Acknowledged { attempt: old, acknowledgement }), "");
    assert_eq!(bench.send(Event::Failed { attempt: old, failure: Failure::Closed }), "");
    assert_eq!(bench.send(Event::Ended { attempt: old }), "");
    assert!(matches!(bench.job.state(), State::Connecting { .. }));
}

#[test]
fn a_stopped_job_stays_stopped() {
    let mut bench = Bench::new(Schedule::Always, 2);
    bench.start();
    assert_eq!(bench.send(Event::Stop), "close");
    assert_eq!(bench.send(Event::MediaAdded), "");
}

#[test]
fn http_answers_are_told_apart() {
    let kind = |status, exception: &str| Failure::from_http(status, exception);
    assert_eq!(kind(403, "NotAuthorizedException"), Failure::AccessDenied);
    assert_eq!(kind(404, "ResourceNotFoundException"), Failure::StreamNotFound);
    assert_eq!(kind(400, "ConnectionLimitExceededException"), Failure::ConnectionLimit);
    assert_eq!(kind(400, "ClientLimitExceededException"), Failure::ClientLimit);
    assert_eq!(kind(503, ""), Failure::ServiceFailed { status: 503 });
    let refused = kind(400, "InvalidArgument\nException");
    assert!(refused.details().contains("HTTP status 400 InvalidArgumentException; check"));
}
