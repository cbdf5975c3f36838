//! What was written behind is in the file, whichever way it went there and whatever is cut off meanwhile.

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

/// A file's bytes: behind them there may be zeros up to the end of the block.
fn assert_holds(path: &Path, expected: &[u8], what: &[usize]) {
    let found = std::fs::read(path).unwrap();
    assert_eq!(found[..expected.len()], *expected, "{what:?}");
    let zeros = &found[expected.len()..];
    assert!(zeros.iter().all(|byte| *byte == 0), "{what:?}");
    assert!(zeros.is_empty() || found.len().is_multiple_of(BLOCK_BYTES), "{what:?}");
}

#[test]
fn parts_of_any_size_are_in_the_file_once_they_are_flushed() {
    const LARGE: usize = DIRECT_BYTES_MIN;
    // What is read at once, every so many.
    let check_with = |sizes: &[usize], cached_every: usize| {
        let folder = tempfile::tempdir().unwrap();
        let (file, path) = new_file(&folder);
        let reader = OsDisk.open_read_only(&path).unwrap();
        let mut expected = Vec::new();
        for (number, &size) in sizes.iter().enumerate() {
            let part = noise(size, number as u64);
            let parts = match number % 3 {
                // In two parts, as a fragment and its mark.
                0 => vec![part.slice(..size / 3), part.slice(size / 3..)],
                // In many, as a camera's packets.
                _ => part.chunks(1385).map(|packet| part.slice_ref(packet)).collect(),
            };
            file.set_read_at_once(number % cached_every == cached_every - 1);
            let summed = file.write_behind_summed(&parts, expected.len() as u64, 7).unwrap();
            assert_eq!(summed, crc32c::crc32c_append(7, &part), "{sizes:?}");
            expected.extend_from_slice(&part);
            assert_eq!(file.length_bytes().unwrap(), expected.len() as u64);
            match number % 4 {
                1 => file.sync().unwrap(),
                3 => file.flush().unwrap(),
                _ => continue,
            }
            assert_eq!(file.waiting_bytes(), 0);
            assert_eq!(file.length_bytes().unwrap(), expected.len() as u64);
            assert_holds(&path, &expected, sizes);
            // What was read before is in the page cache, with the odd end of the file.
            assert_eq!(reader.read_exact_at(0, expected.len()).unwrap(), expected, "{sizes:?}");
            assert_eq!(file.read_exact_at(0, expected.len()).unwrap(), expected, "{sizes:?}");
        }
        file.end();
        file.sync().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), expected, "{sizes:?}");
        assert_eq!(file.length_bytes().unwrap(), expected.len() as u64);
    };
    let check = |sizes: &[usize]| {
        for cached_every in [usize::MAX, 1, 2, 3, 5] {
            check_with(sizes, cached_every);
        }
    };
    check(&[]);
    check(&[0, 0]);
    check(&[1, 1, 1]);
    check(&[LARGE, LARGE, LARGE]);
    check(&[LARGE - 1, 1, LARGE + 1, 4095, 4096, 4097]);
    check(&[100, LARGE + 70, LARGE * 3 + 70, 70, LARGE * 70 + 1, LARGE * 2, 5]);
    // A camera's batches, each flushed or synced with one other.
    let batches: Vec<usize> = (1..40).map(|number| number * 7919 % 150_000).collect();
    check(&batches);
}

#[test]
fn what_is_written_at_once_comes_after_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = new_file(&folder);
    let large = noise(DIRECT_BYTES_MIN + 5, 1);
    file.write_behind(std::slice::from_ref(&large), 0).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0, "it waits");
    file.write_all_at(&[b"now"], large.len() as u64).unwrap();
    assert_holds(&path, &[&large[..], b"now"].concat(), &[]);
}

#[test]
fn what_is_cut_off_is_not_written() {
    let check = |length_bytes: u64| {
        let folder = tempfile::tempdir().unwrap();
        let (file, path) = new_file(&folder);
        file.write_all_at(&[b"head"], 0).unwrap();
        file.write_behind(&[noise(10, 1), noise(20, 2)], 4).unwrap();
        file.truncate(length_bytes).unwrap();
        assert_eq!(file.length_bytes().unwrap(), length_bytes);
        file.sync().unwrap();
        let all = [&b"head"[..], &noise(10, 1), &noise(20, 2)].concat();
        assert_eq!(std::fs::read(&path).unwrap(), all[..length_bytes as usize]);
    };
    for length_bytes in [0, 3, 4, 5, 14, 15, 34] {
        check(length_bytes);
    }
}

