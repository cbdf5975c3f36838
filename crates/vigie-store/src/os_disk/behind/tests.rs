use std::sync::Arc;

use super::*;
use crate::disk::{Disk, DiskFile};
use crate::os_disk::OsDisk;

/// Noise, so that no byte stands in for another.
fn noise(size_bytes: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    (0..size_bytes).map(|_| next()).collect::<Vec<_>>().into()
}

fn new_file(folder: &tempfile::TempDir) -> (Arc<dyn DiskFile>, PathBuf) {
    let path = folder.path().join("file");
    (OsDisk.create_new(&path).unwrap(), path)
}

#[test]
fn parts_of_any_size_are_in_the_file_once_it_is_synced() {
    const LARGE: usize = DIRECT_BYTES_MIN;
    let check = |sizes: &[usize]| {
        let folder = tempfile::tempdir().unwrap();
        let (file, path) = new_file(&folder);
        let reader = OsDisk.open_read_only(&path).unwrap();
        let mut expected = Vec::new();
        for (number, &size) in sizes.iter().enumerate() {
            let part = noise(size, number as u64);
            // In two parts, as a fragment and its mark.
            let parts = [part.slice(..size / 3), part.slice(size / 3..)];
            file.write_behind(&parts, expected.len() as u64).unwrap();
            expected.extend_from_slice(&part);
            assert_eq!(file.length_bytes().unwrap(), expected.len() as u64);
            if number % 2 == 1 {
                file.sync().unwrap();
                assert_eq!(std::fs::read(&path).unwrap(), expected, "{sizes:?}");
                // What was read before is in the page cache, with the odd end of the file.
                assert_eq!(reader.read_exact_at(0, expected.len()).unwrap(), expected, "{sizes:?}");
            }
        }
        file.sync().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), expected, "{sizes:?}");
    };
    check(&[]);
    check(&[0, 0]);
    check(&[1, 1, 1]);
    check(&[LARGE, LARGE, LARGE]);
    check(&[LARGE - 1, 1, LARGE + 1, 4095, 4096, 4097]);
    check(&[100, LARGE + 70, LARGE * 3 + 70, 70, LARGE * 40 + 1, LARGE * 2, 5]);
}

#[test]
fn what_is_written_at_once_comes_after_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = new_file(&folder);
    let large = noise(DIRECT_BYTES_MIN + 5, 1);
    file.write_behind(std::slice::from_ref(&large), 0).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0, "it waits");
    file.write_all_at(&[b"now"], large.len() as u64).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), [&large[..], b"now"].concat());
}

#[test]
fn what_is_cut_off_is_not_written() {
    let check = |length_bytes: u64| {
        let folder = tempfile::tempdir().unwrap();
        let (file, path) = new_file(&folder);
        file.write_all_at(&[b"head"], 0).unwrap();
        file.write_behind(&[noise(10, 1), noise(20, 2)], 4).unwrap();
        file.truncate(length_bytes).unwrap();
        file.sync().unwrap();
        let all = [&b"head"[..], &noise(10, 1), &noise(20, 2)].concat();
        assert_eq!(std::fs::read(&path).unwrap(), all[..length_bytes as usize]);
    };
    for length_bytes in [0, 3, 4, 5, 14, 15, 34] {
        check(length_bytes);
    }
}

#[test]
fn a_file_that_lost_bytes_is_never_synced_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    OsDisk.create_new(&path).unwrap().write_all_at(&[b"old"], 0).unwrap();
    // Open for reading alone: every write fails.
    let file = OsDisk.open_read_only(&path).unwrap();
    file.write_behind(&[noise(10, 1)], 3).unwrap();
    file.sync().unwrap_err();
    file.truncate(3).unwrap_err();
    file.sync().unwrap_err();
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
}

#[test]
fn a_file_system_without_direct_writes_gets_them_through_its_cache() {
    let folder = tempfile::tempdir().unwrap();
    let (path, elsewhere) = (folder.path().join("file"), folder.path().join("not there"));
    let file = File::create_new(&path).unwrap();
    // It cannot be opened a second time.
    let behind = Behind::new(&elsewhere);
    let large = noise(DIRECT_BYTES_MIN * 2 + 100, 1);
    for round in 0..2 {
        let offset = round * large.len() as u64;
        behind.push(&file, std::slice::from_ref(&large), offset).unwrap();
        behind.flush(&file).unwrap();
    }
    assert_eq!(std::fs::read(&path).unwrap(), [&large[..], &large[..]].concat());
}

#[test]
fn blocks_that_the_disk_does_not_take_as_they_are_go_through_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let cached = File::create_new(&path).unwrap();
    let mut writing = Writing { takes_direct: true };
    let direct = writing.open_direct(&path).unwrap();
    let block = noise(BLOCK_BYTES, 1);
    // Half a sector into the file: no disk takes that.
    writing.write_blocks(&cached, &direct, &block, 256).unwrap();
    assert!(!writing.takes_direct);
    assert_eq!(std::fs::read(&path).unwrap()[256..], block);
}
