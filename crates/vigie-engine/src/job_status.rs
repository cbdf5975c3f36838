//! What a recorder or an uploader says about itself: KVS `LastRecorderStatus` and `LastUploaderStatus`.
//!
//! Holds and compares; the sentences are written where the failures are known (`recorder`, `uploader`). It never
//! carries a secret: failures are kinds, not the texts of a camera or a server.

use vigie_kvs::shapes::edge::{LastRecorderStatus, LastUploaderStatus};
use vigie_media::Timestamp;

/// KVS `RecorderStatus` and `UploaderStatus`, which have the same three values: `SUCCESS` (runs, or waits as it should),
/// `USER_ERROR` (a person has to change something), `SYSTEM_ERROR` (network, disk or service; usually heals by itself).
pub use vigie_kvs::shapes::edge::JobStatus as JobOutcome;

/// The status of one job, in the members of KVS `LastRecorderStatus` / `LastUploaderStatus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobStatus {
    /// `RecorderStatus` / `UploaderStatus`.
    pub outcome: JobOutcome,
    /// `JobStatusDetails`: one sentence a person can act on.
    pub details: String,
    /// `LastCollectedTime`: when media was last stored (recorder: on the hub; uploader: persisted by the service).
    pub last_collected: Option<Timestamp>,
    /// `LastUpdatedTime`: when the outcome or the details last changed.
    pub last_updated: Timestamp,
}

impl JobStatus {
    /// A job that has not done anything yet.
    pub fn new(details: &str, now: Timestamp) -> Self {
        Self {
            outcome: JobOutcome::Success,
            details: details.to_owned(),
            last_collected: None,
            last_updated: now,
        }
    }

    /// Sets outcome and details; `LastUpdatedTime` moves only when one of them is new. Returns whether it did.
    pub fn set(&mut self, outcome: JobOutcome, details: &str, now: Timestamp) -> bool {
        if self.outcome == outcome && self.details == details {
            return false;
        }
        self.outcome = outcome;
        self.details.clear();
        self.details.push_str(details);
        self.last_updated = now;
        true
    }

    /// As the hub reports it for its recorder.
    pub fn to_recorder_status(&self) -> LastRecorderStatus {
        LastRecorderStatus {
            job_status_details: Some(self.details.clone()),
            last_collected_time: self.last_collected,
            last_updated_time: Some(self.last_updated),
            recorder_status: Some(self.outcome),
        }
    }

    /// As the hub reports it for its uploader.
    pub fn to_uploader_status(&self) -> LastUploaderStatus {
        LastUploaderStatus {
            job_status_details: Some(self.details.clone()),
            last_collected_time: self.last_collected,
            last_updated_time: Some(self.last_updated),
            uploader_status: Some(self.outcome),
        }
    }

    /// Media was stored at `now`.
    pub fn collected(&mut self, now: Timestamp) {
        self.last_collected = self.last_collected.max(Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_updated_time_moves_only_with_the_status() {
        let at = Timestamp::from_millis;
        let mut status = JobStatus::new("waiting", at(1));
        assert!(!status.set(JobOutcome::Success, "waiting", at(2)));
        assert_eq!(status.last_updated, at(1));
        assert!(status.set(JobOutcome::UserError, "waiting", at(3)));
        assert!(status.set(JobOutcome::UserError, "wrong password", at(4)));
        assert_eq!((status.last_updated, status.details.as_str()), (at(4), "wrong password"));
    }

    #[test]
    fn the_collected_time_does_not_go_back_when_the_clock_does() {
        let mut status = JobStatus::new("recording", Timestamp::EPOCH);
        status.collected(Timestamp::from_millis(9));
        status.collected(Timestamp::from_millis(5));
        assert_eq!(status.last_collected, Some(Timestamp::from_millis(9)));
    }
}
