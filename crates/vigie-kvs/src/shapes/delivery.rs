//! Deliveries that a stream is configured for: images to a bucket, notifications to a topic.
//!
//! Decides what a sound configuration is, beyond the constraints of its single members. Never delivers anything.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{identifies_stream, wire_enum};
use crate::arn::TopicArn;
use crate::error::KvsError;

wire_enum! {
    /// Whether a delivery happens.
    ConfigurationStatus {
        /// It does.
        Enabled = "ENABLED",
        /// It does not; the configuration is kept.
        Disabled = "DISABLED",
    }
}

wire_enum! {
    /// Whose clock chooses the frames.
    ImageSelectorType {
        /// The server's.
        ServerTimestamp = "SERVER_TIMESTAMP",
        /// The producer's.
        ProducerTimestamp = "PRODUCER_TIMESTAMP",
    }
}

wire_enum! {
    /// How images are written.
    ImageFormat {
        /// JPEG, with a quality.
        Jpeg = "JPEG",
        /// PNG.
        Png = "PNG",
    }
}

/// The shortest `SamplingInterval` (KVS API_ImageGenerationConfiguration).
pub const SAMPLING_INTERVAL_MS_MIN: i32 = 200;
/// The one key of `FormatConfig`.
pub const JPEG_QUALITY: &str = "JPEGQuality";

/// KVS API_ImageGenerationDestinationConfig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageGenerationDestinationConfig {
    /// `s3://BUCKET/PREFIX`.
    pub uri: String,
    /// The region of the bucket, which has to be the stream's.
    pub destination_region: String,
}

/// KVS API_ImageGenerationConfiguration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageGenerationConfiguration {
    /// Whether images are made.
    pub status: ConfigurationStatus,
    /// Whose clock chooses the frames.
    pub image_selector_type: ImageSelectorType,
    /// Where images go.
    pub destination_config: ImageGenerationDestinationConfig,
    /// Milliseconds from image to image, 200 and up.
    pub sampling_interval: i32,
    /// How images are written.
    pub format: ImageFormat,
    /// `JPEGQuality` from 1 to 100, 80 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format_config: Option<BTreeMap<String, String>>,
    /// 1..=3840; the media's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width_pixels: Option<i32>,
    /// 1..=2160; the media's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height_pixels: Option<i32>,
}

impl ImageGenerationConfiguration {
    /// The rules of the reference page that the service model does not hold; `region` is the stream's.
    pub fn check(&self, region: &str) -> Result<(), KvsError> {
        let broken = |member: &str, rule: String| {
            let message = format!("ImageGenerationConfiguration.{member} must be {rule}");
            Err(KvsError::invalid_argument(message))
        };
        let bucket = self.destination_config.uri.strip_prefix("s3://");
        if bucket.and_then(|rest| rest.split('/').next()).is_none_or(str::is_empty) {
            return broken("DestinationConfig.Uri", "s3://BUCKET or s3://BUCKET/PREFIX".to_owned());
        }
        if self.destination_config.destination_region != region {
            let rule = format!("the region of the stream, {region}");
            return broken("DestinationConfig.DestinationRegion", rule);
        }
        if self.sampling_interval < SAMPLING_INTERVAL_MS_MIN {
            let rule = format!("at least {SAMPLING_INTERVAL_MS_MIN} milliseconds");
            return broken("SamplingInterval", rule);
        }
        let quality = self.format_config.as_ref().and_then(|config| config.get(JPEG_QUALITY));
        let is_sound = |text: &String| text.parse().is_ok_and(|n: u8| (1..=100).contains(&n));
        if quality.is_some_and(|text| !is_sound(text)) {
            return broken("FormatConfig.JPEGQuality", "a whole number from 1 to 100".to_owned());
        }
        Ok(())
    }
}

/// KVS API_NotificationDestinationConfig.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NotificationDestinationConfig {
    /// The ARN of a standard SNS topic.
    pub uri: String,
}

/// KVS API_NotificationConfiguration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NotificationConfiguration {
    /// Whether notifications are sent.
    pub status: ConfigurationStatus,
    /// Where they go.
    pub destination_config: NotificationDestinationConfig,
}

