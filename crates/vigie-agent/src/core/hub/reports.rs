//! What the hub says of its streams: to the service, and in its ledgers to whoever asks on the hub.

use std::sync::Arc;

use vigie_engine::clock::Now;
use vigie_kvs::shapes::media_ledger::LedgerReceipt;
use vigie_kvs::shapes::sync_edge_agent::StreamReport;
use vigie_store::StoreSettings;

use super::Hub;
use crate::core::saved::SavedStream;
use crate::core::stream_ledger::REPORTED_MAX;
use crate::ledger::Change;

/// Entries of ledgers in one request, so that it stays small.
const REPORTED_IN_ALL_MAX: usize = 1000;

impl Hub {
    /// Calls the service with all that there is to say.
    pub(super) fn call_service(&mut self, now: Now) {
        let streams = self.reports(REPORTED_IN_ALL_MAX, now);
        self.has_news = false;
        let requests = self.requests.reports();
        let instance = self.instance.said();
        let held = self.shared.age_hold.left(now);
        let hub = &self.hub_device_arn;
        let effect = self.sync.request(hub, instance, streams, requests, held, now);
        self.out.effect(effect);
    }

    /// What the service says that it has of the ledgers.
    pub(super) fn take_receipts(&mut self, receipts: &[LedgerReceipt]) {
        for receipt in receipts {
            if let Some(job) = self.jobs.get_mut(receipt.stream_arn.as_str()) {
                job.ledger.received(&receipt.ledger_id, receipt.sequence);
                // The next request brings what is missing.
                self.has_news |= job.ledger.has_unreported();
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
                changes.push(job.ledger.standing(&job.stream, report_json));
            }
        }
        let hub_device_arn = self.hub_device_arn.clone();
        let age_hold_left = self.shared.age_hold.left(now);
        changes.push(Change::Heartbeat { now: now.wall, hub_device_arn, running, age_hold_left });
        if self.shared.ledgers.flush(changes, now) {
            for job in self.jobs.values_mut() {
                self.has_news |= job.ledger.written(&job.stream, &mut self.shared.ledgers);
            }
        }
    }

    /// How long the disk lasts at the rate of all streams together.
    pub(super) fn disk_seconds(&self) -> Option<f64> {
        let rates = self.jobs.values().filter_map(|job| job.rate.per_second());
        let rate: f64 = rates.sum();
        let reserve_bytes = StoreSettings::HUB.free_bytes_reserve;
        let left = self.shared.media.store.free_bytes().saturating_sub(reserve_bytes);
        (rate > 0.0).then(|| left as f64 / rate)
    }

    /// What the hub says; with at most so many entries of ledgers.
    fn reports(&mut self, mut entries_max: usize, now: Now) -> Vec<StreamReport> {
        let disk_seconds = self.disk_seconds();
        let (jobs, shared) = (&self.jobs, &mut self.shared);
        let report = |(arn, stream): (&Arc<str>, &SavedStream)| {
            let job = jobs.get(arn);
            let ledger = job.map(|job| job.ledger_report(shared, entries_max.min(REPORTED_MAX)));
            entries_max -= ledger.as_ref().map_or(0, |ledger| ledger.entries.len());
            StreamReport {
                stream_arn: arn.to_string(),
                revision: stream.revision,
                phase: stream.phase,
                failed_status_details: stream.failed_status_details.clone(),
                recorder_status: job.map(|job| job.recorder_status()),
                uploader_status: job.map(|job| job.upload.uploader.status().to_uploader_status()),
                local_media: job.and_then(|job| job.local_media(disk_seconds, shared, now)),
                ledger,
                erased_media: stream.erased_media.clone(),
            }
        };
        self.streams.iter().map(report).collect()
    }
}
