//! What is said of a stream: to the service, and as numbers.

use vigie_engine::clock::Now;
use vigie_kvs::shapes::edge::LastRecorderStatus;
use vigie_kvs::shapes::media_ledger::LedgerReport;
use vigie_kvs::shapes::sync_edge_agent::LocalMedia;

use super::Job;
use crate::core::shared::Shared;
use crate::core::snapshot::StreamSnapshot;
use crate::core::stream_ledger::not_uploaded_ranges;

impl Job {
    /// `disk_seconds`: how long the disk lasts at the rate of all streams.
    pub(in crate::core) fn local_media(
        &self,
        disk_seconds: Option<f64>,
        shared: &Shared,
        now: Now,
    ) -> Option<LocalMedia> {
        let totals = shared.media.reader.totals(&self.stream.key).ok()?;
        let seconds = self.seconds_until_full(disk_seconds, shared);
        let long = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        Some(LocalMedia {
            size_bytes: long(shared.media.store.size_bytes(&self.stream.key)),
            fragment_count: long(totals.fragment_count),
            oldest_timestamp: totals.oldest_producer_timestamp,
            newest_timestamp: totals.newest_producer_timestamp,
            not_uploaded_bytes: long(totals.not_uploaded_size_bytes),
            size_bytes_max: self
                .stream
                .plan
                .deletion
                .local_size
                .map(|limit| long(limit.size_bytes_max)),
            seconds_until_full: seconds.map(|seconds| seconds as i64),
            upload_lag_seconds: Some(self.upload_lag_ms(shared, now) / 1000),
        })
    }

    /// Age of the oldest media that the service does not have.
    fn upload_lag_ms(&self, shared: &Shared, now: Now) -> i64 {
        let oldest = self.upload.oldest_not_uploaded(&shared.media.reader, &self.stream.key);
        oldest.map_or(0, |oldest| now.wall.millis_since(oldest).max(0))
    }

    /// When the policy or the disk leaves no room at the present bit rate.
    fn seconds_until_full(&self, disk_seconds: Option<f64>, shared: &Shared) -> Option<f64> {
        let rate = self.rate.per_second().filter(|_| self.record.is_recording())?;
        let own = self.stream.plan.deletion.local_size.map(|limit| {
            let left = limit
                .size_bytes_max
                .saturating_sub(shared.media.store.size_bytes(&self.stream.key));
            left as f64 / rate
        });
        match (own, disk_seconds) {
            (Some(own), Some(disk)) => Some(own.min(disk)),
            (own, disk) => own.or(disk),
        }
    }

    pub(in crate::core) fn snapshot(
        &self,
        disk_seconds: Option<f64>,
        shared: &Shared,
        now: Now,
    ) -> StreamSnapshot {
        let totals = shared.media.reader.totals(&self.stream.key).unwrap_or_default();
        let lag_ms = self.upload_lag_ms(shared, now);
        let counters = &self.record.counters;
        let losses = self.ledger.losses();
        StreamSnapshot {
            stream_name: self.stream.name.clone(),
            recording: self.record.is_recording(),
            uploading: self.upload.is_connected(),
            frames: counters.frames,
            frame_bytes: counters.frame_bytes,
            frames_dropped: counters.frames_dropped,
            packets_lost: counters.packets_lost,
            deviations: counters.deviations.clone(),
            last_frame: self.record.recorder.status().last_collected,
            reconnects: counters.sources_opened.saturating_sub(1),
            fragments_uploaded: self.upload.counters.fragments,
            bytes_uploaded: self.upload.counters.bytes,
            upload_lag_bytes: totals.not_uploaded_size_bytes,
            upload_lag_seconds: lag_ms as f64 / 1000.0,
            local_bytes: shared.media.store.size_bytes(&self.stream.key),
            local_fragments: totals.fragment_count,
            gap: self.ledger.gap(),
            lost_fragments: losses.fragment_count,
            lost_bytes: losses.size_bytes,
            hours_until_full: self.seconds_until_full(disk_seconds, shared).map(|s| s / 3600.0),
        }
    }

    /// The recorder's status, with what its stream's policy has lost.
    pub(in crate::core) fn recorder_status(&self) -> LastRecorderStatus {
        let mut status = self.record.recorder.status().to_recorder_status();
        let losses = self.ledger.losses();
        let lost = losses.fragment_count;
        if lost > 0
            && let Some(details) = &mut status.job_status_details
        {
            let megabytes = losses.size_bytes.div_ceil(1_000_000);
            details.push_str(&format!(
                "; {lost} fragments ({megabytes} MB) that were never uploaded were deleted by the stream's policy; raise MaxLocalMediaSizeInMB or EdgeRetentionInHours, or upload more often"
            ));
        }
        status
    }

    /// For the service: the ledger, with what is not uploaded.
    pub(in crate::core) fn ledger_report(
        &self,
        shared: &mut Shared,
        entries_max: usize,
    ) -> LedgerReport {
        let reader = &shared.media.reader;
        let oldest = self.upload.oldest_not_uploaded(reader, &self.stream.key);
        let not_uploaded = not_uploaded_ranges(reader, &self.stream.key, oldest);
        self.ledger.report(&self.stream, &mut shared.ledgers, entries_max, not_uploaded)
    }
}
