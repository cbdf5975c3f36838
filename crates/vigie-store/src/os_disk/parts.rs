//! Many parts written in few calls. Decides nothing about what goes where.

use std::fs::File;
use std::io::{self, IoSlice};

/// `IOV_MAX` of Linux: no call takes more parts.
const PARTS_PER_CALL_MAX: usize = 1024;

/// All of `parts`, in as few calls as may be. After a failure `end` says how far it came.
pub(super) fn write_parts(
    file: &File,
    parts: &[&[u8]],
    offset: u64,
    end: &mut u64,
) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> =
        parts.iter().filter(|part| !part.is_empty()).map(|part| IoSlice::new(part)).collect();
    let mut left: &mut [IoSlice<'_>] = &mut slices;
    *end = offset;
    while !left.is_empty() {
        let batch = left.len().min(PARTS_PER_CALL_MAX);
        match rustix::io::pwritev(file, &left[..batch], *end) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                *end = end.saturating_add(written as u64);
                IoSlice::advance_slices(&mut left, written);
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
