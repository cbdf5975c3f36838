//! Amazon resource names of streams, hubs (IoT things), topics and secrets.
//!
//! Decides how they are written and read; never whether such a resource exists.

use std::fmt;
use std::str::FromStr;

use vigie_media::Timestamp;

use crate::version::alphanumeric;

/// Text that is not the ARN that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an ARN of the form {form}")]
pub struct ArnError {
    /// What such an ARN looks like.
    pub form: &'static str,
}

/// Longest ARN that is read; the models' longest is 2048.
const ARN_BYTES_MAX: usize = 2048;

/// The parts that every ARN has: `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// For example `us-east-1`.
    pub region: String,
    /// Twelve digits.
    pub account_id: String,
}

impl Place {
    /// A region of an account in the partition `aws`.
    pub fn new(region: impl Into<String>, account_id: impl Into<String>) -> Self {
        Self { partition: "aws".to_owned(), region: region.into(), account_id: account_id.into() }
    }
}

/// Splits an ARN of `service` into its place and its resource part, with the checks of the service models.
fn split<'a>(text: &'a str, service: &str) -> Option<(Place, &'a str)> {
    if text.len() > ARN_BYTES_MAX {
        return None;
    }
    let mut parts = text.splitn(6, ':');
    let (arn, partition, named) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account_id, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let lower_digits_hyphens = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let valid = arn == "arn"
        && named == service
        && lower_digits_hyphens(partition)
        && lower_digits_hyphens(region)
        && is_digits(account_id);
    valid.then(|| {
        let place = Place {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account_id: account_id.to_owned(),
        };
        (place, resource)
    })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The alphabet of stream and thing names: `[a-zA-Z0-9_.-]+`.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

/// A stream: `arn:aws:kinesisvideo:REGION:ACCOUNT:stream/NAME/CREATION_MILLIS`.
///
/// The creation time makes the ARN of a deleted stream differ from that of its successor of the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamArn {
    /// Partition, region and account.
    pub place: Place,
    pub stream_name: String,
    /// When the stream was created.
    pub creation_time: Timestamp,
}

impl fmt::Display for StreamArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { partition, region, account_id } = &self.place;
        let (name, created) = (&self.stream_name, self.creation_time.as_millis());
        write!(f, "arn:{partition}:kinesisvideo:{region}:{account_id}:stream/{name}/{created}")
    }
}

impl FromStr for StreamArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let parse = || {
            let (place, resource) = split(text, "kinesisvideo")?;
            let (name, created) = resource.strip_prefix("stream/")?.split_once('/')?;
            let millis = is_digits(created).then(|| created.parse().ok())??;
            is_name(name).then(|| Self {
                place,
                stream_name: name.to_owned(),
                creation_time: Timestamp::from_millis(millis),
            })
        };
        parse().ok_or(ArnError {
            form: "arn:aws:kinesisvideo:REGION:ACCOUNT:stream/NAME/CREATION_MILLIS",
        })
    }
}

/// A hub: `arn:aws:iot:REGION:ACCOUNT:thing/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThingArn {
    /// Partition, region and account.
    pub place: Place,
    pub thing_name: String,
}

impl fmt::Display for ThingArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { partition, region, account_id } = &self.place;
        write!(f, "arn:{partition}:iot:{region}:{account_id}:thing/{}", self.thing_name)
    }
}

impl FromStr for ThingArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let parse = || {
            let (place, resource) = split(text, "iot")?;
            let name = resource.strip_prefix("thing/")?;
            is_name(name).then(|| Self { place, thing_name: name.to_owned() })
        };
        parse().ok_or(ArnError { form: "arn:aws:iot:REGION:ACCOUNT:thing/NAME" })
    }
}

/// A topic of SNS: `arn:aws:sns:REGION:ACCOUNT:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicArn {
    /// Partition, region and account.
    pub place: Place,
    pub topic_name: String,
}

/// The end of a FIFO topic's name.
const FIFO_SUFFIX: &str = ".fifo";

impl TopicArn {
    /// Whether it is a FIFO topic, which KVS does not notify.
    pub fn is_fifo(&self) -> bool {
        self.topic_name.ends_with(FIFO_SUFFIX)
    }
}

impl FromStr for TopicArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let parse = || {
            let (place, name) = split(text, "sns")?;
            let stem = name.strip_suffix(FIFO_SUFFIX).unwrap_or(name);
            // SNS API_CreateTopic: 1 to 256 letters, digits, hyphens and underscores.
            let alphabet = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
            let valid = !stem.is_empty() && name.len() <= 256 && stem.bytes().all(alphabet);
            valid.then(|| Self { place, topic_name: name.to_owned() })
        };
        parse().ok_or(ArnError { form: "arn:aws:sns:REGION:ACCOUNT:TOPIC" })
    }
}

