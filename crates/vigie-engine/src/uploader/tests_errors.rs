//! What each error of the service means for the fragment it names: tried again, or set aside.

use super::tests::Bench;
use super::*;

/// How often a fragment that is always answered with `error` is sent before it is set aside; 0 for ever.
fn tries(error: ErrorId) -> u32 {
    let mut bench = Bench::new(Schedule::Always, 2);
    bench.start();
    bench.persisted(0);
    for tries in 1..=20 {
        let actions = bench.error(error, 1);
        if actions.starts_with("refused(1 ") {
            return tries;
        }
        assert_eq!(actions, "close", "{error:?}");
        assert!(matches!(bench.job.state(), State::BackingOff { .. }), "{error:?}");
        assert_eq!(bench.wait(60), "connect(1 from 1)", "{error:?}");
        bench.connected();
        assert_eq!(bench.listed(&[]), "1.", "{error:?}");
    }
    0
}

#[test]
fn each_error_id_either_sets_its_fragment_aside_or_is_waited_out() {
    let mut table = String::new();
    let unknown = [4013, 4499, 4999, 5999].map(ErrorId::Other);
    for error in ErrorId::ALL.iter().copied().chain(unknown) {
        let outcome = Failure::Acknowledged { error }.outcome();
        table += &format!("{} {} {outcome}\n", error.id(), tries(error));
    }
    insta::assert_snapshot!(table, @"
    4000 0 SYSTEM_ERROR
    4001 1 USER_ERROR
    4002 1 USER_ERROR
    4003 0 SYSTEM_ERROR
    4004 2 USER_ERROR
    4005 2 USER_ERROR
    4006 2 USER_ERROR
    4007 2 USER_ERROR
    4008 0 USER_ERROR
    4009 1 USER_ERROR
    4010 2 USER_ERROR
    4011 1 USER_ERROR
    4012 1 USER_ERROR
    4500 0 USER_ERROR
    4501 0 USER_ERROR
    4502 0 USER_ERROR
    4503 0 SYSTEM_ERROR
    4504 0 USER_ERROR
    4505 0 USER_ERROR
    4506 0 USER_ERROR
    4507 0 USER_ERROR
    5000 0 SYSTEM_ERROR
    5001 0 SYSTEM_ERROR
    4013 2 USER_ERROR
    4499 2 USER_ERROR
    4999 0 USER_ERROR
    5999 0 SYSTEM_ERROR
    ");
}
