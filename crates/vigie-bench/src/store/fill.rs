//! Fills a store with many fragments, then goes on until it is killed.

use std::io::Write;
use std::path::Path;

use bytes::Bytes;
use vigie_media::Timestamp;
use vigie_store::{Store, StoreSettings};

use super::media::{self, BEGIN};
use super::open;
use crate::Outcome;

/// The stream of thirty days.
pub(super) const MONTH: &str = "month.1763829180000";
const MONTH_MS: i64 = 30 * 24 * 3600 * 1000;
/// Other streams, that have the rest.
const OTHERS: usize = 63;
/// Of all fragments, those of the stream of thirty days.
const MONTH_SHARE: f64 = 0.85;
const FRAGMENTS_PER_COMMIT: usize = 5000;

/// Small, because it is their number that counts.
const FRAGMENT_BYTES: usize = 80;

pub(super) fn fill(folder: &Path, fragments: u64) -> Outcome<()> {
    let mut store = open(folder, StoreSettings::SERVER)?;
    let mut fill =
        Fill { header: media::header(), cluster: media::cluster(FRAGMENT_BYTES), appended: 0 };
    if store.reader().totals(MONTH)?.fragment_count == 0 {
        let of_month = (fragments as f64 * MONTH_SHARE) as u64;
        let interval_ms = MONTH_MS / of_month.max(1) as i64;
        for number in 0..of_month {
            fill.append(&mut store, MONTH, BEGIN.plus_millis(number as i64 * interval_ms))?;
        }
        for number in 0..fragments - of_month {
            let key = media::key(number as usize % OTHERS);
            let at = BEGIN.plus_millis((number / OTHERS as u64) as i64 * 2000);
            fill.append(&mut store, &key, at)?;
        }
        store.commit()?;
    }
    // Behind the last commit there are files, known and new, and fragments that no commit has.
    println!("filled");
    std::io::stdout().flush()?;
    let mut at = BEGIN.plus_millis(MONTH_MS);
    loop {
        for number in 0..OTHERS {
            fill.append(&mut store, &media::key(number), at)?;
        }
        at = at.plus_millis(2000);
        store.commit()?;
    }
}

struct Fill {
    header: Bytes,
    cluster: Bytes,
    appended: usize,
}

impl Fill {
    fn append(&mut self, store: &mut Store, key: &str, at: Timestamp) -> Outcome<()> {
        let sequence = store.reserve_sequences(key, 1)?.start;
        let fragment = media::fragment(sequence, at, 2000, self.cluster.clone());
        store.append_fragment(key, &self.header, &fragment)?;
        self.appended += 1;
        if self.appended.is_multiple_of(FRAGMENTS_PER_COMMIT) {
            store.commit()?;
        }
        Ok(())
    }
}
