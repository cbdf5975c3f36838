//! DescribeSchedule (Vigie's own): what a schedule means, asked while somebody writes it.

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use crate::wire::{timestamp, timestamp_option};

/// Asks what a schedule means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeScheduleInput {
    /// Quartz cron.
    pub schedule_expression: String,
    /// How long each fire lasts, 60..=3600; without it the answer has no windows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_in_seconds: Option<i32>,
    /// An IANA name; UTC unless given. Schedules run in the zone of their hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// From when on; now unless given.
    #[serde(default, with = "timestamp_option", skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// How many fires, 1..=100; 5 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<i32>,
}

/// Where and why an expression is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScheduleFault {
    /// What to write instead.
    pub message: String,
    /// Offset in the expression, in characters.
    pub position: u64,
}

/// A time during which a schedule is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScheduleWindow {
    /// When it opens.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// When it closes.
    #[serde(with = "timestamp")]
    pub end_timestamp: Timestamp,
}

/// What a schedule means.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeScheduleOutput {
    /// One sentence; absent when the expression is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<ScheduleFault>,
    /// When it fires next, epoch seconds.
    #[serde(default)]
    pub next_fires: Vec<f64>,
    /// When it is open during the week that begins at `From`: windows that touch are one.
    #[serde(default)]
    pub windows: Vec<ScheduleWindow>,
}
