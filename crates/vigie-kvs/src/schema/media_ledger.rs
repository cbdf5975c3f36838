//! The ledgers in `SyncEdgeAgent`, and the inputs of the extensions that answer them.

use super::kinesisvideo::{RESOURCE_ARN, STREAM_NAME};
use super::*;
use crate::shapes::media_ledger::{LedgerKind, MediaGapReason};

/// Entries of one stream in one request; a hub sends fewer.
const ENTRIES_MAX: usize = 1000;
/// Ranges that are not uploaded, likewise.
const RANGES_MAX: usize = 100;
const LEDGER_ID: Shape = string(1, 64);
const COUNT: Shape = long(0, i64::MAX);
const REASON: Shape = one_of(MediaGapReason::VALUES);
pub(super) const NEXT_TOKEN: Shape = pattern(1, 4096, "[a-zA-Z0-9+/]+={0,2}");

const ENTRY: Shape = Shape::Structure(&[
    required("Id", &COUNT),
    required("Sequence", &COUNT),
    required("Kind", &one_of(LedgerKind::VALUES)),
    required("Reason", &REASON),
    required("StartTimestamp", &Shape::Timestamp),
    required("EndTimestamp", &Shape::Timestamp),
    required("FragmentCount", &COUNT),
    required("SizeBytes", &COUNT),
]);

const RANGE: Shape = Shape::Structure(&[
    required("StartTimestamp", &Shape::Timestamp),
    required("EndTimestamp", &Shape::Timestamp),
]);
pub(super) const RANGES: Shape = list(&RANGE, 0, RANGES_MAX);
pub(super) const LOSSES: Shape =
    Shape::Structure(&[required("FragmentCount", &COUNT), required("SizeBytes", &COUNT)]);

pub(super) const LEDGER: Shape = Shape::Structure(&[
    required("LedgerId", &LEDGER_ID),
    required("KnownFrom", &Shape::Timestamp),
    required("Sequence", &COUNT),
    optional("After", &COUNT),
    optional("Entries", &list(&ENTRY, 0, ENTRIES_MAX)),
    optional(
        "OpenGap",
        &Shape::Structure(&[
            required("StartTimestamp", &Shape::Timestamp),
            required("Reason", &REASON),
        ]),
    ),
    optional("NotUploaded", &RANGES),
    required("Losses", &LOSSES),
]);

/// `ListMediaGaps` and `ListMediaLosses`.
pub(crate) const LIST: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    optional("StartTimestamp", &Shape::Timestamp),
    optional("EndTimestamp", &Shape::Timestamp),
    optional("MaxResults", &long(1, 1000)),
    optional("NextToken", &NEXT_TOKEN),
]);
