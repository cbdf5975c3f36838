//! Space that is set aside, on the machine's own disk: when it is made and when it is given up.

#![allow(clippy::disallowed_methods, reason = "a test looks at the real file")]

use std::sync::Arc;

use vigie_fakes::disk::FaultyDisk;
use vigie_store::SpaceReserve;

#[test]
fn it_is_made_where_there_is_space_given_up_when_there_is_none_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(FaultyDisk::default());
    let reserve = SpaceReserve::new(disk.clone(), folder.path(), 64 << 20);
    let path = folder.path().join("space-reserve");
    let check = |free_bytes: u64, is_there: bool| {
        disk.set_free_bytes(Some(free_bytes));
        reserve.keep().unwrap();
        assert_eq!(path.exists(), is_there, "{free_bytes}");
    };
    std::fs::write(folder.path().join("space-reserve.new"), "of a process that was killed")
        .unwrap();
    check(0, false);
    check((80 << 20) - 1, false);
    check(80 << 20, true);
    let file = std::fs::metadata(&path).unwrap();
    assert_eq!(file.len(), 8 << 20);
    // As far as the file system says, it takes the space.
    let allocated = std::os::unix::fs::MetadataExt::blocks(&file) * 512;
    assert!(allocated >= 8 << 20, "{allocated}");
    check(5 << 20, true);
    check(4 << 20, false);
    check(12 << 20, false);
    check(100 << 20, true);
}
