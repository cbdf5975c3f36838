//! From a KVS `EdgeConfig` to what the hub works by: checked, with defaults filled, once.
//!
//! Decides what is legal and what is meant by what is not said. The server checks with it before it takes a
//! configuration, the hub before it applies one. It never holds a camera's URI, only the ARN of the secret.
//!
//! Defaults: record always; upload at each full hour; keep 720 hours; delete after upload; `DELETE_OLDEST_MEDIA` when a
//! size is given without a strategy.

#[cfg(test)]
mod tests;

use thiserror::Error;
use vigie_kvs::Sensitive;
use vigie_kvs::shapes::edge::{
    DeletionConfig, EdgeConfig, LocalSizeConfig, MediaUriType, ScheduleConfig, StrategyOnFullSize,
};

use crate::cron::CronExpression;
use crate::deletion::{DeletionPolicy, LocalSizeLimit, OnFullSize};
use crate::recorder::SourceKind;
use crate::schedule::Schedule;

/// `EdgeRetentionInHours` when it is not given, and its greatest.
pub const RETENTION_HOURS_MAX: u32 = 720;
/// Bytes per MB of `MaxLocalMediaSizeInMB`. AWS does not say which; this reading keeps the limit in both.
pub const BYTES_PER_MB: u64 = 1_000_000;

/// What a hub does for one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgePlan {
    pub hub_device_arn: String,
    /// Where the secret with the camera's URI is.
    pub media_uri_secret_arn: Sensitive,
    /// What kind of source the URI names.
    pub source: SourceKind,
    /// When to record.
    pub recorder_schedule: Schedule,
    /// When to upload.
    pub uploader_schedule: Schedule,
    /// What to keep.
    pub deletion: DeletionPolicy,
}

impl EdgePlan {
    /// Whether the recorder may keep its session when this plan follows `other`.
    pub fn has_same_source(&self, other: &Self) -> bool {
        self.source == other.source && self.media_uri_secret_arn == other.media_uri_secret_arn
    }
}

/// A member of the configuration that cannot be worked by.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{member}: {problem}")]
pub struct EdgeConfigError {
    /// Its path, as in `EdgeConfig.RecorderConfig.ScheduleConfig.ScheduleExpression`.
    pub member: &'static str,
    /// What is wrong and what to write.
    pub problem: String,
}

/// Checks a configuration and fills its defaults.
pub fn check(config: &EdgeConfig) -> Result<EdgePlan, EdgeConfigError> {
    let source = &config.recorder_config.media_source_config;
    let uploader_schedule =
        config.uploader_config.as_ref().and_then(|uploader| uploader.schedule_config.as_ref());
    Ok(EdgePlan {
        hub_device_arn: config.hub_device_arn.clone(),
        media_uri_secret_arn: source.media_uri_secret_arn.clone(),
        source: match source.media_uri_type {
            MediaUriType::RtspUri => SourceKind::Rtsp,
            MediaUriType::FileUri => SourceKind::File,
        },
        recorder_schedule: match &config.recorder_config.schedule_config {
            Some(schedule) => windows(schedule, RECORDER_SCHEDULE)?,
            None => Schedule::Always,
        },
        uploader_schedule: match uploader_schedule {
            Some(schedule) => windows(schedule, UPLOADER_SCHEDULE)?,
            None => Schedule::Hourly,
        },
        deletion: deletion(config.deletion_config.as_ref())?,
    })
}

/// The paths of a `ScheduleConfig`'s two members.
struct SchedulePaths {
    expression: &'static str,
    duration: &'static str,
}

const RECORDER_SCHEDULE: SchedulePaths = SchedulePaths {
    expression: "EdgeConfig.RecorderConfig.ScheduleConfig.ScheduleExpression",
    duration: "EdgeConfig.RecorderConfig.ScheduleConfig.DurationInSeconds",
};
const UPLOADER_SCHEDULE: SchedulePaths = SchedulePaths {
    expression: "EdgeConfig.UploaderConfig.ScheduleConfig.ScheduleExpression",
    duration: "EdgeConfig.UploaderConfig.ScheduleConfig.DurationInSeconds",
};

fn windows(schedule: &ScheduleConfig, paths: SchedulePaths) -> Result<Schedule, EdgeConfigError> {
    let cron =
        CronExpression::parse(&schedule.schedule_expression).map_err(|error| EdgeConfigError {
            member: paths.expression,
            problem: format!("{error} (at character {})", error.position + 1),
        })?;
    let duration_seconds = in_range(schedule.duration_in_seconds, 60..=3600, paths.duration)?;
    Ok(Schedule::Windows { cron, duration_seconds })
}

fn deletion(config: Option<&DeletionConfig>) -> Result<DeletionPolicy, EdgeConfigError> {
    let retention_hours = match config.and_then(|config| config.edge_retention_in_hours) {
        Some(hours) => in_range(
            hours,
            1..=RETENTION_HOURS_MAX,
            "EdgeConfig.DeletionConfig.EdgeRetentionInHours",
        )?,
        None => RETENTION_HOURS_MAX,
    };
    let local_size = config.and_then(|config| config.local_size_config.as_ref());
    Ok(DeletionPolicy {
        retention_hours,
        local_size: local_size.map(local_size_limit).transpose()?.flatten(),
        delete_after_upload: config.and_then(|config| config.delete_after_upload).unwrap_or(true),
    })
}

fn local_size_limit(config: &LocalSizeConfig) -> Result<Option<LocalSizeLimit>, EdgeConfigError> {
    // A strategy alone limits nothing, with AWS as here.
    let Some(size_mb) = config.max_local_media_size_in_mb else { return Ok(None) };
    let member = "EdgeConfig.DeletionConfig.LocalSizeConfig.MaxLocalMediaSizeInMB";
    let size_mb = in_range(size_mb, 64..=2_000_000, member)?;
    Ok(Some(LocalSizeLimit {
        size_bytes_max: u64::from(size_mb) * BYTES_PER_MB,
        on_full: match config.strategy_on_full_size {
            Some(StrategyOnFullSize::DenyNewMedia) => OnFullSize::DenyNewMedia,
            Some(StrategyOnFullSize::DeleteOldestMedia) | None => OnFullSize::DeleteOldestMedia,
        },
    }))
}

fn in_range(
    value: i32,
    range: std::ops::RangeInclusive<u32>,
    member: &'static str,
) -> Result<u32, EdgeConfigError> {
    match u32::try_from(value) {
        Ok(value) if range.contains(&value) => Ok(value),
        _ => Err(EdgeConfigError {
            member,
            problem: format!("{value} is not allowed; give {} to {}", range.start(), range.end()),
        }),
    }
}
