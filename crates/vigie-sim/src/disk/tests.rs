//! What the simulated disk keeps and loses when the power goes, a sync fails, or it is full.

use std::path::Path;

use super::*;

fn disk() -> SimDisk {
    let disk = SimDisk::new(1, 1 << 20);
    disk.create_dir_all(Path::new("/d")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    disk
}

#[test]
fn synced_bytes_under_a_synced_name_survive() {
    for seed in 0..50 {
        let disk = SimDisk::new(seed, 1 << 20);
        disk.create_dir_all(Path::new("/d")).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        let file = disk.create_new(Path::new("/d/a")).unwrap();
        file.write_all_at(&[b"kept", b" all"], 0).unwrap();
        file.sync().unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.write_all_at(&[b"unsure"], 8).unwrap();
        disk.lose_power();
        assert!(file.length_bytes().is_err(), "opened before the loss");
        let file = disk.open(Path::new("/d/a")).unwrap();
        assert_eq!(&file.read_exact_at(0, 8).unwrap()[..], b"kept all");
    }
}

#[test]
fn unsynced_bytes_and_names_survive_only_by_chance() {
    let mut names = 0;
    let mut whole = 0;
    for seed in 0..200 {
        let disk = SimDisk::new(seed, 1 << 20);
        disk.create_dir_all(Path::new("/d")).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        let file = disk.create_new(Path::new("/d/a")).unwrap();
        file.write_all_at(&[&[7; 2000]], 0).unwrap();
        disk.lose_power();
        let Ok(file) = disk.open(Path::new("/d/a")) else { continue };
        names += 1;
        whole += u32::from(file.read_exact_at(0, 2000).is_ok_and(|bytes| *bytes == [7; 2000]));
    }
    assert!((50..150).contains(&names), "{names}");
    assert!((20..100).contains(&whole), "{whole}");
}

#[test]
fn a_failed_sync_is_not_healed_by_a_later_one() {
    let lost = (0..100).any(|seed| {
        let disk = SimDisk::new(seed, 1 << 20);
        disk.create_dir_all(Path::new("/d")).unwrap();
        let file = disk.create_new(Path::new("/d/a")).unwrap();
        disk.sync_dir(Path::new("/")).unwrap();
        disk.sync_dir(Path::new("/d")).unwrap();
        file.write_all_at(&[b"lost"], 0).unwrap();
        disk.set_faults(Faults { sync_per_mille: 1000, ..Faults::default() });
        file.sync().unwrap_err();
        disk.set_faults(Faults::default());
        file.sync().unwrap();
        disk.lose_power();
        disk.open(Path::new("/d/a")).unwrap().length_bytes().unwrap() == 0
    });
    assert!(lost);
}

#[test]
fn a_killed_process_loses_nothing_that_it_wrote() {
    let disk = disk();
    let file = disk.create_new(Path::new("/d/a")).unwrap();
    file.write_all_at(&[b"written"], 0).unwrap();
    let boot = disk.boot_id();
    disk.kill_process();
    assert_eq!(disk.boot_id(), boot);
    assert_eq!(disk.open(Path::new("/d/a")).unwrap().length_bytes().unwrap(), 7);
    disk.lose_power();
    assert_ne!(disk.boot_id(), boot);
}

#[test]
fn a_full_disk_takes_what_fits() {
    let disk = SimDisk::new(1, 10);
    disk.create_dir_all(Path::new("/d")).unwrap();
    let file = disk.create_new(Path::new("/d/a")).unwrap();
    file.write_all_at(&[b"12345678"], 0).unwrap();
    let error = file.write_all_at(&[b"9abcdef"], 8).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.length_bytes().unwrap(), 10);
    assert_eq!(disk.free_bytes(Path::new("/")).unwrap(), 0);
    file.write_all_at(&[b"over"], 0).unwrap();
}

#[test]
fn the_power_goes_at_the_named_operation() {
    let disk = disk();
    let file = disk.create_new(Path::new("/d/a")).unwrap();
    disk.cut_after(2);
    file.write_all_at(&[b"one"], 0).unwrap();
    file.sync().unwrap_err();
    assert!(disk.open(Path::new("/d/a")).is_err());
    assert!(!disk.tick());
    disk.kill_process();
    assert!(disk.tick());
}
