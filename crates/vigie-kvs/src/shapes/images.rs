//! Images out of stored media.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vigie_media::Timestamp;

use super::archived_media::FragmentSelectorType;
use super::delivery::{ImageFormat, JPEG_QUALITY, SAMPLING_INTERVAL_MS_MIN};
use super::{identifies_stream, wire_enum};
use crate::error::KvsError;
use crate::wire::timestamp;

wire_enum! {
    /// Why there is no image of an instant.
    ImageErrorKind {
        /// There is no media at it.
        NoMedia = "NO_MEDIA",
        /// There is media that no image can be made of.
        MediaError = "MEDIA_ERROR",
    }
}

/// KVS API_GetImages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetImagesInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// By whose clock instants are meant.
    pub image_selector_type: FragmentSelectorType,
    /// The instant of the first image.
    #[serde(with = "timestamp")]
    pub start_timestamp: Timestamp,
    /// No image is of a later instant; at most 300 seconds after the start.
    #[serde(with = "timestamp")]
    pub end_timestamp: Timestamp,
    /// Milliseconds from image to image, 200 and up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_interval: Option<i32>,
    /// How images are written.
    pub format: ImageFormat,
    /// `JPEGQuality` from 1 to 100, 80 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format_config: Option<BTreeMap<String, String>>,
    /// 1..=3840; by the height, or the media's own, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width_pixels: Option<i32>,
    /// 1..=2160; by the width, or the media's own, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height_pixels: Option<i32>,
    /// 1..=100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i64>,
    /// From the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

/// The longest range (KVS API_GetImages).
const RANGE_MS_MAX: i64 = 300_000;
/// KVS API_GetImages.
const JPEG_QUALITY_DEFAULT: u8 = 80;

impl GetImagesInput {
    /// The rules of the reference page that the service model does not hold.
    pub fn check(&self) -> Result<(), KvsError> {
        let refuse = |rule: String| Err(KvsError::invalid_argument(rule));
        let length_ms = self.end_timestamp.millis_since(self.start_timestamp);
        if length_ms < 0 {
            return refuse("EndTimestamp must not be before StartTimestamp".to_owned());
        }
        if length_ms > RANGE_MS_MAX {
            let rule = "EndTimestamp must be within 300 seconds of StartTimestamp";
            return refuse(rule.to_owned());
        }
        if self.sampling_interval.is_some_and(|interval| interval < SAMPLING_INTERVAL_MS_MIN) {
            return refuse(format!(
                "SamplingInterval must be at least {SAMPLING_INTERVAL_MS_MIN} milliseconds"
            ));
        }
        self.jpeg_quality().map(drop)
    }

    /// From 1 to 100.
    pub fn jpeg_quality(&self) -> Result<u8, KvsError> {
        let given = self.format_config.as_ref().and_then(|config| config.get(JPEG_QUALITY));
        let Some(text) = given else { return Ok(JPEG_QUALITY_DEFAULT) };
        text.parse().ok().filter(|quality| (1..=100).contains(quality)).ok_or_else(|| {
            KvsError::invalid_argument(
                "FormatConfig.JPEGQuality must be a whole number from 1 to 100",
            )
        })
    }
}

/// KVS API_Image: of an instant, either an image or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Image {
    /// The instant, by the selector's clock.
    #[serde(with = "timestamp")]
    pub time_stamp: Timestamp,
    /// Why there is no image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ImageErrorKind>,
    /// The image's file in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_content: Option<String>,
}

/// KVS API_GetImages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetImagesOutput {
    /// In the order of their instants.
    pub images: Vec<Image>,
    /// For the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

identifies_stream!(GetImagesInput);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_intervals_and_qualities_follow_the_rules() {
        let check = |end_ms: i64, interval: Option<i32>, quality: Option<&str>, expect| {
            let config = |text: &str| BTreeMap::from([(JPEG_QUALITY.to_owned(), text.to_owned())]);
            let input = GetImagesInput {
                stream_name: Some("front".into()),
                stream_arn: None,
                image_selector_type: FragmentSelectorType::ProducerTimestamp,
                start_timestamp: Timestamp::from_millis(1000),
                end_timestamp: Timestamp::from_millis(end_ms),
                sampling_interval: interval,
                format: ImageFormat::Jpeg,
                format_config: quality.map(config),
                width_pixels: None,
                height_pixels: None,
                max_results: None,
                next_token: None,
            };
            let found = input.check().map_err(|error| error.message);
            match expect {
                Ok(()) => assert_eq!(found, Ok(())),
                Err(rule) => assert!(found.is_err_and(|text| text.contains(rule)), "{rule}"),
            }
        };
        check(1000, None, None, Ok(()));
        check(999, None, None, Err("not be before"));
        check(301_000, Some(200), Some("1"), Ok(()));
        check(301_001, None, None, Err("300 seconds"));
        check(2000, Some(199), None, Err("at least 200"));
        check(2000, Some(-1), None, Err("at least 200"));
        for text in ["0", "101", "", "high", "8_0"] {
            check(2000, None, Some(text), Err("from 1 to 100"));
        }
    }
}
