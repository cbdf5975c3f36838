//! The extension ExportClip: a range of any length as MP4 files to download.

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::identifies_stream;
use crate::error::KvsError;
use crate::wire::timestamp;

/// Asks for the files of a range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExportClipInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Where the range begins, by the producer's clock.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// Where it ends.
    #[serde(with = "timestamp")]
    pub end_timestamp: Timestamp,
    /// For how many seconds the URLs hold: 300..=43200, else 12 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
}

identifies_stream!(ExportClipInput);

impl ExportClipInput {
    /// The rule between members: a range ends after it starts.
    pub fn check(&self) -> Result<(), KvsError> {
        check_range(self.start_timestamp, self.end_timestamp)
    }
}

/// The rule of every range that is kept or shared.
pub(super) fn check_range(start: Timestamp, end: Timestamp) -> Result<(), KvsError> {
    match end > start {
        true => Ok(()),
        false => Err(KvsError::invalid_argument("EndTimestamp must be after StartTimestamp")),
    }
}

/// The files of a range.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExportClipOutput {
    /// In the order of time. More than one where tracks or codec parameters change, for a file has one set of them.
    pub files: Vec<ClipFile>,
}

/// One MP4 file, which is made while it is downloaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClipFile {
    /// Where it is downloaded, by anybody who has this. Takes `Range`.
    #[serde(rename = "ClipFileURL")]
    pub clip_file_url: String,
    /// Where its SHA-256 is computed and told.
    #[serde(rename = "ChecksumURL")]
    pub checksum_url: String,
    /// A good name for it.
    pub file_name: String,
    /// Where its media begins, by the producer's clock: with the key frame at or before the start that was asked for.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// Where its media ends.
    #[serde(with = "timestamp")]
    pub end_timestamp: Timestamp,
    /// Fragments in it.
    pub fragment_count: u64,
    /// Their stored bytes, of which the file's size is a little less or more.
    pub media_size_bytes: u64,
    /// RFC 6381 codec strings of its tracks.
    pub codecs: Vec<String>,
    /// Gaps in it, the first 1,000.
    pub gaps: Vec<ClipGap>,
    /// All gaps in it.
    pub gap_count: u64,
}

/// A time of which a file has no media.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClipGap {
    /// Begin, by the producer's clock.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// End.
    #[serde(with = "timestamp")]
    pub end_timestamp: Timestamp,
}
