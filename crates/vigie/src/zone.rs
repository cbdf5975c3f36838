//! Time zones by name, and times as people read them.

use jiff::tz::TimeZone;
use vigie_media::Timestamp;

use crate::failure::{Doing, Failure};

/// The zone of an IANA name, or the system's.
pub fn find(name: Option<&str>) -> Result<TimeZone, Failure> {
    match name {
        None => Ok(TimeZone::system()),
        Some(name) => TimeZone::get(name).map_err(|_| {
            Failure::usage(format!(
                "there is no time zone {name:?}: give an IANA name such as Europe/Paris or UTC"
            ))
        }),
    }
}

/// The time that an option gives: RFC 3339, or milliseconds since 1970.
pub fn parse_time(option: &str, text: &str) -> Result<Timestamp, Failure> {
    if let Ok(millis) = text.parse::<i64>() {
        return Ok(Timestamp::from_millis(millis));
    }
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Ok(Timestamp::from_millis(time.as_millisecond())),
        Err(_) => Err(Failure::usage(format!(
            "{option} {text:?} is no time: give RFC 3339 such as 2026-11-22T09:00:00Z, or milliseconds since 1970"
        ))),
    }
}

/// RFC 9557 text in `zone`, such as `2026-11-22T09:00:00+01:00[Europe/Paris]`.
pub fn local_text(time: Timestamp, zone: &TimeZone) -> Result<String, Failure> {
    let time = jiff::Timestamp::from_millisecond(time.as_millis())
        .doing(format!("show the time {} ms", time.as_millis()))?;
    Ok(time.to_zoned(zone.clone()).to_string())
}

/// RFC 3339 text in UTC to the millisecond.
pub fn utc_text(time: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(time.as_millis()) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => format!("{} ms", time.as_millis()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_takes_both_forms_of_a_time() {
        let parse = |text| parse_time("--from", text);
        assert_eq!(parse("1795358107000").unwrap().as_millis(), 1_795_358_107_000);
        assert_eq!(parse("1970-01-01T01:00:00+01:00").unwrap(), Timestamp::EPOCH);
        assert_eq!(parse("-5").unwrap().as_millis(), -5);
        assert!(parse("yesterday").unwrap_err().to_string().starts_with("--from \"yesterday\""));
    }
}
