//! Inputs of the extensions for share links.

use super::kinesisvideo::{RESOURCE_ARN, STREAM_NAME};
use super::media_ledger::NEXT_TOKEN;
use super::*;
use crate::shapes::share_link::ShareLinkKind;

/// 30 days.
const EXPIRES_SECONDS_MAX: i64 = 30 * 24 * 3600;

pub(crate) const CREATE_SHARE_LINK: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("Kind", &one_of(ShareLinkKind::VALUES)),
    optional("StartTimestamp", &Shape::Timestamp),
    optional("EndTimestamp", &Shape::Timestamp),
    required("Expires", &integer(300, EXPIRES_SECONDS_MAX)),
]);

pub(crate) const LIST_SHARE_LINKS: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    optional("MaxResults", &integer(1, 1000)),
    optional("NextToken", &NEXT_TOKEN),
]);

pub(crate) const REVOKE_SHARE_LINK: Shape = Shape::Structure(&[
    optional("StreamName", &STREAM_NAME),
    optional("StreamARN", &RESOURCE_ARN),
    required("LinkId", &pattern(1, 64, "^[a-z0-9-]+$")),
]);
