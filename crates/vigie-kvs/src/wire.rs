//! What both ends of the wire share beside bodies: header names, limits and the forms of time.
//!
//! Never decides what a request means.

use vigie_media::Timestamp;

/// Header names, lower case as HTTP libraries hand them out.
pub mod header {
    /// The signature.
    pub const AUTHORIZATION: &str = "authorization";
    /// The type of the body.
    pub const CONTENT_TYPE: &str = "content-type";
    /// The server's name and port.
    pub const HOST: &str = "host";
    /// When the request was signed, `YYYYMMDD'T'HHMMSS'Z'`.
    pub const DATE: &str = "x-amz-date";
    /// The payload line of the canonical request.
    pub const CONTENT_SHA256: &str = "x-amz-content-sha256";
    /// The session token of temporary credentials.
    pub const SECURITY_TOKEN: &str = "x-amz-security-token";
    /// Which operation of an awsJson service, `secretsmanager.GetSecretValue`.
    pub const TARGET: &str = "x-amz-target";
    /// The exception's name in an answer (the reference pages say `x-amz-ErrorType`, the wire says this).
    pub const ERROR_TYPE: &str = "x-amzn-errortype";
    /// The id of the request in an answer.
    pub const REQUEST_ID: &str = "x-amzn-requestid";
    /// PutMedia: the stream's name. Either this or [`STREAM_ARN`].
    pub const STREAM_NAME: &str = "x-amzn-stream-name";
    /// PutMedia: the stream's ARN.
    pub const STREAM_ARN: &str = "x-amzn-stream-arn";
    /// PutMedia: `ABSOLUTE` or `RELATIVE`.
    pub const FRAGMENT_TIMECODE_TYPE: &str = "x-amzn-fragment-timecode-type";
    /// PutMedia: what relative timecodes count from.
    pub const PRODUCER_START_TIMESTAMP: &str = "x-amzn-producer-start-timestamp";
    /// PutMedia: `0` for no acknowledgements. Undocumented; only Amazon's C producers send it.
    pub const FRAGMENT_ACKNOWLEDGMENT_REQUIRED: &str = "x-amzn-fragment-acknowledgment-required";
}

/// Reads `x-amzn-producer-start-timestamp`: seconds since 1970 with a decimal fraction, or whole milliseconds (a
/// third-party Rust producer sends these; told apart by size, the border lies in 1973 and in 5138).
///
/// Amazon's C producer prints seconds, a point and the milliseconds *without leading zeros*, so that `.59` means
/// 0.059 s; every other producer means 0.59 s. `fraction_is_millis` says which: true when the request carries
/// [`header::FRAGMENT_ACKNOWLEDGMENT_REQUIRED`], which only the C producers send. `None` when it is no time.
pub fn parse_producer_start_timestamp(text: &str, fraction_is_millis: bool) -> Option<Timestamp> {
    const SECONDS_BELOW: i64 = 100_000_000_000;
    let text = text.trim();
    let plain = text.len() <= 32 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if !plain {
        // Java prints doubles with an exponent.
        let exponent = text.len() <= 32 && text.bytes().all(|b| b"0123456789.+eE".contains(&b));
        let seconds: f64 = if exponent { text.parse().ok()? } else { return None };
        return (seconds < SECONDS_BELOW as f64).then(|| Timestamp::from_seconds_f64(seconds));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = whole.parse().ok()?;
    if fraction.contains('.') {
        return None;
    }
    if whole >= SECONDS_BELOW {
        return fraction.is_empty().then(|| Timestamp::from_millis(whole));
    }
    let millis = match fraction.len() {
        0 => 0,
        1..=3 if fraction_is_millis => fraction.parse().ok()?,
        _ => format!("{fraction:0<3}").get(..3)?.parse().ok()?,
    };
    Some(Timestamp::from_millis(whole * 1000 + millis))
}

/// Writes `x-amzn-producer-start-timestamp` as seconds and three decimals, which every reader understands alike.
/// Times before 1970 are written as 1970.
pub fn format_producer_start_timestamp(timestamp: Timestamp) -> String {
    let millis = timestamp.as_millis().max(0);
    format!("{}.{:03}", millis / 1000, millis % 1000)
}

/// Serde form of optional bytes: base64 text; use with `default` and `skip_serializing_if`.
pub mod blob_option {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    /// As base64 or null.
    pub fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => serializer.serialize_some(&STANDARD.encode(bytes)),
            None => serializer.serialize_none(),
        }
    }

    /// From base64 or null.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        let decode = |text| STANDARD.decode(text).map_err(|_| D::Error::custom("no base64"));
        text.map(decode).transpose()
    }
}

/// Serde form of a required time stamp: seconds since 1970 as a JSON number with a fraction.
pub mod timestamp {
    use super::*;
    use serde::{Deserialize, Deserializer, Serializer};

    /// As epoch seconds.
    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(time.as_seconds_f64())
    }

    /// From epoch seconds.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        f64::deserialize(deserializer).map(Timestamp::from_seconds_f64)
    }
}

/// Serde form of an optional time stamp; use with `default` and `skip_serializing_if`.
pub mod timestamp_option {
    use super::*;
    use serde::{Deserialize, Deserializer, Serializer};

    /// As epoch seconds or null.
    pub fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => serializer.serialize_some(&time.as_seconds_f64()),
            None => serializer.serialize_none(),
        }
    }

    /// From epoch seconds or null.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.map(Timestamp::from_seconds_f64))
    }
}

/// Reads null as the default: the service prints explicit nulls for lists and maps that it does not have.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de> + Default,
{
    use serde::Deserialize;
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn start_timestamps_of_every_known_producer_are_read() {
        let check = |text, fraction_is_millis, expect: Option<i64>| {
            let time = parse_producer_start_timestamp(text, fraction_is_millis);
            assert_eq!(time.map(Timestamp::as_millis), expect, "{text}");
        };
        check("1795363060.870", true, Some(1_795_363_060_870));
        check("1795363060.870", false, Some(1_795_363_060_870));
        check("1795363507.59", true, Some(1_795_363_507_059)); // C SDK: 59 ms
        check("1795363507.5", true, Some(1_795_363_507_005));
        check("1795363507.59", false, Some(1_795_363_507_590)); // JavaScript: Date.now() / 1000
        check("1795363507.059123", true, Some(1_795_363_507_059));
        check("1795363507", true, Some(1_795_363_507_000));
        check("1795363507870", true, Some(1_795_363_507_870)); // whole milliseconds
        check("1.79536350787E9", false, Some(1_795_363_507_870)); // Java
        check("0", false, Some(0));
        for text in ["", ".", "-1", "1.2.3", "abc", "1e400", "1795363507870.5", "NaN", "9e99"] {
            check(text, true, None);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_alike_by_both_rules(
            millis in 0..99_999_999_999_999i64, fraction_is_millis: bool
        ) {
            let time = Timestamp::from_millis(millis);
            let text = format_producer_start_timestamp(time);
            prop_assert_eq!(parse_producer_start_timestamp(&text, fraction_is_millis), Some(time));
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,40}|[0-9.eE+-]{0,40}", millis: bool) {
            let _read = parse_producer_start_timestamp(&text, millis);
        }
    }
}