impl NotificationConfiguration {
    /// The rules of the reference page that the service model does not hold.
    pub fn check(&self) -> Result<(), KvsError> {
        let member = "NotificationConfiguration.DestinationConfig.Uri";
        let topic: TopicArn = self
            .destination_config
            .uri
            .parse()
            .map_err(|error| KvsError::invalid_argument(format!("{member} is {error}")))?;
        if topic.is_fifo() {
            let message = format!("{member} must be a standard topic, not a FIFO topic");
            return Err(KvsError::invalid_argument(message));
        }
        Ok(())
    }
}

/// KVS API_DescribeImageGenerationConfiguration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeImageGenerationConfigurationOutput {
    /// Absent when the stream has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_generation_configuration: Option<ImageGenerationConfiguration>,
}

/// KVS API_UpdateImageGenerationConfiguration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateImageGenerationConfigurationInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Absent or null deletes the stream's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_generation_configuration: Option<ImageGenerationConfiguration>,
}

/// KVS API_DescribeNotificationConfiguration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeNotificationConfigurationOutput {
    /// Absent when the stream has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_configuration: Option<NotificationConfiguration>,
}

/// KVS API_UpdateNotificationConfiguration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateNotificationConfigurationInput {
    /// Either this or the ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_name: Option<String>,
    /// Either this or the name.
    #[serde(rename = "StreamARN", default, skip_serializing_if = "Option::is_none")]
    pub stream_arn: Option<String>,
    /// Absent or null deletes the stream's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_configuration: Option<NotificationConfiguration>,
}

identifies_stream!(UpdateImageGenerationConfigurationInput, UpdateNotificationConfigurationInput);

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn images(change: (&str, Value)) -> Result<(), String> {
        let mut input = json!({
            "Status": "ENABLED", "ImageSelectorType": "SERVER_TIMESTAMP", "SamplingInterval": 3000,
            "Format": "JPEG",
            "DestinationConfig": {"Uri": "s3://bucket/prefix", "DestinationRegion": "us-east-1"},
        });
        match input.pointer_mut(change.0) {
            Some(member) => *member = change.1,
            None => input["FormatConfig"] = change.1,
        }
        let configuration: ImageGenerationConfiguration = serde_json::from_value(input).unwrap();
        configuration.check("us-east-1").map_err(|error| error.message)
    }

    #[test]
    fn images_go_to_a_bucket_of_the_region_at_most_five_times_a_second() {
        let check = |pointer: &str, value: Value, refused: &str| {
            let checked = images((pointer, value));
            match refused {
                "" => assert_eq!(checked, Ok(())),
                refused => assert!(checked.unwrap_err().contains(refused), "{pointer}"),
            }
        };
        let uri = "/DestinationConfig/Uri";
        check(uri, json!("s3://bucket"), "");
        check(uri, json!("s3://bucket/"), "");
        for wrong in ["s3:bucket", "s3://", "s3:///prefix", "S3://bucket", "https://bucket/x"] {
            check(uri, json!(wrong), "s3://BUCKET");
        }
        check("/DestinationConfig/DestinationRegion", json!("eu-west-1"), "us-east-1");
        check("/SamplingInterval", json!(200), "");
        check("/SamplingInterval", json!(199), "at least 200");
        check("/SamplingInterval", json!(-1), "at least 200");
        check("/FormatConfig", json!({"JPEGQuality": "1"}), "");
        check("/FormatConfig", json!({"JPEGQuality": "100"}), "");
        for wrong in ["0", "101", "80x", "", "-1", "999999999999"] {
            check("/FormatConfig", json!({"JPEGQuality": wrong}), "1 to 100");
        }
    }

    #[test]
    fn notifications_go_to_a_standard_topic() {
        let check = |uri: &str| {
            let destination_config = NotificationDestinationConfig { uri: uri.to_owned() };
            let status = ConfigurationStatus::Disabled;
            let configuration = NotificationConfiguration { status, destination_config };
            configuration.check().map_err(|error| error.message)
        };
        assert_eq!(check("arn:aws:sns:us-east-1:000000000000:gate"), Ok(()));
        let fifo = check("arn:aws:sns:us-east-1:000000000000:gate.fifo").unwrap_err();
        assert!(fifo.contains("FIFO"));
        for wrong in [
            "s3://bucket",
            "arn:aws:sqs:us-east-1:000000000000:gate",
            "arn:aws:sns:us-east-1:000000000000:a:b",
        ] {
            assert!(check(wrong).unwrap_err().contains("arn:aws:sns:REGION"), "{wrong}");
        }
    }
}
