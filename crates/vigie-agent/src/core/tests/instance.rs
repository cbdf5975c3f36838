//! Which agent this is, and what it does while another one works as its hub.

use vigie_fakes::chance::SimChance;
use vigie_kvs::error::ErrorKind;
use vigie_kvs::shapes::edge::JobStatus;
use vigie_kvs::shapes::sync_edge_agent::AgentInstance;

use super::*;

fn said(bench: &mut Bench) -> AgentInstance {
    bench.pass(Duration::from_millis(300));
    bench.sync().1.instance.unwrap()
}

fn refuse(bench: &mut Bench) {
    if bench.has(|effect| matches!(effect, Effect::Sync { .. })) {
        bench.sync();
    }
    let request = bench.request;
    let failure = CallFailure::Refused { status: 400, kind: Some(ErrorKind::ResourceInUse) };
    bench.event(Event::SyncFailed { request, failure });
}

#[test]
fn the_id_stays_with_the_folder() {
    let mut bench = Bench::new();
    let first = said(&mut bench);
    assert_eq!((first.instance_id.len(), first.take_over), (32, false));
    bench.kill_and_open();
    assert_eq!(said(&mut bench).instance_id, first.instance_id);
    // What cannot be understood is no reason not to record.
    #[allow(clippy::disallowed_methods, reason = "the test damages the file")]
    std::fs::write(bench.directory.join("instance.json"), b"{").unwrap();
    bench.kill_and_open();
    assert_eq!(said(&mut bench).instance_id.len(), 32);
}

#[test]
fn an_agent_that_is_to_take_over_says_so_until_it_has() {
    let mut bench = Bench::new();
    let first = said(&mut bench);
    refuse(&mut bench);
    bench.seconds(20);
    assert!(!bench.sync().1.instance.unwrap().take_over);
    crate::take_over(bench.disk.as_ref(), &bench.directory, &mut SimChance::new(1)).unwrap();
    refuse(&mut bench);
    bench.seconds(20);
    let second = bench.sync().1.instance.unwrap();
    assert!(second.take_over && second.instance_id != first.instance_id, "{second:?}");
    bench.answer(None);
    bench.seconds(2);
    let third = bench.sync().1.instance.unwrap();
    assert_eq!((third.take_over, third.instance_id), (false, second.instance_id.clone()));
    bench.kill_and_open();
    let fourth = said(&mut bench);
    assert_eq!((fourth.take_over, fourth.instance_id), (false, second.instance_id));
}

#[test]
fn a_refused_agent_records_on_and_uploads_nothing_until_it_is_let_in() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, edge_config())]);
    let camera = bench.camera_opens();
    bench.seconds(1);
    refuse(&mut bench);
    bench.play(&camera, 20);
    assert!(bench.fragments().len() > 10);
    assert!(!bench.has(|effect| matches!(effect, Effect::OpenUpload { .. })));
    bench.effects.retain(|effect| matches!(effect, Effect::Sync { .. }));
    let (_, input) = bench.sync();
    let status = input.streams[0].uploader_status.clone().unwrap();
    let details = status.job_status_details.unwrap();
    assert_eq!(status.uploader_status, Some(JobStatus::UserError), "{details}");
    assert!(details.contains("another agent works as this hub"), "{details}");
    bench.answer(None);
    bench.play(&camera, 70);
    assert!(bench.has(|effect| matches!(effect, Effect::OpenUpload { .. })));
}
