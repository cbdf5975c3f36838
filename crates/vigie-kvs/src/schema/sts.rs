//! Inputs of STS. They come as forms, which [`crate::sts`] reads by itself and refuses in STS's own words.

use super::*;

/// 15 minutes and 36 hours (STS API_GetSessionToken).
pub(crate) const DURATION_SECONDS_MIN: u64 = 900;
pub(crate) const DURATION_SECONDS_MAX: u64 = 129_600;

pub(crate) const GET_CALLER_IDENTITY: Shape = Shape::Structure(&[]);

pub(crate) const GET_SESSION_TOKEN: Shape = Shape::Structure(&[optional(
    "DurationSeconds",
    &integer(DURATION_SECONDS_MIN as i64, DURATION_SECONDS_MAX as i64),
)]);
