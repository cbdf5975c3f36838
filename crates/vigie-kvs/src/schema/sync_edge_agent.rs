//! Input of the extension `SyncEdgeAgent`.

use super::edge::HUB_DEVICE_ARN;
use super::hub_request::REPORT;
use super::kinesisvideo::RESOURCE_ARN;
use super::media_ledger::{LEDGER, LOSSES, RANGES};
use super::*;
use crate::shapes::edge::JobStatus;
use crate::shapes::sync_edge_agent::Phase;

/// A hub may have more streams than AWS's 16, but not without bound.
const STREAMS_MAX: usize = 10_000;
/// Of which most are unknown to an older server.
const REQUEST_KINDS_MAX: usize = 64;
/// More than any server asks of a hub at once.
const REQUESTS_MAX: usize = 64;
/// Some three hundred years: a clock that is unset is not as far away.
const CLOCK_SKEW_MS_MAX: i64 = 10_000_000_000_000;
/// A day; a hub holds what is old for an hour.
const AGE_HOLD_SECONDS_MAX: i64 = 86_400;
const DETAILS: Shape = string(0, 4096);

const RECORDER_STATUS: Shape = Shape::Structure(&[
    optional("JobStatusDetails", &DETAILS),
    optional("LastCollectedTime", &Shape::Timestamp),
    optional("LastUpdatedTime", &Shape::Timestamp),
    optional("RecorderStatus", &one_of(JobStatus::VALUES)),
]);

const UPLOADER_STATUS: Shape = Shape::Structure(&[
    optional("JobStatusDetails", &DETAILS),
    optional("LastCollectedTime", &Shape::Timestamp),
    optional("LastUpdatedTime", &Shape::Timestamp),
    optional("UploaderStatus", &one_of(JobStatus::VALUES)),
]);

const LOCAL_MEDIA: Shape = Shape::Structure(&[
    required("SizeBytes", &long(0, i64::MAX)),
    required("FragmentCount", &long(0, i64::MAX)),
    optional("OldestTimestamp", &Shape::Timestamp),
    optional("NewestTimestamp", &Shape::Timestamp),
    required("NotUploadedBytes", &long(0, i64::MAX)),
    optional("SizeBytesMax", &long(0, i64::MAX)),
    optional("SecondsUntilFull", &long(0, i64::MAX)),
    optional("UploadLagSeconds", &long(0, i64::MAX)),
]);

const ERASED_MEDIA: Shape = Shape::Structure(&[
    required("SizeBytes", &long(0, i64::MAX)),
    required("FragmentCount", &long(0, i64::MAX)),
    required("NotUploaded", &LOSSES),
    optional("NotUploadedRanges", &RANGES),
]);

const STREAM: Shape = Shape::Structure(&[
    required("StreamARN", &RESOURCE_ARN),
    required("Revision", &long(1, i64::MAX)),
    required("Phase", &one_of(Phase::VALUES)),
    optional("FailedStatusDetails", &DETAILS),
    optional("RecorderStatus", &RECORDER_STATUS),
    optional("UploaderStatus", &UPLOADER_STATUS),
    optional("LocalMedia", &LOCAL_MEDIA),
    optional("Ledger", &LEDGER),
    optional("ErasedMedia", &ERASED_MEDIA),
]);

const INSTANCE: Shape = Shape::Structure(&[
    required("InstanceId", &string(1, 64)),
    required("StartId", &string(1, 64)),
    optional("TakeOver", &Shape::Boolean),
]);

pub(crate) const SYNC_EDGE_AGENT: Shape = Shape::Structure(&[
    required("HubDeviceArn", &HUB_DEVICE_ARN),
    required("AgentVersion", &string(1, 64)),
    optional("Cursor", &string(0, 1024)),
    required("WaitSeconds", &integer(0, 60)),
    required("Streams", &list(&STREAM, 0, STREAMS_MAX)),
    optional("RequestKinds", &list(&string(1, 64), 0, REQUEST_KINDS_MAX)),
    optional("Requests", &list(&REPORT, 0, REQUESTS_MAX)),
    optional("Instance", &INSTANCE),
    optional("ClockSkewMilliseconds", &long(-CLOCK_SKEW_MS_MAX, CLOCK_SKEW_MS_MAX)),
    optional("AgeHoldSecondsLeft", &long(0, AGE_HOLD_SECONDS_MAX)),
]);
