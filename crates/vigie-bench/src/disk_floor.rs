//! The floor under everything durable: bare appends to a file, each synced.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Outcome;

/// As much as the log of a small transaction takes.
const APPEND_BYTES: usize = 8 << 10;
const TIME: Duration = Duration::from_secs(2);

/// Synced appends a second in `folder`, one after another.
pub(crate) fn syncs_per_second(folder: &Path) -> Outcome<f64> {
    let mut file = File::create(folder.join("floor"))?;
    let block = [0x5A; APPEND_BYTES];
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < TIME {
        file.write_all(&block)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}
