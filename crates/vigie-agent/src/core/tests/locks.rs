//! A database of the hub that another program locks: the hub records on, says what is wrong, and goes on by itself.

use rusqlite::Connection;

use super::*;

/// Holds the write lock of a database in the hub's folder, as another program might.
fn lock(bench: &Bench, name: &str) -> Connection {
    let other = Connection::open(bench.directory.join(name)).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    other
}

fn kept_an_hour() -> EdgeConfig {
    let deletion_config = Some(vigie_kvs::shapes::edge::DeletionConfig {
        edge_retention_in_hours: Some(1),
        local_size_config: None,
        delete_after_upload: Some(false),
    });
    EdgeConfig { uploader_config: never(), deletion_config, ..edge_config() }
}

#[test]
fn while_the_index_is_locked_the_hub_records_and_nothing_of_it_is_lost() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, kept_an_hour())]);
    let camera = bench.camera_opens();
    bench.play(&camera, 3);
    let other = lock(&bench, "index.sqlite");
    bench.play(&camera, 10);
    let troubles = bench.snapshot().troubles;
    assert!(
        matches!(&troubles[..], [said] if said.contains("lock of index.sqlite")),
        "{troubles:?}"
    );
    assert!(!bench.hub().has_stopped());
    assert!(bench.snapshot().streams[0].recording);
    drop(other);
    bench.play(&camera, 3);
    assert_eq!(bench.snapshot().troubles, Vec::<&str>::new());
    // A key frame each second.
    let fragments = bench.fragments();
    let begins: Vec<i64> =
        fragments.iter().map(|found| found.entry.producer_timestamp.as_millis()).collect();
    assert!(fragments.len() >= 14, "{begins:?}");
    assert!(begins.windows(2).all(|pair| pair[1] - pair[0] == 1000), "{begins:?}");
    bench.kill_and_open();
    assert!(bench.fragments().len() >= fragments.len());
}

#[test]
fn while_the_ledger_is_locked_the_hub_records_and_deletes_nothing_that_it_could_not_tell_of() {
    let mut bench = Bench::new();
    bench.configure(vec![configuration(1, kept_an_hour())]);
    let camera = bench.camera_opens();
    bench.play(&camera, 3);
    let other = lock(&bench, "ledger.sqlite");
    bench.play(&camera, 12);
    let troubles = bench.snapshot().troubles;
    assert!(matches!(&troubles[..], [said] if said.contains("ledger.sqlite")), "{troubles:?}");
    assert!(bench.snapshot().streams[0].recording);
    let fragments = bench.fragments();
    assert!(fragments.len() >= 13, "{}", fragments.len());
    // All of it is due, as soon as it can be told of.
    bench.pass_off(3700);
    bench.seconds(20);
    assert!(bench.fragments().len() >= fragments.len());
    assert!(!bench.hub().has_stopped());
    drop(other);
    bench.seconds(20);
    assert_eq!(bench.snapshot().troubles, Vec::<&str>::new());
    assert_eq!(bench.fragments().len(), 0);
}
