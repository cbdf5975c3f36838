//! Writing out: fragments that grow leave the memory of the process soon, for a kill must not cost more than that.
//!
//! The disk's workers write; nobody waits for them, unless so much waits that the memory would fill: then whoever appends
//! writes itself, and so slows down to the disk's pace. What cannot be written is met by the next sync.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::out_file::OutFile;
use crate::store::Store;

/// One worker writes so many files, one after another: waking one costs as much as a small write.
const FILES_PER_WORK: usize = 8;

/// More than this does not wait in memory.
const WAITING_BYTES_MAX: usize = 16 << 20;

impl Store {
    /// Hands what was appended to growing fragments to the disk's workers. It should follow every batch of appends: what
    /// was not yet written is lost if the process is killed.
    pub fn write_out(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        let unwritten = std::mem::take(&mut self.unwritten);
        self.written_out.retain(|out| {
            let is_waiting = out.file.waiting_bytes() > 0;
            out.is_listed.store(is_waiting, Ordering::Relaxed);
            is_waiting
        });
        let is_new = |out: &&Arc<OutFile>| !out.is_listed.swap(true, Ordering::Relaxed);
        self.written_out.extend(unwritten.iter().filter(is_new).map(Arc::clone));
        let waiting_bytes = |out: &Arc<OutFile>| out.file.waiting_bytes();
        let mut waiting: usize = self.written_out.iter().map(waiting_bytes).sum();
        let mut group = Vec::with_capacity(FILES_PER_WORK);
        for out in unwritten {
            if waiting > WAITING_BYTES_MAX {
                waiting = waiting.saturating_sub(waiting_bytes(&out));
                out.write_out();
                continue;
            }
            if !out.is_queued.swap(true, Ordering::SeqCst) {
                group.push(out);
            }
            if group.len() == FILES_PER_WORK {
                self.write_out_group(std::mem::take(&mut group));
            }
        }
        self.write_out_group(group);
    }

    fn write_out_group(&self, group: Vec<Arc<OutFile>>) {
        if !group.is_empty() {
            self.workers.run(Box::new(move || group.iter().for_each(|out| out.write_out())));
        }
    }
}