#[test]
fn what_was_written_past_the_cache_is_cut_to_the_byte_and_gone_on_with() {
    const LARGE: usize = DIRECT_BYTES_MIN + 100;
    for cut in [0, 1, BLOCK_BYTES, LARGE - 1, LARGE, LARGE + 50] {
        let folder = tempfile::tempdir().unwrap();
        let (file, path) = new_file(&folder);
        let (first, second) = (noise(LARGE, 1), noise(LARGE, 2));
        file.write_behind(std::slice::from_ref(&first), 0).unwrap();
        file.flush().unwrap();
        file.write_behind(std::slice::from_ref(&second), LARGE as u64).unwrap();
        file.truncate(cut as u64).unwrap();
        let mut expected = [&first[..], &second].concat();
        expected.truncate(cut);
        assert_eq!(file.length_bytes().unwrap(), cut as u64);
        file.write_behind(std::slice::from_ref(&second), cut as u64).unwrap();
        expected.extend_from_slice(&second);
        file.end();
        file.sync().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), expected, "cut to {cut}");
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
fn blocks_that_the_disk_does_not_take_as_they_are_go_through_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    let mut writing = Writing::new();
    let block = noise(BLOCK_BYTES, 1);
    // Half a sector into the file: no disk takes that.
    writing.write_blocks(&file, &[&block], 1000, 256).unwrap();
    assert!(!writing.takes_direct && !writing.is_direct && !writing.has_zeros());
    let written = std::fs::read(&path).unwrap();
    assert_eq!(written[256..], block[..1000], "the zeros are no bytes of the file");
    // From then on as a file system without direct writes.
    let large = noise(DIRECT_BYTES_MIN * 2 + 100, 1);
    writing.write(&file, VecDeque::from([Piece::Given(large.clone())]), 1256, true).unwrap();
    let written = std::fs::read(&path).unwrap();
    assert_eq!(written[1256..], large);
}

#[test]
fn what_finds_no_space_is_told_apart_and_no_sync_says_otherwise() {
    // The kernel's own full disk.
    let file = OsDisk.open(Path::new("/dev/full")).unwrap();
    assert_eq!(file.full_at(), None);
    file.write_behind(&[noise(100, 1)], 0).unwrap();
    for _ in 0..2 {
        assert_eq!(file.sync().unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(file.full_at(), Some(0));
    }
    // What was lost is not forgotten by a cut behind it.
    assert!(file.truncate(50).is_err());
    assert_eq!(file.full_at(), Some(0));
}

#[test]
fn a_cut_to_what_was_written_lets_a_file_be_synced_again() {
    let folder = tempfile::tempdir().unwrap();
    let (file, path) = new_file(&folder);
    let behind = Behind::new(&path);
    let plain = File::options().write(true).open(&path).unwrap();
    behind.push(&plain, &[noise(5000, 1)], 0, None).unwrap();
    behind.flush(&plain).unwrap();
    behind.queue().fail(&io::ErrorKind::StorageFull.into());
    assert_eq!(behind.full_at(), Some(5000));
    // Zeros are not in the place of what was lost.
    behind.truncate(&plain, 6000).unwrap();
    assert!(behind.sync(&plain).is_err());
    assert_eq!(behind.full_at(), Some(5000));
    behind.truncate(&plain, 4000).unwrap();
    assert_eq!(behind.full_at(), None);
    behind.sync(&plain).unwrap();
    assert_eq!(file.length_bytes().unwrap(), 4000);
    assert_holds(&path, &noise(5000, 1)[..4000], &[]);
    // Nothing forgives another failure.
    behind.queue().fail(&io::Error::other("a broken disk"));
    behind.truncate(&plain, 0).unwrap();
    assert!(behind.sync(&plain).is_err());
}