/// A secret: `arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX`.
///
/// Secrets Manager adds a hyphen and six random characters, so that a secret that is deleted and created again under
/// its name is not reachable by grants to the former one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretArn {
    /// Partition, region and account.
    pub place: Place,
    /// The secret's name with its suffix, or a partial ARN's name without.
    pub name_and_suffix: String,
}

/// Characters of the suffix, without its hyphen.
const SECRET_SUFFIX_CHARS: usize = 6;

impl SecretArn {
    /// The ARN of a new secret; `random` becomes the suffix.
    pub fn new(place: Place, name: &str, random: u64) -> Self {
        let suffix = alphanumeric(u128::from(random), SECRET_SUFFIX_CHARS);
        Self { place, name_and_suffix: format!("{name}-{suffix}") }
    }

    /// The name without the suffix; `None` when the end does not look like a suffix.
    pub fn name(&self) -> Option<&str> {
        let (name, suffix) = self.name_and_suffix.rsplit_once('-')?;
        let is_suffix = suffix.len() == SECRET_SUFFIX_CHARS
            && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (is_suffix && !name.is_empty()).then_some(name)
    }
}

impl fmt::Display for SecretArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { partition, region, account_id } = &self.place;
        let name = &self.name_and_suffix;
        write!(f, "arn:{partition}:secretsmanager:{region}:{account_id}:secret:{name}")
    }
}

impl fmt::Debug for SecretArn {
    /// The service model marks `MediaUriSecretArn` sensitive: it does not reach logs by accident.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretArn(…)")
    }
}

impl FromStr for SecretArn {
    type Err = ArnError;

    fn from_str(text: &str) -> Result<Self, ArnError> {
        let parse = || {
            let (place, resource) = split(text, "secretsmanager")?;
            let name = resource.strip_prefix("secret:")?;
            let valid = !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b));
            valid.then(|| Self { place, name_and_suffix: name.to_owned() })
        };
        parse().ok_or(ArnError { form: "arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX" })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stream_arn_reads_and_writes() {
        let text = "arn:aws:kinesisvideo:us-east-1:000000000000:stream/front.door_1/1705489836421";
        let arn: StreamArn = text.parse().unwrap();
        assert_eq!(arn.place, Place::new("us-east-1", "000000000000"));
        assert_eq!(arn.stream_name, "front.door_1");
        assert_eq!(arn.creation_time, Timestamp::from_millis(1_705_489_836_421));
        assert_eq!(arn.to_string(), text);
    }

    #[test]
    fn other_texts_are_no_stream_arns() {
        for text in [
            "",
            "arn",
            "arn:aws:kinesisvideo:us-east-1:0:stream/a",
            "arn:aws:kinesisvideo:us-east-1:0:channel/a/1",
            "arn:aws:kinesisvideo:us-east-1:x:stream/a/1",
            "arn:aws:kinesisvideo:us-east-1:0:stream//1",
            "arn:aws:kinesisvideo:us-east-1:0:stream/a b/1",
            "arn:aws:kinesisvideo:us-east-1:0:stream/a/-1",
            "arn:aws:kinesisvideo:us-east-1:0:stream/a/99999999999999999999",
            "arn:AWS:kinesisvideo:us-east-1:0:stream/a/1",
            "arn:aws:iot:us-east-1:0:stream/a/1",
        ] {
            assert!(text.parse::<StreamArn>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_thing_arn_reads_and_writes() {
        let text = "arn:aws:iot:us-east-1:000000000000:thing/hub-1";
        let arn: ThingArn = text.parse().unwrap();
        assert_eq!(arn.thing_name, "hub-1");
        assert_eq!(arn.to_string(), text);
        assert!("arn:aws:iot:us-east-1:000000000000:thing/a/b".parse::<ThingArn>().is_err());
    }

    #[test]
    fn a_secret_arn_gets_six_random_characters() {
        let arn = SecretArn::new(Place::new("eu-west-1", "123456789012"), "cam/gate", 7);
        assert_eq!(
            arn.to_string(),
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cam/gate-700000"
        );
        assert_eq!(arn.name(), Some("cam/gate"));
        assert_eq!(arn.to_string().parse(), Ok(arn.clone()));
        assert_eq!(format!("{arn:?}"), "SecretArn(…)");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,80}|arn:[a-z:/0-9.-]{0,80}") {
            if let Ok(arn) = text.parse::<StreamArn>() {
                prop_assert_eq!(arn.to_string().parse::<StreamArn>(), Ok(arn));
            }
            if let Ok(arn) = text.parse::<ThingArn>() {
                prop_assert_eq!(arn.to_string(), text.clone());
            }
            if let Ok(arn) = text.parse::<SecretArn>() {
                prop_assert_eq!(arn.to_string(), text.clone());
            }
        }
    }
}
