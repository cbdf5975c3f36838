//! What the hub says of its streams: to the service, and in its ledgers to whoever asks on the hub.

use std::sync::Arc;

use vigie_engine::clock::Now;
use vigie_kvs::shapes::edge::LastRecorderStatus;
use vigie_kvs::shapes::media_ledger::LedgerReceipt;
use vigie_kvs::shapes::sync_edge_agent::StreamReport;
use vigie_store::StoreSettings;

use super::Hub;
use crate::core::job::Job;
use crate::core::ledger::REPORTED_MAX;
use crate::core::saved::SavedStream;
use crate::ledger::Change;

/// Entries of ledgers in one request, so that it stays small.
pub(super) const REPORTED_IN_ALL_MAX: usize = 1000;

impl Hub {
    /// What the service says that it has of the ledgers.
    pub(super) fn take_receipts(&mut self, receipts: &[LedgerReceipt]) {
        for receipt in receipts {
            if let Some(job) = self.jobs.get_mut(receipt.stream_arn.as_str()) {
                job.ledger_received(&receipt.ledger_id, receipt.sequence);
                // The next request brings what is missing.
                self.world.news |= job.has_unreported();
            }
        }
    }

    /// Makes the ledgers durable, with where each stream stands.
    pub(super) fn write_ledgers(&mut self, running: Option<bool>, now: Now) {
        let mut changes = Vec::with_capacity(self.jobs.len() + 1);
        for report in self.reports(0, now) {
            if let Some(job) = self.jobs.get(report.stream_arn.as_str())
                && let Ok(report_json) = serde_json::to_string(&report)
            {
                changes.push(job.standing(report_json));
            }
        }
        let hub_device_arn = self.hub_device_arn.clone();
        let age_hold_left = self.world.age_hold.left(now);
        changes.push(Change::Heartbeat { now: now.wall, hub_device_arn, running, age_hold_left });
        if self.world.ledgers.flush(changes, now) {
            for job in self.jobs.values_mut() {
                self.world.news |= job.ledger_written(&mut self.world);
            }
        }
    }

    /// How long the disk lasts at the rate of all streams together.
    pub(super) fn disk_seconds(&self) -> Option<f64> {
        let rates = self.jobs.values().filter_map(|job| job.rate.per_second());
        let rate: f64 = rates.sum();
        let reserve_bytes = StoreSettings::HUB.free_bytes_reserve;
        let left = self.world.store.free_bytes().saturating_sub(reserve_bytes);
        (rate > 0.0).then(|| left as f64 / rate)
    }

    /// What the hub says; with at most so many entries of ledgers.
    pub(super) fn reports(&mut self, mut entries_max: usize, now: Now) -> Vec<StreamReport> {
        let disk_seconds = self.disk_seconds();
        let (jobs, world) = (&self.jobs, &mut self.world);
        let report = |(arn, stream): (&Arc<str>, &SavedStream)| {
            let job = jobs.get(arn);
            let ledger = job.map(|job| job.ledger_report(world, entries_max.min(REPORTED_MAX)));
            entries_max -= ledger.as_ref().map_or(0, |ledger| ledger.entries.len());
            StreamReport {
                stream_arn: arn.to_string(),
                revision: stream.revision,
                phase: stream.phase,
                failed_status_details: stream.failed_status_details.clone(),
                recorder_status: job.map(|job| job.recorder_status()),
                uploader_status: job.map(|job| job.upload.uploader.status().to_uploader_status()),
                local_media: job.and_then(|job| job.local_media(disk_seconds, world, now)),
                ledger,
                erased_media: stream.erased_media.clone(),
            }
        };
        self.streams.iter().map(report).collect()
    }
}

impl Job {
    /// The recorder's status, with what its stream's policy has lost.
    fn recorder_status(&self) -> LastRecorderStatus {
        let mut status = self.record.recorder.status().to_recorder_status();
        let lost = self.ledger.losses.fragment_count;
        if lost > 0
            && let Some(details) = &mut status.job_status_details
        {
            let megabytes = self.ledger.losses.size_bytes.div_ceil(1_000_000);
            details.push_str(&format!(
                "; {lost} fragments ({megabytes} MB) that were never uploaded were deleted by the stream's policy; raise MaxLocalMediaSizeInMB or EdgeRetentionInHours, or upload more often"
            ));
        }
        status
    }
}
